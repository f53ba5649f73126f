//! Captures against what Falco said of them, as far as the state alone decides it.

mod support;

#[path = "support/capture.rs"]
mod capture;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use peregrine_event::{Record, arg, code};
use peregrine_state::{Shard, Subject};
use serde_json::{Value, json};

fn captures() -> Vec<PathBuf> {
    let Some(dir) = support::shared("conformance/captures") else { return Vec::new() };
    let mut all: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(".scap.gz"))
        .collect();
    all.sort();
    all
}

struct Golden {
    lines: std::io::Lines<BufReader<flate2::read::MultiGzDecoder<std::fs::File>>>,
    fields: BTreeMap<String, usize>,
}

impl Golden {
    fn open(capture: &Path) -> Option<Self> {
        let path = capture.to_string_lossy().replace(".scap.gz", ".fields.jsonl.gz");
        let file = std::fs::File::open(path).ok()?;
        let mut lines = BufReader::new(flate2::read::MultiGzDecoder::new(file)).lines();
        let head: Value = serde_json::from_str(&lines.next()?.ok()?).ok()?;
        let fields = head["fields"].as_array()?.iter().enumerate();
        let fields = fields.map(|(at, f)| (f.as_str().unwrap().to_owned(), at)).collect();
        Some(Self { lines, fields })
    }
}

fn text(bytes: &[u8]) -> Value {
    json!(String::from_utf8_lossy(bytes))
}

/// Fields that follow from the state without further thought.
fn fields(shard: &Shard, record: &Record<'_>, subject: &Subject) -> Vec<(&'static str, Value)> {
    let Some(slot) = subject.thread else { return Vec::new() };
    let t = shard.thread(slot);
    if t.is_invalid() {
        return Vec::new();
    }
    let image = &t.image;
    let mut out = vec![
        ("thread.tid", json!(t.tid)),
        ("thread.vtid", json!(t.vtid)),
        ("thread.ismain", json!(t.is_main_thread())),
        ("proc.pid", json!(t.pid)),
        ("proc.ppid", shard.ancestor(slot, 1, 0).map_or(Value::Null, |a| json!(a.facts().pid))),
        ("proc.vpid", json!(t.vpid)),
        ("proc.sid", json!(t.sid)),
        ("proc.vpgid", json!(t.vpgid)),
        ("proc.pgid", json!(t.pgid)),
        ("proc.tty", json!(t.tty)),
        ("proc.name", text(&image.comm)),
        ("proc.exe", text(&image.exe)),
        ("proc.exepath", text(&image.exepath)),
        ("proc.args", text(image.args_line())),
        ("proc.cmdline", text(image.cmdline())),
        ("proc.env", text(&shard.env(slot).joined(b' '))),
        ("proc.cwd", text(shard.cwd(slot))),
        ("proc.is_exe_writable", json!(image.is_exe_writable())),
        ("proc.is_exe_upper_layer", json!(image.is_exe_upper_layer())),
        ("proc.is_exe_lower_layer", json!(image.is_exe_lower_layer())),
        ("proc.is_exe_from_memfd", json!(image.is_exe_from_memfd())),
        ("proc.exe_ino", json!(image.exe_ino)),
        ("proc.exe_ino.ctime", json!(image.exe_ino_ctime)),
        ("proc.exe_ino.mtime", json!(image.exe_ino_mtime)),
        ("proc.pidns_init_start_ts", json!(t.pidns_init_start_ts)),
        ("proc.pid.ts", json!(t.clone_ts)),
        ("proc.fdopencount", json!(shard.fd_count(slot))),
        ("proc.fdlimit", json!(shard.fd_limit(slot))),
        ("proc.nthreads", json!(shard.alive_threads(slot))),
        ("proc.nchilds", json!(shard.other_threads(slot))),
        ("proc.vmsize", json!(t.usage.vmsize_kb)),
        ("thread.vmrss", json!(if t.is_main_thread() { t.usage.vmrss_kb } else { 0 })),
        ("thread.pfminor", json!(t.usage.pfminor)),
        ("user.uid", json!(t.uid)),
        ("group.gid", json!(t.gid)),
    ];
    if let Some(user) = shard.users().user(b"", t.uid) {
        out.push(("user.name", text(&user.name)));
    }
    for (name, generations) in [("proc.aname[1]", 1), ("proc.aname[2]", 2), ("proc.aname[3]", 3)] {
        let ancestor = shard.ancestor(slot, generations, 0);
        out.push((name, ancestor.map_or(Value::Null, |a| text(&a.facts().image.comm))));
    }
    let session = shard.leader(slot, |f| f.sid, true, 0);
    out.push(("proc.sname", session.map_or(json!(""), |s| text(&s.facts().image.comm))));
    let group = shard.leader(slot, |f| f.vpgid, true, 0);
    out.push(("proc.vpgid.name", group.map_or(json!(""), |s| text(&s.facts().image.comm))));
    for (n, name) in [(0, "proc.stdin.name"), (1, "proc.stdout.name"), (2, "proc.stderr.name")] {
        out.push((name, shard.fd(slot, n).map_or(Value::Null, |fd| text(fd.name()))));
    }
    let fd = subject.has_fd.then(|| shard.subject_fd(subject)).flatten();
    // The golden rows print `evt.args` first, and printing a relative path makes its directory the
    // event's fd for the fields after it.
    let directory = opened_in(record).and_then(|dirfd| shard.fd(slot, dirfd));
    if let Some(fd) = directory.or(fd) {
        out.push(("fd.num", json!(subject.fd_number)));
        out.push(("fd.name", text(fd.name())));
        out.push(("fd.nameraw", text(fd.name_raw())));
        out.push(("fd.typechar", json!((fd.kind.letter() as char).to_string())));
        out.push(("fd.ino", json!(fd.ino)));
        out.push(("fd.dev", json!(format!("{:X}", fd.dev))));
        out.push(("fd.name_changed", json!(subject.fd_name_changed)));
    }
    out
}

/// The directory fd of an `openat` of a relative path.
fn opened_in(record: &Record<'_>) -> Option<i64> {
    use arg::syscall_openat_2_x as a;
    let is_openat = matches!(record.code(), code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X);
    let is_relative = record.text(a::name).is_some_and(|name| name.first() != Some(&b'/'));
    record.int(a::dirfd).filter(|_| is_openat && is_relative)
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value == "" || value == "<NA>" || value == 0 || value == false
}

#[test]
fn captures_agree_with_falco() {
    for path in captures() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        // The large ones take a minute without optimisation.
        if name.starts_with("vm-") && cfg!(debug_assertions) {
            eprintln!("skipped: {name} in a debug build");
            continue;
        }
        let Some(mut golden) = Golden::open(&path) else { continue };
        let (mut compared, mut different) = (0u64, BTreeMap::<&str, (u64, String)>::new());
        capture::replay(&path, |shard, record, number, subject| {
            let row: Vec<Value> =
                serde_json::from_str(&golden.lines.next().unwrap().unwrap()).unwrap();
            assert_eq!(row[0].as_u64(), Some(number));
            for (field, value) in fields(shard, record, subject) {
                let wanted = &row[golden.fields[field]];
                compared += 1;
                let same = *wanted == value
                    || (is_nothing(wanted) && is_nothing(&value))
                    || (wanted.as_i64().is_some() && wanted.as_i64() == value.as_i64())
                    || (wanted.is_null() && value == -1);
                if !same {
                    let entry = different.entry(field).or_insert_with(|| {
                        let what = record.def().constant;
                        (0, format!("first at {number} {what}: {wanted} expected, is {value}"))
                    });
                    entry.0 += 1;
                }
            }
        });
        eprintln!("{name}: {compared} values");
        assert!(golden.lines.next().is_none(), "{name}: Falco saw more events");
        assert!(different.is_empty(), "{name}: {different:#?}");
    }
}
