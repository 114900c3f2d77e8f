//! Constant tensors: weights, biases and the operands of shape computations.

use super::{Type, half};
use std::fmt;
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

impl DType {
    /// Bytes of one element in a model file.
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Whether it is a floating-point type.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }

    /// The smallest and largest value of an integer type (U64 within the range of its carrier).
    pub fn int_range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::U8 => (0, u8::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::I64 => (i64::MIN, i64::MAX),
            Self::U64 => (0, i64::MAX),
            Self::Bool => (0, 1),
            Self::F32 | Self::F64 | Self::F16 | Self::Bf16 => return None,
        })
    }

    /// The name in dumps and diagnostics.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::I16 => "i16",
            Self::U16 => "u16",
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::I64 => "i64",
            Self::U64 => "u64",
            Self::Bool => "bool",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Data {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(data) => data.len(),
            Self::F64(data) => data.len(),
            Self::Int(data) => data.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tensor {
    /// A tensor of f32.
    pub fn f32(shape: impl Into<Vec<usize>>, data: impl Into<Arc<[f32]>>) -> Self {
        Self { dtype: DType::F32, shape: shape.into(), data: Data::F32(data.into()) }
    }

    /// A tensor of integers or booleans.
    pub fn int(dtype: DType, shape: impl Into<Vec<usize>>, data: impl Into<Arc<[i64]>>) -> Self {
        Self { dtype, shape: shape.into(), data: Data::Int(data.into()) }
    }

    /// A vector of i64, as shapes, axes and pads are given.
    pub fn ints(data: impl Into<Arc<[i64]>>) -> Self {
        let data = data.into();
        Self::int(DType::I64, [data.len()], data)
    }

    /// A tensor of any type from f64 values, which are rounded to the type (integers saturate; NaN is 0).
    pub fn from_f64(ty: &Type, values: Vec<f64>) -> Self {
        let data = match ty.dtype {
            DType::F64 => Data::F64(values.into()),
            DType::F32 => Data::F32(values.iter().map(|&v| v as f32).collect()),
            DType::F16 | DType::Bf16 => Data::F32(values.iter().map(|&v| half::round(ty.dtype, v) as f32).collect()),
            DType::Bool => Data::Int(values.iter().map(|&v| i64::from(v != 0.0)).collect()),
            integer => {
                let (lo, hi) = integer.int_range().unwrap_or((i64::MIN, i64::MAX));
                Data::Int(values.iter().map(|&v| (v as i64).clamp(lo, hi)).collect())
            }
        };
        Self { dtype: ty.dtype, shape: ty.shape.clone(), data }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Its type.
    pub fn ty(&self) -> Type {
        Type { dtype: self.dtype, shape: self.shape.clone() }
    }

    /// The elements of a F32, F16 or Bf16 tensor.
    pub fn as_f32(&self) -> Option<&Arc<[f32]>> {
        match &self.data {
            Data::F32(data) => Some(data),
            _ => None,
        }
    }

    /// The elements of an integer or boolean tensor.
    pub fn as_int(&self) -> Option<&Arc<[i64]>> {
        match &self.data {
            Data::Int(data) => Some(data),
            _ => None,
        }
    }

    /// The elements as f32; shared where they are f32 already.
    pub fn to_f32(&self) -> Arc<[f32]> {
        match &self.data {
            Data::F32(data) => data.clone(),
            Data::F64(data) => data.iter().map(|&v| v as f32).collect(),
            Data::Int(data) => data.iter().map(|&v| v as f32).collect(),
        }
    }

    /// The elements as f64.
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.data {
            Data::F32(data) => data.iter().map(|&v| f64::from(v)).collect(),
            Data::F64(data) => data.to_vec(),
            Data::Int(data) => data.iter().map(|&v| v as f64).collect(),
        }
    }

    /// The only element of a scalar or one-element tensor.
    pub fn scalar(&self) -> Option<f64> {
        match &self.data {
            Data::F32(data) if data.len() == 1 => Some(f64::from(data[0])),
            Data::F64(data) if data.len() == 1 => Some(data[0]),
            Data::Int(data) if data.len() == 1 => Some(data[0] as f64),
            _ => None,
        }
    }

    /// The same elements in another shape, or `None` where their number differs.
    #[must_use]
    pub fn reshaped(&self, shape: impl Into<Vec<usize>>) -> Option<Self> {
        let shape = shape.into();
        let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))?;
        (len == self.len()).then(|| Self { dtype: self.dtype, shape, data: self.data.clone() })
    }
}
