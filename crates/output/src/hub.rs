//! Whoever wants to see alerts as they come: the local stream, the web page.
//!
//! A subscriber is a function that takes an alert or says that it cannot. It is called on the hub's
//! own thread (the hub is a sink like any other) and must not wait; one that cannot keep up loses
//! alerts, which it is told by the gap in their numbers.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::line::Line;
use crate::sink::{Failure, Sink};

/// An alert with its number in this process.
#[derive(Debug, Clone)]
pub struct Published {
    /// Counts from one, without gaps.
    pub number: u64,
    /// The alert.
    pub line: Arc<Line>,
}

/// Whether a subscriber is still there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interest {
    /// It took the alert, or lost it and wants the next.
    Stays,
    /// It is gone.
    Ended,
}

type Subscriber = Box<dyn FnMut(&Published) -> Interest + Send>;

struct Inner {
    recent: VecDeque<Published>,
    keep: usize,
    subscribers: Vec<Subscriber>,
    published: u64,
}

/// The latest alerts, and the subscribers. Clones are handles of one hub.
#[derive(Clone)]
pub struct Hub(Arc<Mutex<Inner>>);

impl Hub {
    /// A hub that keeps the latest `keep` alerts for subscribers to come.
    pub fn new(keep: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            recent: VecDeque::new(),
            keep,
            subscribers: Vec::new(),
            published: 0,
        })))
    }

    /// The sink that feeds it.
    pub fn sink(&self) -> HubSink {
        HubSink(self.clone())
    }

    /// Hands the latest alerts, at most `recent` of them and only those numbered above `after`, and
    /// then every new one to `subscriber`: none is missing or comes twice.
    pub fn subscribe(
        &self,
        recent: usize,
        after: u64,
        mut subscriber: impl FnMut(&Published) -> Interest + Send + 'static,
    ) {
        let mut inner = self.lock();
        let skip = inner.recent.len().saturating_sub(recent);
        let wanted = inner.recent.iter().skip(skip).filter(|alert| alert.number > after);
        for alert in wanted {
            if subscriber(alert) == Interest::Ended {
                return;
            }
        }
        inner.subscribers.push(Box::new(subscriber));
    }

    /// The alert of a number, if it is among the latest.
    pub fn get(&self, number: u64) -> Option<Published> {
        self.lock().recent.iter().find(|alert| alert.number == number).cloned()
    }

    /// Subscribers at this moment.
    pub fn subscribers(&self) -> usize {
        self.lock().subscribers.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // A subscriber that panicked has not changed what is kept.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Feeds a [`Hub`].
pub struct HubSink(Hub);

impl Sink for HubSink {
    fn name(&self) -> &str {
        "live"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        let mut inner = self.0.lock();
        let inner = &mut *inner;
        for line in lines {
            inner.published += 1;
            let alert = Published { number: inner.published, line: Arc::clone(line) };
            inner.subscribers.retain_mut(|subscriber| subscriber(&alert) == Interest::Stays);
            inner.recent.push_back(alert);
            while inner.recent.len() > inner.keep {
                inner.recent.pop_front();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line::tests::line;

    #[test]
    fn a_subscriber_gets_recent_alerts_and_then_each_new_one() {
        let hub = Hub::new(3);
        let mut sink = hub.sink();
        sink.write(&[line("1"), line("2"), line("3"), line("4")]).unwrap();
        let got: Arc<Mutex<Vec<u64>>> = Arc::default();
        let subscribe = |recent, after, limit| {
            let got = got.clone();
            hub.subscribe(recent, after, move |alert| {
                got.lock().unwrap().push(alert.number);
                if got.lock().unwrap().len() < limit { Interest::Stays } else { Interest::Ended }
            });
        };
        subscribe(2, 0, 4);
        sink.write(&[line("5"), line("6"), line("7")]).unwrap();
        assert_eq!(*got.lock().unwrap(), [3, 4, 5, 6], "ended behind the fourth");
        assert_eq!(hub.subscribers(), 0);

        got.lock().unwrap().clear();
        subscribe(100, 6, 100);
        assert_eq!(*got.lock().unwrap(), [7]);
        assert!(hub.get(4).is_none(), "too old");
        assert_eq!(hub.get(6).unwrap().line.text, "6");
    }
}
