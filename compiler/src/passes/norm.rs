//! A vector divided by its norm, spelled in several operators.

use super::numbers::uniform;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, DType, Node, Op, Unary, ValueId};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    let found = match (&node.op, &node.inputs[..]) {
        (Op::Binary(Binary::Div), &[Some(x), Some(d)]) => recognise(sweep, &node, x, d, false),
        (Op::Binary(Binary::Mul), &[Some(a), Some(b)]) => {
            recognise(sweep, &node, a, b, true).or_else(|| recognise(sweep, &node, b, a, true))
        }
        _ => None,
    };
    let Some((x, op, origin)) = found else { return sweep.emit(node) };
    sweep.note(&node, "a vector divided by its norm");
    sweep.emit(Node { op, inputs: vec![Some(x)], output: node.output, origin: join(&origin, &node.origin) });
}

/// A walk up from a divisor to what it is made of.
pub(super) struct Spelling<'s, 'g> {
    sweep: &'s Sweep<'g>,
    pub origin: Vec<String>,
    /// The values that were passed.
    passed: Vec<ValueId>,
}

fn recognise(
    sweep: &Sweep,
    node: &Node,
    x: ValueId,
    divisor: ValueId,
    inverse: bool,
) -> Option<(ValueId, Op, Vec<String>)> {
    if sweep.ty(x) != sweep.ty(node.output) || sweep.ty(x).dtype != DType::F32 {
        return None;
    }
    let mut norm = Spelling::new(sweep);
    let mut at = norm.skip_views(divisor);
    let mut rooted = false;
    if inverse {
        at = norm.inverse(at, &mut rooted)?;
    }
    let mut epsilon = 0.0;
    if !rooted {
        (at, epsilon) = norm.bounded(at);
    }
    let mut p = 1;
    let mut sum = at;
    if rooted {
        p = 2;
    } else if let Some(square) = norm.root(at) {
        (p, sum) = (2, square);
    }
    if p == 2 {
        let (inner, bound) = norm.bounded(sum);
        sum = inner;
        epsilon = f64::max(epsilon, bound.max(0.0).sqrt());
    }
    let (terms, axis) = norm.sum(sum)?;
    if !norm.divides_rows(x, axis) {
        return None;
    }
    let same = match p {
        2 => norm.squared(terms)? == x,
        _ => norm.absolute(terms)? == x,
    };
    let op = Op::LpNormalize { axis, p, epsilon: epsilon as f32 };
    same.then_some((x, op, norm.origin))
}

impl<'s, 'g> Spelling<'s, 'g> {
    pub fn new(sweep: &'s Sweep<'g>) -> Self {
        Self { sweep, origin: Vec::new(), passed: Vec::new() }
    }

    /// Whether what was passed divides each row of `x` along `axis` by the number that was computed from it: a reduction that
    /// dropped its axis may have been broadcast along another one.
    pub fn divides_rows(&self, x: ValueId, axis: usize) -> bool {
        let shape = self.sweep.shape(x);
        let mut rows = shape.to_vec();
        rows[axis] = 1;
        let aligned = |id: ValueId| {
            let own = self.sweep.shape(id);
            let mut all = vec![1; shape.len().saturating_sub(own.len())];
            all.extend(own);
            all
        };
        let broadcast = |id: ValueId| [&rows[..], shape].contains(&&aligned(id)[..]);
        let step = |pair: &[ValueId]| {
            let (outer, inner) = (aligned(pair[0]), aligned(pair[1]));
            let view = self.peek(pair[0]).is_some_and(|(op, _)| *op == Op::Reshape);
            let same =
                if view { outer.iter().product::<usize>() == rows.iter().product::<usize>() } else { outer == inner };
            same || (broadcast(pair[0]) && inner == rows)
        };
        self.passed.first().is_none_or(|&divisor| broadcast(divisor)) && self.passed.windows(2).all(step)
    }

    pub fn step(&mut self, id: ValueId) -> Option<&Node> {
        let node = self.sweep.producer(id)?;
        self.passed.push(id);
        self.origin = join(&node.origin, &self.origin);
        Some(node)
    }

    fn peek(&self, id: ValueId) -> Option<(&Op, &[Option<ValueId>])> {
        self.sweep.producer(id).map(|node| (&node.op, &node.inputs[..]))
    }

    fn number(&self, id: ValueId) -> Option<f64> {
        self.sweep.constant(Some(id)).and_then(uniform)
    }

    /// Past broadcasts and views, which leave the numbers as they are.
    pub fn skip_views(&mut self, mut id: ValueId) -> ValueId {
        while let Some((Op::Expand | Op::Reshape | Op::Identity, &[Some(x)])) = self.peek(id) {
            self.step(id);
            id = x;
        }
        id
    }

    /// What a value is the inverse of; `rooted` where it is the inverse of a square root.
    pub fn inverse(&mut self, id: ValueId, rooted: &mut bool) -> Option<ValueId> {
        let x = match self.peek(id)? {
            (Op::Unary(Unary::Reciprocal), &[Some(x)]) => x,
            (Op::Binary(Binary::Div), &[Some(one), Some(x)]) if self.number(one) == Some(1.0) => x,
            (Op::Binary(Binary::Pow), &[Some(x), Some(k)]) if self.number(k) == Some(-0.5) => {
                *rooted = true;
                x
            }
            _ => return None,
        };
        self.step(id);
        Some(self.skip_views(x))
    }

    /// Past a lower bound.
    fn bounded(&mut self, id: ValueId) -> (ValueId, f64) {
        let found = match self.peek(id) {
            Some((&Op::Unary(Unary::Act(Activation::Clamp { lo, hi: f32::INFINITY })), &[Some(x)])) if lo >= 0.0 => {
                Some((x, f64::from(lo)))
            }
            Some((Op::Binary(Binary::Max), &[Some(a), Some(b)])) => match (self.number(a), self.number(b)) {
                (Some(k), None) if k >= 0.0 => Some((b, k)),
                (None, Some(k)) if k >= 0.0 => Some((a, k)),
                _ => None,
            },
            _ => None,
        };
        match found {
            Some((x, bound)) => {
                self.step(id);
                (self.skip_views(x), bound)
            }
            None => (id, 0.0),
        }
    }

    /// What a value is the square root of.
    fn root(&mut self, id: ValueId) -> Option<ValueId> {
        let x = match self.peek(id)? {
            (Op::Unary(Unary::Sqrt), &[Some(x)]) => x,
            (Op::Binary(Binary::Pow), &[Some(x), Some(k)]) if self.number(k) == Some(0.5) => x,
            _ => return None,
        };
        self.step(id);
        Some(self.skip_views(x))
    }

    /// The terms of a sum along one axis, and the axis: a mean times the number of its elements.
    pub fn sum(&mut self, id: ValueId) -> Option<(ValueId, usize)> {
        let (mean, count) = match self.peek(id)? {
            (Op::Binary(Binary::Mul), &[Some(a), Some(b)]) => match (self.number(a), self.number(b)) {
                (Some(k), None) => (b, k),
                (None, Some(k)) => (a, k),
                _ => return None,
            },
            _ => (id, 1.0),
        };
        if mean != id {
            self.step(id);
        }
        let mean = self.skip_views(mean);
        let (Op::ReduceMean { axes, .. }, &[Some(terms)]) = self.peek(mean)? else { return None };
        let shape = self.sweep.shape(terms);
        // All reduced axes but one hold one element.
        let mut long = axes.iter().copied().filter(|&axis| shape[axis] != 1);
        let axis = long.next().or_else(|| axes.first().copied())?;
        let fits = long.next().is_none() && (count - shape[axis] as f64).abs() < 1e-6 * count;
        self.step(mean);
        fits.then_some((terms, axis))
    }

    /// What a value is the square of.
    fn squared(&mut self, id: ValueId) -> Option<ValueId> {
        let x = match self.peek(id)? {
            (Op::Binary(Binary::Mul), &[Some(a), Some(b)]) if a == b => a,
            (Op::Binary(Binary::Pow), &[Some(x), Some(k)]) if self.number(k) == Some(2.0) => x,
            _ => return None,
        };
        self.step(id);
        Some(x)
    }

    /// What a value is the absolute value of: the larger of it and its negative.
    fn absolute(&mut self, id: ValueId) -> Option<ValueId> {
        let (Op::Binary(Binary::Max), &[Some(x), Some(negative)]) = self.peek(id)? else { return None };
        let (Op::Unary(Unary::Neg), &[Some(inner)]) = self.peek(negative)? else { return None };
        self.step(negative);
        self.step(id);
        (inner == x).then_some(x)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{Binary, DType, Graph, Op, Unary, ValueId};

    fn spelt(spell: impl Fn(&mut Builder, ValueId, ValueId) -> ValueId) -> Graph {
        let mut b = Builder::new(1, DType::F32, &[1, 5]);
        let x = b.input();
        let squares = b.node(Op::Binary(Binary::Mul), &[x, x]);
        let mean = b.node(Op::ReduceMean { axes: vec![1], keep_dims: true }, &[squares]);
        let count = b.scalar(5.0);
        let sum = b.node(Op::Binary(Binary::Mul), &[mean, count]);
        let y = spell(&mut b, x, sum);
        b.finish(y)
    }

    #[test]
    fn spellings_of_the_norm() {
        let root = |b: &mut Builder, x| b.node(Op::Unary(Unary::Sqrt), &[x]);
        let graphs = [
            spelt(|b, x, sum| {
                let norm = root(b, sum);
                b.node(Op::Binary(Binary::Div), &[x, norm])
            }),
            // torch's normalize: a clip, and the norm expanded.
            spelt(|b, x, sum| {
                let norm = root(b, sum);
                let norm = b.clamp(norm, 1e-12, f32::INFINITY);
                let norm = b.expand(norm, &[1, 5]);
                b.node(Op::Binary(Binary::Div), &[x, norm])
            }),
            // TensorFlow's l2_normalize: times the inverse root of the bounded sum.
            spelt(|b, x, sum| {
                let least = b.scalar(1e-12);
                let sum = b.node(Op::Binary(Binary::Max), &[sum, least]);
                let norm = root(b, sum);
                let inverse = b.node(Op::Unary(Unary::Reciprocal), &[norm]);
                b.node(Op::Binary(Binary::Mul), &[inverse, x])
            }),
            spelt(|b, x, sum| {
                let half = b.scalar(-0.5);
                let inverse = b.node(Op::Binary(Binary::Pow), &[sum, half]);
                b.node(Op::Binary(Binary::Mul), &[x, inverse])
            }),
        ];
        for graph in graphs {
            assert_eq!(ops(&fires(&graph, "recognise-norms")), ["LpNormalize"]);
        }
    }

    #[test]
    fn bounds_of_the_sum_are_those_of_the_norm_squared() {
        let graph = spelt(|b, x, sum| {
            let sum = b.clamp(sum, 9.0, f32::INFINITY);
            let norm = b.node(Op::Unary(Unary::Sqrt), &[sum]);
            b.node(Op::Binary(Binary::Div), &[x, norm])
        });
        let canonical = fires(&graph, "recognise-norms");
        assert_eq!(canonical.nodes[0].op, Op::LpNormalize { axis: 1, p: 2, epsilon: 3.0 });
    }

    #[test]
    fn a_sum_of_absolute_values() {
        let mut b = Builder::new(1, DType::F32, &[1, 5]);
        let negative = b.node(Op::Unary(Unary::Neg), &[b.input()]);
        let absolute = b.node(Op::Binary(Binary::Max), &[b.input(), negative]);
        let mean = b.node(Op::ReduceMean { axes: vec![1], keep_dims: true }, &[absolute]);
        let count = b.scalar(5.0);
        let sum = b.node(Op::Binary(Binary::Mul), &[mean, count]);
        let y = b.node(Op::Binary(Binary::Div), &[b.input(), sum]);
        let graph = b.finish(y);
        assert_eq!(fires(&graph, "recognise-norms").nodes[0].op, Op::LpNormalize { axis: 1, p: 1, epsilon: 0.0 });
    }

    #[test]
    fn a_mean_is_no_sum() {
        let graph = spelt(|b, x, sum| {
            let half = b.scalar(0.5);
            let mean = b.node(Op::Binary(Binary::Mul), &[sum, half]);
            let norm = b.node(Op::Unary(Unary::Sqrt), &[mean]);
            b.node(Op::Binary(Binary::Div), &[x, norm])
        });
        assert!(!ops(&rewritten(&graph)).contains(&"LpNormalize"));
    }
}
