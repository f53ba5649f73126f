//! Makes the rings and puts them into the map that holds them.
//!
//! The kernel answers each such update only after every CPU has passed a quiet point (an RCU grace
//! period, 10 to 30 ms), so that no program still sees what was there before. One ring after the
//! other that would be a second on 64 CPUs; updates that wait at the same time share the periods.

use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{MapHandle, MapType, libbpf_sys};

use crate::error::ProbeError;
use crate::loader::update;

/// Most threads that wait at the same time.
const THREADS: usize = 64;

/// Makes `count` rings of `bytes` bytes and puts them into `outer`, by index.
///
/// # Errors
/// The kernel refuses a ring (memory, mostly) or its place.
pub(crate) fn create_rings(
    count: u32,
    bytes: u32,
    outer: &MapHandle,
) -> Result<Vec<MapHandle>, ProbeError> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    let mut rings = Vec::new();
    for index in 0..count {
        let step = || format!("create ring {index} of {bytes} bytes");
        let ring = MapHandle::create(MapType::RingBuf, Some("ring"), 0, 0, bytes, &options)
            .map_err(|error| ProbeError::kernel(step(), error))?;
        rings.push(ring);
    }
    let indexed: Vec<(usize, &MapHandle)> = rings.iter().enumerate().collect();
    let place = |part: &[(usize, &MapHandle)]| {
        part.iter().try_for_each(|(index, ring)| {
            let fd = ring.as_fd().as_raw_fd().to_ne_bytes();
            update(outer, &(*index as u32).to_ne_bytes(), &fd)
        })
    };
    std::thread::scope(|scope| {
        let mut parts = indexed.chunks(indexed.len().div_ceil(THREADS).max(1));
        let first = parts.next().unwrap_or_default();
        let threads: Vec<_> = parts
            .map(|part| {
                let thread = std::thread::Builder::new().name("rings".into());
                // Where no more threads can be had, this one does it.
                thread.spawn_scoped(scope, || place(part)).map_err(|_| place(part))
            })
            .collect();
        let mut placed = place(first);
        for thread in threads {
            placed = placed.and(match thread {
                Ok(thread) => thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p)),
                Err(here) => here,
            });
        }
        placed
    })?;
    Ok(rings)
}
