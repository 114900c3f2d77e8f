//! Constant tensors: weights, biases and the operands of shape computations.

use std::sync::Arc;

/// Element type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit IEEE float.
    F32,
    /// 64-bit IEEE float.
    F64,
    /// 16-bit IEEE float.
    F16,
    /// bfloat16.
    Bf16,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 16-bit integer.
    I16,
    /// Unsigned 16-bit integer.
    U16,
    /// Signed 32-bit integer.
    I32,
    /// Unsigned 32-bit integer.
    U32,
    /// Signed 64-bit integer.
    I64,
    /// Unsigned 64-bit integer.
    U64,
    /// Boolean.
    Bool,
}

/// A constant, row-major. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The element type the model declares.
    pub dtype: DType,
    /// The shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements.
    pub data: Data,
}

/// Elements in one of three carriers, wide enough for every [`DType`].
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// F32, F16 and Bf16 values.
    F32(Arc<[f32]>),
    /// F64 values.
    F64(Arc<[f64]>),
    /// All integers and booleans (U64 must fit i64: the decoder refuses others).
    Int(Arc<[i64]>),
}
