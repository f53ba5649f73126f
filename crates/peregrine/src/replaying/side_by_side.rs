//! Several captures at a time, each on a thread of its own.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use peregrine_capture::Error;
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::parallel::Examiner;
use peregrine_engine::replay::{ReplayTotals, Step};
use peregrine_fields::view::Session;

use super::examine::{Found, Look};
use super::input::{self, Input};

/// Results that are handed over at once.
const BATCH: usize = 256;
/// Batches that a capture may be ahead of what is shown of it. A capture whose turn has not come
/// waits when it has so many, so memory is bounded.
const AHEAD: usize = 64;

/// What comes of a capture.
pub enum Message {
    /// Results, in order.
    Found(Vec<Found>),
    /// Damage that reading goes on behind.
    Damage(String),
    /// Nothing more.
    End(Box<End>),
    /// The file cannot be opened.
    Failed(anyhow::Error),
}

/// The end of a capture.
pub struct End {
    /// What was read.
    pub totals: ReplayTotals,
    /// Threads and fds known at the end.
    pub levels: (u64, u64),
    /// What looked at the events, with its counts.
    look: Option<Look>,
    /// Why reading could not go on.
    pub end: Result<(), Error>,
}

/// Replays captures side by side, as many at a time as there are looks; gives what comes of them
/// to `show` in the order of `files`, whole captures one after another.
///
/// # Errors
/// Those of `show`.
pub fn replay(
    files: &[PathBuf],
    looks: &mut Vec<Look>,
    session: &Session,
    stop: &AtomicBool,
    mut show: impl FnMut(&Path, Message) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let host_files = HostFiles::read();
    let at_once = looks.len();
    std::thread::scope(|scope| {
        let mut waiting = files.iter();
        let mut running: VecDeque<(&PathBuf, Receiver<Message>)> = VecDeque::new();
        loop {
            while running.len() < at_once
                && !looks.is_empty()
                && let Some(path) = waiting.next()
            {
                let (sender, receiver) = bounded(AHEAD);
                let look = looks.remove(0);
                let replay = Replay::new(session.clone(), host_files.clone());
                scope.spawn(move || one(path, replay, look, stop, &sender));
                running.push_back((path, receiver));
            }
            let Some((path, messages)) = running.pop_front() else { return Ok(()) };
            for message in &messages {
                match message {
                    Message::End(mut end) => {
                        looks.extend(end.look.take());
                        show(path, Message::End(end))?;
                    }
                    message => show(path, message)?,
                }
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
        }
    })
}

fn one(path: &Path, mut replay: Replay, mut look: Look, stop: &AtomicBool, to: &Sender<Message>) {
    let Input { mut reader, .. } = match input::open(path) {
        Ok(input) => input,
        Err(error) => return drop(to.send(Message::Failed(error))),
    };
    let mut found = Vec::with_capacity(BATCH);
    let end = replay.run(&mut reader, |step| {
        let is_wanted = match step {
            Step::Event { view, is_for_rules } => {
                look.examine(view, is_for_rules, &mut found);
                let is_full = found.len() >= BATCH;
                !is_full || to.send(Message::Found(std::mem::take(&mut found))).is_ok()
            }
            Step::Damage(error) => {
                to.send(Message::Found(std::mem::take(&mut found))).is_ok()
                    && to.send(Message::Damage(error.to_string())).is_ok()
            }
            Step::State(_) | Step::Entered(_) => true,
        };
        if is_wanted && !stop.load(Ordering::Relaxed) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    let state = replay.partition().shard().counters();
    let levels = (state.n_threads, state.n_fds);
    let end = End { totals: replay.totals(), levels, look: Some(look), end };
    // Nobody may want it any more.
    let _ = to.send(Message::Found(found));
    let _ = to.send(Message::End(Box::new(end)));
}
