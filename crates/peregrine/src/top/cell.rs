//! Values of tables: how they are written and compared.

use std::cmp::Ordering;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// Nothing is known.
    None,
    /// Text.
    Text(String),
    /// A number that counts, or names.
    Count(u64),
    /// Something per second.
    Rate(f64),
    /// A share, 1 being all.
    Share(f64),
    /// A share that is drawn as a bar where there is room for it.
    Fill(f64),
    /// Bytes.
    Bytes(u64),
    /// Nanoseconds.
    Nanoseconds(f64),
}

impl Cell {
    /// As text.
    pub fn text(&self) -> String {
        match self {
            Cell::None => "-".into(),
            Cell::Text(text) => text.clone(),
            Cell::Count(count) => count.to_string(),
            Cell::Rate(rate) => rate_text(*rate),
            Cell::Share(share) if *share > 0.0 && *share < 0.001 => {
                format!("{:.3} %", 100.0 * share)
            }
            Cell::Share(share) | Cell::Fill(share) => format!("{:.1} %", 100.0 * share),
            Cell::Bytes(bytes) => bytes_text(*bytes),
            Cell::Nanoseconds(ns) => time_text(*ns),
        }
    }

    /// Whether it stands at the left.
    pub fn is_text(&self) -> bool {
        matches!(self, Cell::Text(_))
    }

    /// By value; what is not known comes first.
    pub fn compare(&self, other: &Cell) -> Ordering {
        match (self, other) {
            (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
            _ => self.number().total_cmp(&other.number()),
        }
    }

    fn number(&self) -> f64 {
        match self {
            Cell::None | Cell::Text(_) => f64::NEG_INFINITY,
            Cell::Count(n) | Cell::Bytes(n) => *n as f64,
            Cell::Rate(n) | Cell::Share(n) | Cell::Fill(n) | Cell::Nanoseconds(n) => *n,
        }
    }
}

/// Something per second, in at most six characters.
pub fn rate_text(rate: f64) -> String {
    match rate {
        _ if rate <= 0.0 => "0".into(),
        _ if rate < 10.0 => format!("{rate:.1}"),
        _ if rate < 1e5 => format!("{rate:.0}"),
        _ if rate < 1e6 => format!("{:.0}k", rate / 1e3),
        _ => format!("{:.2}M", rate / 1e6),
    }
}

/// Bytes, in the largest unit that leaves something before the point.
pub fn bytes_text(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.0} KiB", value / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.1} MiB", value / 1_048_576.0),
        _ => format!("{:.1} GiB", value / 1_073_741_824.0),
    }
}

fn time_text(ns: f64) -> String {
    match ns {
        _ if ns < 1e3 => format!("{ns:.0} ns"),
        _ if ns < 1e6 => format!("{:.1} us", ns / 1e3),
        _ => format!("{:.1} ms", ns / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (cell, text) in [
            (Cell::None, "-"),
            (Cell::Rate(0.0), "0"),
            (Cell::Rate(3.21), "3.2"),
            (Cell::Rate(99_999.0), "99999"),
            (Cell::Rate(123_456.0), "123k"),
            (Cell::Rate(2_345_678.0), "2.35M"),
            (Cell::Fill(0.256), "25.6 %"),
            (Cell::Share(0.000_12), "0.012 %"),
            (Cell::Bytes(100), "100 B"),
            (Cell::Bytes(8 << 20), "8.0 MiB"),
            (Cell::Nanoseconds(1234.0), "1.2 us"),
        ] {
            assert_eq!(cell.text(), text);
        }
    }

    #[test]
    fn what_is_unknown_comes_before_what_is_known() {
        assert_eq!(Cell::None.compare(&Cell::Rate(0.0)), Ordering::Less);
        assert_eq!(Cell::Count(9).compare(&Cell::Count(10)), Ordering::Less);
        assert_eq!(Cell::Text("b".into()).compare(&Cell::Text("a".into())), Ordering::Greater);
    }
}
