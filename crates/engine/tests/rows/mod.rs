//! What is seen of each event, as rows that can be compared.

use std::ops::ControlFlow;

use peregrine_capture::{Error, Reader};
use peregrine_engine::Replay;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_engine::replay::parallel::{self, Examiner, Outcome, ParallelOptions};
use peregrine_fields::view::Session;

/// Stands between the cells of a row.
pub const SEPARATOR: u8 = 0x1f;

/// The rows of one worker.
pub fn on_one(
    reader: &mut Reader,
    session: &Session,
    mut look: impl Examiner<Found = Vec<u8>>,
) -> Vec<Vec<u8>> {
    let mut replay = Replay::new(session.clone(), HostFiles::default());
    let mut rows = Vec::new();
    let end = replay.run(reader, |step| {
        if let Step::Event { view, is_for_rules } = step {
            look.examine(view, is_for_rules, &mut rows);
        }
        ControlFlow::Continue(())
    });
    assert_whole(end);
    rows
}

/// The rows of several workers, one for each look.
pub fn on_many(
    reader: &mut Reader,
    session: &Session,
    looks: Vec<impl Examiner<Found = Vec<u8>>>,
    options: &ParallelOptions,
) -> Vec<Vec<u8>> {
    let (files, mut rows) = (HostFiles::default(), Vec::new());
    let run = parallel::replay(reader, (session, &files), looks, options, |outcome| {
        if let Outcome::Found(row) = outcome {
            rows.push(row);
        }
        ControlFlow::Continue(())
    });
    assert_whole(run.end);
    rows
}

/// A history from which shrinking has taken all events is whole, too.
fn assert_whole(end: Result<(), Error>) {
    assert!(matches!(end, Ok(()) | Err(Error::NoEvents)), "{end:?}");
}

/// The first difference: which event and field, and what each has. The first cell of a row is the
/// event; `names` are the fields behind it, and what comes behind these is alerts.
pub fn difference<'n>(
    one: &[Vec<u8>],
    many: &[Vec<u8>],
    names: impl Iterator<Item = &'n str>,
) -> Option<String> {
    if let Some((row, other)) = one.iter().zip(many).find(|(row, other)| row != other) {
        let cells = |row: &[u8]| -> Vec<String> {
            row.split(|b| *b == SEPARATOR)
                .map(|cell| String::from_utf8_lossy(cell).into_owned())
                .collect()
        };
        let (row, other) = (cells(row), cells(other));
        let differ = |at: &usize| row.get(*at) != other.get(*at);
        let at = (0..row.len().max(other.len())).find(differ)?;
        let name = std::iter::once("event").chain(names).nth(at).unwrap_or("alerts");
        let (has, for_) = (other.get(at), row.get(at));
        return Some(format!("event {}: {name} is {has:?} for {for_:?}", row[0]));
    }
    (one.len() != many.len()).then(|| format!("{} events for {}", many.len(), one.len()))
}
