//! What the file declares of a value against what is computed.

use crate::diagnostic::Problem;
use crate::graph::{DType, Type};
use crate::onnx::{Attribute, Dim, Model, Node, ValueInfo, dtype};
use std::collections::HashSet;

/// What the file leaves open of its input, and with it of everything computed from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Open {
    Nothing,
    /// The first dimension.
    Batch,
    /// Others, too.
    Size,
}

impl Open {
    pub(super) fn new(input: Option<&ValueInfo>) -> Self {
        let dims = input.and_then(|input| input.shape.as_deref()).unwrap_or_default();
        match dims.iter().rposition(|dim| matches!(dim, Dim::Symbol(_))) {
            None => Self::Nothing,
            Some(0) => Self::Batch,
            Some(_) => Self::Size,
        }
    }
}

/// Symbolic dimensions fit everything; so do those that depend on what the file leaves open, where it puts numbers on them.
pub(super) fn check(info: &ValueInfo, ty: &Type, open: Open, floats: &HashSet<DType>) -> Result<(), Problem> {
    // Arithmetic in floats of any width is done in f32.
    let widened = floats.contains(&info.dtype) && ty.dtype == DType::F32;
    let shape_fits = info.shape.as_deref().is_none_or(|dims| {
        let fits = |(axis, (dim, &size)): (usize, (&Dim, &usize))| match (dim, open) {
            (Dim::Symbol(_), _) | (_, Open::Size) => true,
            (_, Open::Batch) if axis == 0 => true,
            (Dim::Value(value), _) => *value == size,
        };
        dims.len() == ty.shape.len() && dims.iter().zip(&ty.shape).enumerate().all(fits)
    });
    let what = match (info.dtype == ty.dtype || widened, shape_fits) {
        (true, true) => return Ok(()),
        (true, false) => "shape",
        (false, _) => "element type",
    };
    Err(Problem::new(format!("{:?} is not of the {what} that the file declares for it", info.name))
        .expected(declaration(info), ty.to_string())
        .of_file()
        .hint("the file contradicts itself: export the model again, or have onnx.shape_inference write its types anew"))
}

/// Floating-point types that something in the file has from the start: no value is of another one.
pub(super) fn floats(model: &Model) -> HashSet<DType> {
    let graph = &model.graph;
    let mut found: HashSet<DType> = graph.inputs.iter().map(|input| input.dtype).collect();
    found.extend(graph.initializers.iter().map(|(_, tensor)| tensor.dtype));
    collect(&graph.nodes, &mut found);
    found.retain(|dtype| dtype.is_float());
    found
}

fn collect(nodes: &[Node], found: &mut HashSet<DType>) {
    for (name, attribute) in nodes.iter().flat_map(|node| &node.attributes) {
        match attribute {
            Attribute::Tensor(tensor) => found.extend([tensor.dtype]),
            Attribute::Int(code) if matches!(name.as_str(), "to" | "dtype" | "output_dtype") => {
                found.extend(i32::try_from(*code).ok().and_then(|code| dtype::from_code(code).ok()));
            }
            Attribute::Graph(body) => {
                found.extend(body.initializers.iter().map(|(_, tensor)| tensor.dtype));
                collect(&body.nodes, found);
            }
            _ => {}
        }
    }
}

/// The declared type, in the form of [`Type`].
fn declaration(info: &ValueInfo) -> String {
    let dims = |dims: &Vec<Dim>| dims.iter().map(super::dim_text).collect::<Vec<_>>().join(", ");
    match &info.shape {
        Some(shape) => format!("{}[{}]", info.dtype, dims(shape)),
        None => info.dtype.to_string(),
    }
}
