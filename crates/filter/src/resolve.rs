//! Finding fields in the catalogue.

use crate::catalog::{ArgRule, Catalog, FieldInfo, FieldRef};
use crate::syntax::{Field, Text};

/// Fields whose argument may follow after a dot: `evt.arg.name` is `evt.arg[name]`.
const DOTTED: [&str; 4] = ["evt.arg", "evt.rawarg", "evt.abspath", "evt.type.is"];

/// A field and its argument, from brackets or after a dot. Whether the argument fits is not
/// checked.
pub(crate) fn lookup(catalog: &dyn Catalog, field: &Field) -> Option<(FieldInfo, Option<Text>)> {
    if let Some(info) = catalog.field(&field.name) {
        // A catalogue may know the dotted form itself.
        let rest = field.name.strip_prefix(info.name).and_then(|r| r.strip_prefix('.'));
        return match (rest, &field.arg) {
            (Some(_), Some(_)) => None,
            (Some(rest), None) => Some((info, Some(Text::from(rest)))),
            (None, arg) => Some((info, arg.clone())),
        };
    }
    DOTTED.iter().find_map(|prefix| {
        let rest = field.name.strip_prefix(prefix)?.strip_prefix('.')?;
        if field.arg.is_some() {
            return None;
        }
        Some((catalog.field(prefix)?, Some(Text::from(rest))))
    })
}

/// Finds a field and checks its argument.
///
/// # Errors
/// What is wrong and, for a name that is not known, a name that is.
pub(crate) fn resolve(
    catalog: &dyn Catalog,
    field: &Field,
) -> Result<(FieldInfo, FieldRef), (String, Option<String>)> {
    let unknown = || format!("filter_check called with nonexistent field {field}");
    let Some((info, arg)) = lookup(catalog, field) else {
        return Err((unknown(), suggestion(&field.name, catalog.names())));
    };
    match (info.arg, &arg) {
        (ArgRule::None, Some(_)) => {
            return Err((unknown(), Some(format!("field '{}' takes no argument", info.name))));
        }
        (ArgRule::Required, None) => {
            let message = format!("field '{}' requires an argument", info.name);
            return Err((message, Some(format!("write {}[…]", info.name))));
        }
        _ => {}
    }
    let arg = match &arg {
        Some(arg) => match arg.as_str() {
            Some(arg) => Some(arg),
            None => return Err((format!("argument of field '{field}' is not UTF-8"), None)),
        },
        None => None,
    };
    match catalog.bind(&info, arg) {
        Ok(bound) => Ok((info, bound)),
        Err(message) => Err((message, None)),
    }
}

/// "did you mean …" for a name near to one of the known names.
pub(crate) fn suggestion<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let most = (name.len() / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| format!("did you mean '{candidate}'?"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use peregrine_event::{ParamType, Value};

    use super::*;
    use crate::catalog::{FieldArg, FieldId, FieldSource, Scope, Values};
    use crate::{Evaluator, ProgramBuilder, parse};

    /// `evt.around` and `evt.type`.
    struct Fields;

    impl Catalog for Fields {
        fn field(&self, name: &str) -> Option<FieldInfo> {
            let (id, name, ty, arg) = match name {
                "evt.around" => (0, "evt.around", ParamType::Uint64, ArgRule::Required),
                "evt.type" => (1, "evt.type", ParamType::CharBuf, ArgRule::None),
                _ => return None,
            };
            Some(FieldInfo { arg, ..FieldInfo::plain(FieldId(id), name, ty) })
        }

        fn bind(&self, info: &FieldInfo, arg: Option<&str>) -> Result<FieldRef, String> {
            let arg = arg.map_or(FieldArg::None, |a| FieldArg::Key(a.into()));
            Ok(FieldRef { id: info.id, arg, ty: info.ty, is_list: false })
        }

        fn names(&self) -> Vec<&'static str> {
            vec!["evt.around", "evt.type"]
        }
    }

    /// An `openat`, five milliseconds from whatever time is asked for.
    struct Event;

    impl FieldSource for Event {
        fn extract<'s>(&'s self, field: &FieldRef, out: &mut Values<'s>) -> bool {
            out.push(match field.id.0 {
                0 => Value::Uint(5_000_000),
                _ => Value::text("openat"),
            });
            true
        }

        fn scope_key(&self, _: Scope) -> Option<u64> {
            None
        }
    }

    fn holds(text: &str) -> Result<bool, String> {
        let mut builder = ProgramBuilder::new(&Fields);
        let id = builder.add(&parse(text).unwrap()).map_err(|e| e.to_string())?;
        let mut evaluator = Evaluator::new(Arc::new(builder.finish()));
        evaluator.begin_event();
        Ok(evaluator.matches(id, &Event))
    }

    #[test]
    fn times_around_an_event_are_milliseconds() {
        assert_eq!(holds("evt.around[10] = 5"), Ok(true));
        assert_eq!(holds("evt.around[10] = 4"), Ok(false));
        for text in ["evt.around[10] > 5", "evt.around[10] = anyof (5)", "evt.around = 5"] {
            assert!(holds(text).is_err(), "{text}");
        }
        assert!(holds("evt.around.x[11] = 5").unwrap_err().contains("nonexistent field"));
    }

    #[test]
    fn event_names_are_checked_and_near_ones_suggested() {
        assert_eq!(holds("evt.type in (openat, execve)"), Ok(true));
        assert_eq!(holds("evt.type startswith open"), Ok(true));
        assert_eq!(
            holds("evt.type = opennat"),
            Err("unknown event type opennat (did you mean 'openat'?)".to_owned())
        );
        assert_eq!(
            holds("evt.typ = open"),
            Err("filter_check called with nonexistent field evt.typ (did you mean 'evt.type'?)"
                .to_owned())
        );
    }

    #[test]
    fn all_errors_are_reported() {
        let error = holds("evt.typ = open or evt.type > 1 and some_macro or evt.type = nope");
        let error = error.unwrap_err();
        assert_eq!(error.matches("; ").count(), 2, "{error}");
    }
}
