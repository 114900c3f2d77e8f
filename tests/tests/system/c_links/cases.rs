//! The cases.

use super::bench::{After, Bench, NOTHING, POINT, Tensor};
use mobilenet_compiler::graph::{Activation, DType, Window};
use mobilenet_compiler::network::Layout;
use mobilenet_compiler::plan::{Link, LinkOp, Map, Op, Target};

const RELU6: Activation = Activation::Clamp { lo: 0.0, hi: 6.0 };

/// A square window with as much border on each side.
fn window(kernel: usize, stride: usize, pad: i64) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pads: [pad; 4] }
}

fn out(w: &Window, [h, width, _]: [usize; 3], channels: usize) -> [usize; 3] {
    let size = |axis: usize, n: usize| {
        let border = usize::try_from(w.pads[axis] + w.pads[axis + 2]).unwrap_or(0);
        (n + border - (w.kernel[axis] - 1) * w.dilation[axis] - 1) / w.stride[axis] + 1
    };
    [size(0, h), size(1, width), channels]
}

/// All of them in one plan, each with outputs of its own.
pub fn all() -> Bench {
    let (mut bench, input, x) = Bench::new(1, [11, 13, 20], 4);
    let of = (input, &x);
    let b = &mut bench;
    for (k, n) in [(20, 27), (7, 40), (45, 8)] {
        pointwise(b, of, k, n);
    }
    for (kernel, group) in [(5, 2), (7, 1), (3, 4)] {
        inverted(b, of, kernel, group);
    }
    strided(b, of);
    gated(b, of);
    mean_by_parts(b, of);
    dense_twice(b, of);
    arrays(b, of);
    concatenation(b, of);
    several_kinds(b, of);
    elementwise_sum(b, of);
    let dilated = Window { kernel: [3, 3], stride: [1; 2], dilation: [2, 3], pads: [2, 3, 2, 3] };
    let lopsided = Window { kernel: [5, 5], stride: [2; 2], dilation: [1; 2], pads: [1, 1, 2, 2] };
    let far = window(3, 1, 2);
    for (kernel, stride) in [(3, 1), (3, 2), (5, 1), (7, 1), (7, 2)] {
        single(b, of, &LinkOp::Depthwise, window(kernel, stride, kernel as i64 / 2), 20);
    }
    for w in [dilated, lopsided, far] {
        single(b, of, &LinkOp::Depthwise, w, 20);
    }
    single(b, of, &LinkOp::Conv { groups: 1 }, window(3, 2, 1), 21);
    single(b, of, &LinkOp::Conv { groups: 4 }, window(3, 1, 1), 28);
    single(b, of, &LinkOp::Conv { groups: 20 }, window(5, 2, 2), 40);
    for op in [
        LinkOp::MaxPool,
        LinkOp::AveragePool { count_include_pad: false },
        LinkOp::AveragePool { count_include_pad: true },
    ] {
        single(b, of, &op, Window { pads: [1, 1, 0, 0], ..window(3, 2, 1) }, 20);
    }
    for activation in [
        Activation::HardSwish,
        Activation::HardSigmoid { alpha: 0.2, beta: 0.5 },
        Activation::Sigmoid,
        Activation::Swish,
        Activation::Tanh,
        Activation::LeakyRelu { alpha: 0.1 },
        RELU6,
    ] {
        activated(b, of, activation);
    }
    bench
}

/// A map of as many channels as are wanted.
fn channels(bench: &mut Bench, (input, x): (Map, &Tensor), n: usize, group: usize) -> (Map, Tensor) {
    let map = bench.map([x.shape[0], x.shape[1], n], group);
    let of = if group == input.group { LinkOp::Pointwise } else { LinkOp::Conv { groups: 1 } };
    let (link, values) = bench.convolution(of, POINT, (input, x), map, &NOTHING);
    bench.chain(vec![link]);
    (map, values)
}

/// A pointwise link, then the same on top of the first one's result.
fn pointwise(bench: &mut Bench, of: (Map, &Tensor), k: usize, n: usize) {
    let (input, x) = channels(bench, of, k, 4);
    let shape = [x.shape[0], x.shape[1], n];
    let (first, second) = (bench.map(shape, 4), bench.map(shape, 4));
    let (one, a) = bench.convolution(LinkOp::Pointwise, POINT, (input, &x), first, &NOTHING);
    let after = After { add: Some((first, &a)), activation: RELU6, ..NOTHING };
    let (two, b) = bench.convolution(LinkOp::Pointwise, POINT, (input, &x), second, &after);
    bench.chain(vec![one]);
    bench.chain(vec![two]);
    bench.export("pointwise", second, &b);
}

/// One link, then the same on top of the first one's result.
fn single(bench: &mut Bench, of: (Map, &Tensor), op: &LinkOp, w: Window, n: usize) {
    let shape = out(&w, of.1.shape, n);
    let (first, second) = (bench.map(shape, 3), bench.map(shape, 5));
    let weighted = matches!(op, LinkOp::Depthwise | LinkOp::Conv { .. });
    let made = |bench: &mut Bench, output: Map, after: &After| match weighted {
        true => bench.convolution(op.clone(), w, of, output, after),
        false => bench.plain(op.clone(), w, of, output, after),
    };
    let (one, a) = made(bench, first, &After { activation: RELU6, ..NOTHING });
    bench.chain(vec![one]);
    let (two, b) = made(bench, second, &After { add: Some((first, &a)), ..NOTHING });
    bench.chain(vec![two]);
    bench.export(&format!("{op:?} {w:?}"), second, &b);
}

/// Expansion, depthwise and projection by rows; the sum in place over the input.
fn inverted(bench: &mut Bench, of: (Map, &Tensor), kernel: usize, group: usize) {
    let (input, x) = channels(bench, of, 24, group);
    let wide = [x.shape[0], x.shape[1], 70];
    // The rows under the windows of a group may begin and end anywhere in theirs.
    let ring = ((group + kernel - 2).div_ceil(group) + 1).min(wide[0].div_ceil(group));
    let (expanded, block) = (bench.ring(wide, group, ring), bench.ring(wide, group, 1));
    let relu6 = After { activation: RELU6, ..NOTHING };
    let (one, a) = bench.convolution(LinkOp::Pointwise, POINT, (input, &x), expanded, &relu6);
    let w = window(kernel, 1, kernel as i64 / 2);
    let (two, b) = bench.convolution(LinkOp::Depthwise, w, (expanded, &a), block, &relu6);
    let after = After { add: Some((input, &x)), ..NOTHING };
    let (three, c) = bench.convolution(LinkOp::Pointwise, POINT, (block, &b), input, &after);
    bench.chain(vec![one, two, three]);
    bench.export("inverted residual", input, &c);
}

/// Depthwise of stride 2 over a ring, behind a convolution that runs ahead.
fn strided(bench: &mut Bench, (input, x): (Map, &Tensor)) {
    let [h, w, _] = x.shape;
    let ring = bench.ring([h, w, 18], 2, 4);
    let down = window(3, 2, 1);
    let shape = out(&down, [h, w, 18], 18);
    let (block, output) = (bench.ring(shape, 1, 1), bench.map([shape[0], shape[1], 9], 1));
    let (one, a) = bench.convolution(LinkOp::Conv { groups: 1 }, window(3, 1, 1), (input, x), ring, &NOTHING);
    let swish = After { activation: Activation::HardSwish, ..NOTHING };
    let (two, b) = bench.convolution(LinkOp::Depthwise, down, (ring, &a), block, &swish);
    let (three, c) = bench.convolution(LinkOp::Pointwise, POINT, (block, &b), output, &NOTHING);
    bench.chain(vec![one, two, three]);
    bench.export("a chain of stride 2", output, &c);
}

/// Squeeze and excitation: mean, two dense layers, and the gate on the way to a projection with a residual.
fn gated(bench: &mut Bench, (input, x): (Map, &Tensor)) {
    let (squeezed, small, gate) = (bench.take(24), bench.take(8), bench.take(24));
    let (mean, means) = bench.mean((input, x), Target::Arena(squeezed), &NOTHING);
    bench.chain(vec![mean]);
    let relu = After { activation: Activation::Clamp { lo: 0.0, hi: f32::INFINITY }, ..NOTHING };
    let hidden = bench.dense((squeezed, &means.values), 6, Target::Arena(small), &relu);
    let sigmoid = After { activation: Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 }, ..NOTHING };
    let by = bench.dense((small, &hidden.values), 20, Target::Arena(gate), &sigmoid);
    let (block, output) = (bench.ring(x.shape, 4, 1), bench.map(x.shape, 4));
    let after = After { gate: Some((gate, &by.values)), activation: Activation::HardSwish, ..NOTHING };
    let (scale, a) = bench.plain(LinkOp::Elementwise, POINT, (input, x), block, &after);
    let after = After { add: Some((input, x)), slopes: true, affine: true, ..NOTHING };
    let (project, b) = bench.convolution(LinkOp::Pointwise, POINT, (block, &a), output, &after);
    bench.chain(vec![scale, project]);
    bench.export("squeeze and excitation", output, &b);
}

/// The mean behind a pointwise link whose map never is there as a whole; to the caller and, with an affine, to the arena.
fn mean_by_parts(bench: &mut Bench, (input, x): (Map, &Tensor)) {
    let block = bench.ring([x.shape[0], x.shape[1], 21], 4, 1);
    let (one, a) = bench.convolution(LinkOp::Pointwise, POINT, (input, x), block, &NOTHING);
    let port = bench.port("mean by parts", &[1, 21], DType::F32, &[]);
    let swish = After { activation: Activation::HardSwish, ..NOTHING };
    let (two, means) = bench.mean((block, &a), Target::Output { port, offset: 0 }, &swish);
    bench.expect(port, &means.values);
    bench.chain(vec![one, two]);
    let inside = bench.take(24);
    let (three, means) = bench.mean((input, x), Target::Arena(inside), &After { affine: true, ..NOTHING });
    bench.chain(vec![three]);
    let port = bench.port("dense behind a mean", &[1, 5], DType::F32, &[]);
    let last = bench.dense((inside, &means.values), 5, Target::Output { port, offset: 0 }, &NOTHING);
    bench.expect(port, &last.values);
}

/// Dense layers of every width of panels, with activations.
fn dense_twice(bench: &mut Bench, of: (Map, &Tensor)) {
    let (first, second, start) = (bench.take(32), bench.take(48), bench.take(24));
    let (mean, means) = bench.mean(of, Target::Arena(start), &NOTHING);
    bench.chain(vec![mean]);
    let swish = After { activation: Activation::Swish, ..NOTHING };
    let a = bench.dense((start, &means.values), 27, Target::Arena(first), &swish);
    let leaky = After { slopes: true, ..NOTHING };
    let b = bench.dense((first, &a.values), 43, Target::Arena(second), &leaky);
    let port = bench.port("dense", &[1, 20], DType::F32, &[]);
    let affine = After { activation: Activation::Tanh, affine: true, ..NOTHING };
    let c = bench.dense((second, &b.values), 20, Target::Output { port, offset: 0 }, &affine);
    bench.expect(port, &c.values);
}

/// Softmax, its logarithm, norms and indices, along adjacent elements and along others.
fn arrays(bench: &mut Bench, (input, x): (Map, &Tensor)) {
    let len = x.values.len();
    let along = |n: usize, inner: usize, f: &dyn Fn(&[f64]) -> Vec<f64>| {
        let mut values = x.values.clone();
        for start in (0..len).filter(|i| (i / inner).is_multiple_of(n)) {
            let one: Vec<f64> = (0..n).map(|i| values[start + i * inner]).collect();
            f(&one).into_iter().enumerate().for_each(|(i, y)| values[start + i * inner] = y);
        }
        values
    };
    let softmax = |x: &[f64]| {
        let sum: f64 = x.iter().map(|x| x.exp()).sum();
        x.iter().map(|x| x.exp() / sum).collect::<Vec<_>>()
    };
    let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    for (outer, n, inner) in [(len / 20, 20, 1), (11, 13, 20)] {
        let logs = along(n, inner, &|x| softmax(x).iter().map(|x| x.ln()).collect());
        let lengths = along(n, inner, &|x| x.iter().map(|y| y / norm(x)).collect());
        let sums = along(n, inner, &|x| x.iter().map(|y| y / x.iter().map(|x| x.abs()).sum::<f64>()).collect());
        let ports = [
            ("softmax", along(n, inner, &softmax)),
            ("log-softmax", logs),
            ("length", lengths),
            ("sum of magnitudes", sums),
        ];
        for (i, (name, values)) in ports.iter().enumerate() {
            let port = bench.port(name, &[len], DType::F32, values);
            let at = Target::Output { port, offset: 0 };
            bench.step(Op::Export { input, layout: Layout::Nhwc, output: at });
            bench.step(match i {
                0 | 1 => Op::Softmax { at, outer, n, inner, log: i == 1 },
                i => Op::LpNormalize { at, outer, n, inner, p: 4 - i as u32, epsilon: 1e-12 },
            });
        }
        let best = along(n, inner, &|x| {
            let most = x.iter().copied().fold(f64::MIN, f64::max);
            vec![x.iter().position(|&y| y == most).unwrap_or(0) as f64; x.len()]
        });
        let best: Vec<f64> = (0..len).filter(|i| (i / inner).is_multiple_of(n)).map(|i| best[i]).collect();
        let plain = bench.take(len);
        bench.step(Op::Export { input, layout: Layout::Nhwc, output: Target::Arena(plain) });
        let port = bench.port("index", &[outer * inner], DType::I64, &best);
        let output = Target::Output { port, offset: 0 };
        bench.step(Op::ArgMax { input: plain, outer, n, inner, select_last: inner > 1, output });
    }
}

/// Two maps side by side, at a channel that begins no block.
fn concatenation(bench: &mut Bench, (input, x): (Map, &Tensor)) {
    let [h, w, _] = x.shape;
    let (other, both, output) = (bench.map([h, w, 13], 4), bench.map([h, w, 33], 3), bench.map([h, w, 33], 3));
    let (one, a) = bench.convolution(LinkOp::Conv { groups: 1 }, window(3, 1, 1), (input, x), other, &NOTHING);
    bench.chain(vec![one]);
    bench.step(Op::Copy { input, output: both, channel: 0 });
    bench.step(Op::Copy { input: other, output: both, channel: 20 });
    let values = Tensor::new([h, w, 33], |y, w, c| if c < 20 { x.at(y, w, c) } else { a.at(y, w, c - 20) });
    let after = After { affine: true, ..NOTHING };
    let (two, b) = bench.plain(LinkOp::Elementwise, POINT, (both, &values), output, &after);
    bench.chain(vec![two]);
    bench.export("concatenation", output, &b);
}

/// Depthwise links of different kernels and activations in one chain.
fn several_kinds(bench: &mut Bench, (input, values): (Map, &Tensor)) {
    let (mut map, mut x) = (input, values.clone());
    let mut links: Vec<Link> = Vec::new();
    for (i, (kernel, stride)) in [(3, 1), (5, 1), (5, 2), (3, 2)].into_iter().enumerate() {
        let w = window(kernel, stride, kernel as i64 / 2);
        let shape = out(&w, x.shape, 20);
        let output = if i == 3 { bench.map(shape, 1) } else { bench.ring(shape, 1, 8.min(shape[0])) };
        let activation = [RELU6, Activation::HardSwish, Activation::NONE, Activation::Sigmoid][i];
        let after = After { activation, ..NOTHING };
        let (one, values) = bench.convolution(LinkOp::Depthwise, w, (map, &x), output, &after);
        links.push(one);
        (map, x) = (output, values);
    }
    bench.chain(links);
    bench.export("depthwise links in a row", map, &x);
}

/// A sum that no other link took, over one of its operands, clamped.
fn elementwise_sum(bench: &mut Bench, (input, x): (Map, &Tensor)) {
    let (other, copy) = (bench.map(x.shape, 4), bench.map(x.shape, 4));
    let (zero, x) = bench.plain(LinkOp::Elementwise, POINT, (input, x), copy, &NOTHING);
    let (one, a) = bench.plain(LinkOp::Elementwise, POINT, (copy, &x), other, &After { slopes: true, ..NOTHING });
    let after = After { add: Some((copy, &x)), activation: RELU6, ..NOTHING };
    let (two, b) = bench.plain(LinkOp::Elementwise, POINT, (other, &a), copy, &after);
    [zero, one, two].into_iter().for_each(|link| bench.chain(vec![link]));
    bench.export("sum", copy, &b);
}

/// An activation behind a pointwise link, behind nothing, and over an array.
fn activated(bench: &mut Bench, (input, x): (Map, &Tensor), activation: Activation) {
    let shape = [x.shape[0], x.shape[1], 25];
    let (first, second) = (bench.ring(shape, 4, 1), bench.map(shape, 4));
    let after = After { activation, affine: true, ..NOTHING };
    let (one, a) = bench.convolution(LinkOp::Pointwise, POINT, (input, x), first, &after);
    let after = After { activation, ..NOTHING };
    let (two, b) = bench.plain(LinkOp::Elementwise, POINT, (first, &a), second, &after);
    bench.chain(vec![one, two]);
    bench.export(&format!("{activation:?} of a map"), second, &b);
    let values = x.map(|x| super::bench::activated(activation, x));
    let n = values.values.len();
    let port = bench.port(&format!("{activation:?} of an array"), &[n], DType::F32, &values.values);
    let at = Target::Output { port, offset: 0 };
    bench.step(Op::Export { input, layout: Layout::Nhwc, output: at });
    bench.step(Op::Activate { at, n, activation });
}
