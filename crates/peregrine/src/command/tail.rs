//! `peregrine tail`: alerts of a running Peregrine, as they come.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::Args;
use peregrine_event::Priority;
use peregrine_output::stream::{self, DEFAULT_SOCKET};
use serde_json::Value as Json;

use crate::terminal::harmless;

/// Options of `peregrine tail`.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Socket of the running Peregrine (its `--socket`)
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Begin with so many of the latest alerts, filtered or not
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    last: usize,
    /// Only rules with this in their name, in any case; may be given several times
    #[arg(long, value_name = "TEXT")]
    rule: Vec<String>,
    /// Only alerts of at least this priority
    #[arg(long, value_name = "PRIORITY", default_value = "debug")]
    priority: Priority,
    /// Only rules with this tag; may be given several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only alerts with this in their text, in any case
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Stop after so many alerts
    #[arg(long, value_name = "N")]
    count: Option<u64>,
}

/// Prints alerts until the other side ends, or the reader goes away.
///
/// # Errors
/// Nobody serves the socket.
pub fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let stream = stream::connect(&args.socket, args.last).with_context(|| {
        let socket = args.socket.display();
        format!("cannot read from {socket}; is `peregrine run --socket` running, and are you root?")
    })?;
    let out = anstream::AutoStream::auto(io::stdout());
    match follow(args, BufReader::new(stream), out) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        other => {
            other?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn follow(args: &TailArgs, input: impl BufRead, mut out: impl Write) -> io::Result<()> {
    let mut left = args.count.unwrap_or(u64::MAX);
    for line in input.lines() {
        if left == 0 {
            break;
        }
        let line = line?;
        let Ok(alert) = serde_json::from_str::<Json>(&line) else { continue };
        if let Some(lost) = alert.get("lost") {
            eprintln!("peregrine: {lost} alerts were too fast for this reader");
            continue;
        }
        if !args.wants(&alert) {
            continue;
        }
        if args.json {
            writeln!(out, "{line}")?;
        } else {
            let priority = priority(&alert).unwrap_or(Priority::Debug);
            let style = colour(priority);
            let output = harmless(alert["output"].as_str().unwrap_or_default());
            writeln!(out, "{style}{output}{style:#}")?;
        }
        out.flush()?;
        left -= 1;
    }
    Ok(())
}

impl TailArgs {
    fn wants(&self, alert: &Json) -> bool {
        let contains = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let rule = alert["rule"].as_str().unwrap_or_default();
        let has_tag = |tag: &String| {
            alert["tags"].as_array().is_some_and(|tags| tags.iter().any(|t| t == tag.as_str()))
        };
        // Priorities are ordered from the most urgent on.
        priority(alert).is_none_or(|p| p.syslog_level() <= self.priority.syslog_level())
            && (self.rule.is_empty() || self.rule.iter().any(|part| contains(rule, part)))
            && (self.tag.is_empty() || self.tag.iter().any(has_tag))
            && self.text.as_ref().is_none_or(|part| {
                contains(alert["output"].as_str().unwrap_or_default(), part)
                    || contains(&alert["output_fields"].to_string(), part)
            })
    }
}

fn priority(alert: &Json) -> Option<Priority> {
    alert["priority"].as_str()?.parse().ok()
}

fn colour(priority: Priority) -> Style {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match priority.syslog_level() {
        0..=2 => colour(AnsiColor::Red).bold(),
        3 => colour(AnsiColor::Red),
        4 => colour(AnsiColor::Yellow),
        5 => Style::new(),
        _ => Style::new().dimmed(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        tail: TailArgs,
    }

    const ALERTS: &str = concat!(
        r#"{"output":"1: Notice shell \u001b[31m","priority":"Notice","rule":"Shell in container","tags":["host"],"output_fields":{}}"#,
        "\n",
        r#"{"lost":3}"#,
        "\n",
        r#"{"output":"2: Critical memfd","priority":"Critical","rule":"Program in memory","tags":["T1"],"output_fields":{"proc.name":"evil"}}"#,
        "\n",
    );

    fn shown(options: &[&str]) -> String {
        let cli = Cli::parse_from(std::iter::once(&"tail").chain(options));
        let mut out = anstream::StripStream::new(Vec::new());
        follow(&cli.tail, ALERTS.as_bytes(), &mut out).unwrap();
        String::from_utf8(out.into_inner()).unwrap()
    }

    #[test]
    fn alerts_are_filtered() {
        let second = "2: Critical memfd\n";
        assert_eq!(shown(&[]), format!("1: Notice shell \\u{{1b}}[31m\n{second}"));
        for options in
            [["--priority", "critical"], ["--rule", "MEMORY"], ["--tag", "T1"], ["--text", "evil"]]
        {
            assert_eq!(shown(&options), second, "{options:?}");
        }
        assert_eq!(shown(&["--rule", "shell", "--tag", "T1"]), "");
        assert_eq!(
            shown(&["--count", "1", "--json"]),
            format!("{}\n", ALERTS.lines().next().unwrap())
        );
    }
}
