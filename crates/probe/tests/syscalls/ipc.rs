//! bpf/syscalls/ipc.bpf.h

use libc::*;

use crate::tracer::{BAD, addr, close, tracer};

#[test]
fn futex() {
    let Some(mut t) = tracer() else { return };
    let mut word = 1u32;
    let pointer = addr(&mut word);
    t.ok(SYS_futex, &[pointer, 0x81, 3]).has(&[
        ("res", 0),
        ("addr", pointer),
        ("op", 0x81),
        ("val", 3),
    ]);
    t.fails(SYS_futex, &[pointer, 0, 2], EAGAIN).has(&[("addr", pointer), ("op", 0), ("val", 2)]);
}

/// A count, then descriptor and events of each entry.
fn fd_list(entries: &[(i64, u16)]) -> Vec<u8> {
    let mut list = (entries.len() as u16).to_le_bytes().to_vec();
    for (fd, events) in entries {
        list.extend_from_slice(&fd.to_le_bytes());
        list.extend_from_slice(&events.to_le_bytes());
    }
    list
}

#[test]
fn polls() {
    let Some(mut t) = tracer() else { return };
    let mut ends = [0i32; 2];
    // SAFETY: room for two descriptors.
    assert_eq!(unsafe { pipe(ends.as_mut_ptr()) }, 0);
    let writer = i64::from(ends[1]);
    let mut fds = [
        pollfd { fd: ends[1], events: POLLOUT | POLLIN, revents: 0 },
        pollfd { fd: 9999, events: POLLIN, revents: 0 },
    ];
    // POLLOUT, POLLNVAL
    let list = fd_list(&[(writer, 4), (9999, 0x40)]);
    t.ok(SYS_poll, &[addr(&mut fds), 2, 100]).is("fds", &list).has(&[("res", 2), ("timeout", 100)]);
    t.fails(SYS_poll, &[BAD, 2, 0], EFAULT).is("fds", &fd_list(&[])).has(&[("timeout", 0)]);
    let mut time = [3i64, 4];
    let mut mask = 0x55u64;
    let args = [addr(&mut fds), 2, addr(&mut time), addr(&mut mask), 8];
    t.ok(SYS_ppoll, &args).is("fds", &list).has(&[("sigmask", 0x55)]);
    t.fails(SYS_ppoll, &[BAD, 2, addr(&mut time), 0, 8], EFAULT)
        .is("fds", &fd_list(&[]))
        .has(&[("sigmask", 0)]);
    let mut many: Vec<pollfd> = (0..20).map(|_| fds[0]).collect();
    let list = fd_list(&[(writer, 4); 16]);
    t.ok(SYS_poll, &[addr(many.as_mut_slice()), 20, 0]).is("fds", &list).has(&[("res", 20)]);
    ends.into_iter().for_each(|fd| close(i64::from(fd)));
}

#[test]
fn waits() {
    let Some(mut t) = tracer() else { return };
    let mut time = [0i64, 1000];
    t.ok(SYS_select, &[0, 0, 0, 0, addr(&mut time)]).has(&[("res", 0)]);
    t.fails(SYS_select, &[-1, 0, 0, 0, 0], EINVAL);
    // SAFETY: no preconditions.
    let epoll = i64::from(unsafe { epoll_create1(0) });
    let mut events = [0u8; 64];
    t.ok(SYS_epoll_wait, &[epoll, addr(&mut events), 2, 0]).has(&[("res", 0), ("maxevents", 2)]);
    t.fails(SYS_epoll_wait, &[epoll, addr(&mut events), -1, 0], EINVAL).has(&[("maxevents", -1)]);
    close(epoll);
    let mut interval = [0i64, 1001];
    t.ok(SYS_nanosleep, &[addr(&mut interval), 0]).has(&[("interval", 1001)]);
    let mut interval = [1i64, -1];
    t.fails(SYS_nanosleep, &[addr(&mut interval), 0], EINVAL).has(&[("interval", 999_999_999)]);
}

#[test]
fn semaphores() {
    let Some(mut t) = tracer() else { return };
    let create = i64::from(IPC_CREAT | IPC_EXCL | 0o600);
    let id = t.ok(SYS_semget, &[0, 2, create]);
    id.has(&[("key", 0), ("nsems", 2), ("semflg", 0x6000)]);
    let id = id.ret;
    t.fails(SYS_semget, &[0x7654_3210, 2, 0], ENOENT).has(&[("key", 0x7654_3210), ("semflg", 0)]);
    t.ok(SYS_semctl, &[id, 1, 16, 7]).has(&[
        ("semid", id),
        ("semnum", 1),
        ("cmd", 0x1000),
        ("val", 7),
    ]);
    t.fails(SYS_semctl, &[-1, 0, 12, 7], EINVAL).has(&[("semid", -1), ("cmd", 0x200), ("val", 0)]);
    let mut ops = [
        sembuf { sem_num: 1, sem_op: -7, sem_flg: IPC_NOWAIT as i16 },
        sembuf { sem_num: 0, sem_op: 3, sem_flg: 0x1000 },
    ];
    t.ok(SYS_semop, &[id, addr(&mut ops), 2]).has(&[
        ("nsops", 2),
        ("sem_num_0", 1),
        ("sem_op_0", -7),
        ("sem_flg_0", 1),
        ("sem_num_1", 0),
        ("sem_op_1", 3),
        ("sem_flg_1", 2),
        ("semid", id),
    ]);
    t.fails(SYS_semop, &[id, addr(&mut ops), 1], EAGAIN).has(&[
        ("nsops", 1),
        ("sem_num_0", 0),
        ("sem_op_0", 0),
    ]);
    t.ok(SYS_semctl, &[id, 0, 0, 0]).has(&[("cmd", 4)]);
}
