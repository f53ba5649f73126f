//! Opening, duplicating and closing files.

use peregrine_event::{Record, arg, code};

use super::{NOT_AVAILABLE, Step, text_of};
use crate::fd::{Fd, FdKind};
use crate::flags::{AT_FDCWD, fd as fd_flag, file, thread as flag};
use crate::path::join_into;
use crate::shard::{Shard, Slot};
use crate::socket::Tuple;

const UNKNOWN: &[u8] = b"<UNKNOWN>";

/// What an event that opens a file says.
struct Opened<'a> {
    name: &'a [u8],
    flags: u32,
    dev: u32,
    ino: u64,
    dirfd: Option<i64>,
}

impl Shard {
    /// Writes into `out` the directory that a name is relative to. `.` for an absolute name,
    /// `<UNKNOWN>` where the directory is not known.
    pub(crate) fn directory_of(&self, slot: Slot, name: &[u8], dirfd: i64, out: &mut Vec<u8>) {
        out.clear();
        if name.first() == Some(&b'/') {
            out.push(b'.');
        } else if dirfd == AT_FDCWD {
            out.extend_from_slice(self.cwd(slot));
        } else if let Some(fd) = self.fd(slot, dirfd) {
            out.extend_from_slice(fd.name());
            if !matches!(out.last(), None | Some(b'/')) {
                out.push(b'/');
            }
        } else {
            out.extend_from_slice(UNKNOWN);
        }
    }

    /// The path of a directory fd for fields such as `fs.path.*`, with `/` at its end; empty if it
    /// is not known.
    pub fn dirfd_path(&self, slot: Slot, dirfd: i64) -> Vec<u8> {
        let mut path = Vec::new();
        if dirfd == AT_FDCWD {
            path.extend_from_slice(self.cwd(slot));
        } else if let Some(fd) = self.fd(slot, dirfd)
            && !fd.name().is_empty()
        {
            path.extend_from_slice(fd.name());
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
        }
        path
    }

    pub(super) fn open(&mut self, step: &mut Step<'_>) {
        let Some(slot) = step.subject.thread else { return };
        let number = step.result();
        let kept = self.kept_enter(step);
        if number < 0 {
            return;
        }
        let mut opened = opened(step);
        let kept = kept.as_deref().and_then(|bytes| Record::parse(bytes).ok());
        if let Some(enter) = &kept {
            override_by_enter(step, &mut opened, enter);
        }
        let mut directory = std::mem::take(&mut self.directory_text);
        let mut path = std::mem::take(&mut self.path_text);
        directory.clear();
        if let Some(dirfd) = opened.dirfd {
            self.directory_of(slot, opened.name, dirfd, &mut directory);
        }
        join_into(&mut path, &directory, opened.name);
        let is_directory = opened.flags & file::DIRECTORY != 0;
        let mut fd = Fd::new(if is_directory { FdKind::Directory } else { FdKind::FileV2 });
        fd.open_flags = opened.flags;
        fd.dev = opened.dev;
        fd.ino = opened.ino;
        fd.set_names(&path, opened.name);
        if opened.flags & file::UPPER_LAYER != 0 {
            fd.flags |= fd_flag::OVERLAY_UPPER;
        }
        if opened.flags & file::LOWER_LAYER != 0 {
            fd.flags |= fd_flag::OVERLAY_LOWER;
        }
        self.directory_text = directory;
        self.path_text = path;
        self.open_fd(step, number, fd, true);
    }

    pub(super) fn close(&mut self, step: &mut Step<'_>) {
        if step.result() < 0 {
            let failed = &mut self.counters.n_failed_fd_lookups;
            *failed = failed.saturating_sub(1);
            return;
        }
        if let (Some(slot), true) = (step.subject.thread, step.subject.has_fd) {
            let thread = self.thread(slot);
            self.close_pending = Some((thread.tid, thread.last_event_fd));
        }
    }

    pub(super) fn close_range(&mut self, step: &mut Step<'_>) {
        use arg::syscall_close_range_x as a;
        let Some(slot) = step.subject.thread.filter(|_| step.result() >= 0) else { return };
        let range = i64::from(step.uint32(a::first))..=i64::from(step.uint32(a::last));
        let only_marks = step.uint32(a::flags) & file::CLOSE_RANGE_CLOEXEC != 0;
        let Some(table) = self.fd_table_mut(slot) else { return };
        if only_marks {
            let inside: smallvec::SmallVec<[i64; 32]> =
                table.iter().map(|(n, _)| n).filter(|n| range.contains(n)).collect();
            for number in inside {
                if let Some(fd) = table.get_mut(number) {
                    fd.open_flags |= file::CLOEXEC;
                }
            }
        } else {
            let removed = table.retain(|number, _| !range.contains(&number));
            self.counters.n_removed_fds += removed as u64;
        }
    }

    pub(super) fn dup(&mut self, step: &mut Step<'_>) {
        let (Some(slot), Some(fd)) = (step.subject.thread, self.event_fd(step)) else { return };
        let number = step.result();
        if number < 0 {
            return;
        }
        let mut fd = fd.clone();
        fd.clear_close_on_exec();
        if step.code == code::SYSCALL_DUP3_X
            && step.uint32(arg::syscall_dup3_x::flags) & file::CLOEXEC != 0
        {
            fd.open_flags |= file::CLOEXEC;
        }
        // A shell that builds a pipe duplicates its ends to the standard numbers.
        match number {
            0 => self.thread_mut(slot).flags |= flag::PIPE_DST,
            1 => self.thread_mut(slot).flags |= flag::PIPE_SRC,
            _ => {}
        }
        self.open_fd(step, number, fd, false);
    }

    pub(super) fn fcntl(&mut self, step: &mut Step<'_>) {
        const DUPFD: i64 = 1;
        const SETFD: i64 = 3;
        const DUPFD_CLOEXEC: i64 = 26;
        use arg::syscall_fcntl_x as a;
        let command = step.int(a::cmd);
        if !matches!(command, DUPFD | SETFD | DUPFD_CLOEXEC) || step.result() < 0 {
            return;
        }
        if command == SETFD {
            let is_set = step.int(a::arg) & 1 != 0;
            if let Some(fd) = self.event_fd_mut(step) {
                fd.clear_close_on_exec();
                if is_set {
                    fd.open_flags |= file::CLOEXEC;
                }
            }
            return;
        }
        let Some(fd) = self.event_fd(step) else { return };
        let mut fd = fd.clone();
        fd.clear_close_on_exec();
        if command == DUPFD_CLOEXEC {
            fd.open_flags |= file::CLOEXEC;
        }
        self.open_fd(step, step.result(), fd, false);
    }

    pub(super) fn pipe(&mut self, step: &mut Step<'_>) {
        use arg::syscall_pipe2_x as a;
        if step.result() < 0 || step.subject.thread.is_none() {
            return;
        }
        let mut fd = Fd::new(FdKind::Fifo);
        fd.ino = step.int(a::ino) as u64;
        if step.code == code::SYSCALL_PIPE2_X {
            fd.open_flags = step.uint32(a::flags);
        }
        self.open_fd(step, step.int(a::fd1), fd.clone(), true);
        self.open_fd(step, step.int(a::fd2), fd, true);
    }

    /// Fds without a name whose number is the result.
    pub(super) fn anonymous_fd(&mut self, step: &mut Step<'_>) {
        let number = step.result();
        if number < 0 || step.subject.thread.is_none() {
            return;
        }
        let (kind, flags) = match step.code {
            code::SYSCALL_EVENTFD_X => (FdKind::Event, 0),
            code::SYSCALL_EVENTFD2_X => (FdKind::Event, step.uint32(1)),
            code::SYSCALL_SIGNALFD_X => (FdKind::SignalFd, 0),
            code::SYSCALL_SIGNALFD4_X => (FdKind::SignalFd, step.uint32(1)),
            code::SYSCALL_TIMERFD_CREATE_X => (FdKind::TimerFd, step.uint32(2)),
            code::SYSCALL_INOTIFY_INIT_X => (FdKind::Inotify, 0),
            code::SYSCALL_INOTIFY_INIT1_X => (FdKind::Inotify, step.uint32(1)),
            code::SYSCALL_BPF_2_X => (FdKind::Bpf, 0),
            code::SYSCALL_USERFAULTFD_X => (FdKind::UserFaultFd, 0),
            code::SYSCALL_IO_URING_SETUP_X => (FdKind::IoUring, 0),
            code::SYSCALL_EPOLL_CREATE_X => (FdKind::EventPoll, 0),
            _ => {
                let is_cloexec = step.uint32(1) & file::OTHER_CLOEXEC != 0;
                (FdKind::EventPoll, if is_cloexec { file::CLOEXEC } else { 0 })
            }
        };
        let mut fd = Fd::new(kind);
        fd.open_flags = flags;
        self.open_fd(step, number, fd, true);
    }

    pub(super) fn memfd(&mut self, step: &mut Step<'_>) {
        use arg::syscall_memfd_create_x as a;
        // Falco files a failed one too, under its negative result and without a kind.
        let mut fd = Fd::default();
        if step.result() >= 0 {
            fd.kind = FdKind::Memfd;
            fd.open_flags = step.uint32(a::flags);
            fd.set_name(step.text(a::name));
        }
        self.open_fd(step, step.result(), fd, true);
    }

    pub(super) fn pidfd_open(&mut self, step: &mut Step<'_>) {
        use arg::syscall_pidfd_open_x as a;
        if step.result() < 0 {
            return;
        }
        let pid = step.int(a::pid);
        let mut fd = Fd::new(FdKind::PidFd);
        fd.pid = pid;
        fd.open_flags = step.uint32(a::flags);
        let mut name = self.config.host_root.to_vec();
        name.extend_from_slice(format!("/proc/{pid}").as_bytes());
        fd.set_name(&name);
        self.open_fd(step, step.result(), fd, true);
    }

    pub(super) fn pidfd_getfd(&mut self, step: &mut Step<'_>) {
        use arg::syscall_pidfd_getfd_x as a;
        let lent = self.lent.take();
        let Some(slot) = step.subject.thread else { return };
        let Some(pidfd) = self.fd(slot, step.int(a::pid_fd)) else { return };
        if pidfd.kind != FdKind::PidFd {
            return;
        }
        // Of several shards each asks the kernel for what is another process's, also if it has that
        // process: the result must not depend on that.
        let known = Some(pidfd.pid)
            .filter(|pid| self.directory.is_none() || *pid == self.thread(slot).pid)
            .and_then(|pid| self.find(pid))
            .and_then(|target| self.fd(target, step.int(a::target_fd)).cloned());
        let Some(mut fd) = known.or(lent) else {
            // Fds are not published, but ours can be looked up.
            let number = step.result();
            if number >= 0 {
                self.resolve_fd(slot, number);
                self.thread_mut(slot).last_event_fd = number;
                step.subject.has_fd = self.fd(slot, number).is_some();
            }
            return;
        };
        fd.clear_close_on_exec();
        fd.open_flags |= file::CLOEXEC;
        self.open_fd(step, step.result(), fd, false);
    }

    pub(super) fn change_directory(&mut self, step: &mut Step<'_>) {
        let Some(slot) = step.subject.thread.filter(|_| step.result() >= 0) else { return };
        if step.code == code::SYSCALL_FCHDIR_X {
            if let Some(fd) = self.event_fd(step) {
                let name = fd.name().to_vec();
                self.set_cwd(slot, &name);
            }
        } else {
            self.set_cwd(slot, step.text(1));
        }
    }

    pub(super) fn chroot(&mut self, step: &mut Step<'_>) {
        let Some(slot) = step.subject.thread.filter(|_| step.result() == 0) else { return };
        let path = step.text(arg::syscall_chroot_x::path);
        let mut root = Vec::new();
        if path.is_empty() || path == NOT_AVAILABLE {
            root.extend_from_slice(path);
        } else {
            join_into(&mut root, self.cwd(slot), path);
        }
        self.thread_mut(slot).root = root.into();
        self.publish_change(slot);
    }
}

/// The tuple of an exit event, if there is one.
pub(super) fn tuple<'a>(step: &Step<'a>, index: usize) -> Option<Tuple<'a>> {
    Tuple::parse(step.bytes(index))
}

fn opened<'a>(step: &Step<'a>) -> Opened<'a> {
    use arg::{
        syscall_creat_x as creat, syscall_open_by_handle_at_x as handle, syscall_open_x as open,
        syscall_openat_2_x as openat, syscall_openat2_x as openat2,
    };
    let both = |dev: usize, ino: usize| match step.r.has(ino) {
        true => (step.uint32(dev), step.int(ino) as u64),
        false => (0, 0),
    };
    match step.code {
        code::SYSCALL_OPEN_X => Opened {
            name: step.text(open::name),
            flags: step.uint32(open::flags),
            dev: step.uint32(open::dev),
            ino: step.int(open::ino) as u64,
            dirfd: Some(AT_FDCWD),
        },
        code::SYSCALL_CREAT_X => {
            let layers = step.uint32(creat::creat_flags);
            let flags = if layers & file::CREAT_UPPER_LAYER != 0 {
                file::UPPER_LAYER
            } else if layers & file::CREAT_LOWER_LAYER != 0 {
                file::LOWER_LAYER
            } else {
                0
            };
            let (dev, ino) = (step.uint32(creat::dev), step.int(creat::ino) as u64);
            Opened { name: step.text(creat::name), flags, dev, ino, dirfd: Some(AT_FDCWD) }
        }
        code::SYSCALL_OPEN_BY_HANDLE_AT_X => Opened {
            name: step.text(handle::path),
            flags: step.uint32(handle::flags),
            dev: step.uint32(handle::dev),
            ino: step.int(handle::ino) as u64,
            dirfd: None,
        },
        _ => {
            let (dev, ino) = if step.code == code::SYSCALL_OPENAT_2_X {
                both(openat::dev, openat::ino)
            } else {
                both(openat2::dev, openat2::ino)
            };
            Opened {
                name: step.text(openat::name),
                flags: step.uint32(openat::flags),
                dev,
                ino,
                dirfd: step.r.int(openat::dirfd),
            }
        }
    }
}

/// What was asked for at entry counts, not what the memory held at exit.
fn override_by_enter<'a>(step: &Step<'_>, opened: &mut Opened<'a>, enter: &Record<'a>) {
    use arg::{syscall_open_e as open, syscall_openat_2_e as openat};
    let is_at = matches!(step.code, code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X);
    let name = text_of(enter, if is_at { openat::name } else { open::name });
    if name == NOT_AVAILABLE {
        return;
    }
    opened.name = name;
    if step.code != code::SYSCALL_CREAT_X {
        let asked = enter.int(if is_at { openat::flags } else { open::flags }).unwrap_or(0);
        let added = opened.flags & !(file::F_CREATED - 1);
        opened.flags = asked as u32 | added;
    }
    if is_at {
        opened.dirfd = enter.int(openat::dirfd);
    }
}
