//! From syntax trees to a [`Program`]: type checking and sharing.

use std::sync::Arc;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::catalog::{Catalog, FieldInfo, Scope};
use crate::check::{CheckKey, Compiled, Right};
use crate::diagnostic::{CompileError, CompileErrors, Warning};
use crate::lookup;
use crate::program::{
    Base, CheckId, CheckNode, Condition, ConditionId, NodeId, NodeInfo, NodeKind, Program, ValueId,
    ValueKind, ValueNode,
};
use crate::resolve;
use crate::syntax::{
    Expr, ExprKind, Operand, OperandKind, Span, Text, Transformer, TransformerCall,
};
use crate::transform;
use peregrine_event::ParamType;

/// Levels of `and`, `or` and `not` that a condition may have once its macros are replaced.
///
/// The parser allows about 200; this leaves room for macros within macros and bounds the
/// recursion of evaluation.
pub const MAX_NESTING: usize = 500;

pub(crate) type Map<K, V> = HashMap<K, V, FxBuildHasher>;

/// Compiles conditions into one program.
pub struct ProgramBuilder<'c> {
    pub(crate) catalog: &'c dyn Catalog,
    base: Base,
    program: Program,
    values: Map<ValueKind, ValueId>,
    infos: Vec<ValueInfo>,
    checks: Map<CheckKey, NodeId>,
    nodes: Map<NodeKey, NodeId>,
    pub(crate) regexes: usize,
    // Of the condition being added.
    pub(crate) errors: Vec<CompileError>,
    pub(crate) warnings: Vec<Warning>,
    check_order: Vec<NodeId>,
}

/// What type checking must know of a value.
#[derive(Debug, Clone)]
pub(crate) struct ValueInfo {
    /// Name for messages.
    pub name: String,
    pub ty: ParamType,
    pub is_list: bool,
    pub no_rhs: bool,
    pub no_transformer: bool,
    /// `None`: the same for all events.
    pub scope: Option<Scope>,
    pub cost: u32,
}

/// What makes two nodes the same; children are sorted by their ids.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) enum NodeKey {
    And(Box<[NodeId]>),
    Or(Box<[NodeId]>),
    Not(NodeId),
}

/// Type checks a condition without keeping it.
///
/// # Errors
/// All errors of the condition.
pub fn check(catalog: &dyn Catalog, expr: &Expr) -> Result<Vec<Warning>, CompileErrors> {
    let mut builder = ProgramBuilder::new(catalog);
    builder.add(expr)?;
    Ok(builder.warnings)
}

impl<'c> ProgramBuilder<'c> {
    /// A builder for conditions on the fields of a catalogue.
    pub fn new(catalog: &'c dyn Catalog) -> Self {
        Self {
            catalog,
            base: Base::default(),
            program: Program::default(),
            values: Map::default(),
            infos: Vec::new(),
            checks: Map::default(),
            nodes: Map::default(),
            regexes: 0,
            errors: Vec::new(),
            warnings: Vec::new(),
            check_order: Vec::new(),
        }
    }

    /// Type checks a condition and adds it. [`Self::warnings`] has what was noticed.
    ///
    /// # Errors
    /// All errors of the condition; the builder stays usable and the condition is not in it.
    pub fn add(&mut self, expr: &Expr) -> Result<ConditionId, CompileErrors> {
        self.errors.clear();
        self.warnings.clear();
        self.check_order.clear();
        let depth = expr.depth();
        let root = if depth > MAX_NESTING {
            let message =
                format!("condition is nested {depth} levels deep, the limit is {MAX_NESTING}");
            self.error(expr.span, message);
            None
        } else {
            self.node(expr)
        };
        match root {
            Some(root) if self.errors.is_empty() => {
                let id = ConditionId(self.base.conditions.len() as u32);
                let checks = std::mem::take(&mut self.check_order).into();
                self.base.conditions.push(Condition { root, expr: expr.clone(), checks });
                Ok(id)
            }
            _ => Err(CompileErrors(std::mem::take(&mut self.errors))),
        }
    }

    /// What was noticed in the condition that was added last.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The program. Children are put in order of cost, and results that depend only on a process
    /// image or a file descriptor get a place to be remembered.
    pub fn finish(mut self) -> Program {
        self.base.lookups = lookup::build(&mut self.base.checks);
        let roots: Vec<NodeId> = self.base.conditions.iter().map(|c| c.root).collect();
        self.program.base = Arc::new(self.base);
        self.program.order_children();
        self.program.remember(&roots);
        self.program
    }

    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.errors.push(CompileError { span, message: message.into(), hint: None });
    }

    pub(crate) fn info(&self, value: ValueId) -> &ValueInfo {
        &self.infos[value.0 as usize]
    }

    /// Compiles an expression; `None` after an error.
    fn node(&mut self, expr: &Expr) -> Option<NodeId> {
        match &expr.kind {
            ExprKind::And(children) => {
                let children = self.nodes(children)?;
                Some(self.join_nodes(children, true))
            }
            ExprKind::Or(children) => {
                let children = self.nodes(children)?;
                Some(self.join_nodes(children, false))
            }
            ExprKind::Not(child) => {
                let child = self.node(child)?;
                Some(self.program.negate(&mut self.nodes, child))
            }
            ExprKind::Macro(name) => {
                self.error(expr.span, format!("filter error: unexpected identifier '{name}'"));
                None
            }
            ExprKind::Check(check) => {
                let compiled = self.compile_check(check, expr.span)?;
                let node = self.check_node(compiled);
                self.check_order.push(node);
                Some(node)
            }
        }
    }

    /// Compiles all, so that the errors of all are found.
    fn nodes(&mut self, exprs: &[Expr]) -> Option<Vec<NodeId>> {
        let nodes: Vec<Option<NodeId>> = exprs.iter().map(|e| self.node(e)).collect();
        nodes.into_iter().collect()
    }

    fn join_nodes(&mut self, children: Vec<NodeId>, is_and: bool) -> NodeId {
        self.program.join(&mut self.nodes, children, is_and)
    }

    fn check_node(&mut self, compiled: Compiled) -> NodeId {
        if let Some(id) = self.checks.get(&compiled.key) {
            return *id;
        }
        let left = self.info(compiled.key.left);
        let (mut scope, mut cost) = (left.scope, left.cost);
        if let Right::Value(right) = compiled.key.right {
            let right = self.info(right);
            scope = combine(scope, right.scope);
            cost = cost.saturating_add(right.cost);
        }
        cost = cost.saturating_add(compiled.cost());
        let check = CheckId(self.base.checks.len() as u32);
        let Compiled { key, test, quantifier } = compiled;
        self.base.checks.push(CheckNode { left: key.left, test, quantifier, lookup: None });
        let info = NodeInfo { scope, cost };
        let id = self.program.push_node(NodeKind::Check(check), info);
        self.checks.insert(key, id);
        id
    }

    /// Compiles one side of a check or an argument; `None` after an error.
    pub(crate) fn value(&mut self, operand: &Operand) -> Option<ValueId> {
        match &operand.kind {
            OperandKind::Field(field) => match resolve::resolve(self.catalog, field) {
                Ok((info, bound)) => {
                    let value = value_info(
                        &info,
                        bound.ty,
                        bound.is_list,
                        bound.arg == crate::FieldArg::None,
                    );
                    Some(self.intern_value(ValueKind::Field(bound), value))
                }
                Err((message, hint)) => {
                    self.errors.push(CompileError { span: operand.span, message, hint });
                    None
                }
            },
            OperandKind::Value(text) => Some(self.literal(text)),
            OperandKind::List(items) => {
                let args: Vec<ValueId> = items.iter().map(|i| self.literal(&i.text)).collect();
                Some(self.tuple_of(args))
            }
            OperandKind::Tuple(operands) => self.tuple(operands),
            OperandKind::Transformer(call) => self.call(call, operand.span),
        }
    }

    fn literal(&mut self, text: &Text) -> ValueId {
        let info = ValueInfo {
            name: "NA".to_owned(),
            ty: ParamType::CharBuf,
            is_list: false,
            no_rhs: false,
            no_transformer: false,
            scope: None,
            cost: 1,
        };
        self.intern_value(ValueKind::Literal(text.clone()), info)
    }

    /// A list of operands.
    fn tuple(&mut self, operands: &[Operand]) -> Option<ValueId> {
        let args: Vec<Option<ValueId>> = operands.iter().map(|o| self.value(o)).collect();
        let args: Vec<ValueId> = args.into_iter().collect::<Option<_>>()?;
        Some(self.tuple_of(args))
    }

    fn tuple_of(&mut self, args: Vec<ValueId>) -> ValueId {
        let info = self.call_info("NA", ParamType::CharBuf, true, &args);
        self.intern_value(ValueKind::Tuple(args.into()), info)
    }

    fn call(&mut self, call: &TransformerCall, span: Span) -> Option<ValueId> {
        let args: Vec<Option<ValueId>> = call.args.iter().map(|a| self.value(a)).collect();
        let args: Vec<ValueId> = args.into_iter().collect::<Option<_>>()?;
        match self.check_call(call, &args) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(span, message);
                None
            }
        }
    }

    fn check_call(&mut self, call: &TransformerCall, args: &[ValueId]) -> Result<ValueId, String> {
        let name = call.transformer;
        let no_argument =
            || format!("filter error: transformer '{name}' does not support field arguments");
        let infos: Vec<ValueInfo> = args.iter().map(|a| self.info(*a).clone()).collect();
        if let [info] = &*infos {
            if call.arg.is_some() {
                return Err(no_argument());
            }
            if name == Transformer::Val {
                return Ok(args[0]);
            }
            if matches!(name, Transformer::Join | Transformer::Concat | Transformer::Getopt) {
                return Err(format!("unknown field transfomer '{name}'"));
            }
            if info.no_transformer {
                return Err(format!("field '{}' does not support transformers", info.name));
            }
            let Some((ty, is_list)) = transform::result_type(name, info.ty, info.is_list) else {
                let list = if info.is_list { "list " } else { "" };
                return Err(format!(
                    "can't add field transformer: type '{}' is not supported by '{name}' \
                     transformer applied on {list}field '{}'",
                    info.ty.name(),
                    info.name
                ));
            };
            let info = ValueInfo { ty, is_list, cost: info.cost.saturating_add(4), ..info.clone() };
            return Ok(self.intern_call(name, args, None, info));
        }
        let mut option = None;
        let is_list = match name {
            Transformer::Join => check_join(&infos).map(|()| false)?,
            Transformer::Concat => check_concat(&infos).map(|()| false)?,
            Transformer::Getopt => {
                check_getopt(&infos)?;
                if let Some(arg) = &call.arg {
                    let [letter] = **arg else {
                        return Err(
                            "getopt() field argument must be a single option character".to_owned()
                        );
                    };
                    option = Some(letter);
                }
                option.is_none()
            }
            _ => return Err(format!("transformer '{name}' takes exactly one argument")),
        };
        if name != Transformer::Getopt && call.arg.is_some() {
            return Err(format!("transformer '{name}' does not support field arguments"));
        }
        let info = self.call_info(name.as_str(), ParamType::CharBuf, is_list, args);
        Ok(self.intern_call(name, args, option, info))
    }

    fn call_info(&self, name: &str, ty: ParamType, is_list: bool, args: &[ValueId]) -> ValueInfo {
        let mut scope = None;
        let mut cost = 8u32;
        for arg in args {
            let info = self.info(*arg);
            scope = combine(scope, info.scope);
            cost = cost.saturating_add(info.cost);
        }
        ValueInfo {
            name: name.to_owned(),
            ty,
            is_list,
            no_rhs: false,
            no_transformer: false,
            scope,
            cost,
        }
    }

    fn intern_call(
        &mut self,
        transformer: Transformer,
        args: &[ValueId],
        option: Option<u8>,
        info: ValueInfo,
    ) -> ValueId {
        let kind = ValueKind::Call { transformer, args: args.into(), option };
        self.intern_value(kind, info)
    }

    fn intern_value(&mut self, kind: ValueKind, info: ValueInfo) -> ValueId {
        if let Some(id) = self.values.get(&kind) {
            return *id;
        }
        let id = ValueId(self.base.values.len() as u32);
        self.base.values.push(ValueNode { kind: kind.clone(), is_list: info.is_list });
        self.infos.push(info);
        self.values.insert(kind, id);
        id
    }
}

/// The narrowest scope that holds both.
pub(crate) fn combine(a: Option<Scope>, b: Option<Scope>) -> Option<Scope> {
    match (a, b) {
        (None, other) | (other, None) => other,
        (Some(a), Some(b)) if a == b => Some(a),
        _ => Some(Scope::Event),
    }
}

fn value_info(info: &FieldInfo, ty: ParamType, is_list: bool, bare: bool) -> ValueInfo {
    use crate::literal::Class;
    // Fields with the same restrictions as `proc.aname` visit every ancestor without an argument.
    let visits_many = bare && info.no_rhs && info.no_transformer && info.scope == Scope::Event;
    let cost = match Class::of(ty) {
        _ if info.name == "evt.type" => 1,
        _ if visits_many => 40,
        Class::Number | Class::Bool | Class::Double => 2,
        _ if is_list => 16,
        Class::Ip | Class::Net => 4,
        // The text of an event has to be made, that of an image or descriptor is at hand.
        _ if info.scope == Scope::Event => 8,
        _ => 3,
    };
    ValueInfo {
        name: info.name.to_owned(),
        ty,
        is_list,
        no_rhs: info.no_rhs,
        no_transformer: info.no_transformer,
        scope: Some(info.scope),
        cost,
    }
}

fn check_join(args: &[ValueInfo]) -> Result<(), String> {
    let [separator, list] = args else {
        return Err("join() requires exactly 2 arguments: separator and list".to_owned());
    };
    if separator.is_list {
        return Err(
            "join() first argument (separator) must be a single value, not a list".to_owned()
        );
    }
    if !list.is_list {
        return Err("join() second argument must be a list".to_owned());
    }
    Ok(())
}

fn check_concat(args: &[ValueInfo]) -> Result<(), String> {
    if args.iter().all(|a| a.ty == ParamType::CharBuf && !a.is_list) {
        return Ok(());
    }
    Err("concat() arguments must be strings".to_owned())
}

fn check_getopt(args: &[ValueInfo]) -> Result<(), String> {
    let [list, options] = args else {
        return Err("getopt() requires exactly 2 arguments: args list and optstring".to_owned());
    };
    if !list.is_list {
        return Err("getopt() first argument must be a list".to_owned());
    }
    if options.is_list {
        return Err("getopt() second argument (optstring) must be a single value".to_owned());
    }
    if list.ty != ParamType::CharBuf || options.ty != ParamType::CharBuf {
        return Err("getopt() arguments must be strings".to_owned());
    }
    Ok(())
}
