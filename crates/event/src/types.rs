//! Parameter and field types, and how wide each is on the wire.
//!
//! The set and the numbers are Falco's (falco-facts §6.2); the widths in a compact record are the
//! natural ones of the kernel (design D1), those in a `.scap` file Falco's.

/// Type of an event parameter or of a field. The discriminant is Falco's type number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum ParamType {
    None = 0,
    Int8 = 1,
    Int16 = 2,
    Int32 = 3,
    Int64 = 4,
    Uint8 = 5,
    Uint16 = 6,
    Uint32 = 7,
    Uint64 = 8,
    /// Bytes that end in NUL.
    CharBuf = 9,
    /// Raw bytes.
    ByteBuf = 10,
    /// A result: zero or positive on success, a negated errno on failure.
    Errno = 11,
    /// One address family byte, then the address.
    SockAddr = 12,
    /// One address family byte, then source and destination.
    SockTuple = 13,
    Fd = 14,
    Pid = 15,
    /// A `u16` count, then `(i64 fd, u16 flags)` each.
    FdList = 16,
    FsPath = 17,
    SyscallId = 18,
    SigType = 19,
    /// Nanoseconds.
    RelTime = 20,
    /// Nanoseconds since the epoch.
    AbsTime = 21,
    Port = 22,
    L4Proto = 23,
    SockFamily = 24,
    Bool = 25,
    Ipv4Addr = 26,
    /// The first byte selects the type of the rest.
    Dyn = 27,
    Flags8 = 28,
    Flags16 = 29,
    Flags32 = 30,
    /// A user id; `u32::MAX` is none.
    Uid = 31,
    /// A group id; `u32::MAX` is none.
    Gid = 32,
    Double = 33,
    SigSet = 34,
    CharBufArray = 35,
    CharBufPairArray = 36,
    Ipv4Net = 37,
    Ipv6Addr = 38,
    Ipv6Net = 39,
    IpAddr = 40,
    IpNet = 41,
    Mode = 42,
    /// A path relative to the directory fd in another parameter.
    FsRelPath = 43,
    EnumFlags8 = 44,
    EnumFlags16 = 45,
    EnumFlags32 = 46,
    Fd32 = 47,
    Pid32 = 48,
}

/// How a number is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Format {
    Na,
    Dec,
    Hex,
    /// Decimal, padded with zeros to ten digits.
    PaddedDec,
    Id,
    Dir,
    Oct,
}

/// Bytes a value of a type takes on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Always this many bytes (1, 2, 4 or 8).
    Fixed(u8),
    /// A length, then that many bytes.
    Variable,
}

impl ParamType {
    /// Width in a `.scap` file and in the wide record layout (falco-facts §6.2).
    pub const fn scap_width(self) -> Width {
        use ParamType::*;
        match self {
            Int8 | Uint8 | Flags8 | EnumFlags8 | SigType | L4Proto | SockFamily => Width::Fixed(1),
            Int16 | Uint16 | SyscallId | Port | Flags16 | EnumFlags16 => Width::Fixed(2),
            Int32 | Uint32 | Bool | Uid | Gid | Flags32 | EnumFlags32 | Mode | SigSet
            | Ipv4Addr | Fd32 | Pid32 => Width::Fixed(4),
            Int64 | Uint64 | Errno | Fd | Pid | RelTime | AbsTime | Double => Width::Fixed(8),
            None | CharBuf | ByteBuf | SockAddr | SockTuple | FdList | FsPath | Dyn
            | CharBufArray | CharBufPairArray | Ipv4Net | Ipv6Addr | Ipv6Net | IpAddr | IpNet
            | FsRelPath => Width::Variable,
        }
    }

    /// Width in the compact layout: as [`Self::scap_width`], but results, fds and pids are the
    /// 32-bit values they are in the kernel.
    pub const fn natural_width(self) -> Width {
        match self {
            ParamType::Errno | ParamType::Fd | ParamType::Pid => Width::Fixed(4),
            other => other.scap_width(),
        }
    }

    /// Whether the bytes of a fixed-size value are a signed number.
    pub const fn is_signed(self) -> bool {
        use ParamType::*;
        matches!(self, Int8 | Int16 | Int32 | Int64 | Errno | Fd | Pid | Fd32 | Pid32)
    }

    /// Text that ends in NUL on the wire.
    pub const fn is_text(self) -> bool {
        matches!(self, ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath)
    }

    /// Falco's spelling, as in `INT64` or `FSRELPATH`.
    pub const fn name(self) -> &'static str {
        NAMES[self as usize]
    }

    /// The type with this Falco number.
    pub fn from_number(number: u8) -> Option<Self> {
        ALL.get(number as usize).copied()
    }

    /// The type with this Falco spelling.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().position(|n| *n == name).map(|i| ALL[i])
    }
}

const ALL: [ParamType; 49] = {
    use ParamType::*;
    [
        None,
        Int8,
        Int16,
        Int32,
        Int64,
        Uint8,
        Uint16,
        Uint32,
        Uint64,
        CharBuf,
        ByteBuf,
        Errno,
        SockAddr,
        SockTuple,
        Fd,
        Pid,
        FdList,
        FsPath,
        SyscallId,
        SigType,
        RelTime,
        AbsTime,
        Port,
        L4Proto,
        SockFamily,
        Bool,
        Ipv4Addr,
        Dyn,
        Flags8,
        Flags16,
        Flags32,
        Uid,
        Gid,
        Double,
        SigSet,
        CharBufArray,
        CharBufPairArray,
        Ipv4Net,
        Ipv6Addr,
        Ipv6Net,
        IpAddr,
        IpNet,
        Mode,
        FsRelPath,
        EnumFlags8,
        EnumFlags16,
        EnumFlags32,
        Fd32,
        Pid32,
    ]
};

const NAMES: [&str; 49] = [
    "NONE",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "CHARBUF",
    "BYTEBUF",
    "ERRNO",
    "SOCKADDR",
    "SOCKTUPLE",
    "FD",
    "PID",
    "FDLIST",
    "FSPATH",
    "SYSCALLID",
    "SIGTYPE",
    "RELTIME",
    "ABSTIME",
    "PORT",
    "L4PROTO",
    "SOCKFAMILY",
    "BOOL",
    "IPV4ADDR",
    "DYN",
    "FLAGS8",
    "FLAGS16",
    "FLAGS32",
    "UID",
    "GID",
    "DOUBLE",
    "SIGSET",
    "CHARBUFARRAY",
    "CHARBUF_PAIR_ARRAY",
    "IPV4NET",
    "IPV6ADDR",
    "IPV6NET",
    "IPADDR",
    "IPNET",
    "MODE",
    "FSRELPATH",
    "ENUMFLAGS8",
    "ENUMFLAGS16",
    "ENUMFLAGS32",
    "FD32",
    "PID32",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree() {
        for number in 0..49u8 {
            let ty = ParamType::from_number(number).unwrap();
            assert_eq!(ty as u8, number);
            assert_eq!(ParamType::from_name(ty.name()), Some(ty));
        }
        assert_eq!(ParamType::from_number(49), None);
    }
}
