//! The spool's thread: keeps the lines of one sink until the sink's own thread has delivered them.
//!
//! ```text
//! dispatcher ── lines ──► keeper: memory, then disk ── batch ──► sink's thread
//!                                            ▲──── Done(n) ────────┘
//! ```
//! All lines form one queue: those on disk are older than those in memory. The front of it is lent
//! to the sink's thread and removed when that says what became of it, so a sink that fails, hangs
//! or is cut off by the end of the process leaves its lines where they were. The keeper never waits
//! for the sink; it alone owns memory and disk, and all synchronisation is that of the channels.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender, never, select};

use crate::line::Line;
use crate::queue::ToSink;
use crate::spool::Spool;
use crate::totals::{SinkShared, add};

/// Lines kept in memory while the sink keeps up.
const IN_MEMORY: usize = 4096;
/// Lines taken from the queue before the sink's thread is heard again.
const TAKE: usize = 1024;

/// What the sink's thread says.
pub(crate) enum Request {
    /// Wants the first lines, at most so many; waits for the answer.
    Next(usize),
    /// So many of them are done with.
    Done(usize),
    /// It cannot deliver now: what waits should go to disk.
    Stalled,
}

/// What the sink's thread hears.
pub(crate) enum Reply {
    Lines(Vec<Arc<Line>>),
    /// Nothing to write, but look at the flags.
    Wake,
    End,
}

pub(crate) struct Keeper {
    pub(crate) spool: Spool,
    /// Lines that may wait in memory when the spool takes no more.
    pub(crate) capacity: usize,
    pub(crate) shared: Arc<SinkShared>,
    pub(crate) replies: Sender<Reply>,
}

impl Keeper {
    /// Runs until the queue is closed and the sink's thread has ended. `safe` is dropped when the
    /// queue is closed and all of it is on disk.
    pub(crate) fn run(
        mut self,
        lines: Receiver<ToSink>,
        requests: Receiver<Request>,
        safe: Sender<()>,
    ) {
        let mut memory = VecDeque::new();
        let (mut lines, mut requests, mut safe) = (lines, requests, Some(safe));
        let (mut wanted, mut is_stalled, mut has_sink) = (None, false, true);
        add(&self.shared.restored, self.spool.len() as usize);
        self.count();
        while safe.is_some() || has_sink {
            select! {
                recv(lines) -> message => match message {
                    Ok(message) => {
                        let rest: Vec<_> = lines.try_iter().take(TAKE).collect();
                        for message in std::iter::once(message).chain(rest) {
                            match message {
                                ToSink::Line(line) => memory.push_back(line),
                                ToSink::Wake if wanted.take().is_some() => self.reply(Reply::Wake),
                                ToSink::Wake => {}
                            }
                        }
                        if is_stalled || memory.len() > IN_MEMORY {
                            self.save(&mut memory);
                        }
                    }
                    Err(_) => {
                        self.save(&mut memory);
                        if let Err(error) = self.spool.sync() {
                            self.shared.set_error(&error);
                        }
                        lines = never();
                        safe = None;
                    }
                },
                recv(requests) -> request => match request {
                    Ok(Request::Next(limit)) => wanted = Some(limit),
                    Ok(Request::Done(count)) => {
                        is_stalled = false;
                        self.remove(count, &mut memory);
                    }
                    Ok(Request::Stalled) => {
                        is_stalled = true;
                        self.save(&mut memory);
                    }
                    Err(_) => {
                        is_stalled = true;
                        has_sink = false;
                        requests = never();
                    }
                },
            }
            if let Some(limit) = wanted {
                let front = self.front(limit, &memory);
                if !front.is_empty() {
                    wanted = None;
                    self.reply(Reply::Lines(front));
                } else if safe.is_none() {
                    wanted = None;
                    self.reply(Reply::End);
                }
            }
            self.count();
        }
    }

    fn reply(&self, reply: Reply) {
        // A thread that has ended is noticed by its requests.
        let _ = self.replies.send(reply);
    }

    fn front(&mut self, limit: usize, memory: &VecDeque<Arc<Line>>) -> Vec<Arc<Line>> {
        let lost_before = self.spool.lost();
        let front = self.spool.peek(limit);
        add(&self.shared.failed, (self.spool.lost() - lost_before) as usize);
        if let Some(error) = self.spool.take_error() {
            self.shared.set_error(&error);
        }
        // What is on disk is older, also while it cannot be read.
        match self.spool.is_empty() {
            true => memory.iter().take(limit).cloned().collect(),
            false => front,
        }
    }

    fn remove(&mut self, count: usize, memory: &mut VecDeque<Arc<Line>>) {
        let on_disk = count.min(self.spool.len() as usize);
        if on_disk > 0
            && let Err(error) = self.spool.remove(on_disk)
        {
            self.shared.set_error(&error);
        }
        memory.drain(..(count - on_disk).min(memory.len()));
    }

    /// Moves what is in memory to disk. What does not fit there stays, up to the capacity; the
    /// newest of it is lost beyond.
    fn save(&mut self, memory: &mut VecDeque<Arc<Line>>) {
        if memory.is_empty() {
            return;
        }
        let (saved, error) = self.spool.append(memory.iter());
        memory.drain(..saved);
        add(&self.shared.spooled, saved);
        if let Some(error) = error {
            self.shared.set_error(&error);
        }
        if memory.len() > self.capacity {
            add(&self.shared.spool_full, memory.len() - self.capacity);
            memory.truncate(self.capacity);
        }
    }

    fn count(&self) {
        let shared = &self.shared;
        shared.spooled_now.store(self.spool.len(), Ordering::Relaxed);
        shared.spool_bytes.store(self.spool.bytes(), Ordering::Relaxed);
        shared.spool_damaged.store(self.spool.damaged(), Ordering::Relaxed);
    }
}

/// The sink's thread's side of the keeper.
pub(crate) struct Kept {
    pub(crate) requests: Sender<Request>,
    pub(crate) replies: Receiver<Reply>,
}

impl Kept {
    /// The first lines; waits for one.
    pub(crate) fn next(&self, limit: usize) -> io::Result<Reply> {
        let gone = |_| io::Error::other("the spool's thread has ended");
        self.requests.send(Request::Next(limit)).map_err(|_| gone(()))?;
        self.replies.recv().map_err(|_| gone(()))
    }

    /// Says something.
    pub(crate) fn say(&self, request: Request) {
        // A keeper that has ended is noticed by the next wish.
        let _ = self.requests.send(request);
    }
}
