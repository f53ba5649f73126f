//! `peregrine events`: the event schema, as text.

use std::fmt::Write;

use clap::Args;
use peregrine_event::event::FIRST_OWN_CODE;
use peregrine_event::layout::{HEADER_BYTES, Layout};
use peregrine_event::table::EVENTS;
use peregrine_event::{Category, EventDef, codegen};

/// Options of `peregrine events`.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Only events whose name contains this text
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Print the layout and size of each record the probe writes
    #[arg(long)]
    layout: bool,
    /// Print old event versions too (they occur in captures and are converted)
    #[arg(long, conflicts_with = "layout")]
    all: bool,
}

/// Text of the chosen events.
pub fn text(args: &EventsArgs) -> String {
    let mut out = String::new();
    let chosen = EVENTS.iter().filter(|def| {
        let named = args.name.as_ref().is_none_or(|name| def.name.contains(name.as_str()));
        let shown = if args.layout {
            codegen::is_written_by_probe(def)
        } else {
            def.name != "NA" && (args.all || def.is_live())
        };
        named && shown
    });
    for def in chosen {
        if args.layout {
            layout(&mut out, def);
        } else {
            signature(&mut out, def);
        }
    }
    out
}

fn signature(out: &mut String, def: &EventDef) {
    let direction = if def.code.is_enter() { '>' } else { '<' };
    let _ = write!(out, "{:>3} {direction} {}(", def.code.0, def.name);
    for (index, param) in def.falco().iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        let _ = write!(out, "{comma}{} {}", param.ty.name(), param.name);
    }
    out.push(')');
    if !def.is_live() {
        out.push_str(" [old]");
    }
    if def.code.0 >= FIRST_OWN_CODE {
        out.push_str(" [Peregrine's own]");
    }
    out.push('\n');
}

fn layout(out: &mut String, def: &'static EventDef) {
    let layout = Layout::of(def, false);
    let kind = if def.is_syscall_exit() {
        "system call"
    } else if def.category.has(Category::ITER) {
        "iterator"
    } else {
        "tracepoint"
    };
    let variable = match layout.variable_count {
        0 => String::new(),
        1 => " + 1 variable parameter".into(),
        n => format!(" + {n} variable parameters"),
    };
    let _ = writeln!(
        out,
        "{} ({kind}, code {}): {} bytes{variable}",
        def.name, def.code.0, layout.fixed_bytes
    );
    let _ = writeln!(out, "  {:>4}  {:>2}  header", 0, HEADER_BYTES);
    let mut slots: Vec<_> = def.params.iter().zip(layout.slots).enumerate().collect();
    slots.sort_by_key(|(_, (_, slot))| slot.offset);
    for (index, (param, slot)) in slots {
        let own = if index >= def.falco_params { "  (own)" } else { "" };
        let (bytes, what) =
            if slot.width == 0 { (2, "length of ") } else { (u16::from(slot.width), "") };
        let _ = writeln!(
            out,
            "  {:>4}  {bytes:>2}  {what}{} {}{own}",
            slot.offset,
            param.name,
            param.ty.name()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(name: &str, layout: bool) -> EventsArgs {
        EventsArgs { name: Some(name.into()), layout, all: false }
    }

    #[test]
    fn layout_prints_offsets_and_sizes() {
        let text = text(&args("openat2", true));
        assert!(text.contains("openat2 (system call, code 327):"), "{text}");
        assert!(text.contains("    24   8  ino UINT64"), "{text}");
        assert!(text.contains("length of name FSRELPATH"), "{text}");
    }

    #[test]
    fn signatures_are_those_of_live_events() {
        let text = text(&args("close_range", false));
        let expected = "451 < close_range(ERRNO res, UINT32 first, UINT32 last, FLAGS32 flags)\n";
        assert_eq!(text, expected);
    }
}
