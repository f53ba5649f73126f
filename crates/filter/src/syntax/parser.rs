//! The parser: recursive descent, one function per rule of the grammar.
//!
//! Recursion is bounded by [`ParseOptions::max_depth`], counted as Falco counts it (a pair of
//! parentheses costs five levels), so that the same conditions are refused. A level takes
//! under two kilobytes of stack in a debug build: Falco's 1000 fits the 2 MiB of a default thread.

use super::ast::{Check, Expr, ExprKind, Operand};
use super::escape::unescape;
use super::operator::{Modifier, Operator, Transformer, quoted_list};
use super::position::{Position, Span};
use super::scanner::Scanner;
use super::text::Text;

/// Depth limit of [`ParseOptions::default`].
pub const DEFAULT_MAX_DEPTH: u32 = 100;

/// How to parse.
#[derive(Debug, Clone, Copy)]
pub struct ParseOptions {
    /// Levels of recursion that are refused.
    pub max_depth: u32,
    /// Stop quietly where a complete condition ends, whatever follows.
    pub partial: bool,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self { max_depth: DEFAULT_MAX_DEPTH, partial: false }
    }
}

/// What [`parse_with`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The condition.
    pub expr: Expr,
    /// Where parsing stopped: the end of the text unless it was partial.
    pub end: Position,
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("filter error at {position}: {message}")]
pub struct ParseError {
    /// Where.
    pub position: Position,
    /// What is wrong, in Falco's words.
    pub message: String,
    /// What stands at the position: the next word or sign, shortened; `None` at the end.
    pub found: Option<String>,
}

impl ParseError {
    /// The place and what stands there.
    pub fn span(&self) -> Span {
        let mut end = self.position;
        for byte in self.found.iter().flat_map(|f| f.bytes()) {
            end.advance(byte);
        }
        Span::new(self.position, end)
    }
}

/// Parses a condition with the default options.
///
/// # Errors
/// The text is no condition, or its nesting is too deep.
pub fn parse(text: impl AsRef<[u8]>) -> Result<Expr, ParseError> {
    parse_with(text, &ParseOptions::default()).map(|parsed| parsed.expr)
}

/// Parses a condition.
///
/// # Errors
/// The text is no condition, or its nesting is too deep.
pub fn parse_with(text: impl AsRef<[u8]>, options: &ParseOptions) -> Result<Parsed, ParseError> {
    let text = text.as_ref();
    let mut parser = Parser {
        scan: Scanner::new(text),
        last: String::new(),
        end: Position::START,
        options: *options,
    };
    if text.is_empty() {
        return parser.fail("filter input string is empty");
    }
    if u32::try_from(text.len()).is_err() {
        return parser.fail("filter input string is longer than 4 GiB");
    }
    let expr = parser.parse_or(0)?;
    if !options.partial && !parser.scan.at_end() {
        let message = format!("unexpected token after '{}', expecting 'or', 'and'", parser.last);
        return parser.fail(message);
    }
    Ok(Parsed { expr, end: parser.scan.position() })
}

/// Parses a field or a transformer call at the beginning of a text, whatever follows it, as an
/// output template has it behind a `%`. Gives it and where it ends.
///
/// # Errors
/// The text begins with neither.
pub fn parse_operand(text: impl AsRef<[u8]>) -> Result<(Operand, Position)> {
    let options = ParseOptions::default();
    let mut parser = Parser {
        scan: Scanner::new(text.as_ref()),
        last: String::new(),
        end: Position::START,
        options,
    };
    let start = parser.scan.position();
    let operand = if let Some(name) = parser.word(Scanner::field_name) {
        parser.parse_field_rest(0, name, start)?
    } else if let Some(transformer) = parser.transformer_start() {
        parser.scan.blanks();
        parser.parse_call_rest(0, transformer, start)?
    } else {
        return parser.fail("expected a field or a transformer");
    };
    Ok((operand, parser.scan.position()))
}

pub(super) type Result<T, E = ParseError> = std::result::Result<T, E>;

pub(super) struct Parser<'a> {
    pub(super) scan: Scanner<'a>,
    /// The last token read, for messages.
    last: String,
    /// Where it ended: trees end there, blanks behind them do not count.
    end: Position,
    options: ParseOptions,
}

impl<'a> Parser<'a> {
    #[cold]
    #[inline(never)]
    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Result<T> {
        Err(ParseError {
            position: self.scan.position(),
            message: message.into(),
            found: found(self.scan.rest()),
        })
    }

    /// Counts a level of recursion: gives the depth of the rule that is entered.
    pub(super) fn enter(&self, depth: u32) -> Result<u32> {
        let depth = depth + 1;
        if depth >= self.options.max_depth {
            return self.fail(format!("exceeded max depth limit of {}", self.options.max_depth));
        }
        Ok(depth)
    }

    pub(super) fn span_from(&self, start: Position) -> Span {
        Span::new(start, self.end)
    }

    fn keep(&mut self, token: &[u8]) {
        self.end = self.scan.position();
        self.last.clear();
        self.last.push_str(&String::from_utf8_lossy(token));
    }

    pub(super) fn exact(&mut self, text: &str) -> bool {
        let found = self.scan.exact(text);
        if found {
            self.keep(text.as_bytes());
        }
        found
    }

    /// A token that is ASCII by its grammar.
    pub(super) fn word(
        &mut self,
        read: impl FnOnce(&mut Scanner<'a>) -> Option<&'a [u8]>,
    ) -> Option<String> {
        let token = read(&mut self.scan)?;
        self.keep(token);
        Some(String::from_utf8_lossy(token).into_owned())
    }

    pub(super) fn bytes(
        &mut self,
        read: impl FnOnce(&mut Scanner<'a>) -> Option<&'a [u8]>,
    ) -> Option<Text> {
        let token = read(&mut self.scan)?;
        self.keep(token);
        Some(Text::from(token))
    }

    /// A quoted string, escapes resolved.
    pub(super) fn quoted(&mut self) -> Result<Option<Text>> {
        let Some(token) = self.scan.quoted() else { return Ok(None) };
        match unescape(token) {
            Ok(value) => {
                self.keep(&value);
                Ok(Some(Text::from(value)))
            }
            Err(error) => self.fail(error.to_string()),
        }
    }

    /// A transformer's name and the parenthesis behind it.
    pub(super) fn transformer_start(&mut self) -> Option<Transformer> {
        let found = Transformer::ALL.iter().copied().find(|t| {
            let before = self.scan;
            if *t != Transformer::Val && self.scan.exact(t.as_str()) && self.scan.exact("(") {
                return true;
            }
            self.scan = before;
            false
        })?;
        self.keep(found.as_str().as_bytes());
        Some(found)
    }

    fn parse_or(&mut self, depth: u32) -> Result<Expr> {
        self.parse_chain(depth, "or", Self::parse_and, ExprKind::Or)
    }

    fn parse_and(&mut self, depth: u32) -> Result<Expr> {
        self.parse_chain(depth, "and", Self::parse_not, ExprKind::And)
    }

    /// `child { word child }`.
    fn parse_chain(
        &mut self,
        depth: u32,
        word: &str,
        child: fn(&mut Self, u32) -> Result<Expr>,
        make: fn(Vec<Expr>) -> ExprKind,
    ) -> Result<Expr> {
        let depth = self.enter(depth)?;
        let start = self.scan.position();
        self.scan.blanks();
        let first = child(self, depth)?;
        self.scan.blanks();
        let mut rest = Vec::new();
        while self.exact(word) {
            if self.scan.blanks() {
                rest.push(child(self, depth)?);
            } else if self.exact("(") {
                rest.push(self.parse_embedded(depth)?);
            } else {
                return self.fail(format!("expected blank or '(' after '{word}'"));
            }
            self.scan.blanks();
        }
        if rest.is_empty() {
            return Ok(first);
        }
        rest.insert(0, first);
        Ok(Expr::new(make(rest), self.span_from(start)))
    }

    fn parse_not(&mut self, depth: u32) -> Result<Expr> {
        let depth = self.enter(depth)?;
        let start = self.scan.position();
        self.scan.blanks();
        let mut negated = false;
        while self.scan.not_and_space() {
            self.keep(b"not");
            negated = !negated;
        }
        let child = if self.exact("not(") {
            negated = !negated;
            self.parse_embedded(depth)?
        } else {
            self.parse_check(depth)?
        };
        if !negated {
            return Ok(child);
        }
        Ok(Expr::new(ExprKind::Not(Box::new(child)), self.span_from(start)))
    }

    /// What follows an opening parenthesis.
    fn parse_embedded(&mut self, depth: u32) -> Result<Expr> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let child = self.parse_or(depth)?;
        self.scan.blanks();
        if !self.exact(")") {
            return self.fail("expected a ')' token");
        }
        Ok(child)
    }

    fn parse_check(&mut self, depth: u32) -> Result<Expr> {
        let depth = self.enter(depth)?;
        let start = self.scan.position();
        self.scan.blanks();
        if self.exact("(") {
            return self.parse_embedded(depth);
        }
        self.parse_leaf(depth, start)
    }

    /// A check without parentheses. Apart from [`Self::parse_check`] to keep the stack frames of
    /// nested parentheses small.
    #[inline(never)]
    fn parse_leaf(&mut self, depth: u32, start: Position) -> Result<Expr> {
        if let Some(name) = self.word(Scanner::field_name) {
            let left = self.parse_field_rest(depth, name, start)?;
            return self.parse_condition(depth, left, start);
        }
        if let Some(transformer) = self.transformer_start() {
            self.scan.blanks();
            let left = self.parse_call_rest(depth, transformer, start)?;
            return self.parse_condition(depth, left, start);
        }
        if let Some(name) = self.word(Scanner::identifier) {
            return Ok(Expr::new(ExprKind::Macro(name), self.span_from(start)));
        }
        self.fail("expected a '(' token, a field check, or an identifier")
    }

    /// What follows the left-hand side of a check.
    fn parse_condition(&mut self, depth: u32, left: Operand, start: Position) -> Result<Expr> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let Some(op) = self.operator() else {
            let names = Operator::ALL.iter().map(|o| o.as_str());
            return self
                .fail(format!("expected a valid check operator: one of {}", quoted_list(names)));
        };
        let (modifier, right) = if op.is_unary() {
            (None, None)
        } else if op.is_ordering() {
            (None, Some(self.parse_number_or_call(depth)?))
        } else if op.is_list() {
            (None, Some(self.parse_list_or_call(depth)?))
        } else if let Some(modifier) = self.modifier(op) {
            (Some(modifier), Some(self.parse_list(depth)?))
        } else {
            (None, Some(self.parse_value_or_call(depth)?))
        };
        let check = Check { left, op, modifier, right };
        Ok(Expr::new(ExprKind::Check(Box::new(check)), self.span_from(start)))
    }

    /// An operator. Words that take a value demand a blank; list operators do not, as in Falco, so
    /// `inx` is `in x`.
    fn operator(&mut self) -> Option<Operator> {
        let op = Operator::ALL.iter().copied().find(|op| {
            let text = op.as_str();
            if op.is_string() && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
                self.scan.word_and_blank(text)
            } else {
                self.scan.exact(text)
            }
        })?;
        self.keep(op.as_str().as_bytes());
        Some(op)
    }

    /// A modifier, if the word is one: `proc.name = oneof` alone compares with a text.
    fn modifier(&mut self, op: Operator) -> Option<Modifier> {
        let before = self.scan;
        let is_word = op.as_str().starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word || self.scan.blanks() {
            let found =
                Modifier::ALL.iter().copied().find(|m| self.scan.word_and_blank(m.as_str()));
            if let Some(modifier) = found
                && self.list_follows()
            {
                self.keep(modifier.as_str().as_bytes());
                return Some(modifier);
            }
        }
        self.scan = before;
        None
    }

    fn list_follows(&self) -> bool {
        let rest = self.scan.rest();
        let keyword = ["and", "or", "not"].iter().any(|word| {
            rest.strip_prefix(word.as_bytes())
                .is_some_and(|after| !after.first().is_some_and(u8::is_ascii_alphanumeric))
        });
        let mut ahead = self.scan;
        !keyword && (ahead.exact("(") || ahead.identifier().is_some())
    }
}

/// The word or sign at the beginning of `rest`, for messages.
fn found(rest: &[u8]) -> Option<String> {
    const LONGEST: usize = 40;
    let first = *rest.first()?;
    let is_word = |b: &u8| b.is_ascii_alphanumeric() || b"_.-/<>=!".contains(b) || *b >= 0x80;
    let len = if is_word(&first) { rest.iter().take_while(|b| is_word(b)).count() } else { 1 };
    Some(String::from_utf8_lossy(&rest[..len.min(LONGEST)]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_not_then_and_then_or() {
        let expr = parse("a or not b and c").unwrap();
        assert_eq!(expr.to_string(), "(a or (not b and c))");
    }

    #[test]
    fn nesting_at_falcos_limit_fits_the_default_stack() {
        let options = ParseOptions { max_depth: 1000, partial: false };
        let text = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        let check = move || {
            assert!(parse_with(text(199), &options).is_ok());
            let error = parse_with(text(100_000), &options).unwrap_err();
            assert_eq!(error.message, "exceeded max depth limit of 1000");
        };
        std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap().join().unwrap();
    }

    #[test]
    fn an_operand_ends_where_it_ends() {
        let end = |text: &str| parse_operand(text).map(|(o, end)| (o.to_string(), end.index)).ok();
        assert_eq!(end("proc.name end"), Some(("proc.name".to_owned(), 9)));
        assert_eq!(end("proc.aname[2]x"), Some(("proc.aname[2]".to_owned(), 13)));
        assert_eq!(end("toupper( fd.name ) x"), Some(("toupper(fd.name)".to_owned(), 18)));
        assert_eq!(end("toupper(fd.name"), None);
        assert_eq!(end(" proc.name"), None);
    }

    #[test]
    fn errors_say_where_and_what() {
        let error = parse("proc.name == and\n  b").unwrap_err();
        assert_eq!(error.position, Position { index: 19, line: 2, column: 3 });
        assert_eq!(error.found.as_deref(), Some("b"));
        assert_eq!(
            error.to_string(),
            "filter error at index 19, line 2, column 3: unexpected token after 'and', expecting \
             'or', 'and'"
        );
    }

    #[test]
    fn a_bad_escape_in_a_list_is_an_error() {
        let error = parse(r#"a.b in ("\q")"#).unwrap_err();
        assert!(error.message.contains("unsupported string escape sequence"), "{error}");
    }
}
