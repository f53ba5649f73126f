//! What packages install agrees with the binary: manual pages, completions, configuration, rules.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn peregrine(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peregrine")).args(args).output().expect("the binary runs")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn manual_pages() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().to_str().expect("UTF-8");
    stdout(&peregrine(&["man", path]));
    for page in ["peregrine.1", "peregrine-run.1", "peregrine-replay.1", "peregrine-rules-check.1"]
    {
        let text = std::fs::read_to_string(directory.path().join(page)).expect(page);
        assert!(text.contains(".SH OPTIONS"), "{page} has options");
    }
    assert!(stdout(&peregrine(&["man"])).contains(".TH peregrine 1"));
    let unwritable = peregrine(&["man", "/proc/nowhere"]);
    assert!(!unwritable.status.success());
    assert!(String::from_utf8_lossy(&unwritable.stderr).contains("/proc/nowhere"));
}

#[test]
fn completions() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef"), ("fish", "complete -c")] {
        let text = stdout(&peregrine(&["completions", shell]));
        assert!(text.contains(mark) && text.contains("ring-size"), "{shell}");
    }
}

#[test]
fn configuration_of_the_package() {
    let file = root().join("packaging/peregrine.yaml");
    stdout(&peregrine(&["config", "check", file.to_str().expect("UTF-8")]));
}

#[test]
fn rules_of_the_manifest() {
    let manifest = root().join("packaging/kubernetes/peregrine.yaml");
    let manifest = std::fs::read_to_string(manifest).expect("the manifest");
    let rules: String = manifest
        .lines()
        .skip_while(|line| !line.starts_with("  local_rules.yaml: |"))
        .skip(1)
        .take_while(|line| line.starts_with("    "))
        .map(|line| format!("{}\n", &line[4..]))
        .collect();
    assert!(rules.starts_with("- rule:"), "{rules}");
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("local_rules.yaml");
    std::fs::write(&file, rules).expect("written");
    stdout(&peregrine(&["rules", "check", file.to_str().expect("UTF-8")]));
}
