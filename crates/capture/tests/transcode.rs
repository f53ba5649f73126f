//! Numbers, what rules see, and what an enter event overrides.

use peregrine_capture::{OwnedEvent, Transcoded, Transcoder};
use peregrine_event::{EventCode, Record, arg, code};

const TID: u64 = 7;

fn event(code: EventCode, params: &[&[u8]]) -> OwnedEvent {
    let mut event = OwnedEvent::new(1, TID, code);
    params.iter().for_each(|param| event.push(param));
    event
}

fn i(value: i64) -> [u8; 8] {
    value.to_le_bytes()
}

fn u(value: u32) -> [u8; 4] {
    value.to_le_bytes()
}

/// Transcodes and looks at the record; `None` if there is none.
fn look<T>(
    transcoder: &mut Transcoder,
    event: &OwnedEvent,
    look: impl FnOnce(Record<'_>) -> T,
) -> Option<T> {
    match transcoder.transcode(&event.view(), 0).unwrap() {
        Transcoded::Record { record, .. } => Some(look(record)),
        Transcoded::Consumed { .. } | Transcoded::Dropped => None,
    }
}

fn openat(fd: i64, name: &[u8], flags: u32) -> OwnedEvent {
    let params: [&[u8]; 7] =
        [&i(fd), &i(-100), name, &u(flags), &u(0o644), &u(1), &9u64.to_le_bytes()];
    event(code::SYSCALL_OPENAT_2_X, &params)
}

fn asked(name: &[u8], flags: u32) -> OwnedEvent {
    let params: [&[u8]; 4] = [&i(4), name, &u(flags), &u(0)];
    event(code::SYSCALL_OPENAT_2_E, &params)
}

#[test]
fn an_open_that_succeeded_takes_what_was_asked() {
    use arg::syscall_openat_2_x as a;
    let mut t = Transcoder::new();
    let enter = asked(b"/first\0", 1);
    let enter = enter.view();
    let consumed = t.transcode(&enter, 0).unwrap();
    assert!(matches!(consumed, Transcoded::Consumed { number: 1 }));
    // 1 << 14 is added by the kernel side: the file was created.
    let exit = openat(3, b"/second\0", 2 | 1 << 14);
    look(&mut t, &exit, |record| {
        assert_eq!(record.text(a::name), Some(&b"/first"[..]));
        assert_eq!(record.int(a::flags), Some(1 | 1 << 14));
        assert_eq!((record.int(a::dirfd), record.int(a::fd)), (Some(4), Some(3)));
        assert_eq!((record.int(a::mode), record.int(a::ino)), (Some(0o644), Some(9)));
    })
    .unwrap();
    assert_eq!(t.number(), 2);
    // It is used up: the next one stands for itself.
    look(&mut t, &exit, |r| assert_eq!(r.text(a::name), Some(&b"/second"[..]))).unwrap();
}

#[test]
fn other_opens_stay_as_they_are() {
    use arg::syscall_openat_2_x as a;
    let name = |t: &mut Transcoder, exit: &OwnedEvent| {
        look(t, exit, |r| r.text(a::name).map(<[u8]>::to_vec)).unwrap()
    };
    // A failure has no file whose name could be wrong.
    let mut t = Transcoder::new();
    t.transcode(&asked(b"/first\0", 1).view(), 0).unwrap();
    assert_eq!(name(&mut t, &openat(-2, b"/second\0", 2)), Some(b"/second".to_vec()));
    // The enter event could not read the name.
    for unread in [&b""[..], b"<NA>\0"] {
        t.transcode(&asked(unread, 1).view(), 0).unwrap();
        assert_eq!(name(&mut t, &openat(3, b"/second\0", 2)), Some(b"/second".to_vec()));
    }
    // Another event of the thread came in between.
    t.transcode(&asked(b"/first\0", 1).view(), 0).unwrap();
    let signal: [&[u8]; 3] = [&i(1), &i(2), &[9]];
    t.transcode(&event(code::SIGNALDELIVER_E, &signal).view(), 0).unwrap();
    assert_eq!(name(&mut t, &openat(3, b"/second\0", 2)), Some(b"/second".to_vec()));
    // It belongs to another section.
    t.transcode(&asked(b"/first\0", 1).view(), 0).unwrap();
    t.start_section();
    assert_eq!(name(&mut t, &openat(3, b"/second\0", 2)), Some(b"/second".to_vec()));
}

#[test]
fn open_and_creat_take_the_name_too() {
    let mut t = Transcoder::new();
    let enter: [&[u8]; 3] = [b"/first\0", &u(1), &u(0)];
    t.transcode(&event(code::SYSCALL_OPEN_E, &enter).view(), 0).unwrap();
    let exit: [&[u8]; 6] = [&i(3), b"/second\0", &u(2), &u(0), &u(1), &9u64.to_le_bytes()];
    look(&mut t, &event(code::SYSCALL_OPEN_X, &exit), |record| {
        assert_eq!(record.text(arg::syscall_open_x::name), Some(&b"/first"[..]));
        assert_eq!(record.int(arg::syscall_open_x::flags), Some(1));
    })
    .unwrap();
    let enter: [&[u8]; 2] = [b"/first\0", &u(0)];
    t.transcode(&event(code::SYSCALL_CREAT_E, &enter).view(), 0).unwrap();
    let exit: [&[u8]; 6] =
        [&i(3), b"/second\0", &u(0o600), &u(1), &9u64.to_le_bytes(), &1u16.to_le_bytes()];
    look(&mut t, &event(code::SYSCALL_CREAT_X, &exit), |record| {
        assert_eq!(record.text(arg::syscall_creat_x::name), Some(&b"/first"[..]));
        assert_eq!(record.int(arg::syscall_creat_x::mode), Some(0o600));
    })
    .unwrap();
}

#[test]
fn a_connect_goes_where_the_kernel_went() {
    use arg::socket_connect_x as a;
    let address = |last: u8| [2, 10, 0, 0, last, 80, 0];
    let tuple = |last: u8| [2, 10, 0, 0, 1, 0, 4, 10, 0, 0, last, 80, 0];
    // Address at entry, read again at exit, and the tuple; then the tuple expected.
    for (asked, read, kernel, expected) in [
        (5, 5, 5, 5),
        // Read again too late: the tuple came from the changed memory.
        (5, 6, 6, 5),
        // The tuple differs from what was read: it came from the socket.
        (5, 6, 7, 7),
        (5, 6, 5, 5),
    ] {
        let mut t = Transcoder::new();
        let enter: [&[u8]; 2] = [&i(3), &address(asked)];
        t.transcode(&event(code::SOCKET_CONNECT_E, &enter).view(), 0).unwrap();
        let exit: [&[u8]; 4] = [&i(0), &tuple(kernel), &i(3), &address(read)];
        look(&mut t, &event(code::SOCKET_CONNECT_X, &exit), |record| {
            assert_eq!(record.bytes(a::tuple), Some(&tuple(expected)[..]));
            assert_eq!(record.bytes(a::addr), Some(&address(read)[..]));
        })
        .unwrap();
    }
    // Without a tuple the address asked for is all there is.
    let mut t = Transcoder::new();
    let enter: [&[u8]; 2] = [&i(3), &address(5)];
    t.transcode(&event(code::SOCKET_CONNECT_E, &enter).view(), 0).unwrap();
    let exit: [&[u8]; 4] = [&i(0), b"", &i(3), b""];
    look(&mut t, &event(code::SOCKET_CONNECT_X, &exit), |record| {
        assert_eq!((record.bytes(a::tuple), record.bytes(a::addr)), (None, Some(&address(5)[..])));
    })
    .unwrap();
}

#[test]
fn the_initial_state_is_not_for_rules() {
    let group: [&[u8]; 3] = [&u(1), b"g\0", b"\0"];
    let group = event(code::GROUP_ADDED_E, &group);
    let close: [&[u8]; 2] = [&i(0), &i(3)];
    let mut close = event(code::SYSCALL_CLOSE_X, &close);
    let mut t = Transcoder::new();
    let shown =
        |t: &mut Transcoder, event: &OwnedEvent| match t.transcode(&event.view(), 0).unwrap() {
            Transcoded::Record { number, is_for_rules, .. } => (number, is_for_rules),
            other => panic!("{other:?}"),
        };
    assert_eq!(shown(&mut t, &group), (1, false));
    assert_eq!(shown(&mut t, &close), (2, true));
    assert_eq!(shown(&mut t, &group), (3, true));
    close.flags = 1;
    assert_eq!(shown(&mut t, &close), (4, false));
    t.start_section();
    assert_eq!(shown(&mut t, &group), (5, false));
}

#[test]
fn an_event_that_no_writer_makes_is_an_error_and_no_more() {
    let mut t = Transcoder::new();
    let three: [&[u8]; 3] = [&i(0), &i(3), &i(3)];
    let error = t.transcode(&event(code::SYSCALL_EXECVE_8_X, &three).view(), 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event SYSCALL_EXECVE_8_X with 3 parameters: no conversion is known"
    );
    assert!(!error.is_fatal());
    let close: [&[u8]; 2] = [&i(0), &i(3)];
    look(&mut t, &event(code::SYSCALL_CLOSE_X, &close), |_| ()).unwrap();
    assert_eq!(t.number(), 1);
}

#[test]
fn parameters_of_the_future_are_ignored() {
    let mut t = Transcoder::new();
    let three: [&[u8]; 3] = [&i(0), &i(3), b"new\0"];
    let fd = look(&mut t, &event(code::SYSCALL_CLOSE_X, &three), |record| {
        record.int(arg::syscall_close_x::fd)
    });
    assert_eq!(fd, Some(Some(3)));
}

#[test]
fn a_lost_enter_event_costs_only_what_it_held() {
    let mut t = Transcoder::new();
    let read: [&[u8]; 2] = [&i(5), &u(100)];
    t.transcode(&event(code::SYSCALL_READ_E, &read).view(), 0).unwrap();
    // The exit of the read and the entry of this close were lost.
    let fd = look(&mut t, &event(code::SYSCALL_CLOSE_X, &[&i(0)]), |record| {
        record.int(arg::syscall_close_x::fd)
    });
    assert_eq!(fd, Some(Some(0)), "the default, as without any enter event");
}
