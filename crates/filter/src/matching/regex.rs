//! Regular expressions as Falco has them: RE2 in POSIX mode, the whole value must match.
//!
//! The engine is `regex-automata`, whose syntax differs from RE2's in corners. [`translate`]
//! rewrites what would mean something else there. Differences that remain: Perl classes (`\d`),
//! word boundaries and flags such as `(?i)` are accepted here and refused by Falco; a repetition
//! count above 1000 is accepted within the size limit.

use std::borrow::Cow;

use regex_automata::meta::{Cache, Regex};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    /// Index of its scratch space within [`Caches`].
    slot: usize,
}

/// Scratch space of the expressions of a program, made on first use; every worker has its own.
#[derive(Debug, Default)]
pub(crate) struct Caches(Vec<Option<Box<Cache>>>);

impl Pattern {
    /// Compiles an expression. `slot` numbers the expressions of a program.
    ///
    /// # Errors
    /// A sentence in Falco's words.
    pub fn new(pattern: &[u8], slot: usize) -> Result<Self, String> {
        let invalid = |why: String| format!("invalid regex pattern: {why}");
        let text = std::str::from_utf8(pattern).map_err(|_| invalid("invalid UTF-8".to_owned()))?;
        // The pattern by itself first, so that parentheses that do not pair up cannot pair up with
        // those put around it.
        let translated = translate(text);
        let config = syntax::Config::new().multi_line(true);
        let build = |pattern: &str| {
            Regex::builder().syntax(config).build(pattern).map_err(|error| {
                invalid(match error.syntax_error() {
                    // The last line has the reason; those above draw the place, which we do.
                    Some(error) => {
                        let text = error.to_string();
                        let reason = text.lines().next_back().unwrap_or_default();
                        reason.strip_prefix("error: ").unwrap_or(reason).to_owned()
                    }
                    None => error.to_string(),
                })
            })
        };
        build(&translated)?;
        let regex = build(&format!("\\A(?:{translated})\\z"))?;
        Ok(Self { regex, slot })
    }

    /// Whether a value as a whole matches. What is no UTF-8 in it is taken as U+FFFD.
    pub fn is_match(&self, value: &[u8], caches: &mut Caches) -> bool {
        let text = String::from_utf8_lossy(value);
        if caches.0.len() <= self.slot {
            caches.0.resize_with(self.slot + 1, || None);
        }
        let cache = caches.0[self.slot].get_or_insert_with(|| Box::new(self.regex.create_cache()));
        let input = Input::new(&*text).anchored(Anchored::Yes).earliest(true);
        self.regex.search_half_with(cache, &input).is_some()
    }
}

/// Rewrites what RE2 in POSIX mode and the Rust engine read differently: `{` that starts no count
/// is itself; within brackets `[`, `&&`, `--` and `~~` are themselves; `\<` and `\>` are `<` and
/// `>`.
fn translate(pattern: &str) -> Cow<'_, str> {
    if !pattern.contains(['{', '[', '\\']) {
        return Cow::Borrowed(pattern);
    }
    let mut out = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(ch) = rest.chars().next() {
        let mut len = ch.len_utf8();
        match ch {
            '\\' => {
                let escaped = rest[1..].chars().next();
                len += escaped.map_or(0, char::len_utf8);
                match escaped {
                    Some('<') => out.push('<'),
                    Some('>') => out.push('>'),
                    _ => out.push_str(&rest[..len]),
                }
            }
            '{' if !is_count(rest) => out.push_str("\\{"),
            '[' => len = translate_brackets(rest, &mut out),
            _ => out.push(ch),
        }
        rest = &rest[len..];
    }
    Cow::Owned(out)
}

/// Whether a text begins with `{n}`, `{n,}` or `{n,m}`.
fn is_count(text: &str) -> bool {
    let Some((inside, _)) = text[1..].split_once('}') else { return false };
    let (low, high) = inside.split_once(',').unwrap_or((inside, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    !low.is_empty() && digits(low) && digits(high)
}

/// Rewrites a bracket expression; returns its length.
fn translate_brackets(text: &str, out: &mut String) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    out.push('[');
    if bytes.get(at) == Some(&b'^') {
        out.push('^');
        at += 1;
    }
    if bytes.get(at) == Some(&b']') {
        out.push_str("\\]");
        at += 1;
    }
    while at < bytes.len() {
        let rest = &text[at..];
        match bytes[at] {
            b']' => {
                out.push(']');
                return at + 1;
            }
            b'[' => match rest.find(":]").filter(|_| rest.starts_with("[:")) {
                Some(end) => {
                    out.push_str(&rest[..end + 2]);
                    at += end + 2;
                }
                None => {
                    out.push_str("\\[");
                    at += 1;
                }
            },
            b'\\' => {
                let len = 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                out.push_str(&rest[..len]);
                at += len;
            }
            b @ (b'&' | b'~') => {
                out.push('\\');
                out.push(char::from(b));
                at += 1;
            }
            b'-' if rest[1..].starts_with('-') && !rest[2..].starts_with(']') => {
                // `a--` is a range up to the minus sign.
                out.push_str("-\\-");
                at += 2;
            }
            _ => {
                let len = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&rest[..len]);
                at += len;
            }
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_match(pattern: &str, value: &[u8]) -> bool {
        Pattern::new(pattern.as_bytes(), 0).unwrap().is_match(value, &mut Caches::default())
    }

    #[test]
    fn the_whole_value_must_match() {
        assert!(is_match("ab|abc", b"abc"));
        assert!(!is_match("b", b"abc"));
        assert!(is_match("^abc$", b"abc"));
        assert!(is_match("", b""));
        assert!(!is_match("a", b"a\n"));
        assert!(!is_match("a.b", b"a\nb"));
        assert!(is_match("a\n^b", b"a\nb"));
    }

    #[test]
    fn what_is_no_utf8_is_one_character() {
        assert!(is_match("/p./q.", b"/p\xff/q\xff"));
        assert!(!is_match("/p./q", b"/p\xff/q\xff"));
    }

    #[test]
    fn corners_are_those_of_re2() {
        for (pattern, value) in [
            ("a{", "a{"),
            ("{x}", "{x}"),
            ("a{,3}", "a{,3}"),
            ("a{2}", "aa"),
            ("[[a]", "["),
            ("[a&&b]+", "a&b"),
            ("[]x]+", "]x"),
            ("[[:alpha:]_]+", "ab_"),
            (r"\<a\>", "<a>"),
            (r"[\]]", "]"),
        ] {
            assert!(is_match(pattern, value.as_bytes()), "{pattern} {value}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for pattern in ["a)(b", "(", "[a", "*a|+", r"\p"] {
            let error = Pattern::new(pattern.as_bytes(), 0).map(|_| ()).unwrap_err();
            assert!(error.starts_with("invalid regex pattern: "), "{error}");
        }
    }
}
