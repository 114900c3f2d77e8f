//! NumPy's array file, as far as `verify --input` needs it: little-endian f16, f32, f64, u8 and i8 in C order.

use crate::failure::Failure;
use mobilenet_compiler::graph::half;
use mobilenet_compiler::{Problem, text};
use std::path::Path;

/// An array.
#[derive(Debug, PartialEq)]
pub struct Array {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub values: Vec<f32>,
}

/// Reads a `.npy` file.
pub fn read(path: &Path) -> Result<Array, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    parse(&bytes).map_err(|(message, found)| {
        let mut problem = Problem::new(format!("can't read {}: {message}", text::path(path)));
        problem.found = found;
        Failure::Other(
            problem
                .hint("write it with numpy.save(), as float16, float32, float64, uint8 or int8, not in Fortran order"),
        )
    })
}

type Bad = (&'static str, Option<String>);

fn parse(bytes: &[u8]) -> Result<Array, Bad> {
    let rest = bytes.strip_prefix(b"\x93NUMPY").ok_or(("it is not a NumPy array file", None))?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(("the header is cut off", None))?;
    let (length, rest) = match version[0] {
        1 => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
        _ => rest.split_first_chunk::<4>().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
    }
    .ok_or(("the header is cut off", None))?;
    let (header, data) = rest.split_at_checked(length).ok_or(("the header is cut off", None))?;
    let header = std::str::from_utf8(header).map_err(|_| ("the header is not text", None))?;
    if !matches!(field(header, "fortran_order"), Some("False")) {
        return Err(("the array is not in C order", None));
    }
    let shape =
        field(header, "shape").and_then(shape).ok_or_else(|| ("the shape is missing", Some(header.to_string())))?;
    let values = match field(header, "descr") {
        Some("'<f4'") => data.as_chunks().0.iter().map(|x| f32::from_le_bytes(*x)).collect(),
        Some("'<f2'") => data.as_chunks().0.iter().map(|x| half::f16_to_f32(u16::from_le_bytes(*x))).collect(),
        Some("'<f8'") => data.as_chunks().0.iter().map(|x| f64::from_le_bytes(*x) as f32).collect(),
        Some("'|u1'") => data.iter().map(|&x| f32::from(x)).collect(),
        Some("'|i1'") => data.iter().map(|&x| f32::from(x.cast_signed())).collect::<Vec<f32>>(),
        other => return Err(("the element type is not supported", other.map(str::to_string))),
    };
    let count = shape.iter().try_fold(1usize, |n, &dim| n.checked_mul(dim));
    match count == Some(values.len()) {
        true => Ok(Array { shape, values }),
        false => Err(("the data does not fill the shape", Some(format!("{} elements for {shape:?}", values.len())))),
    }
}

/// The text of a value in the header, a Python dictionary literal.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let rest = header.split_once(&format!("'{key}'"))?.1.trim_start().strip_prefix(':')?.trim_start();
    let end = match rest.starts_with('(') {
        true => rest.find(')')? + 1,
        false => rest.find([',', '}'])?,
    };
    Some(rest[..end].trim_end())
}

fn shape(tuple: &str) -> Option<Vec<usize>> {
    let inner = tuple.strip_prefix('(')?.strip_suffix(')')?;
    inner.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend(u16::try_from(header.len()).expect("short").to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn floats_and_bytes() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let data = [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat();
        assert_eq!(parse(&file(header, &data)), Ok(Array { shape: vec![2, 1], values: vec![1.5, -2.0] }));
        let header = "{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }";
        assert_eq!(
            parse(&file(header, &[0, 127, 128])),
            Ok(Array { shape: vec![3], values: vec![0.0, 127.0, -128.0] })
        );
    }

    #[test]
    fn broken_files_are_errors() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }\n";
        let whole = file(header, &[0; 8]);
        assert!(parse(&whole).is_ok());
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "cut to {end}");
        }
        for header in [
            "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 1), }",
            "{'descr': '<c8', 'fortran_order': False, 'shape': (2, 1), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -1), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': (18446744073709551615, 2), }",
            "{'descr': '<f4', 'fortran_order': False, 'shape': ",
            "",
        ] {
            assert!(parse(&file(header, &[0; 8])).is_err(), "{header}");
        }
    }
}
