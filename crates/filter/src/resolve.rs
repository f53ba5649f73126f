//! Finding fields in the catalogue.

use crate::catalog::{ArgRule, Catalog, FieldInfo, FieldRef};
use crate::syntax::{Field, Text};

/// Fields whose argument may follow after a dot: `evt.arg.name` is `evt.arg[name]`.
const DOTTED: [&str; 5] = ["evt.arg", "evt.rawarg", "evt.abspath", "evt.type.is", "evt.around"];

/// A field and its argument, from brackets or after a dot. Whether the argument fits is not
/// checked.
pub(crate) fn lookup(catalog: &dyn Catalog, field: &Field) -> Option<(FieldInfo, Option<Text>)> {
    if let Some(info) = catalog.field(&field.name) {
        // A catalogue may know the dotted form itself.
        let rest = field.name.strip_prefix(info.name).and_then(|r| r.strip_prefix('.'));
        return Some((info, field.arg.clone().or_else(|| rest.map(Text::from))));
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
