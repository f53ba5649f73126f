//! Whatever is read of a damaged capture can be written, and what was written is not damaged.

#[path = "support/rewritten.rs"]
mod rewritten;
mod support;

use rewritten::rewritten;

#[test]
fn what_is_read_of_mutated_captures_is_written_the_same_again() {
    let mut random = fastrand::Rng::with_seed(0x5eed);
    let (mut done, mut bytes_written) = (0, 0);
    for name in ["cat_write", "libs-sample", "psp_write_tmp_test"] {
        let file = format!("{name}.scap.gz");
        let Some(path) = support::captures().into_iter().find(|path| path.ends_with(&file)) else {
            continue;
        };
        let bytes = support::unpacked(&path);
        // A start and an end: lists, and events.
        let seeds = [&bytes[..bytes.len().min(48 << 10)], &bytes[..bytes.len().min(400 << 10)]];
        for round in 0..200 {
            let mut bytes = seeds[usize::from(round % 8 == 0)].to_vec();
            for _ in 0..random.usize(..8) {
                let at = random.usize(..bytes.len() - 4);
                match random.usize(..3) {
                    0 => bytes[at] ^= 1 << random.usize(..8),
                    1 => bytes[at] = random.usize(..256) as u8,
                    _ => {
                        let lies = [0, 1, 12, 0xffff, 0x10000, u32::MAX];
                        let lie = lies[random.usize(..lies.len())];
                        bytes[at / 4 * 4..][..4].copy_from_slice(&lie.to_le_bytes());
                    }
                }
            }
            let first = rewritten(&bytes, false);
            assert!(first == rewritten(&first, true), "{name}, round {round}");
            done += 1;
            bytes_written += first.len();
        }
    }
    eprintln!("{done} mutated captures, {bytes_written} bytes written");
}
