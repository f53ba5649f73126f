//! One partition of a replay: its state, and the events that are applied to it in order.

use peregrine_event::Record;
use peregrine_fields::view::{EventView, Session};
use peregrine_state::{Applied, ChildRule, Config, EventContext, Shard};

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

    /// Applies a record; gives the event as fields see it.
    #[inline]
    pub fn apply<'a>(
        &'a mut self,
        record: Record<'a>,
        number: u64,
        times: Times,
    ) -> Option<EventView<'a>> {
        if !self.is_related {
            self.shard.relate_all();
            self.is_related = true;
        }
        let context = EventContext { record, num: number };
        let Applied::Done(subject) = self.shard.apply(&context) else {
            // Only births wait, and captures have none.
            return None;
        };
        let view = EventView::new(record, number, number, &self.session, &self.shard, subject);
        Some(view.with_times(times.first_ns, times.previous_ns))
    }
}
