//! Lists of fields, of events, of system calls that are ignored.

use std::collections::BTreeSet;
use std::fmt::Write;

use peregrine_engine::interest::floods;
use peregrine_event::syscalls::{SYSCALL_NAMES, X86_64};
use peregrine_event::table::EVENTS;
use peregrine_event::{Category, EventDef, ParamDef, code};
use peregrine_fields::listing::{ListFormat, list};
use peregrine_fields::{FieldFlags, Fields};
use serde_json::{Value as Json, json};

use super::options::Form;
use super::support::SCHEMA_VERSION;

/// `-i`: system calls that are not reported unless a rule names them.
pub fn ignored() -> String {
    let names: BTreeSet<&str> = X86_64
        .iter()
        .filter(|syscall| floods(syscall.exit))
        .map(|syscall| SYSCALL_NAMES[usize::from(syscall.id)])
        // Names of other architectures, which Falco lists everywhere.
        .chain(["recv", "send"])
        .collect();
    let mut out = String::from("Ignored syscall(s):\n");
    for name in names {
        let _ = writeln!(out, "- {name}");
    }
    out.push('\n');
    out
}

/// `--list`.
pub fn fields(form: Form, names_only: bool) -> String {
    let fields = Fields::syscall();
    if !names_only {
        let format = match form {
            Form::Text => ListFormat::Text,
            Form::Markdown => ListFormat::Markdown,
            Form::Json => ListFormat::Json,
        };
        return list(&fields, format, false);
    }
    let names: Vec<&str> = fields
        .iter()
        .filter(|def| !def.flags.has(FieldFlags::HIDDEN))
        .map(|def| def.name)
        .collect();
    if form == Form::Json {
        return format!("{:#}\n", json!({ "fieldnames": names }));
    }
    names.iter().map(|name| format!("{name}\n")).collect()
}

/// An event of the list.
struct Entry {
    def: &'static EventDef,
    name: &'static str,
}

/// `--list-events`.
pub fn events(form: Form) -> String {
    let of = |wanted: fn(&EventDef) -> bool| -> Vec<Entry> {
        EVENTS
            .iter()
            .filter(|def| def.is_live() && def.name != "NA" && def.code != code::GENERIC_X)
            .filter(|def| wanted(def))
            .map(|def| Entry { def, name: def.name })
            .collect()
    };
    let mut syscalls = of(|def| def.category.has(Category::SYSCALL));
    if let Some(generic) = code::GENERIC_X.def() {
        let names: BTreeSet<&'static str> = X86_64
            .iter()
            .filter(|syscall| syscall.exit == code::GENERIC_X)
            .map(|syscall| SYSCALL_NAMES[usize::from(syscall.id)])
            .collect();
        syscalls.extend(names.into_iter().map(|name| Entry { def: generic, name }));
    }
    let categories = [
        ("Syscall events", syscalls),
        ("Tracepoint events", of(|def| def.category.has(Category::TRACEPOINT))),
        ("Plugin events", of(|def| def.category.has(Category::PLUGIN))),
        ("Metaevents", of(|def| def.category.has(Category::META))),
    ];
    if form == Form::Json {
        let mut root = json!({ "schema_version": SCHEMA_VERSION });
        for (title, entries) in &categories {
            root[*title] = entries.iter().map(Entry::to_json).collect();
        }
        return format!("{root:#}\n");
    }
    let mut out =
        format!("The events below are valid for Falco *Schema Version*: {SCHEMA_VERSION}\n");
    for (title, entries) in &categories {
        let _ = writeln!(out, "## {title}\n");
        if form == Form::Markdown {
            out.push_str("Default | Dir | Name | Params \n:-------|:----|:-----|:-----\n");
        }
        for entry in entries {
            entry.write(&mut out, form);
        }
        out.push('\n');
    }
    out
}

impl Entry {
    fn is_available(&self) -> bool {
        !floods(self.def.code)
    }

    fn direction(&self) -> char {
        if self.def.code.is_enter() { '>' } else { '<' }
    }

    fn write(&self, out: &mut String, form: Form) {
        let params: Vec<String> = self
            .def
            .falco()
            .iter()
            .map(|param| {
                let names = flag_names(param);
                let quoted = |name: &&str| match form {
                    Form::Markdown => format!("*{name}*"),
                    _ => (*name).to_owned(),
                };
                let names: Vec<String> = names.iter().map(quoted).collect();
                let list = match names.as_slice() {
                    [] => String::new(),
                    names => format!(": {}", names.join(", ")),
                };
                format!("{} **{}**{list}", param.ty.name(), param.name)
            })
            .collect();
        let (direction, name, params) = (self.direction(), self.name, params.join(", "));
        let _ = match form {
            Form::Markdown => {
                let available = if self.is_available() { "Yes" } else { "No" };
                writeln!(out, "{available} | `{direction}` | `{name}` | {params}")
            }
            _ => writeln!(out, "{direction} {name}({params})"),
        };
    }

    fn to_json(&self) -> Json {
        let params: Vec<Json> = self
            .def
            .falco()
            .iter()
            .map(|param| {
                let mut out = json!({ "type": param.ty.name(), "name": param.name });
                let names = flag_names(param);
                if !names.is_empty() {
                    out["flags"] = names.into();
                }
                out
            })
            .collect();
        json!({
            "name": self.name,
            "dir": self.direction().to_string(),
            "available": self.is_available(),
            "params": params,
        })
    }
}

/// Names of the flags or values of a parameter.
fn flag_names(param: &ParamDef) -> Vec<&'static str> {
    param.names.iter().map(|flag| flag.0).collect()
}
