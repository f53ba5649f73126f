//! Time per event for a rule set of the size and shape of Falco's: `cargo bench -p
//! peregrine-filter`.
//!
//! Three cases: events of processes seen before (results of image checks are remembered), events
//! of a new process each, and a single condition. The figures are for comparison on one machine.

use std::collections::HashMap;
use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use peregrine_event::{ParamType, Value};
use peregrine_filter::event_types::event_set;
use peregrine_filter::{
    ArgRule, Catalog, ConditionId, ConditionSet, Evaluator, FieldArg, FieldId, FieldInfo, FieldRef,
    FieldSource, ProgramBuilder, Scope, Values, parse,
};

const FIELDS: [(&str, ParamType, Scope); 8] = [
    ("evt.type", ParamType::CharBuf, Scope::Event),
    ("evt.rawres", ParamType::Int64, Scope::Event),
    ("proc.name", ParamType::CharBuf, Scope::Image),
    ("proc.pname", ParamType::CharBuf, Scope::Image),
    ("proc.cmdline", ParamType::CharBuf, Scope::Image),
    ("container.id", ParamType::CharBuf, Scope::Image),
    ("fd.name", ParamType::CharBuf, Scope::Fd),
    ("fd.typechar", ParamType::CharBuf, Scope::Fd),
];

struct Fields;

impl Catalog for Fields {
    fn field(&self, name: &str) -> Option<FieldInfo> {
        let index = FIELDS.iter().position(|f| f.0 == name)?;
        let (name, ty, scope) = FIELDS[index];
        Some(FieldInfo {
            id: FieldId(index as u16),
            name,
            ty,
            is_list: false,
            arg: ArgRule::None,
            filter_only: false,
            print_only: false,
            no_rhs: false,
            no_transformer: false,
            deprecated: false,
            scope,
        })
    }

    fn bind(&self, info: &FieldInfo, _arg: Option<&str>) -> Result<FieldRef, String> {
        Ok(FieldRef { id: info.id, arg: FieldArg::None, ty: info.ty, is_list: false })
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

impl FieldSource for Event {
    fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
        out.push(match field.id.0 {
            0 => Value::text(self.kind),
            1 => Value::Int(3),
            2 => Value::text("nginx"),
            3 => Value::text("systemd"),
            4 => Value::text(&self.cmdline),
            5 => Value::text("host"),
            6 => Value::text(&self.path),
            _ => Value::text("f"),
        });
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

/// Events of a run and runs of a case; to divide an instruction count by their product.
const EVENTS: u64 = 4096;
const RUNS: u64 = 50;

fn measure(name: &str, evaluator: &mut Evaluator, ids: &[ConditionId], images: u64) {
    // `cargo bench` passes --bench; anything else selects cases by part of their name.
    let wanted = std::env::args().skip(1).find(|a| a != "--bench");
    if wanted.is_some_and(|w| !name.contains(&w)) {
        return;
    }
    let kinds = ["openat", "read", "close", "execve"];
    let events: Vec<Event> = (0..EVENTS)
        .map(|n| Event {
            image: n % images,
            fd: n % images,
            kind: kinds[n as usize % kinds.len()],
            cmdline: format!("nginx -g daemon off; --worker {n}"),
            path: format!("/var/lib/nginx/body/{n}"),
        })
        .collect();
    // As an engine does it: only conditions that can hold for the event type are tried.
    let sets: HashMap<&str, ConditionSet> = kinds
        .into_iter()
        .map(|kind| {
            let possible = |id: &&ConditionId| {
                let expr = evaluator.program().source(**id);
                event_set(expr).unwrap().iter().any(|e| e.def().unwrap().name == kind)
            };
            (kind, ids.iter().filter(possible).copied().collect())
        })
        .collect();
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        for event in &events {
            evaluator.begin_event();
            let mut on = evaluator.on(event);
            on.for_each_match(&sets[event.kind], |id| {
                black_box(id);
                ControlFlow::Continue(())
            });
        }
        best = best.min(start.elapsed().as_nanos() as f64 / events.len() as f64);
    }
    println!("{name:<40} {best:>9.1} ns per event");
}

fn main() {
    for count in [100, 1000] {
        let mut builder = ProgramBuilder::new(&Fields);
        let mut ids = Vec::new();
        for rule in rules(count) {
            let expr = parse(&rule).unwrap_or_else(|e| panic!("{rule}: {e}"));
            ids.push(builder.add(&expr).unwrap_or_else(|e| panic!("{rule}: {e}")));
        }
        let program = Arc::new(builder.finish());
        println!("{:?}", program.size());
        let mut evaluator = Evaluator::new(program);
        measure(&format!("{count} rules, 64 processes"), &mut evaluator, &ids, 64);
        measure(&format!("{count} rules, a new process each"), &mut evaluator, &ids, u64::MAX);
        measure(&format!("one of {count}, 64 processes"), &mut evaluator, &ids[..1], 64);
    }
}
