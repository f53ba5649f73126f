//! Captures against what Falco printed of them: every field of every event, and every alert.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Lines};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use jiff::tz::TimeZone;
use peregrine_capture::Reader;
use peregrine_engine::detector::Detector;
use peregrine_engine::host::HostFiles;
use peregrine_engine::replay::Step;
use peregrine_engine::replay::parallel::{self, Examiner, ParallelOptions};
use peregrine_engine::ruleset::{self, RuleOptions};
use peregrine_engine::{Detection, Replay};
use peregrine_event::code;
use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::view::{EventView, Session};
use peregrine_output::{Alert, Encoding, LineFormat, StateQuality};
use peregrine_rules::RuleMatching;
use serde_json::Value as Json;

use crate::case::Trouble;
use crate::{Folders, Outcome};

/// Events beyond which an unoptimised build compares a part only.
const MANY: usize = 50_000;
/// Of so many rows of a large capture it then compares one.
const STRIDE: usize = 64;

/// The captures of a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        names.filter_map(|name| name.strip_suffix(".scap.gz").map(str::to_owned)).collect();
    names.sort();
    names
}

/// The lines of a compressed file, if it is there.
fn lines(path: &Path) -> Option<Lines<BufReader<MultiGzDecoder<File>>>> {
    Some(BufReader::new(MultiGzDecoder::new(File::open(path).ok()?)).lines())
}

/// Replays a capture for events that rules see.
fn replay(
    path: &Path,
    containers: bool,
    mut each: impl FnMut(&EventView<'_>),
) -> Result<(), String> {
    let session = Session { hostname: Some("golden".into()), containers, ..Session::default() };
    let mut replay = Replay::new(session, HostFiles::read());
    let mut reader = Reader::open(path).map_err(|error| error.to_string())?;
    let mut damage = None;
    let end = replay.run(&mut reader, |step| {
        match step {
            Step::Event { view, is_for_rules: true } => each(view),
            Step::Damage(error) => damage = Some(error.to_string()),
            _ => {}
        }
        ControlFlow::Continue(())
    });
    match (end, damage) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(()), Some(damage)) => Err(damage),
        (Ok(()), None) => Ok(()),
    }
}

/// Tries the rules for the events of one worker.
struct Alerts(Detector);

impl Examiner for Alerts {
    type Found = Alert;

    fn examine(&mut self, event: &EventView<'_>, is_for_rules: bool, found: &mut Vec<Alert>) {
        if is_for_rules {
            let exact = StateQuality::Exact;
            self.0.examine(event, event.number, exact, |alert| found.push(alert));
        }
    }
}

/// Replays a capture with a worker per examiner; one alone replays as [`replay`] does.
fn on_workers<E: Examiner>(
    path: &Path,
    mut examiners: Vec<E>,
    mut each: impl FnMut(E::Found),
) -> Result<(), String> {
    if let [only] = &mut examiners[..] {
        let mut found = Vec::new();
        return replay(path, true, |event| {
            only.examine(event, true, &mut found);
            found.drain(..).for_each(&mut each);
        });
    }
    let session =
        Session { hostname: Some("golden".into()), containers: true, ..Session::default() };
    let mut reader = Reader::open(path).map_err(|error| error.to_string())?;
    let (files, options) = (HostFiles::read(), ParallelOptions::default());
    let mut damage = None;
    let run = parallel::replay(&mut reader, (&session, &files), examiners, &options, |outcome| {
        match outcome {
            parallel::Outcome::Found(found) => each(found),
            parallel::Outcome::Damage(error) => damage = Some(error.to_string()),
            parallel::Outcome::Progress(_) => {}
        }
        ControlFlow::Continue(())
    });
    run.end.map_err(|error| error.to_string())?;
    damage.map_or(Ok(()), Err)
}

/// An event and what the golden table says of it.
struct Row<'a, 'e> {
    event: &'a EventView<'e>,
    /// Falco's `fd.name`.
    fd_name: Option<&'a str>,
    /// How a directory fd is shown.
    dirfd: &'a Template,
}

impl Row<'_, '_> {
    /// Whether Falco's `fd.*` are those of the directory below which this event opened a path:
    /// evaluating `evt.abspath` of an `openat` turns its event to that descriptor.
    fn is_of_directory(&self) -> bool {
        use peregrine_event::arg::syscall_openat_2_x as a;
        let record = &self.event.record;
        let is_below = matches!(record.code(), code::SYSCALL_OPENAT_2_X | code::SYSCALL_OPENAT2_X)
            && record.text(a::name).is_some_and(|name| name.first() != Some(&b'/'));
        if !is_below {
            return false;
        }
        // `<d>/usr/lib` if the descriptor is known, else its number.
        let mut shown = Vec::new();
        self.dirfd.write(self.event, &mut shown);
        let shown = String::from_utf8_lossy(&shown);
        let directory = shown.strip_prefix('<').and_then(|text| text.split_once('>'));
        directory.map(|(_, name)| name) == self.fd_name
    }
}

/// The column of a field.
struct Column {
    name: String,
    /// `None` if there is no such field here.
    template: Option<Template>,
    compared: u64,
    different: u64,
    first: String,
}

impl Column {
    fn new(name: &str) -> Self {
        let template = Template::parse(&format!("*%{name}"), &Fields::syscall()).ok();
        // The longest name that exists may be a shorter one than this.
        let template = template.filter(|t| t.names().any(|known| **known == *name));
        Self { name: name.to_owned(), template, compared: 0, different: 0, first: String::new() }
    }

    fn compare(&mut self, theirs: &Json, row: &Row<'_, '_>) {
        let event = row.event;
        let last = |t: &Template| t.fields(event, true).0.into_iter().next_back();
        let ours = self.template.as_ref().and_then(last).map_or(Json::Null, |(_, value)| value);
        self.compared += 1;
        if is_same(&ours, theirs) || is_intended(&self.name, &ours, theirs, row) {
            return;
        }
        self.different += 1;
        if self.first.is_empty() {
            let event_type = event.record.def().name;
            let text = format!("event {} {event_type}: {ours} for {theirs}", event.number);
            self.first = text.chars().take(400).collect();
        }
    }

    fn outcome(self, table: &str) -> Outcome {
        let trouble = (self.different > 0).then(|| {
            let Self { different, compared, first, .. } = &self;
            Trouble::Failed(format!("{different} of {compared} values differ; {first}"))
        });
        Outcome::new(format!("{table}/{}", self.name), table, trouble)
    }
}

fn is_same(ours: &Json, theirs: &Json) -> bool {
    match (ours.as_f64(), theirs.as_f64()) {
        (Some(a), Some(b)) if !ours.is_i64() || !theirs.is_i64() => (a - b).abs() < 1e-9,
        _ => ours == theirs,
    }
}

/// Differences that show in some values of a field only; `docs/differences.md` has the reasons.
/// Fields that differ throughout are named there by their ids instead.
fn is_intended(field: &str, ours: &Json, theirs: &Json, row: &Row<'_, '_>) -> bool {
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    match field {
        // Arguments that the type has gained since the recording.
        "evt.args" | "evt.info" => {
            let mut ours = text(ours);
            while let Some((rest, last)) = ours.rsplit_once(' ')
                && last.ends_with("=<NA>")
            {
                ours = rest.to_owned();
            }
            ours == text(theirs)
        }
        // The order there is that of a hash table.
        "fd.types" => {
            let sorted = |json: &Json| {
                let mut texts: Vec<String> =
                    json.as_array().into_iter().flatten().map(text).collect();
                texts.sort();
                texts
            };
            sorted(ours) == sorted(theirs)
        }
        _ if field.starts_with("fd.") || field.starts_with("fs.path.") => row.is_of_directory(),
        _ if field.starts_with("evt.arg[") => theirs.is_null() && ours == "<NA>",
        // What is no data is as long as an earlier buffer there, cut or with its remains.
        "evt.buffer" => {
            let (ours, theirs) = (text(ours), text(theirs));
            let is_data = ours != "NULL" && row.event.record.code() != code::SYSCALL_PTRACE_X;
            !is_data && (theirs.starts_with(&ours) || ours.starts_with(&theirs))
        }
        // Below the directory fd of `/`.
        "evt.abspath" => text(theirs) == format!("/{}", text(ours)),
        _ => false,
    }
}

/// Compares a table of fields: an outcome per field, and one for which events there are.
pub fn fields(folder: &Path, name: &str, table: &str) -> Option<Vec<Outcome>> {
    let mut lines = lines(&folder.join(format!("{name}.{table}.jsonl.gz")))?;
    let head: Json = serde_json::from_str(&lines.next()?.ok()?).ok()?;
    let names = head["fields"].as_array()?.iter().filter_map(Json::as_str);
    let mut columns: Vec<Column> = names.map(Column::new).collect();
    let fd_name = columns.iter().position(|column| column.name == "fd.name");
    let dirfd = Template::parse("%evt.arg.dirfd", &Fields::syscall()).ok()?;
    let (mut rows, mut lost) = (0usize, None);
    let capture = folder.join(format!("{name}.scap.gz"));
    let outcome = replay(&capture, table == "container", |event| {
        if lost.is_some() {
            return;
        }
        let Some(Ok(line)) = lines.next() else {
            lost = Some(format!("event {} is not delivered by Falco", event.number));
            return;
        };
        rows += 1;
        let number = line[1..].split([',', ']']).next().and_then(|n| n.parse().ok());
        if number != Some(event.number) {
            lost = Some(format!("event {} here, {number:?} there", event.number));
            return;
        }
        // Taking rows apart is what takes the time.
        if cfg!(debug_assertions) && rows > MANY / 50 && !rows.is_multiple_of(STRIDE) {
            return;
        }
        let Ok(values) = serde_json::from_str::<Vec<Json>>(&line) else { return };
        let fd_name = fd_name.and_then(|column| values.get(column)?.as_str());
        let row = Row { event, fd_name, dirfd: &dirfd };
        columns.iter_mut().zip(&values).for_each(|(column, theirs)| column.compare(theirs, &row));
    });
    if lost.is_none() && lines.next().is_some() {
        lost = Some("Falco delivers more events".into());
    }
    let trouble = lost.or(outcome.err()).map(Trouble::Failed);
    let mut outcomes = vec![Outcome::new(format!("{name}.events"), "events", trouble)];
    outcomes.extend(columns.into_iter().map(|column| column.outcome(table)));
    Some(outcomes)
}

/// That a capture without golden results can be read.
pub fn readable(folder: &Path, name: &str) -> Outcome {
    let mut events = 0u64;
    let result = replay(&folder.join(format!("{name}.scap.gz")), false, |_| events += 1);
    let result = result.and_then(|()| if events > 0 { Ok(()) } else { Err("no event".into()) });
    Outcome::new(format!("{name}.readable"), "readable", result.err().map(Trouble::Failed))
}

/// The rules files that the golden alerts were made with.
const RULES: [&str; 3] =
    ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"];

fn detection(folders: &Folders, matching: RuleMatching) -> Result<Detection, Trouble> {
    let paths: Vec<PathBuf> = RULES.iter().map(|name| folders.rules.join(name)).collect();
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        return Err(Trouble::Skipped(format!("{} is missing", missing.display())));
    }
    let session = Session { hostname: Some("golden".into()), ..Session::default() };
    let options = RuleOptions { paths, matching, session, ..RuleOptions::default() };
    let loaded = ruleset::load(&options).map_err(|error| Trouble::Failed(error.to_string()))?;
    Ok(loaded.detection)
}

/// Compares the alerts of a capture, replayed on so many workers.
pub fn alerts(folders: &Folders, name: &str, which: &str, workers: usize) -> Option<Outcome> {
    let golden = folders.captures.join(format!("{name}.alerts-{which}.jsonl.gz"));
    let golden = lines(&golden)?;
    let mut id = format!("{name}.alerts-{which}");
    if workers > 1 {
        id.push_str(&format!("/{workers}-workers"));
    }
    let is_large = name.contains("load");
    let result = if cfg!(debug_assertions) && is_large {
        Err(Trouble::Skipped("a large capture, compared by optimised builds".into()))
    } else {
        let matching = if which == "all" { RuleMatching::All } else { RuleMatching::First };
        let golden: Vec<Json> = golden
            .map_while(Result::ok)
            .filter_map(|line| serde_json::from_str(&line).ok())
            .collect();
        compare_alerts(folders, name, matching, &golden, workers)
    };
    Some(Outcome::new(id, "alerts", result.err()))
}

fn compare_alerts(
    folders: &Folders,
    name: &str,
    matching: RuleMatching,
    golden: &[Json],
    workers: usize,
) -> Result<(), Trouble> {
    let detection = Arc::new(detection(folders, matching)?);
    let detectors = (0..workers.max(1)).map(|_| Alerts(Detector::new(detection.clone()))).collect();
    let format = LineFormat::new(Encoding::json(), "golden").zone(TimeZone::UTC);
    let mut ours: Vec<Json> = Vec::new();
    let path = folders.captures.join(format!("{name}.scap.gz"));
    on_workers(&path, detectors, |alert| {
        ours.extend(serde_json::from_str::<Json>(&format.render(&alert)));
    })?;
    let pairs = ours.iter().zip(golden);
    let equal = pairs.clone().filter(|(ours, theirs)| ours == theirs).count();
    if equal == golden.len() && ours.len() == golden.len() {
        return Ok(());
    }
    let mut text = format!("{equal} of {} alerts are the same, {} here", golden.len(), ours.len());
    if let Some((ours, theirs)) = pairs.clone().find(|(ours, theirs)| ours != theirs) {
        text.push_str(&format!("\n  got      {ours}\n  expected {theirs}"));
    }
    let mut counts: BTreeMap<&str, (i64, i64)> = BTreeMap::new();
    for alert in &ours {
        counts.entry(alert["rule"].as_str().unwrap_or_default()).or_default().0 += 1;
    }
    for alert in golden {
        counts.entry(alert["rule"].as_str().unwrap_or_default()).or_default().1 += 1;
    }
    for (rule, (ours, theirs)) in counts.into_iter().filter(|(_, (a, b))| a != b) {
        text.push_str(&format!("\n  {rule}: {ours} for {theirs}"));
    }
    Err(Trouble::Failed(text))
}
