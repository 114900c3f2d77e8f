//! Random graphs through all passes.

use super::testing::{Builder, ops, rewritten};
use crate::graph::{Binary, DType, Graph, Op, Unary, ValueId};

/// A random chain of the operators that passes rewrite, in either layout, with values that stay small.
pub(crate) fn random(seed: u64) -> Graph {
    let mut b = Builder::new(seed, DType::F32, &[0]);
    let dtype = [DType::F32, DType::F32, DType::U8, DType::I8][b.below(4)];
    let batch = 1 + b.below(2);
    let (channels, height, width) = (1 + b.below(4), 5 + b.below(4), 5 + b.below(4));
    let nhwc = b.below(2) == 1;
    let shape = if nhwc { [batch, height, width, channels] } else { [batch, channels, height, width] };
    let mut b = Builder::new(seed + 1000, dtype, &shape);
    let mut x = b.input();
    if dtype != DType::F32 {
        x = b.cast(x, DType::F32);
        let scale = b.scalar(0.01);
        x = b.node(Op::Binary(Binary::Mul), &[x, scale]);
    }
    let mut last = nhwc;
    for _ in 0..3 + b.below(10) {
        x = step(&mut b, x, &mut last);
    }
    if b.below(2) == 0 {
        x = head(&mut b, x, last);
    }
    b.finish(x)
}

fn step(b: &mut Builder, x: ValueId, channels_last: &mut bool) -> ValueId {
    let shape = b.shape(x);
    let channel_axis = if *channels_last { 3 } else { 1 };
    let spatial = if *channels_last { [1, 2] } else { [2, 3] };
    match b.below(9) {
        0 | 1 if !*channels_last => {
            let kernel = 1 + b.below(3);
            let pads = [0; 4].map(|_| b.below(kernel) as i64);
            let (outputs, stride) = (1 + b.below(5), 1 + b.below(2));
            if shape[2] + 2 < kernel + 2 || shape[3] < kernel || shape[2] < kernel {
                return x;
            }
            if b.below(2) == 0 {
                b.depthwise(x, kernel, stride, pads)
            } else {
                b.conv(x, outputs, kernel, stride, pads)
            }
        }
        0..=2 => {
            let perm: &[usize] = if *channels_last { &[0, 3, 1, 2] } else { &[0, 2, 3, 1] };
            *channels_last = !*channels_last;
            b.transpose(x, perm)
        }
        3 => {
            let (lo, hi) = [(0.0, 6.0), (0.0, f32::INFINITY), (-1.0, 1.5)][b.below(3)];
            b.clamp(x, lo, hi)
        }
        4 => {
            let mut pads = [[0; 4]; 2];
            for side in &mut pads {
                for axis in spatial {
                    side[axis] = b.below(3) as i64;
                }
            }
            let value = [0.0, 0.0, 0.5][b.below(3)];
            b.pad(x, &pads[0], &pads[1], value)
        }
        5 | 6 => {
            let mut constant = [1; 4];
            if b.below(3) > 0 {
                constant[channel_axis] = shape[channel_axis];
            }
            let drop = if b.below(2) == 0 { 1 } else { 0 };
            let constant = b.random(&constant[drop..], 0.5, 1.5);
            let op = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Min, Binary::Max][b.below(6)];
            let swap = b.below(2) == 1 && op != Binary::Div;
            b.node(Op::Binary(op), &if swap { [constant, x] } else { [x, constant] })
        }
        7 if !*channels_last => b.batch_norm(x),
        7 => b.node(Op::Unary(Unary::Neg), &[x]),
        _ => {
            let y = b.clamp(x, 0.0, 1.0);
            b.node(Op::Binary(Binary::Add), &[x, y])
        }
    }
}

fn head(b: &mut Builder, mut x: ValueId, channels_last: bool) -> ValueId {
    let axes = if channels_last { vec![1, 2] } else { vec![2, 3] };
    if b.below(2) == 0 {
        let keep_dims = b.below(2) == 0;
        x = b.node(Op::ReduceMean { axes, keep_dims }, &[x]);
    }
    let shape = b.shape(x);
    let features = shape[1..].iter().product();
    x = b.reshape(x, &[shape[0], features]);
    let w = b.random(&[features, 4], -0.5, 0.5);
    x = b.node(Op::MatMul, &[x, w]);
    let bias = b.random(&[4], -1.0, 1.0);
    x = b.node(Op::Binary(Binary::Add), &[x, bias]);
    let (flat, log) = (b.below(2) == 0, b.below(2) == 0);
    b.node(Op::Softmax { axis: 1, flat, log }, &[x])
}

#[test]
fn no_pass_changes_what_a_random_graph_computes() {
    for seed in 0..400 {
        rewritten(&random(seed));
    }
}

#[test]
fn the_same_graph_gives_the_same_result() {
    for seed in 0..20 {
        assert_eq!(rewritten(&random(seed)), rewritten(&random(seed)));
    }
}

#[test]
fn outputs_keep_their_names_and_stay_apart() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
    let inner = b.conv(b.input(), 4, 3, 1, [1; 4]);
    let active = b.clamp(inner, 0.0, 6.0);
    let alias = b.node(Op::Identity, &[active]);
    let pooled = b.node(Op::GlobalAveragePool, &[alias]);
    let graph = b.finish_all(&[alias, inner, pooled, active]);
    let names = |graph: &Graph| graph.outputs.iter().map(|&id| graph[id].name.clone()).collect::<Vec<_>>();
    let canonical = rewritten(&graph);
    assert_eq!(names(&canonical), names(&graph));
    assert_eq!(ops(&canonical), ["Conv", "Clamp", "Identity", "GlobalAveragePool"], "{canonical}");
}
