//! The three small models of the snapshots.

use crate::draft::Draft;
use crate::random::{Act, Axes, POINT, Span};
use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Storage};

const fn same(stride: usize) -> Span {
    Span { kernel: [3, 3], stride: [stride; 2], dilation: [1, 1], pads: [1; 4] }
}

/// Their names and files.
pub fn all() -> [(&'static str, Author); 3] {
    [("tiny_v1", tiny_v1(1)), ("tiny_bytes", tiny_bytes()), ("tiny_odd", tiny_odd())]
}

/// MobileNet V1 as PyTorch writes it, in small: NCHW, batch norm and ReLU6 behind every convolution, logits.
pub fn tiny_v1(seed: u64) -> Author {
    let mut net = Draft::new("tiny_v1", 13, seed);
    net.input(DType::F32, [1, 3, 16, 16], Axes::Nchw);
    net.conv(8, 1, same(2), false);
    net.norm();
    net.act(Act::Relu6);
    for (channels, stride) in [(16, 1), (32, 2), (32, 1)] {
        separable(&mut net, same(stride), channels, Act::Relu6, true);
    }
    net.pool();
    net.dense(10);
    net.finish(&[1, 10])
}

/// As tf2onnx writes it: NHWC bytes, cast and scaled by the graph, asymmetric padding, probabilities.
pub fn tiny_bytes() -> Author {
    let mut net = Draft::new("tiny_bytes", 15, 2);
    net.input(DType::U8, [1, 3, 12, 20], Axes::Nhwc);
    net.node("Cast", &[], |node| node.int("to", 1));
    let scale = net.constant(&[], vec![1.0 / 127.5]);
    net.node("Mul", &[scale], |node| node);
    let one = net.constant(&[], vec![1.0]);
    net.node("Sub", &[one], |node| node);
    net.transpose([0, 3, 1, 2]);
    let end = Span { pads: [0, 0, 1, 1], ..same(2) };
    net.conv(16, 1, end, true);
    net.act(Act::Relu6);
    separable(&mut net, end, 24, Act::Relu6, false);
    net.pool();
    net.dense(4);
    net.softmax();
    net.finish(&[1, 4])
}

/// Odd everything: size, channels, kernel, dilation, batch, a depthwise stage without a partner, a feature map as output.
pub fn tiny_odd() -> Author {
    let mut net = Draft::new("tiny_odd", 9, 3);
    net.input(DType::F32, [2, 1, 13, 9], Axes::Nchw);
    net.conv(5, 1, Span { kernel: [5, 3], stride: [2, 1], dilation: [1, 2], pads: [2, 1, 1, 3] }, true);
    net.act(Act::Relu);
    separable(
        &mut net,
        Span { kernel: [3, 3], stride: [1, 1], dilation: [2, 1], pads: [2, 1, 2, 1] },
        17,
        Act::ReluMin,
        false,
    );
    net.depthwise(same(2), true);
    net.act(Act::Relu6);
    let [h, w] = net.size();
    net.finish(&[2, 17, h, w])
}

/// Depthwise convolutions with kernels of 5 x 5, as later MobileNets have them.
pub fn five_by_five() -> Author {
    let mut net = Draft::new("five_by_five", 13, 4);
    net.input(DType::F32, [1, 3, 16, 16], Axes::Nchw);
    net.conv(16, 1, same(1), true);
    for stride in [1, 2] {
        let span = Span { kernel: [5, 5], stride: [stride; 2], dilation: [1, 1], pads: [2; 4] };
        separable(&mut net, span, 32, Act::Relu6, true);
    }
    net.pool();
    net.dense(10);
    net.finish(&[1, 10])
}

fn separable(net: &mut Draft, span: Span, channels: usize, act: Act, norm: bool) {
    net.depthwise(span, !norm);
    if norm {
        net.norm();
    }
    net.act(act);
    net.conv(channels, 1, POINT, !norm);
    if norm {
        net.norm();
    }
    net.act(act);
}

/// Moves all initialisers of a model to a side file.
#[must_use]
pub fn with_side_file(mut author: Author, file: &str) -> Author {
    let graph = author.message().graph.mut_or_insert_default();
    let initializers = std::mem::take(&mut graph.initializer);
    for proto in initializers {
        let shape: Vec<usize> = proto.dims.iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
        let values: Vec<f32> =
            proto.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        author = author.initializer(&proto.name, &Tensor::f32(shape, values), Storage::External(file.into()));
    }
    author
}
