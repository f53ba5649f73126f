//! What happens in a history.

use crate::random::Random;

/// The system call that makes a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `clone`
    Clone,
    /// `clone3`
    Clone3,
    /// `fork`
    Fork,
    /// `vfork`: the caller goes on only after the child's exec or exit.
    Vfork,
}

/// Which of the two returns of a clone the capture has, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The caller's, then the child's.
    CallerFirst,
    /// The child's, then the caller's.
    ChildFirst,
    /// The child's was lost.
    CallerOnly,
    /// The caller's was lost.
    ChildOnly,
    /// The child does something before either is there.
    Late,
}

/// Something a thread does. `who` and the other numbers are taken modulo what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Act {
    Spawn {
        who: u8,
        call: Call,
        told: Told,
        is_thread: bool,
        new_pidns: bool,
        clone_parent: bool,
    },
    /// `is_old`: as an old probe wrote it, without the path of the executable.
    Exec {
        who: u8,
        name: u8,
        is_old: bool,
        at: Option<u8>,
    },
    /// `reaper`: what the exit event says: the true one, none, or a thread nobody knows.
    Exit {
        who: u8,
        whole_group: bool,
        reaper: u8,
        is_lost: bool,
    },
    Open {
        who: u8,
        name: u8,
        below: Option<u8>,
        is_directory: bool,
    },
    Close {
        who: u8,
        fd: u8,
    },
    Dup {
        who: u8,
        fd: u8,
        to: Option<u8>,
    },
    Pipe {
        who: u8,
    },
    Chdir {
        who: u8,
        name: u8,
    },
    Fchdir {
        who: u8,
        fd: u8,
    },
    Chroot {
        who: u8,
        name: u8,
    },
    Read {
        who: u8,
        fd: u8,
    },
    Write {
        who: u8,
        fd: u8,
    },
    Receive {
        who: u8,
        fd: u8,
    },
    Setsid {
        who: u8,
    },
    Setpgid {
        who: u8,
        whom: u8,
    },
    Setuid {
        who: u8,
        uid: u8,
    },
    Capset {
        who: u8,
    },
    Unshare {
        who: u8,
    },
    Subreaper {
        who: u8,
        is_on: bool,
    },
    Prlimit {
        who: u8,
        whom: u8,
        limit: u8,
    },
    PidfdOpen {
        who: u8,
        whom: u8,
    },
    PidfdGetfd {
        who: u8,
        fd: u8,
        target: u8,
    },
    Kill {
        who: u8,
        whom: u8,
    },
    Switch {
        who: u8,
    },
    UserAdded {
        uid: u8,
        name: u8,
    },
    /// Something of a thread that no event told of, or that has ended.
    Stranger {
        tid: u8,
        what: u8,
    },
    /// Time passes.
    Pause {
        seconds: u8,
    },
    /// Live: the ring is full for the next so many records of a kind.
    Lose {
        what: Loss,
        count: u8,
    },
}

/// Which records find no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// All.
    Any,
    /// The births of children.
    Births,
    /// What says to the parent's worker that there is a child.
    ForkMarkers,
    /// Execs.
    Execs,
    /// Ends of threads.
    Exits,
    /// Whatever else changes a process.
    Others,
}

/// A machine at its start, and what happens on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Bits: which of the first processes the capture's list leaves out.
    pub unlisted: u8,
    /// Free pids are used again soon.
    pub reuses_pids: bool,
    /// Time stamp of the beginning.
    pub begin_ns: u64,
    /// In order.
    pub acts: Vec<Act>,
}

impl History {
    /// The history of a seed, with about so many acts.
    pub fn of_seed(seed: u64, acts: usize) -> Self {
        let mut random = Random::new(seed);
        let unlisted =
            if random.one_in(3) { random.number() as u8 & random.number() as u8 } else { 0 };
        let reuses_pids = random.one_in(2);
        // A history is about something: some kinds of acts are favoured.
        let favoured = [random.below(24) as u8, random.below(24) as u8, random.below(24) as u8];
        let mut list = Vec::with_capacity(acts);
        while list.len() < acts {
            let kind = match random.below(8) {
                0..2 => favoured[random.below(3) as usize],
                2..4 => random.below(5) as u8,
                _ => random.below(30) as u8,
            };
            scene(&mut random, kind, &mut list);
        }
        Self { unlisted, reuses_pids, begin_ns: 1_700_000_000_000_000_000, acts: list }
    }

    /// The same, with records lost: of all kinds, or only such as leave all processes known.
    #[must_use]
    pub fn with_losses(&self, seed: u64, is_all_known: bool) -> Self {
        let mut random = Random::new(!seed);
        let kinds =
            [Loss::Any, Loss::Births, Loss::ForkMarkers, Loss::Execs, Loss::Exits, Loss::Others];
        let kinds = if is_all_known { &kinds[3..] } else { &kinds[..] };
        let mut acts = Vec::with_capacity(self.acts.len() + self.acts.len() / 4);
        for act in &self.acts {
            if random.one_in(6) {
                let what = kinds[random.below(kinds.len() as u64) as usize];
                acts.push(Act::Lose { what, count: 1 + random.below(4) as u8 });
            }
            acts.push(*act);
        }
        let unlisted = if is_all_known { 0 } else { self.unlisted };
        // On both sides of the day on which the test is run: what is read again from the kernel is
        // true as of then.
        let begin_ns = if random.one_in(2) { self.begin_ns } else { 4_000_000_000_000_000_000 };
        Self { unlisted, begin_ns, acts, ..self.clone() }
    }
}

/// One act, or a few that belong together.
fn scene(random: &mut Random, kind: u8, out: &mut Vec<Act>) {
    let who = random.number() as u8;
    let (fd, name, whom) =
        (random.number() as u8 % 8, random.number() as u8, random.number() as u8);
    // The thread that was made last.
    const LAST: u8 = u8::MAX;
    let act = match kind {
        0 | 1 => spawn(random, who),
        2 => exec(random, who),
        3 => Act::Exit {
            who,
            whole_group: random.one_in(2),
            reaper: random.below(4) as u8,
            is_lost: random.one_in(12),
        },
        4 | 24 => {
            let below = random.one_in(3).then_some(fd);
            Act::Open { who, name, below, is_directory: random.one_in(3) }
        }
        5 => Act::Close { who, fd },
        6 => Act::Dup { who, fd, to: random.one_in(2).then_some(random.below(3) as u8) },
        7 => Act::Pipe { who },
        8 => Act::Chdir { who, name },
        9 => Act::Fchdir { who, fd },
        10 => Act::Chroot { who, name },
        11 | 25 => Act::Read { who, fd },
        12 | 26 => Act::Write { who, fd },
        13 => Act::Receive { who, fd },
        14 => Act::Setsid { who },
        15 => Act::Setpgid { who, whom },
        16 => Act::Setuid { who, uid: random.below(4) as u8 },
        17 => {
            if random.one_in(2) {
                Act::Capset { who }
            } else {
                Act::Unshare { who }
            }
        }
        18 => Act::Subreaper { who, is_on: !random.one_in(4) },
        19 => Act::Prlimit { who, whom, limit: name },
        20 => {
            out.push(Act::PidfdOpen { who, whom });
            Act::PidfdGetfd { who, fd: LAST, target: fd }
        }
        21 => Act::Kill { who, whom },
        22 => {
            if random.one_in(2) {
                Act::Switch { who }
            } else {
                Act::UserAdded { uid: random.below(4) as u8, name }
            }
        }
        23 => Act::Stranger { tid: name, what: random.number() as u8 },
        27 => Act::Pause { seconds: random.below(4) as u8 },
        // A daemon: fork, setsid, fork again; the first two end, in either order.
        28 => {
            let told = told(random);
            let fork = |who| Act::Spawn {
                who,
                call: Call::Fork,
                told,
                is_thread: false,
                new_pidns: false,
                clone_parent: false,
            };
            out.extend([fork(who), Act::Setsid { who: LAST }, fork(LAST), exec(random, LAST)]);
            Act::Exit { who: LAST - 1, whole_group: true, reaper: 0, is_lost: false }
        }
        // vfork and exec, as a shell runs a program.
        _ => {
            out.push(Act::Spawn {
                who,
                call: Call::Vfork,
                told: told(random),
                is_thread: false,
                new_pidns: false,
                clone_parent: false,
            });
            exec(random, LAST)
        }
    };
    out.push(act);
}

fn told(random: &mut Random) -> Told {
    match random.below(10) {
        0..4 => Told::CallerFirst,
        4..7 => Told::ChildFirst,
        7 => Told::CallerOnly,
        8 => Told::ChildOnly,
        _ => Told::Late,
    }
}

fn spawn(random: &mut Random, who: u8) -> Act {
    let call = match random.below(6) {
        0..3 => Call::Clone,
        3 => Call::Clone3,
        4 => Call::Fork,
        _ => Call::Vfork,
    };
    let takes_flags = matches!(call, Call::Clone | Call::Clone3);
    let is_thread = takes_flags && random.one_in(2);
    Act::Spawn {
        who,
        call,
        told: told(random),
        is_thread,
        new_pidns: takes_flags && !is_thread && random.one_in(8),
        clone_parent: takes_flags && !is_thread && random.one_in(8),
    }
}

fn exec(random: &mut Random, who: u8) -> Act {
    let at = random.one_in(5).then_some(random.number() as u8 % 8);
    Act::Exec { who, name: random.number() as u8, is_old: random.one_in(3), at }
}
