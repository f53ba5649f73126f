//! The rules that Falco ships load without an error or a warning, alone and together.

mod support;

use std::path::PathBuf;

use peregrine_rules::Severity;

/// The folder of Falco's rules, if it is there.
fn folder() -> Option<PathBuf> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("PEREGRINE_SHARED").map_or_else(|| beside.into(), PathBuf::from);
    let folder = shared.join("falco-rules");
    if !folder.exists() {
        eprintln!("skipped: {} does not exist", folder.display());
        return None;
    }
    Some(folder)
}

/// Loads files one after the other; gives the number of rules.
fn load(files: &[(&str, Vec<u8>)]) -> usize {
    support::with_loader(|loader| {
        for (name, content) in files {
            let result = loader.load(name, content);
            let report = peregrine_rules::render_all(&result.diagnostics, loader.files());
            let is_note = |d: &peregrine_rules::Diagnostic| d.severity == Severity::Note;
            assert!(result.diagnostics.iter().all(is_note), "{report}");
            eprint!("{report}");
        }
        loader.rule_set().sources()[0].rules().len()
    })
}

#[test]
fn falcos_own_rules_load_clean() {
    let Some(folder) = folder() else { return };
    let names = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];
    let files = names.map(|name| (name, std::fs::read(folder.join(name)).expect("readable")));
    let alone: Vec<usize> = files.iter().map(|file| load(std::slice::from_ref(file))).collect();
    assert_eq!(alone, [25, 31, 37]);
    assert_eq!(load(&files), 93);
}
