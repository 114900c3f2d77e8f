use super::adapt;
use crate::graph::{DType, Graph, Op};
use crate::options::{ChannelOrder, InputType, Layout, Normalise, Options, PortType};
use crate::passes::testing::{Builder, ops, rewritten};

const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// A padded convolution, pooling, two scores; from either layout.
fn network(layout: Layout, channels: usize) -> Graph {
    let mut b = match layout {
        Layout::Nchw => Builder::new(1, DType::F32, &[2, channels, 6, 5]),
        Layout::Nhwc => Builder::new(1, DType::F32, &[2, 6, 5, channels]),
    };
    let mut x = b.input();
    if layout == Layout::Nhwc {
        x = b.transpose(x, &[0, 3, 1, 2]);
    }
    let x = b.conv(x, 4, 3, 2, [1, 1, 0, 1]);
    let x = b.clamp(x, 0.0, 6.0);
    let x = b.node(Op::GlobalAveragePool, &[x]);
    let x = b.reshape(x, &[2, 4]);
    b.finish(x)
}

fn normalise(mean: &[f32], std: &[f32]) -> Option<Normalise> {
    Some(Normalise { mean: mean.to_vec(), std: std.to_vec() })
}

fn imagenet() -> Option<Normalise> {
    normalise(&IMAGENET.0, &IMAGENET.1)
}

/// The operators that are left of the adapted network. (That none of the rewrites changes what it computes, `rewritten` asserts.)
fn left(graph: Graph, options: &Options) -> (Graph, Vec<String>) {
    let adapted = adapt(graph, options).unwrap();
    adapted.verify().unwrap();
    let canonical = rewritten(&adapted);
    let ops = ops(&canonical).iter().map(ToString::to_string).collect();
    (canonical, ops)
}

#[test]
fn no_option_leaves_the_graph_alone() {
    let graph = network(Layout::Nchw, 3);
    assert_eq!(adapt(graph.clone(), &Options::default()).unwrap().nodes, graph.nodes);
    let same = Options { input_layout: Some(Layout::Nchw), ..Options::default() };
    assert_eq!(adapt(graph.clone(), &same).unwrap().nodes, graph.nodes);
}

#[test]
fn bytes_in_any_layout_are_read_by_the_first_convolution() {
    for own in [Layout::Nchw, Layout::Nhwc] {
        for layout in [None, Some(Layout::Nchw), Some(Layout::Nhwc)] {
            let options = Options {
                input: Some(InputType::U8),
                normalise: imagenet(),
                input_layout: layout,
                ..Options::default()
            };
            let (canonical, found) = left(network(own, 3), &options);
            let nhwc = layout.unwrap_or(own) == Layout::Nhwc;
            let expected: &[&str] = if nhwc { &["Cast", "Transpose", "Conv"] } else { &["Cast", "Conv"] };
            assert_eq!(found[..expected.len()], *expected);
            let ty = canonical.ty(canonical.input);
            assert_eq!(ty.dtype, DType::U8);
            assert_eq!(ty.shape, if nhwc { [2, 6, 5, 3] } else { [2, 3, 6, 5] });
            assert_eq!(canonical[canonical.input].name, "input");
            let conv = canonical.nodes.iter().find_map(|node| match &node.op {
                Op::Conv(conv) => Some(conv),
                _ => None,
            });
            let border = &conv.unwrap().pad_values;
            assert_eq!(border.len(), 3);
            for (held, mean) in border.iter().zip(IMAGENET.0) {
                assert!((held - 255.0 * mean).abs() < 1e-3, "{border:?}");
            }
        }
    }
}

#[test]
fn floats_are_normalised_from_0_to_1() {
    let options = Options { normalise: normalise(&[0.5], &[0.25]), ..Options::default() };
    let (canonical, found) = left(network(Layout::Nchw, 3), &options);
    assert_eq!(found[0], "Conv");
    let Op::Conv(conv) = &canonical.nodes[0].op else { panic!("{canonical}") };
    assert_eq!(conv.pad_values, [0.5; 3]);
}

#[test]
fn grey_is_summed_where_one_border_serves_all_channels() {
    for own in [Layout::Nchw, Layout::Nhwc] {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            for (normalise, convolutions) in
                [(None, 1), (normalise(&[0.5], &IMAGENET.1), 1), (normalise(&[0.0], &[1.0]), 1), (imagenet(), 2)]
            {
                let options = Options {
                    input: Some(InputType::U8),
                    normalise,
                    input_layout: Some(layout),
                    grey: true,
                    ..Options::default()
                };
                let (canonical, found) = left(network(own, 3), &options);
                assert_eq!(found.iter().filter(|op| *op == "Conv").count(), convolutions, "{canonical}");
                assert!(!found.contains(&"Transpose".to_string()), "{canonical}");
                assert_eq!(canonical.ty(canonical.input).len(), 2 * 6 * 5);
            }
        }
    }
}

#[test]
fn a_softmax_is_appended_once() {
    let options = Options { softmax: true, ..Options::default() };
    let graph = network(Layout::Nchw, 3);
    let name = graph[graph.outputs[0]].name.clone();
    let once = adapt(graph, &options).unwrap();
    assert_eq!(once[once.outputs[0]].name, name);
    assert!(matches!(once.nodes.last().unwrap().op, Op::Softmax { axis: 1, flat: false, log: false }));
    assert_eq!(adapt(once.clone(), &options).unwrap(), once);
}

#[test]
fn a_softmax_finds_the_axis_of_the_classes() {
    for (shape, axis) in [(&[1, 4, 1, 1][..], 1), (&[1, 1, 1, 4], 3), (&[4], 0)] {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 5]);
        let x = b.conv(b.input(), 4, 3, 2, [0; 4]);
        let x = b.node(Op::GlobalAveragePool, &[x]);
        let x = b.reshape(x, shape);
        let graph = adapt(b.finish(x), &Options { softmax: true, ..Options::default() }).unwrap();
        assert_eq!(graph.nodes.last().unwrap().op, Op::Softmax { axis, flat: false, log: false });
    }
}

fn complaints(graph: Graph, options: &Options) -> Vec<String> {
    adapt(graph, options).unwrap_err().problems.iter().map(ToString::to_string).collect()
}

#[test]
fn options_without_a_use_are_refused_together() {
    let mut b = Builder::new(1, DType::U8, &[1, 1, 6, 6]);
    let x = b.cast(b.input(), DType::F32);
    let x = b.conv(x, 4, 3, 2, [1; 4]);
    let graph = b.finish(x);
    let options = Options {
        input: Some(InputType::U8),
        normalise: normalise(&[0.5, 0.5], &[0.0]),
        grey: true,
        softmax: true,
        ..Options::default()
    };
    let found = complaints(graph, &options);
    let parts = [
        "option input does not fit",
        "option normalise does not fit",
        "mean of the option normalise does not fit the model's 1 channels",
        "std of the option normalise can't be computed with",
        "option grey does not fit",
        "option softmax does not fit",
    ];
    assert_eq!(found.len(), parts.len(), "{found:#?}");
    for (found, part) in found.iter().zip(parts) {
        assert!(found.contains(part), "{found}");
    }
}

#[test]
fn images_are_needed_for_what_concerns_channels() {
    let mut b = Builder::new(1, DType::F32, &[1, 8]);
    let w = b.random(&[8, 4], -1.0, 1.0);
    let x = b.node(Op::MatMul, &[b.input(), w]);
    let graph = b.finish(x);
    let options = Options { input_layout: Some(Layout::Nhwc), grey: true, ..Options::default() };
    let found = complaints(graph.clone(), &options);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|problem| problem.contains("images that a convolution reads")), "{found:?}");
    let bytes = Options { input: Some(InputType::U8), ..Options::default() };
    assert_eq!(adapt(graph, &bytes).unwrap().nodes.len(), 2);
}

/// The caller's pixels, blue first, give what the model's own, red first, give.
#[test]
fn colours_the_other_way_round_are_read_by_the_first_convolution() {
    let bgr = Options { channel_order: Some(ChannelOrder::Bgr), normalise: imagenet(), ..Options::default() };
    let rgb = Options { channel_order: None, ..bgr.clone() };
    for own in [Layout::Nchw, Layout::Nhwc] {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let given = |options: &Options| Options { input_layout: Some(layout), ..options.clone() };
            let (canonical, found) = left(network(own, 3), &given(&bgr));
            assert!(!found.iter().any(|op| op == "Gather"), "{canonical}");
            let (other, _) = left(network(own, 3), &given(&rgb));
            let shape = canonical.ty(canonical.input).shape.clone();
            let pixels: Vec<f32> = (0..180).map(|i| (i * 37 % 101) as f32 / 101.0).collect();
            let reversed = |i: usize| match layout {
                Layout::Nchw => i / 90 * 90 + (2 - i % 90 / 30) * 30 + i % 30,
                Layout::Nhwc => i / 3 * 3 + 2 - i % 3,
            };
            let swapped: Vec<f32> = (0..180).map(|i| pixels[reversed(i)]).collect();
            let run = |graph, values: &[f32]| {
                crate::reference::run(graph, &crate::graph::Tensor::f32(shape.clone(), values)).unwrap()
            };
            let (found, expected) = (run(&canonical, &swapped), run(&other, &pixels));
            crate::passes::testing::assert_same(&found, &expected, || format!("{own:?} {layout:?}"));
        }
    }
    let one = adapt(network(Layout::Nchw, 1), &Options { normalise: None, ..bgr.clone() }).unwrap_err().to_string();
    assert!(one.contains("three channels of colour"), "{one}");
    let grey =
        adapt(network(Layout::Nchw, 3), &Options { grey: true, normalise: None, ..bgr }).unwrap_err().to_string();
    assert!(grey.contains("found: grey"), "{grey}");
}

#[test]
fn ports_of_float16_are_casts() {
    for own in [Layout::Nchw, Layout::Nhwc] {
        let options =
            Options { ports: Some(PortType::F16), normalise: imagenet(), softmax: true, ..Options::default() };
        let (canonical, found) = left(network(own, 3), &options);
        let types = [canonical.ty(canonical.input).dtype, canonical.ty(canonical.outputs[0]).dtype];
        assert_eq!(types, [DType::F16; 2]);
        assert_eq!((found.first(), found.last()), (Some(&"Cast".to_string()), Some(&"Cast".to_string())), "{found:?}");
        assert_eq!(found.iter().filter(|op| *op == "Conv").count(), 1);
        let bytes = Options { input: Some(InputType::U8), ..options };
        let (canonical, _) = left(network(own, 3), &bytes);
        let types = [canonical.ty(canonical.input).dtype, canonical.ty(canonical.outputs[0]).dtype];
        assert_eq!(types, [DType::U8, DType::F16]);
    }
}
