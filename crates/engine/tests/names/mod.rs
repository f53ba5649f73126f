//! The fields that made-up histories are compared by.

use peregrine_fields::Fields;
use peregrine_fields::catalogue::FieldDef;

/// Fields that look beyond the event itself; in an optimised build all fields.
pub fn of_what_looks_beyond() -> Vec<String> {
    let looks_beyond = |field: &&FieldDef| {
        let starts = |prefix: &str| field.name.starts_with(prefix);
        !cfg!(debug_assertions)
            || starts("proc.") && !starts("proc.is_") && !starts("proc.exe_")
            || starts("thread.")
            || ["fd.name", "fd.num", "fd.type", "fd.types", "fd.sport", "fd.is_server"]
                .contains(&field.name)
            || ["user.uid", "user.name", "group.name", "container.id", "evt.deltatime"]
                .contains(&field.name)
            || ["evt.args", "evt.latency", "evt.arg.target", "fs.path.name"].contains(&field.name)
    };
    let mut names: Vec<String> =
        Fields::syscall().iter().filter(looks_beyond).map(|field| field.name.to_owned()).collect();
    for level in 1..5 {
        let of = ["aname", "aexe", "aexepath", "acmdline", "apid", "aenv"];
        names.extend(of.iter().map(|name| format!("proc.{name}[{level}]")));
    }
    names
}
