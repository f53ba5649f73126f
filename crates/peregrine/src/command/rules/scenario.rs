//! Files of rule tests: reading them. `docs/rule-tests.md` describes the format.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peregrine_capture::{FdEntry, FdInfo, FdKind, OwnedEvent, ThreadEntry};
use peregrine_event::table::EVENTS;
use peregrine_event::types::Width;
use peregrine_event::{EventDef, ParamDef, ParamType};
use peregrine_rules::yaml::{self, Kind, Limits, Node};

/// A file of tests.
pub struct TestFile {
    /// Rules files to load; none means the built-in rules.
    pub rules: Vec<PathBuf>,
    /// Tests, in order.
    pub tests: Vec<Test>,
}

/// One test.
pub struct Test {
    /// What it is about.
    pub name: String,
    /// Only these rules count; none means all.
    pub only: Vec<String>,
    /// What happens.
    pub input: Input,
    /// The alerts that must come, and no others.
    pub expect: Vec<Expected>,
}

/// What happens in a test.
pub enum Input {
    /// Processes there are, and events.
    Events { threads: Vec<ThreadEntry>, fds: Vec<(i64, Vec<FdEntry>)>, events: Vec<OwnedEvent> },
    /// A capture, and a condition on which of its events count.
    Capture { path: PathBuf, filter: Option<String> },
}

/// An alert that must come.
pub struct Expected {
    /// Name of the rule.
    pub rule: String,
    /// Texts that its output must contain.
    pub output: Vec<String>,
    /// Fields with their texts.
    pub fields: Vec<(String, String)>,
    /// How often exactly; `None`: at least once.
    pub count: Option<u64>,
}

/// What is wrong with a file, with line and column from 1.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{line}:{column}: {message}")]
pub struct ScenarioError {
    line: usize,
    column: usize,
    message: String,
}

type Outcome<T> = Result<T, ScenarioError>;

fn fail<T>(node: &Node, message: impl Into<String>) -> Outcome<T> {
    let (line, column) = (node.mark.line + 1, node.mark.column + 1);
    Err(ScenarioError { line, column, message: message.into() })
}

/// Reads a file of tests. Paths in it are relative to `folder`.
///
/// # Errors
/// The first mistake.
pub fn parse(text: &str, folder: &Path) -> Outcome<TestFile> {
    let documents = yaml::load(text, Limits::default()).map_err(|error| ScenarioError {
        line: error.mark.line + 1,
        column: error.mark.column + 1,
        message: error.message,
    })?;
    let Some(root) = documents.first() else {
        return Err(ScenarioError { line: 1, column: 1, message: "the file is empty".into() });
    };
    known_keys(root, &["rules", "tests"])?;
    let rules = texts(root, "rules")?.into_iter().map(|path| folder.join(path)).collect();
    let Some(tests) = root.get("tests") else { return fail(root, "'tests' is missing") };
    let tests = sequence(tests)?.iter().map(|node| test(node, folder)).collect::<Outcome<_>>()?;
    Ok(TestFile { rules, tests })
}

fn test(node: &Node, folder: &Path) -> Outcome<Test> {
    known_keys(
        node,
        &["name", "only", "given", "events", "capture", "filter", "expect", "expect_none"],
    )?;
    let name = required(node, "name")?;
    for (key, needs) in [("given", "events"), ("filter", "capture")] {
        if let (Some(value), None) = (node.get(key), node.get(needs)) {
            return fail(value, format!("'{key}' needs '{needs}'"));
        }
    }
    let input = match (node.get("events"), node.get("capture")) {
        (Some(events), None) => scripted(node, events)?,
        (None, Some(capture)) => Input::Capture {
            path: folder.join(scalar(capture)?),
            filter: node.get("filter").map(|n| scalar(n)).transpose()?.map(str::to_owned),
        },
        _ => return fail(node, "a test has either 'events' or 'capture'"),
    };
    let expect = match (node.get("expect"), node.get("expect_none")) {
        (Some(list), None) => {
            sequence(list)?.iter().map(|n| expected(n)).collect::<Outcome<_>>()?
        }
        (None, Some(none)) if none.as_bool() == Some(true) => Vec::new(),
        _ => return fail(node, "a test has either 'expect' or 'expect_none: true'"),
    };
    Ok(Test { name, only: texts(node, "only")?, input, expect })
}

fn expected(node: &Node) -> Outcome<Expected> {
    known_keys(node, &["rule", "output", "fields", "count"])?;
    let mut fields = Vec::new();
    for (key, value) in node.get("fields").map_or(Ok(&[][..]), |n| mapping(n))? {
        fields.push((scalar(key)?.to_owned(), scalar(value)?.to_owned()));
    }
    let count = node.get("count").map(|n| {
        let count = number(n, None)?;
        u64::try_from(count).or_else(|_| fail(n, "'count' cannot be negative"))
    });
    let count = count.transpose()?;
    let output = texts(node, "output")?;
    Ok(Expected { rule: required(node, "rule")?, output, fields, count })
}

fn scripted(test: &Node, events: &Node) -> Outcome<Input> {
    let mut threads = Vec::new();
    let mut fds = Vec::new();
    for node in test.get("given").map_or(Ok(&[][..]), |n| sequence(n))? {
        let (thread, files) = process(node)?;
        fds.push((thread.tid, files));
        threads.push(thread);
    }
    if !threads.iter().any(|thread| thread.tid == 1) {
        threads.insert(0, ThreadEntry { pid: 1, tid: 1, ..default_process(1, 0, "/sbin/init") });
    }
    let list = sequence(events)?.iter().enumerate();
    let events = list.map(|(n, node)| event(node, n as u64, &threads)).collect::<Outcome<_>>()?;
    Ok(Input::Events { threads, fds, events })
}

const CAPABILITIES: u64 = (1 << 41) - 1;

fn default_process(pid: i64, ppid: i64, exepath: &str) -> ThreadEntry {
    let mut comm = exepath.rsplit('/').next().unwrap_or_default().as_bytes().to_vec();
    // As the kernel cuts it.
    comm.truncate(15);
    ThreadEntry {
        tid: pid,
        pid,
        ptid: ppid,
        sid: pid,
        vpgid: pid,
        pgid: pid,
        vtid: pid,
        vpid: pid,
        comm,
        exe: exepath.as_bytes().to_vec(),
        exepath: exepath.as_bytes().to_vec(),
        cwd: b"/".to_vec(),
        root: b"/".to_vec(),
        fdlimit: 1024,
        loginuid: u32::MAX,
        cap_permitted: CAPABILITIES,
        cap_effective: CAPABILITIES,
        ..ThreadEntry::default()
    }
}

const PROCESS_KEYS: &[&str] = &[
    "pid", "tid", "ppid", "exe", "exepath", "name", "args", "env", "cwd", "uid", "gid", "loginuid",
    "sid", "tty", "vpid", "cgroups", "fds",
];

fn process(node: &Node) -> Outcome<(ThreadEntry, Vec<FdEntry>)> {
    known_keys(node, PROCESS_KEYS)?;
    let int = |key: &str| node.get(key).map(|n| number(n, None)).transpose();
    let Some(pid) = int("pid")? else { return fail(node, "'pid' is missing") };
    let exepath = match node.get("exepath").or(node.get("exe")) {
        Some(path) => scalar(path)?.to_owned(),
        None => return fail(node, "'exepath' is missing"),
    };
    let mut entry = default_process(pid, int("ppid")?.unwrap_or(1), &exepath);
    entry.tid = int("tid")?.unwrap_or(pid);
    entry.vtid = entry.tid;
    if let Some(exe) = node.get("exe") {
        entry.exe = scalar(exe)?.as_bytes().to_vec();
    }
    if let Some(name) = node.get("name") {
        entry.comm = scalar(name)?.as_bytes().to_vec();
    }
    if let Some(cwd) = node.get("cwd") {
        entry.cwd = scalar(cwd)?.as_bytes().to_vec();
    }
    entry.args = zero_ended(&texts(node, "args")?);
    entry.env = zero_ended(&texts(node, "env")?);
    entry.cgroups = zero_ended(&texts(node, "cgroups")?);
    let id = |key: &str, default: u32| match node.get(key) {
        None => Ok(default),
        // -1 is how nobody is often written.
        Some(value) => match number(value, None)? {
            -1 => Ok(u32::MAX),
            id => u32::try_from(id).or_else(|_| fail(value, format!("{id} is no {key}"))),
        },
    };
    entry.uid = id("uid", 0)?;
    entry.gid = id("gid", 0)?;
    entry.loginuid = id("loginuid", u32::MAX)?;
    entry.tty = id("tty", 0)?;
    entry.sid = int("sid")?.unwrap_or(entry.sid);
    if let Some(vpid) = int("vpid")? {
        entry.vpid = vpid;
        if entry.tid == pid {
            entry.vtid = vpid;
        }
    }
    let mut files = Vec::new();
    for (fd, what) in node.get("fds").map_or(Ok(&[][..]), |n| mapping(n))? {
        files.push(file(number(fd, None)?, what)?);
    }
    Ok((entry, files))
}

/// A path, or `source:port->dest:port` for a connection.
fn file(fd: i64, node: &Node) -> Outcome<FdEntry> {
    let text = scalar(node)?;
    let tcp = 1;
    let (kind, info) = match tuple(text) {
        Some((SocketAddr::V4(from), SocketAddr::V4(to))) => {
            let (source, dest) = (from.ip().octets(), to.ip().octets());
            let (source_port, dest_port) = (from.port(), to.port());
            (FdKind::Ipv4Socket, FdInfo::Ipv4 { source, dest, source_port, dest_port, l4: tcp })
        }
        Some((SocketAddr::V6(from), SocketAddr::V6(to))) => {
            let (source, dest) = (from.ip().octets(), to.ip().octets());
            let (source_port, dest_port) = (from.port(), to.port());
            (FdKind::Ipv6Socket, FdInfo::Ipv6 { source, dest, source_port, dest_port, l4: tcp })
        }
        Some(_) => return fail(node, "both ends have addresses of the same family"),
        None => (FdKind::FileV2, FdInfo::File { open_flags: 1, name: text.into(), dev: 0 }),
    };
    Ok(FdEntry { fd, ino: 0, kind, info })
}

fn tuple(text: &str) -> Option<(SocketAddr, SocketAddr)> {
    let (from, to) = text.split_once("->")?;
    Some((from.parse().ok()?, to.parse().ok()?))
}

/// Time of the first event of a test, nanoseconds since the epoch; one millisecond between two.
const START_NS: u64 = 1_700_000_000_000_000_000;

fn event(node: &Node, index: u64, threads: &[ThreadEntry]) -> Outcome<OwnedEvent> {
    known_keys(node, &["event", "tid", "params"])?;
    let Some(name) = node.get("event") else { return fail(node, "'event' is missing") };
    let def = event_def(name)?;
    let tid = match node.get("tid") {
        Some(tid) => number(tid, None)?,
        None => threads.last().map_or(1, |thread| thread.tid),
    };
    let given = node.get("params").map_or(Ok(&[][..]), |n| mapping(n))?;
    for (key, _) in given {
        let key_text = scalar(key)?;
        if !def.falco().iter().any(|param| param.name == key_text) {
            let known: Vec<&str> = def.falco().iter().map(|param| param.name).collect();
            let known = known.join(", ");
            return fail(
                key,
                format!("{} has no parameter '{key_text}'; it has {known}", def.name),
            );
        }
    }
    let thread = threads.iter().find(|thread| thread.tid == tid);
    let mut event = OwnedEvent::new(START_NS + index * 1_000_000, tid as u64, def.code);
    let value_of = |name: &str| {
        let mut given = given.iter();
        given.find(|(key, _)| key.as_scalar() == Some(name)).map(|(_, value)| value)
    };
    for param in def.falco() {
        match value_of(param.name) {
            Some(value) => event.push(&value_bytes(value, param)?),
            None => event.push(&default(param, thread, value_of("exe"))),
        }
    }
    Ok(event)
}

fn event_def(node: &Node) -> Outcome<&'static EventDef> {
    let name = scalar(node)?;
    let is_it = |def: &&EventDef| def.is_live() && (def.name == name || def.constant == name);
    let found = EVENTS.iter().filter(is_it).find(|def| !def.code.is_enter());
    if let Some(def) = found.or_else(|| EVENTS.iter().find(is_it)) {
        return Ok(def);
    }
    let live = EVENTS.iter().filter(|def| def.is_live()).map(|def| def.name);
    let near =
        live.max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    fail(node, format!("no event is called '{name}'; did you mean '{}'?", near.unwrap_or_default()))
}

fn integer(value: i64, ty: ParamType) -> Vec<u8> {
    match ty.scap_width() {
        Width::Fixed(width) => value.to_le_bytes()[..usize::from(width)].to_vec(),
        Width::Variable => Vec::new(),
    }
}

/// The directory fd that stands for the working directory.
const AT_FDCWD: i64 = -100;

/// What a parameter has that a test does not give: of the thread, if it is about it; 0 and nothing
/// otherwise.
fn default(param: &ParamDef, thread: Option<&ThreadEntry>, exe: Option<&Arc<Node>>) -> Vec<u8> {
    let text = |bytes: &[u8]| [bytes, b"\0"].concat();
    if let (Some(exe), "comm" | "trusted_exepath") = (exe.and_then(|n| n.as_scalar()), param.name) {
        let name = exe.rsplit('/').next().unwrap_or_default().as_bytes();
        return text(if param.name == "comm" {
            &name[..name.len().min(15)]
        } else {
            exe.as_bytes()
        });
    }
    let of_thread = |t: &ThreadEntry| match param.name {
        "tid" => Some(integer(t.tid, param.ty)),
        "pid" => Some(integer(t.pid, param.ty)),
        "ptid" => Some(integer(t.ptid, param.ty)),
        "vtid" => Some(integer(t.vtid, param.ty)),
        "vpid" => Some(integer(t.vpid, param.ty)),
        "pgid" => Some(integer(t.pgid, param.ty)),
        "uid" => Some(integer(i64::from(t.uid), param.ty)),
        "gid" => Some(integer(i64::from(t.gid), param.ty)),
        "loginuid" => Some(integer(i64::from(t.loginuid), param.ty)),
        "tty" => Some(integer(i64::from(t.tty), param.ty)),
        "fdlimit" => Some(integer(t.fdlimit, param.ty)),
        "cap_permitted" => Some(integer(t.cap_permitted as i64, param.ty)),
        "cap_effective" => Some(integer(t.cap_effective as i64, param.ty)),
        "exe" => Some(text(&t.exe)),
        "comm" => Some(text(&t.comm)),
        "cwd" => Some(text(&t.cwd)),
        "trusted_exepath" => Some(text(&t.exepath)),
        "env" => Some(t.env.clone()),
        "cgroups" => Some(t.cgroups.clone()),
        _ => None,
    };
    let fixed = matches!(param.ty.scap_width(), Width::Fixed(_));
    match (thread.and_then(of_thread), param.name) {
        (Some(bytes), _) => bytes,
        (None, "fd") if fixed => integer(3, param.ty),
        (None, "dirfd" | "olddir" | "newdir" | "linkdirfd") if fixed => integer(AT_FDCWD, param.ty),
        (None, _) if fixed => integer(0, param.ty),
        _ => Vec::new(),
    }
}

fn value_bytes(node: &Node, param: &ParamDef) -> Outcome<Vec<u8>> {
    if let Some(hex) = node.get("hex") {
        return from_hex(hex);
    }
    if node.is_null() {
        return Ok(Vec::new());
    }
    if let Kind::Sequence(items) = &node.kind {
        let texts = items.iter().map(|item| scalar(item)).collect::<Outcome<Vec<&str>>>()?;
        return Ok(zero_ended(&texts));
    }
    let text = scalar(node)?;
    match param.ty {
        ParamType::SockAddr => socket_address(node, text),
        ParamType::SockTuple => socket_tuple(node, text),
        ParamType::ByteBuf if !matches!(param.name, "args" | "env" | "cgroups") => {
            Ok(text.as_bytes().to_vec())
        }
        ty if matches!(ty.scap_width(), Width::Fixed(_)) => {
            let value = number(node, Some(param))?;
            // As a signed or as an unsigned number.
            let fits = match ty.scap_width() {
                Width::Fixed(width @ ..8) => {
                    let bits = 8 * u32::from(width);
                    (-(1 << (bits - 1))..1 << bits).contains(&value)
                }
                _ => true,
            };
            if !fits {
                return fail(node, format!("{value} is out of the range of '{}'", param.name));
            }
            Ok(integer(value, ty))
        }
        _ => Ok([text.as_bytes(), b"\0"].concat()),
    }
}

const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

/// Family, address in the order of the network, port.
fn socket_address(node: &Node, text: &str) -> Outcome<Vec<u8>> {
    if text.starts_with('/') || text.starts_with('@') {
        return Ok([&[UNIX], text.as_bytes(), b"\0"].concat());
    }
    let Ok(address) = text.parse::<SocketAddr>() else {
        return fail(node, "an address is 1.2.3.4:80, [::1]:80 or the path of a Unix socket");
    };
    Ok(match address {
        SocketAddr::V4(a) => [&[INET], &a.ip().octets()[..], &a.port().to_le_bytes()].concat(),
        SocketAddr::V6(a) => [&[INET6], &a.ip().octets()[..], &a.port().to_le_bytes()].concat(),
    })
}

fn socket_tuple(node: &Node, text: &str) -> Outcome<Vec<u8>> {
    match tuple(text) {
        Some((from, to)) if from.is_ipv4() == to.is_ipv4() => {
            let from = socket_address(node, &from.to_string())?;
            let to = socket_address(node, &to.to_string())?;
            Ok([&from[..], &to[1..]].concat())
        }
        _ => fail(node, "a connection is 1.2.3.4:4000->5.6.7.8:80"),
    }
}

fn from_hex(node: &Node) -> Outcome<Vec<u8>> {
    let digits = scalar(node)?.as_bytes();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
        u8::from_str_radix(text, 16).ok()
    };
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(pair).collect();
    bytes.map_or_else(|| fail(node, "not pairs of hexadecimal digits"), Ok)
}

/// A number, or names of flags with `|` between them.
fn number(node: &Node, param: Option<&ParamDef>) -> Outcome<i64> {
    let text = scalar(node)?;
    let plain = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(|n| n as i64),
        None => text.parse().ok().or_else(|| text.parse::<u64>().ok().map(|n| n as i64)),
    };
    if let Some(number) = plain.or_else(|| node.as_bool().map(i64::from)) {
        return Ok(number);
    }
    let names = param.map_or(&[][..], |param| param.names);
    let mut value = 0;
    for word in text.split('|').map(str::trim) {
        let Some((_, bits)) = names.iter().find(|(name, _)| *name == word) else {
            let known: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            let hint = match &known[..] {
                [] => String::new(),
                known => format!("; names are {}", known.join(", ")),
            };
            return fail(node, format!("'{word}' is no number{hint}"));
        };
        value |= i64::from(*bits);
    }
    Ok(value)
}

fn zero_ended<T: AsRef<str>>(texts: &[T]) -> Vec<u8> {
    texts.iter().flat_map(|text| [text.as_ref().as_bytes(), b"\0"].concat()).collect()
}

fn scalar(node: &Node) -> Outcome<&str> {
    node.as_scalar().map_or_else(|| fail(node, "a text or a number is expected"), Ok)
}

fn sequence(node: &Node) -> Outcome<&[Arc<Node>]> {
    node.as_sequence().map_or_else(|| fail(node, "a list is expected"), Ok)
}

fn mapping(node: &Node) -> Outcome<&[(Arc<Node>, Arc<Node>)]> {
    node.as_mapping().map_or_else(|| fail(node, "a mapping is expected"), Ok)
}

/// One text or a list of them; none if the key is missing.
fn texts(node: &Node, key: &str) -> Outcome<Vec<String>> {
    let Some(value) = node.get(key) else { return Ok(Vec::new()) };
    match &value.kind {
        Kind::Sequence(items) => items.iter().map(|n| scalar(n).map(str::to_owned)).collect(),
        _ => Ok(vec![scalar(value)?.to_owned()]),
    }
}

fn required(node: &Node, key: &str) -> Outcome<String> {
    match node.get(key) {
        Some(value) => scalar(value).map(str::to_owned),
        None => fail(node, format!("'{key}' is missing")),
    }
}

fn known_keys(node: &Node, known: &[&str]) -> Outcome<()> {
    for (key, _) in mapping(node)? {
        if !known.contains(&scalar(key)?) {
            let key_text = scalar(key)?;
            return fail(key, format!("unknown key '{key_text}'; known are {}", known.join(", ")));
        }
    }
    Ok(())
}
