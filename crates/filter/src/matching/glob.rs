//! `fnmatch` without flags, on bytes.
//!
//! `*` is any run of bytes (slashes and leading dots included), `?` any byte, `[…]` one of a set
//! with ranges, `!` or `^` in front and POSIX classes, `\` takes the next byte as it is. A bracket
//! that is never closed stands for itself.

/// Whether `text` as a whole matches `pattern`; with `fold`, letters of either case are the same.
pub(crate) fn matches(pattern: &[u8], text: &[u8], fold: bool) -> bool {
    // Where to go on if the current attempt fails: behind the last star, one byte further.
    let mut retry: Option<(usize, usize)> = None;
    let (mut p, mut t) = (0, 0);
    loop {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            retry = Some((p, t));
            continue;
        }
        let step = match text.get(t) {
            Some(&byte) => one(&pattern[p..], byte, fold),
            None if p == pattern.len() => return true,
            None => return false,
        };
        match (step, retry) {
            (Some(len), _) => {
                p += len;
                t += 1;
            }
            (None, Some((after_star, from))) => {
                retry = Some((after_star, from + 1));
                p = after_star;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
}

/// Whether a path component needs matching rather than comparing.
pub(crate) fn is_pattern(component: &[u8]) -> bool {
    component.iter().any(|b| b"?*[".contains(b))
}

/// Length of the first element of a pattern if it matches a byte. The element is no star.
fn one(pattern: &[u8], byte: u8, fold: bool) -> Option<usize> {
    let same = |a: u8| a == byte || (fold && a.eq_ignore_ascii_case(&byte));
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => same(*escaped).then_some(2),
        // A backslash at the end escapes nothing and matches nothing.
        [b'\\'] => None,
        [b'[', set @ ..] => match bracket(set, byte, fold) {
            Some((matched, len)) => matched.then_some(1 + len),
            None => same(b'[').then_some(1),
        },
        [literal, ..] => same(*literal).then_some(1),
    }
}

/// Matches a byte against the set after an opening bracket. Gives the verdict and the length up to
/// and with the closing bracket; `None` if there is no closing bracket.
fn bracket(set: &[u8], byte: u8, fold: bool) -> Option<(bool, usize)> {
    let candidates =
        if fold { [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] } else { [byte, byte] };
    let negated = matches!(set.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let first = at;
    let mut matched = false;
    loop {
        let (element, len) = match &set[at.min(set.len())..] {
            [] => return None,
            [b']', ..] if at > first => return Some((matched != negated, at + 1)),
            [b'[', kind @ (b':' | b'=' | b'.'), rest @ ..] => {
                let end = rest.windows(2).position(|w| w == [*kind, b']']);
                match (kind, end) {
                    (b':', Some(end)) => {
                        matched |= candidates.iter().any(|c| in_class(&rest[..end], *c));
                        at += end + 4;
                        continue;
                    }
                    (_, Some(1)) => (rest[0], 5),
                    // Longer collating elements do not exist in the C locale.
                    _ => (b'[', 1),
                }
            }
            [b'\\', escaped, ..] => (*escaped, 2),
            [literal, ..] => (*literal, 1),
        };
        at += len;
        let last = match &set[at.min(set.len())..] {
            [b'-', b']', ..] | [b'-'] => element,
            [b'-', b'\\', escaped, ..] => {
                at += 3;
                *escaped
            }
            [b'-', last, ..] => {
                at += 2;
                *last
            }
            _ => element,
        };
        let fold_bound = |bound: u8| if fold { bound.to_ascii_lowercase() } else { bound };
        matched |= candidates.iter().any(|c| (element..=last).contains(c))
            || (fold_bound(element)..=fold_bound(last)).contains(&candidates[0]);
    }
}

fn in_class(name: &[u8], byte: u8) -> bool {
    match name {
        b"alnum" => byte.is_ascii_alphanumeric(),
        b"alpha" => byte.is_ascii_alphabetic(),
        b"blank" => byte == b' ' || byte == b'\t',
        b"cntrl" => byte.is_ascii_control(),
        b"digit" => byte.is_ascii_digit(),
        b"graph" => byte.is_ascii_graphic(),
        b"lower" => byte.is_ascii_lowercase(),
        b"print" => byte.is_ascii_graphic() || byte == b' ',
        b"punct" => byte.is_ascii_punctuation(),
        b"space" => byte.is_ascii_whitespace() || byte == 0x0b,
        b"upper" => byte.is_ascii_uppercase(),
        b"xdigit" => byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_fnmatch_does() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "/a/.b", true),
            ("a*b*c", "a--b--bc", true),
            ("a*b*c", "a--b--bd", false),
            ("?", "", false),
            ("/etc/*.conf", "/etc/a/b.conf", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[^a-c]x", "dx", true),
            ("[]a]", "]", true),
            ("[!]a]", "b", true),
            ("[a-]", "-", true),
            ("[", "[", true),
            ("[a", "[a", true),
            ("a[", "a[", true),
            ("[[:digit:]]*", "7up", true),
            ("[[:digit:]", "7", false),
            ("[[=a=]b]", "a", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"[\]]", "]", true),
            (r"a\", "a", false),
            (r"a\", r"a\", false),
            ("di[!r]", "dir", false),
            ("**a**", "bab", true),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes(), false),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn case_can_be_ignored() {
        assert!(matches(b"MY*[A-C]", b"myxb", true));
        assert!(matches(b"my*[a-c]", b"MYXB", true));
        assert!(!matches(b"MY*", b"myx", false));
    }

    #[test]
    fn bytes_are_no_characters() {
        assert!(matches(b"/p?/q?", b"/p\xff/q\xff", false));
        assert!(!matches(b"?", "ü".as_bytes(), false));
    }

    #[test]
    fn many_stars_do_not_explode() {
        let pattern = "*a".repeat(40) + "b";
        let text = "a".repeat(20_000);
        assert!(!matches(pattern.as_bytes(), text.as_bytes(), false));
    }
}
