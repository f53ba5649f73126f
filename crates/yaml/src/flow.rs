//! Flow collections whose lines are not indented, as yaml-cpp allows and the shipped rules have:
//!
//! ```text
//!   items: [
//!     a, b
//!   ]
//! ```
//! YAML wants the bracket further to the right than `items`, and the parser insists.

/// A copy of the text, byte for byte as long, in which flow collections stand on one line:
/// comments and line ends within become blanks. What is quoted and what is in block scalars stays.
pub(super) fn joined(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut depth = 0usize;
    let mut at = 0;
    let mut line_start = 0;
    // Whether a collection, a quoted or a block scalar may begin here.
    let mut may_begin = true;
    while at < bytes.len() {
        let byte = bytes[at];
        let after_blank = at == 0 || bytes[at - 1].is_ascii_whitespace();
        let before_blank = bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace);
        match byte {
            b'\n' | b'\r' => {
                if depth > 0 {
                    bytes[at] = b' ';
                }
                line_start = at + 1;
                may_begin = true;
            }
            b' ' | b'\t' => {}
            b'#' if after_blank => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    if depth > 0 {
                        bytes[at] = b' ';
                    }
                    at += 1;
                }
                continue;
            }
            b'&' | b'!' if may_begin => {
                while bytes.get(at + 1).is_some_and(|b| !b.is_ascii_whitespace()) {
                    at += 1;
                }
            }
            b'"' | b'\'' if may_begin => {
                at = quoted_end(&bytes, at);
                may_begin = false;
                continue;
            }
            b'[' | b'{' if may_begin || depth > 0 => {
                depth += 1;
                may_begin = true;
            }
            b']' | b'}' if depth > 0 => {
                depth -= 1;
                may_begin = false;
            }
            b',' if depth > 0 => may_begin = true,
            b'|' | b'>' if may_begin && depth == 0 => {
                at = block_end(&bytes, at, line_start);
                line_start = at;
                continue;
            }
            b'-' | b'?' => may_begin = may_begin && before_blank,
            b':' => may_begin = before_blank,
            _ => may_begin = false,
        }
        at += 1;
    }
    // Only whole ASCII characters and whole comments were replaced.
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn quoted_end(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b if b == quote => {
                if quote == b'\'' && bytes.get(at + 1) == Some(&quote) {
                    at += 1;
                } else {
                    return at + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// The end of a block scalar: the beginning of the first line that is not indented further than
/// the line of its header.
fn block_end(bytes: &[u8], header: usize, line_start: usize) -> usize {
    let indent_of = |start: usize| {
        let line = bytes.get(start..).unwrap_or_default();
        line.iter().take_while(|b| **b == b' ').count()
    };
    let next_line = |from: usize| {
        memchr::memchr(b'\n', &bytes[from..]).map_or(bytes.len(), |found| from + found + 1)
    };
    // `- key: >` is as far in as `key`.
    let mut parent = indent_of(line_start);
    while bytes.get(line_start + parent) == Some(&b'-')
        && bytes.get(line_start + parent + 1) == Some(&b' ')
        && line_start + parent + 2 < header
    {
        parent += 2;
    }
    let mut at = next_line(header);
    while at < bytes.len() {
        let indent = indent_of(at);
        let is_blank = bytes.get(at + indent).is_none_or(|b| matches!(b, b'\n' | b'\r'));
        if !is_blank && indent <= parent {
            return at;
        }
        at = next_line(at);
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flow_collections_stand_on_one_line() {
        let text =
            "- a: [ # one\n  b,\n]\n- c: \"[\"\n- d: >\n    [\n    x\n- e: it's [ not\n- f: g\n";
        let joined = joined(text);
        assert_eq!(joined.len(), text.len());
        let wanted =
            "- a: [         b, ]\n- c: \"[\"\n- d: >\n    [\n    x\n- e: it's [ not\n- f: g\n";
        assert_eq!(joined, wanted);
    }
}
