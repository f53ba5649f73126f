//! Output templates: `%proc.name opened %fd.name`.
//!
//! ```text
//! template := ["*"] { text | "%" [width] ( field | transformer call ) }
//! ```
//! With the `*` a field without a value is shown as `<NA>`; without it the output stops there.
//! A width pads the value with blanks or cuts it to that many bytes. A field name ends where the
//! longest known name ends, so text may follow it at once, as in `%proc.nameand`.

use std::sync::Arc;

use peregrine_event::{Format, ParamType, Value};
use peregrine_filter::catalog::{FieldSource, Values};
use peregrine_filter::syntax::{Operand, OperandKind};
use peregrine_filter::{Catalog, CompiledOperand, parse_operand};
use serde_json::Value as Json;

use crate::catalogue::Field;
use crate::extract::ForOutput;
use crate::render::NOT_AVAILABLE;
use crate::value::{Shape, to_json, write_text};
use crate::view::EventView;

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct TemplateError {
    /// Byte offset of the `%` it is about, from the beginning of the text.
    pub offset: usize,
    /// What is wrong, in Falco's words.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

/// A parsed template, bound to the fields it names. Immutable; shared by all workers.
#[derive(Debug, Clone)]
pub struct Template {
    pieces: Vec<Piece>,
    /// Fields and calls in the order they are reported, with the parts of calls before the calls.
    fields: Vec<NamedValue>,
    requires_all: bool,
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Box<str>),
    Value { value: CompiledOperand, width: usize },
}

/// What fields have, under the names they are reported with.
pub type Named<T> = Vec<(Arc<str>, T)>;

/// A field or a call that a template shows, under the name it is reported with.
#[derive(Debug, Clone)]
struct NamedValue {
    name: Arc<str>,
    value: CompiledOperand,
    is_call: bool,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The text is empty, ends within a field, or names something that does not exist.
    pub fn parse(text: &str, catalog: &dyn Catalog) -> Result<Self, TemplateError> {
        if text.is_empty() {
            let message = "empty formatting token".to_owned();
            return Err(TemplateError { offset: 0, message, hint: None });
        }
        let body = text.strip_prefix('*').unwrap_or(text);
        let skipped = text.len() - body.len();
        let mut template =
            Self { pieces: Vec::new(), fields: Vec::new(), requires_all: skipped == 0 };
        let mut at = 0;
        while let Some(percent) = memchr::memchr(b'%', &body.as_bytes()[at..]) {
            let percent = at + percent;
            template.push_text(&body[at..percent]);
            let fail = |message: &str| TemplateError {
                offset: skipped + percent,
                message: message.to_owned(),
                hint: None,
            };
            let rest = &body[percent + 1..];
            if rest.is_empty() {
                return Err(fail("invalid formatting syntax: formatting cannot end with a %"));
            }
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == rest.len() {
                return Err(fail("invalid formatting syntax: formatting cannot end with a number"));
            }
            let width = if digits == 0 { 0 } else { rest[..digits].parse().unwrap_or(usize::MAX) };
            if width > MAX_WIDTH {
                return Err(fail("invalid formatting syntax: width is too large"));
            }
            let (operand, value, end) = longest_operand(&rest[digits..], catalog)
                .map_err(|error| TemplateError { offset: skipped + percent, ..error })?;
            register(&operand, catalog, &mut template.fields, &mut false);
            template.pieces.push(Piece::Value { value, width });
            at = percent + 1 + digits + end;
        }
        template.push_text(&body[at..]);
        Ok(template)
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.into()));
        }
    }

    /// Whether the output stops at a field without a value.
    pub fn requires_all(&self) -> bool {
        self.requires_all
    }

    /// Names of the fields and calls, in order; a name may occur twice.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.fields.iter().map(|field| &field.name)
    }

    /// Appends the output for an event. Returns whether it is complete: without `*` it ends before
    /// the first field that has no value. Text that is not UTF-8 is appended as it is; see
    /// [`crate::value::sanitize`].
    pub fn write(&self, event: &EventView<'_>, out: &mut Vec<u8>) -> bool {
        let source = ForOutput(event);
        for piece in &self.pieces {
            let (value, width) = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(text.as_bytes());
                    continue;
                }
                Piece::Value { value, width } => (value, *width),
            };
            let start = out.len();
            if !write_value(value, event, &source, out) {
                if self.requires_all {
                    return false;
                }
                out.extend_from_slice(NOT_AVAILABLE);
            }
            if width != 0 {
                out.resize(start + width, b' ');
            }
        }
        true
    }

    /// The fields of the template as JSON values, and whether they are complete (as for
    /// [`Self::write`]). Calls of transformers are left out unless `with_calls`.
    pub fn fields(&self, event: &EventView<'_>, with_calls: bool) -> (Named<Json>, bool) {
        let source = ForOutput(event);
        let mut all = Vec::with_capacity(self.fields.len());
        for field in self.fields.iter().filter(|field| with_calls || !field.is_call) {
            let value = json_value(&field.value, event, &source);
            if value.is_null() && self.requires_all {
                return (all, false);
            }
            all.push((Arc::clone(&field.name), value));
        }
        (all, true)
    }

    /// The fields of the template as text; otherwise as [`Self::fields`].
    pub fn texts(&self, event: &EventView<'_>, with_calls: bool) -> (Named<Vec<u8>>, bool) {
        let source = ForOutput(event);
        let mut all = Vec::with_capacity(self.fields.len());
        for field in self.fields.iter().filter(|field| with_calls || !field.is_call) {
            let mut text = Vec::new();
            if !write_value(&field.value, event, &source, &mut text) {
                if self.requires_all {
                    return (all, false);
                }
                text.extend_from_slice(NOT_AVAILABLE);
            }
            all.push((Arc::clone(&field.name), text));
        }
        (all, true)
    }
}

/// Widths beyond this are mistakes.
const MAX_WIDTH: usize = 65_536;

/// The longest field or call at the beginning of a text, and where it ends.
fn longest_operand(
    text: &str,
    catalog: &dyn Catalog,
) -> Result<(Operand, CompiledOperand, usize), TemplateError> {
    let mut first_error = None;
    let mut end = text.len();
    while end > 0 {
        if text.is_char_boundary(end) {
            match compile(&text[..end], catalog) {
                Ok(found) => return Ok(found),
                Err((error, parsed_to)) => {
                    first_error.get_or_insert(error);
                    // What follows a field that parsed does not change it.
                    end = parsed_to.min(end);
                }
            }
        }
        end -= 1;
    }
    let mut error = first_error.unwrap_or(TemplateError {
        offset: 0,
        message: "expected a field or a transformer".to_owned(),
        hint: None,
    });
    error.message.insert_str(0, "unknown filter: ");
    Err(error)
}

type Refusal = (TemplateError, usize);

fn compile(
    text: &str,
    catalog: &dyn Catalog,
) -> Result<(Operand, CompiledOperand, usize), Refusal> {
    let refuse = |message: String, hint| TemplateError { offset: 0, message, hint };
    let (operand, end) =
        parse_operand(text).map_err(|error| (refuse(error.message, None), usize::MAX))?;
    let end = end.index as usize;
    match CompiledOperand::new(catalog, &operand) {
        Ok(value) => Ok((operand, value, end)),
        Err(errors) => {
            let first = errors.0.into_iter().next();
            let (message, hint) = first.map(|e| (e.message, e.hint)).unwrap_or_default();
            Err((refuse(message, hint), end))
        }
    }
}

/// Adds a field, or a call and the fields in it. A call directly within a call is only reported as
/// a part of the outer one. `last_is_call` says whether the last thing added was a call.
fn register(
    operand: &Operand,
    catalog: &dyn Catalog,
    fields: &mut Vec<NamedValue>,
    last_is_call: &mut bool,
) {
    let is_call = match &operand.kind {
        OperandKind::Field(_) => false,
        OperandKind::Transformer(call) => {
            for arg in &call.args {
                register(arg, catalog, fields, last_is_call);
            }
            true
        }
        OperandKind::Tuple(operands) => {
            for operand in operands {
                register(operand, catalog, fields, last_is_call);
            }
            return;
        }
        OperandKind::Value(_) | OperandKind::List(_) => return,
    };
    if is_call && *last_is_call {
        fields.pop();
    }
    // The whole was compiled before its parts, so each part compiles.
    if let Ok(value) = CompiledOperand::new(catalog, operand) {
        let mut name = String::new();
        write_name(operand, &mut name);
        fields.push(NamedValue { name: name.into(), value, is_call });
    }
    *last_is_call = is_call;
}

/// The name a field or call is reported with: as it is written, without blanks and quotes.
fn write_name(operand: &Operand, out: &mut String) {
    let list = |operands: &[Operand], out: &mut String| {
        out.push('(');
        for (index, operand) in operands.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_name(operand, out);
        }
        out.push(')');
    };
    match &operand.kind {
        OperandKind::Field(field) => out.push_str(&field.to_string()),
        OperandKind::Value(text) => out.push_str(&text.to_lossy()),
        OperandKind::List(items) => {
            let texts: Vec<_> = items.iter().map(|item| item.text.to_lossy()).collect();
            out.push_str(&format!("({})", texts.join(",")));
        }
        OperandKind::Tuple(operands) => list(operands, out),
        OperandKind::Transformer(call) => {
            out.push_str(call.transformer.as_str());
            list(&call.args, out);
            if let Some(arg) = &call.arg {
                out.push_str(&format!("[{}]", arg.to_lossy()));
            }
        }
    }
}

/// How a value is shown: as its field says, or plainly for what a transformer made.
fn shape(value: &CompiledOperand, event: &EventView<'_>) -> Shape {
    let buffer = event.session.buffer;
    let Some(field) = value.field() else {
        return Shape { ty: value.ty(), format: Format::Dec, buffer };
    };
    let def = Field::from_id(field.id).map(Field::def);
    let format = match def {
        // The format of a raw argument is that of the parameter.
        Some(def) if def.ty == ParamType::Dyn => event.raw_format(field).unwrap_or(Format::Dec),
        Some(def) => def.format,
        None => Format::Dec,
    };
    // `evt.buffer` arrives as text: it was rendered when it was extracted for output.
    let rendered = def.is_some_and(|def| def.ty == ParamType::ByteBuf);
    let ty = if rendered { ParamType::CharBuf } else { field.ty };
    Shape { ty, format, buffer }
}

fn values<'s, S: FieldSource>(value: &CompiledOperand, source: &'s S) -> Option<Values<'s>> {
    value.values(source).filter(|values| value.is_list() || !values.is_empty())
}

/// Appends a value as text; a list as `(a,b)`. Returns whether there is a value.
fn write_value<'s>(
    value: &CompiledOperand,
    event: &EventView<'_>,
    source: &'s ForOutput<'s, '_>,
    out: &mut Vec<u8>,
) -> bool {
    let Some(values) = values(value, source) else { return false };
    let shape = shape(value, event);
    if !value.is_list() {
        write_text(&values[0], shape, out);
        return true;
    }
    out.push(b'(');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_text(value, shape, out);
    }
    out.push(b')');
    true
}

fn json_value<'s>(
    value: &CompiledOperand,
    event: &EventView<'_>,
    source: &'s ForOutput<'s, '_>,
) -> Json {
    if let Some(number) = value
        .field()
        .and_then(|field| Field::from_id(field.id))
        .and_then(|field| number_in_json(field, event))
    {
        return number;
    }
    let Some(values) = values(value, source) else { return Json::Null };
    let shape = shape(value, event);
    if !value.is_list() {
        return to_json(&values[0], shape);
    }
    // Falco has no empty list.
    if values.is_empty() {
        return Json::Null;
    }
    values.iter().map(|value| to_json(value, shape)).collect()
}

/// Fields that are text or padded numbers in text output and plain numbers in JSON.
fn number_in_json(field: Field, event: &EventView<'_>) -> Option<Json> {
    use Field as F;
    match field {
        // All times of an event are its nanoseconds since the epoch.
        F::EvtTime
        | F::EvtTimeS
        | F::EvtTimeIso8601
        | F::EvtDatetime
        | F::EvtDatetimeS
        | F::EvtOutputtime => Some(Json::Number(event.time_ns().into())),
        F::EvtRawtimeNs | F::EvtReltime | F::EvtReltimeNs | F::EvtLatencyNs | F::EvtDeltatimeNs => {
            match event.value(field, crate::view::Use::Output)? {
                Value::Uint(v) => Some(Json::Number(v.into())),
                _ => None,
            }
        }
        _ => None,
    }
}
