//! Drives a state and asks fields, for the tests of this crate.
#![allow(dead_code)]

pub mod vectors;

use peregrine_capture::{
    FdEntry, FdInfo, Interface, InterfaceAddress, Item, Reader, ThreadEntry, Transcoded, Transcoder,
};
use peregrine_event::Record;
use peregrine_event::event::Category;
use peregrine_fields::view::{EventView, Session};
use peregrine_state::flags::exe;
use peregrine_state::image::Cgroups;
use peregrine_state::{
    Applied, ChildRule, Config, EventContext, Facts, Fd, FdKind, Group, Image, Interfaces, Shard,
    Strings, Thread, User,
};

/// A state that events are fed to, as one worker replays a capture.
pub struct Replay {
    pub shard: Shard,
    pub session: Session,
    transcoder: Transcoder,
    first_ts: u64,
    previous_ts: Option<u64>,
}

impl Replay {
    /// Nothing known yet.
    pub fn new() -> Self {
        let config = Config { child_rule: ChildRule::CloneExits, ..Config::default() };
        let hostname = Some("golden".into());
        let session = Session { hostname, containers: false, ..Session::default() };
        Self {
            shard: Shard::new(config, None),
            session,
            transcoder: Transcoder::new(),
            first_ts: 0,
            previous_ts: None,
        }
    }

    /// The threads a vector starts with.
    pub fn with_threads(threads: &serde_json::Value) -> Self {
        let mut replay = Self::new();
        for case in threads.as_array().unwrap() {
            let (thread, fds) = vectors::thread(case);
            let clone_ts = case.get("clone_ts").and_then(serde_json::Value::as_u64);
            replay.add_thread(&thread, clone_ts.unwrap_or(0));
            for fd in &fds {
                replay.add_fd(thread.tid, fd);
            }
        }
        replay.shard.relate_all();
        replay
    }

    fn add_thread(&mut self, entry: &ThreadEntry, clone_ts: u64) {
        let mut exe_flags = 0;
        for (is_set, bit) in [
            (entry.exe_writable, exe::WRITABLE),
            (entry.exe_upper_layer, exe::UPPER_LAYER),
            (entry.exe_lower_layer, exe::LOWER_LAYER),
            (entry.exe_from_memfd, exe::FROM_MEMFD),
        ] {
            exe_flags |= if is_set { bit } else { 0 };
        }
        let mut image = Image::default();
        image.comm = entry.comm[..].into();
        image.exe = entry.exe[..].into();
        image.args = Strings::from_wire(&entry.args);
        image.env = Strings::from_wire(&entry.env);
        image.cgroups = Cgroups::from_wire(&entry.cgroups);
        image.exe_flags = exe_flags;
        image.exe_ino = entry.exe_ino;
        image.exe_ino_ctime = entry.exe_ino_ctime;
        image.exe_ino_mtime = entry.exe_ino_mtime;
        image.set_exepath(&entry.exepath);
        let mut thread = Thread::new();
        thread.facts = Facts {
            tid: entry.tid,
            pid: entry.pid,
            ptid: entry.ptid,
            vtid: entry.vtid,
            vpid: entry.vpid,
            sid: entry.sid,
            vpgid: entry.vpgid,
            pgid: entry.pgid,
            uid: entry.uid,
            gid: entry.gid,
            loginuid: entry.loginuid,
            tty: entry.tty,
            cap_inheritable: entry.cap_inheritable,
            cap_permitted: entry.cap_permitted,
            cap_effective: entry.cap_effective,
            pidns_init_start_ts: entry.pidns_init_start_ts,
            image: image.into(),
            clone_ts,
            root: entry.root[..].into(),
            ..Facts::default()
        };
        thread.fdlimit = entry.fdlimit;
        (thread.vmsize_kb, thread.vmrss_kb) = (entry.vmsize_kb, entry.vmrss_kb);
        thread.vmswap_kb = entry.vmswap_kb;
        (thread.pfmajor, thread.pfminor) = (entry.pfmajor, entry.pfminor);
        thread.set_listed_flags(entry.flags);
        thread.set_listed_cwd(&entry.cwd);
        self.shard.users_mut().need(entry.uid, entry.gid);
        self.shard.insert_unrelated(Box::new(thread));
    }

    fn add_fd(&mut self, tid: i64, entry: &FdEntry) {
        let mut fd = Fd::new(FdKind::from_number(entry.kind as i8).unwrap());
        fd.ino = entry.ino;
        match &entry.info {
            FdInfo::None => {}
            FdInfo::Name(name) => _ = fd.set_name(name),
            FdInfo::File { open_flags, name, dev } => {
                fd.set_name(name);
                (fd.open_flags, fd.dev) = (*open_flags, *dev);
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
                fd.set_name(name);
                fd.socket_mut().set_unix_source(*source);
                fd.socket_mut().set_unix_dest(*dest);
            }
        }
        self.shard.add_listed_fd(tid, entry.fd, fd);
    }

    fn set_users(&mut self, users: &peregrine_capture::Users) {
        for user in &users.users {
            let (name, home) = (user.name[..].into(), user.home[..].into());
            let shell = user.shell[..].into();
            let user = User { uid: user.uid, gid: user.gid, name, home, shell };
            self.shard.users_mut().add_user(b"", user);
        }
        for group in &users.groups {
            let group = Group { gid: group.gid, name: group.name[..].into() };
            self.shard.users_mut().add_group(b"", group);
        }
    }

    fn set_interfaces(&mut self, list: &[Interface]) {
        let mut interfaces = Interfaces::default();
        for interface in list {
            match interface.address {
                InterfaceAddress::V4 { address, mask, .. } => {
                    interfaces.v4.push((address.into(), mask.into()));
                }
                InterfaceAddress::V6 { address, .. } => interfaces.v6.push(address.into()),
            }
        }
        self.shard.set_interfaces(interfaces);
    }

    /// Feeds an event; `each` sees it, and whether rules would, once it is applied.
    pub fn feed(
        &mut self,
        raw: &peregrine_capture::RawEvent<'_>,
        each: &mut dyn FnMut(&EventView<'_>, bool),
    ) {
        let Ok(transcoded) = self.transcoder.transcode(raw, 0) else { return };
        // Enter events that are only kept count for the first time, those of old captures do not.
        let is_counted = !matches!(transcoded, Transcoded::Dropped);
        if is_counted && self.first_ts == 0 && !raw.def().category.has(Category::META) {
            self.first_ts = raw.ts;
        }
        let Transcoded::Record { number, is_for_rules, bytes } = transcoded else { return };
        let record = Record::parse(bytes).expect("the transcoder makes valid records");
        let applied = self.shard.apply(&EventContext { record, num: number });
        let Applied::Done(subject) = applied else { panic!("no births in captures") };
        let view = EventView::new(record, number, number, &self.session, &self.shard, subject)
            .with_times(self.first_ts, self.previous_ts);
        each(&view, is_for_rules);
        self.previous_ts = Some(record.ts());
    }

    /// Replays a whole capture.
    pub fn capture(
        path: &std::path::Path,
        containers: bool,
        each: &mut dyn FnMut(&EventView<'_>, bool),
    ) -> Self {
        let mut replay = Self::new();
        replay.session.containers = containers;
        let mut reader = Reader::open(path).unwrap();
        let mut is_related = false;
        loop {
            let item = match reader.next() {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(error) if error.is_fatal() => panic!("{}: {error}", path.display()),
                Err(_) => continue,
            };
            match item {
                Item::Section { .. } => {}
                Item::MachineInfo(info) => replay.shard.config_mut().boot_ts = info.boot_ts,
                Item::Threads(threads) => {
                    for thread in &threads {
                        replay.add_thread(thread, 0);
                    }
                }
                Item::Fds { tid, fds } => {
                    for fd in &fds {
                        replay.add_fd(tid, fd);
                    }
                }
                Item::Users(users) => replay.set_users(&users),
                Item::Interfaces(interfaces) => replay.set_interfaces(&interfaces),
                Item::Event(event) => {
                    if !is_related {
                        replay.shard.relate_all();
                        is_related = true;
                    }
                    replay.feed(&event, each);
                }
            }
        }
        replay
    }
}
