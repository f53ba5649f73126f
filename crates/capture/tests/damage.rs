//! Damaged captures: everything before the damage is delivered, nothing panics, hangs, or takes
//! memory that the file only claims to need.

mod support;

use peregrine_capture::{Error, Item, Reader, Transcoded, Transcoder};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Counts what is allocated, for all threads of this test program.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all calls go to the system's allocator, which keeps the contract.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn capture(name: &str) -> Option<Vec<u8>> {
    let file = format!("{name}.scap.gz");
    let path = support::captures().into_iter().find(|path| path.ends_with(&file))?;
    Some(support::unpacked(&path))
}

/// Start and whether it is an event, of every block.
fn blocks(bytes: &[u8]) -> Vec<(usize, bool)> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut all = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let is_event = matches!(word(at), 0x204 | 0x208 | 0x216 | 0x217 | 0x221 | 0x222);
        all.push((at, is_event));
        at += word(at + 4) as usize;
    }
    all
}

/// Reads to the end: events, and the error that ended it.
fn read(source: Vec<u8>) -> (u64, Option<Error>) {
    let mut reader = Reader::new(Cursor::new(source)).unwrap();
    loop {
        match reader.next() {
            Ok(Some(_)) => {}
            Ok(None) => return (reader.events(), None),
            Err(error) => {
                assert!(reader.next().is_ok_and(|item| item.is_none()), "{error} did not end it");
                return (reader.events(), Some(error));
            }
        }
    }
}

#[test]
fn a_cut_file_gives_everything_before_the_cut() {
    let Some(bytes) = capture("cat_write") else { return };
    let blocks = blocks(&bytes);
    let mut random = fastrand::Rng::with_seed(7);
    let mut cuts: Vec<usize> = blocks.iter().map(|(at, _)| *at).collect();
    cuts.extend((0..400).map(|_| random.usize(..bytes.len())));
    for cut in cuts {
        let whole = blocks.partition_point(|(at, _)| *at < cut);
        let start_of_last = if whole == 0 { 0 } else { blocks[whole - 1].0 };
        let is_boundary = blocks.iter().any(|(at, _)| *at == cut);
        let complete = if is_boundary { whole } else { whole.saturating_sub(1) };
        let expected = blocks[..complete].iter().filter(|(_, is_event)| *is_event).count() as u64;
        let (events, error) = read(bytes[..cut].to_vec());
        assert_eq!(events, expected, "cut at {cut}");
        match error {
            None => assert!(is_boundary && events > 0, "cut at {cut}"),
            Some(Error::NoEvents) => assert!(is_boundary && events == 0, "cut at {cut}"),
            Some(Error::NotACapture { .. }) => assert!(cut < 8, "cut at {cut}"),
            Some(Error::Truncated { offset, have, .. }) => {
                assert_eq!(offset as usize, start_of_last, "cut at {cut}");
                assert_eq!((offset + have) as usize, cut, "cut at {cut}");
            }
            Some(other) => panic!("cut at {cut}: {other}"),
        }
    }
}

#[test]
fn a_cut_gzip_file_gives_what_could_be_decompressed() {
    let Some(bytes) = capture("open-multiple-files") else { return };
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&bytes).unwrap();
    let packed = gzip.finish().unwrap();
    let (all, _) = read(packed.clone());
    let mut last = 0;
    for tenth in 1..10 {
        let (events, error) = read(packed[..packed.len() * tenth / 10].to_vec());
        assert!(matches!(error, Some(Error::Read { .. })), "{error:?}");
        assert!(events >= last && events < all);
        last = events;
    }
    assert!(last > 0);
    // Members one after the other are one stream.
    let both = [&packed[..], &packed[..]].concat();
    assert_eq!(read(both).0, 2 * all);
}

#[test]
fn damaged_blocks_are_skipped() {
    let Some(bytes) = capture("cat_write") else { return };
    let blocks = blocks(&bytes);
    let events: Vec<usize> = blocks.iter().filter(|b| b.1).map(|b| b.0).collect();
    let mut bytes = bytes.clone();
    // The length of an event in the middle: frame of 8, cpu of 2, then 16 bytes of the header.
    let at = events[events.len() / 2] + 8 + 2 + 16;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
    let (mut good, mut bad) = (0, 0);
    loop {
        match reader.next() {
            Ok(Some(Item::Event(_))) => good += 1,
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(error) => {
                assert!(!error.is_fatal());
                let text = error.to_string();
                assert!(text.contains("event block (0x204) at offset"), "{text}");
                bad += 1;
            }
        }
    }
    assert_eq!((good, bad), (events.len() - 1, 1));
}

/// Reads and transcodes until the end; returns how many steps it took.
fn exhaust(bytes: Vec<u8>) -> usize {
    let most = bytes.len() / 12 + 64;
    let mut reader = Reader::new(Cursor::new(bytes)).unwrap();
    let mut transcoder = Transcoder::new();
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps < most, "endless");
        match reader.next() {
            Ok(Some(Item::Event(event))) => {
                if let Ok(Transcoded::Record { record, .. }) = transcoder.transcode(&event, 0) {
                    let mut bytes = Vec::new();
                    record.write_to(&mut bytes);
                    peregrine_event::Record::parse(&bytes).expect("a record is a record");
                }
            }
            Ok(Some(Item::Section { .. })) => transcoder.start_section(),
            Ok(Some(_)) => {}
            Ok(None) => return steps,
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

#[test]
fn ten_thousand_mutations() {
    const TIME: Duration = Duration::from_secs(40);
    const MEMORY: usize = 32 << 20;
    // A start of each capture: lists are long, events are what is interesting too.
    let mut seeds = Vec::new();
    for name in ["cat_write", "libs-sample", "psp_write_tmp_test"] {
        let Some(bytes) = capture(name) else { return };
        let blocks = blocks(&bytes);
        let first = blocks.iter().position(|block| block.1).unwrap();
        let end = blocks.get(first + 60).map_or(bytes.len(), |block| block.0);
        // Without most of the process list, which would swallow nearly all mutations.
        let mut seed = bytes[..blocks[1].0].to_vec();
        for (index, (at, is_event)) in blocks.iter().enumerate().skip(1) {
            let next = blocks.get(index + 1).map_or(bytes.len(), |block| block.0);
            if *at < end && (*is_event || next - at < 4096) {
                seed.extend_from_slice(&bytes[*at..next]);
            }
        }
        seeds.push(seed);
        seeds.push(bytes[..end.min(160 << 10)].to_vec());
    }
    let start = Instant::now();
    let before = NOW.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let mut done = 0;
    let (mut steps, mut read) = (0usize, 0usize);
    while done < 10_000 && start.elapsed() < TIME {
        // Mostly the short seeds: they are read in no time.
        let seed =
            &seeds[if done % 16 == 15 { random.usize(..3) * 2 + 1 } else { random.usize(..3) * 2 }];
        let mut bytes = seed.clone();
        for _ in 0..=random.usize(..6) {
            let at = random.usize(..bytes.len() - 4);
            match random.usize(..5) {
                0 => bytes[at] ^= 1 << random.usize(..8),
                1 => bytes[at] = random.u8(..),
                2 => bytes.truncate(at + 4),
                3 => {
                    let lie = [0, 1, 11, 12, 0xffff, 0x10000, 1 << 30, u32::MAX - 3, u32::MAX];
                    let lie = lie[random.usize(..lie.len())];
                    // Aligned: that is where the lengths are.
                    let at = at / 4 * 4;
                    bytes[at..at + 4].copy_from_slice(&lie.to_le_bytes());
                }
                _ => {
                    let from = random.usize(..bytes.len());
                    let part = bytes[from..(from + 64).min(bytes.len())].to_vec();
                    bytes.splice(at..at, part);
                }
            }
            if bytes.len() < 8 {
                break;
            }
        }
        read += bytes.len();
        steps += exhaust(bytes);
        done += 1;
    }
    let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
    eprintln!(
        "{done} mutated captures, {read} bytes, {steps} steps, {:.1} s, at most {peak} bytes \
         allocated",
        start.elapsed().as_secs_f64()
    );
    assert!(done >= 2_000, "only {done} in {TIME:?}");
    assert!(peak < MEMORY, "{peak} bytes");
}

#[test]
fn claims_do_not_allocate() {
    // A section header, then a process list, a large event and a user list that claim gigabytes.
    let mut section = Vec::new();
    for word in [0x0a0d_0d0au32, 28, 0x1a2b_3c4d, 1 | 2 << 16, !0, !0, 28] {
        section.extend_from_slice(&word.to_le_bytes());
    }
    for block in [0x215u32, 0x221, 0x216, 0x220, 0x219, 0x218, 0x201, 0x7777] {
        let mut bytes = section.clone();
        bytes.extend_from_slice(&block.to_le_bytes());
        bytes.extend_from_slice(&0xffff_fff0u32.to_le_bytes());
        bytes.extend_from_slice(&[0x11; 1000]);
        let (events, error) = read(bytes);
        assert_eq!(events, 0);
        let error = error.expect("it ends early").to_string();
        assert!(error.contains("offset 28"), "{error}");
    }
}

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    let text = b"#!/bin/sh\necho this is not a capture\n".to_vec();
    assert!(matches!(read(text), (0, Some(Error::NotACapture { .. }))));
    assert!(matches!(read(Vec::new()), (0, Some(Error::NoEvents))));
    assert!(matches!(read(vec![1]), (0, Some(Error::NotACapture { .. }))));
    assert!(matches!(Reader::open("/nonexistent.scap"), Err(Error::Open { .. })));
    let gzip = vec![0x1f, 0x8b, 8, 0, 1, 2, 3];
    assert!(matches!(read(gzip), (0, Some(Error::Read { .. }))));
}
