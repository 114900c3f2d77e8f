//! Activations spelled as arithmetic: `6 - relu(6 - relu(x))`, `relu(x) - relu(x - 6)`, `max(x, 0.1 x)` ...

use super::numbers::uniform;
use super::piecewise::Piecewise;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, DType, Node, Op, Unary, ValueId};

/// Nodes that a spelling may have.
const MAX_NODES: usize = 24;

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let arithmetic = match &node.op {
        Op::Binary(_) | Op::Unary(Unary::Neg) => true,
        Op::Unary(Unary::Act(Activation::Clamp { .. })) => {
            let inner = node.inputs.first().copied().flatten().and_then(|x| sweep.producer(x));
            inner.is_some_and(|inner| matches!(inner.op, Op::Binary(_) | Op::Unary(Unary::Neg)))
        }
        _ => false,
    };
    let found = if arithmetic { recognise(sweep, &node) } else { None };
    let Some((x, activation, origin)) = found else { return sweep.emit(node) };
    if activation == Activation::NONE {
        if !sweep.replaceable(node.output, x) {
            return sweep.emit(node);
        }
        sweep.note(&node, "arithmetic that gives what it is given");
        return sweep.replace(node, x);
    }
    sweep.note(&node, format!("arithmetic of straight pieces that amounts to {activation}"));
    let op = Op::Unary(Unary::Act(activation));
    sweep.emit(Node { op, inputs: vec![Some(x)], output: node.output, origin: join(&origin, &node.origin) });
}

/// The activation of a value that at least two nodes amount to; of several, that of the value furthest above.
fn recognise(sweep: &Sweep, node: &Node) -> Option<(ValueId, Activation, Vec<String>)> {
    if sweep.ty(node.output).dtype != DType::F32 {
        return None;
    }
    sources(sweep, node).into_iter().rev().find_map(|source| {
        let mut walk = Walk { sweep, source, left: MAX_NODES, origin: Vec::new() };
        let function = walk.node(node)?;
        if MAX_NODES - walk.left < 2 {
            return None;
        }
        let activation = function.activation()?;
        (sweep.ty(source) == sweep.ty(node.output)).then_some((source, activation, walk.origin))
    })
}

/// Values above a node, the nearest first.
fn sources(sweep: &Sweep, node: &Node) -> Vec<ValueId> {
    let mut found: Vec<ValueId> = Vec::new();
    let add = |found: &mut Vec<ValueId>, node: &Node| {
        for &id in node.inputs.iter().flatten() {
            if sweep.constant(Some(id)).is_none() && !found.contains(&id) && found.len() < MAX_NODES {
                found.push(id);
            }
        }
    };
    add(&mut found, node);
    let mut at = 0;
    while let Some(&id) = found.get(at) {
        at += 1;
        if let Some(above) = sweep.producer(id).filter(|above| matches!(above.op, Op::Binary(_) | Op::Unary(_))) {
            add(&mut found, above);
        }
    }
    found
}

/// What nodes make of one value.
pub(super) struct Walk<'s, 'g> {
    pub sweep: &'s Sweep<'g>,
    /// The value that everything is a function of.
    pub source: ValueId,
    /// Nodes that may still be visited.
    pub left: usize,
    /// Names of the nodes visited.
    pub origin: Vec<String>,
}

impl Walk<'_, '_> {
    pub fn value(&mut self, id: ValueId) -> Option<Piecewise> {
        if id == self.source {
            return Some(Piecewise::identity());
        }
        let sweep = self.sweep;
        let node = sweep.producer(id)?;
        self.origin = join(&node.origin, &self.origin);
        self.node(node)
    }

    fn node(&mut self, node: &Node) -> Option<Piecewise> {
        self.left = self.left.checked_sub(1)?;
        match (&node.op, &node.inputs[..]) {
            (Op::Unary(Unary::Neg), &[Some(x)]) => Some(self.value(x)?.affine(-1.0, 0.0)),
            (&Op::Unary(Unary::Act(activation)), &[Some(x)]) => self.value(x)?.activated(activation),
            (Op::Binary(binary), &[Some(a), Some(b)]) => self.binary(*binary, a, b, node.output),
            _ => None,
        }
    }

    fn binary(&mut self, op: Binary, a: ValueId, b: ValueId, output: ValueId) -> Option<Piecewise> {
        let number = |id| match self.sweep.constant(Some(id)) {
            Some(constant) => uniform(constant).filter(|k| k.is_finite()).map(Some),
            None => Some(None),
        };
        let (ka, kb) = (number(a)?, number(b)?);
        let data = if ka.is_some() { b } else { a };
        if self.sweep.ty(data) != self.sweep.ty(output) {
            return None;
        }
        let bound = |lo: f32, hi: f32| Activation::Clamp { lo, hi };
        match (op, ka, kb) {
            (Binary::Add, Some(k), None) => Some(self.value(b)?.affine(1.0, k)),
            (Binary::Add, None, Some(k)) => Some(self.value(a)?.affine(1.0, k)),
            (Binary::Sub, Some(k), None) => Some(self.value(b)?.affine(-1.0, k)),
            (Binary::Sub, None, Some(k)) => Some(self.value(a)?.affine(1.0, -k)),
            (Binary::Mul, Some(k), None) => Some(self.value(b)?.affine(k, 0.0)),
            (Binary::Mul, None, Some(k)) => Some(self.value(a)?.affine(k, 0.0)),
            (Binary::Div, None, Some(k)) if k != 0.0 => Some(self.value(a)?.affine(1.0 / k, 0.0)),
            (Binary::Min, Some(k), None) => self.value(b)?.activated(bound(f32::NEG_INFINITY, k as f32)),
            (Binary::Min, None, Some(k)) => self.value(a)?.activated(bound(f32::NEG_INFINITY, k as f32)),
            (Binary::Max, Some(k), None) => self.value(b)?.activated(bound(k as f32, f32::INFINITY)),
            (Binary::Max, None, Some(k)) => self.value(a)?.activated(bound(k as f32, f32::INFINITY)),
            (_, None, None) => {
                let (f, g) = (self.value(a)?, self.value(b)?);
                match op {
                    Binary::Add => Some(f.plus(&g)),
                    Binary::Sub => Some(f.plus(&g.affine(-1.0, 0.0))),
                    Binary::Min => Some(f.smaller(&g)),
                    Binary::Max => Some(f.larger(&g)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Activation, Binary, DType, Graph, Op, Unary, ValueId};

    const RELU: Activation = Activation::Clamp { lo: 0.0, hi: f32::INFINITY };

    fn spelt(spell: impl Fn(&mut Builder, ValueId) -> ValueId) -> Graph {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
        let x = b.conv(b.input(), 8, 1, 1, [0; 4]);
        let y = spell(&mut b, x);
        b.finish(y)
    }

    fn relu(b: &mut Builder, x: ValueId) -> ValueId {
        b.node(Op::Unary(Unary::Act(RELU)), &[x])
    }

    /// `op(x, k)`, or `op(k, x)`.
    fn with(b: &mut Builder, op: Binary, x: ValueId, k: f32, first: bool) -> ValueId {
        let k = b.scalar(k);
        let inputs = if first { [x, k] } else { [k, x] };
        b.node(Op::Binary(op), &inputs)
    }

    fn neg(b: &mut Builder, x: ValueId) -> ValueId {
        b.node(Op::Unary(Unary::Neg), &[x])
    }

    #[test]
    fn spellings_of_relu6() {
        let graphs = [
            spelt(|b, x| {
                let x = relu(b, x);
                let x = with(b, Binary::Sub, x, 6.0, false);
                let x = relu(b, x);
                with(b, Binary::Sub, x, 6.0, false)
            }),
            spelt(|b, x| {
                let below = relu(b, x);
                let above = with(b, Binary::Sub, x, 6.0, true);
                let above = relu(b, above);
                b.node(Op::Binary(Binary::Sub), &[below, above])
            }),
            spelt(|b, x| {
                let x = relu(b, x);
                let x = neg(b, x);
                let x = with(b, Binary::Max, x, -6.0, true);
                neg(b, x)
            }),
            spelt(|b, x| {
                let x = relu(b, x);
                let x = with(b, Binary::Mul, x, -1.0, true);
                let x = with(b, Binary::Add, x, 6.0, false);
                let x = relu(b, x);
                let x = neg(b, x);
                with(b, Binary::Add, x, 6.0, true)
            }),
        ];
        for graph in graphs {
            let canonical = fires(&graph, "recognise-arithmetic");
            let [node] = &canonical.nodes[..] else { panic!("{canonical}") };
            let Op::Conv(conv) = &node.op else { panic!("{canonical}") };
            assert_eq!(conv.activation, Activation::Clamp { lo: 0.0, hi: 6.0 });
        }
    }

    #[test]
    fn spellings_of_leaky_relu() {
        let graphs = [
            spelt(|b, x| {
                let small = with(b, Binary::Mul, x, 0.125, true);
                b.node(Op::Binary(Binary::Max), &[x, small])
            }),
            spelt(|b, x| {
                let (positive, negative) = (relu(b, x), neg(b, x));
                let negative = relu(b, negative);
                let negative = with(b, Binary::Mul, negative, 0.125, false);
                b.node(Op::Binary(Binary::Sub), &[positive, negative])
            }),
        ];
        for graph in graphs {
            let canonical = fires(&graph, "recognise-arithmetic");
            let names = ops(&canonical);
            let activation = canonical.nodes.iter().find_map(|node| match &node.op {
                Op::Unary(Unary::Act(activation)) => Some(*activation),
                Op::Conv(conv) => Some(conv.activation).filter(|&a| a != Activation::NONE),
                _ => None,
            });
            assert_eq!(activation, Some(Activation::LeakyRelu { alpha: 0.125 }), "{names:?}");
        }
    }

    #[test]
    fn hard_swish_of_hard_arithmetic() {
        let graph = spelt(|b, x| {
            let gate = with(b, Binary::Add, x, 3.0, true);
            let gate = relu(b, gate);
            let gate = with(b, Binary::Sub, gate, 6.0, false);
            let gate = relu(b, gate);
            let gate = with(b, Binary::Sub, gate, 6.0, false);
            let gate = with(b, Binary::Div, gate, 6.0, true);
            b.node(Op::Binary(Binary::Mul), &[x, gate])
        });
        let canonical = fires(&graph, "recognise-hard-swish");
        assert_eq!(ops(&canonical), ["Conv"]);
    }

    #[test]
    fn other_arithmetic_stays() {
        let graph = spelt(|b, x| {
            let x = relu(b, x);
            with(b, Binary::Sub, x, 6.0, false)
        });
        assert_eq!(ops(&super::super::testing::rewritten(&graph)), ["Conv", "Sub"]);
    }
}
