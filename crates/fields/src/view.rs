//! The event at hand and what is known of its process.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use peregrine_event::{Category, ParamType, Record, Value};
use peregrine_filter::catalog::Scope;
use peregrine_state::{
    Containers, Facts, Memo, Relative, Shard, Slot, Snapshot, Subject, User, path,
};

use crate::buffer::BufferFormat;
use crate::process::{FdView, ProcessView, ThreadView};
use crate::render::{AT_FDCWD, Surroundings};

/// What a value is extracted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// A comparison.
    Compare,
    /// An output.
    Output,
}

/// What is the same for all events of a source.
#[derive(Debug, Clone)]
pub struct Session {
    /// Name of the source.
    pub source: Box<str>,
    /// Name of the host.
    pub hostname: Option<Box<str>>,
    /// How raw bytes look in outputs.
    pub buffer: BufferFormat,
    /// Whether control groups are searched for containers, as Falco's container plugin does.
    /// Without, every process counts as one of the host and `container.*` has no value.
    pub containers: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            source: crate::SYSCALL_SOURCE.into(),
            hostname: None,
            buffer: BufferFormat::default(),
            containers: true,
        }
    }
}

/// An event after it was applied to the state of its partition: what fields are extracted from.
#[derive(Debug)]
pub struct EventView<'a> {
    /// The record.
    pub record: Record<'a>,
    /// `evt.num`.
    pub number: u64,
    /// Time of the first event that is not an injected one, 0 before it.
    pub first_ts: u64,
    /// Time of the event before this one.
    pub previous_ts: Option<u64>,
    /// Nanoseconds from the times of records to those that are shown: what the machine's clock was
    /// set by since the start.
    shift_ns: i64,
    /// What is the same for all events.
    pub session: &'a Session,
    shard: &'a Shard,
    subject: Subject,
    sequence: u64,
    /// `evt.degraded`.
    pub(crate) degraded: Option<&'static str>,
    /// The parent process, once it was asked for. It may be a snapshot of another partition's, so
    /// what is borrowed from it has to live here.
    parent: OnceCell<Option<Relative<'a>>>,
}

/// A process other than the event's own.
pub(crate) enum Related<'s> {
    Near(&'s Facts),
    /// A snapshot of another partition's process.
    Far(Arc<Snapshot>),
}

impl<'s> Related<'s> {
    fn new(relative: Relative<'s>) -> Self {
        match relative {
            Relative::Own(_, thread) => Self::Near(&thread.facts),
            Relative::Other(_, snapshot) => Self::Far(snapshot),
        }
    }

    pub(crate) fn view(&self) -> ProcessView<'_> {
        match self {
            Self::Near(facts) => ProcessView(facts),
            Self::Far(snapshot) => ProcessView(&snapshot.facts),
        }
    }

    /// A text of it; copied only if it is another partition's.
    pub(crate) fn text(&self, text: impl Fn(ProcessView<'_>) -> &[u8]) -> Value<'s> {
        match self {
            Self::Near(facts) => Value::bytes(text(ProcessView(facts))),
            Self::Far(snapshot) => Value::owned(text(ProcessView(&snapshot.facts))),
        }
    }
}

/// Which group a leader leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// The session.
    Session,
    /// The process group, by its id in the pid namespace.
    InNamespace,
    /// The process group, by its id on the host.
    OnHost,
}

const UNKNOWN: &[u8] = b"<UNKNOWN>";

impl<'a> EventView<'a> {
    /// A view of an event. `subject` is what applying `record` to `shard` gave; `sequence` is the
    /// one it was applied with.
    #[inline]
    pub fn new(
        record: Record<'a>,
        number: u64,
        sequence: u64,
        session: &'a Session,
        shard: &'a Shard,
        subject: Subject,
    ) -> Self {
        Self {
            record,
            number,
            first_ts: 0,
            previous_ts: None,
            shift_ns: 0,
            session,
            shard,
            subject,
            sequence,
            degraded: None,
            parent: OnceCell::new(),
        }
    }

    /// Says why the state behind this event may be incomplete (`evt.degraded`).
    #[must_use]
    pub fn with_degraded(mut self, why: Option<&'static str>) -> Self {
        self.degraded = why;
        self
    }

    /// Sets the times that `evt.reltime` and `evt.deltatime` count from.
    #[must_use]
    #[inline]
    pub fn with_times(mut self, first_ts: u64, previous_ts: Option<u64>) -> Self {
        self.first_ts = first_ts;
        self.previous_ts = previous_ts;
        self
    }

    /// Sets how far the times that are shown are from those of records.
    #[must_use]
    #[inline]
    pub fn with_shift(mut self, shift_ns: i64) -> Self {
        self.shift_ns = shift_ns;
        self
    }

    /// Time of the event, in nanoseconds since the epoch, as it is shown.
    #[inline]
    pub fn time_ns(&self) -> u64 {
        self.record.ts().wrapping_add_signed(self.shift_ns)
    }

    /// The state that the event was applied to.
    pub fn shard(&self) -> &'a Shard {
        self.shard
    }

    /// The thread of the event. Some events change nothing and are applied without it.
    fn slot(&self) -> Option<Slot> {
        if self.subject.is_replaced {
            return None;
        }
        self.subject.thread.or_else(|| self.shard.find(i64::from(self.record.tid())))
    }

    pub(crate) fn has_thread(&self) -> bool {
        self.slot().is_some()
    }

    pub(crate) fn thread(&self) -> Option<ThreadView<'_>> {
        self.slot().map(|slot| ThreadView(self.shard.thread(slot)))
    }

    pub(crate) fn process(&self) -> Option<ProcessView<'_>> {
        self.slot().map(|slot| ProcessView(&self.shard.thread(slot).facts))
    }

    pub(crate) fn is_main_thread(&self) -> bool {
        self.slot().is_some_and(|slot| self.shard.thread(slot).is_main_thread())
    }

    pub(crate) fn thread_count(&self) -> Option<u64> {
        self.slot().map(|slot| self.shard.alive_threads(slot))
    }

    pub(crate) fn other_thread_count(&self) -> Option<u64> {
        self.slot().map(|slot| self.shard.other_threads(slot))
    }

    pub(crate) fn open_fd_count(&self) -> u64 {
        self.slot().map_or(0, |slot| self.shard.fd_count(slot))
    }

    pub(crate) fn fd_limit(&self) -> i64 {
        self.slot().map_or(0, |slot| self.shard.fd_limit(slot))
    }

    /// The environment, which belongs to the main thread.
    pub(crate) fn main_process(&self) -> Option<ProcessView<'_>> {
        let slot = self.slot()?;
        let main = self.shard.main_thread(slot).unwrap_or(slot);
        Some(ProcessView(&self.shard.thread(main).facts))
    }

    // ---- relatives ----

    /// The parent process.
    pub(crate) fn parent_process(&self) -> Option<ProcessView<'_>> {
        let parent =
            self.parent.get_or_init(|| self.shard.ancestor(self.slot()?, 1, self.sequence));
        parent.as_ref().map(|parent| ProcessView(parent.facts()))
    }

    /// The thread that is the parent of the event's.
    pub(crate) fn parent_thread(&self) -> Option<Related<'_>> {
        self.shard.parent(self.slot()?, self.sequence).map(Related::new)
    }

    /// The ancestor so many levels up; 0 is the process itself.
    pub(crate) fn ancestor(&self, level: u64) -> Option<Related<'_>> {
        let level = u32::try_from(level).ok()?;
        self.shard.ancestor(self.slot()?, level, self.sequence).map(Related::new)
    }

    /// Parent, grandparent and so on, as far as they are known.
    pub(crate) fn ancestors(&self) -> impl Iterator<Item = Related<'_>> {
        let main = self.slot().and_then(|slot| self.shard.main_thread(slot));
        let mut next = main.and_then(|main| self.shard.parent(main, self.sequence));
        let mut seen: smallvec::SmallVec<[i64; 16]> = smallvec::SmallVec::new();
        std::iter::from_fn(move || {
            let relative = next.take()?;
            let tid = relative.facts().tid;
            // A made-up history may hold a loop.
            if tid == -1 || seen.contains(&tid) {
                return None;
            }
            seen.push(tid);
            next = match &relative {
                Relative::Own(slot, _) => self.shard.parent(*slot, self.sequence),
                other => self.shard.parent_process_of(other, self.sequence),
            };
            Some(Related::new(relative))
        })
    }

    /// The leader of a group, or the oldest known ancestor in it.
    pub(crate) fn leader(&self, group: Group) -> Option<Related<'_>> {
        let slot = self.slot()?;
        let leader = match group {
            Group::Session => self.shard.leader(slot, |f| f.sid, true, self.sequence),
            Group::InNamespace => self.shard.leader(slot, |f| f.vpgid, true, self.sequence),
            Group::OnHost => self.shard.leader(slot, |f| f.pgid, false, self.sequence),
        };
        leader.map(Related::new)
    }

    /// The short id of the container the process runs in.
    pub(crate) fn container_id(&self) -> Option<&[u8]> {
        self.process().filter(|_| self.session.containers)?.container_id()
    }

    /// The containers of which more than their ids is known.
    pub(crate) fn containers(&self) -> &Containers {
        self.shard.containers()
    }

    /// When the pid namespace of the container began. One that shares the host's has no start of
    /// its own.
    pub(crate) fn container_start(&self) -> Option<u64> {
        let start = self.process()?.pidns_start()?;
        (start != self.shard.config().boot_ts).then_some(start)
    }

    // ---- users ----

    pub(crate) fn user(&self, uid: u32) -> Option<&User> {
        self.shard.users().user(self.user_space(), uid)
    }

    pub(crate) fn group(&self, gid: u32) -> Option<&[u8]> {
        self.shard.users().group(self.user_space(), gid).map(|group| &*group.name)
    }

    /// Whose users count: the container's, or those of the host.
    fn user_space(&self) -> &[u8] {
        self.container_id().unwrap_or_default()
    }

    // ---- file descriptors ----

    /// What the event is about, if it is a file descriptor of which something is known.
    pub(crate) fn event_fd(&self) -> Option<FdView<'_>> {
        if !self.subject.has_fd {
            return None;
        }
        self.shard.subject_fd(&self.subject).map(FdView)
    }

    /// The number of the file descriptor the event is about, whether or not it is known.
    pub(crate) fn last_fd(&self) -> Option<i64> {
        (self.subject.fd_number != -1).then_some(self.subject.fd_number)
    }

    pub(crate) fn open_fd(&self, fd: i64) -> Option<FdView<'_>> {
        self.shard.fd(self.slot()?, fd).map(FdView)
    }

    pub(crate) fn each_fd(&self) -> impl Iterator<Item = FdView<'_>> {
        let table = self.slot().and_then(|slot| self.shard.fd_table(slot));
        table.into_iter().flat_map(|table| table.iter()).map(|(_, fd)| FdView(fd))
    }

    pub(crate) fn fd_name_changed(&self) -> bool {
        self.subject.fd_name_changed
    }

    /// Whether an address belongs to this machine.
    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        let interfaces = self.shard.interfaces();
        match address {
            IpAddr::V4(v4) => interfaces.v4.iter().any(|(own, _)| *own == v4),
            // Falco takes any address in the network of an interface.
            IpAddr::V6(v6) => {
                let network = |ip: std::net::Ipv6Addr| ip.to_bits() >> 64;
                interfaces.v6.iter().any(|own| network(*own) == network(v6))
            }
        }
    }

    // ---- paths ----

    /// The working directory, with a slash at its end.
    pub(crate) fn cwd(&self) -> &[u8] {
        self.slot().map_or(b"", |slot| self.shard.cwd(slot))
    }

    /// The directory a directory fd stands for, with a slash at its end.
    pub(crate) fn directory_of(&self, dirfd: i64) -> Cow<'_, [u8]> {
        if dirfd == AT_FDCWD {
            return Cow::Borrowed(self.cwd());
        }
        self.open_fd(dirfd).map_or(Cow::Borrowed(UNKNOWN), FdView::as_directory)
    }

    /// The directory the event is about.
    pub(crate) fn event_directory(&self) -> Cow<'_, [u8]> {
        let fd = self.event_fd().filter(|fd| fd.is_directory());
        fd.map_or(Cow::Borrowed(UNKNOWN), FdView::as_directory)
    }

    pub(crate) fn buffer_format(&self, how: Use) -> BufferFormat {
        match how {
            Use::Compare => BufferFormat::Printable,
            Use::Output => self.session.buffer,
        }
    }

    /// See [`peregrine_filter::FieldSource::scope_key`].
    pub(crate) fn memo_key(&self, scope: Scope) -> Option<u64> {
        match scope {
            Scope::Event => None,
            // An event that tells of a container has its fields from there.
            Scope::Image if self.record.def().category.has(Category::META) => None,
            // What is known of containers may change while the image stays.
            Scope::Image => {
                let image = identity(&self.shard.thread(self.slot()?).image.memo);
                Some(self.containers().generation() << 40 ^ image)
            }
            Scope::Fd => {
                let fd = self.event_fd()?;
                // Kind and roles may change while the name stays.
                let kind = fd.kind() as u8;
                Some(identity(&fd.0.memo) << 16 | u64::from(kind) << 8 | fd.marks())
            }
        }
    }
}

/// A number that names an image or a file descriptor for good: addresses are used again, these
/// numbers are not. It is kept in the object's memo.
fn identity(memo: &Memo) -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    match memo.get() {
        0 => {
            // Relaxed: only that numbers differ matters. Two threads may both number a new object;
            // either number is as good, each is used for this object only.
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            memo.set(number);
            number
        }
        number => number,
    }
}

impl Surroundings for EventView<'_> {
    fn has_thread(&self) -> bool {
        EventView::has_thread(self)
    }

    fn fd(&self, fd: i64) -> Option<(char, Option<char>, &[u8])> {
        self.open_fd(fd).map(|fd| (fd.letter(), fd.protocol_letter(), fd.name()))
    }

    fn write_comm(&self, tid: i64, out: &mut Vec<u8>) {
        if let Some(other) =
            self.shard.other(tid, i64::from(self.record.header().tgid), self.sequence)
        {
            out.extend_from_slice(&other.facts().image.comm);
        }
    }

    fn write_absolute(&self, index: usize, given: &[u8], out: &mut Vec<u8>) {
        let param = &self.record.def().params[index];
        let base = match param.dirfd {
            Some(dirfd) if param.ty == ParamType::FsRelPath => {
                match self.record.int(usize::from(dirfd)) {
                    Some(AT_FDCWD) | None => Cow::Borrowed(self.cwd()),
                    Some(fd) => {
                        self.open_fd(fd).map_or(Cow::Borrowed(&b""[..]), FdView::as_directory)
                    }
                }
            }
            _ => Cow::Borrowed(self.cwd()),
        };
        path::join_into(out, &base, given);
    }

    fn user_name(&self, uid: u32) -> Option<&[u8]> {
        self.user(uid).map(|user| &*user.name).filter(|name| !name.is_empty())
    }

    fn group_name(&self, gid: u32) -> Option<&[u8]> {
        self.group(gid).filter(|name| !name.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use peregrine_event::{Header, HeaderFlags, RecordBuilder, code};
    use peregrine_state::{Config, Thread};

    use super::*;

    /// Breaks if an event that had to wait shows whoever has got its thread's id meanwhile.
    #[test]
    fn a_thread_that_was_replaced_is_not_the_event_s() {
        let mut shard = Shard::new(Config::default(), None);
        let mut thread = Box::new(Thread::new());
        (thread.tid, thread.pid, thread.ptid) = (7, 7, 1);
        shard.insert(thread);
        let header = Header {
            ts: 1,
            tid: 7,
            tgid: 7,
            len: 0,
            flags: HeaderFlags(0),
            code: code::PROCEXIT_1_E,
            cpu: 0,
        };
        let mut builder = RecordBuilder::default();
        let bytes = builder.build(header, &[]).unwrap();
        let record = Record::parse(bytes).unwrap();
        let session = Session::default();
        let has_thread = |is_replaced| {
            let subject = Subject { is_replaced, fd_number: -1, ..Subject::default() };
            EventView::new(record, 1, 1, &session, &shard, subject).has_thread()
        };
        assert!(has_thread(false), "an event that was applied without its thread");
        assert!(!has_thread(true));
    }
}
