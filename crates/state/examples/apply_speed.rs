//! Time per event of the state alone, over a capture, and of joining a path.
//!
//! `cargo run --release -p peregrine-state --example apply_speed -- CAPTURE`

#[path = "../tests/support/capture.rs"]
#[allow(dead_code)]
mod capture;

use std::hint::black_box;
use std::time::{Duration, Instant};

use peregrine_capture::{Item, Reader, Transcoded, Transcoder};
use peregrine_event::Record;
use peregrine_state::{ChildRule, Config, EventContext, Shard, path};

fn main() {
    let Some(file) = std::env::args().nth(1) else {
        eprintln!("usage: apply_speed CAPTURE");
        std::process::exit(2);
    };
    let mut reader = Reader::open(&file).expect("a capture");
    let mut transcoder = Transcoder::new();
    let config = Config { child_rule: ChildRule::CloneExits, ..Config::default() };
    let mut shard = Shard::new(config, None);
    // Records are gathered first, so that only the state is timed.
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next().expect("a good capture") {
        match item {
            Item::Threads(list) => {
                for entry in &list {
                    shard.insert_unrelated(capture::thread(entry));
                }
            }
            Item::Fds { tid, fds } => {
                for entry in &fds {
                    shard.add_listed_fd(tid, entry.fd, capture::fd(entry));
                }
            }
            Item::Event(event) => {
                if let Ok(Transcoded::Record { record, .. }) = transcoder.transcode(&event, 0) {
                    record.write_to(&mut bytes);
                    ends.push(bytes.len());
                }
            }
            _ => {}
        }
    }
    shard.relate_all();
    let start = Instant::now();
    let mut from = 0;
    for (num, end) in ends.iter().enumerate() {
        if let Ok(record) = Record::parse(&bytes[from..*end]) {
            black_box(shard.apply(&EventContext { record, num: num as u64 + 1 }));
        }
        from = *end;
    }
    let per = |time: Duration, n: usize| time.as_nanos() as f64 / n as f64;
    println!("{} events, {:.1} ns each", ends.len(), per(start.elapsed(), ends.len()));
    println!("{:?}", shard.counters());
    let mut out = Vec::with_capacity(256);
    const ROUNDS: usize = 10_000_000;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        path::join_into(&mut out, black_box(b"/var/lib/app/"), black_box(b"data/file.txt"));
        black_box(&out);
    }
    println!("joining a path: {:.1} ns", per(start.elapsed(), ROUNDS));
}
