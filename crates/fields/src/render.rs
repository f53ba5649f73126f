//! Event parameters as text: what `evt.args` and `evt.arg` show.
//!
//! A parameter has a *raw* text (the number, the path as given) and sometimes a *resolved* one
//! (the name of the flags, the absolute path). `evt.args` shows `name=raw(resolved)`, `evt.arg`
//! the resolved text if there is one.

use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use peregrine_event::flags::FlagName;
use peregrine_event::syscalls::SYSCALL_NAMES;
use peregrine_event::types::Width;
use peregrine_event::{Format, ParamDef, ParamType, Record};

use crate::buffer::BufferFormat;
use crate::names;
use crate::time::{self, TimeForm};
use crate::value::write_ip;

/// The directory fd that stands for the working directory (AT_FDCWD, portable value).
pub(crate) const AT_FDCWD: i64 = -100;

/// What a missing text is shown as.
pub(crate) const NOT_AVAILABLE: &[u8] = b"<NA>";

/// What the rendering of a parameter needs to know of the process.
pub(crate) trait Surroundings {
    /// Whether the thread that caused the event is known.
    fn has_thread(&self) -> bool;
    /// Type letter of an open fd, a letter for its protocol if it is an IP socket, and its name.
    fn fd(&self, fd: i64) -> Option<(char, Option<char>, &[u8])>;
    /// Appends the name of a thread; nothing if it is unknown.
    fn write_comm(&self, tid: i64, out: &mut Vec<u8>);
    /// Appends the path in parameter `index` made absolute.
    fn write_absolute(&self, index: usize, path: &[u8], out: &mut Vec<u8>);
    /// Name of a user.
    fn user_name(&self, uid: u32) -> Option<&[u8]>;
    /// Name of a group.
    fn group_name(&self, gid: u32) -> Option<&[u8]>;
}

/// The two texts of a parameter; the buffers are reused from parameter to parameter.
#[derive(Debug, Default)]
pub(crate) struct ParamText {
    /// The value as it is.
    pub raw: Vec<u8>,
    /// The value explained; empty if there is nothing to explain.
    pub resolved: Vec<u8>,
}

impl ParamText {
    /// The resolved text or else the raw one.
    pub(crate) fn into_best(self) -> Vec<u8> {
        if self.resolved.is_empty() { self.raw } else { self.resolved }
    }

    /// Replaces the texts by those of parameter `index`.
    pub(crate) fn render(
        &mut self,
        record: &Record<'_>,
        index: usize,
        buffer: BufferFormat,
        around: &impl Surroundings,
    ) {
        self.raw.clear();
        self.resolved.clear();
        let Some(param) = record.def().params.get(index) else { return };
        match param.width(false) {
            Width::Fixed(_) => match record.int(index) {
                Some(v) => self.number(v, param.ty, param, around),
                Option::None => self.raw.extend_from_slice(NOT_AVAILABLE),
            },
            Width::Variable => match record.bytes(index) {
                Some(bytes) => self.bytes(bytes, param.ty, param, index, buffer, around),
                Option::None => self.raw.extend_from_slice(absent(param.ty)),
            },
        }
    }

    fn number(&mut self, v: i64, ty: ParamType, param: &ParamDef, around: &impl Surroundings) {
        // Writing to a `Vec` does not fail, here and below.
        use ParamType::*;
        let (raw, resolved) = (&mut self.raw, &mut self.resolved);
        match ty {
            Fd | Fd32 => {
                let _ = write!(raw, "{v}");
                resolve_fd(v, resolved, around);
            }
            Pid | Pid32 => {
                let _ = write!(raw, "{v}");
                around.write_comm(v, resolved);
            }
            Errno => {
                let _ = write!(raw, "{v}");
                if v < 0 {
                    resolved.extend_from_slice(names::errno(v.saturating_neg()).as_bytes());
                }
            }
            SyscallId => match SYSCALL_NAMES.get(v as usize) {
                Some(name) => {
                    let _ = write!(raw, "{v}");
                    resolved.extend_from_slice(name.as_bytes());
                }
                Option::None => raw.extend_from_slice(b"<unknown syscall>"),
            },
            SigType => {
                let _ = write!(raw, "{}", v as u8);
                if let Some(name) = names::signal(v as u8) {
                    resolved.extend_from_slice(name.as_bytes());
                }
            }
            RelTime if v == -1 => raw.extend_from_slice(b"none"),
            RelTime => {
                let _ = write!(raw, "{}", v as u64);
                write_general(v as u64 as f64 / 1e9, resolved);
                resolved.push(b's');
            }
            AbsTime => time::write(v as u64, TimeForm::DateTime, raw),
            Flags8 | Flags16 | Flags32 => {
                let _ = write!(raw, "{}", v as u32);
                write_flags(v as u32, param.names, resolved);
            }
            EnumFlags8 | EnumFlags16 | EnumFlags32 => {
                let _ = write!(raw, "{}", v as u32);
                for (name, _) in param.names.iter().filter(|(_, value)| *value == v as u32) {
                    push_name(name, resolved);
                }
            }
            Mode => {
                write_plain(v, ty, param.format, raw);
                write_mode(v as u32, param.names, resolved);
            }
            SigSet => {
                for bit in (0..32).filter(|bit| v >> bit & 1 != 0) {
                    if let Some(name) = names::signal(bit + 1) {
                        if !raw.is_empty() {
                            raw.push(b' ');
                        }
                        raw.extend_from_slice(name.as_bytes());
                    }
                }
            }
            Uid | Gid if v as u32 == u32::MAX => {
                raw.extend_from_slice(b"-1");
                resolved.extend_from_slice(b"<NONE>");
            }
            Uid | Gid => {
                let id = v as u32;
                let _ = write!(raw, "{}", id as i32);
                let name = if ty == Uid { around.user_name(id) } else { around.group_name(id) };
                resolved.extend_from_slice(name.unwrap_or(NOT_AVAILABLE));
            }
            _ => write_plain(v, ty, param.format, raw),
        }
    }

    fn bytes(
        &mut self,
        bytes: &[u8],
        ty: ParamType,
        param: &ParamDef,
        index: usize,
        buffer: BufferFormat,
        around: &impl Surroundings,
    ) {
        use ParamType::*;
        match ty {
            CharBuf => self.raw.extend_from_slice(text_of(bytes)),
            FsPath | FsRelPath => {
                let path = text_of(bytes);
                self.raw.extend_from_slice(path);
                if around.has_thread()
                    && !path.is_empty()
                    && path != NOT_AVAILABLE
                    && path[0] != b'/'
                {
                    around.write_absolute(index, path, &mut self.resolved);
                }
            }
            ByteBuf => buffer.write(bytes, &mut self.raw),
            SockAddr => write_sockaddr(bytes, &mut self.raw),
            SockTuple => write_socktuple(bytes, &mut self.raw),
            FdList => write_fd_list(bytes, &mut self.raw, around),
            CharBufArray => {
                let array = bytes.strip_suffix(b"\0").unwrap_or(bytes);
                self.raw.extend(array.iter().map(|b| if *b == 0 { b'.' } else { *b }));
            }
            Dyn => {
                let variant = bytes.split_first().and_then(|(which, rest)| {
                    param.variants.get(usize::from(*which)).map(|variant| (variant.0, rest))
                });
                match variant {
                    Some((ty, rest)) => match ty.scap_width() {
                        Width::Fixed(width) => match read_int(rest, width, ty.is_signed()) {
                            Some(v) => self.number(v, ty, param, around),
                            Option::None => self.raw.extend_from_slice(NOT_AVAILABLE),
                        },
                        Width::Variable => self.bytes(rest, ty, param, index, buffer, around),
                    },
                    Option::None => self.raw.extend_from_slice(b"INVALID DYNAMIC PARAMETER"),
                }
            }
            Ipv6Addr if bytes.len() >= 16 => {
                if let Some(ip) = bytes.first_chunk::<16>() {
                    write_ip(std::net::Ipv6Addr::from(*ip).into(), &mut self.raw);
                }
            }
            _ => self.raw.extend_from_slice(b"(n.a.)"),
        }
    }
}

/// What a parameter without a value is shown as.
const fn absent(ty: ParamType) -> &'static [u8] {
    use ParamType::*;
    match ty {
        ByteBuf | SockTuple | FdList | CharBufArray | CharBufPairArray | Dyn => b"NULL",
        _ => NOT_AVAILABLE,
    }
}

/// Text up to its NUL.
pub(crate) fn text_of(bytes: &[u8]) -> &[u8] {
    &bytes[..memchr::memchr(0, bytes).unwrap_or(bytes.len())]
}

/// A little-endian number of 1, 2, 4 or 8 bytes.
pub(crate) fn read_int(bytes: &[u8], width: u8, signed: bool) -> Option<i64> {
    let bytes = bytes.get(..usize::from(width))?;
    let mut wide = [0u8; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    let v = i64::from_le_bytes(wide);
    let shift = 64 - 8 * u32::from(width);
    Some(if signed { v << shift >> shift } else { v })
}

fn resolve_fd(fd: i64, out: &mut Vec<u8>, around: &impl Surroundings) {
    if !around.has_thread() {
        return;
    }
    if fd >= 0 {
        if let Some((letter, protocol, name)) = around.fd(fd) {
            let _ = write!(out, "<{letter}");
            if let Some(protocol) = protocol {
                let _ = write!(out, "{protocol}");
            }
            out.push(b'>');
            out.extend_from_slice(text_of(name));
        }
    } else if fd == AT_FDCWD {
        out.extend_from_slice(b"AT_FDCWD");
    } else {
        out.extend_from_slice(names::errno(fd.saturating_neg()).as_bytes());
    }
}

/// Numbers without names. Falco prints unsigned 32- and 64-bit numbers as signed ones here.
fn write_plain(v: i64, ty: ParamType, format: Format, out: &mut Vec<u8>) {
    let bits = match ty.scap_width() {
        Width::Fixed(bytes) => u32::from(bytes) * 8,
        Width::Variable => 64,
    };
    let raw = (v as u64) & (u64::MAX >> (64 - bits));
    let signed = match bits {
        32 => i64::from(raw as i32),
        64 => raw as i64,
        _ if ty.is_signed() => v,
        _ => raw as i64,
    };
    let _ = match format {
        Format::Oct if raw == 0 => write!(out, "0"),
        Format::Oct => write!(out, "0{raw:o}"),
        Format::Hex => write!(out, "{raw:X}"),
        Format::PaddedDec => write!(out, "{signed:09}"),
        _ => write!(out, "{signed}"),
    };
}

fn push_name(name: &str, out: &mut Vec<u8>) {
    if !out.is_empty() {
        out.push(b'|');
    }
    out.extend_from_slice(name.as_bytes());
}

/// Names of the bits that are set. A name of several bits hides those of its parts.
fn write_flags(value: u32, names: &[FlagName], out: &mut Vec<u8>) {
    let mut left = value;
    for (name, bits) in names {
        let hit = if *bits == 0 { value == 0 } else { left & bits == *bits };
        if hit {
            left &= !bits;
            push_name(name, out);
            if *bits == value {
                return;
            }
        }
    }
}

fn write_mode(value: u32, names: &[FlagName], out: &mut Vec<u8>) {
    let mut left = value;
    for (name, bits) in names {
        if *bits == value {
            push_name(name, out);
            return;
        }
        if *bits != 0 && left & bits == *bits {
            left &= !bits;
            push_name(name, out);
        }
    }
}

/// A number as `%g` of C prints it: six significant digits, no trailing zeros.
fn write_general(v: f64, out: &mut Vec<u8>) {
    if v == 0.0 {
        out.push(b'0');
        return;
    }
    let scientific = format!("{v:.5e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| {
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text.to_owned()
        }
    };
    let _ = if (-4..6).contains(&exponent) {
        write!(out, "{}", trim(&format!("{v:.*}", (5 - exponent) as usize)))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{}e{sign}{:02}", trim(digits), exponent.abs())
    };
}

const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

fn v4(bytes: &[u8]) -> Option<(Ipv4Addr, u16)> {
    let ip = bytes.first_chunk::<4>()?;
    let port = bytes[4..].first_chunk::<2>()?;
    Some((Ipv4Addr::from(*ip), u16::from_le_bytes(*port)))
}

fn v6(bytes: &[u8]) -> Option<(Ipv6Addr, u16)> {
    let ip = bytes.first_chunk::<16>()?;
    let port = bytes[16..].first_chunk::<2>()?;
    Some((Ipv6Addr::from(*ip), u16::from_le_bytes(*port)))
}

fn write_end(ip: std::net::IpAddr, port: u16, out: &mut Vec<u8>) {
    write_ip(ip, out);
    let _ = write!(out, ":{port}");
}

fn write_sockaddr(bytes: &[u8], out: &mut Vec<u8>) {
    let Some((family, rest)) = bytes.split_first() else { return };
    match *family {
        AF_UNIX if rest.last() == Some(&0) => out.extend_from_slice(text_of(rest)),
        AF_UNIX => out.extend_from_slice(b"INVALID PATH"),
        AF_INET => match v4(rest) {
            Some((ip, port)) => write_end(ip.into(), port, out),
            None => out.extend_from_slice(b"INVALID IPv4"),
        },
        AF_INET6 => match v6(rest) {
            Some((ip, port)) => write_end(ip.into(), port, out),
            None => out.extend_from_slice(b"INVALID IPv6"),
        },
        family => {
            let _ = write!(out, "family {family}");
        }
    }
}

/// Appends a pair of addresses; two IPv6 addresses that hold IPv4 ones are shown as these.
pub(crate) fn write_socktuple(bytes: &[u8], out: &mut Vec<u8>) {
    let Some((family, rest)) = bytes.split_first() else { return };
    match *family {
        AF_UNIX => match (rest.first_chunk::<8>(), rest.get(8..16), rest.get(16..)) {
            (Some(source), Some(peer), Some(path)) if path.last() == Some(&0) => {
                let peer = peer.first_chunk::<8>().copied().unwrap_or_default();
                let (source, peer) = (u64::from_le_bytes(*source), u64::from_le_bytes(peer));
                let _ = write!(out, "{source:x}->{peer:x} ");
                out.extend_from_slice(text_of(path));
            }
            _ => out.extend_from_slice(b"INVALID PATH"),
        },
        AF_INET => match (v4(rest), rest.get(6..).and_then(v4)) {
            (Some(source), Some(peer)) => {
                write_end(source.0.into(), source.1, out);
                out.extend_from_slice(b"->");
                write_end(peer.0.into(), peer.1, out);
            }
            _ => out.extend_from_slice(b"INVALID IPv4"),
        },
        AF_INET6 => match (v6(rest), rest.get(18..).and_then(v6)) {
            (Some(source), Some(peer)) => {
                let mapped = mapped_v4(source.0).zip(mapped_v4(peer.0));
                match mapped {
                    Some((ip, _)) => write_end(ip.into(), source.1, out),
                    None => write_end(source.0.into(), source.1, out),
                }
                out.extend_from_slice(b"->");
                match mapped {
                    Some((_, ip)) => write_end(ip.into(), peer.1, out),
                    None => write_end(peer.0.into(), peer.1, out),
                }
            }
            _ => out.extend_from_slice(b"INVALID IPv6"),
        },
        family => {
            let _ = write!(out, "family {family}");
        }
    }
}

/// The IPv4 address inside an IPv6 one; the unspecified address counts as one that holds 0.0.0.0.
pub(crate) fn mapped_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    if ip.is_unspecified() { Some(Ipv4Addr::UNSPECIFIED) } else { ip.to_ipv4_mapped() }
}

/// The entries of an fd list: fd and event bits.
pub(crate) fn fd_list(bytes: &[u8]) -> impl Iterator<Item = (i64, i16)> {
    let count = bytes.first_chunk::<2>().map_or(0, |n| u16::from_le_bytes(*n));
    let entries = bytes.get(2..).unwrap_or_default().chunks_exact(10);
    entries.take(usize::from(count)).map(|entry| {
        let fd = entry.first_chunk::<8>().copied().unwrap_or_default();
        (i64::from_le_bytes(fd), i16::from_le_bytes([entry[8], entry[9]]))
    })
}

fn write_fd_list(bytes: &[u8], out: &mut Vec<u8>, around: &impl Surroundings) {
    if !around.has_thread() {
        return;
    }
    for (n, (fd, bits)) in fd_list(bytes).enumerate() {
        let letter = around.fd(fd).map_or('?', |(letter, ..)| letter);
        let separator = if n == 0 { "" } else { " " };
        let _ = write!(out, "{separator}{}:{letter}{:x}", fd as u64, i32::from(bits));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_event::table::code;
    use peregrine_event::{Header, HeaderFlags, record::Param, record::RecordBuilder};

    struct Alone;

    impl Surroundings for Alone {
        fn has_thread(&self) -> bool {
            true
        }
        fn fd(&self, fd: i64) -> Option<(char, Option<char>, &[u8])> {
            (fd == 3).then_some(('4', Some('t'), &b"1.2.3.4:5->6.7.8.9:80"[..]))
        }
        fn write_comm(&self, tid: i64, out: &mut Vec<u8>) {
            if tid == 1 {
                out.extend_from_slice(b"init");
            }
        }
        fn write_absolute(&self, _: usize, path: &[u8], out: &mut Vec<u8>) {
            out.extend_from_slice(b"/root/");
            out.extend_from_slice(path);
        }
        fn user_name(&self, uid: u32) -> Option<&[u8]> {
            (uid == 0).then_some(b"root")
        }
        fn group_name(&self, _: u32) -> Option<&[u8]> {
            None
        }
    }

    fn args(event: peregrine_event::EventCode, params: &[Param<'_>]) -> String {
        let flags = HeaderFlags::default();
        let header = Header { ts: 0, tid: 1, tgid: 1, len: 0, flags, code: event, cpu: 0 };
        let mut builder = RecordBuilder::new();
        let record = Record::parse(builder.build(header, params).unwrap()).unwrap();
        let mut text = ParamText::default();
        let mut out = String::new();
        for (index, param) in record.def().falco().iter().enumerate() {
            text.render(&record, index, BufferFormat::Printable, &Alone);
            let raw = String::from_utf8_lossy(&text.raw).into_owned();
            let resolved = String::from_utf8_lossy(&text.resolved);
            let both = if resolved.is_empty() { raw } else { format!("{raw}({resolved})") };
            out += &format!("{}={both} ", param.name);
        }
        out.trim_end().to_owned()
    }

    #[test]
    fn openat() {
        let params = [
            Param::Int(-2),
            Param::Int(AT_FDCWD),
            Param::Bytes(b"a/b\0"),
            Param::Int(3 | 4 | 0x1000),
            Param::Int(0o644),
            Param::Int(0x801),
        ];
        assert_eq!(
            args(code::SYSCALL_OPENAT_2_X, &params),
            "fd=-2(ENOENT) dirfd=-100(AT_FDCWD) name=a/b(/root/a/b) \
             flags=4103(O_CREAT|O_RDWR|O_CLOEXEC) mode=0644 dev=801 ino=<NA>"
        );
    }

    #[test]
    fn sockets() {
        let tuple = [2, 1, 2, 3, 4, 5, 0, 6, 7, 8, 9, 80, 0];
        let params = [Param::Int(0), Param::Bytes(&tuple), Param::Int(3), Param::Absent];
        assert_eq!(
            args(code::SOCKET_CONNECT_X, &params),
            "res=0 tuple=1.2.3.4:5->6.7.8.9:80 fd=3(<4t>1.2.3.4:5->6.7.8.9:80) addr=<NA>"
        );
    }

    #[test]
    fn fd_lists_and_cut_ones() {
        let mut list = vec![2, 0];
        for (fd, bits) in [(3i64, 1i16), (9, 4)] {
            list.extend_from_slice(&fd.to_le_bytes());
            list.extend_from_slice(&bits.to_le_bytes());
        }
        let poll = |list| args(code::SYSCALL_POLL_X, &[Param::Int(1), Param::Bytes(list)]);
        assert_eq!(poll(&list), "res=1 fds=3:41 9:?4 timeout=<NA>");
        assert_eq!(poll(&list[..15]), "res=1 fds=3:41 timeout=<NA>");
        assert_eq!(poll(&list[..1]), "res=1 fds= timeout=<NA>");
    }

    #[test]
    fn general_numbers() {
        let text = |v| {
            let mut out = Vec::new();
            write_general(v, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(0.001), "0.001");
        assert_eq!(text(1.5), "1.5");
        assert_eq!(text(0.000_000_001), "1e-09");
        assert_eq!(text(123_456_789.0), "1.23457e+08");
        assert_eq!(text(30.0), "30");
    }
}
