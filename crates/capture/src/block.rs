//! Block types of a `.scap` file.
//!
//! ```text
//! block   u32 type | u32 total length | body, padded to 4 bytes | u32 total length
//! section header body   u32 byte order mark | u16 major | u16 minor | u64 length of the section
//! event body            u16 cpu | [u32 flags] | event | [pcapng options]
//! event                 u64 ts | u64 tid | u32 length | u16 type | [u32 parameter count]
//!                       | u16 or u32 length of each parameter | parameters
//! ```
//!
//! The flags exist in the `FLAGS` block types, the parameter count since the second version, and
//! the lengths are 32 bits wide for event types with large payloads.

use std::fmt;

/// Type of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockType(pub u32);

#[allow(missing_docs)]
impl BlockType {
    pub const SECTION: Self = Self(0x0a0d_0d0a);
    pub const MACHINE: Self = Self(0x201);
    pub const THREADS_V1: Self = Self(0x202);
    pub const THREADS_V2: Self = Self(0x207);
    pub const THREADS_V3: Self = Self(0x209);
    pub const THREADS_V4: Self = Self(0x210);
    pub const THREADS_V9: Self = Self(0x215);
    pub const FDS_V1: Self = Self(0x203);
    pub const FDS_V2: Self = Self(0x218);
    pub const EVENT_V1: Self = Self(0x204);
    pub const EVENT_V2: Self = Self(0x216);
    pub const EVENT_V2_LARGE: Self = Self(0x221);
    pub const EVENT_FLAGS_V1: Self = Self(0x208);
    pub const EVENT_FLAGS_V2: Self = Self(0x217);
    pub const EVENT_FLAGS_V2_LARGE: Self = Self(0x222);
    pub const INTERFACES_V1: Self = Self(0x205);
    pub const INTERFACES_V2: Self = Self(0x219);
    pub const USERS_V1: Self = Self(0x206);
    pub const USERS_V2: Self = Self(0x220);
}

/// What the body of a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Section,
    Machine,
    /// Process list, version 1 to 9.
    Threads(u8),
    Fds {
        has_len: bool,
    },
    Event {
        has_flags: bool,
        has_count: bool,
        is_large: bool,
    },
    Interfaces {
        has_len: bool,
    },
    Users {
        has_len: bool,
    },
    /// Skipped.
    Unknown,
}

impl BlockType {
    /// What blocks of this type hold; legacy numbers, used before the first release, included.
    pub(crate) const fn content(self) -> Content {
        const fn event(has_flags: bool, has_count: bool, is_large: bool) -> Content {
            Content::Event { has_flags, has_count, is_large }
        }
        match self.0 {
            0x0a0d_0d0a => Content::Section,
            0x201 | 0x8002_abcd => Content::Machine,
            0x202 | 0x8000_abcd => Content::Threads(1),
            0x207 | 0x8013_abcd => Content::Threads(2),
            0x209 | 0x8014_abcd => Content::Threads(3),
            0x210..=0x215 => Content::Threads((self.0 - 0x210) as u8 + 4),
            0x203 | 0x8001_abcd => Content::Fds { has_len: false },
            0x218 => Content::Fds { has_len: true },
            0x204 | 0x8010_abcd => event(false, false, false),
            0x208 => event(true, false, false),
            0x216 => event(false, true, false),
            0x217 => event(true, true, false),
            0x221 => event(false, true, true),
            0x222 => event(true, true, true),
            0x205 | 0x8011_abcd => Content::Interfaces { has_len: false },
            0x219 => Content::Interfaces { has_len: true },
            0x206 | 0x8012_abcd => Content::Users { has_len: false },
            0x220 => Content::Users { has_len: true },
            _ => Content::Unknown,
        }
    }
}

impl fmt::Display for BlockType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.content() {
            Content::Section => "section header",
            Content::Machine => "machine info block",
            Content::Threads(_) => "process list block",
            Content::Fds { .. } => "fd list block",
            Content::Event { .. } => "event block",
            Content::Interfaces { .. } => "interface list block",
            Content::Users { .. } => "user list block",
            Content::Unknown => "block",
        };
        write!(f, "{what} ({:#x})", self.0)
    }
}
