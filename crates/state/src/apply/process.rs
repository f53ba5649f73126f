//! Births, execs and exits.

use std::sync::Arc;

use peregrine_event::{Record, arg, code};

use super::{Applied, NOT_AVAILABLE, Step, text_of};
use crate::directory::{Inheritance, Published};
use crate::flags::thread as flag;
use crate::image::{Cgroups, Image, Strings};
use crate::path::join_into;
use crate::replica::Change;
use crate::shard::{ChildRule, Shard, Slot};
use crate::table::CLONE_STALE_NS;
use crate::thread::{Facts, Thread};

// clone, clone3, fork and vfork agree on the places of their parameters.
use arg::syscall_clone_20_x as c;

/// What the image of a child is made of: the parent's, with what the event says.
fn child_image(step: &Step<'_>, parent: Option<&Arc<Image>>) -> Arc<Image> {
    let exe = step.text(c::exe);
    let args = step.bytes(c::args);
    let comm = if step.r.has(c::comm) { step.text(c::comm) } else { exe };
    let cgroups = step.r.bytes(c::cgroups);
    if let Some(parent) = parent
        && *parent.exe == *exe
        && *parent.comm == *comm
        && parent.args.equals_wire(args)
        && cgroups.is_none_or(|cgroups| parent.cgroups.equals_wire(cgroups))
        && (cgroups.is_some() || parent.cgroups == Cgroups::default())
    {
        return parent.clone();
    }
    let mut image = parent.map(|p| p.to_changed()).unwrap_or_default();
    fill_image(&mut image, exe, comm, args);
    image.cgroups = cgroups.map(Cgroups::from_wire).unwrap_or_default();
    Arc::new(image)
}

fn fill_image(image: &mut Image, exe: &[u8], comm: &[u8], args: &[u8]) {
    if *image.exe != *exe {
        image.exe = exe.into();
    }
    if *image.comm != *comm {
        image.comm = comm.into();
    }
    if !image.args.equals_wire(args) {
        image.args = Strings::from_wire(args);
    }
}

/// What a child has from its parent besides the image.
fn inherit(child: &mut Facts, parent: &Facts) {
    child.root = parent.root.clone();
    child.sid = parent.sid;
    child.vpgid = parent.vpgid;
    child.pgid = parent.pgid;
    child.tty = parent.tty;
    child.loginuid = parent.loginuid;
    child.cap_permitted = parent.cap_permitted;
    child.cap_inheritable = parent.cap_inheritable;
    child.cap_effective = parent.cap_effective;
    child.exe_ino_ctime_duration_clone_ts = parent.exe_ino_ctime_duration_clone_ts;
}

/// What the event itself says of a child, whoever sent it.
fn fill_child(step: &Step<'_>, child: &mut Thread) {
    child.fdlimit = step.int(c::fdlimit);
    fill_memory(step, child);
    child.uid = step.uint32(c::uid);
    child.gid = step.uint32(c::gid);
    child.clone_ts = step.r.ts();
    child.start_time = step.r.uint(c::start_time).unwrap_or(0);
}

fn fill_memory(step: &Step<'_>, thread: &mut Thread) {
    if step.r.has(c::vm_swap) {
        thread.usage.pfmajor = step.int(c::pgft_maj) as u64;
        thread.usage.pfminor = step.int(c::pgft_min) as u64;
        thread.usage.vmsize_kb = step.uint32(c::vm_size);
        thread.usage.vmrss_kb = step.uint32(c::vm_rss);
        thread.usage.vmswap_kb = step.uint32(c::vm_swap);
    }
}

impl Shard {
    pub(super) fn clone_exit(&mut self, step: &mut Step<'_>) {
        let child = step.result();
        match self.config.child_rule {
            _ if child < 0 => {}
            // The birth has told everything; what is left is a caller nobody knows.
            ChildRule::Births => {
                if step.subject.thread.is_none() {
                    step.subject.thread = self.get_or_resolve(step.tid);
                }
            }
            ChildRule::CloneExits if child == 0 => self.clone_child(step),
            ChildRule::CloneExits => self.clone_caller(step, child),
        }
    }

    /// The caller's return from `clone`: makes the child if it is not there.
    fn clone_caller(&mut self, step: &mut Step<'_>, child_tid: i64) {
        let Some(caller) = self.get_or_resolve(step.tid) else {
            step.subject.thread = None;
            return;
        };
        let is_known = !self.thread(caller).is_invalid();
        if !is_known {
            let (vtid, vpid) = if step.r.has(c::vpid) {
                (step.int(c::vtid), step.int(c::vpid))
            } else {
                (step.tid, -1)
            };
            let thread = self.thread_mut(caller);
            thread.pid = step.int(c::pid);
            thread.ptid = step.int(c::ptid);
            (thread.vtid, thread.vpid) = (vtid, vpid);
            self.relate(caller);
        }
        step.subject.thread = Some(caller);
        let flags = step.uint32(c::flags);
        let ts = step.r.ts();
        // Only the child's own event knows its ids in another pid namespace.
        let is_elsewhere = flags & (flag::CHILD_IN_PIDNS | flag::CLONE_NEWPID | flag::CLONE_PARENT)
            != 0
            || step.tid != self.thread(caller).vtid;
        // The child of a vfork ran, and perhaps ended, before its parent returned.
        let is_vfork = flags & flag::CLONE_VFORK != 0 || step.code == code::SYSCALL_VFORK_20_X;
        if is_elsewhere || is_vfork || self.has_recently_exited(child_tid, step.tid, ts) {
            return;
        }
        let mut collides = false;
        if let Some(existing) = self.find(child_tid) {
            if self.thread(existing).flags & flag::CLONE_INVERTED != 0 {
                return;
            }
            self.remove(child_tid);
            collides = true;
        }
        let mut child = Box::new(Thread::new());
        child.flags = flags;
        child.tid = child_tid;
        // The caller may be the thread that was removed, if its id is the child's.
        let Some(caller) = self.find(step.tid) else {
            step.subject.thread = None;
            return;
        };
        let (pid, ptid, lastexec_ts) = {
            let t = self.thread(caller);
            (t.pid, t.ptid, t.lastexec_ts)
        };
        let image = self.child_parent_image(caller, flags);
        child.image = child_image(step, is_known.then_some(&image));
        if flags & flag::CLONE_THREAD == 0 {
            child.pid = child_tid;
            child.ptid = step.tid;
            if is_known {
                self.inherit_process(caller, &mut child);
            }
        } else {
            child.pid = pid;
            child.ptid = ptid;
            child.flags |= flag::CLONE_FILES;
            child.lastexec_ts = lastexec_ts;
        }
        child.vtid = child.tid;
        child.vpid = child.pid;
        fill_child(step, &mut child);
        self.users.need(child.uid, child.gid);
        child.pidns_init_start_ts = self.config.boot_ts;
        if is_known {
            inherit(&mut child, &self.thread(caller).facts);
        } else {
            child.image = child_image(step, None);
            let image = self.thread_mut(caller).image_mut();
            let (comm, exe) = (child.image.comm.clone(), child.image.exe.clone());
            (image.comm, image.exe) = (comm, exe);
            image.args = Strings::from_wire(step.bytes(c::args));
        }
        self.insert(child);
        if collides {
            // The event's thread may have been the one replaced.
            step.subject.thread = self.find(step.tid);
        }
    }

    /// The image a child takes after: a thread shares its process's, see also
    /// [`Shard::inherited_image`].
    fn child_parent_image(&self, parent: Slot, flags: u32) -> Arc<Image> {
        if flags & flag::CLONE_THREAD == 0 {
            self.inherited_image(parent)
        } else {
            self.thread(parent).image.clone()
        }
    }

    /// Files and directory of a new process.
    fn inherit_process(&mut self, parent: Slot, child: &mut Thread) {
        self.note(Change::Inherited { child: child.tid, parent: self.thread(parent).tid });
        child.cwd = self.cwd(parent).into();
        if let Some(main) = self.main_thread(parent) {
            child.cwd = self.thread(main).cwd.clone();
        }
        if let Some(table) = self.fd_table_mut(parent) {
            child.fds = table.share();
        }
    }

    /// The child's own return from `clone`.
    fn clone_child(&mut self, step: &mut Step<'_>) {
        let ts = step.r.ts();
        if let Some(slot) = step.subject.thread
            && self.thread(slot).clone_ts != 0
        {
            if ts.wrapping_sub(self.thread(slot).clone_ts) < CLONE_STALE_NS {
                return;
            }
            self.remove(step.tid);
            step.subject.thread = None;
        }
        let mut child = self.new_child(step);
        let is_leader = child.flags & flag::CLONE_THREAD == 0;
        let lookup_tid = if is_leader { child.ptid } else { child.pid };
        let Some(lookup) = self.get_or_resolve(lookup_tid) else {
            step.subject.thread = None;
            return;
        };
        let is_known = !self.thread(lookup).is_invalid();
        if !is_known && !is_leader {
            let thread = self.thread_mut(lookup);
            thread.pid = child.pid;
            thread.ptid = child.ptid;
            thread.vpid = child.vpid;
            thread.vtid = child.vpid;
            self.relate(lookup);
        }
        if is_known {
            let image = self.child_parent_image(lookup, child.flags);
            child.image = child_image(step, Some(&image));
            inherit(&mut child, &self.thread(lookup).facts);
            if is_leader {
                self.inherit_process(lookup, &mut child);
            } else {
                child.lastexec_ts = self.thread(lookup).lastexec_ts;
            }
        } else {
            child.image = child_image(step, None);
            if !is_leader {
                let (comm, exe) = (child.image.comm.clone(), child.image.exe.clone());
                let image = self.thread_mut(lookup).image_mut();
                (image.comm, image.exe) = (comm, exe);
                image.args = Strings::from_wire(step.bytes(c::args));
            }
        }
        self.users.need(child.uid, child.gid);
        step.subject.thread = self.insert(child);
    }

    /// A child as its own event describes it, without what comes from its parent.
    fn new_child(&self, step: &Step<'_>) -> Box<Thread> {
        let mut child = Box::new(Thread::new());
        child.tid = step.tid;
        child.pid = step.int(c::pid);
        child.ptid = step.int(c::ptid);
        (child.vtid, child.vpid) = if step.r.has(c::vpid) {
            (step.int(c::vtid), step.int(c::vpid))
        } else {
            (step.tid, -1)
        };
        child.flags = step.uint32(c::flags) | flag::CLONE_INVERTED;
        if child.flags & flag::CLONE_THREAD != 0 {
            child.flags |= flag::CLONE_FILES;
        }
        fill_child(step, &mut child);
        let is_in_namespace = child.flags & (flag::CHILD_IN_PIDNS | flag::CLONE_NEWPID) != 0
            || child.tid != child.vtid;
        if !is_in_namespace {
            child.pidns_init_start_ts = self.config.boot_ts;
        } else if let Some(since_boot) = step.r.uint(c::pidns_init_start_ts) {
            child.pidns_init_start_ts = since_boot.wrapping_add(self.config.boot_ts);
        }
        child
    }

    /// A birth certificate: the first record of a thread.
    ///
    /// A thread of a known group takes after its main thread, as in Falco. A new process takes what
    /// its parent's shard published at the fork; in a single shard, what its parent has now.
    #[inline(never)]
    pub(super) fn birth(&mut self, mut step: Step<'_>, is_forced: bool) -> Applied {
        let mut child = self.new_child(&step);
        let is_leader = child.flags & flag::CLONE_THREAD == 0;
        let mut left = None;
        if is_leader && let Some(directory) = &self.directory {
            let (child_tid, start_time) = (child.tid, child.start_time);
            if is_forced {
                left = directory.take_or_decline(child_tid, start_time);
            } else {
                left = directory.take(child_tid, start_time);
                if left.is_none() {
                    return Applied::NeedsInheritance { child_tid, start_time };
                }
            }
        }
        if is_leader {
            self.end_former(child.pid);
        }
        if self.find(child.tid).is_some() {
            self.remove(child.tid);
        }
        // Of a process with a directory what is published is as of the birth; what this shard has
        // of its parent may be later.
        if left.is_none() && !(is_leader && self.directory.is_some()) {
            let relative = if is_leader { child.ptid } else { child.pid };
            if let Some(slot) = self.find(relative)
                && !self.thread(slot).is_invalid()
            {
                if is_leader {
                    left = Some(Box::new(self.inheritance(slot)));
                } else {
                    let image = self.thread(slot).image.clone();
                    child.image = child_image(&step, Some(&image));
                    inherit(&mut child, &self.thread(slot).facts);
                    child.lastexec_ts = self.thread(slot).lastexec_ts;
                }
            }
        }
        if left.is_none() && is_leader {
            left = self.published_inheritance(child.ptid);
        }
        let mut parent = None;
        if let Some(left) = left {
            let Inheritance { facts, caller, fds, fdlimit, parent: published } = *left;
            child.image = child_image(&step, Some(&caller.image));
            inherit(&mut child, &facts);
            child.root = caller.root;
            child.cwd = caller.cwd;
            child.fds = fds;
            if !step.r.has(c::fdlimit) {
                child.fdlimit = fdlimit;
            }
            let is_caller = child.ptid == caller.tid || child.ptid == facts.tid;
            parent = match published {
                Some(caller) if !is_caller => self.parent_beside(&caller, child.ptid),
                published => published,
            };
        } else if child.image.comm.is_empty() {
            child.image = child_image(&step, None);
        }
        self.users.need(child.uid, child.gid);
        if let Some(slot) = self.insert(child) {
            if let Some(parent) = parent {
                self.publish_parent(slot, parent);
            }
            let thread = self.thread_mut(slot);
            thread.last_event_ts = step.r.ts();
            thread.last_event_fd = -1;
            step.subject.thread = Some(slot);
        }
        Applied::Done(step.subject)
    }

    /// Ends a process whose pid a new one has: its exit was lost, or those of its threads.
    fn end_former(&mut self, pid: i64) {
        let Some(group) = self.groups.get(&pid) else { return };
        let threads = group.threads.iter().filter_map(|reference| self.alive_ref(*reference));
        let tids: Vec<i64> = threads.map(|slot| self.thread(slot).tid).collect();
        // The main thread comes first and goes last.
        for tid in tids.into_iter().rev() {
            self.remove(tid);
        }
        self.groups.remove(&pid);
        // What was lost was the former one's.
        self.hot.incomplete.remove(&pid);
    }

    /// The parent of a child that does not belong to its caller (`CLONE_PARENT`, as container
    /// runtimes use it): the caller's own, whom the kernel names.
    fn parent_beside(&self, caller: &Arc<Published>, ptid: i64) -> Option<Arc<Published>> {
        let directory = self.directory.as_ref()?;
        let of_caller = directory.parent(caller, self.sequence, |_| ());
        if of_caller.as_ref().is_some_and(|parent| parent.key().pid == ptid) {
            return of_caller;
        }
        // A reaper may have become it a moment ago; or it is a thread, and its process meant.
        directory.find_as_of(ptid, self.sequence).or(of_caller)
    }

    /// What a child inherits of a process that only its published side is known of.
    fn published_inheritance(&self, pid: i64) -> Option<Box<Inheritance>> {
        let parent = self.directory.as_ref()?.find_as_of(pid, self.sequence)?;
        let facts = parent.as_of(self.sequence).facts.clone();
        let fds = Default::default();
        let caller = facts.clone();
        Some(Box::new(Inheritance { facts, caller, fds, fdlimit: -1, parent: Some(parent) }))
    }

    /// The parent's side of a birth: leaves for the child what it inherits, as of now.
    pub(super) fn fork_marker(&mut self, step: &mut Step<'_>) {
        use arg::fork_marker_x as a;
        step.subject.thread = self.find_event_thread(step.tid);
        let Some(directory) = self.directory.clone() else { return };
        if step.uint32(a::flags) & flag::CLONE_THREAD != 0 {
            return;
        }
        // Also for a parent that nothing is known of: the child must not wait for ever.
        let caller = step.subject.thread.or_else(|| self.get_or_resolve(step.tid));
        step.subject.thread = caller;
        let inheritance = match caller {
            Some(caller) => self.inheritance(caller),
            None => Inheritance {
                facts: Facts::default(),
                caller: Facts::default(),
                fds: Default::default(),
                fdlimit: -1,
                parent: None,
            },
        };
        let start_time = step.r.uint(a::child_start_time).unwrap_or(0);
        directory.leave(step.int(a::child_tid), start_time, inheritance);
    }

    pub(super) fn exec(&mut self, step: &mut Step<'_>) {
        use arg::syscall_execve_19_x as a;
        if step.result() < 0 {
            return;
        }
        let Some(slot) = step.subject.thread else { return };
        if self.thread(slot).is_dead() {
            self.resurrect(slot);
        }
        let exe = step.text(a::exe);
        let comm = if step.r.has(a::comm) { step.text(a::comm) } else { exe };
        let old = self.thread(slot).image.clone();
        let mut image = old.to_changed();
        fill_image(&mut image, exe, comm, step.bytes(a::args));
        if let Some(env) = step.r.bytes(a::env) {
            image.env = Strings::from_wire(env);
        }
        if let Some(cgroups) = step.r.bytes(a::cgroups)
            && !image.cgroups.equals_wire(cgroups)
        {
            image.cgroups = Cgroups::from_wire(cgroups);
        }
        if step.r.has(a::trusted_exepath) {
            image.set_exepath(step.text(a::trusted_exepath));
        } else if let Some(path) = self.rebuild_exepath(step, slot) {
            image.set_exepath(&path);
        }
        if let Some(flags) = step.r.int(a::flags) {
            image.exe_flags = flags as u32;
        }
        let has_inode = step.r.has(a::exe_ino_mtime);
        if has_inode {
            image.exe_ino = step.int(a::exe_ino) as u64;
            image.exe_ino_ctime = step.int(a::exe_ino_ctime) as u64;
            image.exe_ino_mtime = step.int(a::exe_ino_mtime) as u64;
        }
        let thread = self.thread_mut(slot);
        thread.lastexec_ts = step.r.ts();
        thread.pid = step.int(a::pid);
        if thread.is_invalid() {
            thread.ptid = step.int(a::ptid);
            if thread.flags & flag::CHILD_IN_PIDNS == 0 {
                thread.vtid = thread.tid;
                thread.vpid = thread.pid;
            }
            self.relate(slot);
        }
        let thread = self.thread_mut(slot);
        thread.fdlimit = step.int(a::fdlimit);
        fill_memory(step, thread);
        if has_inode {
            let ctime = image.exe_ino_ctime;
            if thread.clone_ts != 0 {
                thread.exe_ino_ctime_duration_clone_ts = thread.clone_ts.wrapping_sub(ctime);
            }
            let since = thread.pidns_init_start_ts;
            if since != 0 && ctime > since {
                thread.exe_ino_ctime_duration_pidns_start = ctime - since;
            }
        }
        thread.image = Arc::new(image);
        fill_ids(step, thread);
        let (uid, gid) = (thread.uid, thread.gid);
        self.users.need(uid, gid);
        if let Some(table) = self.fd_table_mut(slot) {
            let removed = table.retain(|_, fd| !fd.is_close_on_exec());
            self.counters.n_removed_fds += removed as u64;
        }
        let thread = self.thread_mut(slot);
        let kept = flag::PIPE_SRC | flag::PIPE_DST | flag::IS_MAIN_THREAD | flag::CLONE_INVERTED;
        thread.flags = thread.flags & kept | flag::ACTIVE | flag::NAME_CHANGED;
        self.end_other_threads(slot);
        self.publish_change(slot);
    }

    /// An exec leaves only the main thread, and the one that called it if that kept its id.
    fn end_other_threads(&mut self, slot: Slot) {
        let Some(group) = self.group(slot).filter(|g| g.alive > 1) else { return };
        let tid = self.thread(slot).tid;
        let others: Vec<i64> = group
            .threads
            .iter()
            .filter_map(|t| self.alive_ref(*t))
            .map(|s| self.thread(s))
            .filter(|t| !t.is_main_thread() && t.tid != tid)
            .map(|t| t.tid)
            .collect();
        for tid in others {
            self.remove(tid);
        }
    }

    /// The path of the executable of an exec whose event does not have it: old captures. It comes
    /// from the name that was asked for.
    fn rebuild_exepath(&mut self, step: &mut Step<'_>, slot: Slot) -> Option<Vec<u8>> {
        const EMPTY_PATH: i64 = 1;
        use arg::{syscall_execve_19_e as execve, syscall_execveat_e as execveat};
        let mut out = Vec::new();
        let Some(kept) = self.kept_enter(step) else {
            self.counters.n_retrieve_evts_drops += 1;
            let filename = step.r.text(arg::syscall_execve_19_x::filename);
            let filename = filename.filter(|_| step.code == code::SYSCALL_EXECVE_19_X)?;
            return Some(self.join_cwd(slot, filename));
        };
        let enter = Record::parse(&kept).ok()?;
        if enter.code() == code::SYSCALL_EXECVE_19_E {
            return Some(self.join_cwd(slot, text_of(&enter, execve::filename)));
        }
        let dirfd = enter.int(execveat::dirfd).unwrap_or(0);
        let flags = enter.int(execveat::flags).unwrap_or(0);
        let name = text_of(&enter, execveat::pathname);
        let mut directory = Vec::new();
        self.directory_of(slot, name, dirfd, &mut directory);
        if directory != b"." && directory != b"<UNKNOWN>" {
            step.subject.has_fd = self.fd(slot, dirfd).is_some();
        }
        if (flags & EMPTY_PATH == 0 && name == NOT_AVAILABLE) || directory == b"<UNKNOWN>" {
            out.extend_from_slice(NOT_AVAILABLE);
        } else if flags & EMPTY_PATH != 0 {
            join_into(&mut out, b"", &directory);
        } else {
            join_into(&mut out, &directory, name);
        }
        Some(out)
    }

    fn join_cwd(&self, slot: Slot, name: &[u8]) -> Vec<u8> {
        if name == NOT_AVAILABLE {
            return name.to_vec();
        }
        crate::path::join(self.cwd(slot), name)
    }

    pub(super) fn exit(&mut self, step: &mut Step<'_>) {
        use arg::procexit_1_e as a;
        let Some(slot) = step.subject.thread else { return };
        self.mark_dead(slot);
        self.exit_pending = Some((step.tid, self.sequence));
        let reaper_tid = step.r.int(a::reaper_tid).unwrap_or(-1);
        self.publish_exit(slot, reaper_tid);
        if !self.thread(slot).children.is_empty()
            && let Some(reaper) = step.r.int(a::reaper_tid)
        {
            self.thread_mut(slot).reaper_tid = reaper;
        }
    }
}

/// Ids and capabilities that an exec event carries, where it does.
fn fill_ids(step: &Step<'_>, thread: &mut Thread) {
    use arg::syscall_execve_19_x as a;
    if let Some(tty) = step.r.int(a::tty) {
        thread.tty = tty as u32;
    }
    if let Some(vpgid) = step.r.int(a::vpgid) {
        thread.vpgid = vpgid;
    }
    if let Some(loginuid) = step.r.int(a::loginuid) {
        thread.loginuid = loginuid as u32;
    }
    if step.r.has(a::cap_effective) {
        thread.cap_inheritable = step.int(a::cap_inheritable) as u64;
        thread.cap_permitted = step.int(a::cap_permitted) as u64;
        thread.cap_effective = step.int(a::cap_effective) as u64;
    }
    if let Some(uid) = step.r.int(a::uid) {
        thread.uid = uid as u32;
    }
    thread.pgid = step.r.int(a::pgid).unwrap_or(-1);
    if let Some(gid) = step.r.int(a::gid) {
        thread.gid = gid as u32;
    }
}
