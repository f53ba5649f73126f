//! What the command line does with bad input. None of this needs root.

use std::io::Write;
use std::process::{Command, Output};

fn peregrine(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_peregrine")).args(args).output().expect("the binary starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn rules(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

const UNKNOWN_FIELD: &str = "- rule: r
  desc: d
  condition: evt.type = open and proc.nane = bash
  output: x
  priority: INFO
";

#[test]
fn bad_rules_name_file_line_column_and_reason() {
    let file = rules(UNKNOWN_FIELD);
    let path = file.path().to_str().unwrap();
    for command in [&["rules", "check", path][..], &["run", "-r", path]] {
        let output = peregrine(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let text = stderr(&output);
        assert!(text.contains(&format!("{path}:3:")), "{text}");
        assert!(text.contains("proc.nane") && text.contains("proc.name"), "{text}");
    }
}

#[test]
fn files_that_do_not_exist_are_named() {
    let output = peregrine(&["run", "-r", "/no/such/rules.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/no/such/rules.yaml"));
}

#[test]
fn unknown_options_and_values_are_refused() {
    for args in [
        &["run", "--no-such-option"][..],
        &["run", "--ring-size", "3M"],
        &["run", "--workers", "0"],
        &["run", "--duration", "soon"],
        &["events", "--all", "--layout"],
        &["no-such-command"],
    ] {
        let output = peregrine(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", stderr(&output));
    }
    let output = peregrine(&["run", "--priority", "loud"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[test]
fn built_in_rules_are_clean() {
    let output = peregrine(&["rules", "check"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn the_lists_are_complete() {
    let events = String::from_utf8(peregrine(&["events"]).stdout).unwrap();
    assert_eq!(events.lines().filter(|l| l.contains(" < ")).count(), 164, "163 exits, 1 own");
    let fields = String::from_utf8(peregrine(&["fields", "--format", "json"]).stdout).unwrap();
    let fields: serde_json::Value = serde_json::from_str(&fields).unwrap();
    assert!(fields.as_array().is_some_and(|all| all.len() > 250));
}

#[test]
fn without_privilege_the_way_out_is_named() {
    use std::os::unix::process::CommandExt;
    // As root, drop to nobody; otherwise we already lack the privilege.
    let mut command = Command::new(env!("CARGO_BIN_EXE_peregrine"));
    command.args(["run", "--duration", "1"]);
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|m| {
        use std::os::unix::fs::MetadataExt;
        m.uid() == 0
    });
    if is_root {
        command.uid(65534).gid(65534);
    }
    match command.output() {
        Ok(output) => {
            assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
            let text = stderr(&output);
            assert!(text.contains("run as root") || text.contains("BTF"), "{text}");
        }
        Err(error) => eprintln!("skipped: nobody may not run the binary here: {error}"),
    }
}

#[test]
fn reload_finds_the_socket_in_the_configuration() {
    let ask = |socket: &str| {
        let file = rules(&format!("peregrine: {{control_socket: \"{socket}\"}}\n"));
        peregrine(&["reload", "-c", file.path().to_str().unwrap()])
    };
    let nobody = ask("/nonexistent/control.sock");
    assert!(!nobody.status.success());
    assert!(stderr(&nobody).contains("/nonexistent/control.sock"), "{}", stderr(&nobody));
    let nowhere = ask("");
    assert!(!nowhere.status.success());
    assert!(stderr(&nowhere).contains("SIGHUP"), "{}", stderr(&nowhere));
}
