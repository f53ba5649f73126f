//! State lists of every version and byte order, and events of every block type.

use peregrine_capture::{
    Error, FdEntry, FdInfo, FdKind, Interface, InterfaceAddress, Item, OwnedEvent, Reader,
    ThreadEntry, Users,
};
use peregrine_event::{EventCode, code};
use std::io::Cursor;

/// Writes numbers in either byte order.
#[derive(Clone)]
struct Bytes {
    all: Vec<u8>,
    is_big: bool,
}

macro_rules! number {
    ($($name:ident: $ty:ty),*) => {$(
        fn $name(mut self, value: $ty) -> Self {
            let bytes = if self.is_big { value.to_be_bytes() } else { value.to_le_bytes() };
            self.all.extend_from_slice(&bytes);
            self
        }
    )*};
}

impl Bytes {
    number!(u8: u8, u16: u16, u32: u32, u64: u64, i64: i64);

    fn new(is_big: bool) -> Self {
        Self { all: Vec::new(), is_big }
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.all.extend_from_slice(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.u16(text.len() as u16).raw(text.as_bytes())
    }

    fn block(self, kind: u32, body: &Bytes) -> Self {
        let padded = body.all.len().next_multiple_of(4);
        let total = (padded + 12) as u32;
        let padding = vec![0; padded - body.all.len()];
        self.u32(kind).u32(total).raw(&body.all).raw(&padding).u32(total)
    }

    /// An entry behind its length.
    fn entry(self, body: &Bytes, counts_itself: bool) -> Self {
        let len = body.all.len() as u32 + if counts_itself { 4 } else { 0 };
        self.u32(len).raw(&body.all)
    }

    fn section(is_big: bool) -> Self {
        let head = Self::new(is_big).u32(0x1a2b_3c4d).u16(1).u16(2).u64(u64::MAX);
        Self::new(is_big).block(0x0a0d_0d0a, &head)
    }

    /// An event, so that the capture has one.
    fn with_event(self) -> Self {
        let is_big = self.is_big;
        let body = Self::new(is_big).u16(3);
        let body = event(body, 77, 5, code::SYSCALL_CLOSE_X, &[], true);
        self.block(0x216, &body)
    }
}

/// Appends an event; `params` are in the byte order already.
fn event(
    body: Bytes,
    ts: u64,
    tid: u64,
    code: EventCode,
    params: &[&[u8]],
    has_count: bool,
) -> Bytes {
    let wide = code.def().unwrap().flags.has(peregrine_event::EventFlags::LARGE_PAYLOAD);
    let header = if has_count { 26 } else { 22 };
    let width = if wide { 4 } else { 2 };
    let len = header + params.iter().map(|p| p.len() + width).sum::<usize>();
    let mut body = body.u64(ts).u64(tid).u32(len as u32).u16(code.0);
    if has_count {
        body = body.u32(params.len() as u32);
    }
    for param in params {
        body = if wide { body.u32(param.len() as u32) } else { body.u16(param.len() as u16) };
    }
    params.iter().fold(body, |body, param| body.raw(param))
}

#[derive(Default)]
struct Contents {
    threads: Vec<ThreadEntry>,
    fds: Vec<(i64, FdEntry)>,
    users: Users,
    interfaces: Vec<Interface>,
    events: Vec<OwnedEvent>,
    sections: u32,
}

fn read(bytes: Bytes) -> Result<Contents, Error> {
    let mut reader = Reader::new(Cursor::new(bytes.all))?;
    let mut all = Contents::default();
    while let Some(item) = reader.next()? {
        match item {
            Item::Threads(threads) => all.threads.extend(threads),
            Item::Fds { tid, fds } => all.fds.extend(fds.into_iter().map(|fd| (tid, fd))),
            Item::Users(users) => all.users = users,
            Item::Interfaces(interfaces) => all.interfaces = interfaces,
            Item::Event(event) => all.events.push(event.to_owned()),
            Item::Section { .. } => all.sections += 1,
            Item::MachineInfo(_) => {}
        }
    }
    Ok(all)
}

/// A thread as the given version writes it, without the tail of version 9.
fn thread(is_big: bool, version: u8, tid: i64) -> Bytes {
    let mut b = Bytes::new(is_big).i64(tid).i64(2).i64(3);
    if version >= 6 {
        b = b.i64(4);
    }
    if version >= 8 {
        b = b.i64(5);
    }
    b = b.text("comm").text("exe");
    if version >= 7 {
        b = b.text("/bin/exe");
    }
    b = b.text("a\0b").text("/cwd").i64(6).u32(7).u32(8).u32(9);
    if version >= 2 {
        b = b.u32(10).u32(11).u32(12).u64(13).u64(14);
    }
    if version >= 3 {
        b = b.text("K=V\0");
    }
    if version >= 4 {
        b = b.i64(15).i64(16).text("cpu=/x\0");
    }
    if version >= 5 {
        b = b.text("/root");
    }
    b
}

#[test]
fn process_lists_of_every_version() {
    let numbers = [0x202u32, 0x207, 0x209, 0x210, 0x211, 0x212, 0x213, 0x214];
    let legacy = [0x8000_abcdu32, 0x8013_abcd, 0x8014_abcd];
    for is_big in [false, true] {
        for (number, version) in numbers.iter().zip(1u8..).chain(legacy.iter().zip(1u8..)) {
            let two = thread(is_big, version, 1).raw(&thread(is_big, version, 99).all);
            let bytes = Bytes::section(is_big).block(*number, &two).with_event();
            let threads = read(bytes).unwrap().threads;
            let t = ThreadEntry::default();
            let from = |least: u8, value: i64, otherwise: i64| {
                if version >= least { value } else { otherwise }
            };
            let text = |least: u8, value: &str| {
                if version >= least { value.as_bytes().to_vec() } else { Vec::new() }
            };
            let expected = ThreadEntry {
                tid: 1,
                pid: 2,
                ptid: 3,
                sid: from(6, 4, -1),
                vpgid: from(8, 5, -1),
                comm: b"comm".to_vec(),
                exe: b"exe".to_vec(),
                exepath: text(7, "/bin/exe"),
                args: b"a\0b\0".to_vec(),
                cwd: b"/cwd".to_vec(),
                fdlimit: 6,
                flags: 7,
                uid: 8,
                gid: 9,
                vmsize_kb: from(2, 10, 0) as u32,
                vmrss_kb: from(2, 11, 0) as u32,
                vmswap_kb: from(2, 12, 0) as u32,
                pfmajor: from(2, 13, 0) as u64,
                pfminor: from(2, 14, 0) as u64,
                env: text(3, "K=V\0"),
                vtid: from(4, 15, -1),
                vpid: from(4, 16, -1),
                cgroups: text(4, "cpu=/x\0"),
                root: text(5, "/root"),
                ..t
            };
            assert_eq!(threads[0], expected, "version {version}, big-endian {is_big}");
            assert_eq!(threads[1], ThreadEntry { tid: 99, ..expected });
        }
    }
}

#[test]
fn version_nine_has_tails_of_every_length() {
    for is_big in [false, true] {
        let old_tail = Bytes::new(is_big).u32(1001).u8(1).u64(21).u64(22).u64(23);
        let new_tail = Bytes::new(is_big)
            .u64(31)
            .u32(32)
            .u32(1001)
            .u8(1)
            .u64(21)
            .u64(22)
            .u64(23)
            .u8(1)
            .u64(24)
            .u64(25)
            .u64(26)
            .u8(1)
            .u8(1)
            .i64(27)
            .raw(&[0xee; 5]);
        let base = ThreadEntry::default();
        // Before the insertion: the tail may end after any field.
        for (len, count) in [(0, 0), (4, 1), (5, 2), (13, 3), (21, 4), (29, 5)] {
            let body = thread(is_big, 9, 1).raw(&old_tail.all[..len]);
            let list = Bytes::new(is_big).entry(&body, true).entry(&body, true);
            let bytes = Bytes::section(is_big).block(0x215, &list).with_event();
            let threads = read(bytes).unwrap().threads;
            assert_eq!(threads.len(), 2);
            let t = &threads[1];
            assert_eq!(t.root, b"/root");
            assert_eq!((t.tty, t.pidns_init_start_ts), (0, 0));
            assert_eq!(t.loginuid, if count >= 1 { 1001 } else { base.loginuid });
            assert_eq!(t.exe_writable, count >= 2);
            assert_eq!(t.cap_inheritable, if count >= 3 { 21 } else { 0 });
            assert_eq!(t.cap_permitted, if count >= 4 { 22 } else { 0 });
            assert_eq!(t.cap_effective, if count >= 5 { 23 } else { 0 });
        }
        for (len, count) in
            [(41, 0), (42, 1), (50, 2), (58, 3), (66, 4), (67, 5), (68, 6), (76, 7), (81, 7)]
        {
            let body = thread(is_big, 9, 1).raw(&new_tail.all[..len]);
            let list = Bytes::new(is_big).entry(&body, true).entry(&body, true);
            let bytes = Bytes::section(is_big).block(0x215, &list).with_event();
            let threads = read(bytes).unwrap().threads;
            assert_eq!(threads.len(), 2, "{len}");
            let t = &threads[1];
            assert_eq!((t.pidns_init_start_ts, t.tty, t.loginuid), (31, 32, 1001));
            assert!(t.exe_writable);
            assert_eq!((t.cap_inheritable, t.cap_permitted, t.cap_effective), (21, 22, 23));
            assert_eq!(t.exe_upper_layer, count >= 1);
            assert_eq!(t.exe_ino, if count >= 2 { 24 } else { 0 });
            assert_eq!(t.exe_ino_ctime, if count >= 3 { 25 } else { 0 });
            assert_eq!(t.exe_ino_mtime, if count >= 4 { 26 } else { 0 });
            assert_eq!(t.exe_from_memfd, count >= 5);
            assert_eq!(t.exe_lower_layer, count >= 6);
            assert_eq!(t.pgid, if count >= 7 { 27 } else { -1 });
        }
    }
}

fn fd(is_big: bool, fd: i64, kind: u8) -> Bytes {
    Bytes::new(is_big).i64(fd).u64(70).u8(kind)
}

#[test]
fn fd_lists() {
    for is_big in [false, true] {
        for has_len in [false, true] {
            let new = |n, kind| fd(is_big, n, kind);
            let mut bodies = vec![
                new(0, 1).text("/a"),
                new(1, 3).raw(&[1, 2, 3, 4, 5, 6, 7, 8]).u16(80).u16(443).u8(2),
                new(2, 4).raw(&[1; 16]).raw(&[2; 16]).u16(81).u16(444).u8(3),
                new(3, 5).raw(&[9, 8, 7, 6]).u16(22).u8(2),
                new(4, 6).raw(&[3; 16]).u16(23).u8(2),
                new(5, 8).u64(0xabc).u64(0xdef).text("/sock"),
                new(6, 20).text("memfd:x"),
            ];
            let file = new(7, 16).u32(4097).text("/file");
            if has_len {
                bodies.push(file.clone().u32(66));
                bodies.push(new(8, 99).raw(&[1; 13]));
                bodies.push(new(9, 7).text("pipe:[1]").raw(&[0; 3]));
            }
            bodies.push(file);
            let mut list = Bytes::new(is_big).u64(1234);
            for body in &bodies {
                list = if has_len { list.entry(body, true) } else { list.raw(&body.all) };
            }
            let kind = if has_len { 0x218 } else { 0x203 };
            let bytes = Bytes::section(is_big).block(kind, &list).with_event();
            let fds = read(bytes).unwrap().fds;
            assert!(fds.iter().all(|(tid, fd)| *tid == 1234 && fd.ino == 70));
            let infos: Vec<_> = fds.iter().map(|(_, fd)| (fd.kind, fd.info.clone())).collect();
            let file = |dev| {
                let info = FdInfo::File { open_flags: 4097, name: b"/file".to_vec(), dev };
                (FdKind::FileV2, info)
            };
            let mut expected = vec![
                (FdKind::File, FdInfo::Name(b"/a".to_vec())),
                (
                    FdKind::Ipv4Socket,
                    FdInfo::Ipv4 {
                        source: [1, 2, 3, 4],
                        dest: [5, 6, 7, 8],
                        source_port: 80,
                        dest_port: 443,
                        l4: 2,
                    },
                ),
                (
                    FdKind::Ipv6Socket,
                    FdInfo::Ipv6 {
                        source: [1; 16],
                        dest: [2; 16],
                        source_port: 81,
                        dest_port: 444,
                        l4: 3,
                    },
                ),
                (FdKind::Ipv4Server, FdInfo::Ipv4Server { ip: [9, 8, 7, 6], port: 22, l4: 2 }),
                (FdKind::Ipv6Server, FdInfo::Ipv6Server { ip: [3; 16], port: 23, l4: 2 }),
                (
                    FdKind::UnixSocket,
                    FdInfo::Unix { source: 0xabc, dest: 0xdef, name: b"/sock".to_vec() },
                ),
                (FdKind::MemFd, FdInfo::Name(b"memfd:x".to_vec())),
            ];
            if has_len {
                expected.push(file(66));
                let unknown = FdInfo::Name(b"unknown-type:[99]".to_vec());
                expected.push((FdKind::Unsupported, unknown));
                expected.push((FdKind::Fifo, FdInfo::Name(b"pipe:[1]".to_vec())));
            }
            expected.push(file(0));
            assert_eq!(infos, expected, "big-endian {is_big}, length {has_len}");
        }
    }
}

#[test]
fn users_and_interfaces() {
    for is_big in [false, true] {
        for has_len in [false, true] {
            let user =
                Bytes::new(is_big).u8(0).u32(5).u32(6).text("me").text("/home/me").text("/bin/sh");
            let group = Bytes::new(is_big).u8(1).u32(7).text("us");
            let v4 = Bytes::new(is_big).u16(1).u16(2).raw(&[1; 4]).raw(&[2; 4]).raw(&[3; 4]);
            let v4 = v4.u64(1000).raw(b"lo");
            let v6 = Bytes::new(is_big).u16(4).u16(4).raw(&[1; 16]).raw(&[2; 16]).raw(&[3; 16]);
            let v6 = v6.raw(b"eth0");
            let mut users = Bytes::new(is_big);
            let mut interfaces = Bytes::new(is_big);
            for body in [&user, &group, &user] {
                users = if has_len { users.entry(body, true) } else { users.raw(&body.all) };
            }
            for body in [&v4, &v6] {
                interfaces =
                    if has_len { interfaces.entry(body, false) } else { interfaces.raw(&body.all) };
            }
            let kinds = if has_len { [0x220, 0x219] } else { [0x206, 0x205] };
            let bytes = Bytes::section(is_big)
                .block(kinds[0], &users)
                .block(kinds[1], &interfaces)
                .with_event();
            let all = read(bytes).unwrap();
            assert_eq!((all.users.users.len(), all.users.groups.len()), (2, 1));
            assert_eq!(all.users.users[1].shell, b"/bin/sh");
            assert_eq!((all.users.users[0].uid, all.users.groups[0].gid), (5, 7));
            assert_eq!(all.interfaces[0].link_speed, 1000);
            assert_eq!(all.interfaces[0].name, b"lo");
            let InterfaceAddress::V6 { broadcast, .. } = all.interfaces[1].address else {
                panic!("not v6");
            };
            assert_eq!((broadcast, all.interfaces[1].link_speed), ([3; 16], 0));
            assert_eq!(all.interfaces[1].name, b"eth0");
        }
    }
}

#[test]
fn events_of_every_block_type_and_byte_order() {
    for is_big in [false, true] {
        let n = || Bytes::new(is_big);
        let fd = n().i64(-5).all;
        let flags = n().u32(0x1001).all;
        let openat: Vec<&[u8]> = vec![&fd, &fd, b"/etc/x\0", &flags];
        let tuple = n().u8(2).raw(&[10, 0, 0, 1]).u16(8080).raw(&[10, 0, 0, 2]).u16(443).all;
        let unix = n().u8(1).u64(0x1122).u64(0x3344).raw(b"/s\0").all;
        let addr = n().u8(10).raw(&[7; 16]).u16(53).all;
        let polled = n().u16(2).i64(3).u16(1).i64(4).u16(5).all;
        let events: Vec<(EventCode, Vec<&[u8]>)> = vec![
            (code::SYSCALL_OPENAT_2_X, openat),
            (code::SOCKET_CONNECT_X, vec![&fd, &tuple, &fd, &addr]),
            (code::SOCKET_CONNECT_X, vec![&fd, &unix]),
            (code::SYSCALL_POLL_X, vec![&fd, &polled]),
            (code::SYSCALL_CLOSE_X, vec![]),
        ];
        for (kind, has_flags, has_count) in [
            (0x204u32, false, false),
            (0x8010_abcd, false, false),
            (0x208, true, false),
            (0x216, false, true),
            (0x217, true, true),
            (0x221, false, true),
            (0x222, true, true),
        ] {
            let mut bytes = Bytes::section(is_big);
            for (index, (code, params)) in events.iter().enumerate() {
                let mut body = n().u16(9);
                if has_flags {
                    body = body.u32(1);
                }
                body = event(body, 1 << 40 | index as u64, 4321, *code, params, has_count);
                // pcapng options behind the event, such as a comment.
                body = body.u16(1).u16(4).raw(b"note").u32(0);
                bytes = bytes.block(kind, &body);
            }
            // An event of the future is skipped.
            let future = n().u16(0).u64(1).u64(1).u32(26).u16(454).u32(0);
            bytes = bytes.block(0x216, &future).block(0x99, &n().u32(5));
            let all = read(bytes).unwrap().events;
            assert_eq!(all.len(), events.len(), "{kind:#x}");
            for (index, (event, (code, params))) in all.iter().zip(&events).enumerate() {
                let event = event.view();
                assert_eq!(event.code, *code);
                assert_eq!((event.ts, event.tid), (1 << 40 | index as u64, 4321));
                assert_eq!((event.cpu, event.flags), (9, u32::from(has_flags)));
                assert_eq!(event.param_count(), params.len(), "{kind:#x} {code:?}");
            }
            let little = |bytes: Bytes| bytes.all;
            let l = || Bytes::new(false);
            let openat = all[0].view();
            assert_eq!(openat.param(0), Some(&little(l().i64(-5))[..]));
            assert_eq!(openat.param(2), Some(&b"/etc/x\0"[..]));
            assert_eq!(openat.param(3), Some(&little(l().u32(0x1001))[..]));
            let expected = l().u8(2).raw(&[10, 0, 0, 1]).u16(8080).raw(&[10, 0, 0, 2]).u16(443);
            assert_eq!(all[1].view().param(1), Some(&expected.all[..]));
            let expected = l().u8(10).raw(&[7; 16]).u16(53);
            assert_eq!(all[1].view().param(3), Some(&expected.all[..]));
            let expected = l().u8(1).u64(0x1122).u64(0x3344).raw(b"/s\0");
            assert_eq!(all[2].view().param(1), Some(&expected.all[..]));
            let expected = l().u16(2).i64(3).u16(1).i64(4).u16(5);
            assert_eq!(all[3].view().param(1), Some(&expected.all[..]));
        }
    }
}

#[test]
fn sections_one_after_the_other() {
    let list = thread(false, 5, 1);
    let one = Bytes::section(false).block(0x211, &list).with_event();
    let list = thread(true, 5, 2);
    let two = Bytes::section(true).block(0x211, &list).with_event().with_event();
    let all = read(Bytes::new(false).raw(&one.all).raw(&two.all)).unwrap();
    assert_eq!((all.sections, all.threads.len(), all.events.len()), (2, 2, 3));
    assert!(all.events.iter().all(|event| event.ts == 77 && event.tid == 5 && event.cpu == 3));
}

#[test]
fn a_damaged_list_costs_only_itself() {
    // The second thread claims more than there is.
    let good = thread(false, 9, 1);
    let list = Bytes::new(false).entry(&good, true).u32(5000).raw(&good.all);
    let bytes = Bytes::section(false).block(0x215, &list).with_event();
    let mut reader = Reader::new(Cursor::new(bytes.all)).unwrap();
    assert!(matches!(reader.next(), Ok(Some(Item::Section { index: 0 }))));
    assert!(matches!(reader.next(), Ok(Some(Item::Threads(list))) if list.len() == 1));
    let error = reader.next().unwrap_err();
    assert_eq!(
        error.to_string(),
        "process list block (0x215) at offset 28: an entry reaches beyond its end"
    );
    assert!(!error.is_fatal());
    assert!(matches!(reader.next(), Ok(Some(Item::Event(_)))));
    assert!(matches!(reader.next(), Ok(None)));
}

#[test]
fn unsupported_sections_are_refused() {
    let head = Bytes::new(false).u32(0x1a2b_3c4d).u16(2).u16(0).u64(u64::MAX);
    let error = read(Bytes::new(false).block(0x0a0d_0d0a, &head)).err().unwrap();
    assert_eq!(
        error.to_string(),
        "section header (0xa0d0d0a) at offset 0: its format version 2 is not supported"
    );
    let head = Bytes::new(false).u32(0x1234_5678).u16(1).u16(0).u64(u64::MAX);
    assert!(read(Bytes::new(false).block(0x0a0d_0d0a, &head)).err().unwrap().is_fatal());
}

/// The fuzzer starts from these; they hold no damage.
#[test]
fn fuzz_seeds_are_whole() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/reader");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let all = std::fs::read(&path).unwrap();
        let contents = read(Bytes { all, is_big: false });
        let contents = contents.unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(!contents.events.is_empty(), "{}", path.display());
    }
}
