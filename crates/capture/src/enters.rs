//! The last enter event of each thread, within bounds of number and memory.

use crate::convert::Converted;
use crate::event::{OwnedEvent, RawEvent};
use rustc_hash::FxHashMap;
use std::cell::Cell;

/// Most threads.
const MAX_THREADS: usize = 1 << 18;
/// Most bytes. Only a hostile file comes near it: an enter event has a path or two.
const MAX_BYTES: usize = 128 << 20;

/// An enter event that waits for its exit.
#[derive(Debug, Default)]
pub(crate) struct Enter {
    pub(crate) event: OwnedEvent,
    /// Its exit event has come. It stays for its buffers.
    pub(crate) is_used: Cell<bool>,
}

/// Remembers enter events.
#[derive(Debug, Default)]
pub(crate) struct Enters {
    threads: FxHashMap<u64, Enter>,
    bytes: usize,
}

impl Enters {
    pub(crate) fn clear(&mut self) {
        self.threads.clear();
        self.bytes = 0;
    }

    /// The event of a thread, if its exit event has not come.
    #[inline]
    pub(crate) fn get(&self, tid: u64) -> Option<&Enter> {
        self.threads.get(&tid).filter(|enter| !enter.is_used.get())
    }

    /// Forgets a thread.
    #[inline]
    pub(crate) fn remove(&mut self, tid: u64) {
        if !self.threads.is_empty()
            && let Some(enter) = self.threads.remove(&tid)
        {
            self.bytes -= enter.event.footprint();
        }
    }

    /// Remembers an event in the place of the thread's earlier one.
    pub(crate) fn put(&mut self, raw: &RawEvent<'_>, event: &Converted<'_>) {
        if self.threads.len() >= MAX_THREADS || self.bytes >= MAX_BYTES {
            self.threads.retain(|_, enter| !enter.is_used.get());
            self.bytes = self.threads.values().map(|enter| enter.event.footprint()).sum();
            if self.threads.len() >= MAX_THREADS || self.bytes >= MAX_BYTES {
                self.clear();
            }
        }
        let enter = self.threads.entry(raw.tid).or_default();
        enter.is_used.set(false);
        let kept = &mut enter.event;
        self.bytes -= kept.footprint();
        (kept.cpu, kept.flags, kept.ts, kept.tid) = (raw.cpu, raw.flags, raw.ts, raw.tid);
        kept.code = event.code;
        kept.clear();
        event.params().for_each(|param| kept.push(param));
        self.bytes += kept.footprint();
    }
}
