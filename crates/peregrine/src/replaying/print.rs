//! Events as lines: for people, by a format, as columns, as JSON.

use std::io;
use std::io::Write as _;

use anstyle::{AnsiColor, Style};
use anyhow::{Context, bail};
use peregrine_event::ParamType;
use peregrine_fields::template::Template;
use peregrine_fields::value::sanitize;
use peregrine_fields::view::EventView;
use peregrine_fields::{Field, Fields};
use serde_json::Value as Json;

/// Prints events.
pub enum Printer {
    /// One readable line per event.
    Lines(Lines),
    /// One JSON object per event, with what a readable line shows.
    Objects(Template),
    /// A format of the user.
    Format(Template),
    /// Columns, separated by tabs.
    Columns(Vec<Column>),
    /// One JSON list per event.
    Lists(Vec<Column>),
}

/// A field, or a call; `None` for one that needs an argument and has none, which has no value.
type Column = Option<Template>;

/// Fields whose values depend on the search for containers.
const OF_CONTAINERS: [&str; 3] = ["container.", "k8s.", "proc.is_container_"];

impl Printer {
    /// Readable lines.
    ///
    /// # Errors
    /// None, as the fields are fixed.
    pub fn lines(has_colour: bool) -> anyhow::Result<Self> {
        Ok(Self::Lines(Lines::new(has_colour)?))
    }

    /// One JSON object per event.
    ///
    /// # Errors
    /// None, as the fields are fixed.
    pub fn objects() -> anyhow::Result<Self> {
        let format = "*%evt.num %evt.time %evt.cpu %proc.name %thread.tid %evt.type %evt.args";
        Ok(Self::Objects(template(format)?))
    }

    /// Lines by a format.
    ///
    /// # Errors
    /// The format is wrong; the error says where.
    pub fn format(format: &str) -> anyhow::Result<Self> {
        Ok(Self::Format(template(format)?))
    }

    /// Columns, or lists, of fields separated by commas.
    ///
    /// # Errors
    /// A field does not exist.
    pub fn fields(names: &str, is_json: bool) -> anyhow::Result<Self> {
        let columns = split(names).into_iter().map(column).collect::<anyhow::Result<_>>()?;
        Ok(if is_json { Self::Lists(columns) } else { Self::Columns(columns) })
    }

    /// Whether containers have to be searched for.
    pub fn wants_containers(&self) -> bool {
        let wants = |template: &Template| {
            template.names().any(|name| OF_CONTAINERS.iter().any(|of| name.starts_with(of)))
        };
        match self {
            Self::Lines(_) => false,
            Self::Objects(template) | Self::Format(template) => wants(template),
            Self::Columns(columns) | Self::Lists(columns) => columns.iter().flatten().any(wants),
        }
    }

    /// Prints one event into `text`, in place of what is there; nothing if the event is left out.
    ///
    /// # Errors
    /// A value that JSON cannot hold.
    pub fn print(&mut self, event: &EventView<'_>, text: &mut Vec<u8>) -> io::Result<()> {
        text.clear();
        match self {
            Self::Lines(lines) => lines.write(event, text),
            Self::Objects(template) => {
                let (fields, _) = template.fields(event, true);
                let object: serde_json::Map<String, Json> =
                    fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
                serde_json::to_writer(&mut *text, &object)?;
            }
            Self::Format(template) => {
                // As in Falco, a format without * shows only events that have all its fields.
                if !template.write(event, text) {
                    text.clear();
                    return Ok(());
                }
                make_harmless(text, 0, b"\n\t");
            }
            Self::Columns(columns) => {
                for (index, column) in columns.iter().enumerate() {
                    if index > 0 {
                        text.push(b'\t');
                    }
                    let start = text.len();
                    match column {
                        Some(column) => _ = column.write(event, text),
                        None => text.extend_from_slice(b"<NA>"),
                    }
                    make_harmless(text, start, b"");
                }
            }
            Self::Lists(columns) => {
                let cell = |column: &Column| {
                    let Some(column) = column else { return Json::Null };
                    // The parts of a call come before the call.
                    let (fields, _) = column.fields(event, true);
                    fields.into_iter().next_back().map_or(Json::Null, |(_, value)| value)
                };
                let row: Vec<Json> = columns.iter().map(cell).collect();
                serde_json::to_writer(&mut *text, &row)?;
            }
        }
        text.push(b'\n');
        Ok(())
    }
}

fn template(format: &str) -> anyhow::Result<Template> {
    Template::parse(format, &Fields::syscall()).with_context(|| format!("in the format '{format}'"))
}

/// Splits at commas that are not within parentheses or brackets.
fn split(names: &str) -> Vec<&str> {
    let mut depth = 0u32;
    names
        .split(move |c| {
            match c {
                '(' | '[' => depth += 1,
                ')' | ']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(|name| name.trim().trim_start_matches('%'))
        .collect()
}

fn column(name: &str) -> anyhow::Result<Column> {
    if name.is_empty() {
        bail!("--fields: a name is empty");
    }
    let template = Template::parse(&format!("*%{name}"), &Fields::syscall())
        .with_context(|| format!("--fields: '{name}'"))?;
    // A template takes the longest name that exists; the rest would be text.
    let is_whole = template.names().any(|known| **known == *name) || name.ends_with(')');
    if is_whole {
        return Ok(Some(template));
    }
    if Field::from_name(name).is_none() {
        bail!("--fields: there is no field '{name}'");
    }
    eprintln!("peregrine: --fields: {name} needs an argument; without one it has no value");
    Ok(None)
}

/// Replaces what could move the cursor, forge a line or break a column; what is not UTF-8 becomes
/// U+FFFD.
fn make_harmless(text: &mut Vec<u8>, start: usize, allowed: &[u8]) {
    let is_bad = |byte: &u8| (*byte < 0x20 || *byte == 0x7f) && !allowed.contains(byte);
    if !text[start..].iter().any(|byte| is_bad(byte) || !byte.is_ascii()) {
        return;
    }
    let raw = text.split_off(start);
    for c in sanitize(raw).chars() {
        let is_control = c.is_control() && !(c.is_ascii() && allowed.contains(&(c as u8)));
        if is_control {
            text.extend(c.escape_default().to_string().bytes());
        } else {
            text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// Lines for people: number, time, cpu, process, thread, event, arguments.
pub struct Lines {
    parts: Vec<(Template, Style)>,
    failed: Style,
    has_colour: bool,
}

/// Index of the event's name among the parts.
const EVENT: usize = 4;

impl Lines {
    fn new(has_colour: bool) -> anyhow::Result<Self> {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        let parts = [
            ("*%evt.num", Style::new().dimmed()),
            ("*%evt.time", Style::new().dimmed()),
            ("*%evt.cpu", Style::new().dimmed()),
            ("*%proc.name (%thread.tid)", colour(AnsiColor::Green)),
            ("*%evt.type", colour(AnsiColor::Cyan).bold()),
            ("*%evt.args", Style::new()),
        ];
        let parts = parts
            .into_iter()
            .map(|(format, style)| Ok((template(format)?, style)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { parts, failed: colour(AnsiColor::Red).bold(), has_colour })
    }

    fn write(&self, event: &EventView<'_>, text: &mut Vec<u8>) {
        for (index, (template, style)) in self.parts.iter().enumerate() {
            if index > 0 {
                text.push(b' ');
            }
            let is_failure = index == EVENT && is_failed(event);
            let style = if is_failure { self.failed } else { *style };
            if self.has_colour {
                // Writing to a `Vec` does not fail.
                let _ = write!(text, "{}", style.render());
            }
            let start = text.len();
            template.write(event, text);
            make_harmless(text, start, b"");
            if self.has_colour {
                let _ = write!(text, "{}", style.render_reset());
            }
        }
    }
}

/// Whether a system call failed.
fn is_failed(event: &EventView<'_>) -> bool {
    let def = event.record.def();
    let has_result = def
        .params
        .first()
        .is_some_and(|param| matches!(param.ty, ParamType::Errno | ParamType::Fd | ParamType::Pid));
    let result = event.record.int(0).filter(|_| has_result && def.is_syscall_exit());
    result.is_some_and(|result| result < 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_outside_of_arguments() {
        assert_eq!(split("evt.num, %proc.aname[2]"), ["evt.num", "proc.aname[2]"]);
        assert_eq!(split("join(fd.name,evt.type),a"), ["join(fd.name,evt.type)", "a"]);
        assert_eq!(split(""), [""]);
    }

    #[test]
    fn fields_must_exist_as_they_are_written() {
        assert!(column("proc.name").is_ok());
        assert!(column("proc.aname[2]").is_ok_and(|column| column.is_some()));
        assert!(column("evt.type.is").is_ok_and(|column| column.is_none()));
        for bad in ["proc.nameand", "proc.nam", "", "nothing"] {
            assert!(column(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn text_of_events_cannot_steer_the_terminal() {
        let mut text = b"x\x1b".to_vec();
        text.extend_from_slice("\x1b[31m\n\u{9b}é\t".as_bytes());
        make_harmless(&mut text, 1, b"\t");
        assert_eq!(text, b"x\\u{1b}\\u{1b}[31m\\n\\u{9b}\xc3\xa9\t");
        let mut broken = b"a\xff".to_vec();
        make_harmless(&mut broken, 0, b"");
        assert_eq!(broken, "a\u{fffd}".as_bytes());
    }
}
