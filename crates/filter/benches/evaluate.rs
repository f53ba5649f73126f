//! Time per operator, and per event for rule sets of the size and shape of Falco's: `cargo bench
//! -p peregrine-filter`. The figures are for comparison on one machine.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;

use divan::counter::ItemsCount;
use peregrine_event::{ParamType, Value};
use peregrine_filter::event_types::event_set;
use peregrine_filter::{
    Catalog, ConditionId, Evaluator, FieldArg, FieldId, FieldInfo, FieldRef, FieldSource, PlanId,
    ProgramBuilder, Scope, Specialiser, Values, parse,
};

fn main() {
    divan::main();
}

const FIELDS: [(&str, ParamType, bool, Scope); 13] = [
    ("evt.type", ParamType::CharBuf, false, Scope::Event),
    ("evt.rawres", ParamType::Int64, false, Scope::Event),
    ("proc.name", ParamType::CharBuf, false, Scope::Image),
    ("proc.pname", ParamType::CharBuf, false, Scope::Image),
    ("proc.cmdline", ParamType::CharBuf, false, Scope::Image),
    ("container.id", ParamType::CharBuf, false, Scope::Image),
    ("fd.name", ParamType::CharBuf, false, Scope::Fd),
    ("fd.typechar", ParamType::CharBuf, false, Scope::Fd),
    // Not remembered: for one operator at a time.
    ("t.path", ParamType::CharBuf, false, Scope::Event),
    ("t.net", ParamType::IpNet, false, Scope::Event),
    ("t.buffer", ParamType::ByteBuf, false, Scope::Event),
    ("t.names", ParamType::CharBuf, true, Scope::Event),
    ("t.missing", ParamType::CharBuf, false, Scope::Event),
];

struct Fields;

impl Catalog for Fields {
    fn field(&self, name: &str) -> Option<FieldInfo> {
        let index = FIELDS.iter().position(|f| f.0 == name)?;
        let (name, ty, is_list, scope) = FIELDS[index];
        Some(FieldInfo { is_list, scope, ..FieldInfo::plain(FieldId(index as u16), name, ty) })
    }

    fn bind(&self, info: &FieldInfo, _arg: Option<&str>) -> Result<FieldRef, String> {
        Ok(FieldRef { id: info.id, arg: FieldArg::None, ty: info.ty, is_list: info.is_list })
    }

    fn names(&self) -> Vec<&'static str> {
        FIELDS.iter().map(|f| f.0).collect()
    }
}

struct Event {
    image: u64,
    fd: u64,
    kind: &'static str,
    cmdline: String,
    path: String,
}

impl Event {
    fn new(n: u64, images: u64) -> Self {
        const KINDS: [&str; 4] = ["openat", "read", "close", "execve"];
        Self {
            image: n % images,
            fd: n % images,
            kind: KINDS[n as usize % KINDS.len()],
            cmdline: format!("nginx -g daemon off; --worker {n}"),
            path: format!("/var/lib/nginx/body/{n}"),
        }
    }
}

impl FieldSource for Event {
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
        let value = match field.id.0 {
            0 => Value::text(self.kind),
            1 => Value::Int(3),
            2 => Value::text("nginx"),
            3 => Value::text("systemd"),
            4 => Value::text(&self.cmdline),
            5 => Value::text("host"),
            7 => Value::text("f"),
            9 => Value::Ip([10, 1, 2, 3].into()),
            10 => Value::bytes(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"),
            11 => {
                out.extend([Value::text("a"), Value::text("b")]);
                Value::text("c")
            }
            12 => return false,
            _ => Value::text(&self.path),
        };
        out.push(value);
        true
    }

    fn scope_key(&self, scope: Scope) -> Option<u64> {
        match scope {
            Scope::Event => None,
            Scope::Image => Some(self.image),
            Scope::Fd => Some(self.fd),
        }
    }
}

const OPERATORS: [&str; 24] = [
    "evt.rawres = 4",
    "evt.rawres >= 4",
    "evt.rawres in (4, 5, 6)",
    "t.path = /var/lib/nginx/body/8",
    "t.path in (/etc/passwd, /etc/shadow)",
    "t.path in (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)",
    "t.path pmatch (/etc, /usr/lib, /var/log)",
    "t.path contains passwd",
    "t.path icontains passwd",
    "t.path startswith /etc",
    "t.path endswith .so",
    "t.path glob \"/etc/*/shadow*\"",
    "t.path regex \"/etc/(passwd|shadow)\"",
    "t.net in (192.168.0.0/16, 172.16.0.0/12)",
    "t.missing exists",
    "t.names intersects (x, y)",
    "t.names in (a, b, c)",
    "t.buffer bcontains 0403",
    "t.buffer bstartswith 1604",
    "tolower(t.path) = x",
    "toupper(t.path) = x",
    "b64(t.path) = x",
    "basename(t.path) = x",
    "len(t.path) = 7",
];

/// One check each, on a value that is extracted anew.
#[divan::bench(args = OPERATORS)]
fn operator(bencher: divan::Bencher, condition: &str) {
    let mut builder = ProgramBuilder::new(&Fields);
    let id = builder.add(&parse(condition).expect("it parses")).expect("it compiles");
    let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
    let event = Event::new(7, 8);
    bencher.bench_local(|| {
        evaluator.begin_event();
        evaluator.matches(id, black_box(&event))
    });
}

fn rules(count: usize) -> Vec<String> {
    let open = "(evt.type in (open, openat, openat2) and fd.typechar = f and evt.rawres >= 0)";
    let spawned = "(evt.type in (execve, execveat) and evt.rawres = 0)";
    (0..count)
        .map(|n| match n % 3 {
            0 => format!(
                "{open} and fd.name startswith /etc/secret{n} and not proc.name in (sshd, cron{n}) \
                 and not (proc.cmdline contains \"--allowed{n}\" or proc.pname in (a{n}, b, c))"
            ),
            1 => format!(
                "{spawned} and container.id != host and proc.name in (nc{n}, ncat, socat) and \
                 not proc.pname = allowed{n}"
            ),
            _ => format!(
                "{open} and not proc.name in (dockerd, containerd, runc{n}) and (fd.name glob \
                 \"/root/.ssh{n}/*\" or fd.name pmatch (/etc{n}, /usr/lib{n}/bin)) and \
                 proc.cmdline icontains \"key{n}\""
            ),
        })
        .collect()
}

/// A program with a plan for each event type, as an engine has it.
fn compile(rules: &[String], events: &[Event]) -> (Evaluator, Vec<Option<PlanId>>) {
    let mut builder = ProgramBuilder::new(&Fields);
    let mut ids: Vec<(ConditionId, u32)> = Vec::new();
    for (rule, tag) in rules.iter().zip(0..) {
        let expr = parse(rule).unwrap_or_else(|e| panic!("{rule}: {e}"));
        ids.push((builder.add(&expr).unwrap_or_else(|e| panic!("{rule}: {e}")), tag));
    }
    let program = builder.finish();
    let mut specialiser = Specialiser::new(&program);
    let mut plan = |kind: &str| {
        let possible = |(id, _): &&(ConditionId, u32)| {
            let events = event_set(program.source(*id)).expect("evt.type is compared with names");
            events.iter().any(|e| e.def().is_some_and(|def| def.name == kind))
        };
        let ids: Vec<_> = ids.iter().filter(possible).copied().collect();
        specialiser.plan(&ids, &|_| peregrine_filter::Known::Unknown)
    };
    let first: Vec<_> = events[..4].iter().map(|event| plan(event.kind)).collect();
    let plans = (0..events.len()).map(|n| first[n % 4]).collect();
    (Evaluator::new(Arc::new(specialiser.finish())), plans)
}

/// All rules, for events of processes seen before or of a new one each.
#[divan::bench(args = [(100, 64), (1000, 64), (100, u64::MAX), (1000, u64::MAX)])]
fn rule_set(bencher: divan::Bencher, (count, images): (usize, u64)) {
    let events: Vec<Event> = (0..4096).map(|n| Event::new(n, images)).collect();
    let (mut evaluator, plans) = compile(&rules(count), &events);
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        for (event, plan) in events.iter().zip(&plans) {
            let Some(plan) = plan else { continue };
            evaluator.examine(*plan, event, |id, _| {
                black_box(id);
                ControlFlow::Continue(())
            });
        }
    });
}
