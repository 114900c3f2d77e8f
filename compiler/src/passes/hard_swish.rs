//! Hard-swish spelled in several operators.

use super::numbers::uniform;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, Node, Op, Tensor, Unary, ValueId};

/// Relative rounding a spelling may have: constants such as 1/6 are f32.
const TOLERANCE: f64 = 1e-6;
/// Multiplications a product may be nested in.
const MAX_DEPTH: usize = 4;

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    if let Op::Binary(Binary::Mul | Binary::Div) = node.op
        && let Some((x, factor, origin)) = recognise(sweep, &node)
        && sweep.ty(x) == sweep.ty(node.output)
    {
        let origin = join(&origin, &node.origin);
        let (output, ty) = (node.output, sweep.ty(node.output).clone());
        let exact = near(factor, 1.0);
        let swish = if exact { output } else { sweep.add_value(output, ty) };
        let op = Op::Unary(Unary::Act(Activation::HardSwish));
        if exact {
            sweep.note(&node, "x * clamp(x / 6 + 1/2, 0, 1) is hard-swish");
        } else {
            sweep.note(&node, format!("x * clamp(x / 6 + 1/2, 0, 1) is hard-swish, here times {factor}"));
        }
        sweep.emit(Node { op, inputs: vec![Some(x)], output: swish, origin: origin.clone() });
        if !exact {
            let scale = sweep.add_constant(output, Tensor::f32([], [factor as f32]));
            let inputs = vec![Some(swish), Some(scale)];
            sweep.emit(Node { op: Op::Binary(Binary::Mul), inputs, output, origin });
        }
        return;
    }
    if let Some(x) = undone(sweep, &node) {
        sweep.note(&node, "its factors come to 1");
        return sweep.replace(node, x);
    }
    sweep.emit(node);
}

/// The value that constants multiply and divide by as much, such as the 6 of a hard-swish that is divided by 6 in the end.
fn undone(sweep: &Sweep, node: &Node) -> Option<ValueId> {
    if !matches!(node.op, Op::Binary(Binary::Mul | Binary::Div)) {
        return None;
    }
    let [factor] = &factors(sweep, node)?[..] else { return None };
    let same = |step: &&Step| near(step.constant, 1.0) && sweep.ty(step.value) == sweep.ty(node.output);
    factor.iter().skip(1).find(same).map(|step| step.value)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs()
}

/// A product of constants and two values, one of which is a clamped affine of the other: `x`, and the factor of its
/// hard-swish, which is not 1 where a constant such as 1/6 was rounded.
fn recognise(sweep: &Sweep, node: &Node) -> Option<(ValueId, f64, Vec<String>)> {
    let factors = factors(sweep, node)?;
    let [a, b] = &factors[..] else { return None };
    let pairs = [(a, b), (b, a)].into_iter().filter_map(|(x, gate)| Some((x, gate.last()?)));
    let mut pairs = pairs.flat_map(|(x, gate)| x.iter().map(move |x| (x, gate)));
    pairs.find_map(|(x, gate)| {
        let (slope, offset, top, names) = gate_of(sweep, x.value, gate.value)?;
        let factor = x.constant * gate.constant * top;
        let names = || join(&join(&names, &x.origin), &gate.origin);
        (factor.is_finite() && factor != 0.0 && near(6.0 * slope, top) && near(2.0 * offset, top))
            .then(|| (x.value, factor, names()))
    })
}

/// A value that a factor of a product can be read as, times a constant.
#[derive(Debug, Clone)]
struct Step {
    value: ValueId,
    constant: f64,
    origin: Vec<String>,
}

/// The factors of a product that are no constants, at most two, each as it is and without the constants in it one by one: which of
/// these the other factor is made from, only that one shows. The constants outside belong to the first factor.
fn factors<'a>(sweep: &'a Sweep, mut node: &'a Node) -> Option<Vec<Vec<Step>>> {
    let mut outside = Step { value: node.output, constant: 1.0, origin: Vec::new() };
    let mut steps = vec![outside.clone()];
    for _ in 0..=MAX_DEPTH {
        if let (Op::Binary(Binary::Mul), &[Some(a), Some(b)]) = (&node.op, &node.inputs[..])
            && let (None, None) = (sweep.constant(Some(a)), sweep.constant(Some(b)))
        {
            let first = Step { value: a, ..outside };
            let second = Step { value: b, constant: 1.0, origin: Vec::new() };
            return Some(vec![scaled(sweep, first), scaled(sweep, second)]);
        }
        let Some(inner) = unscaled(sweep, node, &outside) else { break };
        outside = inner;
        steps.push(outside.clone());
        let Some(producer) = sweep.producer(outside.value) else { break };
        node = producer;
        outside.origin = join(&node.origin, &outside.origin);
    }
    (steps.len() > 1).then(|| vec![steps])
}

/// A value, and what is left of it without one constant after the other.
fn scaled(sweep: &Sweep, value: Step) -> Vec<Step> {
    let mut steps = vec![value];
    while let Some(last) = steps.last().filter(|_| steps.len() <= MAX_DEPTH)
        && let Some(node) = sweep.producer(last.value)
        && let Some(mut inner) = unscaled(sweep, node, last)
    {
        inner.origin = join(&node.origin, &inner.origin);
        steps.push(inner);
    }
    steps
}

/// What a node multiplies or divides by one number, if it does.
fn unscaled(sweep: &Sweep, node: &Node, product: &Step) -> Option<Step> {
    let &[Some(a), Some(b)] = &node.inputs[..] else { return None };
    let number = |id| sweep.constant(Some(id)).map(uniform);
    let (value, constant) = match (&node.op, number(a), number(b)) {
        (Op::Binary(Binary::Mul), Some(k), None) => (b, product.constant * k?),
        (Op::Binary(Binary::Mul), None, Some(k)) => (a, product.constant * k?),
        (Op::Binary(Binary::Div), None, Some(k)) => (a, product.constant / k?),
        _ => return None,
    };
    Some(Step { value, constant, origin: product.origin.clone() })
}

/// `clamp(slope * x + offset, 0, top)`: slope, offset, top, and the names of its nodes.
fn gate_of(sweep: &Sweep, x: ValueId, gate: ValueId) -> Option<(f64, f64, f64, Vec<String>)> {
    let node = sweep.producer(gate)?;
    let mut at = (*node.inputs.first()?)?;
    let mut names = node.origin.clone();
    let (mut slope, mut offset, top) = match node.op {
        Op::Unary(Unary::Act(Activation::HardSigmoid { alpha, beta })) => (f64::from(alpha), f64::from(beta), 1.0),
        Op::Unary(Unary::Act(Activation::Clamp { lo: 0.0, hi })) => (1.0, 0.0, f64::from(hi)),
        _ => return None,
    };
    for _ in 0..MAX_DEPTH {
        if at == x {
            return Some((slope, offset, top, names));
        }
        let node = sweep.producer(at)?;
        let Op::Binary(binary) = &node.op else { return None };
        let &[Some(a), Some(b)] = &node.inputs[..] else { return None };
        let (next, k, first) = match (sweep.constant(Some(a)), sweep.constant(Some(b))) {
            (None, Some(k)) => (a, uniform(k)?, true),
            (Some(k), None) => (b, uniform(k)?, false),
            _ => return None,
        };
        match (binary, first) {
            (Binary::Add, _) => offset += slope * k,
            (Binary::Sub, true) => offset -= slope * k,
            (Binary::Mul, _) => slope *= k,
            (Binary::Div, true) => slope /= k,
            _ => return None,
        }
        names = join(&node.origin, &names);
        at = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{Activation, Binary, DType, Op, Unary, ValueId};

    fn spelt(spell: impl Fn(&mut Builder, ValueId) -> ValueId) -> crate::graph::Graph {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
        let x = b.conv(b.input(), 8, 1, 1, [0; 4]);
        let y = spell(&mut b, x);
        b.finish(y)
    }

    fn binary(b: &mut Builder, op: Binary, x: ValueId, y: ValueId) -> ValueId {
        b.node(Op::Binary(op), &[x, y])
    }

    #[test]
    fn every_spelling_is_one_activation() {
        let shifted = |b: &mut Builder, x| {
            let three = b.scalar(3.0);
            let sum = binary(b, Binary::Add, three, x);
            b.clamp(sum, 0.0, 6.0)
        };
        let graphs = [
            spelt(|b, x| {
                let gate = shifted(b, x);
                let product = binary(b, Binary::Mul, x, gate);
                let six = b.scalar(6.0);
                binary(b, Binary::Div, product, six)
            }),
            spelt(|b, x| {
                let gate = shifted(b, x);
                let six = b.scalar(6.0);
                let gate = binary(b, Binary::Div, gate, six);
                binary(b, Binary::Mul, gate, x)
            }),
            spelt(|b, x| {
                let gate = shifted(b, x);
                let sixth = b.constant(&[1], &[1.0 / 6.0]);
                let scaled = binary(b, Binary::Mul, sixth, x);
                binary(b, Binary::Mul, scaled, gate)
            }),
            spelt(|b, x| {
                let gate = b.node(Op::Unary(Unary::Act(Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 })), &[x]);
                binary(b, Binary::Mul, x, gate)
            }),
        ];
        for graph in graphs {
            let canonical = fires(&graph, "recognise-hard-swish");
            let [node] = &canonical.nodes[..] else { panic!("{canonical}") };
            assert!(matches!(&node.op, Op::Conv(conv) if conv.activation == Activation::HardSwish));
        }
    }

    /// What is multiplied by its gate may itself be a product: of two maps, or of a number.
    #[test]
    fn the_argument_may_be_a_product() {
        let hard_sigmoid = |b: &mut Builder, x| {
            b.node(Op::Unary(Unary::Act(Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 })), &[x])
        };
        let squeezed = spelt(|b, x| {
            let mean = b.node(Op::GlobalAveragePool, &[x]);
            let gate = b.conv(mean, 8, 1, 1, [0; 4]);
            let gate = hard_sigmoid(b, gate);
            let y = binary(b, Binary::Mul, x, gate);
            let gate = hard_sigmoid(b, y);
            binary(b, Binary::Mul, y, gate)
        });
        let canonical = fires(&squeezed, "recognise-hard-swish");
        assert_eq!(ops(&canonical).iter().filter(|op| **op == "HardSwish").count(), 1, "{canonical}");
        let doubled = spelt(|b, x| {
            let two = b.scalar(2.0);
            let mean = b.node(Op::GlobalAveragePool, &[x]);
            let y = binary(b, Binary::Mul, x, mean);
            let y = binary(b, Binary::Mul, two, y);
            let gate = hard_sigmoid(b, y);
            binary(b, Binary::Mul, gate, y)
        });
        let canonical = fires(&doubled, "recognise-hard-swish");
        assert_eq!(ops(&canonical).last(), Some(&"HardSwish"), "{canonical}");
    }

    #[test]
    fn a_rounded_sixth_leaves_a_factor() {
        let graph = spelt(|b, x| {
            let (three, sixth) = (b.scalar(3.0), b.scalar(0.166_625_98));
            let sum = binary(b, Binary::Add, three, x);
            let gate = b.clamp(sum, 0.0, 6.0);
            let scaled = binary(b, Binary::Mul, sixth, x);
            let y = binary(b, Binary::Mul, scaled, gate);
            b.conv(y, 4, 3, 1, [1; 4])
        });
        assert_eq!(ops(&fires(&graph, "recognise-hard-swish")), ["Conv", "Conv"]);
    }

    #[test]
    fn other_products_stay() {
        let graph = spelt(|b, x| {
            let gate = b.node(Op::Unary(Unary::Act(Activation::HardSigmoid { alpha: 0.2, beta: 0.5 })), &[x]);
            binary(b, Binary::Mul, x, gate)
        });
        assert_eq!(ops(&rewritten(&graph)), ["Conv", "HardSigmoid", "Mul"]);
    }
}
