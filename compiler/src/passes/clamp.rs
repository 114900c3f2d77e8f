//! ReLU and its relatives as one clamp.

use super::numbers::uniform;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, DType, Node, Op, Unary, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    match &node.op {
        Op::Binary(Binary::Min | Binary::Max) => min_max(sweep, node),
        &Op::Unary(Unary::Act(Activation::Clamp { lo, hi })) => nested(sweep, node, lo, hi),
        _ => sweep.emit(node),
    }
}

/// A minimum or maximum with one constant number.
fn min_max(sweep: &mut Sweep, node: Node) {
    let [Some(a), Some(b)] = node.inputs[..] else { return sweep.emit(node) };
    let (x, bound) = match (sweep.constant(Some(a)), sweep.constant(Some(b))) {
        (None, Some(bound)) => (a, uniform(bound)),
        (Some(bound), None) => (b, uniform(bound)),
        _ => return sweep.emit(node),
    };
    let Some(bound) = bound.map(|b| b as f32).filter(|b| !b.is_nan()) else { return sweep.emit(node) };
    if sweep.ty(x) != sweep.ty(node.output) || sweep.ty(x).dtype != DType::F32 {
        return sweep.emit(node);
    }
    let clamp = match node.op {
        Op::Binary(Binary::Min) => Activation::Clamp { lo: f32::NEG_INFINITY, hi: bound },
        _ => Activation::Clamp { lo: bound, hi: f32::INFINITY },
    };
    sweep.note(&node, format!("a clamp: {} with {bound}", node.op.name()));
    sweep.emit(Node { op: Op::Unary(Unary::Act(clamp)), inputs: vec![Some(x)], ..node });
}

/// A clamp of a clamp, and one that leaves its argument's range alone.
fn nested(sweep: &mut Sweep, node: Node, lo: f32, hi: f32) {
    let Some(&Some(x)) = node.inputs.first() else { return sweep.emit(node) };
    if let Some((inner_lo, inner_hi)) = range(sweep, x)
        && lo <= inner_lo
        && inner_hi <= hi
        && sweep.replaceable(node.output, x)
    {
        sweep.note(&node, format!("its argument lies within {lo}..={hi} already"));
        return sweep.replace(node, x);
    }
    if let Some(Node { op: Op::Unary(Unary::Act(Activation::Clamp { lo: a, hi: b })), inputs, origin, .. }) =
        sweep.producer(x)
    {
        let op = Op::Unary(Unary::Act(compose((*a, *b), (lo, hi))));
        let merged = Node { op, inputs: inputs.clone(), origin: join(origin, &node.origin), ..node };
        sweep.note(&merged, "a clamp of a clamp");
        return sweep.emit(merged);
    }
    sweep.emit(node);
}

/// `outer(inner(x))` as one clamp.
pub(super) fn compose(inner: (f32, f32), outer: (f32, f32)) -> Activation {
    let clamp = |x: f32| x.max(outer.0).min(outer.1);
    Activation::Clamp { lo: clamp(inner.0), hi: clamp(inner.1) }
}

/// Bounds that a value is known to keep, where a clamp lies above it and only views and averages between.
fn range(sweep: &Sweep, mut id: ValueId) -> Option<(f32, f32)> {
    loop {
        let node = sweep.producer(id)?;
        let activation = match &node.op {
            Op::Conv(conv) => conv.activation,
            Op::Gemm { activation, .. } => *activation,
            Op::Unary(Unary::Act(activation)) => *activation,
            Op::Reshape | Op::Transpose { .. } | Op::GlobalAveragePool | Op::Identity => {
                id = (*node.inputs.first()?)?;
                continue;
            }
            _ => return None,
        };
        return match activation {
            Activation::Clamp { lo, hi } if lo <= hi => Some((lo, hi)),
            _ => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composition_equals_applying_both() {
        let bounds = [f32::NEG_INFINITY, -1.0, 0.0, 0.5, 6.0, f32::INFINITY];
        let apply = |(lo, hi): (f32, f32), x: f32| hi.min(lo.max(x));
        for inner in bounds.iter().flat_map(|&lo| bounds.map(|hi| (lo, hi))) {
            for outer in bounds.iter().flat_map(|&lo| bounds.map(|hi| (lo, hi))) {
                let Activation::Clamp { lo, hi } = compose(inner, outer) else { panic!("a clamp") };
                for x in [-2.0, -1.0, -0.5, 0.0, 0.25, 0.5, 3.0, 6.0, 7.0] {
                    assert_eq!(apply((lo, hi), x), apply(outer, apply(inner, x)), "{inner:?} {outer:?} {x}");
                }
            }
        }
    }

    #[test]
    fn every_spelling_of_relu6_is_the_convolutions_own() {
        use super::super::testing::{Builder, fires};
        use crate::graph::Window;
        type Spelling = fn(&mut Builder, ValueId) -> ValueId;
        let spellings: [Spelling; 5] = [
            |b, x| b.clamp(x, 0.0, 6.0),
            |b, x| {
                let (zero, six) = (b.scalar(0.0), b.constant(&[1, 1], &[6.0]));
                let x = b.node(Op::Binary(Binary::Max), &[zero, x]);
                b.node(Op::Binary(Binary::Min), &[x, six])
            },
            |b, x| {
                let x = b.clamp(x, 0.0, f32::INFINITY);
                let six = b.scalar(6.0);
                b.node(Op::Binary(Binary::Min), &[six, x])
            },
            |b, x| {
                let x = b.clamp(x, -1.0, 6.0);
                b.clamp(x, 0.0, 9.0)
            },
            |b, x| {
                let x = b.clamp(x, 0.0, 6.0);
                b.clamp(x, 0.0, f32::INFINITY)
            },
        ];
        for spelling in spellings {
            let mut b = Builder::new(1, DType::F32, &[1, 2, 3, 3]);
            let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
            let x = spelling(&mut b, x);
            let graph = b.finish(x);
            let canonical = fires(&graph, "fuse-activations");
            let [node] = &canonical.nodes[..] else { panic!("{canonical}") };
            let Op::Conv(conv) = &node.op else { panic!("{canonical}") };
            assert_eq!(conv.activation, Activation::Clamp { lo: 0.0, hi: 6.0 });
            assert_eq!(conv.window, Window { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pads: [0; 4] });
        }
    }

    #[test]
    fn a_clamp_behind_pooling_goes_where_the_range_allows() {
        use super::super::testing::{Builder, ops, rewritten};
        for (lo, expected) in
            [(0.0, vec!["Conv", "GlobalAveragePool"]), (0.5, vec!["Conv", "GlobalAveragePool", "Clamp"])]
        {
            let mut b = Builder::new(1, DType::F32, &[1, 2, 3, 3]);
            let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
            let x = b.clamp(x, 0.0, 6.0);
            let x = b.node(Op::GlobalAveragePool, &[x]);
            let x = b.clamp(x, lo, f32::INFINITY);
            let graph = b.finish(x);
            assert_eq!(ops(&rewritten(&graph)), expected);
        }
    }
}
