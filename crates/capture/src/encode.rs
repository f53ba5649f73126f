//! Writes the entries of the state lists, in the newest version of each.
//!
//! Text is cut at the limits beyond which Falco and sysdig refuse a capture.

use crate::entry::*;

/// Longest path of a thread.
const PATH: usize = 1024;
/// Longest name of a file descriptor or an interface.
const NAME: usize = 1023;
/// Longest arguments, environment and control groups.
const STRINGS: usize = 4096;
/// Longest user or group name, home directory and shell.
const CREDENTIAL: usize = 255;

/// Last kind of a file descriptor that all readers know.
pub(crate) const LAST_OLD_KIND: u8 = FdKind::FileV2 as u8;
/// Mark of the kind behind an entry.
pub(crate) const REAL_KIND: u8 = b'k';

macro_rules! put {
    ($out:expr; $($value:expr),* $(,)?) => {$( $out.extend_from_slice(&$value.to_le_bytes()); )*};
}

fn text(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len()).min(limit);
    put!(out; end as u16);
    out.extend_from_slice(&bytes[..end]);
}

/// NUL-terminated strings; the cut keeps a NUL at the end.
fn strings(out: &mut Vec<u8>, bytes: &[u8]) {
    let is_cut = bytes.len() > STRINGS;
    let kept = if is_cut { &bytes[..STRINGS - 1] } else { bytes };
    put!(out; (kept.len() + usize::from(is_cut)) as u16);
    out.extend_from_slice(kept);
    if is_cut {
        out.push(0);
    }
}

/// Writes an entry behind its length, which counts itself if `counts_itself`.
fn with_len(out: &mut Vec<u8>, counts_itself: bool, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    put!(out; 0u32);
    write(out);
    let len = out.len() - start - if counts_itself { 0 } else { 4 };
    out[start..start + 4].copy_from_slice(&(len as u32).to_le_bytes());
}

/// The body of a machine info block.
pub(crate) fn machine(out: &mut Vec<u8>, info: &MachineInfo) {
    put!(out; info.num_cpus, info.memory_bytes, info.max_pid);
    let mut host = [0u8; 128];
    let len = info.hostname.len().min(host.len() - 1);
    host[..len].copy_from_slice(&info.hostname[..len]);
    out.extend_from_slice(&host);
    put!(out; info.boot_ts, info.flags, 0u64, 0u64);
}

/// An entry of a process list, version 9.
pub(crate) fn thread(out: &mut Vec<u8>, t: &ThreadEntry) {
    with_len(out, true, |out| {
        put!(out; t.tid, t.pid, t.ptid, t.sid, t.vpgid);
        text(out, &t.comm, PATH);
        text(out, &t.exe, PATH);
        text(out, &t.exepath, PATH);
        strings(out, &t.args);
        text(out, &t.cwd, PATH);
        put!(out; t.fdlimit, t.flags, t.uid, t.gid, t.vmsize_kb, t.vmrss_kb, t.vmswap_kb);
        put!(out; t.pfmajor, t.pfminor);
        strings(out, &t.env);
        put!(out; t.vtid, t.vpid);
        strings(out, &t.cgroups);
        text(out, &t.root, PATH);
        put!(out; t.pidns_init_start_ts, t.tty, t.loginuid, u8::from(t.exe_writable));
        put!(out; t.cap_inheritable, t.cap_permitted, t.cap_effective);
        put!(out; u8::from(t.exe_upper_layer), t.exe_ino, t.exe_ino_ctime, t.exe_ino_mtime);
        put!(out; u8::from(t.exe_from_memfd), u8::from(t.exe_lower_layer), t.pgid);
    });
}

/// Whether a fd list can hold an entry: not one of unknown kind, or whose details do not fit its
/// kind.
pub(crate) fn is_listable(entry: &FdEntry) -> bool {
    use FdKind as K;
    match (&entry.info, entry.kind) {
        (FdInfo::None, _) | (_, K::Unknown) => false,
        (FdInfo::Ipv4 { .. }, kind) => kind == K::Ipv4Socket,
        (FdInfo::Ipv6 { .. }, kind) => kind == K::Ipv6Socket,
        (FdInfo::Ipv4Server { .. }, kind) => kind == K::Ipv4Server,
        (FdInfo::Ipv6Server { .. }, kind) => kind == K::Ipv6Server,
        (FdInfo::Unix { .. }, kind) => kind == K::UnixSocket,
        (FdInfo::File { .. }, kind) => kind == K::FileV2,
        (FdInfo::Name(_), kind) => !matches!(
            kind,
            K::Ipv4Socket
                | K::Ipv6Socket
                | K::Ipv4Server
                | K::Ipv6Server
                | K::UnixSocket
                | K::FileV2
        ),
    }
}

/// An entry of a fd list, version 2; see [`is_listable`].
pub(crate) fn fd(out: &mut Vec<u8>, entry: &FdEntry) {
    with_len(out, true, |out| {
        // Readers of 2022, such as the sysdig of Debian 12, give up on a kind that they do not know.
        // They get one without meaning; the real one stands behind the entry, where its length
        // makes everybody skip it.
        let is_new = entry.kind as u8 > LAST_OLD_KIND;
        let kind = if is_new { FdKind::Unsupported } else { entry.kind };
        put!(out; entry.fd, entry.ino, kind as u8);
        match &entry.info {
            FdInfo::None => {}
            FdInfo::Name(name) => text(out, name, NAME),
            FdInfo::File { open_flags, name, dev } => {
                put!(out; open_flags);
                text(out, name, NAME);
                put!(out; dev);
            }
            FdInfo::Ipv4 { source, dest, source_port, dest_port, l4 } => {
                out.extend_from_slice(source);
                out.extend_from_slice(dest);
                put!(out; source_port, dest_port, l4);
            }
            FdInfo::Ipv6 { source, dest, source_port, dest_port, l4 } => {
                out.extend_from_slice(source);
                out.extend_from_slice(dest);
                put!(out; source_port, dest_port, l4);
            }
            FdInfo::Ipv4Server { ip, port, l4 } => {
                out.extend_from_slice(ip);
                put!(out; port, l4);
            }
            FdInfo::Ipv6Server { ip, port, l4 } => {
                out.extend_from_slice(ip);
                put!(out; port, l4);
            }
            FdInfo::Unix { source, dest, name } => {
                put!(out; source, dest);
                text(out, name, NAME);
            }
        }
        if is_new {
            out.extend_from_slice(&[REAL_KIND, entry.kind as u8]);
        }
    });
}

/// The entries of a user list, version 2.
pub(crate) fn users(out: &mut Vec<u8>, users: &Users) {
    for user in &users.users {
        with_len(out, true, |out| {
            put!(out; 0u8, user.uid, user.gid);
            text(out, &user.name, CREDENTIAL);
            text(out, &user.home, CREDENTIAL);
            text(out, &user.shell, CREDENTIAL);
        });
    }
    for group in &users.groups {
        with_len(out, true, |out| {
            put!(out; 1u8, group.gid);
            text(out, &group.name, CREDENTIAL);
        });
    }
}

/// An entry of an interface list, version 2.
pub(crate) fn interface(out: &mut Vec<u8>, interface: &Interface) {
    let end = memchr::memchr(0, &interface.name).unwrap_or(interface.name.len()).min(NAME);
    let name = &interface.name[..end];
    with_len(out, false, |out| {
        match &interface.address {
            InterfaceAddress::V4 { address, mask, broadcast } => {
                put!(out; 1u16, name.len() as u16);
                for part in [address, mask, broadcast] {
                    out.extend_from_slice(part);
                }
            }
            InterfaceAddress::V6 { address, mask, broadcast } => {
                put!(out; 2u16, name.len() as u16);
                for part in [address, mask, broadcast] {
                    out.extend_from_slice(part);
                }
            }
        }
        put!(out; interface.link_speed);
        out.extend_from_slice(name);
    });
}
