//! The networks that Table 8 of arXiv 1704.04861 compares MobileNet with.

use super::Spec;
use super::draft::{Act, Conv, Draft};

/// Channels of an inception module, in the order of the columns of Table 1 of arXiv 1409.4842: 1x1, 3x3 reduce, 3x3, 5x5 reduce,
/// 5x5, pool proj.
type Inception = [usize; 6];

const MODULES: [&[(&str, Inception)]; 3] = [
    &[("3a", [64, 96, 128, 16, 32, 32]), ("3b", [128, 128, 192, 32, 96, 64])],
    &[
        ("4a", [192, 96, 208, 16, 48, 64]),
        ("4b", [160, 112, 224, 24, 64, 64]),
        ("4c", [128, 128, 256, 24, 64, 64]),
        ("4d", [112, 144, 288, 32, 64, 64]),
        ("4e", [256, 160, 320, 32, 128, 128]),
    ],
    &[("5a", [256, 160, 320, 32, 128, 128]), ("5b", [384, 192, 384, 48, 128, 128])],
];

/// GoogLeNet.
pub fn googlenet(draft: &mut Draft, spec: &Spec) {
    conv(draft, "conv1", Conv::new(64, 7, 2));
    draft.max_pool("maxpool1", 3, 2, true);
    draft.response_norm("norm1");
    conv(draft, "conv2", Conv::new(64, 1, 1));
    conv(draft, "conv3", Conv::new(192, 3, 1));
    draft.response_norm("norm2");
    for (at, modules) in MODULES.into_iter().enumerate() {
        draft.max_pool(&format!("maxpool{}", at + 2), 3, 2, true);
        modules.iter().for_each(|(name, channels)| inception(draft, &format!("inception{name}"), *channels));
    }
    draft.pool("avgpool");
    draft.flatten();
    draft.dense("fc", spec.classes, Act::None);
}

fn conv(draft: &mut Draft, path: &str, conv: Conv) {
    draft.conv(&format!("{path}.conv"), conv.plain());
    draft.act(path, Act::Relu);
}

fn inception(draft: &mut Draft, path: &str, [one, reduce3, three, reduce5, five, projection]: Inception) {
    let from = draft.place();
    conv(draft, &format!("{path}.branch1"), Conv::new(one, 1, 1));
    let mut branches = vec![draft.go(&from)];
    for (name, reduce, channels, kernel) in [("branch2", reduce3, three, 3), ("branch3", reduce5, five, 5)] {
        conv(draft, &format!("{path}.{name}.0"), Conv::new(reduce, 1, 1));
        conv(draft, &format!("{path}.{name}.1"), Conv::new(channels, kernel, 1));
        branches.push(draft.go(&from));
    }
    draft.max_pool(&format!("{path}.branch4.0"), 3, 1, true);
    conv(draft, &format!("{path}.branch4.1"), Conv::new(projection, 1, 1));
    branches.push(draft.place());
    draft.concat(path, &branches);
}

/// VGG-16.
pub fn vgg_16(draft: &mut Draft, spec: &Spec) {
    let mut index = 0;
    for (channels, convolutions) in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)] {
        for _ in 0..convolutions {
            draft.conv(&format!("features.{index}"), Conv::new(channels, 3, 1).plain());
            draft.act(&format!("features.{}", index + 1), Act::Relu);
            index += 2;
        }
        draft.max_pool(&format!("features.{index}"), 2, 2, false);
        index += 1;
    }
    draft.flatten();
    for (at, channels) in [(0, 4096), (3, 4096)] {
        draft.dense(&format!("classifier.{at}"), channels, Act::Relu);
        draft.act(&format!("classifier.{}", at + 1), Act::Relu);
    }
    draft.dense("classifier.6", spec.classes, Act::None);
}
