//! Where in a rules file something is: the items it stands in, from the file inwards.

use std::sync::Arc;

use peregrine_filter::Position;
use serde_json::{Value, json};

use crate::source::Sources;
use peregrine_yaml::{Mark, Node};

macro_rules! item_types {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),* $(,)?) => {
        /// What a [`Location`] is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ItemType { $($(#[$doc])* $variant),* }

        impl ItemType {
            /// Falco's words for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(ItemType::$variant => $text),* }
            }
        }
    };
}

item_types! {
    /// The value of a key.
    ValueFor = "value for",
    /// The exceptions of a rule.
    Exceptions = "exceptions",
    /// One exception.
    Exception = "exception",
    /// The values of an exception.
    ExceptionValues = "exception values",
    /// One value of an exception.
    ExceptionValue = "exception value",
    /// A file.
    RulesContent = "rules content",
    /// An item of a file that is none of the below.
    RulesContentItem = "rules content item",
    /// The engine version a file requires.
    RequiredEngineVersion = "required_engine_version",
    /// The plugins a file requires.
    RequiredPluginVersions = "required plugin versions",
    /// One of them.
    RequiredPluginVersionsEntry = "required plugin versions entry",
    /// A plugin that does as well.
    RequiredPluginVersionsAlternative = "required plugin versions alternative",
    /// A list.
    List = "list",
    /// An item of a list.
    ListItem = "list item",
    /// A macro.
    Macro = "macro",
    /// The condition of a macro.
    MacroCondition = "macro condition",
    /// A rule.
    Rule = "rule",
    /// The condition of a rule.
    RuleCondition = "rule condition",
    /// A place in a condition.
    ConditionExpression = "condition expression",
    /// The output of a rule.
    RuleOutput = "rule output",
    /// A place in an output.
    RuleOutputExpression = "rule output expression",
    /// The priority of a rule.
    RulePriority = "rule priority",
    /// The override of a list, macro or rule.
    Override = "overrides",
    /// An item of an extension.
    ExtensionItem = "extension item",
}

/// One step of a [`Context`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// File, or the beginning of the condition.
    pub name: String,
    /// Place within; in a condition counted from the condition's own place, as Falco does.
    pub mark: Mark,
    /// What stands there.
    pub item_type: ItemType,
    /// Its name, if it has one.
    pub item_name: String,
}

/// Where something is; the first location is the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    locations: Vec<Location>,
    /// The condition that a snippet is cut from instead of the file.
    condition: Option<Arc<str>>,
}

impl Context {
    /// A file.
    pub fn file(name: &str) -> Self {
        let location = Location {
            name: name.to_owned(),
            mark: Mark::default(),
            item_type: ItemType::RulesContent,
            item_name: String::new(),
        };
        Self { locations: vec![location], condition: None }
    }

    /// A node within this.
    pub fn item(&self, node: &Node, item_type: ItemType, name: &str) -> Self {
        self.at(node.mark, item_type, name)
    }

    /// A place in the file within this.
    pub fn at(&self, mark: Mark, item_type: ItemType, name: &str) -> Self {
        let file = self.locations[0].name.clone();
        self.with(Location { name: file, mark, item_type, item_name: name.to_owned() })
    }

    /// A place in a condition within this.
    ///
    /// Falco adds the place in the condition to that of its parent although lines count from one
    /// in conditions; scripts that read its results expect these numbers.
    pub fn expression(&self, position: Position, condition: &str) -> Self {
        let base = self.last().mark;
        let mut name: String = if condition.len() > 20 {
            let mut end = 17;
            while !condition.is_char_boundary(end) {
                end -= 1;
            }
            format!("\"{}...\"", &condition[..end])
        } else {
            format!("\"{condition}\"")
        };
        name = name.replace(['\n', '\r'], " ");
        let mark = Mark {
            offset: base.offset + position.index as usize,
            line: base.line + position.line as usize,
            column: base.column + position.column as usize,
        };
        let item_type = ItemType::ConditionExpression;
        let mut context = self.with(Location { name, mark, item_type, item_name: String::new() });
        context.condition = Some(condition.into());
        context
    }

    /// As [`Context::expression`], for a condition as a whole.
    pub fn whole_expression(&self, condition: &str) -> Self {
        self.expression(Position { index: 0, line: 0, column: 0 }, condition)
    }

    fn with(&self, location: Location) -> Self {
        let mut locations = Vec::with_capacity(self.locations.len() + 1);
        locations.extend_from_slice(&self.locations);
        locations.push(location);
        Self { locations, condition: None }
    }

    /// The steps, from the file inwards.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The innermost step.
    pub fn last(&self) -> &Location {
        &self.locations[self.locations.len() - 1]
    }

    /// One line per step.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for (index, location) in self.locations.iter().enumerate() {
            text.push_str(if index == 0 { "In " } else { "    " });
            text.push_str(location.item_type.as_str());
            if !location.item_name.is_empty() {
                text.push_str(&format!(" '{}'", location.item_name));
            }
            let Location { name, mark, .. } = location;
            text.push_str(&format!(": ({name}:{}:{})\n", mark.line, mark.column));
        }
        text
    }

    /// As in Falco's JSON, without the snippet.
    pub fn to_json(&self) -> Value {
        let locations: Vec<Value> = self
            .locations
            .iter()
            .map(|location| {
                json!({
                    "item_type": location.item_type.as_str(),
                    "item_name": location.item_name,
                    "position": {
                        "name": location.name,
                        "line": location.mark.line,
                        "column": location.mark.column,
                        "offset": location.mark.offset,
                    },
                })
            })
            .collect();
        json!({ "locations": locations })
    }

    /// The line of the innermost place with a caret under it, at most `width` characters of it.
    pub fn snippet(&self, sources: &Sources, width: usize) -> String {
        let location = self.last();
        let text = match (&self.condition, sources.text_of(&location.name)) {
            (Some(condition), _) if !condition.is_empty() => condition,
            (_, Some(text)) => text,
            _ => return format!("<No context for file + {}>\n", location.name),
        };
        let bytes = text.as_bytes();
        if bytes.is_empty() {
            return "<No context available>\n".to_owned();
        }
        let half = width / 2;
        // The place may lie behind the end of the text, or on a line's end.
        let mut at = location.mark.offset.min(bytes.len());
        while at > 0 && (at >= bytes.len() || bytes[at] == b'\n') {
            at -= 1;
        }
        let mut from = at;
        while from > 0 && bytes[from] != b'\n' && at - from < half {
            from -= 1;
        }
        let mut to = at;
        while to < bytes.len() - 1 && bytes[to] != b'\n' && to - at < half {
            to += 1;
        }
        if bytes[from] == b'\n' {
            from += 1;
        }
        if bytes[to] == b'\n' {
            to = to.saturating_sub(1);
        }
        if to < from {
            return "<No context available>\n".to_owned();
        }
        let mut line = bytes[from..=to].to_vec();
        let cut_left = at.saturating_sub(from) >= half;
        let cut_right = to.saturating_sub(at) >= half;
        if cut_left && line.len() >= 3 {
            line[..3].copy_from_slice(b"...");
        }
        if cut_right && line.len() >= 3 {
            let end = line.len();
            line[end - 3..].copy_from_slice(b"...");
        }
        let mut snippet = String::from_utf8_lossy(&line).into_owned();
        snippet.push('\n');
        let indent = at.saturating_sub(from);
        if indent <= line.len() {
            snippet.push_str(&" ".repeat(indent));
            snippet.push_str("^\n");
        }
        snippet
    }
}
