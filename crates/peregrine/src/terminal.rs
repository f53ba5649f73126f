//! Text from elsewhere on a terminal.

/// An alert's text, a file name, a command line come from those who are watched: they must not
/// steer the terminal.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || is_steering(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}

/// Characters without a shape that change the order in which others are shown.
fn is_steering(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn what_steers_is_shown_and_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(harmless("txt\u{202e}cod.exe"), "txt\\u{202e}cod.exe");
        assert_eq!(harmless("größe ☃"), "größe ☃");
    }
}
