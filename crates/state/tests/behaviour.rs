//! What single events do, in one shard and across two.

#[path = "support/events.rs"]
mod events;

use std::sync::Arc;

use events::{Events, process};
use peregrine_event::record::Param;
use peregrine_event::{arg, code};
use peregrine_state::{
    Applied, ChildRule, Config, Directory, Fd, FdKind, Resolver, Shard, Thread, flags,
};

const THREAD: u32 = flags::thread::CLONE_THREAD;
const CLOEXEC: u32 = flags::file::CLOEXEC;

/// init (1), a shell (10) below it.
fn shard() -> Shard {
    let mut shard = Shard::new(Config::default(), None);
    shard.insert_unrelated(process(1, 0)).unwrap();
    shard.insert_unrelated(process(10, 1)).unwrap();
    shard.relate_all();
    shard
}

fn birth(events: &mut Events, shard: &mut Shard, child: u32, pid: u32, parent: u32, flags: u32) {
    let bytes = events.birth(child, pid, parent, flags);
    assert!(matches!(events.apply(shard, &bytes), Applied::Done(_)));
}

fn name(shard: &Shard, tid: i64, fd: i64) -> Option<String> {
    let fd = shard.fd(shard.find(tid)?, fd)?;
    Some(String::from_utf8_lossy(fd.name()).into_owned())
}

#[test]
fn a_fork_copies_files_and_an_exec_closes_some() {
    let (mut shard, mut events) = (shard(), Events::default());
    events.open(&mut shard, 10, 3, "kept", 1);
    events.open(&mut shard, 10, 4, "/etc/../dropped", 1 | CLOEXEC);
    birth(&mut events, &mut shard, 20, 20, 10, 0);
    assert_eq!(name(&shard, 20, 3).unwrap(), "/home/kept");
    assert_eq!(name(&shard, 20, 4).unwrap(), "/dropped");
    events.exec(&mut shard, 20, 20, "/bin/new");
    assert_eq!(name(&shard, 20, 4), None);
    assert_eq!(name(&shard, 10, 4).unwrap(), "/dropped");
    let child = shard.find(20).unwrap();
    assert_eq!(&*shard.thread(child).image.exepath, b"/bin/new");
    assert_eq!(shard.thread(child).ptid, 10);
    assert_eq!(shard.cwd(child), b"/home/");
    // The caller's own return changes nothing: the birth has told it.
    let params = [(arg::syscall_clone_20_x::res, Param::Int(20))];
    events.send(&mut shard, code::SYSCALL_CLONE_20_X, 10, &params);
    assert_eq!(&*shard.thread(shard.find(20).unwrap()).image.comm, b"new");
}

#[test]
fn threads_share_files_and_end_at_an_exec() {
    let (mut shard, mut events) = (shard(), Events::default());
    birth(&mut events, &mut shard, 11, 10, 1, THREAD);
    birth(&mut events, &mut shard, 12, 10, 1, THREAD);
    events.open(&mut shard, 11, 3, "/a", 1);
    assert_eq!(name(&shard, 10, 3).unwrap(), "/a");
    let slot = shard.find(12).unwrap();
    assert_eq!((shard.alive_threads(slot), shard.other_threads(slot)), (3, 2));
    events.exec(&mut shard, 10, 10, "/bin/new");
    assert_eq!((shard.find(11), shard.find(12)), (None, None));
    assert_eq!(shard.alive_threads(shard.find(10).unwrap()), 1);
}

#[test]
fn a_dead_main_thread_stays_for_its_group() {
    let (mut shard, mut events) = (shard(), Events::default());
    birth(&mut events, &mut shard, 11, 10, 1, THREAD);
    events.exit(&mut shard, 10, 0);
    events.open(&mut shard, 11, 5, "/b", 1);
    assert!(shard.thread(shard.find(10).unwrap()).is_dead());
    assert_eq!(name(&shard, 11, 5).unwrap(), "/b");
    events.exit(&mut shard, 11, 0);
    shard.run_pending(0);
    assert_eq!((shard.find(10), shard.find(11)), (None, None));
    assert_eq!(shard.group_count(), 1);
}

#[test]
fn orphans_go_to_the_reaper() {
    let (mut shard, mut events) = (shard(), Events::default());
    birth(&mut events, &mut shard, 20, 20, 10, 0);
    birth(&mut events, &mut shard, 30, 30, 20, 0);
    birth(&mut events, &mut shard, 40, 40, 30, 0);
    let subreaper = [
        (arg::syscall_prctl_x::res, Param::Int(0)),
        (arg::syscall_prctl_x::option, Param::Int(36)),
        (arg::syscall_prctl_x::arg2_int, Param::Int(1)),
    ];
    events.send(&mut shard, code::SYSCALL_PRCTL_X, 10, &subreaper);
    // The kernel says nothing: the nearest ancestor that reaps.
    events.exit(&mut shard, 30, 0);
    let during = shard.thread(shard.find(40).unwrap()).ptid;
    assert_eq!(during, 30, "an exited parent stays for the rules of its exit");
    shard.run_pending(0);
    assert_eq!(shard.thread(shard.find(40).unwrap()).ptid, 10);
    // The kernel names it.
    birth(&mut events, &mut shard, 50, 50, 20, 0);
    events.exit(&mut shard, 20, 1);
    shard.run_pending(0);
    assert_eq!(shard.thread(shard.find(50).unwrap()).ptid, 1);
    let names = |generations| {
        let slot = shard.find(40).unwrap();
        shard.ancestor(slot, generations, 0).map(|a| a.facts().pid)
    };
    assert_eq!((names(0), names(1), names(2), names(3)), (Some(40), Some(10), Some(1), None));
}

#[test]
fn closed_files_stay_for_the_rules_of_the_close() {
    let (mut shard, mut events) = (shard(), Events::default());
    let opened = events.open(&mut shard, 10, 3, "x", 1);
    assert!(opened.has_fd && opened.fd_name_changed);
    let subject = events.close(&mut shard, 10, 3);
    assert_eq!(shard.subject_fd(&subject).unwrap().name(), b"/home/x");
    let subject = events.close(&mut shard, 10, 3);
    assert!(!subject.has_fd);
}

#[test]
fn duplicates_and_ranges() {
    let (mut shard, mut events) = (shard(), Events::default());
    events.open(&mut shard, 10, 3, "/a", 1 | CLOEXEC);
    use arg::{syscall_close_range_x as range, syscall_dup3_x as dup3};
    let fd = |shard: &Shard, n| shard.fd(shard.find(10).unwrap(), n).cloned();
    let params = [(dup3::res, Param::Int(7)), (1, Param::Int(3))];
    events.send(&mut shard, code::SYSCALL_DUP3_X, 10, &params);
    let dup = fd(&shard, 7).unwrap();
    assert!(dup.name() == b"/a" && !dup.is_close_on_exec());
    let fcntl = [
        (arg::syscall_fcntl_x::res, Param::Int(0)),
        (arg::syscall_fcntl_x::fd, Param::Int(7)),
        (arg::syscall_fcntl_x::cmd, Param::Int(3)),
        (arg::syscall_fcntl_x::arg, Param::Int(1)),
    ];
    events.send(&mut shard, code::SYSCALL_FCNTL_X, 10, &fcntl);
    assert!(fd(&shard, 7).unwrap().is_close_on_exec());
    let close = |flags| {
        [
            (range::res, Param::Int(0)),
            (range::first, Param::Int(4)),
            (range::last, Param::Int(0xffff_ffff)),
            (range::flags, Param::Int(flags)),
        ]
    };
    events.open(&mut shard, 10, 5, "/b", 1);
    events.send(&mut shard, code::SYSCALL_CLOSE_RANGE_X, 10, &close(4));
    assert!(fd(&shard, 5).unwrap().is_close_on_exec());
    events.send(&mut shard, code::SYSCALL_CLOSE_RANGE_X, 10, &close(0));
    assert!(fd(&shard, 3).is_some() && fd(&shard, 5).is_none() && fd(&shard, 7).is_none());
}

struct OneFd;

impl Resolver for OneFd {
    fn resolve(&mut self, tid: i64, _: u64) -> Option<Box<Thread>> {
        (tid == 77).then(|| process(77, 1))
    }

    fn resolve_fd(&mut self, pid: i64, number: i64, _: u64) -> Option<Fd> {
        assert_eq!(pid, 10);
        let mut fd = Fd::new(FdKind::FileV2);
        fd.set_name(format!("/passed/{number}").as_bytes());
        Some(fd)
    }
}

#[test]
fn passed_fds_are_asked_for() {
    let (mut shard, mut events) = (shard(), Events::default());
    shard.set_resolver(Box::new(OneFd));
    use arg::{socket_recvmsg_x as recv, socket_socketpair_x as pair};
    let params =
        [(pair::res, Param::Int(0)), (pair::fd1, Param::Int(3)), (pair::fd2, Param::Int(4))];
    events.send(&mut shard, code::SOCKET_SOCKETPAIR_X, 10, &params);
    let mut control = 24u64.to_le_bytes().to_vec();
    control.extend_from_slice(&[1, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0]);
    let params = [
        (recv::res, Param::Int(1)),
        (recv::msgcontrol, Param::Bytes(&control)),
        (recv::fd, Param::Int(3)),
    ];
    events.send(&mut shard, code::SOCKET_RECVMSG_X, 10, &params);
    assert_eq!(name(&shard, 10, 8).unwrap(), "/passed/8");
    assert_eq!(name(&shard, 10, 9).unwrap(), "/passed/9");
    // An unknown thread is asked for too, and one that cannot be found is a placeholder.
    let subject = events.close(&mut shard, 77, 3);
    assert!(!shard.thread(subject.thread.unwrap()).is_invalid());
    let subject = events.close(&mut shard, 78, 3);
    assert_eq!(&*shard.thread(subject.thread.unwrap()).image.comm, b"<NA>");
}

#[test]
fn a_vfork_child_may_be_gone_before_its_parent_returns() {
    let (mut shard, mut events) = (shard(), Events::default());
    shard.config_mut().child_rule = ChildRule::CloneExits;
    use arg::syscall_vfork_20_x as a;
    let own = [
        (a::res, Param::Int(0)),
        (a::pid, Param::Int(20)),
        (a::ptid, Param::Int(10)),
        (a::flags, Param::Int(i64::from(flags::thread::CLONE_VFORK))),
        (a::vtid, Param::Int(20)),
        (a::vpid, Param::Int(20)),
    ];
    events.send(&mut shard, code::SYSCALL_VFORK_20_X, 20, &own);
    assert!(shard.find(20).is_some());
    events.exit(&mut shard, 20, 0);
    let caller = [(a::res, Param::Int(20))];
    events.send(&mut shard, code::SYSCALL_VFORK_20_X, 10, &caller);
    assert_eq!(shard.find(20), None);
    // The same with clone, where only the memory of the exit tells.
    let own = [&own[..], &[(a::flags, Param::Int(0))]].concat();
    events.send(&mut shard, code::SYSCALL_CLONE_20_X, 20, &own);
    events.exit(&mut shard, 20, 0);
    events.send(&mut shard, code::SYSCALL_CLONE_20_X, 10, &caller);
    assert_eq!(shard.find(20), None);
}

#[test]
fn a_child_in_another_shard_waits_for_what_it_inherits() {
    let directory = Arc::new(Directory::new());
    let mut events = Events::default();
    let mut left = Shard::new(Config::default(), Some(directory.clone()));
    let mut right = Shard::new(Config::default(), Some(directory.clone()));
    left.insert_unrelated(process(1, 0)).unwrap();
    left.insert_unrelated(process(10, 1)).unwrap();
    left.relate_all();
    events.open(&mut left, 10, 3, "/before", 1);
    let birth = events.birth(21, 21, 10, 0);
    let waiting = Applied::NeedsInheritance { child_tid: 21, start_time: 7 };
    assert_eq!(events.apply(&mut right, &birth), waiting);
    assert!(right.is_empty());
    use arg::fork_marker_x as m;
    let marker = [
        (m::child_tid, Param::Int(21)),
        (m::child_tgid, Param::Int(21)),
        (m::child_start_time, Param::Int(7)),
    ];
    events.send(&mut left, code::FORK_MARKER_X, 10, &marker);
    events.open(&mut left, 10, 4, "/after", 1);
    assert!(matches!(events.apply(&mut right, &birth), Applied::Done(_)));
    assert_eq!(name(&right, 21, 3).unwrap(), "/before");
    assert_eq!(name(&right, 21, 4), None, "opened after the fork");
    assert_eq!(directory.waiting_inheritances(), 0);
    let parents = |right: &Shard, sequence| {
        let slot = right.find(21).unwrap();
        let at = |n| right.ancestor(slot, n, sequence).map(|a| a.facts().pid);
        (at(1), at(2))
    };
    assert_eq!(parents(&right, events.num), (Some(10), Some(1)));
    // The parent execs and ends; who looks from before still sees it as it was.
    let before_exec = events.num;
    events.exec(&mut left, 10, 10, "/bin/new");
    let comm = |right: &Shard, sequence| {
        let slot = right.find(21).unwrap();
        right.parent(slot, sequence).map(|p| p.facts().image.comm.to_vec())
    };
    assert_eq!(comm(&right, before_exec).unwrap(), b"");
    assert_eq!(comm(&right, events.num).unwrap(), b"new");
    events.exit(&mut left, 10, 1);
    let exit = events.num;
    events.num += 1;
    left.run_pending(0);
    assert_eq!(parents(&right, exit).0, Some(10));
    events.open(&mut left, 1, 9, "/later", 1);
    assert_eq!(parents(&right, events.num + 1), (Some(1), None));
}

#[test]
fn a_child_that_waited_too_long_goes_ahead() {
    let directory = Arc::new(Directory::new());
    let mut events = Events::default();
    let mut left = Shard::new(Config::default(), Some(directory.clone()));
    let mut right = Shard::new(Config::default(), Some(directory.clone()));
    left.insert_unrelated(process(1, 0)).unwrap();
    left.insert_unrelated(process(10, 1)).unwrap();
    left.relate_all();
    let birth = events.birth(21, 21, 10, 0);
    let record = peregrine_event::Record::parse(&birth).unwrap();
    let context = peregrine_state::EventContext { record, num: events.num };
    assert!(matches!(right.apply(&context), Applied::NeedsInheritance { .. }));
    assert!(matches!(right.apply_without_inheritance(&context), Applied::Done(_)));
    let slot = right.find(21).unwrap();
    assert_eq!(right.cwd(slot), b"/home/");
    assert_eq!(right.ancestor(slot, 1, events.num).unwrap().facts().pid, 10);
    // The marker that comes too late leaves nothing behind.
    use arg::fork_marker_x as m;
    let marker = [(m::child_tid, Param::Int(21)), (m::child_start_time, Param::Int(7))];
    events.send(&mut left, code::FORK_MARKER_X, 10, &marker);
    assert_eq!(directory.waiting_inheritances(), 0);
}

#[test]
fn a_storm_leaves_nothing_behind() {
    for with_directory in [false, true] {
        let directory = with_directory.then(|| Arc::new(Directory::new()));
        let mut shard = Shard::new(Config::default(), directory.clone());
        shard.insert_unrelated(process(1, 0)).unwrap();
        shard.insert_unrelated(process(10, 1)).unwrap();
        shard.relate_all();
        let mut events = Events::default();
        let before = shard.counters();
        let mut parents = vec![10u32];
        for n in 0..20_000u32 {
            let child = 100 + n;
            let parent = parents[n as usize * 7 % parents.len()];
            if with_directory {
                use arg::fork_marker_x as m;
                let marker = [
                    (m::child_tid, Param::Int(i64::from(child))),
                    (m::child_start_time, Param::Int(7)),
                ];
                events.send(&mut shard, code::FORK_MARKER_X, parent, &marker);
            }
            birth(&mut events, &mut shard, child, child, parent, 0);
            events.open(&mut shard, child, 3, "/f", 1);
            if n % 3 == 0 {
                birth(&mut events, &mut shard, 1_000_000 + n, child, parent, THREAD);
            }
            if n % 2 == 0 {
                events.exec(&mut shard, child, child, "/bin/x");
            }
            parents.push(child);
            if parents.len() > 50 {
                let gone = parents.remove(1 + n as usize % 40);
                if n % 5 == 0 {
                    events.exit(&mut shard, gone, 0);
                }
                // Threads that an exec did not end do so now.
                let thread = 1_000_000 + gone - 100;
                if shard.find(i64::from(thread)).is_some() {
                    events.exit(&mut shard, thread, 0);
                }
                events.exit(&mut shard, gone, 0);
            }
        }
        let left: Vec<i64> = shard.iter().map(|t| t.tid).filter(|t| *t > 10).collect();
        for tid in left {
            events.exit(&mut shard, tid as u32, 0);
        }
        shard.run_pending(u64::MAX);
        let after = shard.counters();
        assert_eq!((after.n_threads, after.n_fds), (before.n_threads, before.n_fds));
        assert_eq!((shard.len(), shard.group_count()), (2, 2));
        assert_eq!(shard.thread(shard.find(1).unwrap()).children_alive, 1);
        if let Some(directory) = directory {
            assert_eq!((directory.len(), directory.waiting_inheritances()), (2, 0));
        }
    }
}

/// Breaks if an event whose rules had to wait loses its thread without need, or takes another for it.
#[test]
fn a_held_event_knows_that_its_thread_was_replaced() {
    let (mut shard, mut events) = (shard(), Events::default());
    birth(&mut events, &mut shard, 20, 20, 10, 0);
    let subject = events.exit(&mut shard, 20, 0);
    let held = shard.hold(&subject);
    events.open(&mut shard, 10, 5, "/x", 1);
    let again = shard.resume(subject, held, events.num);
    assert_eq!(again, subject, "its exit was held back, so it is still there");
    let held = shard.hold(&again);
    birth(&mut events, &mut shard, 20, 20, 10, 0);
    let again = shard.resume(again, held, events.num);
    assert!(again.thread.is_none() && again.is_replaced);
    shard.run_pending(events.num);
    assert!(shard.find(20).is_some(), "the exit was the former one's");
}

/// Breaks if a process whose id comes again still has the threads of the one before, whose ends were
/// lost.
#[test]
fn a_birth_ends_who_had_its_id() {
    let directory = Arc::new(Directory::new());
    let mut shard = Shard::new(Config::default(), Some(directory.clone()));
    shard.insert_unrelated(process(1, 0)).unwrap();
    shard.insert_unrelated(process(10, 1)).unwrap();
    Shard::relate_shards(std::slice::from_mut(&mut shard));
    let mut events = Events::default();
    birth(&mut events, &mut shard, 11, 10, 1, THREAD);
    let former = directory.find(10).unwrap();
    let bytes = events.birth(10, 10, 1, 0);
    let record = peregrine_event::Record::parse(&bytes).unwrap();
    let sequence = events.num;
    shard.apply_without_inheritance(&peregrine_state::EventContext { record, num: sequence });
    assert_eq!(shard.find(11), None);
    assert_eq!(shard.alive_threads(shard.find(10).unwrap()), 1);
    let exit = former.newest().exit.clone().expect("it has ended");
    assert_eq!(exit.sequence, sequence);
    assert!(!Arc::ptr_eq(&former, &directory.find(10).unwrap()));
}

/// A parent whose birth was lost too, and who is looked up only after its child.
#[test]
fn a_parent_that_becomes_known_later_is_found() {
    let directory = Arc::new(Directory::new());
    let mut shard = Shard::new(Config::default(), Some(directory.clone()));
    shard.set_resolver(Box::new(Listed));
    let mut events = Events::default();
    let seen = events.open(&mut shard, 30, 5, "/x", 1);
    let child = events.num;
    let parent = |shard: &Shard, sequence| {
        let parent = shard.parent(seen.thread.unwrap(), sequence);
        parent.map(|parent| parent.facts().pid)
    };
    assert_eq!(parent(&shard, child + 1), None);
    events.open(&mut shard, 20, 5, "/x", 1);
    let known = events.num;
    assert_eq!(parent(&shard, known), Some(20));
    assert_eq!(parent(&shard, child), None, "as of then it was not known");
    assert!(shard.take_looks().pids().contains(&20), "who reads it must wait for its worker");
}

/// Processes that are each the child of the one ten below.
struct Listed;

impl Resolver for Listed {
    fn resolve(&mut self, tid: i64, _: u64) -> Option<Box<Thread>> {
        Some(process(tid, tid - 10))
    }

    fn resolve_fd(&mut self, _: i64, _: i64, _: u64) -> Option<Fd> {
        None
    }
}
