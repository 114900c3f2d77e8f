//! Reshapes of reshapes, and transposes that are reshapes.

use super::sweep::{Sweep, join};
use crate::graph::{Node, Op, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, mut node: Node) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    match &node.op {
        Op::Transpose { perm } => {
            let shape = sweep.shape(x);
            let moved = perm.iter().filter(|&&axis| shape.get(axis).is_some_and(|&size| size != 1));
            if moved.is_sorted() {
                sweep.note(&node, "the transpose moves only axes of size 1: a reshape");
                node.op = Op::Reshape;
            }
            sweep.emit(node);
        }
        Op::Reshape => {
            if let Some(Node { op: Op::Reshape, inputs, origin, .. }) = sweep.producer(x) {
                let (inputs, origin) = (inputs.clone(), join(origin, &node.origin));
                sweep.note(&node, "a reshape of a reshape");
                node = Node { inputs, origin, ..node };
            }
            sweep.emit(node);
        }
        Op::Unary(_) => match sweep.sole_producer(x) {
            Some(Node { op: Op::Reshape, .. }) => {
                sweep.note(&node, "moves in front of the reshape");
                sink(sweep, node, x);
            }
            _ => sweep.emit(node),
        },
        _ => sweep.emit(node),
    }
}

/// `f(reshape(y))` becomes `reshape(f(y))`.
fn sink(sweep: &mut Sweep, mut node: Node, x: ValueId) {
    let Some(mut view) = sweep.take(x) else { return sweep.emit(node) };
    let Some(&Some(y)) = view.inputs.first() else { return sweep.emit(view) };
    let inner = sweep.add_value(node.output, sweep.ty(y).clone());
    view.inputs = vec![Some(inner)];
    view.output = std::mem::replace(&mut node.output, inner);
    node.inputs = vec![Some(y)];
    sweep.emit(node);
    sweep.emit(view);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::DType;

    #[test]
    fn chains_become_one_and_activations_pass_through() {
        let mut b = Builder::new(1, DType::F32, &[1, 6, 1, 1]);
        let x = b.conv(b.input(), 6, 1, 1, [0; 4]);
        let x = b.reshape(x, &[6, 1]);
        let x = b.reshape(x, &[2, 3]);
        let x = b.clamp(x, 0.0, 6.0);
        let x = b.reshape(x, &[3, 2]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "merge-reshapes")), ["Conv", "Reshape"]);
    }

    #[test]
    fn transposes_of_unit_axes_are_reshapes() {
        let mut b = Builder::new(1, DType::F32, &[2, 5, 1, 1]);
        let x = b.transpose(b.input(), &[0, 2, 3, 1]);
        let x = b.transpose(x, &[3, 1, 0, 2]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "merge-reshapes")), ["Reshape", "Transpose"]);
    }
}
