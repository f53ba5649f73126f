//! What an event does to the state.
//!
//! [`Shard::apply`] finds the thread and the file descriptor an event is about and then does what
//! the event type demands. What an event ends (a closed fd, an exited thread) stays visible for
//! the rules of this very event and goes at the start of the next one.

mod credentials;
mod files;
mod initial;
pub(crate) mod plan;
mod process;
mod sockets;

use peregrine_event::{EventCode, HeaderFlags, Record, arg, code};

use plan::{Act, Plan, Subjects};

use crate::containers;
use crate::fd::Fd;
use crate::shard::{Shard, Slot};

/// An event, as the state sees it.
#[derive(Debug, Clone, Copy)]
pub struct EventContext<'a> {
    /// The event.
    pub record: Record<'a>,
    /// Sequence: the event number of a capture, the time stamp live.
    pub num: u64,
}

/// What an event is about, for the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subject {
    /// The event's thread; none for events of no thread and threads that are not known.
    pub thread: Option<Slot>,
    /// The thread is none because another has taken its id since: what has that id now is not it.
    pub is_replaced: bool,
    /// Number of the file descriptor the event is about; -1 none.
    pub fd_number: i64,
    /// That number was in the table (or is now, if the event opened it).
    pub has_fd: bool,
    /// The event gave the file descriptor another name.
    pub fd_name_changed: bool,
    /// `errno` of a failed system call; 0 if it did not fail.
    pub error: i32,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was applied.
    Done(Subject),
    /// A birth whose parent's shard has not published yet what the child inherits. Nothing was
    /// changed; apply it again later, and until then nothing else of the child.
    NeedsInheritance {
        /// The child.
        child_tid: i64,
        /// Its start time.
        start_time: u64,
    },
}

/// What stands for text that an event does not have.
pub(crate) const NOT_AVAILABLE: &[u8] = b"<NA>";

/// Text of a parameter. Text that is missing, or that an old writer found unreadable, reads as in
/// Falco.
pub(crate) fn text_of<'a>(record: &Record<'a>, index: usize) -> &'a [u8] {
    record.text(index).filter(|text| *text != b"(NULL)").unwrap_or(NOT_AVAILABLE)
}

/// An event being applied.
pub(crate) struct Step<'a> {
    pub r: &'a Record<'a>,
    pub code: EventCode,
    pub tid: i64,
    pub subject: Subject,
}

impl<'a> Step<'a> {
    /// The result of a system call.
    pub fn result(&self) -> i64 {
        self.r.int(0).unwrap_or(0)
    }

    pub fn int(&self, index: usize) -> i64 {
        self.r.int(index).unwrap_or(0)
    }

    pub fn uint32(&self, index: usize) -> u32 {
        self.r.int(index).unwrap_or(0) as u32
    }

    /// Text of a parameter, see [`text_of`].
    pub fn text(&self, index: usize) -> &'a [u8] {
        text_of(self.r, index)
    }

    /// Bytes of a parameter; empty if there is none.
    pub fn bytes(&self, index: usize) -> &'a [u8] {
        self.r.bytes(index).unwrap_or_default()
    }
}

impl Shard {
    /// Applies one event. Slots from before are void afterwards.
    pub fn apply(&mut self, event: &EventContext<'_>) -> Applied {
        self.apply_one(&event.record, event.num, false)
    }

    /// Applies one event, and does not wait for an inheritance: a child of another shard's process
    /// takes after what is published of its parent, without files. Never
    /// [`Applied::NeedsInheritance`].
    pub fn apply_without_inheritance(&mut self, event: &EventContext<'_>) -> Applied {
        self.apply_one(&event.record, event.num, true)
    }

    /// As [`Self::apply_without_inheritance`].
    pub fn apply_record(&mut self, record: &Record<'_>, num: u64) -> Subject {
        match self.apply_one(record, num, true) {
            Applied::Done(subject) => subject,
            Applied::NeedsInheritance { .. } => Subject { fd_number: -1, ..Subject::default() },
        }
    }

    #[inline]
    fn apply_one(&mut self, record: &Record<'_>, num: u64, is_forced: bool) -> Applied {
        self.sequence = num;
        self.newest = self.newest.max(num);
        if self.exit_pending.is_some() || self.close_pending.is_some() {
            self.run_pending(record.ts());
        }
        let header = record.header();
        self.tgid = i64::from(header.tgid);
        let mut step = Step {
            r: record,
            code: header.code,
            tid: i64::from(header.tid),
            subject: Subject { fd_number: -1, ..Subject::default() },
        };
        if header.flags.has(HeaderFlags::BIRTH) {
            return self.birth(step, is_forced);
        }
        let plan = Plan::of(header.code);
        if !self.find_subject(&mut step, plan) {
            return Applied::Done(step.subject);
        }
        self.dispatch(&mut step, plan.act);
        if let Some(slot) = step.subject.thread {
            let thread = self.thread_mut(slot);
            if !plan.is_enter {
                thread.kept_enter = None;
            }
            step.subject.fd_number = thread.last_event_fd;
            if plan.subjects != Subjects::Switch {
                thread.saw_event(header.ts);
            }
        }
        Applied::Done(step.subject)
    }

    /// The file descriptor an event is about.
    pub fn subject_fd(&self, subject: &Subject) -> Option<&Fd> {
        // Failing `memfd_create` files an fd under -1, as in Falco; so no lower bound here.
        self.fd_table(subject.thread?)?.get(subject.fd_number)
    }

    /// Does what the last event left to do: removes the thread that exited and the fd that was
    /// closed. [`Self::apply`] begins with it; call it before a shard is left idle.
    pub fn run_pending(&mut self, ts: u64) {
        if let Some((tid, sequence)) = self.exit_pending.take() {
            let ptid = self.find(tid).map_or(-1, |slot| self.thread(slot).ptid);
            self.remember_exit(tid, ptid, ts);
            // Published as of the exit: the event that follows here may be an older one that was
            // parked, and a child born before the exit must still find its parent.
            let next = std::mem::replace(&mut self.sequence, sequence);
            self.remove(tid);
            self.sequence = next;
        }
        if let Some((tid, fd)) = self.close_pending.take()
            && let Some(slot) = self.find(tid)
        {
            self.remove_fd(slot, fd);
        }
    }

    /// Finds thread and fd of the event. Says whether there is more to do; if not, the thread
    /// knows of the event already.
    #[inline]
    fn find_subject(&mut self, step: &mut Step<'_>, plan: &Plan) -> bool {
        let acts = plan.act != Act::None;
        let thread = match plan.subjects {
            Subjects::Nothing => return false,
            Subjects::Thread => match self.find_event_thread(step.tid) {
                Some(slot) => Some(slot),
                None => self.resolve(step.tid),
            },
            Subjects::Switch | Subjects::Known => self.find_event_thread(step.tid),
            Subjects::Own => return acts,
            Subjects::KnownThread => {
                step.subject.thread = self.find_counted(step.tid);
                self.saw_only(step);
                return false;
            }
        };
        step.subject.thread = thread;
        let Some(slot) = thread else {
            if plan.is_clone {
                let failed = &mut self.counters.n_failed_thread_lookups;
                *failed = failed.saturating_sub(1);
            }
            return acts;
        };
        if plan.subjects == Subjects::Switch {
            return acts;
        }
        let mut number = -1;
        if plan.uses_fd && plan.fd_parameter != u8::MAX {
            number = step.r.int(usize::from(plan.fd_parameter)).unwrap_or(-1);
        }
        let thread = self.thread_mut(slot);
        if plan.subjects == Subjects::Thread {
            thread.flags |= crate::flags::thread::ACTIVE;
        }
        if plan.is_enter {
            thread.last_enter = step.code.0;
            number = if step.code == code::SOCKET_CONNECT_E { step.int(0) } else { -1 };
        } else {
            if thread.kept_enter.is_some() {
                thread.forget_other_enter(step.code);
            }
            if plan.has_result
                && let Some(result) = step.r.int(0)
                && result < 0
            {
                step.subject.error = result.wrapping_neg() as i32;
            }
        }
        thread.last_event_fd = number;
        if !acts {
            if !plan.is_enter {
                thread.kept_enter = None;
            }
            step.subject.fd_number = number;
            thread.saw_event(step.r.ts());
        }
        if number >= 0 {
            self.look_up_fd(step, slot, number);
        }
        acts
    }

    /// The thread of the event, if it is known.
    #[inline]
    pub(crate) fn find_event_thread(&mut self, tid: i64) -> Option<Slot> {
        let slot = self.find_counted(tid)?;
        if self.thread(slot).pid != self.tgid && self.is_former(slot) {
            self.remove(tid);
            return None;
        }
        Some(slot)
    }

    /// Whether this is a thread whose id another one has by now, its exit having been lost. Captures
    /// do not tell whose thread an event's is.
    #[cold]
    fn is_former(&self, slot: Slot) -> bool {
        self.directory.is_some() && self.thread(slot).pid >= 0
    }

    /// The thread of an event that is about nothing else.
    fn saw_only(&mut self, step: &mut Step<'_>) {
        if let Some(slot) = step.subject.thread {
            let thread = self.thread_mut(slot);
            step.subject.fd_number = thread.last_event_fd;
            thread.saw_event(step.r.ts());
        }
    }

    #[inline]
    fn look_up_fd(&mut self, step: &mut Step<'_>, slot: Slot, number: i64) {
        step.subject.has_fd = self.fd(slot, number).is_some();
        if step.subject.has_fd {
            self.counters.n_noncached_fd_lookups += 1;
        } else {
            self.counters.n_failed_fd_lookups += 1;
        }
    }

    /// The fd of the event, to change it.
    pub(crate) fn event_fd_mut(&mut self, step: &Step<'_>) -> Option<&mut Fd> {
        let slot = step.subject.thread.filter(|_| step.subject.has_fd)?;
        let number = self.thread(slot).last_event_fd;
        self.fd_table_mut(slot)?.get_mut(number)
    }

    /// The fd of the event.
    #[inline]
    pub(crate) fn event_fd(&self, step: &Step<'_>) -> Option<&Fd> {
        let slot = step.subject.thread.filter(|_| step.subject.has_fd)?;
        self.fd_table(slot)?.get(self.thread(slot).last_event_fd)
    }

    /// Names the fd of the event.
    pub(crate) fn name_event_fd(&mut self, step: &mut Step<'_>, name: &[u8]) {
        if let Some(fd) = self.event_fd_mut(step) {
            step.subject.fd_name_changed |= fd.set_name(name);
        }
    }

    /// Puts an fd that the event opened into the table; it is the event's fd from now on.
    /// `is_renamed`: it counts as named by this event.
    pub(crate) fn open_fd(&mut self, step: &mut Step<'_>, number: i64, fd: Fd, is_renamed: bool) {
        let Some(slot) = step.subject.thread else { return };
        step.subject.fd_name_changed = is_renamed && !fd.name().is_empty();
        step.subject.has_fd = self.add_fd(slot, number, fd);
    }

    /// An event that a plugin injected: those of the container plugin tell of containers.
    fn async_event(&mut self, step: &Step<'_>) {
        let data = step.bytes(arg::asyncevent_e::data);
        match step.r.text(arg::asyncevent_e::name) {
            Some(containers::ADDED) => self.containers.add(data),
            Some(containers::REMOVED) => self.containers.remove(data),
            _ => {}
        }
    }

    fn dispatch(&mut self, step: &mut Step<'_>, act: Act) {
        match act {
            Act::None => {}
            Act::KeepEnter => self.keep_enter(step),
            Act::Iterator => self.iterator(step),
            Act::Open => self.open(step),
            Act::Close => self.close(step),
            Act::Read => self.read(step),
            Act::Write => self.write(step),
            Act::CloneExit => self.clone_exit(step),
            Act::AsyncEvent => self.async_event(step),
            Act::Container => self.containers.add(step.bytes(arg::container_json_2_e::json)),
            Act::ForkMarker => self.fork_marker(step),
            Act::Exec => self.exec(step),
            Act::Exit => self.exit(step),
            Act::Pipe => self.pipe(step),
            Act::Socket => self.socket(step),
            Act::Bind => self.bind(step),
            Act::Connect => self.connect(step),
            Act::Accept => self.accept(step),
            Act::Socketpair => self.socketpair(step),
            Act::CloseRange => self.close_range(step),
            Act::Fcntl => self.fcntl(step),
            Act::Dup => self.dup(step),
            Act::AnonymousFd => self.anonymous_fd(step),
            Act::Memfd => self.memfd(step),
            Act::PidfdOpen => self.pidfd_open(step),
            Act::PidfdGetfd => self.pidfd_getfd(step),
            Act::ChangeDirectory => self.change_directory(step),
            Act::Chroot => self.chroot(step),
            Act::Setsid => self.setsid(step),
            Act::SetIds => self.set_ids(step),
            Act::Capset => self.capset(step),
            Act::Namespaces => self.namespaces(step),
            Act::Prctl => self.prctl(step),
            Act::Limits => self.limits(step),
            Act::Memory => self.memory(step),
            Act::UserEvent => self.user_event(step),
        }
    }

    /// Keeps an enter event for its exit. Captures of today's Falco have some; the transcoder
    /// merges them already, so this serves sources that do not.
    fn keep_enter(&mut self, step: &Step<'_>) {
        let Some(slot) = step.subject.thread else {
            self.counters.n_store_evts_drops += 1;
            return;
        };
        let is_worthless = matches!(
            step.code,
            code::SYSCALL_OPEN_E
                | code::SYSCALL_CREAT_E
                | code::SYSCALL_OPENAT_2_E
                | code::SYSCALL_OPENAT2_E
                | code::SYSCALL_EXECVE_19_E
        ) && !step.r.has(0);
        if !is_worthless {
            let mut bytes = Vec::new();
            step.r.write_to(&mut bytes);
            self.thread_mut(slot).kept_enter = Some(bytes.into());
            self.counters.n_stored_evts += 1;
        }
    }

    /// The enter event kept for this exit event.
    pub(crate) fn kept_enter(&mut self, step: &Step<'_>) -> Option<Box<[u8]>> {
        let bytes = self.thread_mut(step.subject.thread?).kept_enter.take()?;
        self.counters.n_retrieved_evts += 1;
        Some(bytes)
    }
}
