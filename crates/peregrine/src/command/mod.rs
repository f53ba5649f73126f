//! One module per subcommand.

pub mod doctor;
pub mod events;
pub mod fields;
pub mod rules;
pub mod run;
