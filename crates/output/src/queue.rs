//! From workers to sinks.
//!
//! Rules of the hand-over:
//!
//! 1. A worker only ever pushes to the alert queue; it renders nothing and knows no sink.
//! 2. The dispatcher takes alerts in order, renders each once, and offers the line to the queue of
//!    every sink before it waits for one that is full (and only if that sink's policy is to wait).
//! 3. A sink's thread takes what waits, up to a limit, and writes it; it never waits for
//!    more before it writes.
//! 4. An alert is counted exactly once per sink: delivered, dropped (queue full), failed (the sink
//!    said so) or abandoned (still queued when the time to shut down was over). One that does not
//!    get into the alert queue is counted there.
//!
//! All synchronisation is that of the channels.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, unbounded};

use crate::alert::Alert;
use crate::line::{Line, LineFormat};
use crate::sink::{OutputError, Sink, SinkOptions, WhenFull};

enum ToDispatcher {
    Alert(Box<Alert>),
    Reopen,
    Stop,
}

enum ToSink {
    Line(Arc<Line>),
    /// Nothing to write, but look at the flags.
    Wake,
}

#[derive(Debug, Default)]
struct QueueCounters {
    accepted: AtomicU64,
    dropped: AtomicU64,
    dispatched: AtomicU64,
}

#[derive(Debug, Default)]
struct SinkShared {
    delivered: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
    /// Lines put into the queue, for the sum at the end.
    queued: AtomicU64,
    reopen: AtomicBool,
    last_error: Mutex<Option<String>>,
}

impl SinkShared {
    fn set_error(&self, error: &std::io::Error) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
}

/// Gives alerts to the output. Cheap to clone; one per worker.
#[derive(Debug, Clone)]
pub struct AlertSender {
    queue: Sender<ToDispatcher>,
    when_full: WhenFull,
    counters: Arc<QueueCounters>,
}

impl AlertSender {
    /// Queues an alert. Returns whether it was taken; one that was not is counted as dropped. With
    /// [`WhenFull::Block`] it waits while the queue is full.
    pub fn send(&self, alert: Alert) -> bool {
        let message = ToDispatcher::Alert(Box::new(alert));
        let taken = match self.when_full {
            WhenFull::DropNewest => self.queue.try_send(message).is_ok(),
            WhenFull::Block => self.queue.send(message).is_ok(),
        };
        // Relaxed: statistics, read when the threads have been joined or as a snapshot.
        let counter = if taken { &self.counters.accepted } else { &self.counters.dropped };
        counter.fetch_add(1, Ordering::Relaxed);
        taken
    }
}

/// What a sink did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SinkTotals {
    /// Name of the sink.
    pub name: String,
    /// Alerts written.
    pub delivered: u64,
    /// Alerts lost because the sink's queue was full.
    pub dropped: u64,
    /// Alerts lost because writing failed.
    pub failed: u64,
    /// Alerts that wait in the sink's queue, or are being written.
    pub waiting: u64,
    /// What the last failure was.
    pub last_error: Option<String>,
}

/// What the output did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputTotals {
    /// Alerts taken from workers.
    pub accepted: u64,
    /// Alerts lost because the alert queue was full (or the output had ended).
    pub dropped: u64,
    /// Alerts that wait for the dispatcher.
    pub waiting: u64,
    /// Per sink.
    pub sinks: Vec<SinkTotals>,
}

/// The end of the output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputReport {
    /// Final figures; `waiting` is what was abandoned.
    pub totals: OutputTotals,
    /// Names of sinks that did not finish in time.
    pub unfinished: Vec<String>,
}

/// Describes an output before it runs.
pub struct OutputsBuilder {
    format: LineFormat,
    capacity: Option<usize>,
    when_full: WhenFull,
    sinks: Vec<(Box<dyn Sink>, SinkOptions)>,
}

impl OutputsBuilder {
    /// An output without sinks, with a queue of `capacity` alerts (`None`: any number).
    pub fn new(format: LineFormat, capacity: Option<usize>, when_full: WhenFull) -> Self {
        Self { format, capacity, when_full, sinks: Vec::new() }
    }

    /// Adds a sink.
    pub fn sink(mut self, sink: impl Sink, options: SinkOptions) -> Self {
        self.sinks.push((Box::new(sink), options));
        self
    }

    /// Starts the dispatcher and a thread per sink.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self) -> Result<Outputs, OutputError> {
        // The dispatcher starts last: if it does not, the sinks' threads end with their queues.
        let mut sinks = Vec::new();
        for (sink, options) in self.sinks {
            sinks.push(SinkHandle::start(sink, options)?);
        }
        let (queue, alerts) = channel(self.capacity);
        let counters = Arc::new(QueueCounters::default());
        let lanes: Vec<_> = sinks.iter_mut().filter_map(|sink| sink.lane.take()).collect();
        let dispatcher =
            Dispatcher { alerts, format: self.format, lanes, counters: Arc::clone(&counters) };
        let done = spawn("dispatcher", move || dispatcher.run())?;
        let sender = AlertSender { queue, when_full: self.when_full, counters };
        Ok(Outputs { sender, sinks, done })
    }
}

/// A running output. Dropping it ends it without waiting; use [`Outputs::shutdown`].
pub struct Outputs {
    sender: AlertSender,
    sinks: Vec<SinkHandle>,
    done: Receiver<()>,
}

impl Outputs {
    /// A sender for a worker.
    pub fn sender(&self) -> AlertSender {
        self.sender.clone()
    }

    /// Asks every sink to close and open again what may have been moved away.
    pub fn reopen(&self) {
        // A queue that is full delays this; the flag of each sink is set by the dispatcher in
        // order, so that alerts before the request still go to the old file where possible.
        if self.sender.queue.try_send(ToDispatcher::Reopen).is_err() {
            self.sinks.iter().for_each(|sink| sink.shared.reopen.store(true, Ordering::Relaxed));
        }
    }

    /// Figures at this moment.
    pub fn totals(&self) -> OutputTotals {
        let counters = &self.sender.counters;
        let accepted = counters.accepted.load(Ordering::Relaxed);
        OutputTotals {
            accepted,
            dropped: counters.dropped.load(Ordering::Relaxed),
            waiting: accepted.saturating_sub(counters.dispatched.load(Ordering::Relaxed)),
            sinks: self.sinks.iter().map(SinkHandle::totals).collect(),
        }
    }

    /// Delivers everything that is queued and ends. Workers should have stopped; what they still
    /// send is counted as dropped. After `patience` (none: wait for ever) whatever hangs is left to
    /// itself, and what it still had is reported.
    pub fn shutdown(self, patience: Option<Duration>) -> OutputReport {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let _ = match deadline {
            Some(at) => self.sender.queue.send_deadline(ToDispatcher::Stop, at).is_ok(),
            None => self.sender.queue.send(ToDispatcher::Stop).is_ok(),
        };
        wait(&self.done, deadline);
        let unfinished = self
            .sinks
            .iter()
            .filter(|sink| !wait(&sink.done, deadline))
            .map(|sink| sink.name.clone())
            .collect();
        OutputReport { totals: self.totals(), unfinished }
    }
}

/// Waits for a thread's end; false if it did not come in time.
fn wait(done: &Receiver<()>, deadline: Option<Instant>) -> bool {
    use crossbeam_channel::RecvTimeoutError;
    match deadline {
        // Nothing is ever sent: the end of the thread closes the channel.
        None => done.recv().is_err(),
        Some(at) => matches!(done.recv_deadline(at), Err(RecvTimeoutError::Disconnected)),
    }
}

fn channel<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    match capacity {
        // A queue without room would make every hand-over a meeting.
        Some(capacity) => bounded(capacity.max(1)),
        None => unbounded(),
    }
}

/// Starts a thread; the returned channel closes when it ends, even by a panic.
fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<Receiver<()>, OutputError> {
    let (alive, done) = bounded::<()>(0);
    thread::Builder::new()
        .name(format!("out-{name}"))
        .spawn(move || {
            let _alive = alive;
            run();
        })
        .map_err(|source| OutputError::Thread { sink: name.to_owned(), source })?;
    Ok(done)
}

/// The dispatcher's end of a sink's queue.
struct Lane {
    queue: Sender<ToSink>,
    when_full: WhenFull,
    shared: Arc<SinkShared>,
}

struct Dispatcher {
    alerts: Receiver<ToDispatcher>,
    format: LineFormat,
    lanes: Vec<Lane>,
    counters: Arc<QueueCounters>,
}

impl Dispatcher {
    fn run(self) {
        while let Ok(message) = self.alerts.recv() {
            if matches!(message, ToDispatcher::Stop) {
                // What workers sent meanwhile lies behind the stop.
                self.alerts.try_iter().for_each(|message| self.take(message));
                break;
            }
            self.take(message);
        }
    }

    fn take(&self, message: ToDispatcher) {
        match message {
            ToDispatcher::Alert(alert) => self.dispatch(*alert),
            ToDispatcher::Reopen => {
                for lane in &self.lanes {
                    lane.shared.reopen.store(true, Ordering::Relaxed);
                    // A full queue needs no waking.
                    let _ = lane.queue.try_send(ToSink::Wake);
                }
            }
            ToDispatcher::Stop => {}
        }
    }

    fn dispatch(&self, alert: Alert) {
        let text = self.format.render(&alert);
        let line = Arc::new(Line { alert, text });
        let mut blocked = Vec::new();
        for lane in &self.lanes {
            lane.shared.queued.fetch_add(1, Ordering::Relaxed);
            match (lane.queue.try_send(ToSink::Line(Arc::clone(&line))), lane.when_full) {
                (Ok(()), _) => {}
                (Err(TrySendError::Full(message)), WhenFull::Block) => {
                    blocked.push((lane, message));
                }
                (Err(_), _) => lane.drop_one(),
            }
        }
        for (lane, message) in blocked {
            if lane.queue.send(message).is_err() {
                lane.drop_one();
            }
        }
        self.counters.dispatched.fetch_add(1, Ordering::Relaxed);
    }
}

impl Lane {
    fn drop_one(&self) {
        self.shared.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

struct SinkHandle {
    name: String,
    shared: Arc<SinkShared>,
    /// Moves to the dispatcher.
    lane: Option<Lane>,
    done: Receiver<()>,
}

impl SinkHandle {
    fn start(sink: Box<dyn Sink>, options: SinkOptions) -> Result<Self, OutputError> {
        let name = sink.name().to_owned();
        let shared = Arc::new(SinkShared::default());
        let (queue, lines) = channel(options.capacity);
        let lane = Lane { queue, when_full: options.when_full, shared: Arc::clone(&shared) };
        let batch = if options.batched { sink.batch_limit().max(1) } else { 1 };
        let of_thread = Arc::clone(&shared);
        let done = spawn(&name, move || run_sink(sink, &lines, batch, &of_thread))?;
        Ok(Self { name, shared, lane: Some(lane), done })
    }

    fn totals(&self) -> SinkTotals {
        let shared = &self.shared;
        let [delivered, dropped, failed, queued] =
            [&shared.delivered, &shared.dropped, &shared.failed, &shared.queued]
                .map(|counter| counter.load(Ordering::Relaxed));
        let last_error = &shared.last_error;
        SinkTotals {
            name: self.name.clone(),
            delivered,
            dropped,
            failed,
            waiting: queued.saturating_sub(delivered + dropped + failed),
            last_error: last_error.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// The body of a sink's thread: ends when the queue is closed and empty.
fn run_sink(
    mut sink: Box<dyn Sink>,
    lines: &Receiver<ToSink>,
    batch_limit: usize,
    shared: &SinkShared,
) {
    let mut batch = Vec::new();
    while let Ok(first) = lines.recv() {
        batch.clear();
        let rest = lines.try_iter().take(batch_limit - 1);
        batch.extend(std::iter::once(first).chain(rest).filter_map(|message| match message {
            ToSink::Line(line) => Some(line),
            ToSink::Wake => None,
        }));
        if shared.reopen.swap(false, Ordering::Relaxed)
            && let Err(error) = sink.reopen()
        {
            shared.set_error(&error);
        }
        if batch.is_empty() {
            continue;
        }
        let counter = match sink.write(&batch) {
            Ok(()) => &shared.delivered,
            Err(error) => {
                shared.set_error(&error);
                &shared.failed
            }
        };
        counter.fetch_add(batch.len() as u64, Ordering::Relaxed);
    }
}
