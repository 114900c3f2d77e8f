//! MobileNet V3, arXiv 1905.02244, Tables 1 and 2, with the module names of torchvision.

use super::draft::{Act, Conv, Draft};
use super::{Spec, divisible};

/// A network of the paper.
pub struct Table {
    blocks: &'static [Block],
    /// Channels of the dense layer in front of the last.
    dense: usize,
}

/// A row: kernel, channels of the expanded map, channels, squeeze-and-excitation, activation, stride.
type Block = (usize, usize, usize, bool, Act, usize);

const RE: Act = Act::Relu;
const HS: Act = Act::HardSwish;
const SE: bool = true;
const NO: bool = false;
const STEM: usize = 16;

/// Table 1.
pub const LARGE: Table = Table {
    blocks: &[
        (3, 16, 16, NO, RE, 1),
        (3, 64, 24, NO, RE, 2),
        (3, 72, 24, NO, RE, 1),
        (5, 72, 40, SE, RE, 2),
        (5, 120, 40, SE, RE, 1),
        (5, 120, 40, SE, RE, 1),
        (3, 240, 80, NO, HS, 2),
        (3, 200, 80, NO, HS, 1),
        (3, 184, 80, NO, HS, 1),
        (3, 184, 80, NO, HS, 1),
        (3, 480, 112, SE, HS, 1),
        (3, 672, 112, SE, HS, 1),
        (5, 672, 160, SE, HS, 2),
        (5, 960, 160, SE, HS, 1),
        (5, 960, 160, SE, HS, 1),
    ],
    dense: 1280,
};

/// Table 2.
pub const SMALL: Table = Table {
    blocks: &[
        (3, 16, 16, SE, RE, 2),
        (3, 72, 24, NO, RE, 2),
        (3, 88, 24, NO, RE, 1),
        (5, 96, 40, SE, HS, 2),
        (5, 240, 40, SE, HS, 1),
        (5, 240, 40, SE, HS, 1),
        (5, 120, 48, SE, HS, 1),
        (5, 144, 48, SE, HS, 1),
        (5, 288, 96, SE, HS, 2),
        (5, 576, 96, SE, HS, 1),
        (5, 576, 96, SE, HS, 1),
    ],
    dense: 1024,
};

/// The whole network.
pub fn body(draft: &mut Draft, spec: &Spec, table: &Table) {
    let width = |channels: usize| divisible(channels as f64 * spec.alpha);
    draft.conv("features.0.0", Conv::new(width(STEM), 3, 2));
    draft.act("features.0.2", HS);
    for (at, &(kernel, expanded, channels, gated, act, stride)) in table.blocks.iter().enumerate() {
        let path = format!("features.{}", at + 1);
        block(draft, &path, (kernel, width(expanded), width(channels), gated, act, stride));
    }
    let last = table.blocks.len() + 1;
    draft.conv(&format!("features.{last}.0"), Conv::new(6 * draft.channels(), 1, 1));
    draft.act(&format!("features.{last}.2"), HS);
    draft.pool("avgpool");
    draft.flatten();
    draft.dense("classifier.0", width(table.dense), HS);
    draft.act("classifier.1", HS);
    draft.dense("classifier.3", spec.classes, Act::None);
}

fn block(draft: &mut Draft, path: &str, (kernel, expanded, channels, gated, act, stride): Block) {
    let from = draft.place();
    let mut at = 0;
    if expanded != from.channels() {
        draft.conv(&format!("{path}.block.0.0"), Conv::new(expanded, 1, 1));
        draft.act(&format!("{path}.block.0.2"), act);
        at = 1;
    }
    draft.conv(&format!("{path}.block.{at}.0"), Conv::depthwise(expanded, kernel, stride));
    draft.act(&format!("{path}.block.{at}.2"), act);
    if gated {
        at += 1;
        draft.gate(&format!("{path}.block.{at}"), divisible((expanded / 4) as f64));
    }
    draft.conv(&format!("{path}.block.{}.0", at + 1), Conv::new(channels, 1, 1).before(Act::None));
    draft.act(&format!("{path}.block.{}.0", at + 1), Act::None);
    if stride == 1 && from.channels() == channels {
        draft.add(path, &from);
    }
}
