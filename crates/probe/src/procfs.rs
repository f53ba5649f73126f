//! The initial state from `/proc`, for kernels without the iterators.
//!
//! The same records as `bpf/dump_task.bpf.h` and `bpf/dump_file.bpf.h` write, as far as `/proc`
//! tells: not the overlay layer and writability of the executable. Sockets are looked up in the
//! tables of the network namespace of their process.

mod sockets;
mod text;

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use peregrine_event::record::Param;
use peregrine_event::{EventCode, Header, HeaderFlags, RecordBuilder, code};

use crate::ProbeError;
use sockets::{Namespace, Socket};
use text::{Stat, Status, portable_open_flags};

/// Reads all of `/proc`. Returns the numbers of threads and of files. A process that ends
/// meanwhile is left out.
///
/// # Errors
/// If `/proc` itself cannot be read.
pub fn dump(each: &mut impl FnMut(&[u8])) -> Result<(usize, usize), ProbeError> {
    let mut tgids: Vec<u32> = fs::read_dir("/proc")
        .map_err(|error| ProbeError::kernel("read /proc", error))?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    tgids.sort_unstable();
    let mut out = Writer { builder: RecordBuilder::new(), each, count: 0 };
    for tgid in &tgids {
        dump_process(*tgid, None, &mut out);
    }
    let tasks = std::mem::take(&mut out.count);
    let mut namespaces = HashMap::new();
    for tgid in &tgids {
        dump_files(*tgid, None, &mut namespaces, &mut out);
    }
    Ok((tasks, out.count))
}

/// The record of one thread and, if it is a main thread, the records of its open files. Returns
/// their number: 0 if there is no such thread, or it is one of the kernel's.
pub fn thread(tid: u32, each: &mut impl FnMut(&[u8])) -> usize {
    // Threads have a directory too, though it is not listed.
    let status = fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let Some(tgid) = text::tgid(&status) else { return 0 };
    let mut out = Writer { builder: RecordBuilder::new(), each, count: 0 };
    dump_process(tgid, Some(tid), &mut out);
    if out.count > 0 && tgid == tid {
        dump_files(tgid, None, &mut HashMap::new(), &mut out);
    }
    out.count
}

/// The record of one open file of a process. Returns the number of records, 0 or 1. For a socket
/// this reads the tables of its network namespace.
pub fn file(tgid: u32, fd: i32, each: &mut impl FnMut(&[u8])) -> usize {
    let mut out = Writer { builder: RecordBuilder::new(), each, count: 0 };
    dump_files(tgid, Some(fd), &mut HashMap::new(), &mut out);
    out.count
}

struct Writer<'a, F> {
    builder: RecordBuilder,
    each: &'a mut F,
    count: usize,
}

impl<F: FnMut(&[u8])> Writer<'_, F> {
    fn write(&mut self, code: EventCode, tid: u32, tgid: u32, params: &[Param<'_>]) {
        let flags = HeaderFlags::default();
        let header = Header { ts: now_ns(), tid, tgid, len: 0, flags, code, cpu: 0 };
        if let Ok(bytes) = self.builder.build(header, params) {
            (self.each)(bytes);
            self.count += 1;
        }
    }
}

fn now_ns() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

/// A link's target with a NUL behind it; empty if it cannot be read.
fn link(path: &Path) -> Vec<u8> {
    let Ok(target) = fs::read_link(path) else { return Vec::new() };
    let mut bytes = target.as_os_str().as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// A file of strings, ended by a NUL unless it is empty, at most what one parameter holds.
fn strings(path: &Path) -> Vec<u8> {
    const MOST: usize = 8 << 10;
    let mut bytes = fs::read(path).unwrap_or_default();
    bytes.truncate(MOST);
    if bytes.last().is_some_and(|last| *last != 0) {
        bytes.truncate(MOST - 1);
        bytes.push(0);
    }
    bytes
}

/// All threads of a process, or one of them.
fn dump_process<F: FnMut(&[u8])>(tgid: u32, only: Option<u32>, out: &mut Writer<'_, F>) {
    let dir = format!("/proc/{tgid}");
    let dir = Path::new(&dir);
    // Kernel threads have no executable.
    let exe = link(&dir.join("exe"));
    if exe.is_empty() {
        return;
    }
    let meta = fs::metadata(dir.join("exe")).ok();
    let time = |seconds: i64, ns: i64| seconds.max(0) * 1_000_000_000 + ns;
    let argv = strings(&dir.join("cmdline"));
    let env = strings(&dir.join("environ"));
    let cwd = link(&dir.join("cwd"));
    let root = link(&dir.join("root"));
    let cgroups = text::cgroups(&fs::read_to_string(dir.join("cgroup")).unwrap_or_default());
    let limit = text::open_files_limit(&fs::read_to_string(dir.join("limits")).unwrap_or_default());
    let loginuid = fs::read_to_string(dir.join("loginuid")).ok();
    let loginuid = loginuid.and_then(|t| t.trim().parse::<u32>().ok()).unwrap_or(u32::MAX);
    let boot_ns = text::boot_time_ns();
    let tids = only.map_or_else(|| numbers(&dir.join("task")), |tid| vec![tid]);
    for tid in tids {
        let thread = dir.join("task").join(tid.to_string());
        let read = |name: &str| fs::read_to_string(thread.join(name)).unwrap_or_default();
        let Some(stat) = Stat::parse(&read("stat")) else { continue };
        let status = Status::parse(&read("status"));
        let mut comm = stat.comm.into_bytes();
        comm.push(0);
        let int = |v: u64| Param::Int(v as i64);
        let inode = |value: Option<i64>| value.map_or(Param::Absent, Param::Int);
        let params = [
            Param::Int(stat.ppid),
            Param::Int(stat.pgid),
            Param::Int(status.vpgid.unwrap_or(stat.pgid)),
            Param::Int(stat.session),
            Param::Bytes(&comm),
            Param::Bytes(&argv),
            Param::Bytes(&exe),
            Param::Absent,
            Param::Bytes(&env),
            Param::Bytes(&cwd),
            limit.map_or(Param::Absent, int),
            int(status.euid),
            int(status.egid),
            int(status.permitted),
            int(status.effective),
            int(status.inheritable),
            inode(meta.as_ref().map(|m| m.ino() as i64)),
            inode(meta.as_ref().map(|m| time(m.ctime(), m.ctime_nsec()))),
            inode(meta.as_ref().map(|m| time(m.mtime(), m.mtime_nsec()))),
            int(status.vm_size),
            int(status.vm_rss),
            int(status.vm_swap),
            int(stat.major_faults),
            int(stat.minor_faults),
            Param::Int(status.vtgid.unwrap_or_else(|| i64::from(tgid))),
            Param::Int(status.vtid.unwrap_or_else(|| i64::from(tid))),
            Param::Absent,
            Param::Bytes(&cgroups),
            Param::Bytes(&root),
            int(boot_ns + stat.start_ns),
            int(stat.tty),
            int(u64::from(loginuid)),
            int(stat.start_ns),
        ];
        out.write(code::ITER_TASK_E, tid, tgid, &params);
    }
}

/// The names in a directory that are numbers.
fn numbers(dir: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect()
}

/// All open files of a process, or one of them.
fn dump_files<F: FnMut(&[u8])>(
    tgid: u32,
    only: Option<i32>,
    namespaces: &mut HashMap<u64, Namespace>,
    out: &mut Writer<'_, F>,
) {
    let dir = format!("/proc/{tgid}");
    let dir = Path::new(&dir);
    let all = || numbers(&dir.join("fd")).into_iter().filter_map(|fd| i32::try_from(fd).ok());
    let fds: Vec<i32> = only.map_or_else(|| all().collect(), |fd| vec![fd]);
    for fd in fds {
        let path = dir.join("fd").join(fd.to_string());
        let Ok(meta) = fs::metadata(&path) else { continue };
        let name = link(&path);
        let (fd, ino) = (Param::Int(i64::from(fd)), Param::Int(meta.ino() as i64));
        let kind = meta.mode() & libc::S_IFMT;
        if kind == libc::S_IFSOCK {
            let key = fs::metadata(dir.join("ns/net")).map_or(0, |m| m.ino());
            let namespace = namespaces.entry(key).or_insert_with(|| Namespace::read(dir));
            if let Some(socket) = namespace.get(meta.ino()) {
                write_socket(out, tgid, fd, ino, socket);
            }
            continue;
        }
        let is_unnamed_pipe = name.starts_with(b"pipe:[");
        let path = Param::Bytes(if is_unnamed_pipe { b"" } else { &name });
        match kind {
            libc::S_IFIFO => out.write(code::ITER_TASK_FILE_PIPE_E, tgid, tgid, &[fd, path, ino]),
            libc::S_IFDIR => {
                out.write(code::ITER_TASK_FILE_DIRECTORY_E, tgid, tgid, &[fd, path, ino]);
            }
            0 => {
                let kind = text::anon_inode_kind(&name);
                let path = if kind == 0 { path } else { Param::Absent };
                let params = [fd, Param::Int(kind), path, ino];
                out.write(code::ITER_TASK_FILE_ANON_INODE_E, tgid, tgid, &params);
            }
            _ if name.starts_with(b"/memfd:") => {
                let name = name.strip_suffix(b" (deleted)\0").map_or(name.clone(), |n| {
                    let mut n = n.to_vec();
                    n.push(0);
                    n
                });
                let params = [fd, Param::Bytes(&name[1..]), ino];
                out.write(code::ITER_TASK_FILE_MEMFD_E, tgid, tgid, &params);
            }
            _ => {
                let Param::Int(number) = fd else { continue };
                let info = fs::read_to_string(dir.join("fdinfo").join(number.to_string()));
                let (flags, mount) = text::fdinfo(&info.unwrap_or_default());
                let flags = Param::Int(i64::from(portable_open_flags(flags)));
                let params = [fd, path, flags, Param::Int(mount), ino];
                out.write(code::ITER_TASK_FILE_REGULAR_E, tgid, tgid, &params);
            }
        }
    }
}

fn write_socket<F: FnMut(&[u8])>(
    out: &mut Writer<'_, F>,
    tgid: u32,
    fd: Param<'_>,
    ino: Param<'_>,
    socket: &Socket,
) {
    let port = |port: u16| Param::Int(i64::from(port));
    match socket {
        Socket::V4 { kind, protocol, local, remote } => {
            let ip = |ip: [u8; 4]| Param::Int(i64::from(u32::from_le_bytes(ip)));
            let params = [
                fd,
                Param::Int(*kind),
                Param::Int(*protocol),
                ip(local.0),
                port(local.1),
                ip(remote.0),
                port(remote.1),
                ino,
            ];
            out.write(code::ITER_TASK_FILE_SOCKET_INET_E, tgid, tgid, &params);
        }
        Socket::V6 { kind, protocol, local, remote } => {
            let params = [
                fd,
                Param::Int(*kind),
                Param::Int(*protocol),
                Param::Bytes(&local.0),
                port(local.1),
                Param::Bytes(&remote.0),
                port(remote.1),
                ino,
            ];
            out.write(code::ITER_TASK_FILE_SOCKET_INET6_E, tgid, tgid, &params);
        }
        Socket::Unix { kind, path } => {
            let params =
                [fd, Param::Int(*kind), Param::Int(0), Param::Absent, Param::Bytes(path), ino];
            out.write(code::ITER_TASK_FILE_SOCKET_UNIX_E, tgid, tgid, &params);
        }
        Socket::Netlink { protocol } => {
            let params = [fd, Param::Int(i64::from(libc::SOCK_RAW)), Param::Int(*protocol), ino];
            out.write(code::ITER_TASK_FILE_SOCKET_NETLINK_E, tgid, tgid, &params);
        }
    }
}
