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
    let mut product = Product { constant: 1.0, values: Vec::new(), origin: Vec::new() };
    product.multiply(sweep, node, MAX_DEPTH)?;
    let &[x] = &product.values[..] else { return None };
    (near(product.constant, 1.0) && sweep.ty(x) == sweep.ty(node.output)).then_some(x)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= TOLERANCE * b.abs()
}

/// A product of constants and two values, one of which is a clamped affine of the other: `x`, and the factor of its
/// hard-swish, which is not 1 where a constant such as 1/6 was rounded.
fn recognise(sweep: &Sweep, node: &Node) -> Option<(ValueId, f64, Vec<String>)> {
    let mut product = Product { constant: 1.0, values: Vec::new(), origin: Vec::new() };
    product.multiply(sweep, node, MAX_DEPTH)?;
    let &[a, b] = &product.values[..] else { return None };
    [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
        let (slope, offset, top, names) = gate_of(sweep, x, gate)?;
        let factor = product.constant * top;
        (factor.is_finite() && factor != 0.0 && near(6.0 * slope, top) && near(2.0 * offset, top))
            .then(|| (x, factor, join(&names, &product.origin)))
    })
}

struct Product {
    constant: f64,
    values: Vec<ValueId>,
    origin: Vec<String>,
}

impl Product {
    fn multiply(&mut self, sweep: &Sweep, node: &Node, depth: usize) -> Option<()> {
        let &[Some(a), Some(b)] = &node.inputs[..] else { return None };
        let number = |id| sweep.constant(Some(id)).map(uniform);
        match (&node.op, number(a), number(b)) {
            (Op::Binary(Binary::Mul), None, None) => {
                self.factor(sweep, a, depth)?;
                self.factor(sweep, b, depth)
            }
            (Op::Binary(Binary::Mul), Some(k), None) => {
                self.constant *= k?;
                self.factor(sweep, b, depth)
            }
            (Op::Binary(Binary::Mul), None, Some(k)) => {
                self.constant *= k?;
                self.factor(sweep, a, depth)
            }
            (Op::Binary(Binary::Div), None, Some(k)) => {
                self.constant /= k?;
                self.factor(sweep, a, depth)
            }
            _ => None,
        }
    }

    fn factor(&mut self, sweep: &Sweep, id: ValueId, depth: usize) -> Option<()> {
        if let Some(inner) = sweep.producer(id)
            && let Op::Binary(Binary::Mul | Binary::Div) = inner.op
            && depth > 0
        {
            self.origin.splice(0..0, inner.origin.iter().cloned());
            return self.multiply(sweep, inner, depth - 1);
        }
        self.values.push(id);
        (self.values.len() <= 2).then_some(())
    }
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
