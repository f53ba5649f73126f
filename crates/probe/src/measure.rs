//! What programs cost: the verifier at load, and events when they run.

use std::os::fd::{AsFd, AsRawFd};

use libbpf_rs::{Program, libbpf_sys};

use crate::error::ProbeError;

/// Cost of one kernel program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramCost {
    /// Name of the program.
    pub name: String,
    /// Times it ran.
    pub runs: u64,
    /// Nanoseconds it took, summed.
    pub ns: u64,
}

/// Size of one program in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramSize {
    /// Name of the program.
    pub name: String,
    /// Instructions, after the verifier has removed what cannot be reached.
    pub instructions: u32,
    /// Instructions that the verifier walked, which is what a load takes time for; 0 before 5.16.
    pub verified: u32,
}

pub(crate) fn program_size(program: &Program<'_>) -> Result<ProgramSize, ProbeError> {
    let mut info = libbpf_sys::bpf_prog_info::default();
    let mut bytes = size_of::<libbpf_sys::bpf_prog_info>() as u32;
    let fd = program.as_fd().as_raw_fd();
    let name = program.name().to_string_lossy().into_owned();
    // SAFETY: the structure and its size are valid for writing through the call.
    let error = unsafe { libbpf_sys::bpf_prog_get_info_by_fd(fd, &mut info, &mut bytes) };
    if error != 0 {
        let error = std::io::Error::from_raw_os_error(-error);
        return Err(ProbeError::kernel(format!("ask for the size of {name}"), error));
    }
    let instructions = info.xlated_prog_len / size_of::<libbpf_sys::bpf_insn>() as u32;
    Ok(ProgramSize { name, instructions, verified: info.verified_insns })
}

/// What a program cost since statistics are on; `None` if it has not run.
pub(crate) fn program_cost(program: &Program<'_>) -> Option<ProgramCost> {
    let path = format!("/proc/self/fdinfo/{}", program.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let number = |key: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
    };
    let (runs, ns) = (number("run_cnt:"), number("run_time_ns:"));
    let name = program.name().to_string_lossy().into_owned();
    (runs > 0).then_some(ProgramCost { name, runs, ns })
}

/// Statistics are on for as long as the returned descriptor is open.
pub(crate) fn enable_stats() -> Result<std::os::fd::OwnedFd, ProbeError> {
    use std::os::fd::FromRawFd;
    // SAFETY: a plain system call wrapper without pointers.
    let fd = unsafe { libbpf_sys::bpf_enable_stats(libbpf_sys::BPF_STATS_RUN_TIME) };
    if fd < 0 {
        let error = std::io::Error::from_raw_os_error(-fd);
        return Err(ProbeError::kernel("measure the probe's cost (--stats)", error));
    }
    // SAFETY: a descriptor that was just opened for us and that nobody else owns.
    Ok(unsafe { std::os::fd::OwnedFd::from_raw_fd(fd) })
}
