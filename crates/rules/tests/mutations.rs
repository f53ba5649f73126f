//! Thousands of damaged rules files and conditions: nothing panics, reports can be printed, and
//! what is allocated grows with the input and no faster.

#[allow(dead_code)]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_rules::render_all;

/// The golden data is not needed here.
#[allow(dead_code)]
fn shared(_: &str) -> Option<std::path::PathBuf> {
    None
}

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
    static TOTAL: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all calls go to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size();
        // A thread that ends allocates after its counters are gone; that does not count.
        let _ = NOW.try_with(|now| {
            now.set(now.get() + size as isize);
            let _ = PEAK.try_with(|peak| peak.set(peak.get().max(now.get())));
        });
        let _ = TOTAL.try_with(|total| total.set(total.get() + size));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        let _ = NOW.try_with(|now| now.set(now.get() - layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What an action of this thread allocated: at most at a time, and in all.
fn measure(action: impl FnOnce()) -> (usize, usize) {
    let (now, total) = (NOW.get(), TOTAL.get());
    PEAK.set(now);
    action();
    ((PEAK.get() - now).max(0) as usize, TOTAL.get() - total)
}

/// Loads files and prints everything there is to print.
fn load(files: &[&[u8]]) -> bool {
    support::with_loader(|loader| {
        let mut all_good = true;
        for (index, content) in files.iter().enumerate() {
            let result = loader.load(&format!("{index}.yaml"), content);
            all_good &= result.is_ok();
            result.to_text(loader.files());
            result.to_json(loader.files());
            render_all(&result.diagnostics, loader.files());
            result.diagnostics.iter().for_each(|d| drop(d.to_json(loader.files())));
        }
        loader.describe().to_json();
        let fields = Fields::syscall();
        for rule in loader.rule_set().sources()[0].rules() {
            let output = format!("*{}", rule.output);
            Template::parse(&output, &fields).expect("outputs were checked when they were loaded");
        }
        all_good
    })
}

const WORDS: &[&str] = &[
    " and ",
    " or ",
    "not ",
    "(",
    ")",
    "((",
    "))",
    " in (",
    ",",
    "=",
    "!=",
    " exists",
    "'",
    "\"",
    "\\",
    "\\x",
    "\n",
    "\n    ",
    "\t",
    ": ",
    "- ",
    "{",
    "}",
    "[",
    "]",
    "&a ",
    "*a",
    "<<: ",
    "#",
    "|\n",
    ">\n",
    "%",
    "%proc.name",
    "%10evt.arg.fd",
    "%toupper(",
    "evt.type",
    "proc.aname[",
    "tolower(",
    "join(",
    "val(",
    "startswith oneof ",
    "glob ",
    "regex '(",
    "fd.net",
    "1e9",
    "0x",
    "-1",
    "é",
    "\u{feff}",
    "\0",
    "append: true\n",
    "override:\n    condition: append\n",
    "exceptions:\n",
    "values: [[",
    "never_true",
    "---\n",
    "...\n",
    "!!binary ",
];

/// Some changes at random places: bytes, words, pieces of the file itself.
fn mutate(random: &mut fastrand::Rng, text: &str, most: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..1 + random.usize(..most) {
        let at = random.usize(..bytes.len() + 1);
        let end = (at + random.usize(..60)).min(bytes.len());
        match random.usize(..6) {
            0 => bytes.insert(at, random.usize(..256) as u8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let word = WORDS[random.usize(..WORDS.len())];
                bytes.splice(at..at, word.bytes());
            }
            3 => {
                let word = WORDS[random.usize(..WORDS.len())];
                bytes.splice(at..end, word.bytes());
            }
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = random.usize(..bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
    bytes
}

const BUILT_IN: &str = include_str!("../../../rules/peregrine_rules.yaml");

const KINDS: &str = r#"
- required_engine_version: 0.57.0
- required_plugin_versions:
  - {name: k8saudit, version: 0.7.0, alternatives: [{name: other, version: 0.1.0}]}
- list: shells
  items: [bash, 'sh', "zsh", "a b"]
- list: more
  items: [shells, dash]
- macro: opened
  condition: evt.type in (open, openat, openat2) and fd.typechar='f' and fd.num>=0
- macro: by_shell
  condition: (opened and proc.name in (more) or proc.aname[2] startswith anyof (ba, z))
- rule: Shell opens
  desc: &text something
  condition: >
    by_shell and not fd.name glob '/dev/*' and len(proc.args) > 0
    and join(",", (proc.name, toupper(proc.pname))) != "x,\x41"
  output: "%proc.name %10fd.name %toupper(proc.name) %evt.arg[0] (u=%user.name)"
  priority: WARNING
  tags: [a, b]
  exceptions:
  - name: pairs
    fields: [proc.name, fd.name]
    comps: [=, startswith]
    values:
    - [cat, /tmp]
    - [sh, "/x y"]
  - {name: single, fields: proc.name, values: [a, shells]}
- rule: Shell opens
  condition: and fd.net in (10.0.0.0/8, ::1/64) or fd.sport = http
  tags: [c]
  override: {condition: append, tags: append}
- rule: Other
  desc: *text
  condition: evt.type = connect and fd.sip = 1.2.3.4 and evt.rawres < -1
  output: o
  priority: info
  enabled: false
  capture: true
  capture_duration: 10
"#;

#[test]
fn damaged_files_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(0x9e37_79b9_7f4a_7c15);
    // Items of the built-in rules, a few at a time, so that each load is small.
    let items: Vec<&str> = BUILT_IN.split_inclusive("\n\n").collect();
    let (mut good, mut bad) = (0, 0);
    for round in 0..2_000 {
        let text = match round % 3 {
            0 => (0..3).map(|_| items[random.usize(..items.len())]).collect(),
            _ => KINDS.to_owned(),
        };
        // Every second time one change to one file, which then often loads.
        let is_mild = round % 2 == 0;
        let first = mutate(&mut random, &text, if is_mild { 1 } else { 6 });
        let second = if is_mild { KINDS.into() } else { mutate(&mut random, KINDS, 6) };
        let size = first.len() + second.len();
        let mut is_good = false;
        let (peak, total) = measure(|| is_good = load(&[&first, &second]));
        // A rule on every event type alone takes a megabyte; a list named in itself multiplies.
        assert!(peak < 8 << 20, "{peak} bytes at a time for {size}");
        assert!(total < 64 << 20, "{total} bytes in all for {size}");
        if is_good { good += 1 } else { bad += 1 }
    }
    // Changes that all are harmless, or all fatal, would test little.
    assert!(good > 50 && bad > 1_000, "{good} {bad}");
}

#[test]
fn damaged_conditions_do_no_harm() {
    let mut random = fastrand::Rng::with_seed(0x2545_f491_4f6c_dd1d);
    let conditions: Vec<&str> = KINDS
        .lines()
        .chain(BUILT_IN.lines())
        .filter_map(|line| line.trim().strip_prefix("condition: "))
        .collect();
    let fields = Fields::syscall();
    for _ in 0..4_000 {
        let condition = conditions[random.usize(..conditions.len())];
        let text = mutate(&mut random, condition, 4);
        let options = peregrine_filter::ParseOptions { max_depth: 1000, partial: false };
        let (peak, _) = measure(|| {
            let Ok(parsed) = peregrine_filter::parse_with(&text, &options) else { return };
            let printed = parsed.expr.to_string();
            let again = peregrine_filter::parse_with(&printed, &options).map(|p| p.expr);
            assert_eq!(again.as_ref(), Ok(&parsed.expr), "{printed}");
            if peregrine_filter::check(&fields, &parsed.expr).is_ok() {
                let clauses = peregrine_filter::satisfy::Clauses::new(&fields, &parsed.expr);
                clauses.expect("compiles").clash(&|_| peregrine_filter::Known::Unknown);
            }
        });
        assert!(peak < 2 << 20, "{peak} bytes at a time for {} bytes", text.len());
    }
}

/// What grows with the square of the input shows as sixteen times the bytes for four times the
/// input.
#[test]
fn what_is_allocated_grows_with_the_input() {
    let rule = |name: usize, condition: &str| {
        format!(
            "- rule: r{name}\n  desc: d\n  condition: {condition}\n  output: o\n  priority: INFO\n"
        )
    };
    let one = |condition: &str| rule(0, &format!("evt.type = open and {condition}"));
    type Shape<'s> = (&'s str, Box<dyn Fn(usize) -> String + 's>);
    let shapes: Vec<Shape> = vec![
        (
            "rules",
            Box::new(|n| {
                (0..n).map(|i| rule(i, &format!("evt.type = open and proc.pid = {i}"))).collect()
            }),
        ),
        ("branches", Box::new(|n| one(&format!("({})", vec!["proc.name = a"; n].join(" or "))))),
        (
            "different branches",
            Box::new(|n| {
                let all: Vec<_> = (0..n).map(|i| format!("proc.name = n{i}")).collect();
                one(&format!("({})", all.join(" or ")))
            }),
        ),
        (
            "pairs that exclude each other",
            Box::new(|n| {
                let all: Vec<_> =
                    (0..n).map(|i| format!("(proc.pid = {i} and proc.pid = x{i})")).collect();
                one(&format!("({})", all.join(" or ").replace("= x", "= 1")))
            }),
        ),
        (
            "list",
            Box::new(|n| {
                let items: Vec<_> = (0..n).map(|i| format!("item{i}")).collect();
                format!("- list: l\n  items: [{}]\n{}", items.join(", "), one("proc.name in (l)"))
            }),
        ),
        (
            "macros",
            Box::new(|n| {
                let all: String = (0..n)
                    .map(|i| format!("- macro: m{i}\n  condition: proc.pid = {i}\n"))
                    .collect();
                all + &one("m0")
            }),
        ),
        (
            "exception values",
            Box::new(|n| {
                let values: String = (0..n).map(|i| format!("    - [a{i}, b{i}]\n")).collect();
                format!(
                    "{}  exceptions:\n  - name: e\n    fields: [proc.name, fd.name]\n    \
                     values:\n{values}",
                    one("proc.pid = 1")
                )
            }),
        ),
        (
            "unknown keys",
            Box::new(|n| {
                one("proc.pid = 1")
                    + &"  x: y\n".repeat(n.min(1))
                    + &(0..n).map(|i| format!("  k{i}: v\n")).collect::<String>()
            }),
        ),
        (
            "errors",
            Box::new(|n| (0..n).map(|i| rule(i, "evt.type = opne and proc.nmae = a")).collect()),
        ),
        ("aliases", Box::new(|n| format!("- &a x\n{}", "- *a\n".repeat(n)))),
        ("nots", Box::new(|n| one(&format!("{}proc.pid = 1", "not ".repeat(n))))),
    ];
    for (name, shape) in shapes {
        let (small, large) = (shape(250), shape(1_000));
        let factor = large.len() as f64 / small.len() as f64;
        let (_, before) = measure(|| _ = load(&[small.as_bytes()]));
        let (_, after) = measure(|| _ = load(&[large.as_bytes()]));
        let growth = after as f64 / before as f64;
        assert!(
            growth < 2.0 * factor,
            "{name}: {growth:.1} times the bytes for {factor:.1} times the input"
        );
    }
}

/// Nesting is refused at the depths of docs/limits.md, by an error, and never overflows the stack.
#[test]
fn nesting_is_refused_at_a_limit() {
    let condition = |text: &str| {
        let yaml =
            format!("- rule: r\n  desc: d\n  condition: {text}\n  output: o\n  priority: INFO\n");
        load(&[yaml.as_bytes()])
    };
    let parentheses = |n: usize| {
        condition(&format!("evt.type = open and {}proc.pid = 1{}", "(".repeat(n), ")".repeat(n)))
    };
    assert!(parentheses(190) && !parentheses(200) && !parentheses(100_000));
    assert!(condition(&format!("evt.type = open and {}proc.pid = 1", "not ".repeat(100_000))));
    assert!(!condition(&format!("evt.type = open and {}proc.pid = 1", "not (".repeat(100_000))));
    let transformed = |n: usize| {
        condition(&format!(
            "evt.type = open and {}proc.name{} = a",
            "toupper(".repeat(n),
            ")".repeat(n)
        ))
    };
    assert!(transformed(50) && !transformed(100_000));
    let yaml = |n: usize, open: &str, close: &str| {
        format!("- list: l\n  items: {}{}\n", open.repeat(n), close.repeat(n))
    };
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("[{a: ", "}]")] {
        assert!(!load(&[yaml(100_000, open, close).as_bytes()]), "{open}");
    }
    let block: String = (0..2_000).map(|depth| format!("{}-\n", " ".repeat(depth))).collect();
    assert!(!load(&[block.as_bytes()]));
    // Each macro adds two levels; more than 500 are refused.
    let chain = |n: usize| {
        let mut text = String::from("- macro: m0\n  condition: proc.pid = 1\n");
        for level in 1..n {
            let inner = level - 1;
            text += &format!("- macro: m{level}\n  condition: not (proc.pid = 2 or m{inner})\n");
        }
        let last = n - 1;
        text += &format!(
            "- rule: r\n  desc: d\n  condition: evt.type = open and m{last}\n  output: o\n  priority: INFO\n"
        );
        load(&[text.as_bytes()])
    };
    assert!(chain(100) && !chain(400));
}
