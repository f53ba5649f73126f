//! Runs Falco's own test cases, and what a real Falco printed of captures, against Peregrine.
//!
//! ```text
//! vectors/*.json ─► suite: one runner per kind ─► Outcome ─► Report: table, failures
//! captures/*     ─►                                            ▲
//! docs/differences.md: ids that differ on purpose ─────────────┘
//! ```
//! The formats are described beside the cases. `make conformance` and `cargo test` run the same
//! code; the command takes other folders.
#![forbid(unsafe_code)]

pub mod captures;
pub mod case;
pub mod config;
pub mod converter;
pub mod events;
pub mod filter;
pub mod legacy;
pub mod report;
pub mod rules;
pub mod suite;
pub mod table;

use std::path::PathBuf;

pub use case::Trouble;
pub use report::{Differences, Report};

/// Where the cases are.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Files of cases.
    pub vectors: PathBuf,
    /// Files that cases refer to.
    pub aux: PathBuf,
    /// Captures with golden results.
    pub captures: PathBuf,
    /// The rules files that golden alerts were made with.
    pub rules: PathBuf,
    /// The program, for cases about its command line; without it they are skipped.
    pub binary: Option<PathBuf>,
}

/// The folder of shared data: `$PEREGRINE_SHARED`, else `shared` beside the workspace.
pub fn shared() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    std::env::var_os("PEREGRINE_SHARED").map_or_else(|| beside.into(), PathBuf::from)
}

impl Default for Folders {
    fn default() -> Self {
        let shared = shared();
        Self {
            vectors: shared.join("conformance/vectors"),
            aux: shared.join("conformance/vectors/aux"),
            captures: shared.join("conformance/captures"),
            rules: shared.join("falco-rules"),
            binary: legacy::binary_beside(),
        }
    }
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its id, as `docs/differences.md` would name it.
    pub id: String,
    /// Its kind.
    pub kind: String,
    /// Why it did not pass; `None` if it did.
    pub trouble: Option<Trouble>,
}

impl Outcome {
    /// An outcome.
    pub fn new(id: String, kind: &str, trouble: Option<Trouble>) -> Self {
        Self { id, kind: kind.to_owned(), trouble }
    }
}

/// The outcomes of a file.
#[derive(Debug, Clone)]
pub struct FileReport {
    /// Name of the file.
    pub file: String,
    /// In the order of the file.
    pub outcomes: Vec<Outcome>,
}

/// The differences that are intended, from this source tree.
///
/// # Errors
/// The document cannot be read.
pub fn differences() -> std::io::Result<Differences> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/differences.md");
    std::fs::read_to_string(path).map(|text| Differences::parse(&text))
}
