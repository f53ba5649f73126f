//! Merges what several workers recorded into one stream that is ordered by time.
//!
//! Each worker says with its batches how far it has come (its *mark*): what it sends from now on is
//! not older. An event is let through when the marks of all workers have passed it by [`SLACK_NS`].
//! Time stamps are taken a little before a record can be seen in its ring, so a mark may run ahead
//! by that little; the slack makes up for it. The stream is therefore ordered, but for events that
//! took longer than the slack from their time stamp into their ring: they come late and are counted.
//!
//! A worker that stands still holds up all others. When more than a bound of bytes waits, the
//! oldest go on without its word.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use super::{Event, Verdict};

/// How far all marks must have passed an event.
pub const SLACK_NS: u64 = 100_000_000;
/// Bytes in front of a record: the verdict.
pub const PREFIX: usize = 1;

/// Records of one worker, in order.
struct Run {
    generation: u32,
    /// Time stamp of the next event.
    ts: u64,
    /// Number of the run, so that equal times keep the order of arrival.
    arrival: u64,
    /// Time stamp and place of each event; ordered by time.
    events: Vec<(u64, u32)>,
    next: usize,
    bytes: Vec<u8>,
}

impl Run {
    fn key(&self) -> (u32, u64, u64) {
        (self.generation, self.ts, self.arrival)
    }
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Run {}
impl PartialOrd for Run {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Run {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// The merge of all workers' streams.
pub struct Merge {
    marks: Vec<u64>,
    runs: BinaryHeap<Reverse<Run>>,
    arrivals: u64,
    bytes: usize,
    max_bytes: usize,
    last_ts: u64,
    late: u64,
}

impl Merge {
    /// A merge of so many workers that holds back about `max_bytes` at most.
    pub fn new(workers: usize, max_bytes: usize) -> Self {
        Self {
            marks: vec![0; workers],
            runs: BinaryHeap::new(),
            arrivals: 0,
            bytes: 0,
            max_bytes,
            last_ts: 0,
            late: 0,
        }
    }

    /// Takes records of a worker, each behind its verdict.
    pub fn push(&mut self, worker: usize, generation: u32, mark_ns: u64, bytes: Vec<u8>) {
        if let Some(mark) = self.marks.get_mut(worker) {
            *mark = (*mark).max(mark_ns);
        }
        let mut events = Vec::new();
        let mut at = 0;
        while let Some((ts, len)) = head(&bytes[at..]) {
            events.push((ts, at as u32));
            at += PREFIX + len;
        }
        // Nearly ordered, which the sort makes use of; equal times stay in order.
        events.sort_by_key(|(ts, _)| *ts);
        let Some((ts, _)) = events.first() else { return };
        self.bytes += bytes.len();
        self.arrivals += 1;
        let (ts, arrival) = (*ts, self.arrivals);
        self.runs.push(Reverse(Run { generation, ts, arrival, events, next: 0, bytes }));
    }

    /// Bytes that wait.
    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Events that came too late for their place.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Lets through what may go on: everything of older generations, and of this generation what
    /// all workers have passed.
    pub fn advance(&mut self, generation: u32, each: impl FnMut(Event<'_>)) {
        let slowest = self.marks.iter().copied().min().unwrap_or(u64::MAX);
        let limit = if slowest == u64::MAX { slowest } else { slowest.saturating_sub(SLACK_NS) };
        self.drain(generation, limit, each);
    }

    /// Lets through everything of this generation and of older ones.
    pub fn finish(&mut self, generation: u32, each: impl FnMut(Event<'_>)) {
        self.drain(generation, u64::MAX, each);
    }

    fn drain(&mut self, generation: u32, limit: u64, mut each: impl FnMut(Event<'_>)) {
        while let Some(mut top) = self.runs.peek_mut() {
            let run = &mut top.0;
            let is_due = run.generation <= generation && run.ts <= limit;
            if !is_due && self.bytes <= self.max_bytes {
                break;
            }
            let start = run.events[run.next].1 as usize;
            if let Some((ts, len)) = head(&run.bytes[start..]) {
                self.late += u64::from(ts < self.last_ts);
                self.last_ts = self.last_ts.max(ts);
                let record = &run.bytes[start + PREFIX..start + PREFIX + len];
                each(Event { verdict: Verdict::from_byte(run.bytes[start]), record });
            }
            run.next += 1;
            match run.events.get(run.next) {
                Some((ts, _)) => run.ts = *ts,
                None => {
                    self.bytes -= run.bytes.len();
                    PeekMut::pop(top);
                }
            }
        }
    }
}

/// Time stamp and length of the record behind a verdict; `None` at the end.
fn head(bytes: &[u8]) -> Option<(u64, usize)> {
    let record = bytes.get(PREFIX..)?;
    let header = peregrine_event::Header::peek(record)?;
    let len = header.len as usize;
    (len > 0 && len <= record.len()).then_some((header.ts, len))
}

#[cfg(test)]
mod tests {
    use super::*;
    use peregrine_event::record::Param;
    use peregrine_event::{Header, HeaderFlags, Record, RecordBuilder, code};

    fn records(times: &[u64], tid: u32) -> Vec<u8> {
        let mut builder = RecordBuilder::new();
        let mut bytes = Vec::new();
        for ts in times {
            let flags = HeaderFlags::default();
            let code = code::SYSCALL_CLOSE_X;
            let header = Header { ts: *ts, tid, tgid: tid, len: 0, flags, code, cpu: 0 };
            bytes.push(Verdict::Wanted as u8);
            let params = [Param::Int(0), Param::Int(3)];
            bytes.extend_from_slice(builder.build(header, &params).unwrap());
        }
        bytes
    }

    fn seen(out: &mut Vec<(u64, u32)>) -> impl FnMut(Event<'_>) {
        |event| {
            let record = Record::parse(event.record).unwrap();
            out.push((record.ts(), record.tid()));
        }
    }

    const S: u64 = SLACK_NS;

    #[test]
    fn streams_come_out_in_the_order_of_time() {
        let mut merge = Merge::new(2, 1 << 20);
        let mut out = Vec::new();
        merge.push(0, 0, S + 50, records(&[10, 30, 20], 1));
        merge.advance(0, seen(&mut out));
        assert_eq!(out, [], "the other worker may still have older ones");
        merge.push(1, 0, S + 25, records(&[5, 20, 25, 40], 2));
        merge.advance(0, seen(&mut out));
        assert_eq!(out, [(5, 2), (10, 1), (20, 1), (20, 2), (25, 2)]);
        merge.push(1, 0, u64::MAX, Vec::new());
        merge.push(0, 0, u64::MAX, Vec::new());
        merge.advance(0, seen(&mut out));
        assert_eq!(out[5..], [(30, 1), (40, 2)]);
        assert_eq!((merge.bytes(), merge.late()), (0, 0));
    }

    #[test]
    fn generations_do_not_mix() {
        let mut merge = Merge::new(2, 1 << 20);
        let mut out = Vec::new();
        merge.push(0, 0, u64::MAX, records(&[10], 1));
        merge.push(0, 1, u64::MAX, records(&[11], 1));
        merge.push(1, 0, u64::MAX, records(&[12], 2));
        merge.push(1, 1, u64::MAX, records(&[13], 2));
        merge.finish(0, seen(&mut out));
        assert_eq!(out, [(10, 1), (12, 2)]);
        merge.advance(1, seen(&mut out));
        assert_eq!(out[2..], [(11, 1), (13, 2)]);
        assert_eq!(merge.late(), 1);
    }

    /// Memory stays bounded although one worker says nothing.
    #[test]
    fn a_worker_that_stands_still_does_not_hold_up_the_others_for_ever() {
        let mut merge = Merge::new(2, 1000);
        let mut out = Vec::new();
        for round in 0..100u64 {
            let times: Vec<u64> = (round * 10..round * 10 + 10).collect();
            merge.push(0, 0, S + round * 10, records(&times, 1));
            merge.advance(0, seen(&mut out));
            assert!(merge.bytes() <= 1000, "{}", merge.bytes());
        }
        assert!(out.len() > 900);
        merge.push(1, 0, S, records(&[3], 2));
        merge.finish(0, seen(&mut out));
        assert_eq!((out.len(), merge.late()), (1001, 1));
    }
}
