//! Why the probe cannot run, each with the way out.

use crate::capabilities::OLDEST_KERNEL;

/// An error of the probe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The process may not load tracing programs.
    #[error(
        "no permission to load the probe: run as root (sudo peregrine run), or grant CAP_BPF and \
         CAP_PERFMON (before Linux 5.8: CAP_SYS_ADMIN) and CAP_SYS_PTRACE"
    )]
    NoPrivilege,
    /// The kernel describes its types to nobody.
    #[error(
        "kernel {release} has no BTF (/sys/kernel/btf/vmlinux): Peregrine needs a kernel built \
         with CONFIG_DEBUG_INFO_BTF=y, as those of Debian 11, Ubuntu 20.10, RHEL 8.2 and later are"
    )]
    NoBtf {
        /// `uname -r`.
        release: String,
    },
    /// Lockdown forbids programs to read kernel memory.
    #[error(
        "kernel lockdown is in confidentiality mode, which forbids BPF programs to read kernel \
         memory: boot with lockdown=integrity or lockdown=none"
    )]
    Lockdown,
    /// Too old.
    #[error(
        "kernel {release} is too old: BPF ring buffers need Linux {}.{} or later",
        OLDEST_KERNEL.0, OLDEST_KERNEL.1
    )]
    KernelTooOld {
        /// `uname -r`.
        release: String,
    },
    /// The chosen hooks are refused.
    #[error("hook {hook} cannot be used on this kernel: {reason}; choose --hook auto")]
    Hook {
        /// Name of the rung.
        hook: &'static str,
        /// Why.
        reason: String,
    },
    /// An option does not fit.
    #[error("{0}")]
    Option(String),
    /// The kernel refused a step.
    #[error("{step}: {error}{hint}")]
    Kernel {
        /// What was attempted.
        step: String,
        /// What the kernel said.
        error: String,
        /// What may help; starts with a separator, or is empty.
        hint: &'static str,
    },
}

impl ProbeError {
    pub(crate) fn kernel(step: impl Into<String>, error: impl std::fmt::Display) -> Self {
        let error = error.to_string();
        let hint = if error.contains("Cannot allocate memory") || error.contains("(os error 12)") {
            "; use fewer or smaller rings (--rings, --ring-size), or raise the limit on locked \
             memory (ulimit -l unlimited)"
        } else {
            ""
        };
        Self::Kernel { step: step.into(), error, hint }
    }
}
