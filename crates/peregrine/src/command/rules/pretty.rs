//! Conditions for people: one part a line, long lists wrapped.

use std::fmt::Write;

use peregrine_filter::{Expr, ExprKind, ListItem, Operand, OperandKind, Span};

/// Columns up to which a line is filled.
const WIDTH: usize = 100;

/// A condition over several lines, each indented by so many blanks. It reads back as the same
/// condition.
pub fn condition(expr: &Expr, indent: usize) -> String {
    let mut out = String::new();
    group(&mut out, expr, indent);
    out
}

/// Words, separated by commas and wrapped.
pub fn words<'a>(words: impl IntoIterator<Item = &'a str>, indent: usize) -> String {
    let mut out = " ".repeat(indent);
    fill(&mut out, words.into_iter(), indent, indent);
    out.push('\n');
    out
}

/// A text, wrapped at blanks.
pub fn paragraph(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            column = 0;
        }
        if column == 0 {
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

/// Writes `expr` on lines of its own; `lead` is the word that joins it to what stands before.
fn write(out: &mut String, expr: &Expr, indent: usize, lead: &str) {
    let flat = expr.to_string();
    let before = format!("{:indent$}{lead}", "");
    if before.chars().count() + flat.chars().count() <= WIDTH {
        let _ = writeln!(out, "{before}{flat}");
        return;
    }
    match &expr.kind {
        ExprKind::And(_) | ExprKind::Or(_) => {
            let _ = writeln!(out, "{before}(");
            group(out, expr, indent + 4);
            let _ = writeln!(out, "{:indent$})", "");
        }
        // Two negations in a row would read back as none.
        ExprKind::Not(child) if matches!(child.kind, ExprKind::Not(_)) => {
            let _ = writeln!(out, "{before}not (");
            write(out, child, indent + 4, "");
            let _ = writeln!(out, "{:indent$})", "");
        }
        ExprKind::Not(child) => write(out, child, indent, &format!("{lead}not ")),
        ExprKind::Check(check) => {
            out.push_str(&before);
            match check.right.as_ref().map(|right| (&right.kind, right.span)) {
                Some((OperandKind::List(items), span)) => {
                    let head = format!("{} {} (", check.left, check.operator_text());
                    let items: Vec<String> = items.iter().map(|item| quoted(item, span)).collect();
                    let column = before.chars().count() + head.chars().count();
                    out.push_str(&head);
                    fill(out, items.iter().map(String::as_str), column, indent + 4);
                    out.push_str(")\n");
                }
                _ => {
                    out.push_str(&flat);
                    out.push('\n');
                }
            }
        }
        ExprKind::Macro(_) => {
            let _ = writeln!(out, "{before}{flat}");
        }
    }
}

/// The parts of an `and` or `or`, one after the other.
fn group(out: &mut String, expr: &Expr, indent: usize) {
    let (word, children) = match &expr.kind {
        ExprKind::And(children) => ("and ", children),
        ExprKind::Or(children) => ("or ", children),
        _ => return write(out, expr, indent, ""),
    };
    for (index, child) in children.iter().enumerate() {
        write(out, child, indent, if index == 0 { "" } else { word });
    }
}

/// A value as it has to be written in a list.
fn quoted(item: &ListItem, span: Span) -> String {
    let list = Operand::new(OperandKind::List(vec![item.clone()]), span).to_string();
    list[1..list.len() - 1].to_owned()
}

/// Writes words with commas between them, from a column on; full lines end.
fn fill<'a>(
    out: &mut String,
    words: impl Iterator<Item = &'a str>,
    mut column: usize,
    indent: usize,
) {
    let mut words = words.peekable();
    let mut is_first = true;
    while let Some(word) = words.next() {
        // Room for the comma or the parenthesis behind it.
        let length = word.chars().count() + 1;
        if is_first {
            column += length;
        } else if column + 1 + length > WIDTH {
            let _ = write!(out, "\n{:indent$}", "");
            column = indent + length;
        } else {
            out.push(' ');
            column += 1 + length;
        }
        is_first = false;
        out.push_str(word);
        if words.peek().is_some() {
            out.push(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "evt.type in (open, openat) and not (proc.name in (aaaaaaaaaaaaaaaaaaaaaaa, \
        'b, c', ddddddddddddddddddddddd, eeeeeeeeeeeeeeeeeeeeeeeeeeeee, ffffffffffffffffffff, g) \
        or (fd.name startswith /etc/ and proc.cmdline contains \"aaaaaaaaaaaaaaa bbbbbbbbbbbbbb\" \
        and proc.pname = cccccccccccccccccccccccccccccccccccc))";

    #[test]
    fn long_conditions_take_a_line_per_part() {
        let expr = peregrine_filter::parse(LONG).unwrap();
        let text = condition(&expr, 2);
        insta::assert_snapshot!(text);
        assert_eq!(peregrine_filter::parse(&text).unwrap(), expr);
    }

    #[test]
    fn every_built_in_condition_reads_back_as_itself() {
        let files = peregrine_engine::ruleset::read_rules(&[]).unwrap();
        let options = peregrine_engine::RuleOptions::default();
        peregrine_engine::ruleset::load_files(&files, &options, |loader, _| {
            for rule in loader.describe().rules {
                let expr = peregrine_filter::parse(&rule.condition_compiled).unwrap();
                let text = condition(&expr, 2);
                assert_eq!(peregrine_filter::parse(&text).unwrap(), expr, "{text}");
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(widest <= Some(WIDTH), "{text}");
            }
        });
    }
}
