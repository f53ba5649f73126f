//! Feeds a capture to a shard.

use peregrine_capture::entry::{FdEntry, FdInfo, InterfaceAddress, ThreadEntry};
use peregrine_capture::{Item, Reader, Transcoded, Transcoder};
use peregrine_event::Record;
use peregrine_state::image::Cgroups;
use peregrine_state::{
    Applied, ChildRule, Config, EventContext, Fd, FdKind, Group, Image, Interfaces, Shard, Strings,
    Subject, Thread, User, flags,
};
use std::path::Path;

/// Applies a whole capture; `see` gets every event that rules see.
pub fn replay(path: &Path, mut see: impl FnMut(&Shard, &Record<'_>, u64, &Subject)) {
    let mut reader = Reader::open(path).expect("a capture");
    let mut transcoder = Transcoder::new();
    let config = Config { child_rule: ChildRule::CloneExits, ..Config::default() };
    let mut shard = Shard::new(config.clone(), None);
    let mut is_related = false;
    while let Some(item) = reader.next().expect("a good capture") {
        match item {
            Item::Section { index } => {
                if index > 0 {
                    transcoder.start_section();
                    shard = Shard::new(config.clone(), None);
                    is_related = false;
                }
            }
            // Falco does not take the boot time from a capture.
            Item::MachineInfo(_) => {}
            Item::Threads(list) => {
                for entry in &list {
                    shard.users_mut().need(entry.uid, entry.gid);
                    shard.insert_unrelated(thread(entry));
                }
            }
            Item::Fds { tid, fds } => {
                for entry in &fds {
                    shard.add_listed_fd(tid, entry.fd, fd(entry));
                }
            }
            Item::Users(users) => {
                for u in users.users {
                    let user = User {
                        uid: u.uid,
                        gid: u.gid,
                        name: u.name.into(),
                        home: u.home.into(),
                        shell: u.shell.into(),
                    };
                    shard.users_mut().add_user(b"", user);
                }
                for g in users.groups {
                    shard.users_mut().add_group(b"", Group { gid: g.gid, name: g.name.into() });
                }
            }
            Item::Interfaces(list) => {
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
            Item::Event(event) => {
                if !is_related {
                    shard.relate_all();
                    is_related = true;
                }
                let Ok(Transcoded::Record { number, is_for_rules, record }) =
                    transcoder.transcode(&event, 0)
                else {
                    continue;
                };
                let applied = shard.apply(&EventContext { record, num: number });
                if let (true, Applied::Done(subject)) = (is_for_rules, applied) {
                    see(&shard, &record, number, &subject);
                }
            }
        }
    }
}

pub fn thread(e: &ThreadEntry) -> Box<Thread> {
    let mut t = Box::new(Thread::new());
    t.tid = e.tid;
    t.pid = e.pid;
    t.ptid = e.ptid;
    t.sid = e.sid;
    t.vpgid = e.vpgid;
    t.pgid = e.pgid;
    t.vtid = e.vtid;
    t.vpid = e.vpid;
    t.uid = e.uid;
    t.gid = e.gid;
    t.loginuid = e.loginuid;
    t.tty = e.tty;
    t.cap_inheritable = e.cap_inheritable;
    t.cap_permitted = e.cap_permitted;
    t.cap_effective = e.cap_effective;
    t.pidns_init_start_ts = e.pidns_init_start_ts;
    t.fdlimit = e.fdlimit;
    t.usage.vmsize_kb = e.vmsize_kb;
    t.usage.vmrss_kb = e.vmrss_kb;
    t.usage.vmswap_kb = e.vmswap_kb;
    t.usage.pfmajor = e.pfmajor;
    t.usage.pfminor = e.pfminor;
    t.root = e.root.as_slice().into();
    let mut image = Image::default();
    image.comm = e.comm.as_slice().into();
    image.exe = e.exe.as_slice().into();
    image.args = Strings::from_wire(&e.args);
    image.cgroups = Cgroups::from_wire(&e.cgroups);
    image.set_exepath(&e.exepath);
    for (is_set, bit) in [
        (e.exe_writable, flags::exe::WRITABLE),
        (e.exe_upper_layer, flags::exe::UPPER_LAYER),
        (e.exe_from_memfd, flags::exe::FROM_MEMFD),
        (e.exe_lower_layer, flags::exe::LOWER_LAYER),
    ] {
        if is_set {
            image.exe_flags |= bit;
        }
    }
    image.exe_ino = e.exe_ino;
    image.exe_ino_ctime = e.exe_ino_ctime;
    image.exe_ino_mtime = e.exe_ino_mtime;
    t.set_listed_flags(e.flags);
    if t.is_main_thread() {
        image.env = Strings::from_wire(&e.env);
    }
    t.image = image.into();
    t.set_listed_cwd(&e.cwd);
    t
}

pub fn fd(e: &FdEntry) -> Fd {
    let kind = FdKind::from_number(e.kind as i8).expect("the same numbers");
    let mut fd = Fd::new(kind);
    fd.ino = e.ino;
    match &e.info {
        FdInfo::None => {}
        FdInfo::Name(name) => _ = fd.set_name(name),
        FdInfo::File { open_flags, name, dev } => {
            fd.open_flags = *open_flags;
            fd.dev = *dev;
            fd.set_name(name);
        }
        FdInfo::Ipv4 { source, dest, source_port, dest_port, l4 } => {
            let s = fd.socket_mut();
            s.set_v4_source((*source).into());
            s.set_v4_dest((*dest).into());
            s.set_v4_source_port(*source_port);
            s.set_v4_dest_port(*dest_port);
            s.set_v4_l4(*l4);
        }
        FdInfo::Ipv6 { source, dest, source_port, dest_port, l4 } => {
            let s = fd.socket_mut();
            s.set_v6_source((*source).into());
            s.set_v6_dest((*dest).into());
            s.set_v6_source_port(*source_port);
            s.set_v6_dest_port(*dest_port);
            s.set_v6_l4(*l4);
        }
        FdInfo::Ipv4Server { ip, port, l4 } => {
            let s = fd.socket_mut();
            s.set_v4_server((*ip).into());
            s.set_v4_server_port(*port);
            s.set_v4_server_l4(*l4);
        }
        FdInfo::Ipv6Server { ip, port, l4 } => {
            let s = fd.socket_mut();
            s.set_v6_server((*ip).into());
            s.set_v6_server_port(*port);
            s.set_v6_server_l4(*l4);
        }
        FdInfo::Unix { source, dest, name } => {
            fd.socket_mut().set_unix_source(*source);
            fd.socket_mut().set_unix_dest(*dest);
            fd.set_name(name);
        }
    }
    fd
}
