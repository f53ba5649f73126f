//! Prints how many events a second are read, and read and transcoded: `read_speed FILE [ROUNDS]`.

use peregrine_capture::{Item, Reader, Transcoded, Transcoder};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: read_speed FILE [ROUNDS]")?;
    let rounds: u32 = args.next().map_or(Ok(3), |n| n.parse())?;
    for round in 1..=rounds {
        let start = Instant::now();
        let mut reader = Reader::open(&path)?;
        while reader.next()?.is_some() {}
        let events = reader.events();
        report(round, "read", events, reader.offset(), start);

        let start = Instant::now();
        let mut reader = Reader::open(&path)?;
        let mut transcoder = Transcoder::new();
        let (mut records, mut bytes) = (0u64, 0u64);
        while let Some(item) = reader.next()? {
            let Item::Event(event) = item else { continue };
            if let Transcoded::Record { record, .. } = transcoder.transcode(&event, 0)? {
                records += 1;
                bytes += u64::from(record.header().len);
            }
        }
        report(round, "read and transcode", events, reader.offset(), start);
        println!("        {records} records of {:.1} bytes", bytes as f64 / records.max(1) as f64);
    }
    Ok(())
}

fn report(round: u32, what: &str, events: u64, bytes: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "round {round}: {what}: {events} events, {:.2} M/s, {:.0} MB/s, {seconds:.3} s",
        events as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6,
    );
}
