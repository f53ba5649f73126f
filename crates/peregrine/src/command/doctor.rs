//! `peregrine doctor`: what this kernel allows, and what Peregrine will do about it.

use std::fmt::Write;

use peregrine_engine::LiveOptions;
use peregrine_probe::loader::SYSCALLS;
use peregrine_probe::{Capabilities, Hook, Options, Probe, doctor};

use crate::service::privileges;
use crate::service::privileges::touch_maps;

/// The report.
pub fn text() -> String {
    let mut out = String::new();
    macro_rules! line { ($name:expr, $($arg:tt)*) => {{
        let _ = writeln!(out, "{:<14}{}", $name, format_args!($($arg)*));
    }} }
    let found = Capabilities::detect();
    line!("kernel", "{} ({} CPUs)", found.kernel_release, found.cpus);
    line!("BTF", "{}", if found.has_btf { "yes" } else { "no: the probe cannot be loaded" });
    line!("lockdown", "{}", found.lockdown.as_deref().unwrap_or("cannot be told"));
    line!(
        "locked memory",
        "{}",
        found.memlock_bytes.map_or("unlimited".to_owned(), |bytes| format!("{bytes} bytes"))
    );
    line!("privilege", "{}", if found.may_trace() { "may load probes" } else { "none" });
    if let Err(obstacle) = found.check() {
        line!("verdict", "cannot watch: {obstacle}");
        return out;
    }
    for (hook, verdict) in doctor::hooks() {
        let text = verdict.map_or_else(|reason| format!("no: {reason}"), |()| "yes".to_owned());
        line!(format!("hook {}", Hook::name(hook)), "{text}");
    }
    match doctor::iterators() {
        Ok(()) => line!("iterators", "yes: the initial state comes from the kernel"),
        Err(reason) => line!("iterators", "no ({reason}): the initial state comes from /proc"),
    }
    line!("privileges", "{}", privileges());
    let defaults = LiveOptions::default();
    let ring = defaults.probe.ring_bytes;
    match doctor::largest_ring(ring, defaults.probe.rings) {
        Some(bytes) if bytes >= ring => {
            line!("rings", "{} of {} MiB", defaults.probe.rings, ring >> 20)
        }
        Some(bytes) => line!("rings", "at most {bytes} bytes each: use --ring-size {bytes}"),
        None => line!("rings", "refused: raise the limit on locked memory"),
    }
    line!("workers", "{}", defaults.workers);
    line!("verdict", "peregrine run will work");
    out
}

/// What `--drop-privileges` and `--user` leave, found out with a small probe.
fn privileges() -> String {
    let options = Options { ring_bytes: 4096, hook: Some(Hook::SysExit), ..Options::default() };
    let probe = match Probe::load(options, &[0; SYSCALLS]) {
        Ok(probe) => probe,
        Err(error) => return format!("cannot be told: {error}"),
    };
    match privileges::would_keep(|| touch_maps(&probe)) {
        Ok((kept, None)) => format!("--drop-privileges keeps {}", privileges::names(kept)),
        Ok((kept, Some(refused))) => format!(
            "--drop-privileges keeps {}: without the last, {refused}",
            privileges::names(kept)
        ),
        Err(error) => format!("--drop-privileges is not possible: {error:#}"),
    }
}
