//! MobileNet V3 large.

use super::divisible;
use super::writer::{Shape, Then, Writer};

/// Kernel, expanded channels, output channels, gate, hard-swish, stride (arXiv 1905.02244, Table 1).
const STAGES: [(usize, usize, usize, bool, bool, usize); 15] = [
    (3, 16, 16, false, false, 1),
    (3, 64, 24, false, false, 2),
    (3, 72, 24, false, false, 1),
    (5, 72, 40, true, false, 2),
    (5, 120, 40, true, false, 1),
    (5, 120, 40, true, false, 1),
    (3, 240, 80, false, true, 2),
    (3, 200, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 184, 80, false, true, 1),
    (3, 480, 112, true, true, 1),
    (3, 672, 112, true, true, 1),
    (5, 672, 160, true, true, 2),
    (5, 960, 160, true, true, 1),
    (5, 960, 160, true, true, 1),
];

pub(super) fn onnx(alpha: f64, resolution: usize, classes: usize) -> Vec<u8> {
    let width = |channels: usize| divisible(channels as f64 * alpha);
    let mut file = Writer::new("mobilenet_v3_large", 14, resolution, classes);
    let mut channels = width(16);
    let stem = Shape { from: 3, to: channels, kernel: 3, stride: 2, group: 1 };
    let mut x = file.block("input", "stem", stem, Then::HardSwish);
    for (i, (kernel, expanded, out, gate, swish, stride)) in STAGES.into_iter().enumerate() {
        let (expanded, out) = (width(expanded), width(out));
        let then = if swish { Then::HardSwish } else { Then::Relu };
        let name = |part: &str| format!("block{}.{part}", i + 1);
        let before = x.clone();
        if expanded != channels {
            x = file.block(&x, &name("expand"), Shape::pointwise(channels, expanded), then);
        }
        x = file.block(&x, &name("depthwise"), Shape::depthwise(expanded, kernel, stride), then);
        if gate {
            x = file.gate(&x, &name("gate"), expanded, divisible(expanded as f64 / 4.0));
        }
        x = file.block(&x, &name("project"), Shape::pointwise(expanded, out), Then::Nothing);
        if stride == 1 && channels == out {
            x = file.node("Add", &[&before, &x], &name("add"), |node| node);
        }
        channels = out;
    }
    let (last, hidden) = (width(960), divisible(1280.0 * alpha));
    x = file.block(&x, "last", Shape::pointwise(channels, last), Then::HardSwish);
    let flat = file.pooled(&x);
    let x = file.dense(&flat, "hidden", last, hidden, "hidden");
    let x = file.node("HardSwish", &[&x], "hidden.hardswish", |node| node);
    file.dense(&x, "fc", hidden, classes, "output");
    file.bytes()
}
