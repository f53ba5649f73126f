//! Bits of Falco's portable flag values that the state acts on.
#![allow(missing_docs)]

/// Flags of a thread: those of `clone`, and marks of our own side.
pub mod thread {
    pub const CLONE_FILES: u32 = 1;
    pub const CLONE_NEWPID: u32 = 1 << 6;
    pub const CLONE_PARENT: u32 = 1 << 8;
    pub const CLONE_THREAD: u32 = 1 << 13;
    /// The child's event came before the parent's.
    pub const CLONE_INVERTED: u32 = 1 << 16;
    pub const NAME_CHANGED: u32 = 1 << 17;
    /// The thread has exited.
    pub const CLOSED: u32 = 1 << 18;
    /// An event of the thread other than a clone was seen.
    pub const ACTIVE: u32 = 1 << 19;
    pub const CLONE_NEWUSER: u32 = 1 << 20;
    pub const PIPE_SRC: u32 = 1 << 21;
    pub const PIPE_DST: u32 = 1 << 22;
    pub const CLONE_VFORK: u32 = 1 << 27;
    pub const CHILD_IN_PIDNS: u32 = 1 << 29;
    pub const IS_MAIN_THREAD: u32 = 1 << 30;
}

/// Flags of an open file.
pub mod file {
    pub const F_CREATED: u32 = 1 << 14;
    pub const DIRECTORY: u32 = 1 << 10;
    pub const CLOEXEC: u32 = 1 << 12;
    pub const UPPER_LAYER: u32 = 1 << 15;
    pub const LOWER_LAYER: u32 = 1 << 16;
    /// Close-on-exec of an epoll or memory file descriptor, in their own flag spaces.
    pub const OTHER_CLOEXEC: u32 = 1;
    pub const CREAT_UPPER_LAYER: u32 = 1;
    pub const CREAT_LOWER_LAYER: u32 = 2;
    pub const CLOSE_RANGE_CLOEXEC: u32 = 4;
}

/// Flags of an executable, as `execve` reports them.
pub mod exe {
    pub const WRITABLE: u32 = 1;
    pub const UPPER_LAYER: u32 = 2;
    pub const FROM_MEMFD: u32 = 4;
    pub const LOWER_LAYER: u32 = 8;
}

/// Flags of [`crate::Fd::flags`].
pub mod fd {
    pub const FROM_PROC: u32 = 1;
    pub const ROLE_CLIENT: u32 = 1 << 2;
    pub const ROLE_SERVER: u32 = 1 << 3;
    pub const SOCKET_CONNECTED: u32 = 1 << 13;
    pub const CONNECTION_PENDING: u32 = 1 << 15;
    pub const CONNECTION_FAILED: u32 = 1 << 16;
    pub const OVERLAY_UPPER: u32 = 1 << 17;
    pub const OVERLAY_LOWER: u32 = 1 << 18;
}

/// The directory fd that stands for the working directory.
pub const AT_FDCWD: i64 = -100;
/// Address families.
pub const AF_UNIX: u8 = 1;
pub const AF_INET: u8 = 2;
pub const AF_INET6: u8 = 10;
pub const AF_NETLINK: u8 = 16;
/// All capabilities there are.
pub const ALL_CAPABILITIES: u64 = (1 << 41) - 1;
