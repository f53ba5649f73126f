//! Any sequence of events: convert, transcode, write, read back.
//!
//! The input is a list of events: code (two bytes), thread, number of parameters, then each
//! parameter behind a length of one byte.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_capture::{Item, OwnedEvent, Reader, Transcoded, Transcoder, Writer, WriterOptions};
use peregrine_event::{EventCode, event::FALCO_CODES};
use std::io::Cursor;

fn take<'a>(data: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = data.split_at_checked(n)?;
    *data = tail;
    Some(head)
}

fn event(data: &mut &[u8]) -> Option<OwnedEvent> {
    let head = take(data, 4)?;
    let code = u16::from_le_bytes([head[0], head[1]]) % FALCO_CODES;
    let mut event = OwnedEvent::new(1, u64::from(head[2] % 4), EventCode(code));
    for _ in 0..head[3] % 40 {
        let len = take(data, 1)?[0];
        event.push(take(data, usize::from(len))?);
    }
    Some(event)
}

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let mut transcoder = Transcoder::new();
    let mut writer = Writer::new(Vec::new(), WriterOptions::default()).unwrap();
    let mut written = 0;
    while let Some(event) = event(&mut rest) {
        if let Ok(Transcoded::Record { record, .. }) = transcoder.transcode(&event.view(), 7) {
            writer.record(&record, 0).unwrap();
            written += 1;
        }
    }
    let mut reader = Reader::new(Cursor::new(writer.finish().unwrap())).unwrap();
    let mut read = 0;
    while written > 0
        && let Some(item) = reader.next().unwrap()
    {
        read += u32::from(matches!(item, Item::Event(_)));
    }
    assert_eq!(read, written);
});
