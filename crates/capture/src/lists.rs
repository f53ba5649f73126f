//! Reads the entries of the state lists, all versions.

use crate::body::{Body, Entry, Stop};
use crate::encode::{LAST_OLD_KIND, REAL_KIND};
use crate::entry::*;

/// The machine info block. Fields that a shorter block does not have stay zero.
pub(crate) fn machine(body: &mut Body<'_>) -> Result<MachineInfo, Stop> {
    let mut info = MachineInfo {
        num_cpus: body.u32()?,
        memory_bytes: body.u64()?,
        max_pid: body.u64()?,
        ..MachineInfo::default()
    };
    let host: [u8; 128] = body.array()?;
    let end = memchr::memchr(0, &host).unwrap_or(host.len());
    info.hostname = host[..end].to_vec();
    if body.left() >= 16 {
        info.boot_ts = body.u64()?;
        info.flags = body.u64()?;
    }
    Ok(info)
}

/// One thread of a process list of the given version.
pub(crate) fn thread(body: &mut Body<'_>, version: u8) -> Result<ThreadEntry, Stop> {
    let entry = body.entry(version >= 9)?;
    let mut t = ThreadEntry {
        tid: body.i64()?,
        pid: body.i64()?,
        ptid: body.i64()?,
        ..ThreadEntry::default()
    };
    if version >= 6 {
        t.sid = body.i64()?;
    }
    if version >= 8 {
        t.vpgid = body.i64()?;
    }
    t.comm = body.text()?;
    t.exe = body.text()?;
    if version >= 7 {
        t.exepath = body.text()?;
    }
    t.args = body.strings()?;
    t.cwd = body.text()?;
    t.fdlimit = body.i64()?;
    t.flags = body.u32()?;
    t.uid = body.u32()?;
    t.gid = body.u32()?;
    if version >= 2 {
        t.vmsize_kb = body.u32()?;
        t.vmrss_kb = body.u32()?;
        t.vmswap_kb = body.u32()?;
        t.pfmajor = body.u64()?;
        t.pfminor = body.u64()?;
    }
    if version >= 3 {
        t.env = body.strings()?;
    }
    if version >= 4 {
        t.vtid = body.i64()?;
        t.vpid = body.i64()?;
        t.cgroups = body.bytes()?;
    }
    if version >= 5 {
        t.root = body.text()?;
    }
    // Everything below came without a new block version; an entry says by its length how much of
    // it there is. Two fields were inserted, not appended: entries written before that have at
    // most 29 bytes here (login user, one flag, three capability sets).
    const BEFORE_INSERTION: u64 = 29;
    if entry.rest(body) > BEFORE_INSERTION {
        t.pidns_init_start_ts = body.u64()?;
        t.tty = body.u32()?;
    }
    macro_rules! tail {
        ($($field:ident: $read:ident $bytes:literal $(=> $map:expr)?),* $(,)?) => {$(
            if entry.covers(body, $bytes) {
                let value = body.$read()?;
                $(let value = $map(value);)?
                t.$field = value;
            }
        )*};
    }
    let flag = |byte: u8| byte != 0;
    tail! {
        loginuid: u32 4,
        exe_writable: u8 1 => flag,
        cap_inheritable: u64 8,
        cap_permitted: u64 8,
        cap_effective: u64 8,
        exe_upper_layer: u8 1 => flag,
        exe_ino: u64 8,
        exe_ino_ctime: u64 8,
        exe_ino_mtime: u64 8,
        exe_from_memfd: u8 1 => flag,
        exe_lower_layer: u8 1 => flag,
        pgid: i64 8,
    }
    entry.finish(body)?;
    Ok(t)
}

/// One file descriptor.
pub(crate) fn fd(body: &mut Body<'_>, has_len: bool) -> Result<FdEntry, Stop> {
    let entry = body.entry(has_len)?;
    let number = body.i64()?;
    let ino = body.u64()?;
    let kind_number = body.u8()?;
    let (kind, info) = match FdKind::from_number(kind_number) {
        Some(FdKind::Unknown) => (FdKind::Unknown, FdInfo::None),
        Some(kind) => {
            let info = fd_info(body, kind, &entry)?;
            (real_kind(body, kind, &entry)?, info)
        }
        None => {
            let name = format!("unknown-type:[{kind_number}]").into_bytes();
            (FdKind::Unsupported, FdInfo::Name(name))
        }
    };
    entry.finish(body)?;
    Ok(FdEntry { fd: number, ino, kind, info })
}

/// The kind behind an entry of our own, see [`crate::encode::fd`].
fn real_kind(body: &mut Body<'_>, kind: FdKind, entry: &Entry) -> Result<FdKind, Stop> {
    if kind != FdKind::Unsupported || !entry.covers(body, 2) || body.u8()? != REAL_KIND {
        return Ok(kind);
    }
    // Only kinds that have nothing but a name.
    Ok(FdKind::from_number(body.u8()?).filter(|real| *real as u8 > LAST_OLD_KIND).unwrap_or(kind))
}

fn fd_info(body: &mut Body<'_>, kind: FdKind, entry: &Entry) -> Result<FdInfo, Stop> {
    Ok(match kind {
        FdKind::Ipv4Socket => FdInfo::Ipv4 {
            source: body.array()?,
            dest: body.array()?,
            source_port: body.u16()?,
            dest_port: body.u16()?,
            l4: body.u8()?,
        },
        FdKind::Ipv6Socket => FdInfo::Ipv6 {
            source: body.array()?,
            dest: body.array()?,
            source_port: body.u16()?,
            dest_port: body.u16()?,
            l4: body.u8()?,
        },
        FdKind::Ipv4Server => {
            FdInfo::Ipv4Server { ip: body.array()?, port: body.u16()?, l4: body.u8()? }
        }
        FdKind::Ipv6Server => {
            FdInfo::Ipv6Server { ip: body.array()?, port: body.u16()?, l4: body.u8()? }
        }
        FdKind::UnixSocket => {
            FdInfo::Unix { source: body.u64()?, dest: body.u64()?, name: body.text()? }
        }
        FdKind::FileV2 => {
            let open_flags = body.u32()?;
            let name = body.text()?;
            let dev = if entry.covers(body, 4) { body.u32()? } else { 0 };
            FdInfo::File { open_flags, name, dev }
        }
        _ => FdInfo::Name(body.text()?),
    })
}

/// One user or group, added to the list.
pub(crate) fn user(body: &mut Body<'_>, has_len: bool, users: &mut Users) -> Result<(), Stop> {
    const USER: u8 = 0;
    let entry = body.entry(has_len)?;
    if body.u8()? == USER {
        users.users.push(User {
            uid: body.u32()?,
            gid: body.u32()?,
            name: body.text()?,
            home: body.text()?,
            shell: body.text()?,
        });
    } else {
        users.groups.push(Group { gid: body.u32()?, name: body.text()? });
    }
    entry.finish(body)
}

/// One interface address.
pub(crate) fn interface(body: &mut Body<'_>, has_len: bool) -> Result<Interface, Stop> {
    // This list's length does not count itself.
    let len = if has_len { Some(u64::from(body.u32()?)) } else { None };
    let start = body.left();
    let kind = body.u16()?;
    let name_len = body.u16()?;
    let address = match kind {
        1 | 3 => InterfaceAddress::V4 {
            address: body.array()?,
            mask: body.array()?,
            broadcast: body.array()?,
        },
        2 | 4 => InterfaceAddress::V6 {
            address: body.array()?,
            mask: body.array()?,
            broadcast: body.array()?,
        },
        other => return Err(Stop::InterfaceType(other)),
    };
    let link_speed = if kind <= 2 { body.u64()? } else { 0 };
    let mut name = body.exactly(name_len)?;
    if let Some(end) = memchr::memchr(0, &name) {
        name.truncate(end);
    }
    if let Some(len) = len {
        let used = start - body.left();
        body.skip(len.checked_sub(used).ok_or(Stop::Overrun)?)?;
    }
    Ok(Interface { name, address, link_speed })
}
