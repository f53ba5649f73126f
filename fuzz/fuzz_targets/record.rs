//! Any bytes as a record: what the parser accepts, every accessor can read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peregrine_event::Record;

fuzz_target!(|data: &[u8]| {
    let Ok(record) = Record::parse(data) else { return };
    for index in 0..record.def().params.len() + 2 {
        let has = record.has(index);
        let (int, bytes) = (record.int(index), record.bytes(index));
        assert_eq!(has, int.is_some() || bytes.is_some());
        assert!(record.text(index).is_none_or(|text| text.len() <= data.len()));
    }
});
