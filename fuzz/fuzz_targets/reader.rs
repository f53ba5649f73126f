//! Any bytes as a capture: read to the end, transcode what is an event.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_capture::{Item, Reader, Transcoded, Transcoder};
use std::io::Cursor;

fuzz_target!(|data: &[u8]| {
    // Compressed input could grow a thousandfold and would only test the decompressor.
    if data.starts_with(&[0x1f, 0x8b]) {
        return;
    }
    let mut reader = Reader::new(Cursor::new(data.to_vec())).unwrap();
    let mut transcoder = Transcoder::new();
    for step in 0.. {
        assert!(step <= data.len() / 12 + 64, "endless");
        match reader.next() {
            Ok(Some(Item::Event(event))) => {
                if let Ok(Transcoded::Record { record, .. }) = transcoder.transcode(&event, 0) {
                    let mut bytes = Vec::new();
                    record.write_to(&mut bytes);
                    peregrine_event::Record::parse(&bytes).unwrap();
                }
            }
            Ok(Some(Item::Section { .. })) => transcoder.start_section(),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});
