//! Operators that make constants out of nothing, or of a shape.

use super::call::Call;
use super::lower::Lowering;
use crate::diagnostic::Problem;
use crate::graph::{DType, Data, Tensor, infer};
use crate::onnx::Attribute;

pub(super) fn constant(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let given = |name| call.node.attribute(name);
    let tensor = if let Some(value) = call.tensor("value")? {
        value.clone()
    } else if let Some(Attribute::Float(value)) = given("value_float") {
        Tensor::f32([], [*value])
    } else if let Some(Attribute::Floats(values)) = given("value_floats") {
        Tensor::f32([values.len()], values.as_slice())
    } else if let Some(Attribute::Int(value)) = given("value_int") {
        Tensor::int(DType::I64, [], [*value])
    } else if let Some(Attribute::Ints(values)) = given("value_ints") {
        Tensor::ints(values.as_slice())
    } else {
        let found: Vec<&str> = call.node.attributes.iter().map(|(name, _)| name.as_str()).collect();
        return Err(Problem::new("this kind of constant is not supported").expected("numbers", format!("{found:?}")));
    };
    lowering.emit_constant(call, tensor)
}

pub(super) fn constant_of_shape(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let dims = lowering.optional_ints(call, 0, "the shape")?.unwrap_or_default();
    let shape: Result<Vec<usize>, _> = dims.iter().map(|&d| usize::try_from(d)).collect();
    let shape = shape.map_err(|_| Problem::new("the shape is not valid").expected("sizes", format!("{dims:?}")))?;
    let len = infer::elements(&shape).map_err(Problem::new)?;
    lowering.spend(len)?;
    let zero = Tensor::f32([1], [0.0]);
    let value = call.tensor("value")?.unwrap_or(&zero);
    let one = || Problem::new("the value should be one number").expected("one element", value.ty().to_string());
    let data = match &value.data {
        _ if value.len() != 1 => return Err(one()),
        Data::F32(data) => Data::F32(vec![data[0]; len].into()),
        Data::F64(data) => Data::F64(vec![data[0]; len].into()),
        Data::Int(data) => Data::Int(vec![data[0]; len].into()),
    };
    lowering.emit_constant(call, Tensor { dtype: value.dtype, shape, data })
}

/// `Shape`, perhaps of some axes only, and `Size`: known for every value.
pub(super) fn shape(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let ty = lowering.ty(call.input(0)?);
    if call.node.op_type == "Size" {
        let len = ty.len() as i64;
        return lowering.emit_constant(call, Tensor::int(DType::I64, [], [len]));
    }
    let rank = ty.shape.len() as i64;
    let bound = |name, default| {
        let bound = call.int(name, default)?;
        Ok::<_, Problem>(if bound < 0 { bound.saturating_add(rank) } else { bound }.clamp(0, rank) as usize)
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    let dims: Vec<i64> = ty.shape[start..end.max(start)].iter().map(|&d| d as i64).collect();
    lowering.emit_constant(call, Tensor::ints(dims))
}

pub(super) fn range(lowering: &mut Lowering, call: &Call) -> Result<(), Problem> {
    let bound = |i, what| {
        let scalar = lowering.optional_scalar(call, i, what)?;
        scalar.ok_or_else(|| Problem::new(format!("{what} is missing")))
    };
    let (start, limit, delta) = (bound(0, "the start")?, bound(1, "the limit")?, bound(2, "the step")?);
    let ty = lowering.ty(call.input(0)?).dtype;
    let len = ((limit - start) / delta).ceil().max(0.0);
    if !len.is_finite() {
        return Err(Problem::new("the step is not valid").expected("a number that is not 0", delta.to_string()));
    }
    lowering.spend(len as usize)?;
    let values: Vec<f64> = (0..len as usize).map(|i| start + delta * i as f64).collect();
    let ty = crate::graph::Type::new(ty, [values.len()]);
    lowering.emit_constant(call, Tensor::from_f64(&ty, values))
}
