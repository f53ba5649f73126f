//! The initial state: every thread and open file of the host, as the records the state knows.
//!
//! The kernel's BPF iterators write them, with the programs `dump_task` and `dump_task_file`: one
//! read gives hundreds of records. Where the kernel has no iterator that may look into the memory
//! of other processes (before 5.18), `/proc` is read instead; see [`crate::procfs`].
//!
//! The dump is no instant: processes come and go while it is taken. Take it after
//! [`Probe::enable`], and let what the rings say since win.

use std::io::Read;

use libbpf_rs::{Iter, ProgramMut};
use peregrine_event::Record;

use crate::loader::Probe;
use crate::{ProbeError, procfs};

/// Bytes asked for at once. The kernel gives an iterator's file 32 KiB per read.
const READ_BYTES: usize = 64 << 10;

/// What a dump consisted of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InitialState {
    /// Threads.
    pub tasks: usize,
    /// Open files.
    pub files: usize,
    /// Why `/proc` was read instead of the kernel's iterators; `None` if it was not.
    pub fallback: Option<String>,
}

impl Probe {
    /// Hands the bytes of each record of the initial state to `each`: all threads first, then the
    /// open files. A thread group's records carry its tgid: [`crate::route()`] tells the ring.
    ///
    /// # Errors
    /// If neither the iterators nor `/proc` can be read.
    pub fn initial_state(&self, mut each: impl FnMut(&[u8])) -> Result<InitialState, ProbeError> {
        match self.read_iterators(&mut each) {
            // What was handed over before the failure comes again, and says the same.
            Err(error) => {
                let (tasks, files) = procfs::dump(&mut each)?;
                Ok(InitialState { tasks, files, fallback: Some(error.to_string()) })
            }
            found => found,
        }
    }

    /// The same from the kernel's iterators only.
    ///
    /// # Errors
    /// If the kernel refuses them.
    pub fn read_iterators(&self, mut each: impl FnMut(&[u8])) -> Result<InitialState, ProbeError> {
        let tasks = self.dump("dump_task", &mut each)?;
        let files = self.dump("dump_task_file", &mut each)?;
        Ok(InitialState { tasks, files, fallback: None })
    }

    fn dump(&self, name: &str, each: &mut impl FnMut(&[u8])) -> Result<usize, ProbeError> {
        let program: ProgramMut<'_> = self
            .object()
            .progs_mut()
            .find(|program| program.name() == name && program.autoload())
            .ok_or_else(|| {
                ProbeError::Option(format!("this kernel does not take the iterator {name}"))
            })?;
        let step = || format!("dump the initial state ({name})");
        let link = program.attach().map_err(|error| ProbeError::kernel(step(), error))?;
        let iterator = Iter::new(&link).map_err(|error| ProbeError::kernel(step(), error))?;
        read_records(iterator, each).map_err(|error| ProbeError::kernel(step(), error))
    }
}

/// Reads records that lie one behind the other, and hands over those that are whole and valid.
fn read_records(mut from: impl Read, each: &mut impl FnMut(&[u8])) -> std::io::Result<usize> {
    const LENGTH_AT: usize = 16;
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    let mut count = 0;
    loop {
        let read = match from.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(count),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // The kernel asks to come again when it skipped many tasks in a row.
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) => continue,
            Err(error) => return Err(error),
        };
        filled += read;
        let mut at = 0;
        while let Some(word) = buffer[at..filled].get(LENGTH_AT..LENGTH_AT + 3) {
            let len = usize::from(word[0]) | usize::from(word[1]) << 8 | usize::from(word[2]) << 16;
            if len < LENGTH_AT || len > buffer.len() {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::InvalidData,
                    format!("a record of {len} bytes"),
                ));
            }
            let Some(bytes) = buffer[at..filled].get(..len) else { break };
            if Record::parse(bytes).is_ok() {
                each(bytes);
                count += 1;
            }
            at += len;
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
}

#[cfg(test)]
mod tests {
    use peregrine_event::record::Param;
    use peregrine_event::{Header, HeaderFlags, RecordBuilder, code};

    use super::*;

    /// A reader that gives a few bytes at a time.
    struct Dribble<'a>(&'a [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buffer.len());
            buffer[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn records_survive_any_cut() {
        let mut builder = RecordBuilder::new();
        let mut bytes = Vec::new();
        for tid in 1..=20 {
            let flags = HeaderFlags::default();
            let code = code::ITER_TASK_FILE_PIPE_E;
            let header = Header { ts: 1, tid, tgid: tid, len: 0, flags, code, cpu: 0 };
            let params = [Param::Int(3), Param::Bytes(b"/p\0"), Param::Int(9)];
            bytes.extend_from_slice(builder.build(header, &params).unwrap());
        }
        for step in [1, 7, 40, 1000] {
            let mut tids = Vec::new();
            let count = read_records(Dribble(&bytes, step), &mut |record| {
                tids.push(Record::parse(record).unwrap().tid());
            });
            assert_eq!(count.unwrap(), 20);
            assert_eq!(tids, (1..=20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_length_of_nothing_ends_in_an_error() {
        let zeros = [0u8; 64];
        assert!(read_records(&zeros[..], &mut |_| {}).is_err());
    }
}
