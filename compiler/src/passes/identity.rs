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

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{DType, Op};

    #[test]
    fn all_kinds_of_identities_go() {
        let mut b = Builder::new(1, DType::F32, &[1, 4, 3, 3]);
        let x = b.conv(b.input(), 4, 3, 1, [1; 4]);
        let x = b.node(Op::Identity, &[x]);
        let x = b.reshape(x, &[1, 4, 3, 3]);
        let x = b.transpose(x, &[0, 1, 2, 3]);
        let x = b.pad(x, &[0; 4], &[0; 4], 3.0);
        let x = b.clamp(x, f32::NEG_INFINITY, f32::INFINITY);
        let x = b.cast(x, DType::F32);
        let x = b.node(Op::Concat { axis: 1 }, &[x]);
        let graph = b.finish(x);
        let name = graph[graph.outputs[0]].name.clone();
        let canonical = fires(&graph, "remove-identities");
        assert_eq!(ops(&canonical), ["Conv"]);
        assert_eq!(canonical[canonical.outputs[0]].name, name, "the output keeps its name");
    }

    #[test]
    fn the_output_stays_apart_from_the_input() {
        let mut b = Builder::new(1, DType::F32, &[1, 4]);
        let x = b.node(Op::Identity, &[b.input()]);
        let x = b.clamp(x, f32::NEG_INFINITY, f32::INFINITY);
        let graph = b.finish(x);
        assert_eq!(ops(&rewritten(&graph)), ["Clamp"]);
    }
}
