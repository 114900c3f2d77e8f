//! Walks the nodes in order and keeps what is known about every value.

use super::Ports;
use super::call::Call;
use super::declared;
use super::lookup;
use crate::diagnostic::{Error, Problem};
use crate::graph::{DType, Graph, Node, Op, Tensor, Type, Value, ValueId, infer};
use crate::onnx::{self, Model, ValueInfo, schema};
use crate::reference;
use std::collections::{HashMap, HashSet};

/// Elements that constants computed at import may have, all together.
const FOLDED_ELEMENTS: usize = 1 << 25;

/// Lowers the model for one input type. `own` is the graph at the model's own input shape, where this is another one.
pub(super) fn run(model: &Model, ports: &Ports, shape: Vec<usize>, own: Option<&Graph>) -> Result<Graph, Error> {
    let mut lowering = Lowering::new(model, ports, shape, own);
    let (live, _) = needed(&model.graph.nodes, ports.outputs.iter().copied());
    for (node, _) in model.graph.nodes.iter().zip(&live).filter(|(_, live)| **live) {
        lowering.node(node);
    }
    if own.is_none() {
        lowering.check_declarations(model, ports.input);
    }
    for name in &ports.outputs {
        lowering.refuse_comparison(name);
    }
    let mut problems = lowering.unknown;
    problems.append(&mut lowering.problems);
    if !problems.is_empty() {
        return Err(Error { problems });
    }
    for name in &ports.outputs {
        match lowering.names.get(*name) {
            Some(Some(output)) => lowering.graph.outputs.push(*output),
            _ => problems.push(Problem::new(format!("nothing defines the output {name:?}"))),
        }
    }
    if problems.is_empty() { Ok(lowering.graph) } else { Err(Error { problems }) }
}

/// Which of the nodes the outputs depend on, and the names of the values.
pub(super) fn needed<'m>(
    nodes: &'m [onnx::Node],
    outputs: impl Iterator<Item = &'m str>,
) -> (Vec<bool>, HashSet<&'m str>) {
    let mut needed: HashSet<&str> = outputs.collect();
    let mut live = vec![false; nodes.len()];
    for (node, live) in nodes.iter().zip(&mut live).rev() {
        *live = node.outputs.iter().any(|o| !o.is_empty() && needed.contains(o.as_str()));
        if *live {
            needed.extend(node.reads());
        }
    }
    (live, needed)
}

/// Whether `more` is above `less`, both computed or one of them constant.
#[derive(Debug, Clone)]
pub(super) struct Comparison {
    pub(super) more: ValueId,
    pub(super) less: ValueId,
    /// What is wrong where something else than a choice reads it, until that is reported.
    pub(super) problem: Option<Problem>,
}

/// A graph under construction.
pub(super) struct Lowering<'a> {
    graph: Graph,
    /// Types by name at the model's own input shape.
    own: Option<HashMap<&'a str, &'a Type>>,
    /// Values by ONNX name; `None` where a problem kept one from being defined.
    names: HashMap<String, Option<ValueId>>,
    pub(super) taken: HashSet<String>,
    pub(super) read: HashSet<String>,
    unread: HashMap<String, String>,
    unknown: Vec<Problem>,
    pub(super) problems: Vec<Problem>,
    foldable: usize,
    /// Constants of other floating-point types, as f32.
    as_f32: HashMap<ValueId, ValueId>,
    /// Comparisons of computed values by the names of their results, which only a choice may read.
    comparisons: HashMap<String, Comparison>,
}

impl<'a> Lowering<'a> {
    fn new(model: &'a Model, ports: &Ports, shape: Vec<usize>, own: Option<&'a Graph>) -> Self {
        let port = ports.input;
        let name = &port.name;
        let graph = Graph {
            name: model.graph.name.clone(),
            opset: model.opset(),
            values: Vec::new(),
            nodes: Vec::new(),
            input: ValueId(0),
            outputs: Vec::new(),
        };
        let read = model.graph.nodes.iter().flat_map(onnx::Node::reads);
        let read = read.chain(ports.outputs.iter().copied()).map(String::from).collect();
        let mut lowering = Self {
            graph,
            own: own.map(|g| g.values.iter().map(|v| (v.name.as_str(), &v.ty)).collect()),
            names: HashMap::new(),
            taken: HashSet::new(),
            read,
            unread: HashMap::new(),
            unknown: Vec::new(),
            problems: Vec::new(),
            foldable: FOLDED_ELEMENTS,
            as_f32: HashMap::new(),
            comparisons: HashMap::new(),
        };
        let defined = model.graph.nodes.iter().flat_map(|n| &n.outputs);
        let defined = defined.chain(model.graph.initializers.iter().map(|(name, _)| name));
        lowering.taken.extend(defined.chain([name]).filter(|n| !n.is_empty()).cloned());
        let id = lowering.push(name.clone(), Type::new(computed(port.dtype), shape), None);
        lowering.names.insert(name.clone(), Some(id));
        lowering.constants(&model.graph.initializers, &model.graph.unread);
        lowering
    }

    /// Takes in initialisers: those that are read, and why the others aren't.
    pub(super) fn constants(&mut self, read: &[(String, Tensor)], unread: &[(String, String)]) {
        for (name, tensor) in read {
            let id = self.push(name.clone(), tensor.ty(), Some(tensor.clone()));
            self.names.insert(name.clone(), Some(id));
        }
        for (name, reason) in unread {
            self.unread.insert(name.clone(), reason.clone());
            self.names.insert(name.clone(), None);
        }
    }

    /// The value of a name: `None` where nothing defines it, the inner `None` where a problem kept one from being defined.
    #[allow(clippy::option_option, reason = "nothing and a problem differ")]
    pub(super) fn named(&mut self, name: &str) -> Option<Option<ValueId>> {
        if let Some(reason) = self.unread.remove(name) {
            self.problems.push(Problem::new(reason));
        }
        self.names.get(name).copied()
    }

    /// Lets a name stand for a value.
    pub(super) fn name(&mut self, name: &str, value: Option<ValueId>) {
        self.names.insert(name.into(), value);
    }

    pub(super) fn node(&mut self, node: &onnx::Node) {
        let row = schema::row(&node.domain, &node.op_type);
        let (Some(row), Some(lower)) = (row, lookup::operator(&node.domain, &node.op_type)) else {
            self.unknown.push(lookup::unknown(node));
            return self.poison(node);
        };
        let misfits = schema::check(node, &row, node.opset.unwrap_or(self.graph.opset));
        if !misfits.is_empty() {
            self.problems.extend(misfits.into_iter().map(|problem| problem.at(node.label(), node.operator())));
            return self.poison(node);
        }
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for (i, name) in node.inputs.iter().enumerate() {
            match self.named(name) {
                _ if name.is_empty() => inputs.push(None),
                _ if self.comparisons.contains_key(name) => {
                    if (node.op_type.as_str(), i) != ("Where", 0) {
                        self.refuse_comparison(name);
                        return self.poison(node);
                    }
                    inputs.push(None);
                }
                Some(Some(id)) => inputs.push(Some(id)),
                _ => return self.poison(node),
            }
        }
        let call = Call { node, inputs, opset: node.opset.unwrap_or(self.graph.opset) };
        let result = lower(self, &call).and_then(|()| self.check_outputs(node));
        if let Err(mut problem) = result {
            problem.node = Some(node.label().into());
            problem.op = Some(node.operator());
            self.problems.push(problem);
            self.poison(node);
        }
    }

    /// Keeps a comparison of computed values for the choice that reads it.
    pub(super) fn compare_later(&mut self, call: &Call, comparison: Comparison) -> Result<(), Problem> {
        let name = output_name(call, 0)?;
        self.names.insert(name.into(), None);
        self.comparisons.insert(name.into(), comparison);
        Ok(())
    }

    /// The comparison whose result has this name.
    pub(super) fn comparison(&self, name: &str) -> Option<&Comparison> {
        self.comparisons.get(name)
    }

    /// Reports a comparison that something else than a choice reads, once.
    fn refuse_comparison(&mut self, name: &str) {
        let problem = self.comparisons.get_mut(name).and_then(|comparison| comparison.problem.take());
        self.problems.extend(problem);
    }

    /// The operator that computes a value.
    pub(super) fn producer(&self, id: ValueId) -> Option<&Node> {
        self.graph.nodes.iter().rfind(|node| node.output == id)
    }

    /// Every value whose type the file declares is what it says.
    fn check_declarations(&mut self, model: &Model, port: &ValueInfo) {
        let graph = &model.graph;
        let (open, floats) = (declared::Open::new(Some(port)), declared::floats(model));
        for info in graph.outputs.iter().chain(&graph.declared) {
            let Some(Some(id)) = self.names.get(&info.name) else { continue };
            let Err(problem) = declared::check(info, self.graph.ty(*id), open, &floats) else { continue };
            let node = graph.nodes.iter().find(|node| node.outputs.contains(&info.name));
            self.problems.push(match node {
                Some(node) => problem.at(node.label(), node.operator()),
                None => problem,
            });
        }
    }

    pub(super) fn poison(&mut self, node: &onnx::Node) {
        for name in node.outputs.iter().filter(|n| !n.is_empty()) {
            self.names.insert(name.clone(), None);
        }
    }

    fn check_outputs(&self, node: &onnx::Node) -> Result<(), Problem> {
        let missing = |name: &&String| self.read.contains(name.as_str()) && !self.names.contains_key(name.as_str());
        match node.outputs.iter().filter(|n| !n.is_empty()).find(missing) {
            Some(name) => Err(Problem::new(format!("the optional output {name:?} is used, but not computed"))),
            None => Ok(()),
        }
    }

    fn push(&mut self, name: String, ty: Type, constant: Option<Tensor>) -> ValueId {
        self.graph.values.push(Value { name, ty, constant });
        ValueId((self.graph.values.len() - 1) as u32)
    }

    /// The type of a value.
    pub(super) fn ty(&self, id: ValueId) -> &Type {
        self.graph.ty(id)
    }

    /// The elements of a value, where they are known.
    pub(super) fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self.graph.constant(id)
    }

    /// The type of a value at the model's own input shape, where that is not the one lowered for.
    pub(super) fn own_type(&self, name: &str) -> Option<&Type> {
        self.own.as_ref()?.get(name).copied()
    }

    /// Batch of the model's own input and of the one lowered for, where they differ.
    pub(super) fn batch_change(&self) -> Option<(usize, usize)> {
        let name = &self.graph.values.first()?.name;
        let own = *self.own_type(name)?.shape.first()?;
        let new = *self.ty(self.graph.input).shape.first()?;
        (own != new).then_some((own, new))
    }

    /// The constant integers of an optional parameter input.
    pub(super) fn optional_ints(&self, call: &Call, i: usize, what: &str) -> Result<Option<Vec<i64>>, Problem> {
        let Some(id) = call.optional(i) else { return Ok(None) };
        let tensor = self.parameter(id, what)?;
        let ints = tensor.as_int().ok_or_else(|| {
            Problem::new(format!("{what} should be integers")).expected("i64", tensor.ty().to_string())
        })?;
        if tensor.shape.len() > 1 {
            return Err(Problem::new(format!("{what} should be a list")).expected("rank 1", tensor.ty().to_string()));
        }
        Ok(Some(ints.to_vec()))
    }

    /// The constant number of an optional parameter input.
    pub(super) fn optional_scalar(&self, call: &Call, i: usize, what: &str) -> Result<Option<f64>, Problem> {
        let Some(id) = call.optional(i) else { return Ok(None) };
        let tensor = self.parameter(id, what)?;
        let scalar = tensor.scalar().ok_or_else(|| {
            Problem::new(format!("{what} should be one number")).expected("a scalar", tensor.ty().to_string())
        })?;
        Ok(Some(scalar))
    }

    fn parameter(&self, id: ValueId, what: &str) -> Result<&Tensor, Problem> {
        self.constant(id).ok_or_else(|| {
            Problem::new(format!("{what} should be known at compile time"))
                .expected("a constant", format!("{:?}, computed from the model's input", self.graph[id].name))
        })
    }

    /// Adds an operator that defines the node's first output.
    pub(super) fn emit(&mut self, call: &Call, op: Op, inputs: &[Option<ValueId>]) -> Result<ValueId, Problem> {
        self.emit_output(call, 0, op, inputs, None)
    }

    /// The same for operators that take the output's type as an attribute.
    pub(super) fn emit_as(
        &mut self,
        call: &Call,
        op: Op,
        inputs: &[Option<ValueId>],
        ty: Type,
    ) -> Result<ValueId, Problem> {
        self.emit_output(call, 0, op, inputs, Some(ty))
    }

    /// Adds an operator that defines one of the node's outputs.
    pub(super) fn emit_output(
        &mut self,
        call: &Call,
        output: usize,
        op: Op,
        inputs: &[Option<ValueId>],
        declared: Option<Type>,
    ) -> Result<ValueId, Problem> {
        let name = output_name(call, output)?;
        let id = self.define(call, name.to_string(), op, inputs, declared)?;
        self.names.insert(name.into(), Some(id));
        Ok(id)
    }

    /// Adds an operator that defines an intermediate value.
    pub(super) fn emit_inner(
        &mut self,
        call: &Call,
        op: Op,
        inputs: &[Option<ValueId>],
        declared: Option<Type>,
    ) -> Result<ValueId, Problem> {
        let name = self.unique(output_name(call, 0)?);
        self.define(call, name, op, inputs, declared)
    }

    /// A name that no other value has.
    fn unique(&mut self, stem: &str) -> String {
        let mut suffix = self.graph.values.len();
        let mut name = format!("{stem}~{suffix}");
        while !self.taken.insert(name.clone()) {
            suffix += 1;
            name = format!("{stem}~{suffix}");
        }
        name
    }

    /// Defines the node's first output as a constant, without a node.
    pub(super) fn emit_constant(&mut self, call: &Call, tensor: Tensor) -> Result<(), Problem> {
        let name = output_name(call, 0)?;
        self.spend(tensor.len())?;
        let id = self.push(name.into(), tensor.ty(), Some(tensor));
        self.names.insert(name.into(), Some(id));
        Ok(())
    }

    /// Adds a constant that the node needs.
    pub(super) fn add_constant(&mut self, call: &Call, tensor: Tensor) -> Result<ValueId, Problem> {
        let name = self.unique(output_name(call, 0)?);
        Ok(self.push(name, tensor.ty(), Some(tensor)))
    }

    /// Refuses constants that are too large before they are computed.
    pub(super) fn spend(&mut self, elements: usize) -> Result<(), Problem> {
        match self.foldable.checked_sub(elements) {
            Some(left) => self.foldable = left,
            None => {
                let found = format!("{elements} more");
                let message = "the constants computed at compile time are too large";
                return Err(Problem::new(message).expected(format!("at most {FOLDED_ELEMENTS} elements"), found));
            }
        }
        Ok(())
    }

    fn define(
        &mut self,
        call: &Call,
        name: String,
        op: Op,
        inputs: &[Option<ValueId>],
        declared: Option<Type>,
    ) -> Result<ValueId, Problem> {
        let folded = self.folds(&op, inputs);
        let (mut inputs, mut declared) = (inputs.to_vec(), declared);
        if !folded {
            inputs.iter_mut().flatten().for_each(|id| *id = self.computed(*id));
            declared.iter_mut().for_each(|ty| ty.dtype = computed(ty.dtype));
        }
        let types: Vec<Option<&Type>> = inputs.iter().map(|id| id.map(|id| self.ty(id))).collect();
        let ty = infer::output_type(&op, &types, declared.as_ref()).map_err(Problem::new)?;
        let constant = if folded { Some(self.fold(&op, &inputs, &ty)?) } else { None };
        let output = self.push(name, ty, constant);
        let origin = vec![call.node.label().to_string()];
        self.graph.nodes.push(Node { op, inputs, output, origin });
        Ok(output)
    }

    /// A value that arithmetic reads at run time: all of it is in f32, which holds every number of the 16-bit types.
    fn computed(&mut self, id: ValueId) -> ValueId {
        let Some(tensor) = self.constant(id).filter(|tensor| computed(tensor.dtype) != tensor.dtype) else { return id };
        if let Some(known) = self.as_f32.get(&id) {
            return *known;
        }
        let tensor = Tensor::f32(tensor.shape.clone(), tensor.to_f32());
        let name = self.unique(&self.graph[id].name.clone());
        let converted = self.push(name, tensor.ty(), Some(tensor));
        self.as_f32.insert(id, converted);
        converted
    }

    /// Whether an operator is computed here: from constants alone. (Quantised weights stay what they are.)
    fn folds(&self, op: &Op, inputs: &[Option<ValueId>]) -> bool {
        let heavy =
            matches!(op, Op::Conv(_) | Op::AveragePool { .. } | Op::MaxPool { .. } | Op::MatMul | Op::Gemm { .. });
        let kept = matches!(op, Op::QuantizeLinear { .. } | Op::DequantizeLinear { .. });
        !heavy && !kept && inputs.iter().flatten().all(|&id| self.constant(id).is_some())
    }

    fn fold(&mut self, op: &Op, inputs: &[Option<ValueId>], ty: &Type) -> Result<Tensor, Problem> {
        self.spend(ty.len())?;
        let tensors: Vec<Option<&Tensor>> = inputs.iter().map(|id| id.and_then(|id| self.constant(id))).collect();
        let folded = reference::evaluate(op, &tensors, ty).map_err(Problem::new)?;
        // (Infinity is what a cast gives where a number is too large for the type.)
        let broken = |t: &Tensor| t.as_int().is_none() && t.to_f64().iter().any(|v| !v.is_finite());
        if *op != Op::Cast && broken(&folded) && !tensors.iter().flatten().any(|t| broken(t)) {
            let found = folded.to_f64().into_iter().enumerate().find(|(_, v)| !v.is_finite());
            let (at, value) = found.unwrap_or_default();
            return Err(Problem::new("what is computed here from constants alone is not a number")
                .expected("finite numbers", format!("{value} at element {at}"))
                .hint(
                    "one of the constants is damaged (a negative variance, a division by 0): export the model again",
                ));
        }
        Ok(folded)
    }
}

/// The type that values of a floating-point type are computed in.
fn computed(dtype: DType) -> DType {
    if dtype.is_float() { DType::F32 } else { dtype }
}

fn output_name<'c>(call: &'c Call, output: usize) -> Result<&'c str, Problem> {
    let name = call.node.outputs.get(output).filter(|name| !name.is_empty());
    name.map(String::as_str).ok_or_else(|| Problem::new(format!("output {output} has no name")))
}
