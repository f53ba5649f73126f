//! Records built by hand.

use peregrine_event::record::Param;
use peregrine_event::{EventCode, Header, HeaderFlags, Record, RecordBuilder, arg, code};
use peregrine_state::{Applied, EventContext, Shard, Subject, Thread};

/// Builds records with rising time stamps and sequences.
#[derive(Default)]
pub struct Events {
    builder: RecordBuilder,
    pub num: u64,
}

impl Events {
    /// The bytes of a record; parameters by index, the others absent.
    pub fn build(
        &mut self,
        event: EventCode,
        (tid, tgid): (u32, u32),
        flags: u8,
        params: &[(usize, Param<'_>)],
    ) -> Vec<u8> {
        self.num += 1;
        let header = Header {
            ts: 1_000_000_000 + self.num * 1000,
            tid,
            tgid,
            len: 0,
            flags: HeaderFlags(flags),
            code: event,
            cpu: 0,
        };
        let mut all = vec![Param::Absent; event.def().unwrap().params.len()];
        for (index, param) in params {
            all[*index] = *param;
        }
        self.builder.build(header, &all).unwrap().to_vec()
    }

    /// Applies a record.
    pub fn apply(&self, shard: &mut Shard, bytes: &[u8]) -> Applied {
        let record = Record::parse(bytes).unwrap();
        shard.apply(&EventContext { record, num: self.num })
    }

    /// Builds and applies.
    pub fn send(
        &mut self,
        shard: &mut Shard,
        event: EventCode,
        tid: u32,
        params: &[(usize, Param<'_>)],
    ) -> Subject {
        let bytes = self.build(event, (tid, tid), 0, params);
        match self.apply(shard, &bytes) {
            Applied::Done(subject) => subject,
            other => panic!("{other:?}"),
        }
    }

    /// The birth record of a child.
    pub fn birth(&mut self, child: u32, pid: u32, parent: u32, flags: u32) -> Vec<u8> {
        use arg::syscall_clone_20_x as a;
        let params = [
            (a::res, Param::Int(0)),
            (a::exe, Param::Bytes(b"prog\0")),
            (a::args, Param::Bytes(b"-x\0")),
            (a::tid, Param::Int(i64::from(child))),
            (a::pid, Param::Int(i64::from(pid))),
            (a::ptid, Param::Int(i64::from(parent))),
            (a::fdlimit, Param::Int(1024)),
            (a::comm, Param::Bytes(b"prog\0")),
            (a::flags, Param::Int(i64::from(flags))),
            (a::uid, Param::Int(1000)),
            (a::gid, Param::Int(1000)),
            (a::vtid, Param::Int(i64::from(child))),
            (a::vpid, Param::Int(i64::from(pid))),
            (a::start_time, Param::Int(7)),
        ];
        self.build(code::SYSCALL_CLONE_20_X, (child, pid), HeaderFlags::BIRTH, &params)
    }

    /// A successful exec.
    pub fn exec(&mut self, shard: &mut Shard, tid: u32, pid: u32, path: &str) -> Subject {
        use arg::syscall_execve_19_x as a;
        let text = [path.as_bytes(), b"\0"].concat();
        let params = [
            (a::res, Param::Int(0)),
            (a::exe, Param::Bytes(&text)),
            (a::pid, Param::Int(i64::from(pid))),
            (a::comm, Param::Bytes(b"new\0")),
            (a::env, Param::Bytes(b"A=1\0")),
            (a::trusted_exepath, Param::Bytes(&text)),
            (a::uid, Param::Int(0)),
            (a::gid, Param::Int(0)),
        ];
        self.send(shard, code::SYSCALL_EXECVE_19_X, tid, &params)
    }

    /// The exit of a thread.
    pub fn exit(&mut self, shard: &mut Shard, tid: u32, reaper: i64) -> Subject {
        let params = [(arg::procexit_1_e::reaper_tid, Param::Int(reaper))];
        self.send(shard, code::PROCEXIT_1_E, tid, &params)
    }

    /// A successful open.
    pub fn open(
        &mut self,
        shard: &mut Shard,
        tid: u32,
        fd: i64,
        name: &str,
        flags: u32,
    ) -> Subject {
        use arg::syscall_openat_2_x as a;
        let text = [name.as_bytes(), b"\0"].concat();
        let params = [
            (a::fd, Param::Int(fd)),
            (a::dirfd, Param::Int(-100)),
            (a::name, Param::Bytes(&text)),
            (a::flags, Param::Int(i64::from(flags))),
        ];
        self.send(shard, code::SYSCALL_OPENAT_2_X, tid, &params)
    }

    /// A close.
    pub fn close(&mut self, shard: &mut Shard, tid: u32, fd: i64) -> Subject {
        use arg::syscall_close_x as a;
        let params = [(a::res, Param::Int(0)), (a::fd, Param::Int(fd))];
        self.send(shard, code::SYSCALL_CLOSE_X, tid, &params)
    }
}

/// A process for the initial table.
pub fn process(pid: i64, ptid: i64) -> Box<Thread> {
    let mut thread = Box::new(Thread::new());
    (thread.tid, thread.pid, thread.vtid, thread.vpid) = (pid, pid, pid, pid);
    thread.ptid = ptid;
    thread.root = b"/"[..].into();
    thread.set_listed_flags(0);
    thread.set_listed_cwd(b"/home");
    thread
}
