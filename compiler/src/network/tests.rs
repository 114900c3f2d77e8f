use super::{Finish, Layout, Network, StageKind, naive, recognise};
use crate::diagnostic::Error;
use crate::graph::{Activation, Binary, Conv, DType, Graph, Op, Unary, ValueId, Window};
use crate::passes;
use crate::passes::testing::{Builder, assert_same, input_of};
use crate::reference;

fn network(graph: &Graph) -> Result<Network, Error> {
    let mut canonical = graph.clone();
    passes::run(&mut canonical).unwrap();
    recognise(&canonical)
}

/// The network of a graph; it must compute what the graph does.
fn same(graph: &Graph) -> Network {
    let network = network(graph).unwrap_or_else(|error| panic!("{error}\n{graph}"));
    for seed in 1..3 {
        let input = input_of(graph, seed);
        let expected = reference::run(graph, &input).unwrap();
        assert_same(&naive::run(&network, &input), &expected, || format!("{graph}\n{network}"));
    }
    network
}

fn kinds(network: &Network) -> Vec<&'static str> {
    network.stages.iter().map(|stage| stage.kind.name()).collect()
}

/// Node names and messages of all problems.
fn problems(graph: &Graph) -> Vec<(String, String)> {
    let error = network(graph).expect_err("a model that can't be compiled");
    error.problems.into_iter().map(|problem| (problem.node.unwrap_or_default(), problem.message)).collect()
}

fn separable(b: &mut Builder, x: ValueId, outputs: usize, stride: usize) -> ValueId {
    let x = b.depthwise(x, 3, stride, [1; 4]);
    let x = b.batch_norm(x);
    let x = b.clamp(x, 0.0, 6.0);
    let x = b.conv(x, outputs, 1, 1, [0; 4]);
    let x = b.batch_norm(x);
    b.clamp(x, 0.0, 6.0)
}

#[test]
fn a_small_mobilenet() {
    let mut b = Builder::new(1, DType::F32, &[2, 3, 9, 7]);
    let x = b.conv(b.input(), 5, 3, 2, [0, 0, 1, 1]);
    let x = b.batch_norm(x);
    let x = b.clamp(x, 0.0, 6.0);
    let x = separable(&mut b, x, 8, 1);
    let x = separable(&mut b, x, 6, 2);
    let x = b.node(Op::GlobalAveragePool, &[x]);
    let x = b.reshape(x, &[2, 6]);
    let w = b.random(&[6, 4], -1.0, 1.0);
    let x = b.node(Op::MatMul, &[x, w]);
    let x = b.node(Op::Softmax { axis: 1, flat: false, log: true }, &[x]);
    let graph = b.finish(x);
    let network = same(&graph);
    let halves = ["Depthwise", "Pointwise", "Depthwise", "Pointwise"];
    let expected: Vec<_> =
        ["Stem"].into_iter().chain(halves).chain(["GlobalAveragePool", "Dense", "LogSoftmax"]).collect();
    assert_eq!(kinds(&network), expected);
    assert_eq!(network.batch, 2);
    let text = network.to_string();
    assert!(text.contains("Depthwise         4x3x5 -> 4x3x5  3x3 pads [1, 1, 1, 1] relu6"), "{text}");
    assert_eq!(text, same(&graph).to_string());
}

#[test]
fn what_random_graphs_become_computes_the_same() {
    let mut recognised = 0;
    for seed in 0..1000 {
        let graph = passes::tests::random(seed);
        if let Ok(_network) = network(&graph) {
            same(&graph);
            recognised += 1;
        }
    }
    assert!(recognised > 50, "only {recognised} of 1000 graphs became networks");
}

#[test]
fn dense_layers_of_whole_maps_in_both_orders() {
    for channels_last in [false, true] {
        let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 5]);
        let mut x = b.conv(b.input(), 6, 1, 1, [0; 4]);
        if channels_last {
            x = b.transpose(x, &[0, 2, 3, 1]);
        }
        let x = b.reshape(x, &[2, 120]);
        let w = b.random(&[120, 3], -1.0, 1.0);
        let x = b.node(Op::MatMul, &[x, w]);
        let graph = b.finish(x);
        assert_eq!(kinds(&same(&graph)), ["Stem", "Dense"]);
    }
}

#[test]
fn maps_leave_in_the_models_own_layout() {
    for (perm, layout) in [(&[0, 1, 2, 3], Layout::Nchw), (&[0, 2, 3, 1], Layout::Nhwc)] {
        let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 5]);
        let x = b.conv(b.input(), 6, 3, 1, [1; 4]);
        let x = b.transpose(x, perm);
        let x = b.clamp(x, 0.0, f32::INFINITY);
        let graph = b.finish(x);
        let network = same(&graph);
        assert_eq!(kinds(&network), ["Stem"]);
        assert_eq!(network.outputs[0].port.layout, layout);
    }
}

#[test]
fn inputs_in_both_layouts_of_any_channels_and_type() {
    for channels in [1, 2, 3, 17] {
        for dtype in [DType::F32, DType::U8, DType::I8] {
            let mut b = Builder::new(1, dtype, &[1, 6, 5, channels]);
            let x = b.cast(b.input(), DType::F32);
            let x = b.transpose(x, &[0, 3, 1, 2]);
            let x = b.conv(x, 4, 5, 3, [4, 2, 1, 3]);
            let graph = b.finish(x);
            let network = same(&graph);
            assert_eq!(kinds(&network), ["Stem"]);
            assert_eq!((network.input.layout, network.input.dtype), (Layout::Nhwc, dtype));
        }
    }
}

#[test]
fn whoever_can_not_read_the_port_imports() {
    let mut b = Builder::new(1, DType::F32, &[1, 4, 5, 3]);
    let x = b.transpose(b.input(), &[0, 3, 1, 2]);
    let x = separable(&mut b, x, 4, 1);
    let x = b.node(Op::GlobalAveragePool, &[x]);
    let graph = b.finish(x);
    assert_eq!(kinds(&same(&graph)), ["Import", "Depthwise", "Pointwise", "GlobalAveragePool"]);

    let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 5]);
    let x = b.reshape(b.input(), &[2, 60]);
    let w = b.random(&[60, 3], -1.0, 1.0);
    let x = b.node(Op::MatMul, &[x, w]);
    let graph = b.finish(x);
    assert_eq!(kinds(&same(&graph)), ["Import", "Dense"]);
}

#[test]
fn convolutions_that_are_no_pair() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 12, 12]);
    let x = b.conv(b.input(), 4, 3, 1, [1; 4]);
    let x = b.conv(x, 6, 1, 2, [0; 4]);
    let x = b.conv(x, 6, 1, 1, [0; 4]);
    let w = b.random(&[5, 6, 3, 1], -1.0, 1.0);
    let window = Window { kernel: [3, 1], stride: [1, 2], dilation: [2, 1], pads: [5, 0, 2, 1] };
    let conv = Conv { window, group: 1, activation: Activation::NONE, pad_values: vec![] };
    let x = b.node(Op::Conv(conv), &[x, w]);
    let x = b.depthwise(x, 2, 1, [1, 0, 0, 1]);
    let x = b.depthwise(x, 3, 1, [1; 4]);
    let x = b.conv(x, 3, 1, 1, [0; 4]);
    let x = b.depthwise(x, 3, 1, [1; 4]);
    let graph = b.finish(x);
    let network = same(&graph);
    let expected = ["Stem", "Conv", "Pointwise", "Conv", "Depthwise", "Depthwise", "Pointwise", "Depthwise"];
    assert_eq!(kinds(&network), expected);
}

#[test]
fn a_softmax_of_a_convolution() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
    let x = b.conv(b.input(), 5, 4, 1, [0; 4]);
    let x = b.reshape(x, &[1, 5]);
    let x = b.node(Op::Softmax { axis: 1, flat: true, log: false }, &[x]);
    let graph = b.finish(x);
    assert_eq!(kinds(&same(&graph)), ["Stem", "Softmax"]);
}

#[test]
fn all_problems_are_told_together() {
    let mut b = Builder::new(1, DType::F32, &[1, 4, 12, 12]);
    let x = b.conv(b.input(), 8, 3, 1, [1; 4]);
    let y = b.conv(x, 8, 1, 1, [0; 4]);
    let x = b.node(Op::Binary(Binary::Mul), &[x, y]);
    let x = b.pad(x, &[0, 0, -1, 0], &[0; 4], 0.0);
    let x = b.node(Op::Unary(Unary::Exp), &[x]);
    let graph = b.finish(x);
    let found = problems(&graph);
    let expected = [("Mul2", "multiplies two feature maps"), ("Pad3", "crops"), ("Exp4", "outside the family")];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((node, message), (expected, words)) in found.iter().zip(expected) {
        assert!(node == expected && message.contains(words), "{node} {message}, expected {expected} {words}");
    }
}

#[test]
fn nothing_mixes_the_images_of_a_batch() {
    let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 4]);
    let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
    let x = b.transpose(x, &[1, 0, 2, 3]);
    let x = b.conv(x, 4, 1, 1, [0; 4]);
    let graph = b.finish(x);
    assert_eq!(problems(&graph)[0].0, "Conv2");

    let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 4]);
    let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
    let x = b.reshape(x, &[1, 128]);
    let w = b.random(&[128, 3], -1.0, 1.0);
    let x = b.node(Op::MatMul, &[x, w]);
    let graph = b.finish(x);
    assert_eq!(problems(&graph).len(), 1);

    let mut b = Builder::new(1, DType::F32, &[2, 3, 4, 4]);
    let x = b.conv(b.input(), 4, 4, 1, [0; 4]);
    let x = b.node(Op::Softmax { axis: 0, flat: false, log: false }, &[x]);
    let graph = b.finish(x);
    assert_eq!(problems(&graph)[0].0, "Softmax1");
}

#[test]
fn what_is_done_to_the_image_alone_is_a_stage_of_its_own() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
    let x = b.batch_norm(b.input());
    let x = b.depthwise(x, 3, 1, [1; 4]);
    assert_eq!(kinds(&same(&b.finish(x))), ["Import", "Elementwise", "Depthwise"]);

    for dtype in [DType::F32, DType::U8] {
        let mut b = Builder::new(1, dtype, &[2, 6, 6, 3]);
        let mut x = b.input();
        if dtype != DType::F32 {
            x = b.cast(x, DType::F32);
        }
        let x = b.transpose(x, &[0, 3, 1, 2]);
        let half = b.scalar(0.5);
        let x = b.node(Op::Binary(Binary::Sub), &[x, half]);
        let x = b.clamp(x, 0.0, 1.0);
        let x = b.conv(x, 4, 3, 2, [0, 0, 1, 1]);
        assert_eq!(kinds(&same(&b.finish(x))), ["Import", "Elementwise", "Conv"]);
    }
}

#[test]
fn the_maximum_of_a_map() {
    let mut b = Builder::new(1, DType::F32, &[2, 3, 5, 4]);
    let x = b.conv(b.input(), 5, 3, 1, [1; 4]);
    let x = b.transpose(x, &[0, 2, 3, 1]);
    let x = b.node(Op::ReduceMax { axes: vec![1, 2], keep_dims: false }, &[x]);
    assert_eq!(kinds(&same(&b.finish(x))), ["Stem", "MaxPool"]);
}

#[test]
fn a_model_that_computes_nothing_or_in_other_types() {
    let mut b = Builder::new(1, DType::F32, &[1, 3]);
    let x = b.node(Op::Identity, &[b.input()]);
    assert_eq!(problems(&b.finish(x)).len(), 1);

    let mut b = Builder::new(1, DType::I32, &[1, 3, 4, 4]);
    let x = b.cast(b.input(), DType::F32);
    let x = b.conv(x, 4, 1, 1, [0; 4]);
    assert!(problems(&b.finish(x))[0].1.contains("element type"));
}

/// Anything the operators accept, sensible or not.
fn wild(seed: u64) -> Graph {
    let shapes: [&[usize]; 5] = [&[1, 3, 6, 5], &[2, 4, 4, 4], &[1, 5, 5, 1], &[3, 8], &[4, 6, 3]];
    let dtypes = [DType::F32, DType::F32, DType::F32, DType::U8, DType::F64];
    let mut b = Builder::new(seed, dtypes[seed as usize / 5 % 5], shapes[seed as usize % 5]);
    let mut x = b.cast(b.input(), DType::F32);
    let mut earlier = vec![x];
    for _ in 0..2 + b.below(8) {
        if let Some(next) = wild_step(&mut b, x, &earlier) {
            x = next;
            earlier.push(x);
        }
    }
    b.finish(x)
}

fn wild_step(b: &mut Builder, x: ValueId, earlier: &[ValueId]) -> Option<ValueId> {
    let shape = b.shape(x);
    let rank = shape.len();
    let last = *shape.last()?;
    let axis = b.below(rank);
    let flag = b.below(2) == 0;
    let (w, v) = (b.random(&[last, 4], -1.0, 1.0), b.random(&[4], -1.0, 1.0));
    let window = Window {
        kernel: [1 + b.below(3), 1 + b.below(3)],
        stride: [1 + b.below(2), 1],
        dilation: [1 + b.below(2), 1],
        pads: [0; 4].map(|_| b.below(3) as i64 - i64::from(flag)),
    };
    let (op, inputs) = match b.below(18) {
        0 => {
            let (total, first) = (shape.iter().product::<usize>(), 1 + b.below(6));
            let target = if total % first == 0 { vec![first, total / first] } else { vec![1, total, 1, 1] };
            return Some(b.reshape(x, &target));
        }
        1 => {
            let mut perm: Vec<usize> = (0..rank).collect();
            perm.rotate_left(axis);
            if flag {
                perm.swap(0, rank - 1);
            }
            (Op::Transpose { perm }, vec![x])
        }
        2 => (Op::Softmax { axis, flat: flag, log: false }, vec![x]),
        3 => (Op::MatMul, vec![x, w]),
        4 => (
            Op::Gemm { alpha: 0.5, beta: 2.0, trans_a: flag, trans_b: false, activation: Activation::NONE },
            vec![x, w, v],
        ),
        5 | 6 => {
            let channels = *shape.get(1)?;
            let depthwise = b.below(2) == 0;
            let (m, per_group) = if depthwise { (channels * (1 + b.below(2)), 1) } else { (3, channels) };
            let w = b.random(&[m, per_group, window.kernel[0], window.kernel[1]], -1.0, 1.0);
            let group = if depthwise { channels } else { 1 };
            (Op::Conv(Conv { window, group, activation: Activation::NONE, pad_values: vec![] }), vec![x, w])
        }
        7 => (Op::GlobalAveragePool, vec![x]),
        8 => (Op::ReduceMean { axes: vec![axis], keep_dims: flag }, vec![x]),
        9 => (Op::MaxPool { window }, vec![x]),
        10 => (Op::AveragePool { window, count_include_pad: flag }, vec![x]),
        11 => (Op::Concat { axis }, vec![x, x]),
        12 => {
            (Op::Binary([Binary::Add, Binary::Mul, Binary::Pow][b.below(3)]), vec![x, earlier[b.below(earlier.len())]])
        }
        13 => (Op::Binary([Binary::Div, Binary::Sub, Binary::Max][b.below(3)]), vec![v, x]),
        14 => {
            let activation = if flag { Activation::HardSwish } else { Activation::Clamp { lo: 1.0, hi: 0.5 } };
            (
                Op::Unary(
                    [Unary::Act(activation), Unary::Neg, Unary::Exp, Unary::Act(Activation::Sigmoid)][b.below(4)],
                ),
                vec![x],
            )
        }
        15 => {
            let to = [DType::F32, DType::F64, DType::I32][b.below(3)];
            return Some(b.cast(x, to));
        }
        16 => {
            let mut side = || (0..rank).map(|_| b.below(3) as i64 - 1).collect::<Vec<i64>>();
            (Op::Pad { before: side(), after: side(), value: 0.0 }, vec![x])
        }
        _ => (Op::Identity, vec![x]),
    };
    b.try_node(op, &inputs)
}

#[test]
fn nothing_panics_and_what_is_accepted_computes_the_same() {
    let mut accepted = 0;
    for seed in 0..6000 {
        let graph = wild(seed);
        match network(&graph) {
            Ok(network) => {
                let _ = (same(&graph), network.facts());
                accepted += 1;
            }
            Err(error) => assert!(!error.problems.is_empty() && !error.to_string().is_empty()),
        }
    }
    assert!(accepted > 100, "only {accepted} of 6000 graphs were accepted");
}

#[test]
fn ports_without_a_batch_axis() {
    let mut b = Builder::new(1, DType::F32, &[6, 5, 3]);
    let x = b.transpose(b.input(), &[2, 0, 1]);
    let x = b.reshape(x, &[1, 3, 6, 5]);
    let x = b.conv(x, 4, 3, 1, [0; 4]);
    let x = b.node(Op::GlobalAveragePool, &[x]);
    let x = b.reshape(x, &[4]);
    let graph = b.finish(x);
    let network = same(&graph);
    assert_eq!((network.input.layout, network.outputs[0].port.shape.as_slice()), (Layout::Nhwc, &[4][..]));
}

fn act(b: &mut Builder, x: ValueId, activation: Activation) -> ValueId {
    b.node(Op::Unary(Unary::Act(activation)), &[x])
}

/// Expansion, depthwise, projection.
fn bottleneck(b: &mut Builder, x: ValueId, outputs: usize, stride: usize) -> ValueId {
    let channels = b.shape(x)[1];
    let x = b.conv(x, 3 * channels, 1, 1, [0; 4]);
    let x = b.clamp(x, 0.0, 6.0);
    let x = b.depthwise(x, 3, stride, [1; 4]);
    let x = b.clamp(x, 0.0, 6.0);
    b.conv(x, outputs, 1, 1, [0; 4])
}

/// A gate of one number per channel.
fn gate(b: &mut Builder, x: ValueId) -> ValueId {
    let channels = b.shape(x)[1];
    let x = b.node(Op::GlobalAveragePool, &[x]);
    let x = b.conv(x, 4, 1, 1, [0; 4]);
    let x = b.clamp(x, 0.0, f32::INFINITY);
    let x = b.conv(x, channels, 1, 1, [0; 4]);
    act(b, x, Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 })
}

#[test]
fn the_later_convolution_takes_the_sum() {
    for swapped in [false, true] {
        for activation in [None, Some(Activation::Swish)] {
            let mut b = Builder::new(1, DType::F32, &[1, 3, 8, 8]);
            let first = b.conv(b.input(), 4, 3, 2, [1; 4]);
            let mut x = first;
            for _ in 0..2 {
                let y = bottleneck(&mut b, x, 4, 1);
                x = b.node(Op::Binary(Binary::Add), &if swapped { [y, x] } else { [x, y] });
                if let Some(activation) = activation {
                    x = act(&mut b, x, activation);
                }
            }
            let network = same(&b.finish(x));
            let adds: Vec<usize> =
                (0..network.stages.len()).filter(|&i| network.stages[i].epilogue.add.is_some()).collect();
            assert_eq!(network.stages.len(), 7, "{network}");
            assert_eq!(adds, [3, 6], "{network}");
            assert_eq!(network.stages[6].inputs, [network.stages[5].output, network.stages[3].output]);
            assert_eq!(network.stages[3].epilogue.activation, activation.unwrap_or(Activation::NONE));
        }
    }
}

#[test]
fn sums_that_no_convolution_can_take_are_stages() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 8, 8]);
    let x = b.conv(b.input(), 4, 3, 1, [1; 4]);
    let a = b.conv(x, 4, 1, 1, [0; 4]);
    let a = b.clamp(a, 0.0, 6.0);
    let c = b.conv(x, 4, 3, 1, [1; 4]);
    let c = b.clamp(c, 0.0, 6.0);
    let sum = b.node(Op::Binary(Binary::Add), &[c, a]);
    let twice = b.node(Op::Binary(Binary::Add), &[sum, sum]);
    let network = same(&b.finish(twice));
    assert_eq!(kinds(&network), ["Stem", "Pointwise", "Conv", "Elementwise", "Elementwise"]);
    let (one, two) = (&network.stages[3], &network.stages[4]);
    assert_eq!((one.inputs.len(), one.epilogue.add), (2, Some(one.inputs[1])));
    assert_eq!(two.inputs, [one.output, one.output]);
}

#[test]
fn gates_scale_maps_in_any_order_and_layout() {
    for (swapped, after, channels_last) in
        [(false, true, false), (true, true, false), (false, false, false), (true, false, true), (false, true, true)]
    {
        let mut b = Builder::new(1, DType::F32, &[2, 3, 8, 6]);
        let x = b.conv(b.input(), 5, 3, 2, [1; 4]);
        let mut x = b.depthwise(x, 5, 1, [2; 4]);
        if after {
            x = act(&mut b, x, Activation::HardSwish);
        }
        let mut g = gate(&mut b, x);
        if channels_last {
            g = b.reshape(g, &[2, 5]);
            g = b.reshape(g, &[2, 1, 1, 5]);
            x = b.transpose(x, &[0, 2, 3, 1]);
        }
        x = b.node(Op::Binary(Binary::Mul), &if swapped { [g, x] } else { [x, g] });
        if !after {
            x = act(&mut b, x, Activation::HardSwish);
        }
        if channels_last {
            x = b.transpose(x, &[0, 3, 1, 2]);
        }
        let x = b.conv(x, 7, 1, 1, [0; 4]);
        let network = same(&b.finish(x));
        assert_eq!(kinds(&network), ["Stem", "Depthwise", "GlobalAveragePool", "Dense", "Dense", "Scale", "Pointwise"]);
        let of = |i: usize| network.stages[i].epilogue.activation;
        assert_eq!(of(if after { 1 } else { 5 }), Activation::HardSwish);
        assert_eq!(of(4), Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 });
    }
}

#[test]
fn products_and_sums_that_are_no_gates_and_residuals_are_refused() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 4, 4]);
    let x = b.conv(b.input(), 4, 1, 1, [0; 4]);
    let y = b.conv(b.input(), 4, 1, 1, [0; 4]);
    let product = b.node(Op::Binary(Binary::Mul), &[x, y]);
    let column = b.conv(product, 1, 1, 1, [0; 4]);
    let sum = b.node(Op::Binary(Binary::Add), &[x, column]);
    let found = problems(&b.finish(sum));
    assert!(found[0].1.contains("multiplies two feature maps") && found[1].1.contains("different shapes"), "{found:?}");
}

#[test]
fn windows_groups_and_concatenations() {
    let mut b = Builder::new(1, DType::F32, &[2, 3, 13, 11]);
    let x = b.grouped(b.input(), 6, 3, 1, [1; 4], 3);
    let window = Window { kernel: [3; 2], stride: [2; 2], dilation: [1; 2], pads: [1, 0, 1, 2] };
    let most = b.node(Op::MaxPool { window }, &[x]);
    let mean = b.node(Op::AveragePool { window, count_include_pad: true }, &[x]);
    let inside = b.node(Op::AveragePool { window, count_include_pad: false }, &[x]);
    let one = b.grouped(x, 1, 3, 2, [1, 0, 1, 2], 1);
    let all = b.node(Op::Concat { axis: 1 }, &[most, one, mean, inside]);
    let all = b.clamp(all, 0.0, 2.0);
    let x = b.grouped(all, 38, 3, 1, [1; 4], 19);
    let x = b.reshape(x, &[2, 38 * 7 * 6]);
    let w = b.random(&[38 * 7 * 6, 5], -0.1, 0.1);
    let x = b.node(Op::MatMul, &[x, w]);
    let network = same(&b.finish(x));
    let expected =
        ["Import", "Conv", "MaxPool", "AveragePool", "AveragePool", "Conv", "Concat", "Elementwise", "Conv", "Dense"];
    assert_eq!(kinds(&network), expected);
    let StageKind::Conv(last) = &network.stages[8].kind else { panic!("a convolution") };
    assert_eq!(last.groups, 19);
}

#[test]
fn what_follows_an_activation_channel_by_channel_stays_in_its_stage() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
    let x = b.conv(b.input(), 4, 3, 1, [1; 4]);
    let x = act(&mut b, x, Activation::HardSwish);
    let x = b.batch_norm(x);
    let scale = b.random(&[4, 1, 1], 0.5, 2.0);
    let x = b.node(Op::Binary(Binary::Mul), &[x, scale]);
    let y = b.depthwise(x, 3, 1, [1; 4]);
    let slopes = b.random(&[4, 1, 1], 0.1, 0.9);
    let y = b.node(Op::PRelu, &[y, slopes]);
    let window = Window { kernel: [2; 2], stride: [2; 2], dilation: [1; 2], pads: [0; 4] };
    let y = b.node(Op::AveragePool { window, count_include_pad: false }, &[y]);
    let y = act(&mut b, y, Activation::Tanh);
    let network = same(&b.finish(y));
    assert_eq!(kinds(&network), ["Stem", "Depthwise", "AveragePool"], "{network}");
    assert!(network.stages[0].epilogue.affine.is_some() && network.stages[1].epilogue.slopes.is_some());
}

/// Segmentation ends so: a distribution at each pixel, in either order of axes.
#[test]
fn distributions_at_each_pixel_leave_in_both_layouts() {
    for (to, back) in [(true, false), (true, true), (false, false)] {
        let mut b = Builder::new(1, DType::F32, &[2, 3, 8, 8]);
        let mut x = b.conv(b.input(), 4, 3, 1, [1; 4]);
        if to {
            x = b.transpose(x, &[0, 2, 3, 1]);
        }
        x = b.node(Op::Softmax { axis: if to { 3 } else { 1 }, flat: false, log: back }, &[x]);
        if back {
            x = b.transpose(x, &[0, 3, 1, 2]);
        }
        let network = same(&b.finish(x));
        let rows = if to && !back { (64, 4, 1) } else { (1, 4, 64) };
        let [Finish::Softmax { outer, n, inner, .. }] = network.outputs[0].finish[..] else { panic!("{network}") };
        assert_eq!((outer, n, inner), rows);
    }
}

#[test]
fn outputs_are_inner_maps_vectors_and_pieces() {
    for batch in [1, 2] {
        let mut b = Builder::new(1, DType::F32, &[batch, 3, 8, 8]);
        let x = b.conv(b.input(), 4, 3, 1, [1; 4]);
        let active = b.clamp(x, 0.0, 6.0);
        let small = b.conv(active, 6, 3, 2, [1; 4]);
        let head = |b: &mut Builder, x: ValueId, pixels: usize| {
            let y = b.conv(x, 6, 3, 1, [1; 4]);
            let y = b.transpose(y, &[0, 2, 3, 1]);
            b.reshape(y, &[batch, 3 * pixels, 2])
        };
        let heads = [head(&mut b, active, 64), head(&mut b, small, 16)];
        let all = b.node(Op::Concat { axis: 1 }, &heads);
        let scores = b.node(Op::Softmax { axis: 2, flat: false, log: false }, &[all]);
        let pooled = b.node(Op::GlobalAveragePool, &[small]);
        let pixel = b.node(Op::Softmax { axis: 1, flat: false, log: true }, &[small]);
        let unit = b.node(Op::LpNormalize { axis: 1, p: 2, epsilon: 1e-12 }, &[pooled]);
        let rows = b.node(Op::Softmax { axis: 2, flat: false, log: false }, &[small]);
        let best = b.node(Op::ArgMax { axis: 1, keep_dims: false, select_last: false }, &[small]);
        let network = same(&b.finish_all(&[x, scores, pooled, pixel, unit, rows, best, active]));
        let output = |at: usize| (network.outputs[at].pieces.len(), network.outputs[at].finish.len());
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7].map(output),
            [(1, 0), (2, 1), (1, 0), (1, 1), (1, 0), (1, 1), (1, 1), (1, 0)]
        );
        assert_eq!(network.outputs[1].pieces[1].offset, 384);
        assert_eq!(network.outputs[6].port.dtype, DType::I64);
    }
}
