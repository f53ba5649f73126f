//! Fields and transformer calls outside of conditions, as output templates use them.

use std::sync::Arc;

use peregrine_event::{ParamType, Value};

use crate::builder::ProgramBuilder;
use crate::catalog::{Catalog, FieldRef, FieldSource, Values};
use crate::diagnostic::CompileErrors;
use crate::evaluator::Evaluator;
use crate::program::{Program, ValueId, ValueKind};
use crate::syntax::Operand;

/// A field or a transformer call, type checked on its own.
#[derive(Debug, Clone)]
pub struct CompiledOperand {
    program: Arc<Program>,
    value: ValueId,
    ty: ParamType,
    is_list: bool,
}

impl CompiledOperand {
    /// Type checks a field or a transformer call.
    ///
    /// # Errors
    /// What is wrong, as in a condition.
    pub fn new(catalog: &dyn Catalog, operand: &Operand) -> Result<Self, CompileErrors> {
        let mut builder = ProgramBuilder::new(catalog);
        let Some(value) = builder.value(operand) else {
            return Err(CompileErrors(std::mem::take(&mut builder.errors)));
        };
        let info = builder.info(value);
        let (ty, is_list) = (info.ty, info.is_list);
        Ok(Self { program: Arc::new(builder.finish()), value, ty, is_list })
    }

    /// Type of the value or, for a list, of each value.
    pub fn ty(&self) -> ParamType {
        self.ty
    }

    /// Whether it has any number of values.
    pub fn is_list(&self) -> bool {
        self.is_list
    }

    /// The field, if it is one and not a call.
    pub fn field(&self) -> Option<&FieldRef> {
        match &self.program.base.values[self.value.0 as usize].kind {
            ValueKind::Field(field) => Some(field),
            _ => None,
        }
    }

    /// The values for the event a source answers for; `None` if there is no value.
    ///
    /// A call takes scratch space that is allocated here: outputs are rare compared with events.
    pub fn values<'s, S: FieldSource + ?Sized>(&self, source: &'s S) -> Option<Values<'s>> {
        if let Some(field) = self.field() {
            let mut out = Values::new();
            return source.extract(field, &mut out).then_some(out);
        }
        let mut evaluator = Evaluator::new(Arc::clone(&self.program));
        let mut on = evaluator.on(source);
        let place = on.value(self.value)?;
        let mut out = Values::new();
        out.extend(on.at(place).iter().map(|value| -> Value<'s> { value.clone().into_owned() }));
        Some(out)
    }
}
