//! Trials: what the kernel really accepts. Everything is undone at once.

use libbpf_rs::{MapHandle, MapType, libbpf_sys};

use crate::loader::{DEDICATED, Hook, Options, Probe, SYSCALLS, with_class};
use crate::object::{open_object, try_program};
use crate::{Capabilities, Class, ProbeError, Refusal};

/// Number of `close` on x86_64: a call that every kernel has with a plain wrapper.
const CLOSE: usize = 3;

/// Loads and attaches a small probe on each rung.
pub fn hooks() -> Vec<(Hook, Result<(), String>)> {
    [Hook::Fexit, Hook::SysExit]
        .map(|hook| {
            let mut interest = [0; SYSCALLS];
            interest[CLOSE] = with_class(DEDICATED, Class::Other);
            let options = Options { ring_bytes: 4096, hook: Some(hook), ..Options::default() };
            (hook, Probe::load(options, &interest).map(drop).map_err(|error| error.to_string()))
        })
        .into()
}

/// Loads every program whose name starts with `prefix` alone. How many were tried, and those that
/// the kernel refuses. Takes a while: about 20 ms for each.
///
/// # Errors
/// If the object cannot be opened.
pub fn programs(prefix: &str) -> Result<(usize, Vec<Refusal>), ProbeError> {
    let capabilities = Capabilities::detect();
    let open = open_object()?;
    let names = open.progs().map(|program| program.name().to_string_lossy().into_owned());
    let names: Vec<_> = names.filter(|name| name.starts_with(prefix)).collect();
    let tried = names.len();
    let refusals = names.into_iter().filter_map(|program| {
        let reason = try_program(&program, &capabilities).err()?;
        Some(Refusal { program, reason })
    });
    Ok((tried, refusals.collect()))
}

/// Whether the initial state can be read with BPF iterators.
///
/// # Errors
/// Why not.
pub fn iterators() -> Result<(), String> {
    let interest = [0; SYSCALLS];
    let options = Options { ring_bytes: 4096, hook: Some(Hook::SysExit), ..Options::default() };
    let probe = Probe::load(options, &interest).map_err(|error| error.to_string())?;
    probe.read_iterators(|_| {}).map(drop).map_err(|error| error.to_string())
}

/// The largest ring, up to `wanted` bytes, that the kernel allocates `rings` times.
pub fn largest_ring(wanted: u32, rings: u32) -> Option<u32> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let mut bytes = wanted;
    while bytes >= 4096 {
        let create = || MapHandle::create(MapType::RingBuf, Some("trial"), 0, 0, bytes, &options);
        let all: Result<Vec<_>, _> = (0..rings).map(|_| create()).collect();
        if all.is_ok() {
            return Some(bytes);
        }
        bytes /= 2;
    }
    None
}
