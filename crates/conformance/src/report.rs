//! The table, and what failed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::FileReport;
use crate::case::Trouble;

/// Failures printed in full; of the rest only the ids.
const IN_FULL: usize = 20;
/// Bytes of a failure printed.
const MAX_TEXT: usize = 2_000;

/// The differences that are intended: whatever stands between backticks in `docs/differences.md`.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Differences(BTreeSet<String>);

impl Differences {
    /// Reads the document.
    pub fn parse(document: &str) -> Self {
        let quoted = document.split('`').skip(1).step_by(2);
        Self(quoted.map(str::to_owned).collect())
    }

    /// Whether a case is named.
    pub fn name(&self, id: &str) -> bool {
        self.0.contains(id)
    }
}

/// Numbers of a kind of cases.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Same as Falco.
    pub passed: usize,
    /// Not the same, and not intended.
    pub failed: usize,
    /// Not the same, as `docs/differences.md` says.
    pub listed: usize,
    /// Not run.
    pub skipped: usize,
}

/// All numbers and failures.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(String, String, Tally)>,
    failures: Vec<(String, String, String)>,
    reasons: BTreeMap<(String, String), usize>,
}

impl Report {
    /// Adds a file.
    pub fn add(&mut self, file: FileReport, differences: &Differences) {
        let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
        for outcome in file.outcomes {
            let tally = tallies.entry(outcome.kind.clone()).or_default();
            match outcome.trouble {
                None => tally.passed += 1,
                Some(Trouble::Skipped(why)) => {
                    tally.skipped += 1;
                    *self.reasons.entry((file.file.clone(), why)).or_default() += 1;
                }
                Some(Trouble::Failed(_)) if differences.name(&outcome.id) => tally.listed += 1,
                Some(Trouble::Failed(text)) => {
                    tally.failed += 1;
                    self.failures.push((file.file.clone(), outcome.id, text));
                }
            }
        }
        self.rows.extend(tallies.into_iter().map(|(kind, t)| (file.file.clone(), kind, t)));
    }

    /// Sums over all kinds.
    pub fn total(&self) -> Tally {
        self.rows.iter().fold(Tally::default(), |sum, (_, _, t)| Tally {
            passed: sum.passed + t.passed,
            failed: sum.failed + t.failed,
            listed: sum.listed + t.listed,
            skipped: sum.skipped + t.skipped,
        })
    }

    /// The table, the reasons for what was not run, and what failed.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let files = self.rows.iter().map(|(file, ..)| file.len()).max().unwrap_or(4);
        let kinds = self.rows.iter().map(|(_, kind, _)| kind.len()).max().unwrap_or(4);
        let mut row = |file: &str, kind: &str, cells: [&str; 4]| {
            let [passed, failed, listed, skipped] = cells;
            let _ = writeln!(
                out,
                "{file:files$}  {kind:kinds$}  {passed:>6}  {failed:>6}  {listed:>6}  {skipped:>7}"
            );
        };
        row("file", "kind", ["passed", "failed", "listed", "skipped"]);
        let total = self.total();
        let all = self.rows.iter().map(|(file, kind, t)| (&**file, &**kind, *t));
        for (file, kind, t) in all.chain([("total", "", total)]) {
            let cells = [t.passed, t.failed, t.listed, t.skipped].map(|n| n.to_string());
            row(file, kind, cells.each_ref().map(String::as_str));
        }
        if !self.reasons.is_empty() {
            out.push_str("\nskipped:\n");
        }
        for ((file, why), count) in &self.reasons {
            let _ = writeln!(out, "  {count:>4}  {file}: {why}");
        }
        if !self.failures.is_empty() {
            out.push_str("\nfailed, and not named in docs/differences.md:\n");
        }
        // What differs in one capture differs in the next: in full once.
        let mut in_full = BTreeSet::new();
        for (file, id, text) in &self.failures {
            let _ = write!(out, "  {file} {id}");
            if in_full.len() < IN_FULL && in_full.insert(id) {
                let text: String = text.chars().take(MAX_TEXT).collect();
                let _ = write!(out, "\n    {}", text.replace('\n', "\n    "));
            }
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    #[test]
    fn what_is_listed_does_not_fail() {
        let failed = |id: &str| {
            Outcome::new(id.to_owned(), "parse", Some(Trouble::Failed(format!("{id} is wrong"))))
        };
        let skipped = Outcome::new("c".into(), "parse", Some(Trouble::Skipped("no data".into())));
        let passed = Outcome::new("d".into(), "parse", None);
        let outcomes = vec![failed("a"), failed("b"), skipped, passed];
        let mut report = Report::default();
        let differences = Differences::parse("- `a`: on purpose\n");
        report.add(FileReport { file: "x.json".into(), outcomes }, &differences);
        let expected = "file    kind   passed  failed  listed  skipped\n\
                        x.json  parse       1       1       1        1\n\
                        total               1       1       1        1\n\n\
                        skipped:\n     1  x.json: no data\n\n\
                        failed, and not named in docs/differences.md:\n  x.json b\n    b is wrong\n";
        assert_eq!(report.text(), expected);
    }
}
