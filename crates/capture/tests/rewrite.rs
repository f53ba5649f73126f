//! Whatever is read of a damaged capture can be written, and what was written is not damaged.

mod support;

use peregrine_capture::{Item, Reader, Writer, WriterOptions};
use std::io::Cursor;

fn rewritten(bytes: &[u8], is_own: bool) -> Vec<u8> {
    let mut reader = Reader::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    loop {
        let written = match reader.next() {
            Ok(None) => return writer.finish().unwrap(),
            Ok(Some(Item::Section { index: 0 })) => Ok(()),
            Ok(Some(Item::Section { .. })) => writer.section(),
            Ok(Some(Item::MachineInfo(info))) => writer.machine_info(&info),
            Ok(Some(Item::Threads(threads))) => writer.threads(&threads),
            Ok(Some(Item::Fds { tid, fds })) => writer.fds(tid, &fds),
            Ok(Some(Item::Users(users))) => writer.users(&users),
            Ok(Some(Item::Interfaces(interfaces))) => writer.interfaces(&interfaces),
            Ok(Some(Item::Event(event))) => writer.event(&event),
            Err(peregrine_capture::Error::NoEvents) => Ok(()),
            Err(error) => {
                assert!(!is_own, "what we wrote is damaged: {error}");
                Ok(())
            }
        };
        if let Err(error) = written {
            assert!(!error.is_fatal() && !is_own, "{error}");
        }
    }
}

/// xorshift; the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

#[test]
fn what_is_read_of_mutated_captures_is_written_the_same_again() {
    let mut random = Random(0x5eed);
    let (mut done, mut bytes_written) = (0, 0);
    for name in ["cat_write", "libs-sample", "psp_write_tmp_test"] {
        let file = format!("{name}.scap.gz");
        let Some(path) = support::captures().into_iter().find(|path| path.ends_with(&file)) else {
            continue;
        };
        let bytes = support::unpacked(&path);
        // A start and an end: lists, and events.
        let seeds = [&bytes[..bytes.len().min(48 << 10)], &bytes[..bytes.len().min(400 << 10)]];
        for round in 0..200 {
            let mut bytes = seeds[usize::from(round % 8 == 0)].to_vec();
            for _ in 0..random.below(8) {
                let at = random.below(bytes.len() - 4);
                match random.below(3) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.below(256) as u8,
                    _ => {
                        let lies = [0, 1, 12, 0xffff, 0x10000, u32::MAX];
                        let lie = lies[random.below(lies.len())];
                        bytes[at / 4 * 4..][..4].copy_from_slice(&lie.to_le_bytes());
                    }
                }
            }
            let first = rewritten(&bytes, false);
            assert!(first == rewritten(&first, true), "{name}, round {round}");
            done += 1;
            bytes_written += first.len();
        }
    }
    eprintln!("{done} mutated captures, {bytes_written} bytes written");
}
