//! Files made to harm.

use crate::small;
use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Node, Storage};

/// Beginnings of a sound file. Cut between two fields a protobuf message is another, smaller message: it may even be a model.
pub fn truncated() -> Vec<Vec<u8>> {
    let bytes = small::tiny_v1(1).to_bytes();
    let lengths = (0..bytes.len()).step_by(97).chain(bytes.len() - 40..bytes.len());
    lengths.map(|length| bytes[..length].to_vec()).collect()
}

/// A sound file with one byte changed, at many places.
pub fn flipped() -> Vec<Vec<u8>> {
    let bytes = small::tiny_bytes().to_bytes();
    let places = (0..bytes.len()).step_by(13).flat_map(|at| [0xff, 0x80, 0x01].map(|flip| (at, flip)));
    let damaged = places.map(|(at, flip)| {
        let mut damaged = bytes.clone();
        damaged[at] ^= flip;
        damaged
    });
    damaged.collect()
}

/// Weights that claim to be larger than memory.
pub fn oversized() -> Vec<Author> {
    let claims = [vec![i64::MAX, i64::MAX], vec![1 << 31, 1 << 31, 1 << 31], vec![-1, 4], vec![1 << 40]];
    let claiming = claims.into_iter().map(|dims| {
        let mut author = small::tiny_v1(1);
        author.message().graph.mut_or_insert_default().initializer[0].dims = dims;
        author
    });
    claiming.collect()
}

/// An input larger than memory.
pub fn huge() -> Author {
    Author::new("huge", 13)
        .input("x", DType::F32, [1.into(), 3.into(), (1i64 << 31).into(), (1i64 << 31).into()])
        .initializer("w", &Tensor::f32([8, 3, 3, 3], vec![0.1; 216]), Storage::Raw)
        .node(Node::new("Conv", ["x", "w"], ["y"]))
        .output("y", DType::F32, [1.into(), 8.into(), "h".into(), "w".into()])
}

/// A model whose first initialiser's data are in a side file, which is not written.
pub fn external(location: &str) -> Author {
    let mut author = small::tiny_v1(1);
    let mut donor = Author::new("", 13).initializer("w", &Tensor::f32([1], vec![0.0]), Storage::External("f".into()));
    let donor = donor.message().graph.mut_or_insert_default().initializer.remove(0);
    let weights = &mut author.message().graph.mut_or_insert_default().initializer[0];
    weights.external_data = donor.external_data[..1].to_vec();
    weights.external_data[0].value = location.into();
    weights.raw_data.clear();
    weights.data_location = donor.data_location;
    author
}
