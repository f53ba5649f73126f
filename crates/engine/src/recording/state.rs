//! The state of the workers as the lists of a capture; the other direction of
//! [`crate::replay::initial`].

use std::sync::Arc;

use peregrine_capture::{
    CaptureState, FdEntry, FdInfo, FdKind, Group, Interface, MachineInfo, ThreadEntry, User, Users,
};
use peregrine_state::users::{groups_in, users_in};
use peregrine_state::{Fd, FdKind as Kind, Inventory, Listed};

use crate::host::HostFiles;

/// What does not change while a capture is recorded.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The machine.
    pub machine: MachineInfo,
    /// Its addresses.
    pub interfaces: Vec<Interface>,
    /// Its users. Empty: those that the shards know.
    pub users: Users,
}

/// What a capture can begin with; the lists are made when it does.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// What does not change.
    pub surroundings: Arc<Surroundings>,
    /// What the shards held.
    pub inventories: Vec<Inventory>,
    /// The lists, where they were read and not made.
    pub given: Option<Box<CaptureState>>,
}

impl Listing {
    /// The lists.
    pub fn state(&self) -> CaptureState {
        if let Some(given) = &self.given {
            return (**given).clone();
        }
        capture_state(&self.surroundings, &self.inventories)
    }
}

/// The lists of a capture that begins with what shards hold.
pub fn capture_state(surroundings: &Surroundings, inventories: &[Inventory]) -> CaptureState {
    let mut state = CaptureState {
        machine: surroundings.machine.clone(),
        interfaces: surroundings.interfaces.clone(),
        users: surroundings.users.clone(),
        ..CaptureState::default()
    };
    if state.users == Users::default() {
        for inventory in inventories {
            state.users.users.extend(inventory.users.iter().map(user));
            state.users.groups.extend(inventory.groups.iter().map(group));
        }
        state.users.users.sort_by_key(|user| user.uid);
        state.users.users.dedup_by_key(|user| user.uid);
        state.users.groups.sort_by_key(|group| group.gid);
        state.users.groups.dedup_by_key(|group| group.gid);
    }
    let mut listed: Vec<&Listed> = inventories.iter().flat_map(|one| &one.threads).collect();
    listed.sort_by_key(|thread| thread.facts.tid);
    for thread in listed {
        state.threads.push(thread_entry(thread));
        let fds: Vec<FdEntry> =
            thread.fds.iter().filter_map(|(number, fd)| fd_entry(number, fd)).collect();
        if !fds.is_empty() {
            state.fds.push((thread.facts.tid, fds));
        }
    }
    state
}

/// The users and groups that the host's files name.
pub(super) fn users(files: &HostFiles) -> Users {
    Users {
        users: users_in(&files.passwd).map(|one| user(&one)).collect(),
        groups: groups_in(&files.group).map(|one| group(&one)).collect(),
    }
}

fn user(user: &peregrine_state::User) -> User {
    User {
        uid: user.uid,
        gid: user.gid,
        name: user.name.to_vec(),
        home: user.home.to_vec(),
        shell: user.shell.to_vec(),
    }
}

fn group(group: &peregrine_state::Group) -> Group {
    Group { gid: group.gid, name: group.name.to_vec() }
}

/// Strings that each end in NUL.
fn wire(strings: &peregrine_state::Strings) -> Vec<u8> {
    let mut bytes = strings.as_bytes().to_vec();
    if !bytes.is_empty() {
        bytes.push(0);
    }
    bytes
}

fn thread_entry(listed: &Listed) -> ThreadEntry {
    let facts = &listed.facts;
    let image = &facts.image;
    let mut cgroups = Vec::new();
    for (subsystem, path) in image.cgroups.iter() {
        cgroups.extend_from_slice(subsystem);
        cgroups.push(b'=');
        cgroups.extend_from_slice(path);
        cgroups.push(0);
    }
    ThreadEntry {
        tid: facts.tid,
        pid: facts.pid,
        ptid: facts.ptid,
        sid: facts.sid,
        vpgid: facts.vpgid,
        pgid: facts.pgid,
        comm: image.comm.to_vec(),
        exe: image.exe.to_vec(),
        exepath: image.exepath.to_vec(),
        args: wire(&image.args),
        cwd: facts.cwd.to_vec(),
        fdlimit: listed.fdlimit,
        flags: facts.flags,
        uid: facts.uid,
        gid: facts.gid,
        vmsize_kb: listed.usage.vmsize_kb,
        vmrss_kb: listed.usage.vmrss_kb,
        vmswap_kb: listed.usage.vmswap_kb,
        pfmajor: listed.usage.pfmajor,
        pfminor: listed.usage.pfminor,
        env: wire(&image.env),
        vtid: facts.vtid,
        vpid: facts.vpid,
        cgroups,
        root: facts.root.to_vec(),
        pidns_init_start_ts: facts.pidns_init_start_ts,
        tty: facts.tty,
        loginuid: facts.loginuid,
        exe_writable: image.is_exe_writable(),
        cap_inheritable: facts.cap_inheritable,
        cap_permitted: facts.cap_permitted,
        cap_effective: facts.cap_effective,
        exe_upper_layer: image.is_exe_upper_layer(),
        exe_ino: image.exe_ino,
        exe_ino_ctime: image.exe_ino_ctime,
        exe_ino_mtime: image.exe_ino_mtime,
        exe_from_memfd: image.is_exe_from_memfd(),
        exe_lower_layer: image.is_exe_lower_layer(),
    }
}

/// An open file; `None` for what lists do not hold.
fn fd_entry(number: i64, fd: &Fd) -> Option<FdEntry> {
    let kind = FdKind::from_number(u8::try_from(fd.kind as i8).ok()?)?;
    let s = fd.socket();
    let info = match fd.kind {
        Kind::Uninitialized | Kind::Unknown => return None,
        // Lists have the own address first; readers turn around what has a server's port.
        Kind::Ipv4Sock if fd.is_role_server() => FdInfo::Ipv4 {
            source: s.v4_dest().octets(),
            dest: s.v4_source().octets(),
            source_port: s.v4_dest_port(),
            dest_port: s.v4_source_port(),
            l4: s.v4_l4(),
        },
        Kind::Ipv4Sock => FdInfo::Ipv4 {
            source: s.v4_source().octets(),
            dest: s.v4_dest().octets(),
            source_port: s.v4_source_port(),
            dest_port: s.v4_dest_port(),
            l4: s.v4_l4(),
        },
        Kind::Ipv6Sock => FdInfo::Ipv6 {
            source: s.v6_source().octets(),
            dest: s.v6_dest().octets(),
            source_port: s.v6_source_port(),
            dest_port: s.v6_dest_port(),
            l4: s.v6_l4(),
        },
        Kind::Ipv4Server => FdInfo::Ipv4Server {
            ip: s.v4_server().octets(),
            port: s.v4_server_port(),
            l4: s.v4_server_l4(),
        },
        Kind::Ipv6Server => FdInfo::Ipv6Server {
            ip: s.v6_server().octets(),
            port: s.v6_server_port(),
            l4: s.v6_server_l4(),
        },
        Kind::UnixSock => {
            FdInfo::Unix { source: s.unix_source(), dest: s.unix_dest(), name: fd.name().to_vec() }
        }
        Kind::FileV2 => {
            FdInfo::File { open_flags: fd.open_flags, name: fd.name().to_vec(), dev: fd.dev }
        }
        _ => FdInfo::Name(fd.name().to_vec()),
    };
    Some(FdEntry { fd: number, ino: fd.ino, kind, info })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::initial;
    use peregrine_state::{Config, Shard};

    fn shard(state: &CaptureState) -> Shard {
        let mut shard = Shard::new(Config::default(), None);
        initial::add_threads(&mut shard, &state.threads);
        for (tid, fds) in &state.fds {
            initial::add_fds(&mut shard, *tid, fds);
        }
        shard.relate_all();
        shard
    }

    /// What a capture lists becomes state, and the state lists the same again.
    #[test]
    fn lists_survive_the_state() {
        let thread = |tid: i64, pid: i64, ptid: i64| ThreadEntry {
            tid,
            pid,
            ptid,
            sid: 7,
            vpgid: 8,
            pgid: 9,
            comm: b"sh".to_vec(),
            exe: b"/bin/sh".to_vec(),
            exepath: b"/usr/bin/dash".to_vec(),
            args: b"-c\0true\0".to_vec(),
            cwd: if tid == pid { b"/tmp/".to_vec() } else { Vec::new() },
            fdlimit: 1024,
            uid: 5,
            gid: 6,
            env: if tid == pid { b"A=1\0B=\0".to_vec() } else { Vec::new() },
            vtid: tid,
            vpid: pid,
            cgroups: b"cpuset=/a\0memory=/b\0".to_vec(),
            root: b"/".to_vec(),
            exe_writable: true,
            exe_ino: 77,
            ..ThreadEntry::default()
        };
        let file = FdInfo::File { open_flags: 4097, name: b"/etc/hosts".to_vec(), dev: 9 };
        let server = FdInfo::Ipv4Server { ip: [0; 4], port: 80, l4: 2 };
        let accepted = FdInfo::Ipv4 {
            source: [10, 0, 0, 1],
            dest: [10, 0, 0, 2],
            source_port: 80,
            dest_port: 4000,
            l4: 2,
        };
        let client = FdInfo::Ipv4 {
            source: [10, 0, 0, 1],
            dest: [10, 0, 0, 9],
            source_port: 4001,
            dest_port: 443,
            l4: 2,
        };
        let pipe = FdInfo::Name(b"pipe:[3]".to_vec());
        let unix = FdInfo::Unix { source: 1, dest: 2, name: b"/run/x".to_vec() };
        let fd = |fd, kind, info: &FdInfo| FdEntry { fd, ino: 3, kind, info: info.clone() };
        let first = CaptureState {
            threads: vec![thread(10, 10, 1), thread(11, 10, 1), thread(20, 20, 10)],
            fds: vec![
                (
                    10,
                    vec![
                        fd(0, FdKind::Fifo, &pipe),
                        fd(3, FdKind::FileV2, &file),
                        fd(4, FdKind::Ipv4Server, &server),
                        fd(5, FdKind::Ipv4Socket, &accepted),
                        fd(6, FdKind::Ipv4Socket, &client),
                    ],
                ),
                (20, vec![fd(1, FdKind::UnixSocket, &unix)]),
            ],
            ..CaptureState::default()
        };
        let before = shard(&first);
        let again =
            capture_state(&Surroundings::default(), std::slice::from_ref(&before.inventory()));
        assert_eq!(again.fds, first.fds);
        for (mine, theirs) in again.threads.iter().zip(&first.threads) {
            let ptid = if theirs.ptid == 1 { 0 } else { theirs.ptid };
            let expected = ThreadEntry { flags: mine.flags, ptid, ..theirs.clone() };
            assert_eq!(*mine, expected);
        }
        // The roles of sockets are those of the first reading.
        let after = shard(&again);
        for number in [5, 6] {
            let [a, b] = [&before, &after].map(|shard| {
                let fd = shard.fd(shard.find(10).unwrap(), number).unwrap();
                (fd.name().to_vec(), fd.is_role_server(), fd.is_role_client())
            });
            assert_eq!(a, b);
        }
    }
}
