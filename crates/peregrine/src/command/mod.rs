//! One module per subcommand.

pub mod config;
pub mod convert;
pub mod doctor;
pub mod events;
pub mod fields;
pub mod record;
pub mod reload;
pub mod replay;
pub mod rules;
pub mod run;
pub mod shell;
pub mod tail;
pub mod top;
