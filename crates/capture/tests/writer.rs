//! What is written reads back as what it was.

mod support;

use peregrine_capture::{
    CaptureState, FdEntry, FdInfo, FdKind, Group, Interface, InterfaceAddress, Item, MachineInfo,
    OwnedEvent, Reader, RotatingWriter, Rotation, ThreadEntry, Transcoded, Transcoder, User, Users,
    Writer, WriterOptions, convert_file,
};
use peregrine_event::record::Param;
use peregrine_event::table::EVENTS;
use peregrine_event::types::Width;
use peregrine_event::{EventCode, Record, RecordBuilder, event::EventFlags};
use proptest::prelude::*;
use std::io::Cursor;

/// Everything in a capture; events lose their offsets.
#[derive(Debug, Default, PartialEq, Clone)]
struct Contents {
    sections: u32,
    machine: Vec<MachineInfo>,
    threads: Vec<ThreadEntry>,
    fds: Vec<(i64, FdEntry)>,
    users: Vec<Users>,
    interfaces: Vec<Vec<Interface>>,
    events: Vec<OwnedEvent>,
}

fn read(bytes: Vec<u8>) -> Contents {
    let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
    let mut all = Contents::default();
    while let Some(item) = reader.next().unwrap() {
        match item {
            Item::Section { .. } => all.sections += 1,
            Item::MachineInfo(info) => all.machine.push(info),
            Item::Threads(threads) => all.threads.extend(threads),
            Item::Fds { tid, fds } => all.fds.extend(fds.into_iter().map(|fd| (tid, fd))),
            Item::Users(users) => all.users.push(users),
            Item::Interfaces(interfaces) => all.interfaces.push(interfaces),
            Item::Event(event) => all.events.push(event.to_owned()),
        }
    }
    all
}

fn write(contents: &Contents, options: WriterOptions) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), options).unwrap();
    for _ in 1..contents.sections {
        writer.section().unwrap();
    }
    contents.machine.iter().for_each(|info| writer.machine_info(info).unwrap());
    contents.interfaces.iter().for_each(|list| writer.interfaces(list).unwrap());
    contents.users.iter().for_each(|list| writer.users(list).unwrap());
    writer.threads(&contents.threads).unwrap();
    for group in contents.fds.chunk_by(|a, b| a.0 == b.0) {
        let fds: Vec<FdEntry> = group.iter().map(|(_, fd)| fd.clone()).collect();
        writer.fds(group[0].0, &fds).unwrap();
    }
    contents.events.iter().for_each(|event| writer.event(&event.view()).unwrap());
    writer.finish().unwrap()
}

#[test]
fn captures_survive_a_round_trip() {
    for path in support::captures() {
        let bytes = support::unpacked(&path);
        if bytes.len() > 32 << 20 {
            continue;
        }
        let first = read(bytes);
        for gzip in [false, true] {
            let written = write(&first, WriterOptions { gzip });
            assert_eq!(written.starts_with(&[0x1f, 0x8b]), gzip);
            let again = read(written);
            assert!(first == again, "{}", path.display());
        }
    }
}

/// A record in one form, wherever its parameters lie.
fn encoded(record: &Record<'_>) -> Vec<u8> {
    let mut builder = RecordBuilder::new();
    let param = |index| match (record.int(index), record.bytes(index)) {
        (Some(value), _) => Param::Int(value),
        (_, Some(bytes)) => Param::Bytes(bytes),
        _ => Param::Absent,
    };
    builder.build_with(*record.header(), record.def().params.len(), param).unwrap().to_vec()
}

/// Records of a capture, for rules and for the state.
fn records(bytes: Vec<u8>) -> Vec<Vec<u8>> {
    let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
    let mut transcoder = Transcoder::new();
    let mut all = Vec::new();
    while let Some(item) = reader.next().unwrap() {
        let Item::Event(event) = item else { continue };
        if let Transcoded::Record { record, .. } = transcoder.transcode(&event, 0).unwrap() {
            all.push(encoded(&record));
        }
    }
    all
}

#[test]
fn records_survive_a_round_trip() {
    for path in support::captures() {
        let bytes = support::unpacked(&path);
        if bytes.len() > 32 << 20 {
            continue;
        }
        let first = records(bytes);
        let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
        for record in &first {
            writer.record(&Record::parse(record).unwrap(), 0).unwrap();
        }
        let again = records(writer.finish().unwrap());
        assert_eq!(first.len(), again.len(), "{}", path.display());
        for (a, b) in first.iter().zip(&again) {
            assert!(a == b, "{}:\n{a:?}\n{b:?}", path.display());
        }
    }
}

#[test]
fn converted_files_hold_the_same_events() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.scap");
    for path in support::captures() {
        let bytes = support::unpacked(&path);
        if bytes.len() > 32 << 20 {
            continue;
        }
        let options = WriterOptions { gzip: true };
        let summary = convert_file(&path, &output, options, |e| panic!("{e}")).unwrap();
        assert_eq!(summary.read, summary.written + summary.folded);
        assert_eq!(records(bytes), records(support::unpacked(&output)), "{}", path.display());
    }
    // A converted file has nothing left to convert.
    if output.exists() {
        let second = folder.path().join("again.scap");
        let summary = convert_file(&output, &second, WriterOptions::default(), |_| {}).unwrap();
        assert_eq!(summary.folded, 0);
        assert!(convert_file(&second, &second, WriterOptions::default(), |_| {}).is_err());
    }
}

#[test]
fn files_rotate_by_size_and_time() {
    use peregrine_event::{Header, HeaderFlags, code};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.scap");
    let state = CaptureState {
        machine: MachineInfo { num_cpus: 2, ..MachineInfo::default() },
        threads: vec![ThreadEntry { tid: 7, ..ThreadEntry::default() }],
        ..CaptureState::default()
    };
    for (rotation, files) in [
        (Rotation { max_bytes: Some(2000), ..Rotation::default() }, 3..5),
        (Rotation { max_ns: Some(9), ..Rotation::default() }, 10..11),
        (Rotation { max_ns: Some(9), keep: Some(3), ..Rotation::default() }, 3..4),
        (Rotation::default(), 1..2),
    ] {
        let options = WriterOptions { gzip: false };
        let mut writer = RotatingWriter::create(&path, options, rotation, &state).unwrap();
        let mut builder = RecordBuilder::new();
        for ts in 0..100 {
            let flags = HeaderFlags::default();
            let code = code::SYSCALL_CLOSE_X;
            let header = Header { ts, tid: 7, tgid: 7, len: 0, flags, code, cpu: 1 };
            let bytes = builder.build(header, &[Param::Int(0), Param::Int(3)]).unwrap();
            let record = Record::parse(bytes).unwrap();
            writer.record(&record, 0).unwrap();
            if writer.is_full() && ts < 99 {
                writer.rotate(&state).unwrap();
            }
        }
        let paths: Vec<_> = writer.files().map(|path| path.to_owned()).collect();
        assert_eq!((writer.events(), rotation.has_limit()), (100, paths[0] != path));
        writer.finish().unwrap();
        assert!(files.contains(&paths.len()), "{rotation:?}: {} files", paths.len());
        let mut ts = Vec::new();
        for path in &paths {
            let contents = read(std::fs::read(path).unwrap());
            assert_eq!(contents.machine, std::slice::from_ref(&state.machine));
            assert_eq!(contents.threads, state.threads);
            ts.extend(contents.events.iter().map(|event| event.ts));
        }
        assert_eq!(ts.last(), Some(&99));
        assert!(ts.windows(2).all(|w| w[0] + 1 == w[1]), "{ts:?}");
        assert!(rotation.keep.is_some() || ts.len() == 100);
    }
}

#[test]
fn large_values_take_large_blocks() {
    use peregrine_event::{Header, HeaderFlags, arg, code};
    let text = vec![b'a'; 70_000];
    let mut params = [Param::Absent; 32];
    params[0] = Param::Int(0);
    params[arg::syscall_execve_19_x::args] = Param::Bytes(&text);
    params[arg::syscall_execve_19_x::env] = Param::Bytes(&text[..60_000]);
    let flags = HeaderFlags::default();
    let code = code::SYSCALL_EXECVE_19_X;
    let header = Header { ts: 1, tid: 2, tgid: 2, len: 0, flags, code, cpu: 0 };
    let mut builder = RecordBuilder::new();
    let count = code.def().unwrap().falco_params;
    let bytes = builder.build(header, &params[..count]).unwrap();
    for flags in [0, 1] {
        let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
        writer.record(&Record::parse(bytes).unwrap(), flags).unwrap();
        let contents = read(writer.finish().unwrap());
        let event = contents.events[0].view();
        assert_eq!(event.flags, flags);
        // A length in the file has 16 bits: the value is cut there.
        assert_eq!(event.param(arg::syscall_execve_19_x::args).unwrap().len(), 65_535);
        assert_eq!(event.param(arg::syscall_execve_19_x::env).unwrap().len(), 60_000);
    }
}

#[test]
fn own_events_are_refused_and_others_go_on() {
    use peregrine_event::{Header, HeaderFlags, code};
    let mut builder = RecordBuilder::new();
    let flags = HeaderFlags::default();
    let code = code::FORK_MARKER_X;
    let header = Header { ts: 1, tid: 2, tgid: 2, len: 0, flags, code, cpu: 0 };
    let bytes = builder.build(header, &[]).unwrap();
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    let error = writer.record(&Record::parse(bytes).unwrap(), 0).unwrap_err();
    assert!(!error.is_fatal());
    writer.event(&OwnedEvent::new(1, 2, code::SYSCALL_CLOSE_X).view()).unwrap();
    assert_eq!(read(writer.finish().unwrap()).events.len(), 1);
}

/// A reader makes nothing of an empty list, so one that would be empty is not written.
#[test]
fn a_list_without_an_entry_that_fits_is_not_written() {
    let fd = FdEntry { fd: 3, ino: 0, kind: FdKind::Unknown, info: FdInfo::None };
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    let before = writer.bytes();
    writer.fds(7, &[fd]).unwrap();
    assert_eq!(writer.bytes(), before);
}

fn name(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1u8.., 0..limit)
}

fn strings(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(name(40), 0..8).prop_map(move |all| {
        let mut bytes: Vec<u8> = all.into_iter().flat_map(|s| [&s[..], &[0]].concat()).collect();
        bytes.truncate(limit);
        if bytes.last().is_some_and(|b| *b != 0) {
            bytes.push(0);
        }
        bytes
    })
}

prop_compose! {
    fn thread()(
        ids in any::<[i64; 9]>(),
        texts in (name(16), name(64), name(64), name(64), name(64)),
        args in strings(300), env in strings(300), cgroups in strings(300),
        words in any::<[u32; 8]>(),
        longs in any::<[u64; 9]>(),
        flags in any::<[bool; 4]>(),
    ) -> ThreadEntry {
        let (comm, exe, exepath, cwd, root) = texts;
        ThreadEntry {
            tid: ids[0], pid: ids[1], ptid: ids[2], sid: ids[3], vpgid: ids[4], pgid: ids[5],
            vtid: ids[6], vpid: ids[7], fdlimit: ids[8],
            comm, exe, exepath, cwd, root, args, env, cgroups,
            flags: words[0], uid: words[1], gid: words[2], vmsize_kb: words[3],
            vmrss_kb: words[4], vmswap_kb: words[5], tty: words[6], loginuid: words[7],
            pfmajor: longs[0], pfminor: longs[1], pidns_init_start_ts: longs[2],
            cap_inheritable: longs[3], cap_permitted: longs[4], cap_effective: longs[5],
            exe_ino: longs[6], exe_ino_ctime: longs[7], exe_ino_mtime: longs[8],
            exe_writable: flags[0], exe_upper_layer: flags[1], exe_from_memfd: flags[2],
            exe_lower_layer: flags[3],
        }
    }
}

fn fd() -> impl Strategy<Value = FdEntry> {
    let info = prop_oneof![
        (any::<u32>(), name(80), any::<u32>()).prop_map(|(open_flags, name, dev)| {
            (FdKind::FileV2, FdInfo::File { open_flags, name, dev })
        }),
        (any::<[u8; 4]>(), any::<[u8; 4]>(), any::<(u16, u16, u8)>()).prop_map(
            |(source, dest, (source_port, dest_port, l4))| {
                let info = FdInfo::Ipv4 { source, dest, source_port, dest_port, l4 };
                (FdKind::Ipv4Socket, info)
            }
        ),
        (any::<[u8; 16]>(), any::<[u8; 16]>(), any::<(u16, u16, u8)>()).prop_map(
            |(source, dest, (source_port, dest_port, l4))| {
                let info = FdInfo::Ipv6 { source, dest, source_port, dest_port, l4 };
                (FdKind::Ipv6Socket, info)
            }
        ),
        any::<([u8; 4], u16, u8)>()
            .prop_map(|(ip, port, l4)| (FdKind::Ipv4Server, FdInfo::Ipv4Server { ip, port, l4 })),
        any::<([u8; 16], u16, u8)>()
            .prop_map(|(ip, port, l4)| (FdKind::Ipv6Server, FdInfo::Ipv6Server { ip, port, l4 })),
        (any::<u64>(), any::<u64>(), name(100)).prop_map(|(source, dest, name)| {
            (FdKind::UnixSocket, FdInfo::Unix { source, dest, name })
        }),
        (7u8..22, name(80)).prop_filter_map("kinds with only a name", |(number, name)| {
            let kind = FdKind::from_number(number)?;
            let named = !matches!(kind, FdKind::UnixSocket | FdKind::FileV2);
            named.then_some((kind, FdInfo::Name(name)))
        }),
    ];
    (any::<i64>(), any::<u64>(), info).prop_map(|(fd, ino, (kind, info))| FdEntry {
        fd,
        ino,
        kind,
        info,
    })
}

/// An event of any type, with values of the right widths.
fn event() -> impl Strategy<Value = OwnedEvent> {
    let head = (any::<u64>(), any::<u32>(), any::<u16>(), 0u32..3, 0..454u16);
    (head, prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 32), 0..=32usize)
        .prop_map(|((ts, tid, cpu, flags, code), values, count)| {
            let code = EventCode(code);
            let def = code.def().unwrap();
            let mut event = OwnedEvent::new(ts, u64::from(tid), code);
            (event.cpu, event.flags) = (cpu, flags);
            for (value, param) in values.iter().zip(def.falco()).take(count) {
                let mut value = value.clone();
                if let Width::Fixed(width) = param.ty.scap_width()
                    && !value.is_empty()
                {
                    value.resize(width as usize, 0);
                }
                event.push(&value);
            }
            event
        })
}

fn users() -> impl Strategy<Value = Users> {
    let user = (any::<(u32, u32)>(), name(30), name(30), name(30))
        .prop_map(|(ids, name, home, shell)| User { uid: ids.0, gid: ids.1, name, home, shell });
    let group = (any::<u32>(), name(30)).prop_map(|(gid, name)| Group { gid, name });
    (prop::collection::vec(user, 0..5), prop::collection::vec(group, 0..5))
        .prop_map(|(users, groups)| Users { users, groups })
}

fn interface() -> impl Strategy<Value = Interface> {
    let address = prop_oneof![
        any::<[[u8; 4]; 3]>().prop_map(|[address, mask, broadcast]| {
            InterfaceAddress::V4 { address, mask, broadcast }
        }),
        any::<[[u8; 16]; 3]>().prop_map(|[address, mask, broadcast]| {
            InterfaceAddress::V6 { address, mask, broadcast }
        }),
    ];
    (name(20), address, any::<u64>()).prop_map(|(name, address, link_speed)| Interface {
        name,
        address,
        link_speed,
    })
}

prop_compose! {
    fn contents()(
        sections in 1u32..3,
        machine in any::<(u32, u64, u64, u64, u64)>(),
        hostname in name(128),
        threads in prop::collection::vec(thread(), 0..6),
        fds in prop::collection::vec((0i64..4, fd()), 0..12),
        users in users(),
        interfaces in prop::collection::vec(interface(), 0..4),
        events in prop::collection::vec(event(), 1..20),
    ) -> Contents {
        let machine = MachineInfo {
            num_cpus: machine.0, memory_bytes: machine.1, max_pid: machine.2,
            hostname, boot_ts: machine.3, flags: machine.4,
        };
        Contents {
            sections, machine: vec![machine], threads, fds, users: vec![users],
            interfaces: vec![interfaces], events,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn anything_survives_a_round_trip(contents in contents(), gzip: bool) {
        let again = read(write(&contents, WriterOptions { gzip }));
        prop_assert_eq!(again, contents);
    }

    /// An event of a current type becomes a record and the record becomes the event again.
    #[test]
    fn events_survive_the_record(event in event()) {
        let def = event.code.def().unwrap();
        prop_assume!(def.is_live() && !event.code.is_enter());
        let mut full = OwnedEvent::new(event.ts, event.tid, event.code);
        for index in 0..def.falco_params {
            full.push(event.view().param(index).unwrap_or_default());
        }
        let mut transcoder = Transcoder::new();
        let raw = full.view();
        let Transcoded::Record { record, .. } = transcoder.transcode(&raw, 0).unwrap() else {
            panic!("{} is dropped", def.constant);
        };
        let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
        writer.record(&record, 0).unwrap();
        let again = read(writer.finish().unwrap());
        let mine = again.events[0].view();
        prop_assert_eq!(mine.tid as u32, full.tid as u32);
        for index in 0..def.falco_params {
            prop_assert_eq!(mine.param(index), raw.param(index), "{}.{}", def.constant, index);
        }
    }
}

#[test]
fn large_events_of_every_size_survive() {
    let def = EVENTS.iter().find(|def| def.flags.has(EventFlags::LARGE_PAYLOAD)).unwrap();
    for size in [0, 1, 65_000, 65_535, 65_536, 300_000, 5_000_000] {
        let mut event = OwnedEvent::new(1, u64::MAX, def.code);
        for param in def.falco() {
            match param.ty.scap_width() {
                Width::Fixed(width) => event.push(&vec![7; width as usize]),
                Width::Variable => event.push(&vec![7; size]),
            }
        }
        let contents = Contents { sections: 1, events: vec![event], ..Contents::default() };
        assert!(read(write(&contents, WriterOptions::default())) == contents, "{size}");
    }
}
