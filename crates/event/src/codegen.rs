//! The C header of the probe, generated from the event table.
//!
//! For each event that the probe writes there is a packed struct with the fixed part, a constant
//! for its code and size, and one for the position of each variable-size parameter. The sizes are
//! asserted in C too, so that a compiler that lays a struct out differently fails the build.

use std::fmt::Write;

use crate::event::{Category, EventDef};
use crate::layout::{HEADER_BYTES, Layout};
use crate::record::HeaderFlags;
use crate::table::EVENTS;

/// Whether the probe writes events of this type.
pub fn is_written_by_probe(def: &EventDef) -> bool {
    def.is_live()
        && (def.is_syscall_exit()
            || def.category.has(Category::TRACEPOINT | Category::ITER)
            || def.code.0 >= crate::event::FIRST_OWN_CODE)
}

/// The C name of an event: `ev_openat` for system call exits, the constant's name for the others.
pub fn c_name(def: &EventDef) -> String {
    if def.is_syscall_exit() {
        format!("ev_{}", def.name)
    } else {
        format!("ev_{}", def.constant.trim_end_matches("_E").trim_end_matches("_X").to_lowercase())
    }
}

/// The text of `events.gen.h`.
pub fn c_header() -> String {
    let mut out = String::new();
    let w = &mut out;
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(w, $($arg)*); } }
    line!("/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */");
    line!("/* Generated from crates/event/src/table.rs. Do not edit. */");
    line!("#pragma once\n");
    line!("enum {{");
    for (name, bit) in [
        ("BIRTH", HeaderFlags::BIRTH),
        ("ABSENT", HeaderFlags::ABSENT),
        ("WIDE", HeaderFlags::WIDE),
        ("COMPAT32", HeaderFlags::COMPAT32),
        ("STATE_LOST", HeaderFlags::STATE_LOST),
        ("TRUNCATED", HeaderFlags::TRUNCATED),
    ] {
        line!("\tRECORD_{name} = {bit},");
    }
    line!("}};\n");
    line!("struct record_header {{");
    line!("\t__u64 ts;\n\t__u32 tid;\n\t__u32 tgid;");
    line!("\t__u32 len_flags; /* length in the low 24 bits, flags above */");
    line!("\t__u16 code;\n\t__u16 cpu;\n}} __attribute__((packed));");
    line!("_Static_assert(sizeof(struct record_header) == {HEADER_BYTES}, \"header\");\n");
    for def in EVENTS.iter().filter(|d| is_written_by_probe(d)) {
        struct_of(w, def);
    }
    out
}

fn struct_of(w: &mut String, def: &'static EventDef) {
    macro_rules! line { ($($arg:tt)*) => { let _ = writeln!(w, $($arg)*); } }
    let name = c_name(def);
    let upper = name.to_uppercase();
    let layout = Layout::of(def, false);
    let mut fixed: Vec<_> = def.params.iter().zip(layout.slots).collect();
    fixed.sort_by_key(|(_, slot)| slot.offset);
    line!("struct {name} {{\n\tstruct record_header h;");
    for (param, slot) in &fixed {
        let signed = if param.ty.is_signed() { "s" } else { "u" };
        match slot.width {
            0 => {
                line!("\t__u16 {}_len;", param.name);
            }
            bytes => {
                line!("\t__{signed}{} {};", u32::from(bytes) * 8, param.name);
            }
        }
    }
    line!("}} __attribute__((packed));");
    line!("_Static_assert(sizeof(struct {name}) == {}, \"{name}\");", layout.fixed_bytes);
    line!("enum {{\n\t{upper}_CODE = {},", def.code.0);
    line!("\t{upper}_LENGTHS = {}, /* offset of the first length */", layout.lengths_offset);
    for (param, slot) in def.params.iter().zip(layout.slots) {
        if slot.width == 0 {
            line!("\t{upper}_{} = {},", param.name.to_uppercase(), slot.ordinal);
        }
    }
    line!("}};\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_declares_each_written_event_once() {
        let text = c_header();
        assert!(text.contains("struct ev_openat {"));
        assert!(text.contains("_Static_assert(sizeof(struct ev_close) == 32, \"ev_close\");"));
        for def in EVENTS.iter().filter(|d| is_written_by_probe(d)) {
            let opening = format!("struct {} {{\n", c_name(def));
            assert_eq!(text.matches(&opening).count(), 1, "{}", def.constant);
        }
    }
}
