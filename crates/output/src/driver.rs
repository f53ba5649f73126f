//! A sink's thread: takes lines, has them written, tries again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::keeper::{Kept, Reply, Request};
use crate::line::Line;
use crate::queue::ToSink;
use crate::sink::{Backoff, Failure, Sink};
use crate::totals::{SinkShared, add};

/// Where a sink's lines come from.
pub(crate) enum Feed {
    /// The dispatcher's queue, and what was taken from it and not written.
    Direct { lines: Receiver<ToSink>, hand: VecDeque<Arc<Line>> },
    /// The keeper of a spool.
    Kept(Kept),
}

impl Feed {
    pub(crate) fn direct(lines: Receiver<ToSink>) -> Self {
        Self::Direct { lines, hand: VecDeque::new() }
    }

    /// The first lines, at most `limit`; waits for one. Empty: there is something else to look at.
    /// `None`: there will be no more.
    fn next(&mut self, limit: usize) -> Option<Vec<Arc<Line>>> {
        match self {
            Feed::Direct { lines, hand } => {
                let first = match hand.is_empty() {
                    true => Some(lines.recv().ok()?),
                    false => None,
                };
                let rest = lines.try_iter().take(limit.saturating_sub(hand.len().max(1)));
                hand.extend(first.into_iter().chain(rest).filter_map(|message| match message {
                    ToSink::Line(line) => Some(line),
                    ToSink::Wake => None,
                }));
                Some(hand.iter().take(limit).cloned().collect())
            }
            Feed::Kept(kept) => match kept.next(limit) {
                Ok(Reply::Lines(lines)) => Some(lines),
                Ok(Reply::Wake) => Some(Vec::new()),
                Ok(Reply::End) | Err(_) => None,
            },
        }
    }

    fn done(&mut self, count: usize) {
        match self {
            Feed::Direct { hand, .. } => drop(hand.drain(..count)),
            Feed::Kept(kept) => kept.say(Request::Done(count)),
        }
    }
}

/// What a sink's thread needs.
pub(crate) struct Driver {
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) feed: Feed,
    pub(crate) batch_limit: usize,
    pub(crate) retry: Option<Backoff>,
    pub(crate) shared: Arc<SinkShared>,
    /// Closed when it is time to end; a message ends the wait for the next try.
    pub(crate) stop: Receiver<()>,
}

impl Driver {
    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        let mut failures = 0;
        while let Some(batch) = self.feed.next(self.batch_limit) {
            if self.shared.reopen.swap(false, Ordering::Relaxed)
                && let Err(error) = self.sink.reopen()
            {
                self.shared.set_error(&error);
            }
            if batch.is_empty() {
                continue;
            }
            match self.sink.write(&batch) {
                Ok(()) => {
                    failures = 0;
                    self.shared.is_failing.store(false, Ordering::Relaxed);
                    self.shared.latency.written(batch.iter().map(|line| &**line));
                    add(&self.shared.delivered, batch.len());
                    self.feed.done(batch.len());
                }
                Err(failure) => {
                    let got_on = failure.delivered + failure.rejected > 0;
                    failures = if got_on { 1 } else { failures + 1 };
                    if !self.failed(&failure, batch.len(), failures) {
                        return;
                    }
                }
            }
        }
    }

    /// Counts what a write did, and waits for the next try. False: it is not worth another.
    fn failed(&mut self, failure: &Failure, lines: usize, failures: u32) -> bool {
        let shared = &self.shared;
        shared.set_error(&failure.error);
        shared.is_failing.store(true, Ordering::Relaxed);
        let delivered = failure.delivered.min(lines);
        let rejected = failure.rejected.min(lines - delivered);
        let rest = lines - delivered - rejected;
        add(&shared.delivered, delivered);
        add(&shared.failed, rejected);
        if delivered + rejected > 0 {
            self.feed.done(delivered + rejected);
        }
        // What was rejected is out of the way: there is no reason to wait.
        if rest == 0 || rejected > 0 {
            return true;
        }
        let Some(backoff) = self.retry else { return self.give_up(rest) };
        let wait = backoff.wait(failures, fastrand::f64());
        let wait = wait.max(failure.wait.unwrap_or_default().min(backoff.longest));
        if let Feed::Kept(kept) = &self.feed {
            kept.say(Request::Stalled);
        }
        match self.stop.recv_timeout(wait) {
            Err(RecvTimeoutError::Disconnected) => self.give_up(rest),
            Ok(()) | Err(RecvTimeoutError::Timeout) => {
                add(&self.shared.retries, 1);
                true
            }
        }
    }

    /// At the end there is one try for each batch. A spool keeps what is left for the next start.
    fn give_up(&mut self, rest: usize) -> bool {
        if matches!(self.feed, Feed::Kept(_)) && self.retry.is_some() {
            return false;
        }
        add(&self.shared.failed, rest);
        self.feed.done(rest);
        true
    }
}
