//! Which operator is defined for which type.

use peregrine_event::ParamType;

use crate::literal::Class;
use crate::syntax::{Modifier, Operator};

/// Whether an operator may stand behind a value of a type.
///
/// # Errors
/// A sentence in Falco's words.
pub(crate) fn check_operator(
    op: Operator,
    modifier: Option<Modifier>,
    ty: ParamType,
    is_list: bool,
) -> Result<(), String> {
    use Operator::*;
    // Falco names `==` by its other spelling.
    let name = if op == EqEq { "=" } else { op.as_str() };
    let is_membership = matches!(op, In | Intersects);
    let is_equality = op.is_equality() || op == Ne;
    if op == Exists {
        return Ok(());
    }
    if is_list {
        return match (is_list_element(ty), is_membership) {
            (true, true) => Ok(()),
            (true, false) => Err(format!("'{name}' operator not supported list filters")),
            (false, _) => Err(format!("list filters are not supported for type '{}'", ty.name())),
        };
    }
    let (allowed, filters) = match Class::of(ty) {
        Class::Number | Class::Double => {
            (is_equality || is_membership || op.is_ordering(), "numeric filters")
        }
        Class::Bool => (is_equality || is_membership, "numeric filters"),
        Class::Text => (!matches!(op, Bcontains | Bstartswith), "string filters"),
        Class::Buffer => {
            let bytewise = matches!(op, Contains | Startswith | Endswith | Bcontains | Bstartswith);
            (is_equality || is_membership || bytewise, "buffer filters")
        }
        Class::Ip | Class::Net => {
            let filters = "ip address and network filters";
            if modifier.is_some() && !is_equality && !is_membership {
                return Err(format!("'{name}' with modifier not supported for {filters}"));
            }
            (is_equality || is_membership, filters)
        }
        Class::Opaque => {
            return Err(format!("'{name}' operator not supported for type '{}'", ty.name()));
        }
    };
    if allowed { Ok(()) } else { Err(format!("'{name}' operator not supported for {filters}")) }
}

/// Types of which Falco compares lists.
fn is_list_element(ty: ParamType) -> bool {
    use ParamType::*;
    matches!(ty, CharBuf | Uint64 | RelTime | AbsTime | Bool | IpAddr | IpNet)
}
