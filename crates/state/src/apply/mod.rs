//! What an event does to the state.
//!
//! [`Shard::apply`] finds the thread and the file descriptor an event is about and then does what
//! the event type demands. What an event ends (a closed fd, an exited thread) stays visible for
//! the rules of this very event and goes at the start of the next one.

mod credentials;
mod files;
mod initial;
mod process;
mod sockets;

use peregrine_event::{EventCode, EventFlags, HeaderFlags, Record, arg, code};

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
    pub r: Record<'a>,
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
        text_of(&self.r, index)
    }

    /// Bytes of a parameter; empty if there is none.
    pub fn bytes(&self, index: usize) -> &'a [u8] {
        self.r.bytes(index).unwrap_or_default()
    }
}

/// Index of the parameter that names the fd an exit event is about.
#[inline]
fn fd_parameter(event: EventCode) -> Option<usize> {
    Some(match event {
        code::SYSCALL_READ_X
        | code::SYSCALL_PREAD_X
        | code::SOCKET_BIND_X
        | code::SYSCALL_WRITE_X
        | code::SYSCALL_PWRITE_X
        | code::SOCKET_RECV_X
        | code::SOCKET_SEND_X
        | code::SOCKET_SENDTO_X
        | code::SOCKET_SENDMSG_X
        | code::SYSCALL_SENDFILE_X
        | code::SYSCALL_SPLICE_X
        | code::SYSCALL_WRITEV_X
        | code::SYSCALL_PWRITEV_X
        | code::SOCKET_CONNECT_X
        | code::SYSCALL_SYMLINKAT_X => 2,
        code::SOCKET_RECVFROM_X | code::SYSCALL_READV_X | code::SYSCALL_PREADV_X => 3,
        code::SOCKET_RECVMSG_X => 5,
        code::SYSCALL_MMAP_X | code::SYSCALL_MMAP2_X => 8,
        code::SYSCALL_SETNS_X
        | code::SOCKET_LISTEN_X
        | code::SOCKET_SHUTDOWN_X
        | code::SYSCALL_FCHDIR_X
        | code::SYSCALL_LSEEK_X
        | code::SYSCALL_LLSEEK_X
        | code::SYSCALL_IOCTL_3_X
        | code::SYSCALL_FSTAT_X
        | code::SYSCALL_CLOSE_X
        | code::SYSCALL_GETDENTS_X
        | code::SYSCALL_GETDENTS64_X
        | code::SYSCALL_FLOCK_X
        | code::SYSCALL_COPY_FILE_RANGE_X
        | code::SYSCALL_FCNTL_X
        | code::SYSCALL_DUP_1_X
        | code::SYSCALL_DUP2_X
        | code::SYSCALL_DUP3_X
        | code::SYSCALL_NEWFSTATAT_X
        | code::SYSCALL_FCHOWNAT_X
        | code::SYSCALL_FCHMODAT_X
        | code::SYSCALL_MKDIRAT_X
        | code::SYSCALL_UNLINKAT_2_X
        | code::SYSCALL_MKNODAT_X
        | code::SOCKET_SENDMMSG_X
        | code::SOCKET_RECVMMSG_X
        | code::SYSCALL_IO_URING_REGISTER_X
        | code::SYSCALL_IO_URING_ENTER_X
        | code::SOCKET_SETSOCKOPT_X
        | code::SOCKET_GETSOCKOPT_X
        | code::SYSCALL_FSCONFIG_X
        | code::SYSCALL_FINIT_MODULE_X
        | code::SYSCALL_FCHMOD_X
        | code::SYSCALL_FCHOWN_X => 1,
        _ => return None,
    })
}

/// Enter events that are kept for their exit event.
fn is_kept_enter(event: EventCode) -> bool {
    matches!(
        event,
        code::SYSCALL_OPEN_E
            | code::SYSCALL_CREAT_E
            | code::SYSCALL_OPENAT_2_E
            | code::SYSCALL_OPENAT2_E
            | code::SYSCALL_EXECVE_19_E
            | code::SYSCALL_EXECVEAT_E
            | code::SOCKET_CONNECT_E
    )
}

fn is_clone(event: EventCode) -> bool {
    matches!(
        event,
        code::SYSCALL_CLONE_20_X
            | code::SYSCALL_CLONE3_X
            | code::SYSCALL_FORK_20_X
            | code::SYSCALL_VFORK_20_X
    )
}

impl Shard {
    /// Applies one event. Slots from before are void afterwards.
    pub fn apply(&mut self, event: &EventContext<'_>) -> Applied {
        self.apply_one(event, false)
    }

    /// Applies one event, and does not wait for an inheritance: a child of another shard's process
    /// takes after what is published of its parent, without files. Never
    /// [`Applied::NeedsInheritance`].
    pub fn apply_without_inheritance(&mut self, event: &EventContext<'_>) -> Applied {
        self.apply_one(event, true)
    }

    fn apply_one(&mut self, event: &EventContext<'_>, is_forced: bool) -> Applied {
        let record = event.record;
        let event_code = record.code();
        self.sequence = event.num;
        self.run_pending(record.ts());
        let header = record.header();
        let mut step = Step {
            r: record,
            code: event_code,
            tid: i64::from(header.tid),
            subject: Subject { fd_number: -1, ..Subject::default() },
        };
        if header.flags.has(HeaderFlags::BIRTH) {
            return self.birth(step, is_forced);
        }
        if self.find_subject(&mut step) {
            self.dispatch(&mut step);
        }
        if let Some(slot) = step.subject.thread {
            let thread = self.thread_mut(slot);
            if !event_code.is_enter() {
                thread.kept_enter = None;
            }
            step.subject.fd_number = thread.last_event_fd;
            if event_code != code::SCHEDSWITCH_6_E {
                thread.previous_event_ts = thread.last_event_ts;
                thread.last_event_ts = record.ts();
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

    /// Finds thread and fd of the event. Says whether there is more to do.
    fn find_subject(&mut self, step: &mut Step<'_>) -> bool {
        let def = step.r.def();
        let flags = def.flags;
        if flags.has(EventFlags::SKIP_PARSE_RESET) {
            if step.code == code::PROCINFO_E {
                step.subject.thread = self.find_counted(step.tid);
            }
            return false;
        }
        match step.code {
            code::CONTAINER_JSON_2_E
            | code::USER_ADDED_E
            | code::USER_DELETED_E
            | code::GROUP_ADDED_E
            | code::GROUP_DELETED_E
            | code::PLUGINEVENT_E
            | code::ASYNCEVENT_E
            | code::FORK_MARKER_X => return true,
            c if (code::ITER_TASK_E..=code::ITER_TASK_FILE_ANON_INODE_E).contains(&c) => {
                return true;
            }
            _ => {}
        }
        let may_resolve = !is_clone(step.code)
            && step.code != code::SCHEDSWITCH_6_E
            && step.code != code::PROCEXIT_1_E;
        let thread =
            if may_resolve { self.get_or_resolve(step.tid) } else { self.find_counted(step.tid) };
        step.subject.thread = thread;
        let Some(slot) = thread else {
            if is_clone(step.code) {
                let failed = &mut self.counters.n_failed_thread_lookups;
                *failed = failed.saturating_sub(1);
            }
            return true;
        };
        if step.code == code::SCHEDSWITCH_6_E {
            return true;
        }
        let thread = self.thread_mut(slot);
        if may_resolve {
            thread.flags |= crate::flags::thread::ACTIVE;
        }
        thread.last_event_fd = -1;
        if step.code.is_enter() {
            thread.last_enter = step.code.0;
            if step.code == code::SOCKET_CONNECT_E {
                thread.last_event_fd = step.int(0);
                self.look_up_fd(step, slot);
            }
            return true;
        }
        let is_valid = step.code.0 == thread.last_enter.wrapping_add(1)
            || (step.code == code::SYSCALL_EXECVE_19_X
                && thread.last_enter == code::SYSCALL_EXECVEAT_E.0);
        if !is_valid {
            thread.kept_enter = None;
        }
        if let Some(first) = def.params.first()
            && first.ty.is_signed()
            && let Some(result) = step.r.int(0)
            && result < 0
        {
            step.subject.error = result.wrapping_neg() as i32;
        }
        if flags.has(EventFlags::USES_FD) {
            if let Some(fd) = fd_parameter(step.code).and_then(|index| step.r.int(index)) {
                self.thread_mut(slot).last_event_fd = fd;
            }
            self.look_up_fd(step, slot);
        }
        true
    }

    fn look_up_fd(&mut self, step: &mut Step<'_>, slot: Slot) {
        let number = self.thread(slot).last_event_fd;
        if number < 0 {
            return;
        }
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

    #[allow(clippy::too_many_lines)]
    fn dispatch(&mut self, step: &mut Step<'_>) {
        if is_kept_enter(step.code) {
            return self.keep_enter(step);
        }
        match step.code {
            code::SYSCALL_OPEN_X
            | code::SYSCALL_CREAT_X
            | code::SYSCALL_OPENAT_2_X
            | code::SYSCALL_OPENAT2_X
            | code::SYSCALL_OPEN_BY_HANDLE_AT_X => self.open(step),
            code::SYSCALL_CLOSE_X => self.close(step),
            code::SYSCALL_READ_X
            | code::SYSCALL_READV_X
            | code::SYSCALL_PREAD_X
            | code::SYSCALL_PREADV_X
            | code::SOCKET_RECV_X
            | code::SOCKET_RECVFROM_X
            | code::SOCKET_RECVMSG_X
            | code::SOCKET_RECVMMSG_X => self.read(step),
            code::SYSCALL_WRITE_X
            | code::SYSCALL_WRITEV_X
            | code::SYSCALL_PWRITE_X
            | code::SYSCALL_PWRITEV_X
            | code::SOCKET_SEND_X
            | code::SOCKET_SENDTO_X
            | code::SOCKET_SENDMSG_X
            | code::SOCKET_SENDMMSG_X => self.write(step),
            code::SYSCALL_CLONE_20_X
            | code::SYSCALL_FORK_20_X
            | code::SYSCALL_VFORK_20_X
            | code::SYSCALL_CLONE3_X => self.clone_exit(step),
            code::CONTAINER_JSON_2_E => {
                self.containers.add(step.bytes(arg::container_json_2_e::json));
            }
            code::ASYNCEVENT_E => self.async_event(step),
            code::FORK_MARKER_X => self.fork_marker(step),
            code::SYSCALL_EXECVE_19_X | code::SYSCALL_EXECVEAT_X => self.exec(step),
            code::PROCEXIT_1_E => self.exit(step),
            code::SYSCALL_PIPE_X | code::SYSCALL_PIPE2_X => self.pipe(step),
            code::SOCKET_SOCKET_X => self.socket(step),
            code::SOCKET_BIND_X => self.bind(step),
            code::SOCKET_CONNECT_X => self.connect(step),
            code::SOCKET_ACCEPT_5_X | code::SOCKET_ACCEPT4_6_X => self.accept(step),
            code::SOCKET_SOCKETPAIR_X => self.socketpair(step),
            code::SYSCALL_CLOSE_RANGE_X => self.close_range(step),
            code::SYSCALL_FCNTL_X => self.fcntl(step),
            code::SYSCALL_DUP_1_X | code::SYSCALL_DUP2_X | code::SYSCALL_DUP3_X => self.dup(step),
            code::SYSCALL_EVENTFD_X
            | code::SYSCALL_EVENTFD2_X
            | code::SYSCALL_SIGNALFD_X
            | code::SYSCALL_SIGNALFD4_X
            | code::SYSCALL_TIMERFD_CREATE_X
            | code::SYSCALL_INOTIFY_INIT_X
            | code::SYSCALL_INOTIFY_INIT1_X
            | code::SYSCALL_BPF_2_X
            | code::SYSCALL_USERFAULTFD_X
            | code::SYSCALL_IO_URING_SETUP_X
            | code::SYSCALL_EPOLL_CREATE_X
            | code::SYSCALL_EPOLL_CREATE1_X => self.anonymous_fd(step),
            code::SYSCALL_MEMFD_CREATE_X => self.memfd(step),
            code::SYSCALL_PIDFD_OPEN_X => self.pidfd_open(step),
            code::SYSCALL_PIDFD_GETFD_X => self.pidfd_getfd(step),
            code::SYSCALL_CHDIR_X | code::SYSCALL_FCHDIR_X | code::SYSCALL_GETCWD_X => {
                self.change_directory(step);
            }
            code::SYSCALL_CHROOT_X => self.chroot(step),
            code::SYSCALL_SETSID_X => self.setsid(step),
            code::SYSCALL_SETRESUID_X
            | code::SYSCALL_SETREUID_X
            | code::SYSCALL_SETUID_X
            | code::SYSCALL_SETRESGID_X
            | code::SYSCALL_SETREGID_X
            | code::SYSCALL_SETGID_X => self.set_ids(step),
            code::SYSCALL_CAPSET_X => self.capset(step),
            code::SYSCALL_UNSHARE_X | code::SYSCALL_SETNS_X => self.namespaces(step),
            code::SYSCALL_PRCTL_X => self.prctl(step),
            code::SYSCALL_GETRLIMIT_X | code::SYSCALL_SETRLIMIT_X | code::SYSCALL_PRLIMIT_X => {
                self.limits(step);
            }
            code::SYSCALL_BRK_4_X
            | code::SYSCALL_MMAP_X
            | code::SYSCALL_MMAP2_X
            | code::SYSCALL_MUNMAP_X
            | code::SCHEDSWITCH_6_E => self.memory(step),
            code::USER_ADDED_E
            | code::USER_DELETED_E
            | code::GROUP_ADDED_E
            | code::GROUP_DELETED_E => self.user_event(step),
            c if (code::ITER_TASK_E..=code::ITER_TASK_FILE_ANON_INODE_E).contains(&c) => {
                self.iterator(step);
            }
            _ => {}
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
            self.thread_mut(slot).kept_enter = Some(step.r.as_bytes().into());
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
