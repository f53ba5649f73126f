//! The process of an event and its ancestors, for alerts that people look at.

use peregrine_fields::Fields;
use peregrine_fields::template::Template;
use peregrine_fields::value::sanitize;
use peregrine_fields::view::EventView;
use peregrine_output::Ancestor;

/// Ancestors shown, at most.
const GENERATIONS: usize = 8;
/// Fields per process, in this order: id, name, program, command line.
const FIELDS: usize = 4;

/// Reads them through the fields that rules use, so there is one way to follow parents.
#[derive(Debug)]
pub struct Lineage(Template);

impl Lineage {
    /// Compiles the fields.
    pub fn new() -> Self {
        let mut text = "*%proc.pid %proc.name %proc.exepath %proc.cmdline".to_owned();
        for n in 1..=GENERATIONS {
            text.push_str(&format!(
                " %proc.apid[{n}] %proc.aname[{n}] %proc.aexepath[{n}] %proc.acmdline[{n}]"
            ));
        }
        Self(Template::parse(&text, &Fields::syscall()).expect("the fields exist"))
    }

    /// The process of an event and its ancestors, nearest first.
    pub fn of(&self, event: &EventView<'_>) -> Vec<Ancestor> {
        let (texts, _) = self.0.texts(event, false);
        let texts: Vec<String> = texts.into_iter().map(|(_, text)| sanitize(text)).collect();
        let mut lineage = Vec::new();
        for fields in texts.chunks_exact(FIELDS) {
            let Ok(pid) = fields[0].parse() else { break };
            let known = |text: &String| match text.as_str() {
                "<NA>" => String::new(),
                text => text.to_owned(),
            };
            lineage.push(Ancestor {
                pid,
                name: known(&fields[1]),
                exe: known(&fields[2]),
                command: known(&fields[3]),
            });
            // Above the first process there is only the kernel.
            if pid <= 1 {
                break;
            }
        }
        lineage
    }
}

impl Default for Lineage {
    fn default() -> Self {
        Self::new()
    }
}
