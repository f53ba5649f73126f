//! A capture read and written again; the fuzz target `writer` uses this file as well.

use peregrine_capture::{Item, Reader, Writer, WriterOptions};
use std::io::Cursor;

/// What was read of a capture, written. Asserts that what we wrote ourselves is not damaged.
pub fn rewritten(bytes: &[u8], is_own: bool) -> Vec<u8> {
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
