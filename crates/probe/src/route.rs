//! Which ring a thread group writes to: the twin of `bpf/lib/route.bpf.h`.
//!
//! User space needs it to hand the initial state to the worker that owns the group's ring.

/// The ring of a thread group among `rings`.
pub fn route(tgid: u32, rings: u32) -> u32 {
    let hash = tgid.wrapping_mul(0x9E37_79B1);
    ((u64::from(hash) * u64::from(rings)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ring_gets_its_share() {
        for rings in [1, 2, 3, 7, 16, 255] {
            let mut counts = vec![0u32; rings as usize];
            for tgid in 1..=100_000 {
                counts[route(tgid, rings) as usize] += 1;
            }
            let fair = 100_000 / rings;
            assert!(
                counts.iter().all(|c| c.abs_diff(fair) <= fair / 10 + 2),
                "{rings}: {counts:?}"
            );
        }
    }
}
