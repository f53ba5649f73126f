//! What this kernel and this process allow, found out without attaching anything for good.

use std::path::Path;

use crate::ProbeError;

/// What was found. See [`Capabilities::detect`].
#[derive(Debug, Clone)]
pub struct Capabilities {
    /// `uname -r`.
    pub kernel_release: String,
    /// Major and minor version.
    pub kernel_version: (u32, u32),
    /// `/sys/kernel/btf/vmlinux` can be read.
    pub has_btf: bool,
    /// Effective capabilities of this process.
    pub effective: u64,
    /// Kernel lockdown: `none`, `integrity`, `confidentiality`; `None` if it cannot be told.
    pub lockdown: Option<String>,
    /// Bytes of locked memory allowed; `None` is unlimited. Matters before 5.11 only.
    pub memlock_bytes: Option<u64>,
    /// CPUs that exist.
    pub cpus: u32,
}

/// Capability numbers (include/uapi/linux/capability.h).
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Oldest kernel whose features the probe needs: ring buffers came with 5.8.
pub const OLDEST_KERNEL: (u32, u32) = (5, 8);

impl Capabilities {
    /// Looks at the running system.
    pub fn detect() -> Self {
        let kernel_release = std::fs::read_to_string("/proc/sys/kernel/osrelease")
            .unwrap_or_default()
            .trim()
            .to_owned();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let effective = status
            .lines()
            .find_map(|line| line.strip_prefix("CapEff:"))
            .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
            .unwrap_or(0);
        Self {
            kernel_version: version(&kernel_release),
            kernel_release,
            has_btf: std::fs::File::open("/sys/kernel/btf/vmlinux").is_ok(),
            effective,
            lockdown: lockdown(),
            memlock_bytes: memlock(),
            cpus: possible_cpus(),
        }
    }

    fn has(&self, capability: u32) -> bool {
        self.effective >> capability & 1 != 0
    }

    /// Whether the process may load and attach tracing programs.
    pub fn may_trace(&self) -> bool {
        self.has(CAP_SYS_ADMIN) || (self.has(CAP_BPF) && self.has(CAP_PERFMON))
    }

    /// What stands in the way of the probe.
    ///
    /// # Errors
    /// One [`ProbeError`] whose text names the way out, the most basic obstacle first.
    pub fn check(&self) -> Result<(), ProbeError> {
        if self.kernel_version < OLDEST_KERNEL {
            return Err(ProbeError::KernelTooOld { release: self.kernel_release.clone() });
        }
        if !self.has_btf {
            return Err(ProbeError::NoBtf { release: self.kernel_release.clone() });
        }
        if !self.may_trace() {
            return Err(ProbeError::NoPrivilege);
        }
        if self.lockdown.as_deref() == Some("confidentiality") {
            return Err(ProbeError::Lockdown);
        }
        Ok(())
    }
}

fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|n| n.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// The word in brackets, as in `none [integrity] confidentiality`.
fn lockdown() -> Option<String> {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown").ok()?;
    chosen(&text).map(str::to_owned)
}

fn chosen(text: &str) -> Option<&str> {
    text.split_once('[')?.1.split_once(']').map(|(word, _)| word)
}

fn memlock() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max locked memory"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

/// CPUs the kernel may ever bring up: per-CPU things need a place for each.
fn possible_cpus() -> u32 {
    let text = std::fs::read_to_string(Path::new("/sys/devices/system/cpu/possible"));
    text.ok().and_then(|text| last_cpu(&text)).map_or(1, |last| last + 1)
}

fn last_cpu(list: &str) -> Option<u32> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_the_kernel_are_understood() {
        assert_eq!(version("6.1.0-50-cloud-amd64"), (6, 1));
        assert_eq!(version("5.10"), (5, 10));
        assert_eq!(version(""), (0, 0));
        assert_eq!(chosen("none [integrity] confidentiality"), Some("integrity"));
        assert_eq!(chosen("none"), None);
        assert_eq!(last_cpu("0-63\n"), Some(63));
        assert_eq!(last_cpu("0,2-3"), Some(3));
    }

    #[test]
    fn the_most_basic_obstacle_is_named_first() {
        let mut system = Capabilities {
            kernel_release: "5.4.0".into(),
            kernel_version: (5, 4),
            has_btf: false,
            effective: 0,
            lockdown: Some("confidentiality".into()),
            memlock_bytes: None,
            cpus: 1,
        };
        assert!(matches!(system.check(), Err(ProbeError::KernelTooOld { .. })));
        system.kernel_version = (6, 1);
        assert!(matches!(system.check(), Err(ProbeError::NoBtf { .. })));
        system.has_btf = true;
        assert!(matches!(system.check(), Err(ProbeError::NoPrivilege)));
        system.effective = 1 << CAP_BPF | 1 << CAP_PERFMON;
        assert!(matches!(system.check(), Err(ProbeError::Lockdown)));
        system.lockdown = Some("integrity".into());
        assert!(system.check().is_ok());
    }
}
