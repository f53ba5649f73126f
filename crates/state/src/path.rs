//! Joining and normalising paths, textually and with Falco's limits and habits.
//!
//! `.` and `..` are resolved in the text and no link is followed. The directory is taken as it is:
//! it gets no separator and is not normalised, but `..` in the path may climb into it.

/// Longest result, including a final NUL that Falco's buffer has.
pub const MAX_PATH: usize = 1024;

/// What stands for a path that is too long.
pub const TOO_LONG: &[u8] = b"/DIR_TOO_LONG/FILENAME_TOO_LONG";

/// Joins `dir` and `path` into `out`, which is cleared first; an absolute `path` stands alone.
///
/// ```
/// let mut out = Vec::new();
/// peregrine_state::path::join_into(&mut out, b"/tmp/", b"../etc//passwd");
/// assert_eq!(out, b"/etc/passwd");
/// ```
#[inline]
pub fn join_into(out: &mut Vec<u8>, dir: &[u8], path: &[u8]) {
    out.clear();
    if dir.len() + path.len() + 1 > MAX_PATH {
        out.extend_from_slice(TOO_LONG);
        return;
    }
    let is_relative = path.first().is_some_and(|b| *b != b'/');
    let base = if is_relative { dir } else { &[] };
    if is_normal(path) {
        out.reserve(base.len() + path.len());
        out.extend_from_slice(base);
        out.extend_from_slice(path);
        return;
    }
    out.extend_from_slice(base);
    // A NUL ends a path here as it does for the kernel.
    let end = memchr::memchr(0, path).unwrap_or(path.len());
    normalise(out, &path[..end]);
}

/// Joins `dir` and `path`.
pub fn join(dir: &[u8], path: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    join_into(&mut out, dir, path);
    out
}

/// Whether there is nothing to do: no empty or dotted component, no `/` at the end, no NUL. May say
/// no to a path that is normal.
#[inline]
fn is_normal(path: &[u8]) -> bool {
    // A component that starts with `.` or is empty shows as `/.` or `//`: two neighbours of which
    // the first is a slash and the second a dot or slash. Both are 0x2e or 0x2f, so one look at
    // eight bytes at a time finds them.
    match path {
        [] => true,
        [b'.', ..] => false,
        [b'/'] => true,
        [.., b'/'] => false,
        _ => !has_slash_then_dot_or_slash(path),
    }
}

/// Whether a `/` is followed by `.` or `/`, or a NUL is in the path.
#[inline]
fn has_slash_then_dot_or_slash(path: &[u8]) -> bool {
    let Some(last) = path.last_chunk::<8>() else {
        let mut bytes = [b'a'; 8];
        bytes[..path.len()].copy_from_slice(path);
        return is_odd(u64::from_le_bytes(bytes));
    };
    // Windows overlap by at least one byte, so that a pair across two of them is seen.
    let mut rest = path;
    while rest.len() > 8
        && let Some(bytes) = rest.first_chunk::<8>()
    {
        if is_odd(u64::from_le_bytes(*bytes)) {
            return true;
        }
        rest = &rest[7..];
    }
    is_odd(u64::from_le_bytes(*last))
}

/// The question of [`has_slash_then_dot_or_slash`] for eight bytes.
#[inline]
fn is_odd(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    const SLASHES: u64 = ONES * b'/' as u64;
    // Exact per byte: the high bit is set where the byte is zero.
    let zeroes = |x: u64| !(((x & !HIGHS) + !HIGHS) | x) & HIGHS;
    let slash = zeroes(word ^ SLASHES);
    // `.` and `/` differ in the lowest bit only.
    let either = zeroes((word | ONES) ^ SLASHES);
    (slash << 8 & either) | zeroes(word) != 0
}

/// Appends `path` to `out` component by component.
#[cold]
fn normalise(out: &mut Vec<u8>, path: &[u8]) {
    let had_base = !out.is_empty();
    let mut at = 0;
    while let Some(&byte) = path.get(at) {
        let is_start = out.last().is_none_or(|b| *b == b'/');
        let next = |n: usize| path.get(at + n).copied();
        if byte == b'.' && is_start {
            match (next(1), next(2)) {
                (Some(b'.'), Some(b'/')) => {
                    climb(out);
                    at += 3;
                    continue;
                }
                (Some(b'.'), None) => {
                    climb(out);
                    at += 2;
                    continue;
                }
                (Some(b'/'), _) => {
                    at += 2;
                    continue;
                }
                (None, _) => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
        } else if byte == b'/' && (out.last() == Some(&b'/') || (out.is_empty() && had_base)) {
            at += 1;
            continue;
        }
        out.push(byte);
        at += 1;
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
}

/// Removes the last component. At the root, and at the start of a relative path, nothing is left
/// to remove; a first component of one letter without a slash stays, as in Falco.
fn climb(out: &mut Vec<u8>) {
    if out.len() <= 1 {
        return;
    }
    out.pop();
    while out.last().is_some_and(|b| *b != b'/') {
        out.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fast_and_slow_way_agree() {
        // Every path of up to seven letters of this alphabet, under three directories.
        let alphabet = b"a./";
        for dir in [&b""[..], b"/", b"/x/y/", b"rel"] {
            for len in 0..=7u32 {
                for code in 0..3u32.pow(len) {
                    let mut code = code;
                    let path: Vec<u8> = (0..len)
                        .map(|_| {
                            let letter = alphabet[(code % 3) as usize];
                            code /= 3;
                            letter
                        })
                        .collect();
                    let relative = path.first().is_some_and(|b| *b != b'/');
                    let mut slow = if relative { dir.to_vec() } else { Vec::new() };
                    normalise(&mut slow, &path);
                    assert_eq!(join(dir, &path), slow, "{dir:?} {path:?}");
                }
            }
        }
    }

    #[test]
    fn pairs_are_found_at_every_place() {
        for len in 2..40 {
            for at in 0..len - 1 {
                let mut path = vec![b'a'; len];
                assert!(!has_slash_then_dot_or_slash(&path));
                path[at] = b'/';
                assert!(!has_slash_then_dot_or_slash(&path), "{len} {at}");
                path[at + 1] = b'.';
                assert!(has_slash_then_dot_or_slash(&path), "{len} {at}");
                path[at] = 0;
                assert!(has_slash_then_dot_or_slash(&path), "{len} {at}");
            }
            assert_eq!(join(b"/d/", b"a\0b"), b"/d/a");
        }
    }
}
