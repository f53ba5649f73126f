//! From workers to sinks.
//!
//! Rules of the hand-over:
//!
//! 1. A worker only ever pushes to the alert queue; it renders nothing and knows no sink.
//! 2. The dispatcher takes alerts in order (that of the queue, or that of their events: `order.rs`),
//!    renders each once, and offers the line to the queue of
//!    every sink before it waits for one that is full (and only if that sink's policy is to wait).
//! 3. A sink's thread (`driver.rs`) takes what waits, up to a limit, and writes it; it never waits
//!    for more before it writes. What it could not deliver it tries again, with growing waits.
//! 4. A sink with a spool has a second thread (`keeper.rs`) that empties its queue whatever the
//!    sink does.
//! 5. An alert is counted exactly once per sink: delivered, dropped (queue full), spool full,
//!    failed (the sink rejected it) or waiting (in memory or on disk; when the process ends, what
//!    is in memory is abandoned). One that does not get into the alert queue is counted there.
//!
//! All synchronisation is that of the channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded, unbounded};

use crate::alert::Alert;
use crate::driver::{Driver, Feed};
use crate::keeper::{Keeper, Kept};
use crate::line::{Line, LineFormat};
use crate::order::{Order, OrderOptions, Watermark};
use crate::sink::{OutputError, Sink, SinkOptions, SpoolOptions, WhenFull};
use crate::spool::Spool;
use crate::totals::{OrderCounters, OutputReport, OutputTotals, SinkShared, SinkTotals};

enum ToDispatcher {
    /// An alert, and the worker that found it.
    Alert(Box<Alert>, Option<u32>),
    /// From now on alerts of workers leave in the order of their events.
    Order(OrderOptions, Box<dyn Watermark>),
    Reopen,
    Replace(Box<Replacement>),
    Stop,
}

/// Sinks that are open and wait to take over; see [`Outputs::prepare`].
pub struct Prepared {
    lanes: Vec<NextLane>,
    /// The sinks in their order; one that is kept by its place now.
    handles: Vec<Result<SinkHandle, usize>>,
}

/// What the dispatcher goes on with.
struct Replacement {
    format: LineFormat,
    lanes: Vec<NextLane>,
}

enum NextLane {
    /// The lane that stands here now.
    Kept(usize),
    New(Lane),
}

/// A sink of an output that goes on with others.
pub enum Part {
    /// The sink that runs under this name, as it is.
    Kept(String),
    /// Another.
    New(Box<dyn Sink>, SinkOptions),
}

impl Part {
    /// Another sink.
    pub fn new(sink: impl Sink, options: SinkOptions) -> Self {
        Self::New(Box::new(sink), options)
    }
}

/// How long a replacement waits for room in the alert queue.
const REPLACE_PATIENCE: Duration = Duration::from_secs(5);

pub(crate) enum ToSink {
    Line(Arc<Line>),
    /// Nothing to write, but look at the flags.
    Wake,
}

#[derive(Debug, Default)]
struct QueueCounters {
    accepted: AtomicU64,
    dropped: AtomicU64,
    dispatched: AtomicU64,
    order: OrderCounters,
}

/// Gives alerts to the output. Cheap to clone; one per worker.
#[derive(Debug, Clone)]
pub struct AlertSender {
    queue: Sender<ToDispatcher>,
    when_full: WhenFull,
    counters: Arc<QueueCounters>,
    worker: Option<u32>,
}

impl AlertSender {
    /// The sender of a worker, whose alerts have a place in the order of events.
    pub fn of_worker(&self, worker: u32) -> Self {
        Self { worker: Some(worker), ..self.clone() }
    }

    /// From now on alerts of workers leave in the order of their events, as far as the bounds allow
    /// (`order.rs`). To be called before any worker sends.
    pub fn order(&self, options: OrderOptions, watermark: impl Watermark + 'static) {
        // An output that has ended sends nothing in any order.
        let _ = self.queue.send(ToDispatcher::Order(options, Box::new(watermark)));
    }

    /// Queues an alert. Returns whether it was taken; one that was not is counted as dropped. With
    /// [`WhenFull::Block`] it waits while the queue is full.
    pub fn send(&self, alert: Alert) -> bool {
        let message = ToDispatcher::Alert(Box::new(alert), self.worker);
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

    /// Adds a sink that is described already. There is none yet that could be kept.
    pub fn part(mut self, part: Part) -> Self {
        if let Part::New(sink, options) = part {
            self.sinks.push((sink, options));
        }
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
            sinks.push(SinkHandle::start(sink, &options)?);
        }
        let (queue, alerts) = channel(self.capacity);
        let counters = Arc::new(QueueCounters::default());
        let lanes: Vec<_> = sinks.iter_mut().filter_map(|sink| sink.lane.take()).collect();
        let dispatcher = Dispatcher {
            alerts,
            format: self.format,
            lanes,
            counters: Arc::clone(&counters),
            ordering: None,
        };
        let done = spawn("dispatcher", move || dispatcher.run())?;
        let sender = AlertSender { queue, when_full: self.when_full, counters, worker: None };
        Ok(Outputs { sender, sinks, retired: Vec::new(), past: Vec::new(), done })
    }
}

/// A running output. Dropping it ends it without waiting; use [`Outputs::shutdown`].
pub struct Outputs {
    sender: AlertSender,
    /// In the order of the dispatcher's lanes.
    sinks: Vec<SinkHandle>,
    /// Replaced, and not yet done with what they had.
    retired: Vec<SinkHandle>,
    /// Figures of those that are done.
    past: Vec<SinkTotals>,
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
        // One that waits for its next try has a reason to hope now.
        for nudge in self.sinks.iter().filter_map(|sink| sink.nudge.as_ref()) {
            let _ = nudge.try_send(());
        }
    }

    /// Opens what [`Self::replace`] needs. Nothing changes yet; a result that is dropped ends the
    /// sinks that it started.
    ///
    /// # Errors
    /// A thread cannot be started, a spool cannot be opened (the sink that is to be replaced uses
    /// it), or a kept sink does not exist.
    pub fn prepare(&self, parts: Vec<Part>) -> Result<Prepared, OutputError> {
        let mut lanes = Vec::with_capacity(parts.len());
        let mut handles = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::Kept(name) => {
                    let at = self.sinks.iter().position(|sink| sink.name == name);
                    let at = at.ok_or_else(|| OutputError::Open {
                        sink: name,
                        source: std::io::ErrorKind::NotFound.into(),
                    })?;
                    lanes.push(NextLane::Kept(at));
                    handles.push(Err(at));
                }
                Part::New(sink, options) => {
                    let mut handle = SinkHandle::start(sink, &options)?;
                    lanes.extend(handle.lane.take().map(NextLane::New));
                    handles.push(Ok(handle));
                }
            }
        }
        Ok(Prepared { lanes, handles })
    }

    /// Goes on with another format and other sinks. The alert queue and its senders stay: alerts
    /// before this call go to the old sinks, alerts after it (and those that are kept back at this
    /// moment, to be put in order) to the new ones, none to both or to neither. Old sinks deliver what they have and end.
    ///
    /// # Errors
    /// The alert queue stays full. The output then goes on as it was.
    pub fn replace(&mut self, format: LineFormat, prepared: Prepared) -> Result<(), OutputError> {
        let Prepared { lanes, handles } = prepared;
        let replacement = ToDispatcher::Replace(Box::new(Replacement { format, lanes }));
        self.sender.queue.send_timeout(replacement, REPLACE_PATIENCE).map_err(|_| {
            OutputError::Open {
                sink: "alert queue".to_owned(),
                source: std::io::ErrorKind::TimedOut.into(),
            }
        })?;
        let mut old: Vec<Option<SinkHandle>> = self.sinks.drain(..).map(Some).collect();
        for handle in handles {
            self.sinks.extend(handle.map_or_else(|at| old[at].take(), Some));
        }
        self.retired.extend(old.into_iter().flatten());
        self.forget_finished();
        Ok(())
    }

    /// Turns retired sinks that have ended into figures.
    fn forget_finished(&mut self) {
        let now = Some(Instant::now());
        let (finished, running): (Vec<_>, Vec<_>) =
            self.retired.drain(..).partition(|sink| sink.wait(now));
        self.retired = running;
        for sink in finished {
            sink.totals().add_to(&mut self.past);
        }
    }

    /// Figures at this moment. Sinks that were replaced count under their name.
    pub fn totals(&self) -> OutputTotals {
        let counters = &self.sender.counters;
        let accepted = counters.accepted.load(Ordering::Relaxed);
        let mut sinks: Vec<SinkTotals> = self.sinks.iter().map(SinkHandle::totals).collect();
        for earlier in self.past.iter().cloned().chain(self.retired.iter().map(SinkHandle::totals))
        {
            earlier.add_to(&mut sinks);
        }
        OutputTotals {
            accepted,
            dropped: counters.dropped.load(Ordering::Relaxed),
            waiting: accepted.saturating_sub(counters.dispatched.load(Ordering::Relaxed)),
            order: counters.order.totals(),
            sinks,
        }
    }

    /// Delivers everything that is queued and ends. Workers should have stopped; what they still
    /// send is counted as dropped. After `patience` (none: wait for ever) whatever hangs is left to
    /// itself, and what it still had is reported.
    pub fn shutdown(mut self, patience: Option<Duration>) -> OutputReport {
        let deadline = patience.map(|patience| Instant::now() + patience);
        let _ = match deadline {
            Some(at) => self.sender.queue.send_deadline(ToDispatcher::Stop, at).is_ok(),
            None => self.sender.queue.send(ToDispatcher::Stop).is_ok(),
        };
        wait(&self.done, deadline);
        let all = self.sinks.iter_mut().chain(&mut self.retired);
        all.for_each(|sink| sink.nudge = None);
        let unfinished = self
            .sinks
            .iter()
            .chain(&self.retired)
            .filter(|sink| !sink.wait(deadline))
            .map(|sink| sink.name.clone())
            .collect();
        OutputReport { totals: self.totals(), unfinished }
    }
}

/// Waits for a thread's end; false if it did not come in time.
fn wait(done: &Receiver<()>, deadline: Option<Instant>) -> bool {
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
    // Nothing is ever sent. One without room would close under a lock of the standard library, which
    // the thread sanitizer cannot see.
    let (alive, done) = bounded::<()>(1);
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

/// What puts alerts in order.
struct InOrder {
    order: Order<Box<Alert>>,
    watermark: Box<dyn Watermark>,
}

/// How often the dispatcher looks whether what it keeps back may leave.
const LOOK_EVERY: Duration = Duration::from_millis(1);

struct Dispatcher {
    alerts: Receiver<ToDispatcher>,
    format: LineFormat,
    lanes: Vec<Lane>,
    counters: Arc<QueueCounters>,
    ordering: Option<InOrder>,
}

impl Dispatcher {
    fn run(mut self) {
        let alerts = self.alerts.clone();
        while let Some(message) = self.next() {
            // Asked before the queue is emptied: rule 2 of `order.rs`.
            let settled = self.ordering.as_ref().map(|ordering| ordering.watermark.settled());
            let mut is_over = matches!(message, Some(ToDispatcher::Stop));
            message.into_iter().for_each(|message| self.take(message));
            if is_over {
                // What workers sent meanwhile lies behind the stop.
                alerts.try_iter().for_each(|message| self.take(message));
            } else if settled.is_some() {
                // Not more than lies there now, or this might never end.
                for message in alerts.try_iter().take(alerts.len()) {
                    is_over |= matches!(message, ToDispatcher::Stop);
                    self.take(message);
                }
            }
            if let Some(settled) = settled {
                self.release(settled);
            }
            if is_over {
                alerts.try_iter().for_each(|message| self.take(message));
                break;
            }
        }
        self.flush();
    }

    /// The next message, none if it is time to look at what is kept back. `None` at the end.
    fn next(&self) -> Option<Option<ToDispatcher>> {
        match &self.ordering {
            Some(ordering) if !ordering.order.is_empty() => {
                match self.alerts.recv_timeout(LOOK_EVERY) {
                    Ok(message) => Some(Some(message)),
                    Err(RecvTimeoutError::Timeout) => Some(None),
                    Err(RecvTimeoutError::Disconnected) => None,
                }
            }
            _ => self.alerts.recv().ok().map(Some),
        }
    }

    /// Lets go of alerts whose turn it is.
    fn release(&mut self, settled: u64) {
        let Some(mut ordering) = self.ordering.take() else { return };
        ordering.order.release(settled, Instant::now(), |alert| self.dispatch(*alert));
        self.counters.order.set(&ordering.order.totals());
        self.ordering = Some(ordering);
    }

    /// Lets go of all that is kept back, and keeps nothing back any more.
    fn flush(&mut self) {
        let Some(mut ordering) = self.ordering.take() else { return };
        ordering.order.flush(|alert| self.dispatch(*alert));
        self.counters.order.set(&ordering.order.totals());
    }

    fn take(&mut self, message: ToDispatcher) {
        match message {
            ToDispatcher::Replace(next) => {
                let mut old: Vec<Option<Lane>> = self.lanes.drain(..).map(Some).collect();
                for lane in next.lanes {
                    self.lanes.extend(match lane {
                        NextLane::New(lane) => Some(lane),
                        NextLane::Kept(at) => old.get_mut(at).and_then(Option::take),
                    });
                }
                self.format = next.format;
            }
            ToDispatcher::Alert(alert, worker) => {
                let at_once = match (&mut self.ordering, worker) {
                    (Some(ordering), Some(worker)) => {
                        ordering.order.add(alert.sequence, worker, alert, Instant::now())
                    }
                    _ => Some(alert),
                };
                if let Some(alert) = at_once {
                    self.dispatch(*alert);
                }
            }
            ToDispatcher::Order(options, watermark) => {
                self.flush();
                let order = Order::new(options);
                self.counters.order.set(&order.totals());
                self.ordering = Some(InOrder { order, watermark });
            }
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
        let line = Arc::new(Line::new(alert, text));
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
    /// The spool's thread, if there is one.
    keeper: Option<KeeperHandle>,
    /// Open until the end; a message wakes a sink that waits for its next try.
    nudge: Option<Sender<()>>,
}

impl SinkHandle {
    fn start(sink: Box<dyn Sink>, options: &SinkOptions) -> Result<Self, OutputError> {
        let name = sink.name().to_owned();
        let shared = Arc::new(SinkShared::default());
        let (queue, lines) = channel(options.capacity);
        let lane = Lane { queue, when_full: options.when_full, shared: Arc::clone(&shared) };
        let (feed, keeper) = match &options.spool {
            None => (Feed::direct(lines), None),
            Some(spool) => {
                let (kept, handle) = start_keeper(&name, spool, options, &shared, lines)?;
                (Feed::Kept(kept), Some(handle))
            }
        };
        let (nudge, stop) = bounded(1);
        let driver = Driver {
            batch_limit: if options.batched { sink.batch_limit().max(1) } else { 1 },
            sink,
            feed,
            retry: options.retry,
            shared: Arc::clone(&shared),
            stop,
        };
        let done = spawn(&name, move || driver.run())?;
        Ok(Self { name, shared, lane: Some(lane), done, keeper, nudge: Some(nudge) })
    }

    fn totals(&self) -> SinkTotals {
        self.shared.totals(&self.name)
    }

    /// Waits for the end of its threads; false if it did not come in time.
    fn wait(&self, deadline: Option<Instant>) -> bool {
        // Lines that have to get to the disk get the time for it, whatever the sink does.
        let is_safe = self.keeper.as_ref().is_none_or(|keeper| wait(&keeper.safe, deadline));
        let is_done = wait(&self.done, deadline);
        is_safe && is_done && self.keeper.as_ref().is_none_or(|k| wait(&k.done, deadline))
    }
}

struct KeeperHandle {
    /// Closes when all that is left is on disk.
    safe: Receiver<()>,
    done: Receiver<()>,
}

fn start_keeper(
    name: &str,
    spool: &SpoolOptions,
    options: &SinkOptions,
    shared: &Arc<SinkShared>,
    lines: Receiver<ToSink>,
) -> Result<(Kept, KeeperHandle), OutputError> {
    let (requests, of_sink) = unbounded();
    let (replies, to_sink) = unbounded();
    let keeper = Keeper {
        spool: Spool::open(spool)
            .map_err(|source| OutputError::Open { sink: format!("{name} spool"), source })?,
        capacity: options.capacity.unwrap_or(usize::MAX),
        shared: Arc::clone(shared),
        replies,
    };
    let (unsafe_yet, safe) = bounded(1);
    let done = spawn(&format!("{name}-spool"), move || keeper.run(lines, of_sink, unsafe_yet))?;
    Ok((Kept { requests, replies: to_sink }, KeeperHandle { safe, done }))
}
