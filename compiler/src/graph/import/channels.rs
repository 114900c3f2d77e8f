//! How many channels the input has, where the file leaves that open.

use crate::onnx::Model;
use std::collections::BTreeSet;

/// Numbers of channels that weights of convolutions read, those of the first convolution first. One of them fits.
pub(super) fn candidates(model: &Model) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let convolutions = model.graph.nodes.iter().filter(|node| node.op_type.ends_with("Conv"));
    let read = convolutions.filter_map(|node| {
        let weights = node.inputs.get(1)?;
        let (_, tensor) = model.graph.initializers.iter().find(|(name, _)| name == weights)?;
        let groups = match node.attribute("group") {
            Some(crate::onnx::Attribute::Int(groups)) => usize::try_from(*groups).ok()?,
            _ => 1,
        };
        tensor.shape.get(1)?.checked_mul(groups)
    });
    read.filter(|&channels| channels > 0 && seen.insert(channels)).take(4).collect()
}
