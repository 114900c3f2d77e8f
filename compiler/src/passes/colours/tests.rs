//! Colours mixed and one channel spread, by hand.

use super::super::testing::{Builder, fires, ops, rewritten};
use crate::graph::{Binary, DType, Graph, Op, ValueId};

/// Grey to three channels, `(x - mean) / std`, a convolution with these pads.
fn grey(mean: &[f32], std: &[f32], pads: [i64; 4]) -> Graph {
    let mut b = Builder::new(1, DType::U8, &[2, 1, 6, 6]);
    let x = b.cast(b.input(), DType::F32);
    let x = b.conv(x, 3, 1, 1, [0; 4]);
    let shape = |values: &[f32]| if values.len() == 1 { vec![] } else { vec![values.len(), 1, 1] };
    let (mean, std) = (b.constant(&shape(mean), mean), b.constant(&shape(std), std));
    let x = b.node(Op::Binary(Binary::Sub), &[x, mean]);
    let x = b.node(Op::Binary(Binary::Div), &[x, std]);
    let x = b.conv(x, 4, 3, 2, pads);
    b.finish(x)
}

#[test]
fn weights_are_summed_without_a_border() {
    let graph = grey(&[0.25, 0.5, 0.75], &[0.5, 0.25, 2.0], [0; 4]);
    assert_eq!(ops(&fires(&graph, "fold-colours")), ["Cast", "Conv"]);
}

#[test]
fn a_border_that_one_channel_can_not_hold_keeps_the_spread() {
    let graph = grey(&[0.25, 0.5, 0.75], &[0.5, 0.25, 2.0], [1; 4]);
    assert_eq!(ops(&rewritten(&graph)), ["Cast", "Conv", "Conv"]);
}

/// An image in front of a padded convolution, through what `change` makes of its channels along `axis`.
fn image(shape: &[usize], axis: usize, change: impl Fn(&mut Builder, ValueId) -> ValueId) -> Graph {
    let mut b = Builder::new(3, DType::F32, shape);
    let input = b.input();
    let mut x = change(&mut b, input);
    if shape.len() == 3 {
        let four = [&[1], &b.shape(x)[..]].concat();
        x = b.reshape(x, &four);
    }
    if axis + 1 == shape.len() {
        x = b.transpose(x, &[0, 3, 1, 2]);
    }
    x = b.conv(x, 4, 3, 2, [0, 0, 1, 1]);
    b.finish(x)
}

fn part(b: &mut Builder, x: ValueId, axis: usize, channel: i64) -> ValueId {
    let (mut starts, mut shape) = (vec![0; b.shape(x).len()], b.shape(x));
    (starts[axis], shape[axis]) = (channel, 1);
    let steps = vec![1; shape.len()];
    b.slice(x, &starts, &steps, &shape)
}

#[test]
fn grey_of_colours_goes_into_the_weights() {
    type Change = fn(&mut Builder, ValueId, usize) -> ValueId;
    let changes: [Change; 4] = [
        |b, x, axis| {
            let parts = [(0, 0.299), (1, 0.587), (2, 0.114)].map(|(c, w)| {
                let (part, weight) = (part(b, x, axis, c), b.scalar(w));
                b.node(Op::Binary(Binary::Mul), &[part, weight])
            });
            let sum = b.node(Op::Binary(Binary::Add), &[parts[0], parts[1]]);
            let grey = b.node(Op::Binary(Binary::Add), &[sum, parts[2]]);
            b.node(Op::Concat { axis }, &[grey, grey, grey])
        },
        |b, x, axis| {
            let mean = b.node(Op::ReduceMean { axes: vec![axis], keep_dims: true }, &[x]);
            let three = b.shape(x);
            b.expand(mean, &three)
        },
        |b, x, axis| {
            let (red, green) = (part(b, x, axis, 0), part(b, x, axis, 1));
            let difference = b.node(Op::Binary(Binary::Sub), &[red, green]);
            b.node(Op::Concat { axis }, &[difference, x])
        },
        |b, x, axis| {
            if axis + 1 < b.shape(x).len() {
                let mean = b.node(Op::ReduceMean { axes: vec![axis], keep_dims: true }, &[x]);
                return b.node(Op::Concat { axis }, &[mean, x]);
            }
            let matrix = b.random(&[3, 4], -1.0, 1.0);
            b.node(Op::MatMul, &[x, matrix])
        },
    ];
    for (i, change) in changes.into_iter().enumerate() {
        for (shape, axis) in [(&[1, 3, 6, 6][..], 1), (&[1, 6, 6, 3], 3), (&[3, 6, 6], 0), (&[6, 6, 3], 2)] {
            let canonical = fires(&image(shape, axis, |b, x| change(b, x, axis)), "recognise-colours");
            let mut rest = ops(&canonical);
            rest.retain(|op| !["Transpose", "Reshape"].contains(op));
            assert_eq!(rest, ["Conv"], "{i} {shape:?}: {canonical}");
        }
    }
}

#[test]
fn one_grey_with_a_normalisation_for_each_channel() {
    let graph = image(&[1, 1, 6, 6], 1, |b, x| {
        let mean = b.constant(&[1, 3, 1, 1], &[0.25, 0.5, 0.75]);
        b.node(Op::Binary(Binary::Sub), &[x, mean])
    });
    // No grey in the border gives 0 in every channel: the three are made first.
    assert_eq!(ops(&fires(&graph, "recognise-colours")), ["Conv", "Conv"]);
}

#[test]
fn colours_behind_the_first_layer_are_no_image() {
    let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
    let x = b.conv(b.input(), 3, 3, 1, [1; 4]);
    let mean = b.node(Op::ReduceMean { axes: vec![1], keep_dims: true }, &[x]);
    let x = b.conv(mean, 4, 3, 1, [1; 4]);
    let graph = b.finish(x);
    assert!(ops(&rewritten(&graph)).contains(&"ReduceMean"));
}

#[test]
fn borders_of_several_colours() {
    let rows = vec![vec![1.0, 2.0], vec![0.0, 1.0], vec![1.0, 3.0]];
    let found = super::least_squares(&rows, &[5.0, 1.0, 6.0]).unwrap();
    assert!((found[0] - 3.0).abs() < 1e-9 && (found[1] - 1.0).abs() < 1e-9, "{found:?}");
    assert_eq!(super::least_squares(&[vec![2.0, 4.0]], &[1.0]).unwrap()[1], 0.0);
}
