//! Threads, processes and file descriptors as fields see them.
//!
//! Thin views of the state's types: they hold what a field must know of how the state keeps a
//! fact, such as that -1 or 0 stands for "unknown".

use std::borrow::Cow;
use std::net::IpAddr;

use peregrine_event::Value;
use peregrine_state::socket::l4;
use peregrine_state::{Facts, Fd, FdKind, Thread};

use crate::containers;

/// A number unless it stands for "unknown".
fn known<T: PartialEq>(value: T, unknown: T) -> Option<T> {
    (value != unknown).then_some(value)
}

/// What fields print of a process.
#[derive(Debug, Clone, Copy)]
pub struct ProcessView<'a>(pub(crate) &'a Facts);

impl<'a> ProcessView<'a> {
    pub(crate) fn comm(self) -> &'a [u8] {
        &self.0.image.comm
    }

    pub(crate) fn exe(self) -> &'a [u8] {
        &self.0.image.exe
    }

    pub(crate) fn exepath(self) -> &'a [u8] {
        &self.0.image.exepath
    }

    pub(crate) fn cmdline(self) -> &'a [u8] {
        self.0.image.cmdline()
    }

    pub(crate) fn exeline(self) -> &'a [u8] {
        self.0.image.exeline()
    }

    pub(crate) fn args_line(self) -> &'a [u8] {
        self.0.image.args_line()
    }

    pub(crate) fn arg(self, index: usize) -> Option<&'a [u8]> {
        self.0.image.args.iter().nth(index)
    }

    pub(crate) fn arg_count(self) -> usize {
        self.0.image.args.len()
    }

    pub(crate) fn args_bytes(self) -> usize {
        self.0.image.args.iter().map(<[u8]>::len).sum()
    }

    pub(crate) fn env_line(self) -> Value<'static> {
        Value::owned(self.0.image.env.joined(b' '))
    }

    /// The value of a variable without the blanks around it; empty if it is not set.
    pub(crate) fn env_value(self, name: &[u8]) -> &'a [u8] {
        let value = self.0.image.env.iter().find_map(|variable| {
            let value = variable.strip_prefix(name)?.strip_prefix(b"=")?;
            (!value.is_empty()).then_some(value)
        });
        trim_blanks(value.unwrap_or_default())
    }

    pub(crate) fn tty(self) -> u32 {
        self.0.tty
    }

    pub(crate) fn pid(self) -> i64 {
        self.0.pid
    }

    pub(crate) fn vpid(self) -> Option<i64> {
        known(self.0.vpid, -1)
    }

    pub(crate) fn sid(self) -> i64 {
        self.0.sid
    }

    pub(crate) fn vpgid(self) -> i64 {
        self.0.vpgid
    }

    pub(crate) fn pgid(self) -> i64 {
        self.0.pgid
    }

    // Ids that are not known count as equal, as in Falco.

    pub(crate) fn is_session_leader(self) -> bool {
        self.0.sid == self.0.vpid
    }

    pub(crate) fn is_virtual_group_leader(self) -> bool {
        self.0.vpgid == self.0.vpid
    }

    pub(crate) fn is_group_leader(self) -> bool {
        self.0.pgid == self.0.pid
    }

    /// When it was cloned, in nanoseconds since the epoch.
    pub(crate) fn start_ts(self) -> Option<u64> {
        known(self.0.clone_ts, 0)
    }

    pub(crate) fn uid(self) -> u32 {
        self.0.uid
    }

    pub(crate) fn gid(self) -> u32 {
        self.0.gid
    }

    pub(crate) fn loginuid(self) -> u32 {
        self.0.loginuid
    }

    pub(crate) fn exe_writable(self) -> bool {
        self.0.image.is_exe_writable()
    }

    pub(crate) fn exe_upper_layer(self) -> bool {
        self.0.image.is_exe_upper_layer()
    }

    pub(crate) fn exe_lower_layer(self) -> bool {
        self.0.image.is_exe_lower_layer()
    }

    pub(crate) fn exe_from_memfd(self) -> bool {
        self.0.image.is_exe_from_memfd()
    }

    pub(crate) fn exe_ino(self) -> Option<u64> {
        known(self.0.image.exe_ino, 0)
    }

    pub(crate) fn exe_ctime(self) -> Option<u64> {
        known(self.0.image.exe_ino_ctime, 0)
    }

    pub(crate) fn exe_mtime(self) -> Option<u64> {
        known(self.0.image.exe_ino_mtime, 0)
    }

    pub(crate) fn exe_ctime_to_start(self) -> Option<u64> {
        known(self.0.exe_ino_ctime_duration_clone_ts, 0)
    }

    pub(crate) fn pidns_start_to_exe_ctime(self) -> Option<u64> {
        known(self.0.exe_ino_ctime_duration_pidns_start, 0)
    }

    pub(crate) fn pidns_start(self) -> Option<u64> {
        known(self.0.pidns_init_start_ts, 0)
    }

    pub(crate) fn cap_permitted(self) -> u64 {
        self.0.cap_permitted
    }

    pub(crate) fn cap_effective(self) -> u64 {
        self.0.cap_effective
    }

    pub(crate) fn cap_inheritable(self) -> u64 {
        self.0.cap_inheritable
    }

    /// All control groups as `subsystem=path`, with blanks between.
    pub(crate) fn cgroups_line(self) -> Option<Value<'static>> {
        let mut out = Vec::new();
        for (subsystem, path) in self.0.image.cgroups.iter() {
            if !out.is_empty() {
                out.push(b' ');
            }
            out.extend_from_slice(subsystem);
            out.push(b'=');
            out.extend_from_slice(path);
        }
        (!out.is_empty()).then(|| Value::owned(out))
    }

    pub(crate) fn cgroup(self, subsystem: &[u8]) -> Option<&'a [u8]> {
        self.0.image.cgroups.get(subsystem)
    }

    /// The short id of its container; `None` on the host.
    pub(crate) fn container_id(self) -> Option<&'a [u8]> {
        containers::id_in_cgroups(self.0.image.cgroups.iter().map(|(_, path)| path))
    }
}

fn trim_blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' '] = text {
        text = rest;
    }
    text
}

/// What fields print of a thread beyond its process.
#[derive(Debug, Clone, Copy)]
pub struct ThreadView<'a>(pub(crate) &'a Thread);

impl ThreadView<'_> {
    pub(crate) fn vtid(self) -> Option<i64> {
        known(self.0.vtid, -1)
    }

    pub(crate) fn vm_size_kib(self) -> u64 {
        u64::from(self.0.usage.vmsize_kb)
    }

    pub(crate) fn vm_rss_kib(self) -> u64 {
        u64::from(self.0.usage.vmrss_kb)
    }

    pub(crate) fn vm_swap_kib(self) -> u64 {
        u64::from(self.0.usage.vmswap_kb)
    }

    pub(crate) fn major_faults(self) -> u64 {
        self.0.usage.pfmajor
    }

    pub(crate) fn minor_faults(self) -> u64 {
        self.0.usage.pfminor
    }
}

/// One end of a connection.
pub(crate) type End = (IpAddr, u16);

/// What fields print of a file descriptor.
#[derive(Debug, Clone, Copy)]
pub struct FdView<'a>(pub(crate) &'a Fd);

impl<'a> FdView<'a> {
    /// The letter of `fd.typechar`.
    pub(crate) fn letter(self) -> char {
        char::from(self.0.kind.letter())
    }

    /// As [`Self::letter`], as text.
    pub(crate) fn letter_text(self) -> &'static [u8] {
        static BYTES: [u8; 256] = {
            let mut bytes = [0; 256];
            let mut at = 0;
            while at < bytes.len() {
                bytes[at] = at as u8;
                at += 1;
            }
            bytes
        };
        std::slice::from_ref(&BYTES[usize::from(self.0.kind.letter())])
    }

    /// The word of `fd.type`.
    pub(crate) fn word(self) -> &'static str {
        self.0.kind.word()
    }

    pub(crate) fn kind(self) -> FdKind {
        self.0.kind
    }

    pub(crate) fn name(self) -> &'a [u8] {
        self.0.name()
    }

    pub(crate) fn name_raw(self) -> &'a [u8] {
        self.0.name_raw()
    }

    pub(crate) fn is_file(self) -> bool {
        self.0.is_file()
    }

    pub(crate) fn is_directory(self) -> bool {
        self.0.kind == FdKind::Directory
    }

    /// The name as the directory of a path: with a slash at its end.
    pub(crate) fn as_directory(self) -> Cow<'a, [u8]> {
        let name = self.name();
        if name.is_empty() || name.ends_with(b"/") {
            Cow::Borrowed(name)
        } else {
            Cow::Owned([name, b"/"].concat())
        }
    }

    /// Client and server of an IP connection, whether or not the roles are known for sure.
    pub(crate) fn ends(self) -> Option<(End, End)> {
        let s = self.0.socket();
        match self.0.kind {
            FdKind::Ipv4Sock => Some((
                (s.v4_source().into(), s.v4_source_port()),
                (s.v4_dest().into(), s.v4_dest_port()),
            )),
            FdKind::Ipv6Sock => Some((
                (s.v6_source().into(), s.v6_source_port()),
                (s.v6_dest().into(), s.v6_dest_port()),
            )),
            _ => None,
        }
    }

    /// Address and port a socket listens on.
    pub(crate) fn listener(self) -> Option<End> {
        let s = self.0.socket();
        match self.0.kind {
            FdKind::Ipv4Server => Some((s.v4_server().into(), s.v4_server_port())),
            FdKind::Ipv6Server => Some((s.v6_server().into(), s.v6_server_port())),
            _ => None,
        }
    }

    /// Whether it is known who is the client and who the server.
    pub(crate) fn has_role(self) -> bool {
        !self.0.is_role_none()
    }

    pub(crate) fn client(self) -> Option<End> {
        self.ends().filter(|_| self.has_role()).map(|(client, _)| client)
    }

    /// The server's end of a connection, or where a socket listens; with a known role only.
    pub(crate) fn server(self) -> Option<End> {
        let end = self.listener().or_else(|| self.ends().map(|(_, server)| server));
        end.filter(|_| self.has_role())
    }

    /// All ends there are.
    pub(crate) fn addresses(self) -> impl Iterator<Item = End> {
        let ends = self.ends().map(|(client, server)| [client, server]);
        ends.into_iter().flatten().chain(self.listener())
    }

    /// The word of `fd.l4proto`.
    pub(crate) fn protocol(self) -> Option<&'static str> {
        match self.0.l4_protocol() {
            l4::TCP => Some("tcp"),
            l4::UDP => Some("udp"),
            l4::ICMP => Some("icmp"),
            l4::RAW => Some("raw"),
            _ => None,
        }
    }

    /// The letter behind that of the type in `evt.args`: the protocol of an IP socket.
    pub(crate) fn protocol_letter(self) -> Option<char> {
        let is_ip = self.family() == Some("ip");
        self.protocol().filter(|_| is_ip).and_then(|word| word.chars().next())
    }

    /// The word of `fd.sockfamily`.
    pub(crate) fn family(self) -> Option<&'static str> {
        match self.0.kind {
            FdKind::Ipv4Sock | FdKind::Ipv6Sock | FdKind::Ipv4Server | FdKind::Ipv6Server => {
                Some("ip")
            }
            FdKind::UnixSock => Some("unix"),
            _ => None,
        }
    }

    /// Roles and layers, which a predicate may look at besides name and kind.
    pub(crate) fn marks(self) -> u64 {
        use peregrine_state::flags::fd as flag;
        let bits = [flag::ROLE_CLIENT, flag::ROLE_SERVER, flag::OVERLAY_UPPER, flag::OVERLAY_LOWER];
        bits.iter().enumerate().map(|(at, bit)| u64::from(self.0.flags & bit != 0) << at).sum()
    }

    pub(crate) fn is_connected(self) -> bool {
        self.0.is_connected()
    }

    pub(crate) fn dev(self) -> u32 {
        self.0.dev
    }

    pub(crate) fn ino(self) -> u64 {
        self.0.ino
    }

    pub(crate) fn is_upper_layer(self) -> bool {
        self.0.flags & peregrine_state::flags::fd::OVERLAY_UPPER != 0
    }

    pub(crate) fn is_lower_layer(self) -> bool {
        self.0.flags & peregrine_state::flags::fd::OVERLAY_LOWER != 0
    }
}
