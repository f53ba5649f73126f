//! How typical mistakes are reported.

#[allow(dead_code)]
mod support;

/// The golden data is not needed here.
#[allow(dead_code)]
fn shared(_: &str) -> Option<std::path::PathBuf> {
    None
}

/// The report on a file.
fn report(yaml: &str) -> String {
    support::with_loader(|loader| {
        let result = loader.load("rules.yaml", yaml.as_bytes());
        peregrine_rules::render_all(&result.diagnostics, loader.files())
    })
}

/// The reports on several files, one after the other.
fn reports(files: &[&str]) -> String {
    files
        .iter()
        .map(|yaml| format!("{yaml}\n{}\n", report(yaml)))
        .collect::<Vec<_>>()
        .join("=====\n")
}

/// Reports on rules that differ in their conditions.
fn conditions(all: &[&str]) -> String {
    let files: Vec<String> = all
        .iter()
        .map(|condition| {
            format!(
                "- rule: r\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
            )
        })
        .collect();
    files.iter().map(|yaml| format!("{}\n", report(yaml))).collect::<Vec<_>>().join("=====\n")
}

#[test]
fn conditions_are_explained() {
    insta::assert_snapshot!(conditions(&[
        "evt.type = open and proc.nmae = cat",
        "evt.type = opne",
        "evt.type = open && proc.name = cat",
        "evt.type = open || proc.name = cat",
        "evt.type = open AND proc.name = cat",
        "evt.type = open and !proc.name = cat",
        "evt.type = open and proc.name contians cat",
        "evt.type = open and proc.name =",
        "evt.type = open and (proc.name = cat",
        "evt.type = open and proc.name = cat)",
        "evt.type = open and proc.name in cat, dog",
        "evt.type = open and proc.pid = many",
        "evt.type = open and proc.pid contains 1",
        "evt.type = open and proc.name < 3",
        "evt.type = open and fd.sip = 1.2.3.x",
        "evt.type = open and fd.net = 10.0.0.0",
        "evt.type = open and proc.pid = 0x10",
        "evt.type = open and proc.pid < 1.5",
        "evt.type = open and evt.is_open_write = yes",
        "evt.type = open and proc.name regex 'a(b'",
        "evt.type = open and proc.aname[x] = a",
        "evt.type = open and proc.name[1] = a",
        "evt.type = open and proc.name regex '['",
        "evt.type = open and proc.name = a b",
        "evt.type = open and proc.name = proc.pname",
        "evt.type = open and tolowr(proc.name) = a",
        "evt.type = open and len(proc.pid) = 1",
        "evt.type = open and undefined_macro",
        "evt.type = open and evt.dir = <",
        "proc.name = cat",
        "evt.num = 0",
        "evt.type = close and evt.arg.flag = 1",
    ]));
}

#[test]
fn structure_is_explained() {
    insta::assert_snapshot!(reports(&[
        "rule: r\n",
        "just text\n",
        "- text\n",
        "- rul: r\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  priority: INFO\n",
        "- rule: r\n  desc: d\n  condtion: evt.type = open\n  output: o\n  priority: INFO\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: WARN\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  tag: [a]\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  tags: a\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  enabled: maybe\n",
        "- rule: r\n  desc: d\n  condition: [a]\n  output: o\n  priority: INFO\n",
        "- rule:\n  desc: d\n",
        "- list: l\n",
        "- list: l\n  items: a\n",
        "- list: l\n  items: [[a]]\n",
        "- list: a b\n  items: [a]\n",
        "- macro: m\n",
        "- macro: a-b\n  condition: evt.type = open\n",
        "- macro: m\n  condition: a: b\n",
        "- list: l\n\titems: [a]\n",
        "- list: l\n  items: [a\n- macro: m\n",
        "- required_engine_version: 0.99.0\n",
        "- required_engine_version: new\n",
        "- required_plugin_versions: k8saudit\n",
        "- required_plugin_versions:\n  - name: k8saudit\n    version: new\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n  source: sycall\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: \"%proc.nmae\"\n  priority: INFO\n",
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: \"100%\"\n  priority: INFO\n",
    ]));
}

#[test]
fn references_are_explained() {
    let rule =
        "- rule: r\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: INFO\n";
    let with = |more: &str| format!("{rule}{more}");
    let files = [
        "- macro: a\n  condition: b\n- macro: b\n  condition: evt.type = open\n".to_owned(),
        "- macro: a\n  condition: evt.type = open\n- macro: a\n  condition: or a\n  append: true\n".to_owned(),
        "- macro: opened\n  condition: evt.type = open and proc.nmae = x\n- macro: seen\n  condition: opened\n- rule: r\n  desc: d\n  condition: >\n    seen and\n    proc.pid = 1\n  output: o\n  priority: INFO\n".to_owned(),
        "- list: binaries\n  items: [cat]\n- rule: r\n  desc: d\n  condition: evt.type = open and binaries\n  output: o\n  priority: INFO\n".to_owned(),
        "- list: l\n  items: [a]\n  append: true\n".to_owned(),
        with("- rule: rr\n  condition: and proc.name = a\n  append: true\n"),
        with("- rule: r\n  condition: and proc.name = a\n  override:\n    condition: apend\n"),
        with("- rule: r\n  priority: INFO\n  override:\n    priority: append\n"),
        with("- rule: r\n  desc: x\n  tags: [a]\n  override:\n    desc: replace\n"),
        with("- rule: r\n  override:\n    desc: replace\n"),
        with("- rule: r\n  condition: and x\n  append: true\n  override:\n    condition: append\n"),
        with("- rule: x\n  enabled: false\n"),
        with("  exceptions:\n  - name: e\n    fields: [proc.name, fd.name]\n    values:\n    - [a]\n"),
        with("  exceptions:\n  - name: e\n    fields: [proc.nmae]\n    values:\n    - [a]\n"),
        with("  exceptions:\n  - name: e\n    fields: [proc.name]\n    comps: [like]\n    values:\n    - [a]\n"),
        with("  exceptions:\n  - name: e\n    fields: proc.name\n    comps: =\n    values: [a]\n"),
        with("  exceptions:\n  - name: e\n    fields: proc.name\n    values: [[a]]\n"),
        with("  exceptions:\n  - fields: proc.name\n"),
        with("- rule: narrower\n  desc: d\n  condition: evt.type = open and proc.name = a\n  output: o\n  priority: INFO\n"),
        with("- list: shells\n  items: [bash, sh]\n- rule: list as a value\n  desc: d\n  condition: evt.type = open and proc.name = shells\n  output: o\n  priority: INFO\n"),
        with("- macro: unused\n  condition: evt.type = open\n- list: unused_list\n  items: [a]\n"),
    ];
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    insta::assert_snapshot!(reports(&files));
}
