//! What was there before the first event: process lists and iterator records.

use std::net::{Ipv4Addr, Ipv6Addr};

use peregrine_event::{arg, code};

use super::Step;
use crate::fd::{Fd, FdKind};
use crate::flags::{fd as fd_flag, thread as flag};
use crate::image::{Cgroups, Image, Strings};
use crate::shard::{Shard, Slot};
use crate::socket::{is_v4_mapped, l4, mapped_v4};
use crate::thread::Thread;

impl Thread {
    /// Sets the working directory of a listed thread: only a main thread has one, and it ends in
    /// `/`.
    pub fn set_listed_cwd(&mut self, cwd: &[u8]) {
        if !self.is_main_thread() {
            return;
        }
        let mut text = crate::path::join(b"", cwd);
        if text.last() != Some(&b'/') {
            text.push(b'/');
        }
        self.cwd = text.into();
    }

    /// Marks a listed thread as one that runs.
    pub fn set_listed_flags(&mut self, flags: u32) {
        self.flags |= flags | flag::ACTIVE;
    }
}

impl Shard {
    /// Adds a file descriptor of a listed thread; says whether it was added. Kind, flags opened
    /// with, inode, device, mount, addresses and, for all but IPv4 and IPv6 sockets, the name must
    /// be set; names of sockets and roles are made here.
    pub fn add_listed_fd(&mut self, tid: i64, number: i64, mut fd: Fd) -> bool {
        let Some(slot) = self.find(tid) else { return false };
        fd.flags |= fd_flag::FROM_PROC;
        let s = fd.socket();
        match fd.kind {
            FdKind::Uninitialized | FdKind::Unknown => return false,
            FdKind::Ipv6Sock if is_v4_mapped(s.v6_source()) && is_v4_mapped(s.v6_dest()) => {
                fd.kind = FdKind::Ipv4Sock;
                let (source, dest) = (mapped_v4(s.v6_source()), mapped_v4(s.v6_dest()));
                let (source_port, dest_port) = (s.v6_source_port(), s.v6_dest_port());
                let protocol = s.v6_l4();
                let s = fd.socket_mut();
                s.set_v4_source(source);
                s.set_v4_dest(dest);
                s.set_v4_source_port(source_port);
                s.set_v4_dest_port(dest_port);
                s.set_v4_l4(protocol);
            }
            FdKind::Ipv4Server => _ = self.server_ports.insert(s.v4_server_port()),
            FdKind::Ipv6Server => _ = self.server_ports.insert(s.v6_server_port()),
            FdKind::UnixSock => {
                fd.flags |=
                    if fd.name().is_empty() { fd_flag::ROLE_CLIENT } else { fd_flag::ROLE_SERVER };
            }
            _ => {}
        }
        let s = fd.socket();
        match fd.kind {
            FdKind::Ipv4Sock => {
                if s.v4_l4() == l4::TCP {
                    fd.flags |= fd_flag::SOCKET_CONNECTED;
                }
                self.interfaces.complete(&mut fd);
            }
            FdKind::Ipv6Sock if s.v6_l4() == l4::TCP => fd.flags |= fd_flag::SOCKET_CONNECTED,
            _ => {}
        }
        if matches!(
            fd.kind,
            FdKind::Ipv4Sock | FdKind::Ipv6Sock | FdKind::Ipv4Server | FdKind::Ipv6Server
        ) {
            let name = fd.listed_text();
            fd.set_name(&name);
        }
        let table = &mut self.thread_mut(slot).fds;
        if table.insert(number, fd) {
            self.counters.n_added_fds += 1;
        }
        true
    }

    /// Gives listed IPv4 connections their direction: what has a server's port is an accepted one.
    pub(crate) fn fix_listed_sockets(&mut self) {
        let slots: Vec<Slot> = self.iter().filter_map(|t| self.find(t.tid)).collect();
        for slot in slots {
            let sockets: Vec<i64> = self
                .thread(slot)
                .fds
                .iter()
                .filter(|(_, fd)| fd.kind == FdKind::Ipv4Sock)
                .map(|(number, _)| number)
                .collect();
            for number in sockets {
                let ports = std::mem::take(&mut self.server_ports);
                if let Some(fd) = self.thread_mut(slot).fds.get_mut(number) {
                    let old = fd.socket();
                    if ports.contains(&old.v4_source_port()) {
                        let s = fd.socket_mut();
                        s.set_v4_source(old.v4_dest());
                        s.set_v4_dest(old.v4_source());
                        s.set_v4_source_port(old.v4_dest_port());
                        s.set_v4_dest_port(old.v4_source_port());
                        let name = fd.listed_text();
                        fd.set_name(&name);
                        fd.flags |= fd_flag::ROLE_SERVER;
                    } else {
                        fd.flags |= fd_flag::ROLE_CLIENT;
                    }
                }
                self.server_ports = ports;
            }
        }
    }

    /// An fd that the resolver knows, for one that no event opened.
    pub(super) fn resolve_fd(&mut self, slot: Slot, number: i64) {
        // Threads that share a table keep it with the main thread.
        let Some(owner) = self.table_owner(slot) else { return };
        let (pid, tid) = (self.thread(slot).pid, self.thread(owner).tid);
        let Some(fd) = self.ask_resolver_for_fd(pid, number) else { return };
        self.add_listed_fd(tid, number, fd);
    }

    /// A record of an iterator over tasks and their files.
    pub(super) fn iterator(&mut self, step: &mut Step<'_>) {
        if step.code == code::ITER_TASK_E {
            self.listed_task(step);
            return;
        }
        let Some(slot) = self.find(step.tid) else { return };
        step.subject.thread = Some(slot);
        // All file records begin with the number.
        let number = step.int(0);
        self.add_listed_fd(step.tid, number, listed_file(step));
    }

    fn listed_task(&mut self, step: &mut Step<'_>) {
        use arg::iter_task_e as a;
        let mut thread = Box::new(Thread::new());
        thread.tid = step.tid;
        thread.pid = i64::from(step.r.header().tgid);
        thread.ptid = step.int(a::ppid);
        thread.sid = step.int(a::sid);
        thread.pgid = step.int(a::pgid);
        thread.vpgid = step.int(a::vpgid);
        thread.vtid = step.int(a::vpid);
        thread.vpid = step.int(a::vtgid);
        thread.uid = step.uint32(a::euid);
        thread.gid = step.uint32(a::egid);
        thread.loginuid = step.uint32(a::loginuid);
        thread.tty = step.uint32(a::tty);
        thread.cap_permitted = step.int(a::cap_permitted) as u64;
        thread.cap_effective = step.int(a::cap_effective) as u64;
        thread.cap_inheritable = step.int(a::cap_inheritable) as u64;
        thread.fdlimit = step.int(a::fdlimit);
        thread.usage.vmsize_kb = step.uint32(a::vm_size);
        thread.usage.vmrss_kb = step.uint32(a::vm_rss);
        thread.usage.vmswap_kb = step.uint32(a::vm_swap);
        thread.usage.pfmajor = step.int(a::pgft_maj) as u64;
        thread.usage.pfminor = step.int(a::pgft_min) as u64;
        let since_boot = step.int(a::pidns_init_start_ts) as u64;
        thread.pidns_init_start_ts = since_boot.wrapping_add(self.config.boot_ts);
        thread.clone_ts = step.int(a::start_time) as u64;
        thread.start_time = step.r.uint(a::start_time_boot).unwrap_or(0);
        thread.root = step.text(a::root).into();
        let is_thread = thread.tid != thread.pid;
        let shares = if is_thread { flag::CLONE_THREAD | flag::CLONE_FILES } else { 0 };
        thread.set_listed_flags(shares);
        let argv = Strings::from_wire(step.bytes(a::argv));
        let exe = argv.iter().next().unwrap_or_default();
        let args: Vec<&[u8]> = argv.iter().skip(1).collect();
        let mut image = Image {
            comm: step.text(a::comm).into(),
            exe: exe.into(),
            args: Strings::from_parts(&args),
            cgroups: Cgroups::from_wire(step.bytes(a::cgroups)),
            exe_flags: step.uint32(a::flags),
            exe_ino: step.int(a::exe_ino_num) as u64,
            exe_ino_ctime: step.int(a::exe_ino_ctime) as u64,
            exe_ino_mtime: step.int(a::exe_ino_mtime) as u64,
            ..Image::default()
        };
        if !is_thread {
            image.env = Strings::from_wire(step.bytes(a::env));
        }
        image.set_exepath(step.text(a::exepath));
        thread.image = image.into();
        thread.set_listed_cwd(step.text(a::cwd));
        self.users.need(thread.uid, thread.gid);
        // An event may have been faster than the list.
        if let Some(known) = self.find(thread.tid)
            && !self.thread(known).is_invalid()
        {
            step.subject.thread = Some(known);
            return;
        }
        step.subject.thread = self.insert_unrelated(thread);
    }
}

fn protocol(ty: u64, number: u64) -> u8 {
    const RAW: u64 = 3;
    match (ty, number) {
        (RAW, _) | (_, 255) => l4::RAW,
        (_, 6) => l4::TCP,
        (_, 17) => l4::UDP,
        (_, 1 | 58) => l4::ICMP,
        _ => l4::UNKNOWN,
    }
}

fn v6(bytes: &[u8]) -> Ipv6Addr {
    bytes.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |b| Ipv6Addr::from(*b))
}

fn v4(number: i64) -> Ipv4Addr {
    // The four bytes lie in network order in a little-endian number.
    Ipv4Addr::from((number as u32).to_le_bytes())
}

/// A file, pipe or socket of an iterator record.
fn listed_file(step: &Step<'_>) -> Fd {
    use arg::{
        iter_task_file_anon_inode_e as anon, iter_task_file_directory_e as directory,
        iter_task_file_memfd_e as memfd, iter_task_file_pipe_e as pipe,
        iter_task_file_regular_e as regular, iter_task_file_socket_inet_e as inet,
        iter_task_file_socket_inet6_e as inet6, iter_task_file_socket_netlink_e as netlink,
        iter_task_file_socket_unix_e as unix,
    };
    let named = |kind, path: usize, ino: usize| {
        let mut fd = Fd::new(kind);
        fd.set_name(step.text(path));
        fd.ino = step.int(ino) as u64;
        fd
    };
    match step.code {
        code::ITER_TASK_FILE_PIPE_E => named(FdKind::Fifo, pipe::path, pipe::ino_num),
        code::ITER_TASK_FILE_MEMFD_E => named(FdKind::Memfd, memfd::path, memfd::ino_num),
        code::ITER_TASK_FILE_REGULAR_E => {
            let mut fd = named(FdKind::FileV2, regular::path, regular::ino_num);
            fd.open_flags = step.uint32(regular::flags);
            fd.mount_id = step.uint32(regular::mnt_id);
            fd
        }
        code::ITER_TASK_FILE_DIRECTORY_E => {
            named(FdKind::Directory, directory::path, directory::ino_num)
        }
        code::ITER_TASK_FILE_SOCKET_INET_E => listed_v4(step, inet::ino_num),
        code::ITER_TASK_FILE_SOCKET_INET6_E => listed_v6(step, inet6::ino_num),
        code::ITER_TASK_FILE_SOCKET_UNIX_E => {
            let mut fd = named(FdKind::UnixSock, unix::sun_path, unix::ino_num);
            fd.socket_mut().set_unix_source(step.int(unix::sk_pointer) as u64);
            fd
        }
        code::ITER_TASK_FILE_SOCKET_NETLINK_E => {
            let mut fd = Fd::new(FdKind::Netlink);
            fd.ino = step.int(netlink::ino_num) as u64;
            fd
        }
        _ => {
            let kind = match step.int(anon::fd_type) {
                1 => FdKind::Event,
                2 => FdKind::EventPoll,
                3 => FdKind::Inotify,
                4 => FdKind::SignalFd,
                5 => FdKind::TimerFd,
                6 => FdKind::IoUring,
                7 => FdKind::UserFaultFd,
                8 => FdKind::PidFd,
                9..=12 => FdKind::Bpf,
                _ => FdKind::Unsupported,
            };
            named(kind, anon::path, anon::ino_num)
        }
    }
}

fn listed_v4(step: &Step<'_>, ino: usize) -> Fd {
    use arg::iter_task_file_socket_inet_e as a;
    let (ip, port) = (v4(step.int(a::local_ip)), step.int(a::local_port) as u16);
    let (peer, peer_port) = (v4(step.int(a::remote_ip)), step.int(a::remote_port) as u16);
    let protocol = protocol(step.int(a::sk_type) as u64, step.int(a::sk_proto) as u64);
    let is_server = peer.is_unspecified() && peer_port == 0;
    let mut fd = Fd::new(if is_server { FdKind::Ipv4Server } else { FdKind::Ipv4Sock });
    fd.ino = step.int(ino) as u64;
    let s = fd.socket_mut();
    if is_server {
        s.set_v4_server(ip);
        s.set_v4_server_port(port);
        s.set_v4_server_l4(protocol);
    } else {
        s.set_v4_source(ip);
        s.set_v4_source_port(port);
        s.set_v4_dest(peer);
        s.set_v4_dest_port(peer_port);
        s.set_v4_l4(protocol);
    }
    fd
}

fn listed_v6(step: &Step<'_>, ino: usize) -> Fd {
    use arg::iter_task_file_socket_inet6_e as a;
    let (ip, port) = (v6(step.bytes(a::local_ip)), step.int(a::local_port) as u16);
    let (peer, peer_port) = (v6(step.bytes(a::remote_ip)), step.int(a::remote_port) as u16);
    let protocol = protocol(step.int(a::sk_type) as u64, step.int(a::sk_proto) as u64);
    let is_server = peer.is_unspecified() && peer_port == 0;
    let mut fd = Fd::new(if is_server { FdKind::Ipv6Server } else { FdKind::Ipv6Sock });
    fd.ino = step.int(ino) as u64;
    let s = fd.socket_mut();
    if is_server {
        s.set_v6_server(ip);
        s.set_v6_server_port(port);
        s.set_v6_server_l4(protocol);
    } else {
        s.set_v6_source(ip);
        s.set_v6_source_port(port);
        s.set_v6_dest(peer);
        s.set_v6_dest_port(peer_port);
        s.set_v6_l4(protocol);
    }
    fd
}
