//! What a caller asked for, against what the exit event read later.
//!
//! A path or an address lies in the caller's memory, and another of its threads may change it
//! between the check of a monitor and the use by the kernel. The enter event has what was there
//! first. An exit event that succeeded takes name, flags and directory from it; flags that the
//! kernel side adds at exit stay.

use crate::convert::MAX_PARAMS;
use crate::event::RawEvent;
use peregrine_event::record::{NO_TEXT, Param};
use peregrine_event::{EventCode, arg, code};

/// Flags from this bit on are added by the kernel side at exit (`O_F_CREATED` and above).
const FIRST_ADDED_FLAG: i64 = 1 << 14;

/// Exit events that an enter event may override.
pub(crate) const fn is_overridable(code: EventCode) -> bool {
    matches!(
        code,
        code::SYSCALL_OPEN_X
            | code::SYSCALL_OPENAT_2_X
            | code::SYSCALL_OPENAT2_X
            | code::SYSCALL_CREAT_X
            | code::SOCKET_CONNECT_X
    )
}

fn text_of<'a>(enter: &RawEvent<'a>, index: usize) -> Option<&'a [u8]> {
    let bytes = enter.param(index)?;
    (!bytes.is_empty() && bytes != b"<NA>\0" && bytes != NO_TEXT).then_some(bytes)
}

fn int_of(enter: &RawEvent<'_>, index: usize) -> Option<i64> {
    match Param::from_wire(enter.param(index)?, enter.def().params.get(index)?.ty) {
        Param::Int(value) => Some(value),
        _ => None,
    }
}

/// Lets an enter event override what its exit event says the caller asked for.
pub(crate) fn apply<'a>(
    code: EventCode,
    params: &mut [Param<'a>; MAX_PARAMS],
    enter: &RawEvent<'a>,
) {
    use arg::{syscall_open_e as open_e, syscall_open_x as open_x};
    use arg::{syscall_openat_2_e as openat_e, syscall_openat_2_x as openat_x};
    let succeeded = matches!(params[0], Param::Int(fd) if fd >= 0);
    let flags = |exit: Param<'_>, enter: i64| {
        let added = match exit {
            Param::Int(flags) => flags & -FIRST_ADDED_FLAG,
            _ => 0,
        };
        Param::Int(enter | added)
    };
    match code {
        code::SYSCALL_OPEN_X if succeeded => {
            if let Some(name) = text_of(enter, open_e::name) {
                params[open_x::name] = Param::Bytes(name);
                let asked = int_of(enter, open_e::flags).unwrap_or(0);
                params[open_x::flags] = flags(params[open_x::flags], asked);
            }
        }
        // The two agree on the place of dirfd, name and flags.
        code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X if succeeded => {
            if let Some(name) = text_of(enter, openat_e::name) {
                params[openat_x::name] = Param::Bytes(name);
                let asked = int_of(enter, openat_e::flags).unwrap_or(0);
                params[openat_x::flags] = flags(params[openat_x::flags], asked);
                if let Some(dirfd) = int_of(enter, openat_e::dirfd) {
                    params[openat_x::dirfd] = Param::Int(dirfd);
                }
            }
        }
        code::SYSCALL_CREAT_X if succeeded => {
            if let Some(name) = text_of(enter, arg::syscall_creat_e::name) {
                params[arg::syscall_creat_x::name] = Param::Bytes(name);
            }
        }
        // Without a tuple, the address asked for is all there is.
        code::SOCKET_CONNECT_X => {
            let (tuple, addr) = (arg::socket_connect_x::tuple, arg::socket_connect_x::addr);
            if params[tuple] == Param::Absent
                && let Some(asked) = enter.param(arg::socket_connect_e::addr)
                && !asked.is_empty()
            {
                params[addr] = Param::Bytes(asked);
            }
        }
        _ => {}
    }
}

/// The tuple of a `connect` whose address was changed while the kernel looked at it: where the
/// destination in the tuple is the address that the exit event read again, it was read too late,
/// and the one from the entry takes its place. A destination that differs from what the exit event
/// read comes from the kernel's socket and is right. `None`: the tuple can stay.
pub(crate) fn connect_tuple(
    code: EventCode,
    params: &[Param<'_>; MAX_PARAMS],
    enter: &RawEvent<'_>,
) -> Option<Vec<u8>> {
    use arg::socket_connect_x as connect;
    const UNIX: u8 = 1;
    const INET: u8 = 2;
    const INET6: u8 = 10;
    if code != code::SOCKET_CONNECT_X {
        return None;
    }
    let (Param::Bytes(tuple), Param::Bytes(read)) = (params[connect::tuple], params[connect::addr])
    else {
        return None;
    };
    let asked = enter.param(arg::socket_connect_e::addr)?;
    let family = *tuple.first()?;
    let at = match family {
        INET => 7,
        INET6 => 19,
        UNIX => 17,
        _ => return None,
    };
    let same_family = read.first() == Some(&family) && asked.first() == Some(&family);
    let dest = tuple.get(at..)?;
    if !same_family || dest != &read[1..] || dest == &asked[1..] {
        return None;
    }
    if family != UNIX && asked.len() - 1 != dest.len() {
        return None;
    }
    Some([&tuple[..at], &asked[1..]].concat())
}
