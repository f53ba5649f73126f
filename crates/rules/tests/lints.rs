//! Our own lints: each fires where it should and not next to that, and never on good rules.

#[allow(dead_code)]
mod support;

use peregrine_rules::{Diagnostic, Severity};

/// The golden data is not needed here.
#[allow(dead_code)]
fn shared(_: &str) -> Option<std::path::PathBuf> {
    None
}

fn diagnostics(files: &[&str]) -> Vec<Diagnostic> {
    support::with_loader(|loader| {
        let mut last = Vec::new();
        for (index, yaml) in files.iter().enumerate() {
            let result = loader.load(&format!("{index}.yaml"), yaml.as_bytes());
            assert!(
                result.is_ok(),
                "{}",
                peregrine_rules::render_all(&result.diagnostics, loader.files())
            );
            last = result.diagnostics;
        }
        last
    })
}

fn rule(name: &str, condition: &str) -> String {
    format!(
        "- rule: {name}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  priority: INFO\n"
    )
}

/// Codes of the lints on a rule with a condition.
fn lints(condition: &str) -> Vec<&'static str> {
    let all = diagnostics(&[&rule("r", condition)]);
    all.iter().map(|d| d.code).filter(|code| code.starts_with("LINT_")).collect()
}

fn check(code: &str, fires: &[&str], is_silent: &[&str]) {
    for condition in fires {
        assert!(lints(condition).contains(&code), "{code} on {condition}: {:?}", lints(condition));
    }
    for condition in is_silent {
        assert!(!lints(condition).contains(&code), "{code} on {condition}");
    }
}

#[test]
fn contradictions_are_found() {
    check(
        "LINT_CONTRADICTION",
        &[
            "evt.type = open and proc.name = a and proc.name = b",
            "evt.type in (open, openat) and evt.type = close",
            "evt.type = close and fd.num < 0 and fd.num > 5",
            "evt.type = close and fd.num >= 3 and fd.num < 3",
            "evt.type = open and proc.name = a and not proc.name = a",
            "evt.type = open and proc.aname = a and not proc.aname = a",
            "evt.type = open and (proc.name = a or proc.pname = b) and not (proc.pname = b or proc.name = a)",
            "evt.type = open and proc.name in (a, b) and not proc.name in (c, b, a)",
            "evt.type = open and proc.name = cat and proc.name startswith d",
            "evt.type = open and fd.name startswith /etc and fd.name startswith /usr",
            "evt.type = open and fd.name startswith /etc/ssh and not fd.name startswith /etc",
            "evt.type = open and fd.name endswith .conf and fd.name endswith .txt",
            "evt.type = open and fd.name contains abc and not fd.name contains b",
            "evt.type = open and proc.name exists and not proc.name exists",
            "evt.type = open and not proc.name exists and proc.name contains a",
            "evt.type = open and proc.name = a and (proc.name = b or proc.name = c)",
            "evt.type = open and user.uid < 0",
            "evt.type = connect and fd.sip = 1.2.3.4 and fd.sip = 1.2.3.5",
            "evt.type = open and evt.is_open_write = true and evt.is_open_write = false",
            "evt.type = open and proc.name = anyof (a, b) and proc.name = c",
            "evt.type = open and proc.name glob \"a*\" and proc.name = b",
        ],
        &[
            "evt.type = open and proc.name = a and proc.pname = b",
            "evt.type in (open, openat) and evt.type = openat",
            "evt.type = close and fd.num > 0 and fd.num < 5",
            "evt.type = close and fd.num >= 3 and fd.num <= 3",
            "evt.type = close and fd.num > 2 and fd.num < 4 and fd.num != 5",
            // Some ancestor may be one and some the other.
            "evt.type = open and proc.aname = a and proc.aname = b",
            "evt.type = connect and fd.ip = 1.2.3.4 and fd.ip = 1.2.3.5",
            "evt.type = connect and fd.net = 10.0.0.0/8 and fd.net = 1.0.0.0/8",
            "evt.type = open and proc.name in (a, b) and not proc.name in (b, c)",
            "evt.type = open and proc.name = cat and proc.name startswith c",
            "evt.type = open and fd.name startswith /etc and fd.name startswith /etc/ssh",
            "evt.type = open and fd.name startswith /etc and not fd.name startswith /etc/ssh",
            "evt.type = open and fd.name endswith .conf and fd.name startswith /x",
            // True where there is no name at all.
            "evt.type = open and not proc.name = a and not proc.name exists",
            "evt.type = open and (proc.name = a or proc.name = b)",
            "evt.type = open and not (proc.name = a and proc.name = b)",
            "evt.type = open and not proc.name in ()",
            "evt.type = open and user.uid = 0",
            "evt.type = open and proc.name != proc.pname and proc.name = a",
            "evt.type = open and fd.types intersects (file) and fd.types intersects (ipv4)",
        ],
    );
}

#[test]
fn empty_lists_are_noted() {
    check(
        "LINT_EMPTY_LIST",
        &[
            "evt.type = open and proc.name in ()",
            "evt.type = open and (proc.name in () or proc.pname in ())",
        ],
        &[
            "evt.type = open and not proc.name in ()",
            "evt.type = open and (proc.name in () or proc.pname in (a))",
        ],
    );
}

#[test]
fn rules_that_never_fire_are_found() {
    check(
        "LINT_NEVER_FIRES",
        &[
            "evt.num = 0",
            "evt.type = open and evt.num = 0",
            "evt.type = openat and evt.dir = >",
            "evt.type = setuid and evt.is_open_write = true",
            "evt.type in (setuid, setgid) and evt.is_io_read = true and evt.failed = false",
        ],
        &[
            "evt.type = openat and evt.dir = <",
            "evt.type = openat and evt.is_open_write = true",
            "evt.type in (setuid, openat) and evt.is_open_write = true",
            "evt.type = setuid and not evt.is_open_write = true",
            "proc.name = a and evt.is_open_write = true",
        ],
    );
    let disabled = format!("{}  enabled: false\n", rule("r", "evt.num = 0"));
    assert!(diagnostics(&[&disabled]).iter().all(|d| !d.code.starts_with("LINT_")));
}

#[test]
fn fields_without_a_value_are_found() {
    check(
        "LINT_FIELD_WITHOUT_VALUE",
        &[
            "evt.type = setuid and fd.name = /etc/passwd",
            "evt.type in (setuid, setgid) and not fd.name startswith /etc",
            "evt.type = close and evt.arg.flags = 1",
            "evt.type = close and evt.arg[flags] = 1",
            "evt.type = setuid and evt.rawarg.flags = 1",
            "evt.type = openat and evt.arg[20] = 1",
            "evt.type = openat and fs.path.source = /etc/passwd",
            "evt.type = rename and fs.path.name = /etc/passwd",
            "evt.type = openat and fdlist.names contains x",
            "evt.type = readlink and evt.failed = true",
            "evt.type = openat and evt.buffer contains x",
        ],
        &[
            "evt.type in (setuid, openat) and fd.name = /etc/passwd",
            "evt.type = close and evt.arg.fd = 1",
            "evt.type = setuid and evt.arg.uid = 0",
            "evt.type = openat and evt.arg[2] = 1",
            "evt.type = openat and fs.path.name = /etc/passwd",
            "evt.type = rename and fs.path.source = /etc/passwd",
            "evt.type = poll and fdlist.names contains x",
            "evt.type = setuid and evt.failed = true",
            "evt.type = write and evt.buffer contains x",
            "evt.arg.flags contains O_RDWR and proc.name = a",
        ],
    );
}

#[test]
fn outputs_with_fields_for_conditions_only_are_found() {
    let output = |text: &str| {
        let yaml =
            rule("r", "evt.type = connect").replace("output: o", &format!("output: '{text}'"));
        diagnostics(&[&yaml]).iter().any(|d| d.code == "LINT_FIELD_WITHOUT_VALUE")
    };
    assert!(output("to %fd.ip") && output("%evt.around[5]"));
    assert!(!output("to %fd.sip of %proc.name"));
}

#[test]
fn costly_checks_on_every_event_are_found() {
    check(
        "LINT_EXPENSIVE",
        &[
            "evt.args contains password",
            "evt.arg.name regex '.*[0-9]{4}'",
            "evt.arg.path glob '*.so'",
            "proc.aname = bash and evt.type != close",
        ],
        &[
            "evt.type = openat and evt.args contains password",
            "proc.name = cat and evt.args contains password",
            "evt.type in (open, openat) and evt.arg.name regex '.*[0-9]{4}'",
            // Remembered for the process and the file descriptor.
            "proc.cmdline regex '.*[0-9]{4}'",
            "fd.name glob '*.so'",
            "evt.arg.path startswith /tmp",
        ],
    );
    let meant = format!("{}  warn_evttypes: false\n", rule("r", "evt.args contains password"));
    let found = diagnostics(&[&meant]);
    let expensive = found.iter().find(|d| d.code == "LINT_EXPENSIVE").expect("still noted");
    assert_eq!(expensive.severity, Severity::Note);
}

#[test]
fn globs_that_need_not_be_are_noted() {
    check(
        "LINT_SIMPLER_OPERATOR",
        &[
            "evt.type = open and fd.name glob '*ssh*'",
            "evt.type = open and fd.name glob '*.so'",
            "evt.type = open and fd.name glob '/etc/*'",
            "evt.type = open and fd.name glob /etc",
            "evt.type = open and fd.name iglob '*ssh*'",
        ],
        &[
            "evt.type = open and fd.name glob '/home/*/.ssh/*'",
            "evt.type = open and fd.name glob '*[0-9]'",
            "evt.type = open and fd.name glob '*a?'",
            "evt.type = open and fd.name iglob '*.so'",
            "evt.type = open and fd.name glob '*'",
            "evt.type = open and fd.name endswith .so",
        ],
    );
}

#[test]
fn shadowed_rules_are_found() {
    let wide = rule("wide", "evt.type = open and proc.name = a");
    let narrow = rule("narrow", "proc.name = a and evt.type = open and fd.num > 3");
    let other = rule("other", "proc.name = b and evt.type = open and fd.num > 3");
    let found = |files: &[&str]| {
        let all = diagnostics(files);
        all.into_iter().find(|d| d.code == "LINT_SHADOWED").map(|d| d.severity)
    };
    assert_eq!(found(&[&(wide.clone() + &narrow)]), Some(Severity::Warning));
    assert_eq!(found(&[&wide, &narrow]), Some(Severity::Note), "may be meant for all");
    assert_eq!(found(&[&(narrow + &wide)]), None);
    assert_eq!(found(&[&(wide + &other)]), None);
}

#[test]
fn unused_macros_and_lists_are_found() {
    let unused = "- macro: m\n  condition: evt.type = open\n- list: l\n  items: [a]\n";
    let codes: Vec<_> = diagnostics(&[unused]).iter().map(|d| d.code).collect();
    assert_eq!(codes, ["LOAD_UNUSED_MACRO", "LOAD_UNUSED_LIST"]);
    let used = format!("{unused}{}", rule("r", "m and proc.name in (l)"));
    assert!(diagnostics(&[&used]).is_empty());
}

/// A lint in a macro points there and to the use.
#[test]
fn places_in_macros_are_shown() {
    let yaml = format!(
        "- macro: cats\n  condition: proc.name = cat\n{}",
        rule("r", "evt.type = open and cats and proc.name = dog")
    );
    let text = support::with_loader(|loader| {
        let result = loader.load("rules.yaml", yaml.as_bytes());
        peregrine_rules::render_all(&result.diagnostics, loader.files())
    });
    insta::assert_snapshot!(text);
}
