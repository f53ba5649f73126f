//! A view as text.

use std::fmt::Write;

use super::cell::Cell;
use super::view::{Table, View};

/// All tables, with at most so many rows of those that are long.
pub fn text(view: &View, rows: usize) -> String {
    let mut out = format!("{}\n{}\n", view.identity, view.summary);
    if !view.problems.is_empty() {
        let _ = writeln!(out, "problems: {}", view.problems);
    }
    for table in &view.tables {
        table_text(table, rows, &mut out);
    }
    out
}

fn table_text(table: &Table, rows: usize, out: &mut String) {
    let columns = table.subject.columns();
    let shown = match table.subject.is_long() {
        true => &table.rows[..table.rows.len().min(rows)],
        false => &table.rows[..],
    };
    let note = table.note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    let _ = writeln!(out, "\n{}{note}", table.subject.title());
    if shown.is_empty() {
        return;
    }
    let lines: Vec<Vec<String>> = std::iter::once(columns.iter().map(|c| c.to_string()).collect())
        .chain(shown.iter().map(|row| row.iter().map(Cell::text).collect()))
        .collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|t| t.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|c| width(c).unwrap_or(0)).collect();
    let is_text: Vec<bool> = (0..columns.len())
        .map(|c| shown.iter().any(|row| row.get(c).is_some_and(Cell::is_text)))
        .collect();
    for line in &lines {
        let mut text = String::from(" ");
        for ((cell, width), is_text) in line.iter().zip(&widths).zip(&is_text) {
            let _ = match is_text {
                true => write!(text, " {cell:<width$} "),
                false => write!(text, " {cell:>width$} "),
            };
        }
        let _ = writeln!(out, "{}", text.trim_end());
    }
    if table.rows.len() > shown.len() {
        let _ = writeln!(out, "  and {} more", table.rows.len() - shown.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::sample;

    #[test]
    fn everything_is_printed() {
        insta::assert_snapshot!(text(&sample::view(), 2));
    }

    #[test]
    fn without_an_earlier_moment_there_are_levels_and_no_rates() {
        let text = text(&sample::first_view(), 2);
        assert!(text.contains("events -/s   alerts -/s (6)   lost -/s (203)"), "{text}");
        assert!(text.contains("Processes: counted only while somebody looks"), "{text}");
    }
}
