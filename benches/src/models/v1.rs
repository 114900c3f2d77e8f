//! MobileNet V1.

use super::writer::{Shape, Then, Writer};

/// Output channels and stride of the thirteen separable stages (arXiv 1704.04861, Table 1).
const STAGES: [(usize, usize); 13] = [
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
];

pub(super) fn onnx(alpha: f64, resolution: usize, classes: usize) -> Vec<u8> {
    let width = |channels: usize| (channels as f64 * alpha) as usize;
    let mut file = Writer::new("mobilenet_v1", 13, resolution, classes);
    let mut channels = width(32);
    let stem = Shape { from: 3, to: channels, kernel: 3, stride: 2, group: 1 };
    let mut x = file.block("input", "stem", stem, Then::Relu);
    for (i, (out, stride)) in STAGES.into_iter().enumerate() {
        let out = width(out);
        x = file.block(&x, &format!("dw{}", i + 1), Shape::depthwise(channels, 3, stride), Then::Relu);
        x = file.block(&x, &format!("pw{}", i + 1), Shape::pointwise(channels, out), Then::Relu);
        channels = out;
    }
    let flat = file.pooled(&x);
    file.dense(&flat, "fc", channels, classes, "output");
    file.bytes()
}
