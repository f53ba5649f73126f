//! From the events of the parser to trees.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::flow;
use super::node::{Kind, Mark, Node, Style};
use super::scalar;

/// What a file may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Sequences and mappings within one another.
    pub depth: usize,
    /// Nodes of all documents once every alias is followed.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 100, nodes: 4_000_000 }
    }
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("yaml-cpp: error at line {}, column {}: {message}", mark.line + 1, mark.column + 1)]
pub struct YamlError {
    /// Where.
    pub mark: Mark,
    /// What is wrong.
    pub message: String,
}

/// Reads all documents of a text. Tags are ignored.
///
/// Memory is linear in the length of the text: an alias shares the node of its anchor.
///
/// # Errors
/// The text is no YAML, or exceeds the limits.
pub fn load(text: &str, limits: Limits) -> Result<Vec<Arc<Node>>, YamlError> {
    let first = Builder::new(text, limits).run(text);
    match first {
        Err(error) if error.message.starts_with("invalid indentation") => {
            let joined = flow::joined(text);
            Builder::new(text, limits).run(&joined).map_err(|_| error)
        }
        other => other,
    }
}

/// A collection that has not ended.
struct Open {
    mark: Mark,
    anchor: usize,
    is_mapping: bool,
    /// Items, or keys and values in turn.
    children: Vec<Arc<Node>>,
    /// Nodes within, aliases followed.
    nodes: usize,
}

struct Builder<'t> {
    places: Places<'t>,
    limits: Limits,
    /// With the number of nodes within.
    anchors: HashMap<usize, (Arc<Node>, usize)>,
    open: Vec<Open>,
    documents: Vec<Arc<Node>>,
    nodes: usize,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str, limits: Limits) -> Self {
        Self {
            places: Places::new(text),
            limits,
            anchors: HashMap::new(),
            open: Vec::new(),
            documents: Vec::new(),
            nodes: 0,
        }
    }

    fn run(mut self, text: &str) -> Result<Vec<Arc<Node>>, YamlError> {
        for event in Parser::new_from_str(text) {
            let (event, span) = event.map_err(|error| YamlError {
                mark: self.places.mark(error.marker()),
                message: error.info().to_owned(),
            })?;
            let mut mark = self.places.mark(&span.start);
            let end = self.places.offset(span.end.index());
            match event {
                Event::Scalar(value, style, anchor, _) => {
                    let style = match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted => Style::SingleQuoted,
                        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                        ScalarStyle::Literal | ScalarStyle::Folded => {
                            mark = self.places.block_header(mark);
                            Style::Block
                        }
                    };
                    let kind = if style == Style::Plain && scalar::is_null(&value) {
                        Kind::Null
                    } else {
                        Kind::Scalar { text: value.into_owned(), style }
                    };
                    self.add(Arc::new(Node { mark, end, kind }), 1, anchor)?;
                }
                Event::SequenceStart(anchor, _) => {
                    let is_implied = span.is_empty();
                    let mark = if is_implied { self.places.first_dash(mark) } else { mark };
                    self.enter(mark, anchor, false)?;
                }
                Event::MappingStart(anchor, _) => self.enter(mark, anchor, true)?,
                Event::SequenceEnd | Event::MappingEnd => self.leave(end)?,
                Event::Alias(anchor) => match self.anchors.get(&anchor) {
                    Some((node, nodes)) => {
                        let (node, nodes) = (node.clone(), *nodes);
                        self.add(node, nodes, 0)?;
                    }
                    None => {
                        let message = "an alias stands within the node of its anchor".to_owned();
                        return Err(YamlError { mark, message });
                    }
                },
                Event::DocumentStart(_) => self.anchors.clear(),
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(self.documents)
    }

    fn enter(&mut self, mark: Mark, anchor: usize, is_mapping: bool) -> Result<(), YamlError> {
        if self.open.len() >= self.limits.depth {
            let message = format!("nested deeper than {} levels", self.limits.depth);
            return Err(YamlError { mark, message });
        }
        self.open.push(Open { mark, anchor, is_mapping, children: Vec::new(), nodes: 1 });
        Ok(())
    }

    fn leave(&mut self, end: usize) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let kind = if open.is_mapping {
            let mut children = open.children.into_iter();
            let mut pairs = Vec::with_capacity(children.len() / 2);
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                pairs.push((key, value));
            }
            Kind::Mapping(pairs)
        } else {
            Kind::Sequence(open.children)
        };
        self.add(Arc::new(Node { mark: open.mark, end, kind }), open.nodes, open.anchor)
    }

    fn add(&mut self, node: Arc<Node>, nodes: usize, anchor: usize) -> Result<(), YamlError> {
        let total = match self.open.last() {
            Some(open) => open.nodes.saturating_add(nodes),
            None => self.nodes.saturating_add(nodes),
        };
        if total > self.limits.nodes {
            let message = format!("more than {} nodes, counting aliases", self.limits.nodes);
            return Err(YamlError { mark: node.mark, message });
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), nodes));
        }
        match self.open.last_mut() {
            Some(open) => {
                open.nodes = total;
                open.children.push(node);
            }
            None => {
                self.nodes = total;
                self.documents.push(node);
            }
        }
        Ok(())
    }
}

/// Turns the parser's places, in characters, into ours, in bytes.
struct Places<'t> {
    text: &'t str,
    /// Byte offset of every [`STEP`]th character; empty for ASCII.
    steps: Vec<usize>,
    /// Where lines begin.
    lines: Vec<usize>,
}

const STEP: usize = 64;

impl<'t> Places<'t> {
    fn new(text: &'t str) -> Self {
        let steps = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(STEP).map(|(offset, _)| offset).collect()
        };
        let mut lines = vec![0];
        lines.extend(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1));
        Self { text, steps, lines }
    }

    fn offset(&self, chars: usize) -> usize {
        if self.steps.is_empty() {
            return chars.min(self.text.len());
        }
        let Some(step) = self.steps.get(chars / STEP) else { return self.text.len() };
        let rest = self.text[*step..].char_indices().nth(chars % STEP);
        rest.map_or(self.text.len(), |(offset, _)| step + offset)
    }

    fn mark(&self, marker: &Marker) -> Mark {
        let offset = self.offset(marker.index());
        self.at(offset)
    }

    fn at(&self, offset: usize) -> Mark {
        let line = self.lines.partition_point(|start| *start <= offset) - 1;
        Mark { offset, line, column: offset - self.lines[line] }
    }

    /// The first `-` of a sequence that is not indented further than its key: the parser gives
    /// what follows it.
    fn first_dash(&self, mark: Mark) -> Mark {
        let bytes = self.text.as_bytes();
        let dash = |at: &usize| {
            bytes.get(*at) == Some(&b'-')
                && bytes.get(at + 1).is_none_or(|b| b.is_ascii_whitespace())
        };
        if dash(&mark.offset) {
            return mark;
        }
        let found = (mark.offset - mark.column..mark.offset).rev().find(dash);
        found.map_or(mark, |at| self.at(at))
    }

    /// The `|` or `>` of a block scalar, of which the parser gives the content.
    fn block_header(&self, content: Mark) -> Mark {
        let bytes = self.text.as_bytes();
        let Some(last) = bytes[..content.offset].iter().rposition(|b| !b.is_ascii_whitespace())
        else {
            return content;
        };
        let start = self.lines[self.at(last).line];
        let header = |at: &usize| {
            let rest = self.text.get(at + 1..=last).unwrap_or("");
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || "+-".contains(c));
            let is_first = *at == start || bytes[at - 1].is_ascii_whitespace();
            let rest_is_comment = rest.is_empty() || rest.starts_with([' ', '\t', '\r']);
            is_first && rest_is_comment && (rest.trim().is_empty() || rest.trim().starts_with('#'))
        };
        let found = (start..=last).filter(|at| matches!(bytes[*at], b'|' | b'>')).find(header);
        found.map_or(content, |at| self.at(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Arc<Node> {
        let mut documents = load(text, Limits::default()).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    #[test]
    fn marks_count_bytes_from_zero() {
        let root = one("\n- rule: ü\n  desc: x\n- [a, 'é', b]\n- >\n  folded\n");
        let items = root.as_sequence().unwrap();
        assert_eq!(root.mark, Mark { offset: 1, line: 1, column: 0 });
        assert_eq!(items[0].mark, Mark { offset: 3, line: 1, column: 2 });
        let desc = items[0].get("desc").unwrap();
        assert_eq!((desc.mark.line, desc.mark.column), (2, 8));
        let inner = items[1].as_sequence().unwrap();
        assert_eq!((inner[2].mark.line, inner[2].mark.column), (3, 12));
        assert_eq!((items[2].mark.line, items[2].mark.column), (4, 2));
    }

    #[test]
    fn null_is_plain() {
        let root = one("[~, null, '', \"null\", a: ]");
        let items = root.as_sequence().unwrap();
        let nulls: Vec<bool> = items.iter().map(|i| i.is_null()).collect();
        assert_eq!(nulls, [true, true, false, false, false]);
        assert!(items[4].get("a").unwrap().is_null());
    }

    #[test]
    fn aliases_are_shared_and_counted() {
        let root = one("- &a [x, y]\n- *a\n");
        let items = root.as_sequence().unwrap();
        assert!(Arc::ptr_eq(&items[0], &items[1]));
        let mut bomb = String::from("- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..20 {
            let inner = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("- &a{level} [{inner}]\n"));
        }
        let error = load(&bomb, Limits::default()).unwrap_err();
        assert!(error.message.contains("counting aliases"), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(5000);
        assert!(load(&deep, Limits::default()).is_err());
    }

    #[test]
    fn documents_are_separate() {
        assert_eq!(load("a\n---\nb\n", Limits::default()).unwrap().len(), 2);
        assert_eq!(load("", Limits::default()).unwrap().len(), 0);
        assert_eq!(load("# only a comment\n", Limits::default()).unwrap().len(), 0);
    }
}
