//! What `peregrine top` shows, without asking anybody: [`view`] makes tables of two snapshots,
//! [`plain`] prints them as text, [`screen`] keeps and draws them on a terminal.

pub mod cell;
pub mod plain;
#[cfg(test)]
mod sample;
pub mod screen;
pub mod view;
