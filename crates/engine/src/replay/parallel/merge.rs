//! Brings the results of all workers into the order of the capture.

use std::ops::ControlFlow;

use crossbeam_channel::{Receiver, Sender};

use super::epoch::Epoch;
use super::worker::Results;
use super::{Outcome, SharedEpoch};

/// Merges until a worker ends or the consumer breaks. An epoch is complete when every worker has
/// handed in its part: that is the watermark. Its buffers go back through `used`.
pub(super) fn merge<T>(
    workers: &[Receiver<(SharedEpoch, Results<T>)>],
    used: &Sender<Epoch>,
    consumer: &mut impl FnMut(Outcome<T>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut all: Vec<(u64, Outcome<T>)> = Vec::new();
    loop {
        let mut epoch = None;
        for worker in workers {
            let Ok((done, results)) = worker.recv() else { return ControlFlow::Continue(()) };
            all.extend(results.into_iter().map(|(order, found)| (order, Outcome::Found(found))));
            // Dropping the last one but this leaves one, to be taken apart below.
            epoch = Some(done);
        }
        let mut read = 0;
        if let Some(Ok(mut done)) = epoch.map(SharedEpoch::try_unwrap) {
            read = done.read;
            let damage = done.damage.drain(..);
            all.extend(damage.map(|(order, error)| (order, Outcome::Damage(error))));
            done.clear();
            // The router may have ended.
            let _ = used.send(done);
        }
        // Each worker's are in order already, and an event has one owner, so this is a merge of
        // sorted runs that keeps what one event brought in order.
        all.sort_by_key(|(order, _)| *order);
        for (_, outcome) in all.drain(..) {
            consumer(outcome)?;
        }
        consumer(Outcome::Progress(read))?;
    }
}
