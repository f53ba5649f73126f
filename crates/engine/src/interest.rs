//! Which system calls the kernel side shall report.
//!
//! The state needs every event that changes it; the rules need the events they name. Everything
//! else costs one table look-up in the kernel and is never encoded.

use std::collections::BTreeSet;

use peregrine_event::syscalls::{Syscall, X86_64};
use peregrine_event::{Category, EventCode, EventFlags, code};

/// Entries of the kernel's table, one per native system call number.
pub const TABLE_LEN: usize = 512;

/// Not reported.
pub const OFF: u8 = 0;
/// Reported with its own event.
pub const DEDICATED: u8 = 1;
/// Reported with the generic event.
pub const GENERIC: u8 = 2;

/// What the rules can be satisfied by.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Event codes named by rules (dedicated events).
    pub codes: Vec<EventCode>,
    /// Portable ids of system calls named by rules that only have the generic event.
    pub generic_ids: Vec<u16>,
    /// A rule can be satisfied by any event: everything is wanted, except what floods (see
    /// [`floods`]), unless it is named as well.
    pub any: bool,
    /// Report every system call, whatever the rules say.
    pub all: bool,
    /// Portable ids of system calls that are left out, whoever wants them, unless the state needs
    /// them.
    pub excluded_ids: Vec<u16>,
}

/// A condition that spans more event types than this names none of them (Falco warns from here on,
/// `LOAD_NO_EVTTYPE`); it is not meant to bring the flood of data transfers.
const NAMES_NONE: usize = 100;

/// Portable ids from here on are unknown to the sysdig of Debian 12 (0.29, of 2022), which crashes
/// on a capture with a generic event of such a system call.
const FIRST_NEW_ID: u16 = 330;

impl Wanted {
    /// What a capture holds by default: every system call but those that only transfer data or
    /// wait, and but those of which nothing is reported than their name and that are too new for
    /// the readers in use.
    pub fn for_captures() -> Self {
        let mut wanted = Self::default();
        for syscall in &X86_64 {
            if syscall.exit == code::GENERIC_X {
                if syscall.id < FIRST_NEW_ID {
                    wanted.generic_ids.push(syscall.id);
                }
            } else if !floods(syscall.exit) {
                wanted.codes.push(syscall.exit);
            }
        }
        wanted
    }

    /// Wants the events that can satisfy a condition, and system calls, by portable id, for those
    /// that only have the generic event.
    pub fn add(&mut self, events: &BTreeSet<EventCode>, syscalls: &BTreeSet<u16>) {
        if events.len() > NAMES_NONE {
            self.any = true;
            return;
        }
        for event in events.iter().filter(|event| **event != code::GENERIC_X) {
            if !self.codes.contains(event) {
                self.codes.push(*event);
            }
        }
        if events.contains(&code::GENERIC_X) {
            let new = syscalls.iter().filter(|id| !self.generic_ids.contains(id));
            let new: Vec<u16> = new.copied().collect();
            self.generic_ids.extend(new);
        }
    }

    /// Wants all that another one wants.
    pub fn join(&mut self, other: &Wanted) {
        self.codes.extend(other.codes.iter().copied());
        self.generic_ids.extend(other.generic_ids.iter().copied());
        self.any |= other.any;
        self.all |= other.all;
        self.excluded_ids.extend(other.excluded_ids.iter().copied());
    }
}

/// System calls that come by the hundred thousand and carry no state: data transfer and waiting.
/// As in Falco they are reported only if a rule names them.
pub fn floods(exit: EventCode) -> bool {
    let Some(def) = exit.def() else { return false };
    let subject = def.category.subject();
    !def.flags.has(EventFlags::MODIFIES_STATE)
        && (subject == Category::IO_READ
            || subject == Category::IO_WRITE
            || def.category.has(Category::WAIT)
            || exit == code::SYSCALL_FUTEX_X)
}

/// Whether the state of processes and files needs this event.
pub fn state_needs(exit: EventCode) -> bool {
    exit.def().is_some_and(|def| def.flags.has(EventFlags::MODIFIES_STATE))
}

/// The kernel's table.
pub fn table(wanted: &Wanted) -> [u8; TABLE_LEN] {
    let mut table = [OFF; TABLE_LEN];
    for syscall in &X86_64 {
        if let Some(entry) = table.get_mut(syscall.number as usize) {
            *entry = interest_in(syscall, wanted);
        }
    }
    table
}

fn interest_in(syscall: &Syscall, wanted: &Wanted) -> u8 {
    if wanted.excluded_ids.contains(&syscall.id) && !state_needs(syscall.exit) {
        return OFF;
    }
    if syscall.exit == code::GENERIC_X {
        let named = wanted.generic_ids.contains(&syscall.id);
        return if wanted.all || wanted.any || named { GENERIC } else { OFF };
    }
    let named = wanted.codes.contains(&syscall.exit);
    let wanted =
        wanted.all || named || state_needs(syscall.exit) || (wanted.any && !floods(syscall.exit));
    if wanted { DEDICATED } else { OFF }
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: usize = 0;
    const OPENAT: usize = 257;
    const CHMOD: usize = 90;
    const GETPPID: usize = 110;

    #[test]
    fn state_is_always_reported_and_floods_only_when_named() {
        let nothing = table(&Wanted::default());
        assert_eq!((nothing[OPENAT], nothing[READ]), (DEDICATED, OFF));
        assert_eq!((nothing[CHMOD], nothing[GETPPID]), (OFF, OFF));

        let any = table(&Wanted { any: true, ..Wanted::default() });
        assert_eq!((any[CHMOD], any[GETPPID], any[READ]), (DEDICATED, GENERIC, OFF));

        let read = Wanted { codes: vec![code::SYSCALL_READ_X], ..Wanted::default() };
        assert_eq!(table(&read)[READ], DEDICATED);

        let all = table(&Wanted { all: true, ..Wanted::default() });
        assert!(X86_64.iter().all(|s| all[s.number as usize] != OFF));
    }

    #[test]
    fn captures_leave_out_floods_and_names_that_old_readers_crash_on() {
        const RSEQ: usize = 334;
        let table = table(&Wanted::for_captures());
        let of = [OPENAT, CHMOD, READ, GETPPID, RSEQ].map(|number| table[number]);
        assert_eq!(of, [DEDICATED, DEDICATED, OFF, GENERIC, OFF]);
    }

    #[test]
    fn what_is_left_out_is_off_unless_the_state_needs_it() {
        let id =
            |number: usize| X86_64.iter().find(|s| usize::from(s.number) == number).unwrap().id;
        let mut wanted = Wanted { all: true, ..Wanted::default() };
        let excluded_ids = [OPENAT, CHMOD, GETPPID].map(id).to_vec();
        wanted.join(&Wanted { excluded_ids, ..Wanted::default() });
        let of = [OPENAT, CHMOD, GETPPID, READ].map(|number| table(&wanted)[number]);
        assert_eq!(of, [DEDICATED, OFF, OFF, DEDICATED]);
    }

    #[test]
    fn numbers_without_a_system_call_are_off() {
        let all = table(&Wanted { all: true, ..Wanted::default() });
        assert_eq!(all[TABLE_LEN - 1], OFF);
    }
}
