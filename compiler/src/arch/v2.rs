//! MobileNet V2, arXiv 1801.04381, Table 2, with the module names of torchvision.

use super::draft::{Act, Conv, Draft};
use super::{Spec, divisible};

/// Expansion factor, channels, blocks, stride of the first.
const BODY: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
const STEM: usize = 32;
/// Never narrower than this: α below 1 is not applied to the last convolution (section 5).
const LAST: usize = 1280;

/// The whole network.
pub fn body(draft: &mut Draft, spec: &Spec) {
    let width = |channels: usize| divisible(channels as f64 * spec.alpha);
    draft.conv("features.0.0", Conv::new(width(STEM), 3, 2));
    draft.act("features.0.2", Act::Relu6);
    let mut index = 0;
    for (expansion, channels, blocks, stride) in BODY {
        for at in 0..blocks {
            index += 1;
            let stride = if at == 0 { stride } else { 1 };
            block(draft, &format!("features.{index}"), expansion, width(channels), stride);
        }
    }
    draft.conv("features.18.0", Conv::new(divisible(LAST as f64 * spec.alpha.max(1.0)), 1, 1));
    draft.act("features.18.2", Act::Relu6);
    draft.pool("");
    draft.flatten();
    draft.dense("classifier.1", spec.classes, Act::None);
}

fn block(draft: &mut Draft, path: &str, expansion: usize, channels: usize, stride: usize) {
    let from = draft.place();
    let mut at = 0;
    if expansion != 1 {
        draft.conv(&format!("{path}.conv.0.0"), Conv::new(expansion * draft.channels(), 1, 1));
        draft.act(&format!("{path}.conv.0.2"), Act::Relu6);
        at = 1;
    }
    draft.conv(&format!("{path}.conv.{at}.0"), Conv::depthwise(draft.channels(), 3, stride));
    draft.act(&format!("{path}.conv.{at}.2"), Act::Relu6);
    draft.conv(&format!("{path}.conv.{}", at + 1), Conv::new(channels, 1, 1).before(Act::None));
    draft.act(&format!("{path}.conv.{}", at + 1), Act::None);
    if stride == 1 && from.channels() == channels {
        draft.add(path, &from);
    }
}
