//! Nodes that return their input.

use super::sweep::Sweep;
use crate::graph::{Activation, Node, Op, Unary};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    if sweep.ty(x) != sweep.ty(node.output) || !sweep.replaceable(node.output, x) {
        return sweep.emit(node);
    }
    let reason = match &node.op {
        Op::Identity => "the identity",
        Op::Cast => "a cast to the type it has",
        Op::Reshape => "a reshape to the shape it has",
        Op::Expand => "broadcasts to the shape it has",
        Op::Transpose { perm } if perm.iter().enumerate().all(|(i, &p)| i == p) => "a transpose that moves no axis",
        Op::Pad { before, after, .. } if before.iter().chain(after).all(|&n| n == 0) => "pads nothing",
        Op::Slice { steps, .. } if steps.iter().all(|&s| s == 1) => "a slice of everything",
        Op::Concat { .. } if node.inputs.len() == 1 => "a concatenation of one",
        Op::Unary(Unary::Act(Activation::NONE)) => "a clamp without bounds",
        Op::AveragePool { window, .. } | Op::MaxPool { window }
            if window.kernel == [1, 1]
                && window.stride == [1, 1]
                && window.pads == [0; 4]
                && sweep.shape(x).get(2..) != Some(&[1, 1]) =>
        {
            "pools one element"
        }
        _ => return sweep.emit(node),
    };
    sweep.note(&node, reason);
    sweep.replace(node, x);
}
