//! What a capture tells of the machine before its first event.

use peregrine_capture::{FdEntry, FdInfo, Interface, InterfaceAddress, ThreadEntry, Users};
use peregrine_state::flags::exe;
use peregrine_state::image::Cgroups;
use peregrine_state::{Fd, FdKind, Group, Image, Interfaces, Shard, Strings, Thread, User};

/// Adds listed threads. They are related to each other by [`Shard::relate_all`], when all are
/// there.
pub fn add_threads(shard: &mut Shard, entries: &[ThreadEntry]) {
    for entry in entries {
        shard.users_mut().need(entry.uid, entry.gid);
        shard.insert_unrelated(thread(entry));
    }
}

/// Adds the open files of a listed thread.
pub fn add_fds(shard: &mut Shard, tid: i64, entries: &[FdEntry]) {
    for entry in entries {
        if let Some(fd) = fd(entry) {
            shard.add_listed_fd(tid, entry.fd, fd);
        }
    }
}

/// Adds users and groups.
pub fn add_users(shard: &mut Shard, users: &Users) {
    for user in &users.users {
        let user = User {
            uid: user.uid,
            gid: user.gid,
            name: user.name[..].into(),
            home: user.home[..].into(),
            shell: user.shell[..].into(),
        };
        shard.users_mut().add_user(b"", user);
    }
    for group in &users.groups {
        let group = Group { gid: group.gid, name: group.name[..].into() };
        shard.users_mut().add_group(b"", group);
    }
}

/// Sets the addresses of the machine.
pub fn set_interfaces(shard: &mut Shard, list: &[Interface]) {
    let mut interfaces = Interfaces::default();
    for interface in list {
        match interface.address {
            InterfaceAddress::V4 { address, mask, .. } => {
                interfaces.v4.push((address.into(), mask.into()));
            }
            InterfaceAddress::V6 { address, .. } => interfaces.v6.push(address.into()),
        }
    }
    shard.set_interfaces(interfaces);
}

/// A thread of the process list.
pub fn thread(entry: &ThreadEntry) -> Box<Thread> {
    let mut thread = Box::new(Thread::new());
    thread.tid = entry.tid;
    thread.pid = entry.pid;
    thread.ptid = entry.ptid;
    thread.sid = entry.sid;
    thread.vpgid = entry.vpgid;
    thread.pgid = entry.pgid;
    thread.vtid = entry.vtid;
    thread.vpid = entry.vpid;
    thread.uid = entry.uid;
    thread.gid = entry.gid;
    thread.loginuid = entry.loginuid;
    thread.tty = entry.tty;
    thread.cap_inheritable = entry.cap_inheritable;
    thread.cap_permitted = entry.cap_permitted;
    thread.cap_effective = entry.cap_effective;
    thread.pidns_init_start_ts = entry.pidns_init_start_ts;
    thread.root = entry.root[..].into();
    thread.fdlimit = entry.fdlimit;
    thread.usage.vmsize_kb = entry.vmsize_kb;
    thread.usage.vmrss_kb = entry.vmrss_kb;
    thread.usage.vmswap_kb = entry.vmswap_kb;
    thread.usage.pfmajor = entry.pfmajor;
    thread.usage.pfminor = entry.pfminor;
    thread.set_listed_flags(entry.flags);
    let mut image = image(entry);
    // The environment of a process is that of its main thread.
    if thread.is_main_thread() {
        image.env = Strings::from_wire(&entry.env);
    }
    thread.image = image.into();
    thread.set_listed_cwd(&entry.cwd);
    thread
}

fn image(entry: &ThreadEntry) -> Image {
    let mut image = Image::default();
    image.comm = entry.comm[..].into();
    image.exe = entry.exe[..].into();
    image.args = Strings::from_wire(&entry.args);
    image.cgroups = Cgroups::from_wire(&entry.cgroups);
    image.exe_ino = entry.exe_ino;
    image.exe_ino_ctime = entry.exe_ino_ctime;
    image.exe_ino_mtime = entry.exe_ino_mtime;
    for (is_set, bit) in [
        (entry.exe_writable, exe::WRITABLE),
        (entry.exe_upper_layer, exe::UPPER_LAYER),
        (entry.exe_lower_layer, exe::LOWER_LAYER),
        (entry.exe_from_memfd, exe::FROM_MEMFD),
    ] {
        if is_set {
            image.exe_flags |= bit;
        }
    }
    image.set_exepath(&entry.exepath);
    image
}

/// An entry of an fd list; `None` for a kind that the state does not know.
pub fn fd(entry: &FdEntry) -> Option<Fd> {
    let mut fd = Fd::new(FdKind::from_number(entry.kind as i8)?);
    fd.ino = entry.ino;
    match &entry.info {
        FdInfo::None => {}
        FdInfo::Name(name) => _ = fd.set_name(name),
        FdInfo::File { open_flags, name, dev } => {
            fd.open_flags = *open_flags;
            fd.dev = *dev;
            fd.set_name(name);
        }
        FdInfo::Ipv4 { source, dest, source_port, dest_port, l4 } => {
            let socket = fd.socket_mut();
            socket.set_v4_source((*source).into());
            socket.set_v4_dest((*dest).into());
            socket.set_v4_source_port(*source_port);
            socket.set_v4_dest_port(*dest_port);
            socket.set_v4_l4(*l4);
        }
        FdInfo::Ipv6 { source, dest, source_port, dest_port, l4 } => {
            let socket = fd.socket_mut();
            socket.set_v6_source((*source).into());
            socket.set_v6_dest((*dest).into());
            socket.set_v6_source_port(*source_port);
            socket.set_v6_dest_port(*dest_port);
            socket.set_v6_l4(*l4);
        }
        FdInfo::Ipv4Server { ip, port, l4 } => {
            let socket = fd.socket_mut();
            socket.set_v4_server((*ip).into());
            socket.set_v4_server_port(*port);
            socket.set_v4_server_l4(*l4);
        }
        FdInfo::Ipv6Server { ip, port, l4 } => {
            let socket = fd.socket_mut();
            socket.set_v6_server((*ip).into());
            socket.set_v6_server_port(*port);
            socket.set_v6_server_l4(*l4);
        }
        FdInfo::Unix { source, dest, name } => {
            fd.socket_mut().set_unix_source(*source);
            fd.socket_mut().set_unix_dest(*dest);
            fd.set_name(name);
        }
    }
    Some(fd)
}
