//! Softmax spelled in several operators, and its logarithm.

use super::norm::Spelling;
use super::sweep::{Sweep, join};
use crate::graph::{Binary, Node, Op, Unary, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let found = match (&node.op, &node.inputs[..]) {
        (Op::Unary(Unary::Log), &[Some(x)]) => logarithm(sweep, x),
        (Op::Softmax { .. }, &[Some(x)]) => unshifted(sweep, &node, x),
        (Op::Binary(Binary::Div), &[Some(e), Some(sum)]) => exponentials(sweep, e, sum, false),
        (Op::Binary(Binary::Mul), &[Some(a), Some(b)]) => {
            exponentials(sweep, a, b, true).or_else(|| exponentials(sweep, b, a, true))
        }
        _ => None,
    };
    let Some((x, op, origin, reason)) = found.filter(|(x, ..)| sweep.ty(*x) == sweep.ty(node.output)) else {
        return sweep.emit(node);
    };
    sweep.note(&node, reason);
    sweep.emit(Node { op, inputs: vec![Some(x)], output: node.output, origin: join(&origin, &node.origin) });
}

type Found = Option<(ValueId, Op, Vec<String>, &'static str)>;

/// `log(softmax(x))`.
fn logarithm(sweep: &Sweep, x: ValueId) -> Found {
    let inner = sweep.sole_producer(x)?;
    let &Op::Softmax { axis, flat, log: false } = &inner.op else { return None };
    let op = Op::Softmax { axis, flat, log: true };
    Some((inner.inputs[0]?, op, inner.origin.clone(), "the logarithm of a softmax"))
}

/// `exp(x) / sum(exp(x))`.
fn exponentials(sweep: &Sweep, e: ValueId, sum: ValueId, inverse: bool) -> Found {
    let exponential = sweep.producer(e)?;
    let (Op::Unary(Unary::Exp), &[Some(x)]) = (&exponential.op, &exponential.inputs[..]) else { return None };
    let mut spelling = Spelling::new(sweep);
    let mut at = spelling.skip_views(sum);
    if inverse {
        at = spelling.inverse(at, &mut false)?;
    }
    let (terms, axis) = spelling.sum(at)?;
    if terms != e || !spelling.divides_rows(e, axis) {
        return None;
    }
    let op = Op::Softmax { axis, flat: false, log: false };
    let origin = join(&exponential.origin, &spelling.origin);
    Some((x, op, origin, "exponentials divided by their sum are a softmax"))
}

/// `softmax(x - max(x))`.
fn unshifted(sweep: &Sweep, node: &Node, shifted: ValueId) -> Found {
    let Op::Softmax { axis, flat: false, .. } = node.op else { return None };
    let difference = sweep.producer(shifted)?;
    let (Op::Binary(Binary::Sub), &[Some(x), Some(most)]) = (&difference.op, &difference.inputs[..]) else {
        return None;
    };
    let mut spelling = Spelling::new(sweep);
    let most = spelling.skip_views(most);
    let maximum = sweep.producer(most)?;
    let Op::ReduceMax { axes, .. } = &maximum.op else { return None };
    spelling.step(most);
    let along = axes.iter().all(|&at| at == axis || sweep.shape(x).get(at) == Some(&1)) && axes.contains(&axis);
    let origin = join(&maximum.origin, &difference.origin);
    (along && maximum.inputs[0] == Some(x) && spelling.divides_rows(x, axis)).then_some((
        x,
        node.op.clone(),
        origin,
        "a softmax is the same without a shift",
    ))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Binary, DType, Op, Unary, ValueId};

    fn sum(b: &mut Builder, x: ValueId, axis: usize) -> ValueId {
        let count = b.shape(x)[axis] as f32;
        let (mean, count) = (b.node(Op::ReduceMean { axes: vec![axis], keep_dims: true }, &[x]), b.scalar(count));
        b.node(Op::Binary(Binary::Mul), &[mean, count])
    }

    #[test]
    fn spellings_of_softmax() {
        for (shift, inverse, log) in [(false, false, false), (true, false, true), (true, true, false)] {
            for (shape, axis) in [(&[2, 5][..], 1), (&[1, 4, 3, 2], 1), (&[1, 3, 6], 2)] {
                let mut b = Builder::new(1, DType::F32, shape);
                let mut x = b.input();
                if shift {
                    let most = b.node(Op::ReduceMax { axes: vec![axis], keep_dims: true }, &[x]);
                    x = b.node(Op::Binary(Binary::Sub), &[x, most]);
                }
                let e = b.node(Op::Unary(Unary::Exp), &[x]);
                let mut total = sum(&mut b, e, axis);
                if inverse {
                    total = b.node(Op::Unary(Unary::Reciprocal), &[total]);
                }
                let op = if inverse { Binary::Mul } else { Binary::Div };
                let mut y = b.node(Op::Binary(op), &[e, total]);
                if log {
                    y = b.node(Op::Unary(Unary::Log), &[y]);
                }
                let canonical = fires(&b.finish(y), "recognise-softmax");
                assert_eq!(canonical.nodes.len(), 1, "{canonical}");
                assert_eq!(canonical.nodes[0].op, Op::Softmax { axis, flat: false, log });
            }
        }
    }

    #[test]
    fn a_sum_along_another_axis_is_no_softmax() {
        let mut b = Builder::new(1, DType::F32, &[1, 4, 3]);
        let e = b.node(Op::Unary(Unary::Exp), &[b.input()]);
        let most = b.node(Op::ReduceMax { axes: vec![1], keep_dims: true }, &[e]);
        let y = b.node(Op::Binary(Binary::Div), &[e, most]);
        let graph = b.finish(y);
        assert!(!ops(&super::super::testing::rewritten(&graph)).contains(&"Softmax"));
    }
}
