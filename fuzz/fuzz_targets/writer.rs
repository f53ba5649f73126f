//! What can be read of a capture is written, read and written again: the same bytes.
#![no_main]

#[path = "../../crates/capture/tests/support/rewritten.rs"]
mod rewritten;

use libfuzzer_sys::fuzz_target;
use rewritten::rewritten;

fuzz_target!(|bytes: &[u8]| {
    let first = rewritten(bytes, false);
    assert!(first == rewritten(&first, true));
});
