//! The probe on this kernel: births, execs and exits of real processes.
//!
//! Skipped, with the reason, where BPF programs may not be loaded.

mod rig;

use std::process::Command;
use std::time::{Duration, Instant};

use peregrine_event::{EventCode, Record, arg, code};
use peregrine_probe::ring::Ring;
use peregrine_probe::{Class, Drops, Hook, Options, Probe};
use rig::records;

fn load(options: Options, wanted: &[(usize, u8)]) -> Option<(Probe, Vec<Ring>)> {
    let wanted: Vec<_> = wanted.iter().map(|(nr, kind)| (*nr, *kind, Class::Lifecycle)).collect();
    rig::load(options, &wanted)
}

const CLONES: [(usize, u8); 6] = [(56, 1), (57, 1), (58, 1), (435, 1), (59, 1), (322, 1)];

fn is_clone(code: EventCode) -> bool {
    [
        code::SYSCALL_CLONE_20_X,
        code::SYSCALL_FORK_20_X,
        code::SYSCALL_VFORK_20_X,
        code::SYSCALL_CLONE3_X,
    ]
    .contains(&code)
}

/// Breaks if a child's first record is not its birth, or exec or exit report something wrong.
#[test]
fn a_child_is_born_executes_and_exits() {
    let options = Options {
        rings: 3,
        exclude: None,
        hook: Some(Hook::SysExit),
        measure: true,
        ..Options::default()
    };
    let Some((probe, mut rings)) = load(options, &CLONES) else { return };
    let mut child = Command::new("/bin/sh")
        .args(["-c", "exit 7"])
        .env_clear()
        .env("PEREGRINE_TEST", "42")
        .spawn()
        .expect("a shell starts");
    let pid = child.id();
    child.wait().expect("it ends");
    let all = records(&mut rings, |r| r.code() == code::PROCEXIT_1_E && r.tid() == pid);
    let of_child: Vec<Record<'_>> =
        all.iter().map(|b| Record::parse(b).unwrap()).filter(|r| r.header().tgid == pid).collect();
    let birth = of_child.first().expect("records of the child");
    assert!(is_clone(birth.code()), "first is {:?}", birth.def().name);
    assert!(birth.header().flags.has(peregrine_event::HeaderFlags::BIRTH));
    let births =
        of_child.iter().filter(|r| r.header().flags.has(peregrine_event::HeaderFlags::BIRTH));
    assert_eq!(births.count(), 1);
    {
        use arg::syscall_clone_20_x as a;
        assert_eq!(birth.int(a::res), Some(0));
        assert_eq!(birth.int(a::tid), Some(i64::from(pid)));
        // real_parent is the thread that forked, unless the kernel was told otherwise.
        assert_eq!(birth.int(a::ptid), Some(i64::from(parent_of(&all, pid))));
        assert!(birth.text(a::exe).is_some_and(|exe| !exe.is_empty()));
        assert!(birth.text(a::comm).is_some());
    }

    let exec = of_child
        .iter()
        .find(|r| r.code() == code::SYSCALL_EXECVE_19_X && r.int(0) == Some(0))
        .expect("an exec");
    {
        use arg::syscall_execve_19_x as a;
        assert_eq!(exec.text(a::exe), Some(&b"/bin/sh"[..]));
        assert_eq!(exec.bytes(a::args), Some(&b"-c\0exit 7\0"[..]));
        assert_eq!(exec.bytes(a::env), Some(&b"PEREGRINE_TEST=42\0"[..]));
        assert_eq!(exec.text(a::filename), Some(&b"/bin/sh"[..]));
        assert_eq!(exec.text(a::comm), Some(&b"sh"[..]));
        let real = std::fs::canonicalize("/bin/sh").unwrap();
        assert_eq!(
            exec.text(a::trusted_exepath).map(String::from_utf8_lossy).as_deref(),
            real.to_str()
        );
        use std::os::unix::fs::MetadataExt;
        let meta = std::fs::metadata(&real).unwrap();
        assert_eq!(exec.uint(a::exe_ino), Some(meta.ino()));
        let mtime = meta.mtime() as u64 * 1_000_000_000 + meta.mtime_nsec() as u64;
        assert_eq!(exec.uint(a::exe_ino_mtime), Some(mtime));
        let ctime = meta.ctime() as u64 * 1_000_000_000 + meta.ctime_nsec() as u64;
        assert_eq!(exec.uint(a::exe_ino_ctime), Some(ctime));
        assert_eq!(exec.int(a::pid), Some(i64::from(pid)));
        assert_eq!(exec.uint(a::uid), Some(0));
        let cgroups = exec.bytes(a::cgroups).expect("control groups");
        assert!(cgroups.ends_with(b"\0"));
        for group in cgroups.split(|b| *b == 0).filter(|g| !g.is_empty()) {
            let group = String::from_utf8_lossy(group);
            let (_, path) = group.split_once('=').expect("controller=path");
            assert!(path.starts_with('/'), "{group}");
        }
    }

    let exit = of_child.last().unwrap();
    {
        use arg::procexit_1_e as a;
        assert_eq!(exit.code(), code::PROCEXIT_1_E);
        assert_eq!(exit.int(a::ret), Some(7));
        assert_eq!(exit.int(a::status), Some(7 << 8));
        assert_eq!(exit.uint(a::sig), Some(0));
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos()
        as u64;
    assert!(now.abs_diff(exit.ts()) < 10_000_000_000, "{} is not now", exit.ts());
    assert!(of_child.windows(2).all(|w| w[0].ts() <= w[1].ts()));
    assert_eq!(probe.drops().unwrap(), Drops::default());
    for cost in probe.costs() {
        eprintln!("{:>6} runs {:>7} ns each {}", cost.runs, cost.ns / cost.runs, cost.name);
    }
}

/// The thread that forked `pid`, by its fork marker.
fn parent_of(all: &[Vec<u8>], pid: u32) -> u32 {
    use arg::fork_marker_x as a;
    all.iter()
        .map(|b| Record::parse(b).unwrap())
        .find(|r| r.code() == code::FORK_MARKER_X && r.int(a::child_tid) == Some(i64::from(pid)))
        .expect("a fork marker in the parent's ring")
        .tid()
}

/// Breaks if a reaper is named by one of its threads, which only its own worker could tell the process
/// of: this thread is not the main one.
#[test]
fn a_reaper_is_named_as_a_process() {
    let options = Options { exclude: None, hook: Some(Hook::SysExit), ..Options::default() };
    let Some((_probe, mut rings)) = load(options, &CLONES) else { return };
    // SAFETY: this process takes over orphans, which nothing here minds.
    assert_eq!(unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }, 0);
    // SAFETY: no arguments.
    let own = i64::from(unsafe { libc::gettid() });
    let pid = i64::from(std::process::id());
    assert_ne!(own, pid, "tests run in threads of their own");
    let mut shell = Command::new("/bin/sh").args(["-c", "(sleep 1 &)"]).spawn().expect("a shell");
    shell.wait().expect("it ends");
    let reaper = |r: &Record<'_>| {
        let is_exit = r.code() == code::PROCEXIT_1_E;
        r.int(arg::procexit_1_e::reaper_tid).filter(|_| is_exit)
    };
    let all = records(&mut rings, |r| reaper(r).is_some_and(|tid| tid == pid || tid == own));
    let reapers: Vec<i64> =
        all.iter().filter_map(|bytes| reaper(&Record::parse(bytes).unwrap())).collect();
    assert!(reapers.contains(&pid) && !reapers.contains(&own), "{reapers:?} for {pid} ({own})");
}

/// Breaks if the dump misses this process, its descriptors or what is known of them.
#[test]
fn the_initial_state_knows_this_process() {
    let options = Options { hook: Some(Hook::SysExit), ..Options::default() };
    let Some((probe, _rings)) = load(options, &CLONES) else { return };
    let file = std::fs::File::open("/etc/hostname").or_else(|_| std::fs::File::open("/etc/passwd"));
    let file = file.expect("a file to open");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().unwrap().port();
    let started = Instant::now();
    let mut all = Vec::new();
    let found = probe.initial_state(|bytes| all.push(bytes.to_vec())).expect("a dump");
    eprintln!("{found:?} in {:?}", started.elapsed());
    assert_eq!(found.tasks + found.files, all.len());
    check_dump(&all, &file, port);

    let started = Instant::now();
    let mut all = Vec::new();
    let counts = peregrine_probe::procfs::dump(&mut |bytes: &[u8]| all.push(bytes.to_vec()));
    eprintln!("/proc: {counts:?} in {:?}", started.elapsed());
    check_dump(&all, &file, port);
}

fn check_dump(all: &[Vec<u8>], file: &std::fs::File, port: u16) {
    use std::os::fd::AsRawFd;
    let own = std::process::id();
    let records: Vec<Record<'_>> = all.iter().map(|b| Record::parse(b).unwrap()).collect();
    let mine = |wanted: EventCode| {
        records.iter().filter(move |r| r.header().tgid == own && r.code() == wanted)
    };
    let task = mine(code::ITER_TASK_E).find(|r| r.tid() == own).expect("this process");
    {
        use arg::iter_task_e as a;
        let argv: Vec<String> = std::env::args().collect();
        assert_eq!(task.bytes(a::argv), Some(format!("{}\0", argv.join("\0")).as_bytes()));
        let exe = std::env::current_exe().unwrap();
        let text = |index| task.text(index).map(|t| String::from_utf8_lossy(t).into_owned());
        assert_eq!(text(a::exepath).as_deref(), exe.to_str());
        let cwd = std::env::current_dir().unwrap();
        assert_eq!(text(a::cwd).as_deref(), cwd.to_str());
        assert_eq!(text(a::root).as_deref(), Some("/"));
        assert_eq!(task.int(a::ppid), Some(i64::from(std::os::unix::process::parent_id())));
        assert!(task.bytes(a::env).is_some_and(|env| env.starts_with(b"") && env.ends_with(b"\0")));
        assert!(task.uint(a::start_time_boot).is_some_and(|ns| ns > 0));
    }
    {
        use arg::iter_task_file_regular_e as a;
        let fd = i64::from(file.as_raw_fd());
        let open = mine(code::ITER_TASK_FILE_REGULAR_E).find(|r| r.int(a::fd) == Some(fd));
        let open = open.expect("the open file");
        let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
        let name = open.text(a::path).map(|t| String::from_utf8_lossy(t).into_owned());
        assert_eq!(name.as_deref(), path.to_str());
        // O_RDONLY, O_LARGEFILE, and O_CLOEXEC where it is known: the kernel keeps it elsewhere.
        assert_eq!(open.uint(a::flags).map(|f| f & !0x1800), Some(1));
    }
    use arg::iter_task_file_socket_inet_e as a;
    let socket = mine(code::ITER_TASK_FILE_SOCKET_INET_E)
        .find(|r| r.int(a::local_port) == Some(i64::from(port)))
        .expect("the listening socket");
    assert_eq!(socket.uint(a::local_ip), Some(u64::from(u32::from_le_bytes([127, 0, 0, 1]))));
    assert_eq!(socket.int(a::sk_type), Some(1));
}

/// Breaks if a path is read at the exit of the call, when its caller may have changed it.
#[test]
fn a_path_changed_during_the_call_is_reported_as_it_was() {
    const OPENAT: usize = 257;
    let options = Options { exclude: None, hook: Some(Hook::SysExit), ..Options::default() };
    let Some((probe, mut rings)) = load(options, &[(OPENAT, 1)]) else { return };
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["short".to_owned(), "long-".repeat(40) + &"x".repeat(40)] {
        let mut path = dir.path().join(&name).into_os_string().into_encoded_bytes();
        // Past what an entry of the probe holds in itself.
        while name.len() > 100 && path.len() < 300 {
            path.insert(0, b'/');
        }
        path.push(0);
        let original = path.clone();
        let fifo = std::ffi::CStr::from_bytes_with_nul(&original).unwrap();
        // SAFETY: a NUL-terminated path.
        assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
        let address = path.as_mut_ptr() as usize;
        // Opening a fifo for reading waits for a writer, which gives us time to lie.
        let reader = std::thread::spawn(move || {
            // SAFETY: the path outlives the thread, which is joined below, and keeps its NUL.
            let fd = unsafe { libc::open(address as *const libc::c_char, libc::O_RDONLY) };
            // SAFETY: the descriptor is this thread's own.
            unsafe { libc::close(fd) };
            fd
        });
        std::thread::sleep(Duration::from_millis(50));
        for byte in &mut path[1..10] {
            *byte = b'L';
        }
        let writer = std::fs::OpenOptions::new().write(true).open(std::path::Path::new(
            std::str::from_utf8(&original[..original.len() - 1]).unwrap(),
        ));
        assert!(reader.join().unwrap() >= 0);
        drop(writer);
        use arg::syscall_openat_2_x as a;
        let all = records(&mut rings, |r| {
            r.code() == code::SYSCALL_OPENAT_2_X && r.bytes(a::name) == Some(&original[..])
        });
        let names: Vec<_> = all
            .iter()
            .filter_map(|b| Record::parse(b).unwrap().bytes(a::name).map(<[u8]>::to_vec))
            .collect();
        // Both the reader, whose buffer was changed, and the writer report the original.
        let mut more = records_now(&mut rings);
        more.extend(all);
        let count = more
            .iter()
            .filter(|b| Record::parse(b).unwrap().bytes(a::name) == Some(&original[..]))
            .count();
        assert_eq!(count, 2, "{names:?}");
    }
    assert_eq!(probe.drops().unwrap(), Drops::default());
}

/// What is in the rings now, a moment later.
fn records_now(rings: &mut [Ring]) -> Vec<Vec<u8>> {
    std::thread::sleep(Duration::from_millis(50));
    let mut all = Vec::new();
    for ring in rings {
        ring.drain(usize::MAX, |bytes| all.push(bytes.to_vec()));
    }
    all
}

/// A system call through the ia32 entry.
///
/// # Safety
/// As for the call itself.
#[cfg(target_arch = "x86_64")]
// SAFETY: the caller answers for what the call does with its arguments.
unsafe fn ia32(number: u32, arguments: [u32; 3]) -> i32 {
    let result: u64;
    // SAFETY: int 0x80 keeps all registers but rax, and r8 to r11 on older kernels; rbx is the
    // compiler's, so it is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {first}",
            "int 0x80",
            "xchg rbx, {first}",
            first = inout(reg) u64::from(arguments[0]) => _,
            inout("rax") u64::from(number) => result,
            in("rcx") u64::from(arguments[1]),
            in("rdx") u64::from(arguments[2]),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result as i32
}

/// Breaks if calls of 32-bit programs are lost or reported with the numbers of other calls.
#[test]
#[cfg(target_arch = "x86_64")]
fn ia32_calls_are_reported_as_what_they_are() {
    const LOW: i32 = libc::MAP_32BIT | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    if std::fs::metadata("/proc/sys/abi/vsyscall32").is_err() {
        eprintln!("skipped: this kernel has no ia32 emulation");
        return;
    }
    // open, socket
    let options = Options { exclude: None, hook: Some(Hook::SysExit), ..Options::default() };
    let Some((_probe, mut rings)) = load(options, &[(2, 1), (41, 1)]) else { return };
    // SAFETY: a new private mapping below 4 GiB, where ia32 pointers reach.
    let page = unsafe {
        libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ | libc::PROT_WRITE, LOW, -1, 0)
    };
    assert_ne!(page, libc::MAP_FAILED);
    let name = b"/nonexistent-ia32\0";
    let words = [libc::AF_INET as u32, libc::SOCK_DGRAM as u32, libc::IPPROTO_UDP as u32];
    // SAFETY: both fit the page, which is ours.
    unsafe {
        page.cast::<u8>().copy_from(name.as_ptr(), name.len());
        page.cast::<u8>().add(1024).cast::<u32>().copy_from(words.as_ptr(), words.len());
    }
    let address = page as u32;
    // SAFETY: open of a name in the page; socketcall with its words there.
    let (opened, socket) = unsafe { (ia32(5, [address, 0, 0]), ia32(102, [1, address + 1024, 0])) };
    assert_eq!(opened, -libc::ENOENT);
    let all = records(&mut rings, |r| {
        r.code() == code::SOCKET_SOCKET_X && r.header().tgid == std::process::id()
    });
    // SAFETY: the descriptor was just opened and is used nowhere else.
    unsafe { libc::close(socket) };
    let compat: Vec<Record<'_>> = all
        .iter()
        .map(|b| Record::parse(b).unwrap())
        .filter(|r| r.header().flags.has(peregrine_event::HeaderFlags::COMPAT32))
        .collect();
    assert_eq!(compat.len(), 2, "{all:?}");
    assert_eq!(compat[0].code(), code::SYSCALL_OPEN_X);
    assert_eq!(compat[0].text(arg::syscall_open_x::name), Some(&b"/nonexistent-ia32"[..]));
    assert_eq!(compat[0].int(arg::syscall_open_x::fd), Some(i64::from(opened)));
    assert_eq!(compat[1].int(arg::socket_socket_x::fd), Some(i64::from(socket)));
    assert_eq!(compat[1].int(arg::socket_socket_x::proto), Some(i64::from(libc::IPPROTO_UDP)));
}
