//! Networks of the papers as ONNX: untrained, drawn from a seed, spelled as PyTorch's own exporter (TorchScript, batch norm
//! folded) spells them.
//!
//! ```
//! use mobilenet_compiler::arch::{Arch, Spec};
//! use mobilenet_compiler::{Options, compile, onnx::Model};
//!
//! let spec = Spec { alpha: 0.25, resolution: 64, classes: 10, ..Spec::new(Arch::MobileNetV1) };
//! let model = Model::decode(spec.author().unwrap().to_bytes(), None).unwrap();
//! assert_eq!(compile(&model, &Options::default()).unwrap().network.facts().width_multiplier, Some(0.25));
//! ```

mod draft;
mod noise;
pub mod paper;
mod peers;
mod v1;
mod v2;
mod v3;

use crate::diagnostic::Problem;
use crate::onnx::author::Author;
use draft::Draft;
use std::ops::RangeInclusive;

/// Width multipliers there may be. The largest network of the largest width then fits the limits on what is read.
const ALPHAS: RangeInclusive<f64> = 0.01..=2.0;
const RESOLUTIONS: RangeInclusive<usize> = 1..=4096;
const CLASSES: RangeInclusive<usize> = 1..=65_536;
const CHANNELS: RangeInclusive<usize> = 1..=256;

/// An architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// MobileNet V1, Table 1 of arXiv 1704.04861.
    MobileNetV1,
    /// MobileNet V2, Table 2 of arXiv 1801.04381.
    MobileNetV2,
    /// MobileNet V3 small, Table 2 of arXiv 1905.02244.
    MobileNetV3Small,
    /// MobileNet V3 large, Table 1 of arXiv 1905.02244.
    MobileNetV3Large,
    /// V1 with standard convolutions in place of the separable ones: "Conv MobileNet" in Table 4 of arXiv 1704.04861.
    ConvMobileNet,
    /// V1 without its five blocks of 14 x 14 x 512: "Shallow MobileNet" in Table 5 of arXiv 1704.04861.
    ShallowMobileNet,
    /// GoogLeNet, Table 1 of arXiv 1409.4842, without its auxiliary classifiers. It holds local response
    /// normalisation, which is not compiled.
    GoogLeNet,
    /// VGG-16, configuration D of Table 1 of arXiv 1409.1556.
    Vgg16,
}

impl Arch {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::MobileNetV1,
        Self::MobileNetV2,
        Self::MobileNetV3Small,
        Self::MobileNetV3Large,
        Self::ConvMobileNet,
        Self::ShallowMobileNet,
        Self::GoogLeNet,
        Self::Vgg16,
    ];

    /// The name that options have for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::MobileNetV1 => "mobilenet-v1",
            Self::MobileNetV2 => "mobilenet-v2",
            Self::MobileNetV3Small => "mobilenet-v3-small",
            Self::MobileNetV3Large => "mobilenet-v3-large",
            Self::ConvMobileNet => "conv-mobilenet",
            Self::ShallowMobileNet => "shallow-mobilenet",
            Self::GoogLeNet => "googlenet",
            Self::Vgg16 => "vgg-16",
        }
    }

    /// What it is, in a line.
    pub fn about(self) -> &'static str {
        match self {
            Self::MobileNetV1 => "MobileNet V1: depthwise separable convolutions (arXiv 1704.04861, Table 1)",
            Self::MobileNetV2 => "MobileNet V2: inverted residuals (arXiv 1801.04381, Table 2)",
            Self::MobileNetV3Small => {
                "MobileNet V3 small: squeeze-and-excitation, hard-swish (arXiv 1905.02244, Table 2)"
            }
            Self::MobileNetV3Large => "MobileNet V3 large (arXiv 1905.02244, Table 1)",
            Self::ConvMobileNet => "V1 with standard convolutions (arXiv 1704.04861, Table 4)",
            Self::ShallowMobileNet => "V1 without its five 14x14x512 blocks (arXiv 1704.04861, Table 5)",
            Self::GoogLeNet => "GoogLeNet (arXiv 1409.4842, Table 1): to be counted, not compiled",
            Self::Vgg16 => "VGG-16 (arXiv 1409.1556, configuration D): to be counted",
        }
    }

    /// Whether it has a width multiplier: the networks that MobileNets are compared with have not.
    pub fn has_widths(self) -> bool {
        !matches!(self, Self::GoogLeNet | Self::Vgg16)
    }
}

/// What a network is drawn from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// The architecture.
    pub arch: Arch,
    /// Width multiplier α.
    pub alpha: f64,
    /// Rows and columns of the input; over 224 it is the resolution multiplier ρ.
    pub resolution: usize,
    /// Classes.
    pub classes: usize,
    /// Channels of the input.
    pub channels: usize,
    /// Seed of the weights.
    pub seed: u64,
    /// Every operator between `DequantizeLinear` and `QuantizeLinear`, with scales of activations that suit weights drawn at
    /// random: what the network costs in 8 bits, before there is one to quantise.
    pub int8: bool,
}

impl Spec {
    /// α 1, 224 x 224 x 3, 1000 classes, seed 1, floats.
    pub fn new(arch: Arch) -> Self {
        Self { arch, alpha: 1.0, resolution: 224, classes: 1000, channels: 3, seed: 1, int8: false }
    }

    /// The network as an ONNX model.
    ///
    /// # Errors
    ///
    /// A number out of its range, and a width multiplier or 8 bits where the architecture has none.
    pub fn author(&self) -> Result<Author, Problem> {
        self.check()?;
        let mut draft = Draft::new(self);
        match self.arch {
            Arch::MobileNetV1 => v1::separable(&mut draft, self, &v1::BODY),
            Arch::ConvMobileNet => v1::standard(&mut draft, self),
            Arch::ShallowMobileNet => v1::separable(&mut draft, self, &v1::shallow()),
            Arch::MobileNetV2 => v2::body(&mut draft, self),
            Arch::MobileNetV3Small => v3::body(&mut draft, self, &v3::SMALL),
            Arch::MobileNetV3Large => v3::body(&mut draft, self, &v3::LARGE),
            Arch::GoogLeNet => peers::googlenet(&mut draft, self),
            Arch::Vgg16 => peers::vgg_16(&mut draft, self),
        }
        Ok(draft.finish())
    }

    fn check(&self) -> Result<(), Problem> {
        fn within<T: PartialOrd + std::fmt::Display>(
            option: &'static str,
            value: T,
            range: &RangeInclusive<T>,
        ) -> Result<(), Problem> {
            if range.contains(&value) {
                return Ok(());
            }
            let expected = format!("{} to {}", range.start(), range.end());
            Err(Problem::new(format!("no network has {option} {value}")).expected(expected, value.to_string()))
        }
        within("α", self.alpha, &ALPHAS)?;
        // Five halvings of what has no padding leave nothing of less than this.
        let least = if self.arch.has_widths() { *RESOLUTIONS.start() } else { 32 };
        within("resolution", self.resolution, &(least..=*RESOLUTIONS.end()))?;
        within("classes", self.classes, &CLASSES)?;
        within("input channels", self.channels, &CHANNELS)?;
        let name = self.arch.name();
        if !self.arch.has_widths() && self.alpha != 1.0 {
            let problem = Problem::new(format!("{name} has no width multiplier"));
            return Err(problem.expected("α 1", format!("α {}", self.alpha)).hint("the MobileNets have one"));
        }
        if !self.arch.has_widths() && self.int8 {
            return Err(Problem::new(format!("{name} is not written in 8 bits")).hint("the MobileNets are"));
        }
        Ok(())
    }
}

/// Rounds to a multiple of 8, up where it would lose more than a tenth: `make_divisible` of the authors' own code of V2 and V3.
fn divisible(channels: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

#[cfg(test)]
mod tests;
