//! Puts items together: definitions, appends, replacements.

use peregrine_filter::{Catalog, Modifier, Operator};

use crate::diagnostic::did_you_mean;
use crate::items::{
    Entry, Exception, Head, ListItem, MacroItem, Named, RuleItem, RuleUpdate, Word,
};
use crate::loader::EventSource;
use crate::problem::{Outcome, Problem, Report};
use crate::result::WarningCode;
use crate::traced::Traced;
use crate::version::{ENGINE_VERSION, PluginVersion, Version};

/// All items of all files so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collector {
    next: u32,
    pub lists: Named<ListItem>,
    pub macros: Named<MacroItem>,
    pub rules: Named<RuleItem>,
    pub required_engine: Version,
    pub required_plugins: Vec<Vec<PluginVersion>>,
}

const NO_LIST: &str =
    "List uses 'append' or 'override.items: append' but no list by that name already exists";
const NO_MACRO: &str =
    "Macro uses 'append' or 'override.condition: append' but no macro by that name already exists";
const NO_RULE_TO_APPEND: &str =
    "Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
const NO_RULE_TO_REPLACE: &str =
    "An 'override.<key>: replace' to a rule was requested but no rule by that name already exists";

impl Collector {
    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next - 1
    }

    pub fn require_engine(&mut self, version: Version, at: &Head) -> Outcome<()> {
        if !ENGINE_VERSION.satisfies(version) {
            let message = format!(
                "Rules require engine version {version}, but engine version is {ENGINE_VERSION}"
            );
            return Err(Problem::validate(message, &at.context, at.span)
                .note(format!("this engine is {ENGINE_VERSION}")));
        }
        self.required_engine = self.required_engine.max(version);
        Ok(())
    }

    pub fn require_plugins(&mut self, alternatives: Vec<PluginVersion>, at: &Head) -> Outcome<()> {
        for (index, PluginVersion { name, version }) in alternatives.iter().enumerate() {
            if Version::parse(version).is_none() {
                let message = format!("Invalid required version '{version}' for plugin '{name}'");
                return Err(Problem::validate(message, &at.context, at.span)
                    .help(Some("a version is three numbers, as in 0.7.1".to_owned())));
            }
            if alternatives[..index].iter().any(|other| other.name == *name) {
                let message = format!(
                    "Defined multiple alternative version requirements for plugin '{name}'"
                );
                return Err(Problem::validate(message, &at.context, at.span));
            }
        }
        self.required_plugins.push(alternatives);
        Ok(())
    }

    pub fn define_list(&mut self, mut item: ListItem) {
        let id = self.number();
        item.head.visibility = id;
        item.head.index = id;
        match self.lists.get_mut(&item.head.name) {
            Some(previous) => {
                item.head.index = previous.head.index;
                *previous = item;
            }
            None => {
                let name = item.head.name.clone();
                self.lists.push(&name, item);
            }
        }
    }

    pub fn append_list(&mut self, item: ListItem) -> Outcome<()> {
        let id = self.next;
        let Some(previous) = self.lists.get_mut(&item.head.name) else {
            let help = did_you_mean(&item.head.name, self.lists.names());
            return Err(Problem::validate(NO_LIST, &item.head.context, item.head.span).help(help));
        };
        previous.items.extend(item.items);
        previous.head.visibility = id;
        self.number();
        Ok(())
    }

    pub fn define_macro(&mut self, mut item: MacroItem) {
        let id = self.number();
        item.head.visibility = id;
        item.head.index = id;
        match self.macros.get_mut(&item.head.name) {
            Some(previous) => {
                item.head.index = previous.head.index;
                *previous = item;
            }
            None => {
                let name = item.head.name.clone();
                self.macros.push(&name, item);
            }
        }
    }

    pub fn append_macro(&mut self, item: MacroItem) -> Outcome<()> {
        let id = self.next;
        let Some(previous) = self.macros.get_mut(&item.head.name) else {
            let help = did_you_mean(&item.head.name, self.macros.names());
            return Err(Problem::validate(NO_MACRO, &item.head.context, item.head.span).help(help));
        };
        append_text(&mut previous.condition, &item.condition);
        previous.head.visibility = id;
        self.number();
        Ok(())
    }

    pub fn define_rule(
        &mut self,
        sources: &[EventSource<'_>],
        report: &mut Report,
        mut item: RuleItem,
    ) -> Outcome<()> {
        self.check_source(&item.head, &item.source)?;
        let source = sources.iter().find(|s| s.name == item.source);
        if source.is_none() {
            item.unknown_source = true;
            let message = format!("Unknown source {}, skipping", item.source);
            let help = did_you_mean(&item.source, sources.iter().map(|s| s.name));
            report.warn(
                WarningCode::UnknownSource,
                message,
                &item.head.context,
                item.head.span,
                None,
                help,
            );
        }
        for exception in &mut item.exceptions {
            if !exception.fields.is_some() {
                let message = "Rule exception item must have fields property with a list of fields";
                return Err(Problem::validate(message, &exception.context, exception.span));
            }
            check_exception(source.map(|s| s.catalog), exception)?;
        }
        let id = self.number();
        item.head.visibility = id;
        item.head.index = id;
        match self.rules.get_mut(&item.head.name) {
            Some(previous) => {
                item.head.index = previous.head.index;
                *previous = item;
            }
            None => {
                let name = item.head.name.clone();
                self.rules.push(&name, item);
            }
        }
        Ok(())
    }

    /// A rule keeps its source.
    fn check_source(&self, head: &Head, source: &str) -> Outcome<()> {
        match self.rules.get(&head.name) {
            Some(previous)
                if !source.is_empty()
                    && !previous.source.is_empty()
                    && previous.source != source =>
            {
                let message = "Rule has been re-defined with a different source";
                Err(Problem::validate(message, &head.context, head.span)
                    .note(format!("here the source is '{source}'"))
                    .label(
                        previous.head.span,
                        format!("defined with source '{}'", previous.source),
                    ))
            }
            _ => Ok(()),
        }
    }

    /// The rule that an update is about.
    fn find<'c>(
        &'c mut self,
        update: &RuleUpdate,
        missing: &str,
        nothing: &str,
    ) -> Outcome<&'c mut RuleItem> {
        let head = Head {
            name: update.name.clone(),
            context: update.context.clone(),
            span: update.span,
            index: 0,
            visibility: 0,
        };
        self.check_source(&head, &update.source)?;
        let help = match self.rules.get(&update.name) {
            Some(_) => None,
            None => did_you_mean(&update.name, self.rules.names()),
        };
        let problem = |message: &str| Problem::validate(message, &update.context, update.span);
        let Some(rule) = self.rules.get_mut(&update.name) else {
            return Err(problem(missing).help(help));
        };
        if !update.has_any_value() {
            return Err(problem(nothing));
        }
        Ok(rule)
    }

    pub fn append_rule(&mut self, sources: &[EventSource<'_>], update: RuleUpdate) -> Outcome<()> {
        let id = self.next;
        let nothing = "Appended rule must have exceptions or condition property";
        let rule = self.find(&update, NO_RULE_TO_APPEND, nothing)?;
        let source = sources.iter().find(|s| s.name == rule.source);
        if let Some(condition) = &update.condition {
            append_text(&mut rule.condition, condition);
        }
        if let Some(output) = &update.output {
            append_text(&mut rule.output, output);
        }
        if let Some(description) = &update.description {
            rule.description.push(' ');
            rule.description.push_str(description);
        }
        rule.tags.extend(update.tags.into_iter().flatten());
        for mut exception in update.exceptions.into_iter().flatten() {
            let Exception { context, span, .. } = &exception;
            let problem = |message: &str| Problem::validate(message, context, *span);
            match rule.exceptions.iter_mut().find(|e| e.name == exception.name) {
                None => {
                    if !exception.fields.is_some() {
                        let message =
                            "Rule exception must have fields property with a list of fields";
                        return Err(problem(message));
                    }
                    if exception.values.is_empty() {
                        let message =
                            "Rule exception must have values property with a list of values";
                        return Err(problem(message));
                    }
                    check_exception(source.map(|s| s.catalog), &mut exception)?;
                    rule.exceptions.push(exception);
                }
                Some(previous) => {
                    let more = [(&exception.fields, "fields"), (&exception.comps, "comps")];
                    if let Some((_, what)) = more.into_iter().find(|(entry, _)| entry.is_some()) {
                        return Err(problem(&format!(
                            "Can not append exception {what} to existing exception, only values"
                        ))
                        .label(previous.span, "the exception is defined here"));
                    }
                    previous.values.extend(exception.values);
                }
            }
        }
        rule.head.visibility = id;
        self.number();
        Ok(())
    }

    pub fn replace_rule(&mut self, update: RuleUpdate) -> Outcome<()> {
        let id = self.next;
        let nothing = "The rule must have at least one field that can be replaced";
        let rule = self.find(&update, NO_RULE_TO_REPLACE, nothing)?;
        fn set<T>(place: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *place = value;
            }
        }
        set(&mut rule.condition, update.condition);
        set(&mut rule.output, update.output);
        set(&mut rule.description, update.description);
        set(&mut rule.tags, update.tags);
        set(&mut rule.exceptions, update.exceptions);
        set(&mut rule.priority, update.priority);
        set(&mut rule.capture, update.capture);
        set(&mut rule.capture_duration, update.capture_duration);
        set(&mut rule.enabled, update.enabled);
        set(&mut rule.warn_evttypes, update.warn_evttypes);
        set(&mut rule.skip_if_unknown_filter, update.skip_if_unknown_filter);
        rule.head.visibility = id;
        self.number();
        Ok(())
    }

    /// The deprecated item of a name and `enabled`.
    pub fn enable_rule(&mut self, head: &Head, enabled: bool) -> Outcome<()> {
        match self.rules.get_mut(&head.name) {
            Some(rule) => {
                rule.enabled = enabled;
                Ok(())
            }
            None => {
                let message = "Rule has 'enabled' key but no rule by that name already exists";
                let help = did_you_mean(&head.name, self.rules.names());
                Err(Problem::validate(message, &head.context, head.span).help(help))
            }
        }
    }
}

fn append_text(text: &mut Traced, more: &Traced) {
    if !more.is_empty() {
        text.push_glue(" ");
        text.push(more);
    }
}

/// A string operator with a modifier, as in `startswith oneof`.
pub(crate) fn is_modified_operator(text: &str) -> bool {
    let Some((op, modifier)) = text.split_once(' ') else { return false };
    Operator::from_spelling(op).is_some_and(Operator::is_string)
        && Modifier::from_spelling(modifier.trim()).is_some()
}

/// Fills in missing comparisons and checks an exception by itself.
pub(crate) fn check_exception(
    catalog: Option<&dyn Catalog>,
    exception: &mut Exception,
) -> Outcome<()> {
    let Exception { context, span, fields, comps, .. } = exception;
    let problem = |message: String| Problem::validate(message, context, *span);
    let fields = match fields {
        Entry::Word(field) => {
            if !comps.is_some() {
                *comps = Entry::Word(Word { text: "in".to_owned(), span: field.span });
            }
            let Entry::Word(comp) = comps else {
                return Err(problem("Fields and comps must both be strings".to_owned()));
            };
            comp.text = comp.text.trim_matches([' ', '\t', '\r', '\n']).to_owned();
            let is_list = Operator::from_spelling(&comp.text).is_some_and(Operator::is_list);
            if !is_list && !is_modified_operator(&comp.text) {
                let message = "When fields is a single value, comps must be one of (in, pmatch, \
                               intersects) or a modifier operator (e.g. startswith oneof)";
                return Err(problem(message.to_owned())
                    .label(comp.span, format!("'{}' compares with one value", comp.text)));
            }
            std::slice::from_ref(&*field).to_vec()
        }
        Entry::List(entries, list_span) => {
            if !comps.is_some() {
                let equal = Word { text: "=".to_owned(), span: *list_span };
                *comps = Entry::List(vec![Entry::Word(equal); entries.len()], *list_span);
            }
            let comps = match comps {
                Entry::List(comps, _) => comps.as_mut_slice(),
                Entry::Word(_) => &mut [],
            };
            if comps.len() != entries.len() {
                let message = "Fields and comps lists must have equal length".to_owned();
                return Err(problem(message).note(format!(
                    "{} fields, {} comps",
                    entries.len(),
                    comps.len()
                )));
            }
            for comp in comps {
                let text = comp.word().trim_matches([' ', '\t', '\r', '\n']).to_owned();
                if Operator::from_spelling(&text).is_none() && !is_modified_operator(&text) {
                    let message = format!("'{text}' is not a supported comparison operator");
                    let known = Operator::ALL.iter().map(|op| op.as_str());
                    return Err(problem(message)
                        .label(comp.span(), "no operator")
                        .help(did_you_mean(&text, known)));
                }
                if let Entry::Word(word) = comp {
                    word.text = text;
                }
            }
            entries.iter().map(|e| Word { text: e.word().to_owned(), span: e.span() }).collect()
        }
    };
    let Some(catalog) = catalog else { return Ok(()) };
    for field in &fields {
        let text = format!("{} exists", field.text);
        let known = peregrine_filter::parse(&text)
            .is_ok_and(|expr| peregrine_filter::check(catalog, &expr).is_ok());
        if !known {
            let message = format!("'{}' is not a supported filter field", field.text);
            return Err(problem(message)
                .label(field.span, "no field")
                .help(did_you_mean(&field.text, catalog.names())));
        }
    }
    Ok(())
}
