//! Sigmoid spelled with an exponential, and swish as a product.

use super::numbers::uniform;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, Node, Op, Unary, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let Some((x, activation, origin)) = recognise(sweep, &node) else { return sweep.emit(node) };
    if sweep.ty(x) != sweep.ty(node.output) {
        return sweep.emit(node);
    }
    sweep.note(
        &node,
        match activation {
            Activation::Swish => "x times its sigmoid is swish",
            _ => "1 / (1 + exp(-x)) is a sigmoid",
        },
    );
    let op = Op::Unary(Unary::Act(activation));
    sweep.emit(Node { op, inputs: vec![Some(x)], output: node.output, origin: join(&origin, &node.origin) });
}

fn recognise(sweep: &Sweep, node: &Node) -> Option<(ValueId, Activation, Vec<String>)> {
    match (&node.op, &node.inputs[..]) {
        (Op::Binary(Binary::Mul), &[Some(a), Some(b)]) => [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
            let gate = sweep.producer(gate)?;
            let swish = gate.op == Op::Unary(Unary::Act(Activation::Sigmoid)) && gate.inputs == [Some(x)];
            swish.then(|| (x, Activation::Swish, gate.origin.clone()))
        }),
        (Op::Binary(Binary::Div), &[Some(numerator), Some(b)]) => {
            let (x, origin) = denominator(sweep, b)?;
            if numerator == x {
                return Some((x, Activation::Swish, origin));
            }
            (number(sweep, numerator) == Some(1.0)).then_some((x, Activation::Sigmoid, origin))
        }
        (Op::Unary(Unary::Reciprocal), &[Some(b)]) => {
            denominator(sweep, b).map(|(x, origin)| (x, Activation::Sigmoid, origin))
        }
        _ => None,
    }
}

/// The `x` of `1 + exp(-x)`.
fn denominator(sweep: &Sweep, id: ValueId) -> Option<(ValueId, Vec<String>)> {
    let sum = sweep.producer(id)?;
    let (Op::Binary(Binary::Add), &[Some(a), Some(b)]) = (&sum.op, &sum.inputs[..]) else { return None };
    let exponential = match (number(sweep, a), number(sweep, b)) {
        (Some(1.0), None) => b,
        (None, Some(1.0)) => a,
        _ => return None,
    };
    let exponential = sweep.producer(exponential)?;
    let (Op::Unary(Unary::Exp), &[Some(negated)]) = (&exponential.op, &exponential.inputs[..]) else { return None };
    let negated = sweep.producer(negated)?;
    let x = match (&negated.op, &negated.inputs[..]) {
        (Op::Unary(Unary::Neg), &[Some(x)]) => x,
        (Op::Binary(Binary::Mul), &[Some(x), Some(k)]) if number(sweep, k) == Some(-1.0) => x,
        (Op::Binary(Binary::Mul), &[Some(k), Some(x)]) if number(sweep, k) == Some(-1.0) => x,
        (Op::Binary(Binary::Sub), &[Some(k), Some(x)]) if number(sweep, k) == Some(0.0) => x,
        _ => return None,
    };
    Some((x, join(&join(&negated.origin, &exponential.origin), &sum.origin)))
}

fn number(sweep: &Sweep, id: ValueId) -> Option<f64> {
    sweep.constant(Some(id)).and_then(uniform)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Activation, Binary, DType, Graph, Op, Unary, ValueId};

    fn spelt(spell: impl Fn(&mut Builder, ValueId) -> ValueId) -> Graph {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
        let x = b.node(Op::Softmax { axis: 1, flat: false, log: false }, &[b.input()]);
        let y = spell(&mut b, x);
        b.finish(y)
    }

    fn one_and_exponential(b: &mut Builder, x: ValueId) -> ValueId {
        let x = b.node(Op::Unary(Unary::Neg), &[x]);
        let x = b.node(Op::Unary(Unary::Exp), &[x]);
        let one = b.scalar(1.0);
        b.node(Op::Binary(Binary::Add), &[one, x])
    }

    #[test]
    fn spellings_of_sigmoid_and_swish() {
        let sigmoids = [
            spelt(|b, x| {
                let (sum, one) = (one_and_exponential(b, x), b.scalar(1.0));
                b.node(Op::Binary(Binary::Div), &[one, sum])
            }),
            spelt(|b, x| {
                let sum = one_and_exponential(b, x);
                b.node(Op::Unary(Unary::Reciprocal), &[sum])
            }),
        ];
        for graph in sigmoids {
            assert_eq!(ops(&fires(&graph, "recognise-sigmoids")), ["Softmax", "Sigmoid"]);
        }
        let swishes = [
            spelt(|b, x| {
                let sum = one_and_exponential(b, x);
                b.node(Op::Binary(Binary::Div), &[x, sum])
            }),
            spelt(|b, x| {
                let gate = b.node(Op::Unary(Unary::Act(Activation::Sigmoid)), &[x]);
                b.node(Op::Binary(Binary::Mul), &[gate, x])
            }),
        ];
        for graph in swishes {
            assert_eq!(ops(&fires(&graph, "recognise-sigmoids")), ["Softmax", "Swish"]);
        }
    }
}
