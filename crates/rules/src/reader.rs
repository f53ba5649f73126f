//! From the documents of a file to items.

use std::collections::BTreeSet;
use std::sync::Arc;

use peregrine_event::Priority;

use crate::collector::Collector;
use crate::context::{Context, ItemType};
use crate::diagnostic::did_you_mean;
use crate::items::{
    Entry, Exception, Head, ListItem, MacroItem, RuleItem, RuleUpdate, SYSCALL_SOURCE, Word,
};
use crate::loader::EventSource;
use crate::problem::{Outcome, Problem, Report};
use crate::result::WarningCode;
use crate::source::{FileId, SourceSpan};
use crate::traced::Traced;
use crate::version::{ENGINE_VERSION, PluginVersion, Version};
use peregrine_yaml::Node;

const APPEND_IS_DEPRECATED: &str = "'append' key is deprecated. Add an 'append' entry (e.g. \
                                    'condition: append') under 'override' instead.";
const ENABLED_IS_DEPRECATED: &str = "The standalone 'enabled' key usage is deprecated. The \
                                     correct approach requires also a 'replace' entry under the \
                                     'override' key (i.e. 'enabled: replace').";
const OVERRIDE_AND_APPEND: &str = "Keys 'override' and 'append: true' cannot be used together. \
                                   Add an 'append' entry (e.g. 'condition: append') under \
                                   'override' instead.";

const RULE_KEYS: [&str; 15] = [
    "rule",
    "condition",
    "output",
    "desc",
    "priority",
    "source",
    "enabled",
    "capture",
    "capture_duration",
    "warn_evttypes",
    "skip-if-unknown-filter",
    "tags",
    "exceptions",
    "override",
    "append",
];
const RULE_APPENDABLE: [&str; 5] = ["condition", "desc", "exceptions", "output", "tags"];
const RULE_REPLACEABLE: [&str; 11] = [
    "capture",
    "capture_duration",
    "condition",
    "desc",
    "enabled",
    "exceptions",
    "output",
    "priority",
    "skip-if-unknown-filter",
    "tags",
    "warn_evttypes",
];
const ITEM_KEYS: [&str; 5] =
    ["required_engine_version", "required_plugin_versions", "list", "macro", "rule"];

/// Reads the items of a file.
pub(crate) struct Reader<'r, 'c> {
    pub file: FileId,
    pub text: &'r str,
    pub sources: &'r [EventSource<'c>],
    pub collector: &'r mut Collector,
    pub report: &'r mut Report,
}

/// How an item changes an earlier one: keys to append, keys to replace.
#[derive(Default)]
struct Overrides {
    append: BTreeSet<String>,
    replace: BTreeSet<String>,
}

impl Overrides {
    fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

impl Reader<'_, '_> {
    /// Reads a document. After an error it goes on with the next item, so that all are found.
    pub fn read_document(&mut self, document: &Node) {
        let file_name = self.report.result.name.clone();
        let context = Context::file(&file_name);
        if document.is_null() {
            return;
        }
        let Some(items) = document.as_sequence() else {
            let message = match document.as_mapping() {
                Some(_) => "Rules content is not yaml array of objects",
                None => "Rules content is not yaml",
            };
            let problem = Problem::structure(message, &context, self.span(document))
                .help(Some("a rules file is a sequence: every item begins with '- '".to_owned()));
            self.report.error(*problem);
            return;
        };
        for item in items.iter().filter(|item| !item.is_null()) {
            if let Err(problem) = self.read_item(item, &context) {
                for key in ["rule", "macro", "list"] {
                    if let Some(name) = item.get(key).and_then(|n| n.as_scalar()) {
                        self.report.broken.insert(name.to_owned());
                    }
                }
                self.report.error(*problem);
            }
        }
    }

    fn span(&self, node: &Node) -> SourceSpan {
        let mut range = node.range();
        // A collection reaches to where the next thing begins; its first line says enough.
        let raw = self.text.get(range.clone()).unwrap_or_default();
        let first_line = raw.find('\n').unwrap_or(raw.len());
        range.end = range.start + raw[..first_line].trim_end().len();
        SourceSpan::new(self.file, range)
    }

    fn read_item(&mut self, item: &Node, parent: &Context) -> Outcome<()> {
        let is = |key: &str| item.get(key).is_some();
        if item.as_mapping().is_none() {
            let message = "Unexpected element type. Each element should be a yaml associative \
                           array.";
            let context = parent.item(item, ItemType::RulesContentItem, "");
            return Err(Problem::structure(message, &context, self.span(item))
                .note(format!("this is {}", item.kind_name())));
        }
        if is("required_engine_version") {
            self.read_engine_version(item, parent)
        } else if is("required_plugin_versions") {
            self.read_plugin_versions(item, parent)
        } else if is("list") {
            self.read_list(item, parent)
        } else if is("macro") {
            self.read_macro(item, parent)
        } else if is("rule") {
            self.read_rule(item, parent)
        } else {
            let context = parent.item(item, ItemType::RulesContentItem, "");
            let first = item.as_mapping().and_then(|pairs| pairs.first()).map(|(key, _)| key);
            let help = first
                .and_then(|key| key.as_scalar())
                .and_then(|key| did_you_mean(key, ITEM_KEYS))
                .unwrap_or_else(|| format!("an item has one of the keys {}", ITEM_KEYS.join(", ")));
            let code = WarningCode::UnknownItem;
            let span = self.span(item);
            let message = "Unknown top level item".to_owned();
            self.report.warn(code, message, &context, span, None, Some(help));
            Ok(())
        }
    }

    fn read_engine_version(&mut self, item: &Node, parent: &Context) -> Outcome<()> {
        let key = "required_engine_version";
        let context = parent.item(item, ItemType::RequiredEngineVersion, "");
        let node = item.get(key).map_or(item, |n| n);
        let version = match node.as_u32() {
            Some(minor) => Version { major: ENGINE_VERSION.major, minor, patch: 0 },
            None => {
                let text = self.text(item, key, &context)?;
                Version::parse(&text).ok_or_else(|| {
                    let message = format!(
                        "Unable to parse engine version '{text}' as a semver string. Expected \
                         \"x.y.z\" semver format."
                    );
                    Problem::structure(message, &context, self.span(node))
                })?
            }
        };
        let head = self.head(String::new(), context.clone(), node);
        self.collector.require_engine(version, &head)?;
        self.warn_unknown_keys(item, &[key], &context)
    }

    fn read_plugin_versions(&mut self, item: &Node, parent: &Context) -> Outcome<()> {
        let key = "required_plugin_versions";
        let Some(node) = item.get(key) else { return Ok(()) };
        let context = parent.item(node, ItemType::RequiredPluginVersions, "");
        let Some(plugins) = node.as_sequence() else {
            let message = "Value of required_plugin_versions must be a sequence";
            return Err(Problem::structure(message, &context, self.span(node)));
        };
        let entry = ItemType::RequiredPluginVersionsEntry;
        for plugin in plugins {
            let unnamed = context.item(plugin, entry, "");
            if plugin.as_mapping().is_none() {
                let message = "Plugin version must be a mapping";
                return Err(Problem::structure(message, &unnamed, self.span(plugin)));
            }
            let name = self.text(plugin, "name", &unnamed)?;
            let named = context.item(plugin, entry, &name);
            let version = self.text(plugin, "version", &named)?;
            let head = self.head(name.clone(), named.clone(), plugin);
            let mut alternatives = vec![PluginVersion { name, version }];
            if let Some(node) = plugin.get("alternatives") {
                let Some(others) = node.as_sequence() else {
                    let message = "Value of plugin version alternatives must be a sequence";
                    return Err(Problem::structure(message, &named, self.span(node)));
                };
                let alternative = ItemType::RequiredPluginVersionsAlternative;
                for other in others {
                    let unnamed = named.item(other, alternative, "");
                    if other.as_mapping().is_none() {
                        let message = "Plugin version alternative must be a mapping";
                        return Err(Problem::structure(message, &unnamed, self.span(other)));
                    }
                    let name = self.text(other, "name", &unnamed)?;
                    let context = named.item(other, alternative, &name);
                    let version = self.text(other, "version", &context)?;
                    alternatives.push(PluginVersion { name, version });
                }
            }
            self.collector.require_plugins(alternatives, &head)?;
        }
        let context = parent.item(item, ItemType::RequiredPluginVersions, "");
        self.warn_unknown_keys(item, &[key], &context)
    }

    fn read_list(&mut self, item: &Node, parent: &Context) -> Outcome<()> {
        let head = self.read_head(item, "list", ItemType::List, parent)?;
        let context = head.context.clone();
        let is_bare = |c: char| !(c.is_ascii_whitespace() || "()\"'=,\u{b}".contains(c));
        if !head.name.chars().all(is_bare) {
            let message = "List has an invalid name. List names should match a regular \
                           expression: ([^()\"'[:space:]=,]+)";
            self.report.warning(WarningCode::InvalidListName, message, &context, head.span);
        }
        let mut items = Vec::new();
        self.read_words(item, "items", false, &context, &mut |word| items.push(word))?;
        let append = self.read_append(item, &context)?;
        let overrides = self.read_overrides(item, &["items"], &["items"], &context)?;
        self.check_append(item, append, &overrides, &context)?;
        let item_ = ListItem { head, items };
        if append || overrides.append.contains("items") {
            self.collector.append_list(item_)?;
        } else {
            self.collector.define_list(item_);
        }
        self.warn_unknown_keys(item, &["list", "items", "append", "override"], &context)
    }

    fn read_macro(&mut self, item: &Node, parent: &Context) -> Outcome<()> {
        let head = self.read_head(item, "macro", ItemType::Macro, parent)?;
        let context = head.context.clone();
        let is_identifier = head.name.starts_with(|c: char| c.is_ascii_alphabetic())
            && head.name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_identifier {
            let message = "Macro has an invalid name. Macro names should match a regular \
                           expression: ([a-zA-Z]+[a-zA-Z0-9_]*)";
            self.report.warning(WarningCode::InvalidMacroName, message, &context, head.span);
        }
        let condition = self.traced(item, "condition", &context)?;
        let node = item.get("condition").map_or(item, |n| n);
        let condition_context = context.item(node, ItemType::MacroCondition, "");
        let append = self.read_append(item, &context)?;
        let overrides = self.read_overrides(item, &["condition"], &["condition"], &context)?;
        self.check_append(item, append, &overrides, &context)?;
        let item_ = MacroItem { head, condition, condition_context };
        if append || overrides.append.contains("condition") {
            self.collector.append_macro(item_)?;
        } else {
            self.collector.define_macro(item_);
        }
        self.warn_unknown_keys(item, &["macro", "condition", "append", "override"], &context)
    }

    fn read_rule(&mut self, item: &Node, parent: &Context) -> Outcome<()> {
        let head = self.read_head(item, "rule", ItemType::Rule, parent)?;
        let context = head.context.clone();
        let is = |key: &str| item.get(key).is_some();
        let source = match self.find(item, "source", true, true, &context)? {
            Some(node) => node.as_scalar().unwrap_or_default().to_owned(),
            None => String::new(),
        };
        let append = self.read_append(item, &context)?;
        let overrides = self.read_overrides(item, &RULE_APPENDABLE, &RULE_REPLACEABLE, &context)?;
        self.check_append(item, append, &overrides, &context)?;
        if !overrides.is_empty() {
            self.read_rule_overrides(item, head, source, overrides)?;
        } else if append {
            let mut update = RuleUpdate::new(head.name, context.clone(), head.span);
            update.source = source;
            if is("condition") {
                update.condition = Some(self.traced(item, "condition", &context)?);
            }
            if is("exceptions") {
                update.exceptions = Some(self.read_exceptions(item, &context, true)?);
            }
            self.collector.append_rule(self.sources, update)?;
        } else if !["condition", "output", "desc", "priority"].into_iter().any(is) {
            let enabled = self.boolean(item, "enabled", &context)?;
            let code = WarningCode::DeprecatedItem;
            self.report.warning(code, ENABLED_IS_DEPRECATED, &context, head.span);
            self.collector.enable_rule(&head, enabled)?;
        } else {
            let rule = self.read_rule_definition(item, head, &context)?;
            self.collector.define_rule(self.sources, self.report, rule)?;
        }
        self.warn_unknown_keys(item, &RULE_KEYS, &context)
    }

    fn read_rule_definition(
        &mut self,
        item: &Node,
        head: Head,
        context: &Context,
    ) -> Outcome<RuleItem> {
        let condition = self.traced(item, "condition", context)?;
        let place =
            |key: &str, what: ItemType| context.item(item.get(key).map_or(item, |n| n), what, "");
        let condition_context = place("condition", ItemType::RuleCondition);
        let output = trimmed(self.traced(item, "output", context)?);
        let output_context = place("output", ItemType::RuleOutput);
        let description = self.text(item, "desc", context)?;
        let priority = self.read_priority(item, context)?;
        let source = match self.find(item, "source", true, false, context)? {
            Some(node) => node.as_scalar().unwrap_or_default().to_owned(),
            None => SYSCALL_SOURCE.to_owned(),
        };
        let enabled = self.optional_boolean(item, "enabled", context)?.unwrap_or(true);
        let capture = self.optional_boolean(item, "capture", context)?.unwrap_or(false);
        let capture_duration = self.optional_number(item, "capture_duration", context)?;
        let warn_evttypes = self.optional_boolean(item, "warn_evttypes", context)?.unwrap_or(true);
        let skip_if_unknown_filter =
            self.optional_boolean(item, "skip-if-unknown-filter", context)?.unwrap_or(false);
        let tags = self.read_tags(item, context)?;
        let exceptions = self.read_exceptions(item, context, false)?;
        Ok(RuleItem {
            head,
            condition,
            condition_context,
            output,
            output_context,
            description,
            priority,
            source,
            tags,
            exceptions,
            enabled,
            capture,
            capture_duration: capture_duration.unwrap_or(0),
            warn_evttypes,
            skip_if_unknown_filter,
            unknown_source: false,
        })
    }

    fn read_rule_overrides(
        &mut self,
        item: &Node,
        head: Head,
        source: String,
        overrides: Overrides,
    ) -> Outcome<()> {
        let context = &head.context;
        let known = RULE_APPENDABLE.iter().chain(&RULE_REPLACEABLE);
        let mut expected: BTreeSet<&str> =
            known.copied().filter(|key| item.get(key).is_some()).collect();
        let mut update = RuleUpdate::new(head.name.clone(), context.clone(), head.span);
        if !overrides.append.is_empty() {
            for key in ["condition", "exceptions", "output", "desc", "tags"] {
                if self.is_expected(
                    item,
                    &mut expected,
                    &overrides.append,
                    "append",
                    key,
                    context,
                )? {
                    self.read_override(item, key, true, &source, &mut update)?;
                }
            }
            self.collector.append_rule(self.sources, update)?;
        }
        if !overrides.replace.is_empty() {
            let mut update = RuleUpdate::new(head.name.clone(), context.clone(), head.span);
            for key in [
                "condition",
                "exceptions",
                "output",
                "desc",
                "tags",
                "priority",
                "capture",
                "capture_duration",
                "enabled",
                "warn_evttypes",
                "skip-if-unknown-filter",
            ] {
                let replace = &overrides.replace;
                if self.is_expected(item, &mut expected, replace, "replace", key, context)? {
                    self.read_override(item, key, false, &source, &mut update)?;
                }
            }
            self.collector.replace_rule(update)?;
        }
        if let Some(key) = expected.first() {
            let node = item.get(key).map_or(item, |n| n);
            let context = context.item(node, ItemType::Override, key);
            let message = format!(
                "Unexpected key '{key}': no corresponding entry under 'override' is defined."
            );
            let span = self.span(item.key(key).map_or(node, |n| n));
            let verb =
                if RULE_APPENDABLE.contains(key) { "append' or 'replace" } else { "replace" };
            return Err(Problem::structure(message, &context, span)
                .help(Some(format!("add '{key}: {verb}' under 'override'"))));
        }
        Ok(())
    }

    fn read_override(
        &mut self,
        item: &Node,
        key: &str,
        append: bool,
        source: &str,
        update: &mut RuleUpdate,
    ) -> Outcome<()> {
        let context = update.context.clone();
        let context = &context;
        match key {
            "condition" => {
                update.source = source.to_owned();
                update.condition = Some(self.traced(item, key, context)?);
            }
            "exceptions" => {
                update.exceptions = Some(self.read_exceptions(item, context, append)?);
            }
            "output" => update.output = Some(self.traced(item, key, context)?),
            "desc" => update.description = Some(self.text(item, key, context)?),
            "tags" => update.tags = Some(self.read_tags(item, context)?),
            "priority" => update.priority = Some(self.read_priority(item, context)?),
            "capture" => update.capture = Some(self.boolean(item, key, context)?),
            "capture_duration" => {
                let node = self.required(item, key, context)?;
                update.capture_duration = Some(self.number_of(node, key, context)?);
            }
            "enabled" => update.enabled = Some(self.boolean(item, key, context)?),
            "warn_evttypes" => update.warn_evttypes = Some(self.boolean(item, key, context)?),
            _ => update.skip_if_unknown_filter = Some(self.boolean(item, key, context)?),
        }
        Ok(())
    }

    /// Whether a key is overridden; it must then be there.
    fn is_expected(
        &self,
        item: &Node,
        expected: &mut BTreeSet<&str>,
        overrides: &BTreeSet<String>,
        what: &str,
        key: &str,
        context: &Context,
    ) -> Outcome<bool> {
        if !overrides.contains(key) {
            return Ok(false);
        }
        if !expected.remove(key) {
            let message =
                format!("An {what} override for '{key}' was specified but '{key}' is not defined");
            let node = item.get("override").and_then(|o| o.key(key)).map_or(item, |n| n);
            return Err(Problem::structure(message, context, self.span(node)));
        }
        Ok(true)
    }

    fn read_head(
        &self,
        item: &Node,
        key: &str,
        item_type: ItemType,
        parent: &Context,
    ) -> Outcome<Head> {
        let unnamed = parent.item(item, item_type, "");
        let name = self.text(item, key, &unnamed)?;
        let context = parent.item(item, item_type, &name);
        Ok(self.head(name, context, item.get(key).map_or(item, |n| n)))
    }

    fn head(&self, name: String, context: Context, node: &Node) -> Head {
        Head { name, context, span: self.span(node), index: 0, visibility: 0 }
    }

    /// The deprecated way to append.
    fn read_append(&mut self, item: &Node, context: &Context) -> Outcome<bool> {
        let append = self.optional_boolean(item, "append", context)?.unwrap_or(false);
        if append {
            let span = self.span(item.key("append").map_or(item, |n| n));
            let code = WarningCode::DeprecatedItem;
            self.report.warning(code, APPEND_IS_DEPRECATED, context, span);
        }
        Ok(append)
    }

    fn check_append(
        &self,
        item: &Node,
        append: bool,
        overrides: &Overrides,
        context: &Context,
    ) -> Outcome<()> {
        if append && !overrides.is_empty() {
            let span = self.span(item.key("append").map_or(item, |n| n));
            return Err(Problem::structure(OVERRIDE_AND_APPEND, context, span));
        }
        Ok(())
    }

    fn read_overrides(
        &self,
        item: &Node,
        appendable: &[&str],
        replaceable: &[&str],
        context: &Context,
    ) -> Outcome<Overrides> {
        let mut overrides = Overrides::default();
        let Some(node) = item.get("override") else { return Ok(overrides) };
        let context = context.item(item, ItemType::Override, "");
        for (key_node, operation) in node.as_mapping().unwrap_or_default() {
            let key = self.key_text(key_node)?;
            let can_append = appendable.contains(&key);
            let can_replace = replaceable.contains(&key);
            let at_key = context.item(key_node, ItemType::Override, key);
            let known = || appendable.iter().chain(replaceable).copied();
            let problem = |message: String| {
                Problem::structure(message, &at_key, self.span(key_node))
                    .help(did_you_mean(key, known()))
            };
            match operation.as_scalar() {
                Some("append") if can_append => overrides.append.insert(key.to_owned()),
                Some("append") => {
                    return Err(problem(format!(
                        "Key '{key}' cannot be appended to, use 'replace' instead"
                    )));
                }
                Some("replace") if can_replace => overrides.replace.insert(key.to_owned()),
                Some("replace") => {
                    return Err(problem(format!("Key '{key}' cannot be replaced")));
                }
                other => {
                    let other = other.unwrap_or("null");
                    let mut message = format!(
                        "Invalid override operation for key '{key}': '{other}'. Allowed values \
                         are: "
                    );
                    message.push_str(if can_append { "append " } else { "" });
                    message.push_str(if can_replace { "replace " } else { "" });
                    let context = context.item(operation, ItemType::ValueFor, key);
                    return Err(Problem::structure(message, &context, self.span(operation))
                        .help(did_you_mean(other, ["append", "replace"])));
                }
            };
        }
        Ok(overrides)
    }

    fn read_priority(&self, item: &Node, context: &Context) -> Outcome<Priority> {
        let text = self.text(item, "priority", context)?;
        text.parse().map_err(|error: peregrine_event::UnknownPriority| {
            let node = item.get("priority").map_or(item, |n| n);
            let context = context.item(node, ItemType::RulePriority, "");
            let names = Priority::ALL.iter().map(|p| p.name());
            let wanted = text.to_ascii_lowercase();
            let near = names.clone().find(|name| name.to_ascii_lowercase().starts_with(&wanted));
            let help = match near.filter(|_| !wanted.is_empty()) {
                Some(near) => format!("did you mean '{}'?", near.to_ascii_uppercase()),
                None => error.to_string(),
            };
            Problem::structure("Invalid priority", &context, self.span(node)).help(Some(help))
        })
    }

    fn read_tags(&self, item: &Node, context: &Context) -> Outcome<BTreeSet<String>> {
        let mut tags = BTreeSet::new();
        self.read_words(item, "tags", true, context, &mut |word| {
            tags.insert(word.text);
        })?;
        Ok(tags)
    }

    fn read_words(
        &self,
        item: &Node,
        key: &str,
        optional: bool,
        context: &Context,
        add: &mut dyn FnMut(Word),
    ) -> Outcome<()> {
        let Some(node) = item.get(key) else {
            return if optional { Ok(()) } else { Err(self.missing(item, key, context)) };
        };
        let at_value = || context.item(node, ItemType::ValueFor, key);
        let Some(items) = node.as_sequence() else {
            let message = "Value is not a sequence";
            return Err(Problem::structure(message, &at_value(), self.span(node))
                .note(format!("this is {}", node.kind_name()))
                .help(Some(format!("write {key}: [a, b]"))));
        };
        for item in items {
            let Some(text) = item.as_scalar() else {
                let context = at_value().item(item, ItemType::ListItem, "");
                let message = "sequence value is not scalar";
                return Err(Problem::structure(message, &context, self.span(item))
                    .note(format!("this is {}", item.kind_name())));
            };
            add(Word { text: text.to_owned(), span: self.span(item) });
        }
        Ok(())
    }

    fn read_exceptions(
        &mut self,
        item: &Node,
        parent: &Context,
        append: bool,
    ) -> Outcome<Vec<Exception>> {
        let mut exceptions: Vec<Exception> = Vec::new();
        let Some(node) = item.get("exceptions").filter(|n| !n.is_null()) else {
            return Ok(exceptions);
        };
        let all = parent.item(node, ItemType::Exceptions, "");
        let Some(entries) = node.as_sequence() else {
            let message = "Rule exceptions must be a sequence";
            return Err(Problem::structure(message, &all, self.span(node)));
        };
        for entry in entries {
            let unnamed = all.item(entry, ItemType::Exception, "");
            if entry.as_mapping().is_none() {
                let message = "Rule exception must be a mapping";
                return Err(Problem::structure(message, &unnamed, self.span(entry)));
            }
            let name = self.text(entry, "name", &unnamed)?;
            let context = parent.item(entry, ItemType::Exception, &name);
            let span = self.span(entry.get("name").map_or(entry, |n| n));
            if exceptions.iter().any(|e| e.name == name) {
                let message =
                    format!("Multiple definitions of exception '{name}' in the same rule");
                let code = WarningCode::ExceptionNameNotUnique;
                self.report.warning(code, message, &context, span);
            }
            let fields = self.read_entry_of(entry, "fields", append, &context)?;
            let comps = self.read_entry_of(entry, "comps", true, &context)?;
            let mut values = Vec::new();
            if let Some(node) = entry.get("values") {
                let at_values = context.item(node, ItemType::ExceptionValues, "");
                let Some(items) = node.as_sequence() else {
                    let message = "Rule exception values must be a sequence";
                    return Err(Problem::structure(message, &at_values, self.span(node)));
                };
                for value in items {
                    let at = || at_values.item(value, ItemType::ExceptionValue, "");
                    values.push(self.read_entry(value, "", &at)?);
                }
            } else if append {
                let code = WarningCode::AppendNoValues;
                let message = "Overriding/appending exception with no values";
                self.report.warning(code, message, &context, span);
            }
            for (key, _) in entry.as_mapping().unwrap_or_default() {
                if let Some(key_text) = key.as_scalar() {
                    let known = ["name", "fields", "comps", "values"];
                    if !known.contains(&key_text) {
                        let message = format!("key '{key_text}' of an exception is ignored");
                        let mut diagnostic = crate::diagnostic::Diagnostic::new(
                            crate::diagnostic::Severity::Warning,
                            "LINT_UNKNOWN_KEY",
                            message,
                            self.span(key),
                        );
                        diagnostic.help = did_you_mean(key_text, known);
                        self.report.lint(diagnostic);
                    }
                }
            }
            exceptions.push(Exception { name, context, span, fields, comps, values });
        }
        Ok(exceptions)
    }

    fn read_entry_of(
        &self,
        item: &Node,
        key: &str,
        optional: bool,
        context: &Context,
    ) -> Outcome<Entry> {
        match item.get(key) {
            Some(node) => self.read_entry(node, key, &|| context.clone()),
            None if optional => Ok(Entry::none(self.span(item))),
            None => Err(self.missing(item, key, context)),
        }
    }

    /// A word, or entries; anything else counts as nothing.
    fn read_entry(&self, node: &Node, key: &str, parent: &dyn Fn() -> Context) -> Outcome<Entry> {
        let span = self.span(node);
        if let Some(text) = node.as_scalar() {
            if text.is_empty() {
                let context = parent().item(node, ItemType::ValueFor, key);
                return Err(Problem::structure("Value must be non-empty", &context, span));
            }
            return Ok(Entry::Word(Word { text: text.to_owned(), span }));
        }
        let Some(items) = node.as_sequence() else { return Ok(Entry::none(span)) };
        let mut entries = Vec::with_capacity(items.len());
        for item in items {
            let at =
                || parent().item(node, ItemType::ValueFor, key).item(item, ItemType::Exception, "");
            entries.push(self.read_entry(item, "", &at)?);
        }
        Ok(Entry::List(entries, span))
    }

    fn warn_unknown_keys(&mut self, item: &Node, known: &[&str], context: &Context) -> Outcome<()> {
        for (key_node, _) in item.as_mapping().unwrap_or_default() {
            let key = self.key_text(key_node)?;
            if !known.contains(&key) {
                let message = format!("Unknown key '{key}'. The key will be ignored.");
                let help = did_you_mean(key, known.iter().copied());
                let span = self.span(key_node);
                let code = WarningCode::UnknownKey;
                self.report.warn(code, message, context, span, None, help);
            }
        }
        Ok(())
    }

    /// A key as text; Falco gives up on the file if it is none.
    fn key_text<'n>(&self, key: &'n Arc<Node>) -> Outcome<&'n str> {
        if key.is_null() {
            return Ok("null");
        }
        key.as_scalar().ok_or_else(|| {
            let mark = key.mark;
            let message = format!(
                "yaml-cpp: error at line {}, column {}: bad conversion",
                mark.line + 1,
                mark.column + 1
            );
            let context = Context::file(&self.report.result.name);
            Problem::validate(message, &context, self.span(key))
                .note(format!("a key must be a scalar, this is {}", key.kind_name()))
        })
    }

    fn missing(&self, item: &Node, key: &str, context: &Context) -> Box<Problem> {
        let message = format!("Item has no mapping for key '{key}'");
        let keys = item.as_mapping().unwrap_or_default().iter();
        let names: Vec<&str> = keys.filter_map(|(key, _)| key.as_scalar()).collect();
        let near = crate::diagnostic::nearest(key, names.iter().copied());
        let help = near.map(|near| format!("'{near}' should perhaps be '{key}'"));
        Problem::structure(message, context, self.span(item)).help(help)
    }

    /// The scalar of a key. `None` if it is missing and optional, or empty and may be.
    fn find<'n>(
        &self,
        item: &'n Node,
        key: &str,
        optional: bool,
        can_be_empty: bool,
        context: &Context,
    ) -> Outcome<Option<&'n Node>> {
        let Some(node) = item.get(key) else {
            return if optional { Ok(None) } else { Err(self.missing(item, key, context)) };
        };
        if node.is_null() {
            if can_be_empty {
                return Ok(None);
            }
            let message = format!("Mapping for key '{key}' is empty");
            let span = self.span(item.key(key).map_or(item, |n| n));
            return Err(Problem::structure(message, context, span));
        }
        let at_value = || context.item(node, ItemType::ValueFor, key);
        match node.as_scalar() {
            None => {
                Err(Problem::structure("Value is not a scalar value", &at_value(), self.span(node))
                    .note(format!("this is {}", node.kind_name())))
            }
            Some("") if can_be_empty => Ok(None),
            Some("") => {
                Err(Problem::structure("Value must be non-empty", &at_value(), self.span(node)))
            }
            Some(_) => Ok(Some(node)),
        }
    }

    fn required<'n>(&self, item: &'n Node, key: &str, context: &Context) -> Outcome<&'n Node> {
        match self.find(item, key, false, false, context)? {
            Some(node) => Ok(node),
            None => Err(self.missing(item, key, context)),
        }
    }

    fn text(&self, item: &Node, key: &str, context: &Context) -> Outcome<String> {
        Ok(self.required(item, key, context)?.as_scalar().unwrap_or_default().to_owned())
    }

    fn traced(&self, item: &Node, key: &str, context: &Context) -> Outcome<Traced> {
        Ok(Traced::scalar(self.file, self.text, self.required(item, key, context)?))
    }

    fn boolean(&self, item: &Node, key: &str, context: &Context) -> Outcome<bool> {
        let node = self.required(item, key, context)?;
        node.as_bool().ok_or_else(|| self.undecodable(node, key, context, "true or false"))
    }

    fn optional_boolean(&self, item: &Node, key: &str, context: &Context) -> Outcome<Option<bool>> {
        match self.find(item, key, true, false, context)? {
            None => Ok(None),
            Some(node) => match node.as_bool() {
                Some(value) => Ok(Some(value)),
                None => Err(self.undecodable(node, key, context, "true or false")),
            },
        }
    }

    fn optional_number(&self, item: &Node, key: &str, context: &Context) -> Outcome<Option<u32>> {
        match self.find(item, key, true, false, context)? {
            None => Ok(None),
            Some(node) => self.number_of(node, key, context).map(Some),
        }
    }

    fn number_of(&self, node: &Node, key: &str, context: &Context) -> Outcome<u32> {
        node.as_u32().ok_or_else(|| self.undecodable(node, key, context, "a whole number"))
    }

    fn undecodable(&self, node: &Node, key: &str, context: &Context, want: &str) -> Box<Problem> {
        let context = context.item(node, ItemType::ValueFor, key);
        Problem::structure("Can't decode YAML scalar value", &context, self.span(node))
            .note(format!("expected {want}"))
    }
}

/// Without the blanks around it.
fn trimmed(text: Traced) -> Traced {
    let blank = |c: char| c.is_ascii_whitespace() || c == '\u{b}';
    let whole = text.as_str();
    let start = whole.len() - whole.trim_start_matches(blank).len();
    let end = whole.trim_end_matches(blank).len().max(start);
    if start == 0 && end == whole.len() {
        return text;
    }
    let mut inner = Traced::default();
    inner.push_slice(&text, start..end);
    inner
}
