//! What the state lists of a capture hold. The same types are read and written.

/// The machine a capture was made on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MachineInfo {
    /// Processors.
    pub num_cpus: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Highest process id.
    pub max_pid: u64,
    /// Host name, at most 127 bytes.
    pub hostname: Vec<u8>,
    /// Boot time, nanoseconds since the epoch.
    pub boot_ts: u64,
    /// Flags; none is defined for readers.
    pub flags: u64,
}

/// A thread of the process list. Fields that a version does not have keep their default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadEntry {
    /// Thread id.
    pub tid: i64,
    /// Thread group id.
    pub pid: i64,
    /// Parent thread id.
    pub ptid: i64,
    /// Session id; -1 unknown.
    pub sid: i64,
    /// Process group in its pid namespace; -1 unknown.
    pub vpgid: i64,
    /// Process group; -1 unknown.
    pub pgid: i64,
    /// Command name.
    pub comm: Vec<u8>,
    /// First argument.
    pub exe: Vec<u8>,
    /// Path of the executable.
    pub exepath: Vec<u8>,
    /// Arguments after the first, each ends in NUL.
    pub args: Vec<u8>,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// Largest number of open files.
    pub fdlimit: i64,
    /// Clone flags.
    pub flags: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Virtual memory.
    pub vmsize_kb: u32,
    /// Resident memory.
    pub vmrss_kb: u32,
    /// Swapped memory.
    pub vmswap_kb: u32,
    /// Major page faults.
    pub pfmajor: u64,
    /// Minor page faults.
    pub pfminor: u64,
    /// Environment, each variable ends in NUL.
    pub env: Vec<u8>,
    /// Thread id in its pid namespace; -1 unknown.
    pub vtid: i64,
    /// Thread group id in its pid namespace; -1 unknown.
    pub vpid: i64,
    /// Control groups, `subsystem=path`, each ends in NUL.
    pub cgroups: Vec<u8>,
    /// Root directory.
    pub root: Vec<u8>,
    /// Start of the first process of the pid namespace, nanoseconds since the epoch.
    pub pidns_init_start_ts: u64,
    /// Terminal; 0 none.
    pub tty: u32,
    /// Audit user; all ones is none.
    pub loginuid: u32,
    /// The user may write the executable.
    pub exe_writable: bool,
    /// Capabilities.
    pub cap_inheritable: u64,
    /// Capabilities.
    pub cap_permitted: u64,
    /// Capabilities.
    pub cap_effective: u64,
    /// The executable is on the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// Inode of the executable.
    pub exe_ino: u64,
    /// Its last change of status, nanoseconds since the epoch.
    pub exe_ino_ctime: u64,
    /// Its last change of content, nanoseconds since the epoch.
    pub exe_ino_mtime: u64,
    /// The executable is a memory file.
    pub exe_from_memfd: bool,
    /// The executable is on a lower layer of an overlay.
    pub exe_lower_layer: bool,
}

impl Default for ThreadEntry {
    fn default() -> Self {
        Self {
            tid: 0,
            pid: 0,
            ptid: 0,
            sid: -1,
            vpgid: -1,
            pgid: -1,
            comm: Vec::new(),
            exe: Vec::new(),
            exepath: Vec::new(),
            args: Vec::new(),
            cwd: Vec::new(),
            fdlimit: 0,
            flags: 0,
            uid: 0,
            gid: 0,
            vmsize_kb: 0,
            vmrss_kb: 0,
            vmswap_kb: 0,
            pfmajor: 0,
            pfminor: 0,
            env: Vec::new(),
            vtid: -1,
            vpid: -1,
            cgroups: Vec::new(),
            root: Vec::new(),
            pidns_init_start_ts: 0,
            tty: 0,
            loginuid: u32::MAX,
            exe_writable: false,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
            exe_upper_layer: false,
            exe_ino: 0,
            exe_ino_ctime: 0,
            exe_ino_mtime: 0,
            exe_from_memfd: false,
            exe_lower_layer: false,
        }
    }
}

/// Kind of a file descriptor; the number is the one in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum FdKind {
    Unknown = 0,
    /// A regular file without open flags, as old captures have it.
    File = 1,
    Directory = 2,
    Ipv4Socket = 3,
    Ipv6Socket = 4,
    Ipv4Server = 5,
    Ipv6Server = 6,
    Fifo = 7,
    UnixSocket = 8,
    Event = 9,
    Unsupported = 10,
    Signal = 11,
    EventPoll = 12,
    Inotify = 13,
    Timer = 14,
    Netlink = 15,
    /// A regular file with open flags and device.
    FileV2 = 16,
    Bpf = 17,
    UserFault = 18,
    IoUring = 19,
    MemFd = 20,
    PidFd = 21,
}

impl FdKind {
    /// The kind with this number; `None` for one of the future.
    pub fn from_number(number: u8) -> Option<Self> {
        use FdKind::*;
        const ALL: [FdKind; 22] = [
            Unknown,
            File,
            Directory,
            Ipv4Socket,
            Ipv6Socket,
            Ipv4Server,
            Ipv6Server,
            Fifo,
            UnixSocket,
            Event,
            Unsupported,
            Signal,
            EventPoll,
            Inotify,
            Timer,
            Netlink,
            FileV2,
            Bpf,
            UserFault,
            IoUring,
            MemFd,
            PidFd,
        ];
        ALL.get(number as usize).copied()
    }
}

/// An open file descriptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FdEntry {
    /// Number.
    pub fd: i64,
    /// Inode, for sockets too.
    pub ino: u64,
    /// Kind.
    pub kind: FdKind,
    /// What is known of it, as fits the kind.
    pub info: FdInfo,
}

/// Details of a file descriptor. Addresses are in network order, ports are numbers; `l4` is
/// Falco's transport number (2 TCP, 3 UDP, 4 ICMP, 5 raw).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FdInfo {
    /// Only for [`FdKind::Unknown`].
    None,
    Name(Vec<u8>),
    File {
        open_flags: u32,
        name: Vec<u8>,
        dev: u32,
    },
    Ipv4 {
        source: [u8; 4],
        dest: [u8; 4],
        source_port: u16,
        dest_port: u16,
        l4: u8,
    },
    Ipv6 {
        source: [u8; 16],
        dest: [u8; 16],
        source_port: u16,
        dest_port: u16,
        l4: u8,
    },
    Ipv4Server {
        ip: [u8; 4],
        port: u16,
        l4: u8,
    },
    Ipv6Server {
        ip: [u8; 16],
        port: u16,
        l4: u8,
    },
    Unix {
        source: u64,
        dest: u64,
        name: Vec<u8>,
    },
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// Id.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// Name.
    pub name: Vec<u8>,
    /// Home directory.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Id.
    pub gid: u32,
    /// Name.
    pub name: Vec<u8>,
}

/// The users and groups of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Users {
    /// Users.
    pub users: Vec<User>,
    /// Groups.
    pub groups: Vec<Group>,
}

/// An address of a network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Name, as in `eth0`.
    pub name: Vec<u8>,
    /// Address, mask and broadcast address, in network order.
    pub address: InterfaceAddress,
    /// Speed in bits per second; 0 unknown.
    pub link_speed: u64,
}

/// Addresses of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum InterfaceAddress {
    V4 { address: [u8; 4], mask: [u8; 4], broadcast: [u8; 4] },
    V6 { address: [u8; 16], mask: [u8; 16], broadcast: [u8; 16] },
}
