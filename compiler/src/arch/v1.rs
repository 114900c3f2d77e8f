//! MobileNet V1, arXiv 1704.04861: Table 1, its twin of standard convolutions (Table 4) and the shallow one (Table 5).

use super::Spec;
use super::draft::{Act, Conv, Draft};

/// Stride of the depthwise convolution and channels of the pointwise one of each block in Table 1.
pub const BODY: [(usize, usize); 13] = [
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (2, 1024),
    // Table 1 says stride 2 here, too; with the 7 x 7 that it says follow, it is 1.
    (1, 1024),
];

/// The body without "the 5 layers of separable filters with feature size 14 x 14 x 512" (section 4.1).
pub fn shallow() -> Vec<(usize, usize)> {
    BODY.into_iter().filter(|&block| block != (1, 512)).collect()
}

/// αM rounded down, at least 8.
fn width(spec: &Spec, channels: usize) -> usize {
    ((channels as f64 * spec.alpha) as usize).max(8)
}

/// Blocks of depthwise and pointwise convolution.
pub fn separable(draft: &mut Draft, spec: &Spec, body: &[(usize, usize)]) {
    let mut index = stem(draft, spec);
    for &(stride, channels) in body {
        let mut layer = |draft: &mut Draft, conv: Conv| {
            index += 1;
            draft.conv(&format!("features.{index}.0"), conv);
            draft.act(&format!("features.{index}.2"), Act::Relu6);
        };
        layer(draft, Conv::depthwise(draft.channels(), 3, stride));
        layer(draft, Conv::new(width(spec, channels), 1, 1));
    }
    head(draft, spec);
}

/// Each block one standard convolution.
pub fn standard(draft: &mut Draft, spec: &Spec) {
    let first = stem(draft, spec) + 1;
    for (at, (stride, channels)) in BODY.into_iter().enumerate() {
        draft.conv(&format!("features.{}.0", first + at), Conv::new(width(spec, channels), 3, stride));
        draft.act(&format!("features.{}.2", first + at), Act::Relu6);
    }
    head(draft, spec);
}

fn stem(draft: &mut Draft, spec: &Spec) -> usize {
    draft.conv("features.0.0", Conv::new(width(spec, 32), 3, 2));
    draft.act("features.0.2", Act::Relu6);
    0
}

fn head(draft: &mut Draft, spec: &Spec) {
    draft.pool("pool");
    draft.flatten();
    draft.dense("fc", spec.classes, Act::None);
}
