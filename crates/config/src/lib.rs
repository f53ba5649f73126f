//! Configuration: falco.yaml and what Peregrine adds to it.
//!
//! ```text
//! files ─► yaml ─► Value ─► ${ENV} ─► config_files ─► -o ─► Reader ─► checks ─► Settings
//!                    └────► verdict (what Falco's schema says)
//! keys/ (declarations) ─► Settings, defaults, verdict, JSON schema, documentation
//! ```
//! Every key is declared once, in [`keys`]. Values keep their places until they are settings, so
//! that whatever is wrong has a file, a line and a column, or names the option it came from.
#![forbid(unsafe_code)]

mod checks;
pub mod declare;
pub mod docs;
pub mod env;
pub mod keys;
mod load;
pub mod path;
mod problem;
mod reader;
pub mod schema;
pub mod show;
pub mod types;
pub mod value;
mod verdict;

pub use keys::Settings;
pub use load::{
    BUILT_IN, Config, ConfigError, LoadedFile, OptionValue, Source, Surroundings, document, load,
};
pub use problem::{Problem, Severity};
pub use reader::Reader;
pub use verdict::Verdict;
