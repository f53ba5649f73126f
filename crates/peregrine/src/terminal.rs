//! Text from elsewhere on a terminal.

/// An alert's text, a file name, a command line come from those who are watched: they must not
/// steer the terminal.
pub fn harmless(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out
}
