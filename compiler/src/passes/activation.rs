//! Activations move into the operator that computes their argument.

use super::clamp::compose;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Node, Op, Unary};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let &Op::Unary(Unary::Act(outer)) = &node.op else { return sweep.emit(node) };
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    let inner = match sweep.sole_producer(x).map(|inner| &inner.op) {
        Some(Op::Conv(conv)) => conv.activation,
        Some(Op::Gemm { activation, .. }) => *activation,
        _ => return sweep.emit(node),
    };
    let fused = match (inner, outer) {
        (Activation::NONE, outer) => outer,
        (Activation::Clamp { lo: a, hi: b }, Activation::Clamp { lo, hi }) => compose((a, b), (lo, hi)),
        _ => return sweep.emit(node),
    };
    let Some(mut into) = sweep.take(x) else { return sweep.emit(node) };
    match &mut into.op {
        Op::Conv(conv) => conv.activation = fused,
        Op::Gemm { activation, .. } => *activation = fused,
        _ => {}
    }
    sweep.note(&node, format!("applied by the {} in front of it", into.op.name()));
    into.origin = join(&into.origin, &node.origin);
    into.output = node.output;
    sweep.emit(into);
}
