//! The progress bar of a replay.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use peregrine_output::{Failure, Line, Sink};

use super::input::Input;

/// Events between two looks at the bar.
const STRIDE: u64 = 1 << 14;

/// Bytes, events per second and time left, on standard error if that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    is_shown: bool,
    started: Instant,
    events: u64,
}

impl Progress {
    /// A bar for a capture, among `bars`; hidden without them.
    pub fn new(input: &Input, bars: Option<&MultiProgress>) -> Self {
        let is_shown = bars.is_some();
        let bar = match input.bytes {
            _ if !is_shown => ProgressBar::hidden(),
            Some(bytes) => ProgressBar::new(bytes)
                .with_style(style("{bar:32} {bytes}/{total_bytes}  {msg}  {eta} left")),
            None => ProgressBar::no_length().with_style(style("{spinner} {bytes}  {msg}")),
        };
        let bar = match bars {
            Some(bars) => bars.add(bar),
            None => bar,
        };
        Self { bar, is_shown, started: Instant::now(), events: 0 }
    }

    /// Counts an event.
    #[inline]
    pub fn tick(&mut self, consumed: &AtomicU64) {
        self.events += 1;
        if self.is_shown && self.events.is_multiple_of(STRIDE) {
            self.draw(consumed.load(Ordering::Relaxed));
        }
    }

    /// Shows that events were looked at, when they are not counted one by one.
    pub fn show(&mut self, events: u64, consumed: &AtomicU64) {
        self.events = events;
        if self.is_shown {
            self.draw(consumed.load(Ordering::Relaxed));
        }
    }

    #[cold]
    fn draw(&self, consumed: u64) {
        let rate = self.events as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        self.bar.set_message(format!("{} events, {:.2} M/s", self.events, rate / 1e6));
        self.bar.set_position(consumed);
    }

    /// Prints a line on standard error above the bar.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Where bars are drawn, if standard error is a terminal.
pub fn bars() -> Option<MultiProgress> {
    std::io::stderr().is_terminal().then(MultiProgress::new)
}

/// Standard output, where it is the terminal that shows bars too: lines go above them.
pub struct BesideBars {
    bars: MultiProgress,
}

impl BesideBars {
    /// Standard output beside bars.
    pub fn new(bars: MultiProgress) -> Self {
        Self { bars }
    }
}

impl Sink for BesideBars {
    fn name(&self) -> &str {
        "stdout"
    }

    fn write(&mut self, lines: &[Arc<Line>]) -> Result<(), Failure> {
        let written = self.bars.suspend(|| {
            let mut out = std::io::stdout().lock();
            for line in lines {
                out.write_all(line.text.as_bytes())?;
                out.write_all(b"\n")?;
            }
            out.flush()
        });
        Ok(written?)
    }
}
