//! One partition of a replay: its state, and the events that are applied to it in order.

use peregrine_capture::Item;
use peregrine_event::Record;
use peregrine_fields::view::{EventView, Session};
use peregrine_state::{ChildRule, Config, Shard, Subject};

use super::initial;
use crate::host::HostFiles;

/// The times that fields of an event refer to; those of the whole capture, not of a partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// Time of the first event; 0 before it.
    pub first_ns: u64,
    /// Time of the event before this one.
    pub previous_ns: Option<u64>,
}

/// The state of the threads of a partition. It takes records, whoever reads them.
#[derive(Debug)]
pub struct Partition {
    shard: Shard,
    session: Session,
    /// Users and groups of this host, for captures that have no list of their own.
    host_files: HostFiles,
    is_related: bool,
}

impl Partition {
    /// Nothing known yet.
    pub fn new(session: Session, host_files: HostFiles) -> Self {
        let mut partition = Self {
            shard: Shard::new(Config::default(), None),
            session,
            host_files,
            is_related: false,
        };
        partition.start_section();
        partition
    }

    /// Forgets everything, as at the start of a capture and of each section within it.
    pub fn start_section(&mut self) {
        let config = Config { child_rule: ChildRule::CloneExits, ..Config::default() };
        self.shard = Shard::new(config, None);
        self.shard.users_mut().set_host_files(&self.host_files.passwd, &self.host_files.group);
        self.is_related = false;
    }

    /// The state, to fill it before the first event.
    pub fn shard_mut(&mut self) -> &mut Shard {
        &mut self.shard
    }

    /// The state.
    pub fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Takes over what a capture tells of the machine. Events are not meant.
    #[cold]
    pub fn take_state(&mut self, item: &Item<'_>) {
        let shard = &mut self.shard;
        match item {
            Item::Section { index: 0 } | Item::Event(_) => {}
            Item::MachineInfo(info) => shard.config_mut().boot_ts = info.boot_ts,
            Item::Section { .. } => self.start_section(),
            Item::Threads(threads) => initial::add_threads(shard, threads),
            Item::Fds { tid, fds } => initial::add_fds(shard, *tid, fds),
            Item::Users(users) => initial::add_users(shard, users),
            Item::Interfaces(interfaces) => initial::set_interfaces(shard, interfaces),
        }
    }

    /// Relates the listed threads to each other, if that is not done yet; the first event follows.
    #[inline]
    pub fn begin(&mut self) {
        if !self.is_related {
            self.shard.relate_all();
            self.is_related = true;
        }
    }

    /// Whether the listed threads are related to each other: an event was applied.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.is_related
    }

    /// Applies a record; gives the event as fields see it.
    #[inline]
    pub fn apply<'a>(&'a mut self, record: Record<'a>, number: u64, times: Times) -> EventView<'a> {
        let subject = self.apply_only(&record, number);
        self.view(record, number, times, subject)
    }

    /// Applies a record; gives what it is about.
    #[inline]
    pub fn apply_only(&mut self, record: &Record<'_>, number: u64) -> Subject {
        self.begin();
        self.shard.apply_record(record, number)
    }

    /// The event that was applied last, as fields see it.
    #[inline]
    pub fn view<'a>(
        &'a self,
        record: Record<'a>,
        number: u64,
        times: Times,
        subject: Subject,
    ) -> EventView<'a> {
        let mut view = EventView::new(record, number, number, &self.session, &self.shard, subject);
        view.first_ts = times.first_ns;
        view.previous_ts = times.previous_ns;
        view
    }
}
