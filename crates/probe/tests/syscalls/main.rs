//! Live tests of the captures in `bpf/syscalls/`: each makes a real system call with known
//! arguments, once with success and once without, and checks the parameters of its event.
//!
//! They need root and a kernel with BTF; elsewhere they print `skipped: …` and pass. One probe is
//! loaded for all of them, on the rung that every kernel has; `PEREGRINE_TEST_HOOK=fexit` takes the
//! other one (the tests of generic events, ia32 and the calls without BTF then fail: it does not
//! report those).

mod compat;
mod credentials;
mod fd;
mod fd_create;
mod file_open;
mod file_path;
mod io;
mod ipc;
mod memory;
mod mounts;
mod process;
mod socket;
mod socket_io;
mod tracer;
