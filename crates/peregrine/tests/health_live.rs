//! `/healthz` fails when the kernel does not run our programs any more.

mod live;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use live::Engine;

/// Long enough for any machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn healthz(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}

fn wait_until(what: &str, port: u16, fits: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = healthz(port).unwrap_or_default();
        if fits(&answer) {
            return answer;
        }
        assert!(Instant::now() < end, "{what}: {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Closes a descriptor of another process, as a debugger does: the process itself makes the call.
#[cfg(target_arch = "x86_64")]
fn close_in(pid: u32, fd: u64) -> nix::Result<()> {
    use nix::libc::SYS_close;
    use nix::sys::{ptrace, wait::waitpid};
    let pid = nix::unistd::Pid::from_raw(pid as i32);
    ptrace::attach(pid)?;
    waitpid(pid, None)?;
    let before = ptrace::getregs(pid)?;
    // It stopped in a call or, rarely, between two instructions; the system call instruction of
    // the first is just behind it.
    let mut call = before;
    call.rip -= 2;
    let is_syscall = ptrace::read(pid, call.rip as ptrace::AddressType)? & 0xffff == 0x050f;
    if !is_syscall {
        ptrace::detach(pid, None)?;
        return Err(nix::errno::Errno::EAGAIN);
    }
    (call.rax, call.rdi) = (SYS_close as u64, fd);
    // Else the kernel would make the interrupted call again, instead of ours.
    call.orig_rax = u64::MAX;
    ptrace::setregs(pid, call)?;
    ptrace::step(pid, None)?;
    waitpid(pid, None)?;
    let result = ptrace::getregs(pid)?.rax as i64;
    ptrace::setregs(pid, before)?;
    ptrace::detach(pid, None)?;
    nix::errno::Errno::result(if result < 0 { -1 } else { 0 }).map(drop)
}

/// The kernel offers no way to detach a tracing link of another process (see the probe's own
/// test); whoever may debug the process can close its descriptor.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_detached_program_is_told() {
    if live::skip_reason().is_some() {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let engine = Engine::start(&["--metrics", &format!("127.0.0.1:{port}")]);
    wait_until("healthy", port, |answer| answer.contains("200 OK") && answer.contains("\"ok\""));

    let fdinfo = format!("/proc/{}/fdinfo", engine.pid());
    let link = std::fs::read_dir(&fdinfo).unwrap().map(|fd| fd.unwrap().path()).find(|path| {
        std::fs::read_to_string(path)
            .is_ok_and(|text| text.contains("tp_name:\tsched_process_exec"))
    });
    let link = link.expect("the probe has a link to the tracepoint");
    let number: u64 = link.file_name().unwrap().to_str().unwrap().parse().unwrap();
    let mut tries = 0;
    while let Err(error) = close_in(engine.pid(), number) {
        tries += 1;
        let is_refused = matches!(error, nix::errno::Errno::EPERM | nix::errno::Errno::ESRCH);
        if is_refused {
            eprintln!("skipped: no process may be debugged here: {error}");
            return;
        }
        assert!(tries < 100, "{error}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let answer = wait_until("unhealthy", port, |answer| answer.contains("503"));
    assert!(answer.contains("1 of the probe's") && answer.contains("detached"), "{answer}");
    // It goes on with what it has.
    let outcome = engine.stop();
    assert!(outcome.status.success(), "{}", outcome.log);
}
