//! Element types as ONNX numbers them.

use crate::graph::DType;

const CODES: [(i32, DType); 13] = [
    (1, DType::F32),
    (2, DType::U8),
    (3, DType::I8),
    (4, DType::U16),
    (5, DType::I16),
    (6, DType::I32),
    (7, DType::I64),
    (9, DType::Bool),
    (10, DType::F16),
    (11, DType::F64),
    (12, DType::U32),
    (13, DType::U64),
    (16, DType::Bf16),
];

/// The number of `TensorProto.DataType`.
#[cfg(any(test, feature = "cli"))]
pub(crate) fn code(dtype: DType) -> i32 {
    CODES.iter().find(|(_, d)| *d == dtype).map_or(0, |(code, _)| *code)
}

/// The element type of a `TensorProto.DataType`, or ONNX's name for one that is not read.
pub(crate) fn from_code(code: i32) -> Result<DType, String> {
    let unread = match code {
        0 => "UNDEFINED",
        8 => "STRING",
        14 => "COMPLEX64",
        15 => "COMPLEX128",
        17..=20 => "FLOAT8",
        21 | 22 => "INT4",
        23 => "FLOAT4E2M1",
        _ => "",
    };
    match CODES.iter().find(|(c, _)| *c == code) {
        Some((_, dtype)) => Ok(*dtype),
        None if unread.is_empty() => Err(format!("number {code}")),
        None => Err(unread.into()),
    }
}
