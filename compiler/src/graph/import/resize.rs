//! Another resolution or batch: where height and width are, how targets written down for the model's own follow, and
//! whether the result still is the same network.

use super::call::Call;
use super::lower::Lowering;
use crate::diagnostic::{Error, Problem};
use crate::graph::{Graph, Op, ValueId};

/// The input's axes that the first convolution or pool reads as height and width.
pub(in crate::graph) fn spatial_axes(graph: &Graph) -> Option<[usize; 2]> {
    let rank = graph.ty(graph.input).shape.len();
    let mut origins: Vec<Option<Vec<Option<usize>>>> = vec![None; graph.values.len()];
    origins[graph.input.0 as usize] = Some((0..rank).map(Some).collect());
    for node in &graph.nodes {
        let traced = |id: &Option<ValueId>| id.and_then(|id| origins[id.0 as usize].as_ref().map(|axes| (id, axes)));
        let Some((source, axes)) = node.inputs.iter().find_map(traced) else { continue };
        let output = graph.ty(node.output);
        let next = match &node.op {
            Op::Conv(_) | Op::AveragePool { .. } | Op::MaxPool { .. } | Op::GlobalAveragePool => {
                return match axes[..] {
                    [_, _, Some(height), Some(width)] => Some([height, width]),
                    _ => None,
                };
            }
            Op::Transpose { perm } => Some(perm.iter().map(|&axis| axes.get(axis).copied().flatten()).collect()),
            Op::Reshape => Some(reshaped(&graph.ty(source).shape, axes, &output.shape)),
            Op::Binary(_)
            | Op::Unary(_)
            | Op::Cast
            | Op::Identity
            | Op::Pad { .. }
            | Op::BatchNorm { .. }
            | Op::Concat { .. }
            | Op::Slice { .. }
            | Op::Gather { .. }
            | Op::Expand
            | Op::QuantizeLinear { .. }
            | Op::DequantizeLinear { .. } => (output.shape.len() == axes.len()).then(|| axes.clone()),
            _ => None,
        };
        origins[node.output.0 as usize] = next;
    }
    None
}

/// Axes follow a reshape that only moves axes of one element.
fn reshaped(from: &[usize], axes: &[Option<usize>], to: &[usize]) -> Vec<Option<usize>> {
    let large = |shape: &[usize]| shape.iter().copied().filter(|&d| d != 1).collect::<Vec<_>>();
    if large(from) != large(to) {
        return vec![None; to.len()];
    }
    let mut sources = from.iter().zip(axes).filter(|(dim, _)| **dim != 1).map(|(_, axis)| *axis);
    to.iter().map(|&dim| if dim == 1 { None } else { sources.next().flatten() }).collect()
}

/// A reshape's target that was written down for the model's own input follows another one: the shape itself where only
/// axes of one element move, otherwise the batch in the target, where both sides start with it.
pub(super) fn follow(lowering: &Lowering, call: &Call, x: ValueId, target: &mut [i64]) -> Option<Vec<usize>> {
    let own = |name: Option<&String>| name.and_then(|n| lowering.own_type(n)).map(|ty| ty.shape.as_slice());
    let (from, to) = (own(call.node.inputs.first())?, own(call.node.outputs.first())?);
    if lowering.constant(x).is_some() {
        return None;
    }
    let ty = lowering.ty(x);
    let batch = lowering.batch_change().and_then(|(own_batch, batch)| {
        let leads = from.first() == Some(&own_batch) && to.first() == Some(&own_batch);
        (leads && ty.shape.first() == Some(&batch)).then_some(batch)
    });
    let axes: Vec<Option<usize>> = (0..from.len()).map(Some).collect();
    let sources = reshaped(from, &axes, to);
    let moved = sources.iter().zip(to).all(|(source, &dim)| source.is_some() || dim == 1);
    if moved && ty.shape.len() == from.len() {
        let mut shape: Vec<usize> = sources.iter().map(|s| s.map_or(1, |axis| ty.shape[axis])).collect();
        if let (Some(batch), Some(first)) = (batch, shape.first_mut()) {
            *first = batch;
        }
        if shape.iter().product::<usize>() == ty.len() {
            return Some(shape);
        }
    }
    if let (Some(batch), Some(first)) = (batch.and_then(|b| i64::try_from(b).ok()), target.first_mut()) {
        *first = batch;
    }
    None
}

/// Only batch, height and width may have changed.
pub(super) fn check_outputs(own: &Graph, changed: Graph) -> Result<Graph, Error> {
    let outputs = own.outputs.iter().zip(&changed.outputs);
    let problems: Vec<Problem> =
        outputs.filter_map(|(&before, &after)| check_output(own, before, &changed, after)).collect();
    if problems.is_empty() { Ok(changed) } else { Err(Error { problems }) }
}

fn check_output(own: &Graph, before: ValueId, changed: &Graph, after: ValueId) -> Option<Problem> {
    let name = &own[before].name;
    let (before, after) = (own.ty(before), changed.ty(after));
    let batch = |graph: &Graph| graph.ty(graph.input).shape.first().copied();
    if let (Some(&first), Some(&new_first)) = (before.shape.first(), after.shape.first())
        && before.shape.len() == after.shape.len()
    {
        let batch_kept = batch(own) != Some(first) || batch(changed) == Some(new_first);
        let classes_kept = before.shape.len() > 2 || before.shape.get(1) == after.shape.get(1);
        if batch_kept && classes_kept {
            return None;
        }
    }
    let problem = Problem::new(format!("with the input, the meaning of the output {name:?} would change"));
    Some(problem.expected(format!("{before} for the new batch"), after.to_string()))
}
