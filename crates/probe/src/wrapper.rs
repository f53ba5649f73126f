//! The kernel's own functions of system calls, for the fexit rung, and the numbers of ia32 calls.

use std::io::BufRead;
use std::os::fd::{FromRawFd, OwnedFd};

use peregrine_event::syscalls::X86_64;
use peregrine_event::{EventFlags, code};

use crate::capabilities::Capabilities;
use crate::loader::{DEDICATED, GENERIC, OFF, SYSCALLS, syscall_name};

/// A system call that a program is attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapper {
    /// Name of our program.
    pub program: String,
    /// Name of the kernel's function.
    pub function: String,
}

/// Calls whose kernel function has another name (`SYSCALL_DEFINE` in the kernel's sources).
const RENAMED: [(&str, &str); 5] = [
    ("stat", "newstat"),
    ("fstat", "newfstat"),
    ("lstat", "newlstat"),
    ("umount2", "umount"),
    ("sendfile", "sendfile64"),
];

/// Wrappers without arguments have no BTF. Births come from `sched_process_fork`, so these are
/// missed only as events in their own right; `setsid` has an inner function that can be used.
const WITHOUT_BTF: [&str; 8] =
    ["fork", "vfork", "getuid", "geteuid", "getgid", "getegid", "munlockall", "inotify_init"];

/// What is to be attached for this interest.
pub(crate) fn wanted(interest: &[u8; SYSCALLS]) -> Vec<Wrapper> {
    let mut wrappers = Vec::new();
    for syscall in X86_64.iter().filter(|s| interest[s.number as usize] & 3 == DEDICATED) {
        let (Some(name), Some(def)) = (syscall_name(syscall.number), syscall.exit.def()) else {
            continue;
        };
        if WITHOUT_BTF.contains(&name) {
            continue;
        }
        let renamed =
            RENAMED.iter().find(|(plain, _)| *plain == name).map_or(name, |(_, real)| real);
        let function = match name {
            "setsid" => "ksys_setsid".to_owned(),
            _ => format!("__x64_sys_{renamed}"),
        };
        wrappers.push(Wrapper { program: format!("fexit_{}", def.name), function });
    }
    wrappers
}

/// Why the fexit rung cannot serve this interest; `None` if it can.
pub(crate) fn obstacle(interest: &[u8; SYSCALLS]) -> Option<String> {
    for syscall in &X86_64 {
        let entry = interest[syscall.number as usize];
        let name = syscall_name(syscall.number)?;
        if entry & 3 == GENERIC {
            return Some(format!("{name} is wanted, which only the sys_exit rung reports"));
        }
        // The state alone wants fork and vfork, and has the births; a rule wants the event itself.
        let class = entry >> 2;
        let for_state = syscall.exit.def().is_some_and(|d| d.flags.has(EventFlags::MODIFIES_STATE));
        let named_by_rule = entry != OFF && (!for_state || class == 2);
        if WITHOUT_BTF.contains(&name) && named_by_rule {
            return Some(format!("{name} is wanted, whose kernel function has no BTF"));
        }
    }
    None
}

/// Kernels whose fexit does harm; `None` if this is none of them.
pub(crate) fn denied(capabilities: &Capabilities) -> Option<String> {
    let release = &capabilities.kernel_release;
    if capabilities.kernel_version < (5, 12) {
        // A task that sleeps in a system call returns through the trampoline. Before e21aa341785c
        // ("bpf: Fix fexit trampoline") the trampoline was freed without waiting for it.
        return Some(format!(
            "kernel {release} may crash when fexit is detached while a task sleeps in the call \
             (fixed in 5.12)"
        ));
    }
    None
}

/// Why the kernel would refuse programs of the fexit rung, if it does: tries one that does nothing,
/// on the first function that is wanted. Cheap beside the load of the whole object, which would
/// only fail later.
pub(crate) fn trial(interest: &[u8; SYSCALLS]) -> Option<String> {
    use libbpf_rs::libbpf_sys as sys;
    const MOV_0_TO_R0: u8 = 0xb7;
    const EXIT: u8 = 0x95;
    let function = wanted(interest).first()?.function.clone();
    let name = std::ffi::CString::new(function.as_str()).ok()?;
    // SAFETY: the name is a string that lives through the call.
    let id = unsafe { sys::libbpf_find_vmlinux_btf_id(name.as_ptr(), sys::BPF_TRACE_FEXIT) };
    // A function that is not described is dealt with when programs are chosen.
    let attach_btf_id = u32::try_from(id).ok().filter(|id| *id > 0)?;
    let instructions = [MOV_0_TO_R0, EXIT].map(|code| sys::bpf_insn { code, ..Default::default() });
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as sys::size_t,
        expected_attach_type: sys::BPF_TRACE_FEXIT,
        attach_btf_id,
        ..Default::default()
    };
    // SAFETY: the strings, the instructions and the options live through the call, and the count is
    // that of the instructions.
    let fd = unsafe {
        sys::bpf_prog_load(
            sys::BPF_PROG_TYPE_TRACING,
            c"trial".as_ptr(),
            c"Dual BSD/GPL".as_ptr(),
            instructions.as_ptr(),
            instructions.len() as sys::size_t,
            &mut options,
        )
    };
    if fd < 0 {
        let error = std::io::Error::from_raw_os_error(-fd);
        return Some(format!("the kernel refuses a program on {function}: {error}"));
    }
    // SAFETY: a descriptor that was just opened for us and that nobody else owns.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    None
}

/// Whether the kernel has a function of this name, described or not.
pub(crate) fn is_in_kernel(function: &str) -> bool {
    let Ok(symbols) = std::fs::File::open("/proc/kallsyms") else { return false };
    let lines = std::io::BufReader::new(symbols).lines().map_while(Result::ok);
    lines.into_iter().any(|line| line.split_whitespace().nth(2) == Some(function))
}

/// The x86_64 number of each ia32 call that takes the same arguments; `SYSCALLS` for the others.
///
/// Numbers are those of arch/x86/entry/syscalls/syscall_32.tbl.
pub(crate) fn ia32_numbers() -> [u16; SYSCALLS] {
    let mut table = [SYSCALLS as u16; SYSCALLS];
    for (ia32, name) in IA32 {
        let native = X86_64.iter().find(|s| syscall_name(s.number) == Some(name));
        if let Some(native) = native.filter(|s| s.exit != code::GENERIC_X) {
            table[*ia32 as usize] = native.number;
        }
    }
    // Since 5.1 new calls have the same number everywhere.
    for number in 424..SYSCALLS as u16 {
        if syscall_name(number).is_some() {
            table[number as usize] = number;
        }
    }
    table
}

/// ia32 calls with the x86_64 call that takes the same arguments.
const IA32: &[(u16, &str)] = &[
    (2, "fork"),
    (3, "read"),
    (4, "write"),
    (5, "open"),
    (6, "close"),
    (8, "creat"),
    (9, "link"),
    (10, "unlink"),
    (11, "execve"),
    (12, "chdir"),
    (14, "mknod"),
    (15, "chmod"),
    (19, "lseek"),
    (21, "mount"),
    (26, "ptrace"),
    (33, "access"),
    (37, "kill"),
    (38, "rename"),
    (39, "mkdir"),
    (40, "rmdir"),
    (41, "dup"),
    (42, "pipe"),
    (45, "brk"),
    (52, "umount2"),
    (54, "ioctl"),
    (55, "fcntl"),
    (57, "setpgid"),
    (61, "chroot"),
    (63, "dup2"),
    (66, "setsid"),
    (83, "symlink"),
    (91, "munmap"),
    (94, "fchmod"),
    (120, "clone"),
    (125, "mprotect"),
    (128, "init_module"),
    (129, "delete_module"),
    (131, "quotactl"),
    (133, "fchdir"),
    (143, "flock"),
    (145, "readv"),
    (146, "writev"),
    (150, "mlock"),
    (151, "munlock"),
    (152, "mlockall"),
    (153, "munlockall"),
    (162, "nanosleep"),
    (168, "poll"),
    (172, "prctl"),
    (183, "getcwd"),
    (185, "capset"),
    (190, "vfork"),
    (192, "mmap"),
    (198, "lchown"),
    (199, "getuid"),
    (200, "getgid"),
    (201, "geteuid"),
    (202, "getegid"),
    (203, "setreuid"),
    (204, "setregid"),
    (207, "fchown"),
    (208, "setresuid"),
    (209, "getresuid"),
    (210, "setresgid"),
    (211, "getresgid"),
    (212, "chown"),
    (213, "setuid"),
    (214, "setgid"),
    (220, "getdents64"),
    (240, "futex"),
    (254, "epoll_create"),
    (256, "epoll_wait"),
    (270, "tgkill"),
    (238, "tkill"),
    (288, "keyctl"),
    (291, "inotify_init"),
    (295, "openat"),
    (296, "mkdirat"),
    (297, "mknodat"),
    (298, "fchownat"),
    (301, "unlinkat"),
    (302, "renameat"),
    (303, "linkat"),
    (304, "symlinkat"),
    (306, "fchmodat"),
    (309, "ppoll"),
    (310, "unshare"),
    (313, "splice"),
    (321, "signalfd"),
    (322, "timerfd_create"),
    (323, "eventfd"),
    (327, "signalfd4"),
    (328, "eventfd2"),
    (329, "epoll_create1"),
    (330, "dup3"),
    (331, "pipe2"),
    (332, "inotify_init1"),
    (340, "prlimit64"),
    (342, "open_by_handle_at"),
    (346, "setns"),
    (347, "process_vm_readv"),
    (348, "process_vm_writev"),
    (350, "finit_module"),
    (353, "renameat2"),
    (354, "seccomp"),
    (356, "memfd_create"),
    (357, "bpf"),
    (358, "execveat"),
    (359, "socket"),
    (360, "socketpair"),
    (361, "bind"),
    (362, "connect"),
    (363, "listen"),
    (364, "accept4"),
    (365, "getsockopt"),
    (366, "setsockopt"),
    (367, "getsockname"),
    (368, "getpeername"),
    (369, "sendto"),
    (370, "sendmsg"),
    (371, "recvfrom"),
    (372, "recvmsg"),
    (373, "shutdown"),
    (374, "userfaultfd"),
    (376, "mlock2"),
    (377, "copy_file_range"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ia32_names_exist_and_are_unique() {
        let table = ia32_numbers();
        assert_eq!(table[3], 0, "read");
        assert_eq!(table[5], 2, "open");
        assert_eq!(table[435], 435, "clone3");
        assert_eq!(table[0], SYSCALLS as u16);
        let mut numbers: Vec<u16> = IA32.iter().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), IA32.len());
        for (_, name) in IA32 {
            let known = X86_64.iter().any(|s| syscall_name(s.number) == Some(name));
            assert!(known, "{name}");
        }
    }

    #[test]
    fn functions_have_the_kernels_names() {
        let mut interest = [OFF; SYSCALLS];
        interest[5] = DEDICATED; // fstat
        interest[257] = DEDICATED; // openat
        interest[112] = DEDICATED; // setsid
        let functions: Vec<_> = wanted(&interest).into_iter().map(|w| w.function).collect();
        assert_eq!(functions, ["__x64_sys_newfstat", "ksys_setsid", "__x64_sys_openat"]);
        assert_eq!(obstacle(&interest), None);
        interest[110] = GENERIC; // getppid
        assert!(obstacle(&interest).unwrap().contains("getppid"));
    }
}
