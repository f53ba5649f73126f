//! The list of fields for people and programs: `peregrine fields`.

use std::fmt::Write;

use peregrine_filter::catalog::ArgRule;
use serde::Serialize;

use crate::catalogue::{ArgForm, Class, FieldDef, FieldFlags, Fields};

/// Form of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// Plain text for a terminal.
    Text,
    /// Markdown tables, one per class.
    Markdown,
    /// A JSON array with one object per field.
    Json,
}

/// A field in the JSON listing.
#[derive(Serialize)]
struct JsonField {
    name: &'static str,
    class: &'static str,
    #[serde(rename = "type")]
    ty: &'static str,
    is_list: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    argument: Option<&'static str>,
    argument_required: bool,
    properties: Vec<&'static str>,
    description: &'static str,
}

/// Lists the fields of a source. Hidden fields are left out unless asked for.
pub fn list(fields: &Fields<'_>, format: ListFormat, hidden: bool) -> String {
    let shown = |def: &&'static FieldDef| hidden || !def.flags.has(FieldFlags::HIDDEN);
    if format == ListFormat::Json {
        let all: Vec<_> = fields.iter().filter(shown).map(json_field).collect();
        return serde_json::to_string_pretty(&all).unwrap_or_default() + "\n";
    }
    let mut out = String::new();
    for class in Class::ALL {
        let defs: Vec<_> = fields.iter().filter(shown).filter(|d| d.class == class).collect();
        if defs.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push('\n');
        }
        // Writing to a `String` does not fail.
        let _ = match format {
            ListFormat::Markdown => markdown_class(&mut out, class, &defs),
            _ => text_class(&mut out, class, &defs),
        };
    }
    out
}

fn text_class(out: &mut String, class: Class, defs: &[&FieldDef]) -> std::fmt::Result {
    writeln!(out, "{}: {}\n", class.name(), class.description())?;
    for def in defs {
        let name = format!("{}{}", def.name, argument(def.arg).unwrap_or_default());
        writeln!(out, "  {name}  ({})", type_text(def))?;
        let mut sentence = def.description.to_owned();
        for property in properties(def) {
            let _ = write!(sentence, " [{property}]");
        }
        for line in wrap(&sentence, 92) {
            writeln!(out, "      {line}")?;
        }
    }
    Ok(())
}

fn markdown_class(out: &mut String, class: Class, defs: &[&FieldDef]) -> std::fmt::Result {
    writeln!(out, "## {}\n\n{}\n", class.name(), class.description())?;
    writeln!(out, "| Field | Type | Properties | Description |\n|---|---|---|---|")?;
    for def in defs {
        writeln!(
            out,
            "| `{}{}` | {} | {} | {} |",
            def.name,
            argument(def.arg).unwrap_or_default(),
            type_text(def),
            properties(def).join(", "),
            def.description.replace('|', "\\|")
        )?;
    }
    Ok(())
}

fn json_field(def: &'static FieldDef) -> JsonField {
    JsonField {
        name: def.name,
        class: def.class.name(),
        ty: def.ty.name(),
        is_list: def.flags.has(FieldFlags::LIST),
        argument: argument(def.arg),
        argument_required: def.arg.rule() == ArgRule::Required,
        properties: properties(def),
        description: def.description,
    }
}

fn type_text(def: &FieldDef) -> String {
    if def.flags.has(FieldFlags::LIST) {
        format!("LIST({})", def.ty.name())
    } else {
        def.ty.name().to_owned()
    }
}

/// How the argument is written.
fn argument(form: ArgForm) -> Option<&'static str> {
    Some(match form {
        ArgForm::None => return None,
        ArgForm::OptionalIndex => "[<index>]",
        ArgForm::OptionalIndexOrKey => "[<index or name>]",
        ArgForm::Param => ".<name> or [<index>]",
        ArgForm::RawParam => ".<name>",
        ArgForm::Time => "[<nanoseconds>]",
        ArgForm::EventType => ".<event>",
        ArgForm::PathChoice => ".src or .dst",
        ArgForm::Subsystem => ".<subsystem>",
        ArgForm::Key => "[<name>]",
        ArgForm::IndexOrKey => "[<index or name>]",
        ArgForm::Configured => ".<name>",
    })
}

fn properties(def: &FieldDef) -> Vec<&'static str> {
    const NAMES: [(u16, &str); 6] = [
        (FieldFlags::FILTER_ONLY, "filters only"),
        (FieldFlags::PRINT_ONLY, "outputs only"),
        (FieldFlags::DEPRECATED, "deprecated"),
        (FieldFlags::NO_RHS, "left of operators only"),
        (FieldFlags::NO_TRANSFORMER, "no transformers"),
        (FieldFlags::SUGGESTED, "suggested output"),
    ];
    NAMES.iter().filter(|(flag, _)| def.flags.has(*flag)).map(|(_, name)| *name).collect()
}

fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= columns {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_every_field() {
        let fields = Fields::syscall();
        let json: Vec<serde_json::Value> =
            serde_json::from_str(&list(&fields, ListFormat::Json, true)).unwrap();
        assert_eq!(json.len(), crate::catalogue::FIELDS.len());
        for format in [ListFormat::Text, ListFormat::Markdown] {
            let text = list(&fields, format, true);
            for def in crate::catalogue::FIELDS {
                assert!(text.contains(def.name), "{}", def.name);
            }
            assert!(text.lines().all(|l| format == ListFormat::Markdown || l.len() <= 100));
        }
        assert!(!list(&fields, ListFormat::Text, false).contains("evt.buflen.net.in"));
    }
}
