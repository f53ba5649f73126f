//! What is done with the events of one worker: filter, rules, printing.

use std::sync::Arc;

use peregrine_engine::Detection;
use peregrine_engine::detector::Detector;
use peregrine_engine::replay::EventFilter;
use peregrine_engine::replay::parallel::Examiner;
use peregrine_fields::view::EventView;
use peregrine_output::{Alert, StateQuality};

use super::print::Printer;

/// Looks at events, and finds alerts or lines.
pub struct Look {
    filter: Option<EventFilter>,
    detector: Option<Detector>,
    printer: Option<Printer>,
    text: Vec<u8>,
}

/// What there is to show of an event.
pub enum Found {
    /// A rule matched.
    Alert(Box<Alert>),
    /// A printed event.
    Line(Box<[u8]>),
}

impl Look {
    /// Scratch space for what is looked at.
    pub fn new(
        filter: Option<EventFilter>,
        detection: Option<Arc<Detection>>,
        printer: Option<Printer>,
    ) -> Self {
        Self { filter, detector: detection.map(Detector::new), printer, text: Vec::new() }
    }

    /// The rules, with their matches so far.
    pub fn detector(&self) -> Option<&Detector> {
        self.detector.as_ref()
    }

    /// Whether an event is to be looked at.
    #[inline]
    pub fn wants(&mut self, view: &EventView<'_>, is_for_rules: bool) -> bool {
        is_for_rules && self.filter.as_mut().is_none_or(|filter| filter.matches(view))
    }

    /// Tries the rules. Gives how long their alerts keep a capture going, in nanoseconds.
    #[inline]
    pub fn detect(&mut self, view: &EventView<'_>, emit: impl FnMut(Alert)) -> Option<u64> {
        let detector = self.detector.as_mut()?;
        detector.examine(view, view.number, StateQuality::Exact, emit).capture_ns
    }

    /// The event as it is printed, if it is; empty for one that lacks a field.
    #[inline]
    pub fn print(&mut self, view: &EventView<'_>) -> anyhow::Result<Option<&[u8]>> {
        let Some(printer) = &mut self.printer else { return Ok(None) };
        printer.print(view, &mut self.text)?;
        Ok(Some(&self.text))
    }
}

impl Examiner for Look {
    type Found = Found;

    fn examine(&mut self, view: &EventView<'_>, is_for_rules: bool, found: &mut Vec<Found>) {
        if !self.wants(view, is_for_rules) {
            return;
        }
        let _ = self.detect(view, |alert| found.push(Found::Alert(Box::new(alert))));
        // Only writing fails, and here nothing is written.
        if let Ok(Some(text)) = self.print(view)
            && !text.is_empty()
        {
            found.push(Found::Line(text.into()));
        }
    }
}
