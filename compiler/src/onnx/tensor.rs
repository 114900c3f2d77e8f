//! Tensors: any of the places ONNX puts elements in, to one carrier per kind of number.

use super::external::{Refusal, SideFiles};
use super::proto::{EXTERNAL, TensorProto};
use super::{Limits, dtype};
use crate::graph::half::{bf16_to_f32, f16_to_f32};
use crate::graph::{DType, Data, Tensor, infer};
use std::sync::Arc;

/// Decodes the tensors of one model.
pub(super) struct Tensors<'a> {
    pub(super) files: SideFiles<'a>,
    elements_left: usize,
}

impl<'a> Tensors<'a> {
    pub(super) fn new(files: SideFiles<'a>, limits: &Limits) -> Self {
        Self { files, elements_left: limits.elements }
    }

    /// The tensor, or one sentence on what is wrong with it.
    pub(super) fn decode(&mut self, proto: &TensorProto) -> Result<Tensor, Refusal> {
        let dtype = dtype::from_code(proto.data_type).map_err(|name| format!("element type {name} is not read"))?;
        let shape: Vec<usize> = proto
            .dims
            .iter()
            .map(|&d| usize::try_from(d).map_err(|_| format!("negative dimension {d}")))
            .collect::<Result<_, String>>()?;
        if shape.len() > infer::MAX_RANK {
            return Err(format!("{} dimensions, at most {} are read", shape.len(), infer::MAX_RANK).into());
        }
        let len = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)).filter(|&n| n <= self.elements_left);
        let Some(len) = len else {
            return Err(format!(
                "shape {shape:?} exceeds what is left of the limit on elements, {}",
                self.elements_left
            )
            .into());
        };
        self.elements_left -= len;
        if proto.segment.is_some() {
            return Err("segmented tensors are not read".into());
        }
        let data = if proto.data_location == EXTERNAL {
            let bytes = len.checked_mul(dtype.bytes()).ok_or("its size overflows")?;
            from_raw(dtype, &self.files.slice(&proto.external_data, bytes)?)?
        } else {
            match &proto.raw_data {
                Some(raw) if !raw.is_empty() => from_raw(dtype, raw)?,
                _ => from_typed(dtype, proto)?,
            }
        };
        if data.len() != len {
            return Err(format!("{} elements where shape {shape:?} demands {len}", data.len()).into());
        }
        Ok(Tensor { dtype, shape, data })
    }
}

fn from_raw(dtype: DType, bytes: &[u8]) -> Result<Data, String> {
    let width = dtype.bytes();
    if !bytes.len().is_multiple_of(width) {
        return Err(format!("{} bytes are not a multiple of the {width} of {dtype}", bytes.len()));
    }
    let words = bytes.as_chunks::<2>().0;
    let doubles = bytes.as_chunks::<4>().0;
    let quads = bytes.as_chunks::<8>().0;
    Ok(match dtype {
        DType::F32 => Data::F32(doubles.iter().map(|b| f32::from_le_bytes(*b)).collect()),
        DType::F64 => Data::F64(quads.iter().map(|b| f64::from_le_bytes(*b)).collect()),
        DType::F16 => Data::F32(words.iter().map(|b| f16_to_f32(u16::from_le_bytes(*b))).collect()),
        DType::Bf16 => Data::F32(words.iter().map(|b| bf16_to_f32(u16::from_le_bytes(*b))).collect()),
        DType::I8 => Data::Int(bytes.iter().map(|&b| i64::from(b as i8)).collect()),
        DType::U8 => Data::Int(bytes.iter().map(|&b| i64::from(b)).collect()),
        DType::Bool => Data::Int(bytes.iter().map(|&b| i64::from(b != 0)).collect()),
        DType::I16 => Data::Int(words.iter().map(|b| i16::from_le_bytes(*b).into()).collect()),
        DType::U16 => Data::Int(words.iter().map(|b| u16::from_le_bytes(*b).into()).collect()),
        DType::I32 => Data::Int(doubles.iter().map(|b| i32::from_le_bytes(*b).into()).collect()),
        DType::U32 => Data::Int(doubles.iter().map(|b| u32::from_le_bytes(*b).into()).collect()),
        DType::I64 => Data::Int(quads.iter().map(|b| i64::from_le_bytes(*b)).collect()),
        DType::U64 => unsigned(quads.iter().map(|b| u64::from_le_bytes(*b)), dtype)?,
    })
}

fn from_typed(dtype: DType, proto: &TensorProto) -> Result<Data, String> {
    let halves = |decode: fn(u16) -> f32| -> Result<Data, String> {
        let bits =
            proto.int32_data.iter().map(|&v| u16::try_from(v).map_err(|_| format!("{v} is not the bits of {dtype}")));
        Ok(Data::F32(bits.map(|b| b.map(decode)).collect::<Result<Arc<_>, _>>()?))
    };
    match dtype {
        DType::F32 => Ok(Data::F32(proto.float_data.as_slice().into())),
        DType::F64 => Ok(Data::F64(proto.double_data.as_slice().into())),
        DType::F16 => halves(f16_to_f32),
        DType::Bf16 => halves(bf16_to_f32),
        DType::I64 => Ok(Data::Int(proto.int64_data.as_slice().into())),
        DType::U32 | DType::U64 => unsigned(proto.uint64_data.iter().copied(), dtype),
        DType::I8 | DType::U8 | DType::I16 | DType::U16 | DType::I32 | DType::Bool => {
            let (lo, hi) = dtype.int_range().unwrap_or_default();
            let inside = |v: i64| if (lo..=hi).contains(&v) { Ok(v) } else { Err(format!("{v} is not a {dtype}")) };
            Ok(Data::Int(proto.int32_data.iter().map(|&v| inside(v.into())).collect::<Result<_, _>>()?))
        }
    }
}

fn unsigned(values: impl Iterator<Item = u64>, dtype: DType) -> Result<Data, String> {
    let (_, hi) = dtype.int_range().unwrap_or_default();
    let inside =
        |v: u64| i64::try_from(v).ok().filter(|&v| v <= hi).ok_or_else(|| format!("{v} is too large for {dtype}"));
    Ok(Data::Int(values.map(inside).collect::<Result<_, _>>()?))
}
