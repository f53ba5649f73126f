//! Parsers of the text files of a process. Each takes what it finds and ignores the rest.

/// What is used of `/proc/<pid>/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub comm: String,
    pub ppid: i64,
    pub pgid: i64,
    pub session: i64,
    /// Device number of the terminal, as stat(2) shows it; 0 if none.
    pub tty: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    /// Since boot, in steps of a clock tick.
    pub start_ns: u64,
}

impl Stat {
    pub(super) fn parse(text: &str) -> Option<Self> {
        // The name may hold spaces and parentheses; the last one ends it.
        let (open, close) = (text.find('(')?, text.rfind(')')?);
        let comm = text.get(open + 1..close)?.to_owned();
        let rest: Vec<&str> = text.get(close + 1..)?.split_ascii_whitespace().collect();
        let signed = |index: usize| rest.get(index)?.parse::<i64>().ok();
        let unsigned = |index: usize| rest.get(index)?.parse::<u64>().ok();
        // SAFETY: sysconf has no preconditions.
        let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64;
        Some(Self {
            comm,
            ppid: signed(1)?,
            pgid: signed(2)?,
            session: signed(3)?,
            tty: signed(4)?.max(0) as u64,
            minor_faults: unsigned(7)?,
            major_faults: unsigned(9)?,
            start_ns: unsigned(19)? * (1_000_000_000 / ticks),
        })
    }
}

/// What is used of `/proc/<pid>/status`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub euid: u64,
    pub egid: u64,
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
    /// In KiB.
    pub vm_size: u64,
    pub vm_rss: u64,
    pub vm_swap: u64,
    /// Ids in the innermost pid namespace.
    pub vtgid: Option<i64>,
    pub vtid: Option<i64>,
    pub vpgid: Option<i64>,
}

impl Status {
    pub(super) fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else { continue };
            let words: Vec<&str> = value.split_ascii_whitespace().collect();
            let number = |i: usize| words.get(i).and_then(|w| w.parse().ok()).unwrap_or(0);
            let hex = || u64::from_str_radix(value.trim(), 16).unwrap_or(0);
            let innermost = || words.last().and_then(|w| w.parse().ok());
            match key {
                "Uid" => status.euid = number(1),
                "Gid" => status.egid = number(1),
                "CapPrm" => status.permitted = hex(),
                "CapEff" => status.effective = hex(),
                "CapInh" => status.inheritable = hex(),
                "VmSize" => status.vm_size = number(0),
                "VmRSS" => status.vm_rss = number(0),
                "VmSwap" => status.vm_swap = number(0),
                "NStgid" => status.vtgid = innermost(),
                "NSpid" => status.vtid = innermost(),
                "NSpgid" => status.vpgid = innermost(),
                _ => {}
            }
        }
        status
    }
}

/// The thread group of a thread, from its status.
pub(super) fn tgid(status: &str) -> Option<u32> {
    status.lines().find_map(|line| line.strip_prefix("Tgid:"))?.trim().parse().ok()
}

/// `controller=path` of each controller, with its NUL, in the order in which Falco lists them. On
/// the unified hierarchy all of them are in the one group.
pub(super) fn cgroups(text: &str) -> Vec<u8> {
    const CONTROLLERS: [(&str, &str); 5] = [
        ("cpuset", "cpuset"),
        ("cpu", "cpu"),
        ("cpuacct", "cpuacct"),
        ("io", "blkio"),
        ("memory", "memory"),
    ];
    let mut unified = None;
    let mut groups = Vec::new();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(id), Some(names), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if id == "0" && names.is_empty() {
            unified = Some(path);
        }
        groups.push((names, path));
    }
    let mut out = Vec::new();
    for (name, old_name) in CONTROLLERS {
        let own = groups
            .iter()
            .find(|(names, _)| names.split(',').any(|n| n == name || n == old_name))
            .map(|(_, path)| *path);
        if let Some(path) = own.or(unified) {
            out.extend_from_slice(format!("{name}={path}\0").as_bytes());
        }
    }
    out
}

/// The soft limit of open files in `/proc/<pid>/limits`.
pub(super) fn open_files_limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_ascii_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

/// Kernel flags and mount id of `/proc/<pid>/fdinfo/<fd>`.
pub(super) fn fdinfo(text: &str) -> (u32, i64) {
    let value = |key: &str| text.lines().find_map(|l| l.strip_prefix(key)).map(str::trim);
    let flags = value("flags:").and_then(|v| u32::from_str_radix(v, 8).ok()).unwrap_or(0);
    let mount = value("mnt_id:").and_then(|v| v.parse().ok()).unwrap_or(0);
    (flags, mount)
}

/// Falco's flags of an open file; the twin of `open_flags` in `bpf/lib/flags.bpf.h`.
pub(super) fn portable_open_flags(flags: u32) -> u32 {
    const BITS: [(u32, u32); 11] = [
        (0o100, 0x4),
        (0o2000, 0x8),
        (0o10000, 0x10 | 0x80),
        (0o4000000, 0x80),
        (0o200, 0x20),
        (0o4000, 0x40),
        (0o1000, 0x100),
        (0o40000, 0x200),
        (0o200000, 0x400 | 0x2000),
        (0o20000000, 0x2000),
        (0o2000000, 0x1000),
    ];
    let access = flags & 3;
    let mut out = if access == 3 { 1 } else { access + 1 };
    for (native, portable) in BITS {
        if flags & native != 0 {
            out |= portable;
        }
    }
    if flags & 0o100000 != 0 {
        out |= 0x800;
    }
    out
}

/// The kind of an anonymous inode by its link (`anon_inode:[eventfd]`); 0 if unknown.
pub(super) fn anon_inode_kind(link: &[u8]) -> i64 {
    const NAMES: [(&[u8], i64); 14] = [
        (b"[eventfd]", 1),
        (b"[eventpoll]", 2),
        (b"inotify", 3),
        (b"[signalfd]", 4),
        (b"[timerfd]", 5),
        (b"[io_uring]", 6),
        (b"[userfaultfd]", 7),
        (b"[pidfd]", 8),
        (b"bpf-map", 9),
        (b"bpf-prog", 10),
        (b"bpf_link", 11),
        (b"bpf-link", 11),
        (b"bpf_iter", 12),
        (b"[perf_event]", 13),
    ];
    let link = link.strip_suffix(b"\0").unwrap_or(link);
    if link.starts_with(b"pidfd:") {
        return 8;
    }
    let Some(name) = link.strip_prefix(b"anon_inode:") else { return 0 };
    NAMES.iter().find(|(known, _)| *known == name).map_or(0, |(_, kind)| *kind)
}

/// When the machine booted, in nanoseconds since the epoch.
pub(super) fn boot_time_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let seconds = text.lines().find_map(|l| l.strip_prefix("btime "));
    seconds.and_then(|s| s.trim().parse::<u64>().ok()).unwrap_or(0) * 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses() {
        let text = "42 (a) b (c) S 1 42 40 34816 42 4194304 100 0 2 0 5 6 0 0 20 0 1 0 700 0 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.comm.as_str(), stat.ppid, stat.pgid), ("a) b (c", 1, 42));
        assert_eq!((stat.minor_faults, stat.major_faults, stat.tty), (100, 2, 34816));
        assert_eq!(stat.start_ns, 7_000_000_000);
        assert_eq!(Stat::parse("42 (a"), None);
    }

    #[test]
    fn groups_of_both_hierarchies() {
        let unified = cgroups("0::/system.slice/x\n");
        assert!(unified.starts_with(b"cpuset=/system.slice/x\0cpu=/system.slice/x\0"));
        let old = cgroups("4:cpu,cpuacct:/a\n3:blkio:/b\n1:name=systemd:/c\n");
        assert_eq!(old, b"cpu=/a\0cpuacct=/a\0io=/b\0");
    }

    #[test]
    fn flags_and_mount() {
        assert_eq!(fdinfo("pos:\t0\nflags:\t0100002\nmnt_id:\t29\n"), (0o100002, 29));
        assert_eq!(portable_open_flags(0o100002), 3 | 0x800);
        assert_eq!(anon_inode_kind(b"anon_inode:[timerfd]\0"), 5);
    }
}
