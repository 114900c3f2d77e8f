//! The oracle: executes a graph naively, in f64 from the input to the output.
//!
//! Floats are rounded only where the graph says so: by a [`Cast`](Op::Cast), and when the output takes its type.

pub(crate) mod math;
mod movement;
mod quant;
mod window;

use crate::diagnostic::{Error, Problem};
use crate::graph::{DType, Data, Graph, Op, Tensor, Type, ValueId, infer};

/// The elements of a value while a graph runs.
#[derive(Debug, Clone, PartialEq)]
enum Values {
    Float(Vec<f64>),
    Int(Vec<i64>),
}

/// A value while a graph runs.
#[derive(Debug, Clone, PartialEq)]
struct Array {
    ty: Type,
    values: Values,
}

impl Array {
    fn new(tensor: &Tensor) -> Self {
        let values = match &tensor.data {
            Data::Int(data) => Values::Int(data.to_vec()),
            _ => Values::Float(tensor.to_f64()),
        };
        Self { ty: tensor.ty(), values }
    }

    fn into_tensor(self) -> Tensor {
        match self.values {
            Values::Float(values) => Tensor::from_f64(&self.ty, values),
            Values::Int(values) => Tensor::int(self.ty.dtype, self.ty.shape, values),
        }
    }

    fn shape(&self) -> &[usize] {
        &self.ty.shape
    }

    fn floats(&self) -> Result<&[f64], String> {
        match &self.values {
            Values::Float(values) => Ok(values),
            Values::Int(_) => Err(format!("a floating-point value is needed, not {}", self.ty)),
        }
    }

    fn ints(&self) -> Result<&[i64], String> {
        match &self.values {
            Values::Int(values) => Ok(values),
            Values::Float(_) => Err(format!("an integer value is needed, not {}", self.ty)),
        }
    }

    fn to_floats(&self) -> Vec<f64> {
        match &self.values {
            Values::Float(values) => values.clone(),
            Values::Int(values) => values.iter().map(|&v| v as f64).collect(),
        }
    }
}

/// Runs a graph on one input; the outputs in the graph's order.
///
/// # Errors
/// Where the graph is not sound, the input is not of its type, or an operator has no result (an integer division by
/// zero, an index out of range).
pub fn run(graph: &Graph, input: &Tensor) -> Result<Vec<Tensor>, Error> {
    graph.verify()?;
    if input.ty() != *graph.ty(graph.input) || input.len() != input.ty().len() {
        let message = format!("the input {:?} has another type", graph[graph.input].name);
        let expected = graph.ty(graph.input).to_string();
        return Err(Problem::new(message).expected(expected, input.ty().to_string()).into());
    }
    let mut uses = graph.use_counts();
    let mut arrays: Vec<Option<Array>> = graph.values.iter().map(|_| None).collect();
    let index = |id: ValueId| id.0 as usize;
    arrays[index(graph.input)] = Some(Array::new(input));
    for node in graph.nodes.iter().filter(|n| graph.constant(n.output).is_none()) {
        for id in node.inputs.iter().flatten() {
            let slot = &mut arrays[index(*id)];
            if slot.is_none() {
                *slot = graph.constant(*id).map(Array::new);
            }
        }
        let inputs: Vec<_> = node.inputs.iter().map(|id| id.and_then(|id| arrays[index(id)].as_ref())).collect();
        let result = apply(&node.op, &inputs, graph.ty(node.output)).map_err(|message| {
            let name = node.origin.first().unwrap_or(&graph[node.output].name);
            Problem::new(message).at(name, node.op.name())
        })?;
        for id in node.inputs.iter().flatten() {
            uses[index(*id)] -= 1;
            if uses[index(*id)] == 0 {
                arrays[index(*id)] = None;
            }
        }
        arrays[index(node.output)] = Some(result);
    }
    let output = |&id: &ValueId| match (arrays[index(id)].take(), graph.constant(id)) {
        (Some(array), _) => Ok(array.into_tensor()),
        (None, Some(constant)) => Ok(constant.clone()),
        (None, None) => Err(Problem::new(format!("nothing defines the output {:?}", graph[id].name)).into()),
    };
    graph.outputs.iter().map(output).collect()
}

/// Runs one operator; `ty` is the type of its result.
///
/// # Errors
/// Says in one sentence why it has no result of that type.
pub fn evaluate(op: &Op, inputs: &[Option<&Tensor>], ty: &Type) -> Result<Tensor, String> {
    let types: Vec<Option<Type>> = inputs.iter().map(|t| t.map(Tensor::ty)).collect();
    let types: Vec<Option<&Type>> = types.iter().map(Option::as_ref).collect();
    let inferred = infer::output_type(op, &types, Some(ty))?;
    if inferred != *ty {
        return Err(format!("the result is {inferred}, not {ty}"));
    }
    for tensor in inputs.iter().flatten() {
        if tensor.len() != tensor.ty().len() || tensor.dtype.is_float() == matches!(tensor.data, Data::Int(_)) {
            return Err(format!("{} does not fit its elements", tensor.ty()));
        }
    }
    if let ([Some(x)], Some(shared)) = (inputs, share(op, inputs, ty)) {
        debug_assert_eq!(x.len(), shared.len());
        return Ok(shared);
    }
    let arrays: Vec<Option<Array>> = inputs.iter().map(|t| t.map(Array::new)).collect();
    let arrays: Vec<Option<&Array>> = arrays.iter().map(Option::as_ref).collect();
    apply(op, &arrays, ty).map(Array::into_tensor)
}

/// Operators that leave the elements as they are share them.
fn share(op: &Op, inputs: &[Option<&Tensor>], ty: &Type) -> Option<Tensor> {
    let x = inputs.first().copied().flatten()?;
    let widens = matches!((x.dtype, ty.dtype), (DType::F16 | DType::Bf16, DType::F32));
    match op {
        Op::Identity | Op::Reshape => x.reshaped(ty.shape.clone()),
        Op::Cast if x.dtype == ty.dtype || widens => Some(Tensor { dtype: ty.dtype, ..x.clone() }),
        _ => None,
    }
}

/// The inputs' types have been checked against `ty` with [`infer::output_type`].
fn apply(op: &Op, inputs: &[Option<&Array>], ty: &Type) -> Result<Array, String> {
    let input = |i: usize| inputs.get(i).copied().flatten().ok_or_else(|| format!("input {i} is missing"));
    let optional = |i: usize| inputs.get(i).copied().flatten();
    let x = input(0)?;
    let shape = ty.shape.as_slice();
    let values = match op {
        Op::Conv(conv) => Values::Float(window::conv(conv, x, input(1)?, optional(2), shape)?),
        Op::AveragePool { window, count_include_pad } => {
            Values::Float(window::average_pool(window, *count_include_pad, x, shape)?)
        }
        Op::MaxPool { window } => window::max_pool(window, x, shape)?,
        Op::GlobalAveragePool => Values::Float(math::mean(x, &[2, 3])?),
        Op::ReduceMean { axes, .. } => Values::Float(math::mean(x, axes)?),
        Op::ReduceMax { axes, .. } => Values::Float(math::largest(x, axes)?),
        Op::BatchNorm { epsilon } => {
            Values::Float(math::batch_norm(x, [input(1)?, input(2)?, input(3)?, input(4)?], *epsilon)?)
        }
        Op::Binary(binary) => math::binary(*binary, x, input(1)?, ty)?,
        Op::Unary(unary) => math::unary(*unary, x)?,
        Op::Softmax { axis, flat, log } => Values::Float(math::softmax(x, *axis, *flat, *log)?),
        Op::PRelu => Values::Float(math::prelu(x, input(1)?)?),
        Op::LpNormalize { axis, p, epsilon } => Values::Float(math::lp_normalize(x, *axis, *p, f64::from(*epsilon))?),
        Op::ArgMax { axis, select_last, .. } => Values::Int(math::arg_max(x, *axis, *select_last)),
        Op::Gemm { alpha, beta, trans_a, trans_b, activation } => {
            let product = math::gemm(x, input(1)?, *trans_a, *trans_b)?;
            let c = optional(2).map(|c| movement::expand(c, shape)).transpose()?;
            Values::Float(math::scale_add(product, c, f64::from(*alpha), f64::from(*beta), *activation))
        }
        Op::MatMul => math::matmul(x, input(1)?, shape)?,
        Op::Pad { before, value, .. } => movement::pad(x, before, *value, shape),
        Op::Transpose { perm } => movement::transpose(x, perm, shape),
        Op::Concat { axis } => movement::concat(inputs, *axis)?,
        Op::Slice { starts, steps } => movement::slice(x, starts, steps, shape),
        Op::Gather { axis } => movement::gather(x, input(1)?, *axis)?,
        Op::Expand => match &x.values {
            Values::Float(values) => Values::Float(movement::broadcast(values, x.shape(), shape)),
            Values::Int(values) => Values::Int(movement::broadcast(values, x.shape(), shape)),
        },
        Op::Reshape | Op::Identity => x.values.clone(),
        Op::Cast => math::cast(x, ty.dtype),
        Op::QuantizeLinear { axis } => quant::quantize(x, input(1)?, optional(2), *axis, ty.dtype)?,
        Op::DequantizeLinear { axis } => quant::dequantize(x, input(1)?, optional(2), *axis)?,
        Op::Integer(_) => return Err("operators on codes run in the network alone".into()),
    };
    Ok(Array { ty: ty.clone(), values })
}

#[cfg(test)]
mod tests;
