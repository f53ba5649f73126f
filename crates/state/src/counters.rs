//! What a shard counts, under Falco's names.

/// Plain counters of one shard; the sum over the shards is what metrics show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counters {
    /// Threads in the table (a level, not a count).
    pub n_threads: u64,
    /// File descriptors of all tables (a level).
    pub n_fds: u64,
    pub n_noncached_fd_lookups: u64,
    pub n_cached_fd_lookups: u64,
    pub n_failed_fd_lookups: u64,
    pub n_added_fds: u64,
    pub n_removed_fds: u64,
    pub n_stored_evts: u64,
    pub n_store_evts_drops: u64,
    pub n_retrieved_evts: u64,
    pub n_retrieve_evts_drops: u64,
    pub n_noncached_thread_lookups: u64,
    pub n_cached_thread_lookups: u64,
    pub n_failed_thread_lookups: u64,
    pub n_added_threads: u64,
    pub n_removed_threads: u64,
    pub n_drops_full_threadtable: u64,
}

impl Counters {
    /// Names and values in Falco's order.
    pub fn named(&self) -> [(&'static str, u64); 17] {
        macro_rules! all { ($($name:ident)*) => { [$((stringify!($name), self.$name)),*] } }
        all!(n_threads n_fds n_noncached_fd_lookups n_cached_fd_lookups n_failed_fd_lookups
             n_added_fds n_removed_fds n_stored_evts n_store_evts_drops n_retrieved_evts
             n_retrieve_evts_drops n_noncached_thread_lookups n_cached_thread_lookups
             n_failed_thread_lookups n_added_threads n_removed_threads n_drops_full_threadtable)
    }

    /// Adds another shard's numbers.
    pub fn add(&mut self, other: &Counters) {
        self.update(other, |a, b| a + b);
    }

    fn update(&mut self, other: &Counters, f: impl Fn(u64, u64) -> u64) {
        macro_rules! all {
            ($($name:ident)*) => {{ $(self.$name = f(self.$name, other.$name);)* }};
        }
        all!(n_threads n_fds n_noncached_fd_lookups n_cached_fd_lookups n_failed_fd_lookups
             n_added_fds n_removed_fds n_stored_evts n_store_evts_drops n_retrieved_evts
             n_retrieve_evts_drops n_noncached_thread_lookups n_cached_thread_lookups
             n_failed_thread_lookups n_added_threads n_removed_threads n_drops_full_threadtable);
    }
}
