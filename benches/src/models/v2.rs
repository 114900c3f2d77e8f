//! MobileNet V2.

use super::divisible;
use super::writer::{Shape, Then, Writer};

/// Expansion factor, output channels, repeats and first stride (arXiv 1801.04381, Table 2).
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

pub(super) fn onnx(alpha: f64, resolution: usize, classes: usize) -> Vec<u8> {
    let width = |channels: usize| divisible(channels as f64 * alpha);
    let mut file = Writer::new("mobilenet_v2", 13, resolution, classes);
    let mut channels = width(32);
    let stem = Shape { from: 3, to: channels, kernel: 3, stride: 2, group: 1 };
    let mut x = file.block("input", "stem", stem, Then::Relu6);
    for (s, (factor, out, repeats, first)) in STAGES.into_iter().enumerate() {
        let out = width(out);
        for r in 0..repeats {
            let (stride, expanded) = (if r == 0 { first } else { 1 }, channels * factor);
            let name = |part: &str| format!("block{}.{r}.{part}", s + 1);
            let before = x.clone();
            if factor > 1 {
                x = file.block(&x, &name("expand"), Shape::pointwise(channels, expanded), Then::Relu6);
            }
            x = file.block(&x, &name("depthwise"), Shape::depthwise(expanded, 3, stride), Then::Relu6);
            x = file.block(&x, &name("project"), Shape::pointwise(expanded, out), Then::Nothing);
            if stride == 1 && channels == out {
                x = file.node("Add", &[&before, &x], &name("add"), |node| node);
            }
            channels = out;
        }
    }
    let last = divisible(1280.0 * alpha.max(1.0));
    x = file.block(&x, "last", Shape::pointwise(channels, last), Then::Relu6);
    let flat = file.pooled(&x);
    file.dense(&flat, "fc", last, classes, "output");
    file.bytes()
}
