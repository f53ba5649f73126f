//! Parsing of operands: fields, transformer calls, values, lists.

use super::ast::{Field, ListItem, Operand, OperandKind, TransformerCall};
use super::operator::{Transformer, quoted_list};
use super::parser::{Parser, Result};
use super::position::Position;
use super::scanner::Scanner;
use super::text::Text;

impl Parser<'_> {
    pub(super) fn parse_field_rest(
        &mut self,
        depth: u32,
        name: String,
        start: Position,
    ) -> Result<Operand> {
        self.enter(depth)?;
        let arg = self.parse_bracketed()?;
        Ok(Operand::new(OperandKind::Field(Field { name, arg }), self.span_from(start)))
    }

    /// `[arg]`, if it is there.
    fn parse_bracketed(&mut self) -> Result<Option<Text>> {
        if !self.exact("[") {
            return Ok(None);
        }
        let arg = match self.quoted()? {
            Some(arg) => arg,
            None => match self.bytes(Scanner::bare_argument) {
                Some(arg) => arg,
                None => {
                    return self
                        .fail("expected a valid field argument: a quoted string or a bare string");
                }
            },
        };
        if !self.exact("]") {
            return self.fail("expected a ']' token");
        }
        Ok(Some(arg))
    }

    /// What follows the opening parenthesis of a transformer.
    pub(super) fn parse_call_rest(
        &mut self,
        depth: u32,
        transformer: Transformer,
        start: Position,
    ) -> Result<Operand> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let mut args = vec![self.parse_argument(depth)?];
        self.scan.blanks();
        while self.exact(",") {
            args.push(self.parse_argument(depth)?);
            self.scan.blanks();
        }
        self.parse_call_end(transformer, args, start)
    }

    /// The closing parenthesis of a transformer, and its argument in brackets.
    fn parse_call_end(
        &mut self,
        transformer: Transformer,
        args: Vec<Operand>,
        start: Position,
    ) -> Result<Operand> {
        if !self.exact(")") {
            return self.fail("expected a ')' token closing the transformer");
        }
        let arg = self.parse_bracketed()?;
        let call = TransformerCall { transformer, args, arg };
        Ok(Operand::new(OperandKind::Transformer(call), self.span_from(start)))
    }

    fn parse_argument(&mut self, depth: u32) -> Result<Operand> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let start = self.scan.position();
        if let Some(value) = self.bytes(Scanner::number) {
            return Ok(Operand::new(OperandKind::Value(value), self.span_from(start)));
        }
        if let Some(value) = self.quoted()? {
            return Ok(Operand::new(OperandKind::Value(value), self.span_from(start)));
        }
        if self.exact("(") {
            return self.parse_tuple(depth, start);
        }
        if let Some(transformer) = self.transformer_start() {
            return self.parse_call_rest(depth, transformer, start);
        }
        if let Some(name) = self.word(Scanner::field_name) {
            return self.parse_field_rest(depth, name, start);
        }
        self.fail(
            "expected field transformer argument: field, transformer, quoted string, number, \
                 or transformer list",
        )
    }

    /// What follows the opening parenthesis of a list of operands.
    fn parse_tuple(&mut self, depth: u32, start: Position) -> Result<Operand> {
        self.scan.blanks();
        let mut items = Vec::new();
        if !self.exact(")") {
            items.push(self.parse_tuple_item(depth)?);
            self.scan.blanks();
            while self.exact(",") {
                self.scan.blanks();
                items.push(self.parse_tuple_item(depth)?);
                self.scan.blanks();
            }
            if !self.exact(")") {
                return self.fail("expected ')'");
            }
        }
        Ok(Operand::new(OperandKind::Tuple(items), self.span_from(start)))
    }

    fn parse_tuple_item(&mut self, depth: u32) -> Result<Operand> {
        let start = self.scan.position();
        if let Some(name) = self.word(Scanner::field_name) {
            return self.parse_field_rest(depth, name, start);
        }
        if let Some(transformer) = self.transformer_start() {
            self.scan.blanks();
            return self.parse_call_rest(depth, transformer, start);
        }
        let value = match self.quoted()? {
            Some(value) => Some(value),
            None => self.bytes(Scanner::number),
        };
        match value {
            Some(value) => Ok(Operand::new(OperandKind::Value(value), self.span_from(start))),
            None => self.fail(
                "expected transformer list argument: field, transformer, quoted string, or number",
            ),
        }
    }

    pub(super) fn parse_number_or_call(&mut self, depth: u32) -> Result<Operand> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let start = self.scan.position();
        if let Some(call) = self.parse_right_call(depth)? {
            return Ok(call);
        }
        if let Some(value) = self.bytes(Scanner::number) {
            return Ok(Operand::new(OperandKind::Value(value), self.span_from(start)));
        }
        self.fail(expected_or_call("expected a number value or a field with a valid transformer"))
    }

    pub(super) fn parse_value_or_call(&mut self, depth: u32) -> Result<Operand> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let start = self.scan.position();
        if let Some(call) = self.parse_right_call(depth)? {
            return Ok(call);
        }
        if let Some(value) = self.value()? {
            return Ok(Operand::new(OperandKind::Value(value), self.span_from(start)));
        }
        self.fail(expected_or_call("expected a string value or a field with a valid transformer"))
    }

    fn value(&mut self) -> Result<Option<Text>> {
        match self.quoted()? {
            Some(value) => Ok(Some(value)),
            None => Ok(self.bytes(Scanner::bare_value)),
        }
    }

    /// A list or the name of one.
    pub(super) fn parse_list(&mut self, depth: u32) -> Result<Operand> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        match self.parse_literal_list(depth)? {
            Some(list) => Ok(list),
            None => self.parse_list_name("expected a list or an identifier".to_owned()),
        }
    }

    pub(super) fn parse_list_or_call(&mut self, depth: u32) -> Result<Operand> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        if let Some(list) = self.parse_literal_list(depth)? {
            return Ok(list);
        }
        if let Some(call) = self.parse_right_call(depth)? {
            return Ok(call);
        }
        self.parse_list_name(expected_or_call(
            "expected a list, an identifier, or a field with a valid transformer",
        ))
    }

    fn parse_list_name(&mut self, expected: String) -> Result<Operand> {
        let start = self.scan.position();
        match self.bytes(Scanner::identifier) {
            Some(name) => Ok(Operand::new(OperandKind::Value(name), self.span_from(start))),
            None => self.fail(expected),
        }
    }

    /// `(a, b)`, if there is a parenthesis.
    fn parse_literal_list(&mut self, depth: u32) -> Result<Option<Operand>> {
        let start = self.scan.position();
        if !self.exact("(") {
            return Ok(None);
        }
        self.scan.blanks();
        let mut items = Vec::new();
        if let Some(first) = self.parse_list_item(depth)? {
            items.push(first);
            self.scan.blanks();
            while self.exact(",") {
                self.scan.blanks();
                match self.parse_list_item(depth)? {
                    Some(item) => items.push(item),
                    None => return self.fail("expected a string value"),
                }
                self.scan.blanks();
            }
        }
        if !self.exact(")") {
            return self.fail("expected a ')' token");
        }
        Ok(Some(Operand::new(OperandKind::List(items), self.span_from(start))))
    }

    fn parse_list_item(&mut self, depth: u32) -> Result<Option<ListItem>> {
        // Falco counts a level here, for which there is no recursion.
        self.enter(depth)?;
        let start = self.scan.position();
        let value = self.value()?;
        Ok(value.map(|text| ListItem { text, span: self.span_from(start) }))
    }

    /// A transformer on the right of an operator, `val` among them.
    fn parse_right_call(&mut self, depth: u32) -> Result<Option<Operand>> {
        let depth = self.enter(depth)?;
        self.scan.blanks();
        let start = self.scan.position();
        if self.exact("val(") {
            self.scan.blanks();
            let field_start = self.scan.position();
            let Some(name) = self.word(Scanner::field_name) else {
                return self.fail("expected a field within 'val' transformer");
            };
            let field = self.parse_field_rest(depth, name, field_start)?;
            self.scan.blanks();
            return self.parse_call_end(Transformer::Val, vec![field], start).map(Some);
        }
        match self.transformer_start() {
            Some(transformer) => {
                self.scan.blanks();
                self.parse_call_rest(depth, transformer, start).map(Some)
            }
            None => Ok(None),
        }
    }
}

fn expected_or_call(expected: &str) -> String {
    format!("{expected}: {}", quoted_list(Transformer::ALL.iter().map(|t| t.as_str())))
}
