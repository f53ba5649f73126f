//! Putting macros in place of their names.

use peregrine_filter::{Expr, ExprKind, MAX_NESTING, Span};

/// What became of the macros of a condition.
#[derive(Debug, Clone, Default)]
pub struct Expansion {
    /// Names that were replaced, the innermost first.
    pub resolved: Vec<(String, Span)>,
    /// Names that are no macros, or that would come back to themselves.
    pub unknown: Vec<(String, Span)>,
    /// Names that come back to themselves.
    pub cycles: Vec<(String, Span)>,
    /// Set if the condition grew too large; what was not replaced is left as it was.
    pub too_large: Option<Span>,
}

/// Checks a condition may have once its macros are replaced.
const MAX_NODES: usize = 200_000;

/// Replaces the names of macros in a condition, and in the macros, by their conditions.
pub fn expand<'m>(expr: &mut Expr, macros: &dyn Fn(&str) -> Option<&'m Expr>) -> Expansion {
    let mut walk = Walk { macros, path: Vec::new(), nodes: 0, done: Expansion::default() };
    walk.expand(expr, 0);
    walk.done
}

struct Walk<'w, 'm> {
    macros: &'w dyn Fn(&str) -> Option<&'m Expr>,
    path: Vec<String>,
    nodes: usize,
    done: Expansion,
}

impl Walk<'_, '_> {
    fn expand(&mut self, expr: &mut Expr, depth: usize) {
        self.nodes += 1;
        if depth > MAX_NESTING || self.nodes > MAX_NODES {
            self.done.too_large.get_or_insert(expr.span);
            return;
        }
        match &mut expr.kind {
            ExprKind::And(children) | ExprKind::Or(children) => {
                children.iter_mut().for_each(|child| self.expand(child, depth + 1));
            }
            ExprKind::Not(child) => self.expand(child, depth + 1),
            ExprKind::Check(_) => {}
            ExprKind::Macro(name) => {
                let name = std::mem::take(name);
                let span = expr.span;
                match (self.macros)(&name) {
                    None => self.done.unknown.push((name.clone(), span)),
                    Some(_) if self.path.contains(&name) => {
                        self.done.cycles.push((name.clone(), span));
                        self.done.unknown.push((name.clone(), span));
                    }
                    Some(body) => {
                        let mut body = body.clone();
                        self.path.push(name.clone());
                        self.expand(&mut body, depth + 1);
                        self.path.pop();
                        self.done.resolved.push((name, span));
                        *expr = body;
                        return;
                    }
                }
                expr.kind = ExprKind::Macro(name);
            }
        }
    }
}

/// Finds the use of a macro, direct or within other macros. Gives the names of the macros on the
/// way with the places where they are used, from the outside in.
pub(crate) fn find_use<'m>(
    expr: &'m Expr,
    wanted: &str,
    macros: &dyn Fn(&str) -> Option<&'m Expr>,
) -> Option<Vec<(&'m str, Span)>> {
    let mut seen = std::collections::HashSet::new();
    let mut chain = Vec::new();
    search(expr, wanted, macros, &mut seen, &mut chain).then_some(chain)
}

fn search<'m>(
    expr: &'m Expr,
    wanted: &str,
    macros: &dyn Fn(&str) -> Option<&'m Expr>,
    seen: &mut std::collections::HashSet<&'m str>,
    chain: &mut Vec<(&'m str, Span)>,
) -> bool {
    match &expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            children.iter().any(|child| search(child, wanted, macros, seen, chain))
        }
        ExprKind::Not(child) => search(child, wanted, macros, seen, chain),
        ExprKind::Check(_) => false,
        ExprKind::Macro(name) => {
            if name != wanted && (chain.len() > 100 || !seen.insert(name)) {
                return false;
            }
            chain.push((name, expr.span));
            if name == wanted {
                return true;
            }
            if macros(name).is_some_and(|body| search(body, wanted, macros, seen, chain)) {
                return true;
            }
            chain.pop();
            false
        }
    }
}
