//! PReLU: with one slope for all it is leaky ReLU, and it may be spelled as `relu(x) - slope * relu(-x)`.

use super::numbers::uniform;
use super::relus::Walk;
use super::sweep::{Sweep, join};
use crate::graph::{Activation, Binary, DType, Data, Node, Op, Tensor, Unary, ValueId};

/// Nodes that one side of a spelling may have.
const MAX_NODES: usize = 6;

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    match (&node.op, &node.inputs[..]) {
        (Op::PRelu, &[Some(x), Some(slope)]) => {
            let Some(alpha) = sweep.constant(Some(slope)).and_then(uniform) else { return sweep.emit(node) };
            sweep.note(&node, "one slope for all channels: leaky ReLU");
            let op = Op::Unary(Unary::Act(Activation::LeakyRelu { alpha: alpha as f32 }));
            sweep.emit(Node { op, inputs: vec![Some(x)], ..node });
        }
        (Op::Binary(Binary::Add | Binary::Sub), _) => match spelled(sweep, &node) {
            Some((x, slopes, origin)) => {
                sweep.note(&node, "relu(x) - slope * relu(-x) is PReLU");
                let slope = sweep.add_constant(node.output, slopes);
                let inputs = vec![Some(x), Some(slope)];
                sweep.emit(Node { op: Op::PRelu, inputs, origin: join(&origin, &node.origin), ..node });
            }
            None => sweep.emit(node),
        },
        _ => sweep.emit(node),
    }
}

/// `f(x) + k * g(x)`, where `f` and `g` bend at zero and the sum is `x` above it.
fn spelled(sweep: &Sweep, node: &Node) -> Option<(ValueId, Tensor, Vec<String>)> {
    let &[Some(a), Some(b)] = &node.inputs[..] else { return None };
    if sweep.ty(node.output).dtype != DType::F32 || sweep.ty(a) != sweep.ty(b) {
        return None;
    }
    let subtracts = node.op == Op::Binary(Binary::Sub);
    let orders: &[(ValueId, ValueId)] = if subtracts { &[(a, b)] } else { &[(a, b), (b, a)] };
    orders.iter().find_map(|&(plain, scaled)| {
        let (slopes, factor, g, origin) = product(sweep, scaled)?;
        let factors = slopes.as_f32().filter(|_| slopes.dtype == DType::F32)?;
        let source = sweep.producer(plain)?.inputs.first().copied()??;
        let mut walk = Walk { sweep, source, left: 2 * MAX_NODES, origin };
        let (f, g) = (walk.value(plain)?.hinge()?, walk.value(g)?.hinge()?);
        let sign = if subtracts { -1.0 } else { 1.0 };
        if f[1] != 1.0 || g[1] != 0.0 || sweep.ty(source) != sweep.ty(node.output) {
            return None;
        }
        let below: Vec<f32> = factors.iter().map(|&k| (f[0] + sign * factor * f64::from(k) * g[0]) as f32).collect();
        let tensor = Tensor { data: Data::F32(below.into()), ..slopes.clone() };
        Some((source, tensor, walk.origin))
    })
}

/// The slopes that a value is multiplied by, a factor of all, what is multiplied, and the names of the products.
fn product<'s>(sweep: &'s Sweep, mut at: ValueId) -> Option<(&'s Tensor, f64, ValueId, Vec<String>)> {
    let (mut slopes, mut factor, mut origin) = (None, 1.0, Vec::new());
    while let Some(Node { op: Op::Binary(op @ (Binary::Mul | Binary::Div)), inputs, origin: names, .. }) =
        sweep.producer(at)
    {
        let &[Some(p), Some(q)] = &inputs[..] else { return None };
        let (constant, x) = match (op, sweep.constant(Some(p)), sweep.constant(Some(q))) {
            (_, None, Some(constant)) => (constant, p),
            (Binary::Mul, Some(constant), None) => (constant, q),
            _ => break,
        };
        match (op, uniform(constant)) {
            (Binary::Div, Some(k)) => factor /= k,
            (Binary::Div, None) => break,
            (_, Some(k)) if slopes.is_some() || constant.len() == 1 => factor *= k,
            _ if slopes.is_some() => return None,
            _ => slopes = Some(constant),
        }
        origin = join(names, &origin);
        at = x;
    }
    Some((slopes?, factor, at, origin))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{Activation, Binary, DType, Op, Unary};

    #[test]
    fn one_slope_is_leaky_relu() {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
        let x = b.node(Op::Softmax { axis: 1, flat: false, log: false }, &[b.input()]);
        let slope = b.constant(&[3, 1, 1], &[0.25; 3]);
        let y = b.node(Op::PRelu, &[x, slope]);
        let graph = b.finish(y);
        assert_eq!(ops(&fires(&graph, "recognise-prelu")), ["Softmax", "LeakyRelu"]);
    }

    /// `relu(x) + slope * (x - |x|) * 0.5`, as Keras and Caffe write it.
    #[test]
    fn slopes_of_a_difference_by_the_absolute_value() {
        for halved_last in [false, true] {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
            let x = b.input();
            let positive = b.clamp(x, 0.0, f32::INFINITY);
            let negative = b.node(Op::Unary(Unary::Neg), &[x]);
            let absolute = b.node(Op::Binary(Binary::Max), &[x, negative]);
            let twice = b.node(Op::Binary(Binary::Sub), &[x, absolute]);
            let slope = b.constant(&[3, 1, 1], &[0.25, -0.5, 0.0]);
            let half = b.scalar(0.5);
            let [first, second] = if halved_last { [slope, half] } else { [half, slope] };
            let y = b.node(Op::Binary(Binary::Mul), &[first, twice]);
            let y = b.node(Op::Binary(Binary::Mul), &[y, second]);
            let y = b.node(Op::Binary(Binary::Add), &[positive, y]);
            let graph = b.finish(y);
            assert_eq!(ops(&fires(&graph, "recognise-prelu")), ["PRelu"]);
        }
    }

    #[test]
    fn slopes_per_channel_in_arithmetic() {
        for subtract in [false, true] {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
            let relu = Op::Unary(Unary::Act(Activation::Clamp { lo: 0.0, hi: f32::INFINITY }));
            let positive = b.node(relu.clone(), &[b.input()]);
            let negative = b.node(Op::Unary(Unary::Neg), &[b.input()]);
            let negative = b.node(relu, &[negative]);
            let slope = b.constant(&[3, 1, 1], &[0.25, -0.5, 0.0]);
            let scaled = b.node(Op::Binary(Binary::Mul), &[slope, negative]);
            let op = if subtract { Binary::Sub } else { Binary::Add };
            let y = b.node(Op::Binary(op), &[positive, scaled]);
            let graph = b.finish(y);
            assert_eq!(ops(&fires(&graph, "recognise-prelu")), ["PRelu"]);
        }
    }
}
