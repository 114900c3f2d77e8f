//! The width multiplier α, read off the numbers of channels.

use super::blocks::{Block, BlockKind};
use super::{Network, StageKind};
use crate::graph::Activation;

/// Channels of a network whose blocks keep them or double them: V1's first convolution and pointwise ones, the last one's.
#[derive(Clone, Copy)]
struct Doubling {
    first: usize,
    last: usize,
}

const V1: Doubling = Doubling { first: 32, last: 1024 };
/// PP-LCNet: V1's blocks at half its width, with hard-swish.
const LCNET: Doubling = Doubling { first: 16, last: 512 };

/// Channels of the first convolution and of the blocks' results, each as often as there are blocks.
const INVERTED: [(usize, &[usize]); 5] = [
    // V2 (arXiv 1801.04381, table 2)
    (32, &[16, 24, 32, 64, 96, 160, 320]),
    // V3 large and small (arXiv 1905.02244, tables 1 and 2)
    (16, &[16, 24, 40, 80, 112, 160]),
    (16, &[16, 24, 40, 48, 96]),
    // MnasNet-B1 (arXiv 1807.11626) and EfficientNet-Lite0
    (32, &[16, 24, 40, 80, 96, 192, 320]),
    (32, &[16, 24, 40, 80, 112, 192, 320]),
];

/// Convolutions of V1, depthwise ones aside.
const FULL: usize = 14;

/// The α for which channels are V1's times α: 32, 64, and from there each the same as the one before or double, up to
/// 1024, rounded down or to nearest. Nets may be shorter or longer than V1's 14 convolutions; those no shorter may also
/// have at least 8 channels, or multiples of 8, everywhere (in short ones that would fit almost anything).
fn of_doubling(base: Doubling, channels: &[usize]) -> Option<f64> {
    let first = *channels.first()?;
    if channels.len() < 2 {
        return None;
    }
    let ratio = |alpha: &f64| (first as f64 - base.first as f64 * alpha).abs() <= 8.0;
    candidates().filter(ratio).find(|&alpha| {
        let roundings: [fn(f64) -> usize; 4] =
            [|c| c as usize, |c| c.round() as usize, |c| (c as usize).max(8), |c| divisible_by_8(c)];
        let exact = if channels.len() < FULL { 2 } else { 4 };
        roundings.iter().take(exact).any(|round| follows(base, channels, |channels| round(channels as f64 * alpha)))
    })
}

/// Rounds to a multiple of 8, never below 8 or by more than a tenth down.
fn divisible_by_8(channels: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

fn follows(of: Doubling, channels: &[usize], width: impl Fn(usize) -> usize) -> bool {
    let [first, second, rest @ ..] = channels else { return false };
    if *first != width(of.first) || *second != width(2 * of.first) {
        return false;
    }
    let mut base = 2 * of.first;
    rest.iter().all(|&c| {
        if c != width(base) && base < of.last {
            base *= 2;
        }
        c == width(base)
    })
}

/// Widths there may be, round ones first.
fn candidates() -> impl Iterator<Item = f64> {
    let of = |denominator: u32| (1..=4 * denominator).map(move |n| f64::from(n) / f64::from(denominator));
    [4, 8, 20, 100].into_iter().flat_map(of)
}

/// The α for which the channels of the blocks' results are those of an inverted residual network times α, rounded to
/// multiples of 8; the first convolution's may be those at α = 1. The last kind of block may be cut off, where nothing whole fits.
fn of_inverted(channels: &[usize]) -> Option<f64> {
    let (&first, blocks) = channels.split_first()?;
    let fits = |alpha: f64, cut: usize| {
        let width = |channels: usize| divisible_by_8(channels as f64 * alpha);
        INVERTED.iter().any(|&(stem, bases)| {
            (first == width(stem) || first == stem)
                && runs_through(blocks, &bases.iter().map(|&c| width(c)).collect::<Vec<_>>(), cut)
        })
    };
    [0, 1].into_iter().find_map(|cut| candidates().find(|&alpha| fits(alpha, cut)))
}

/// Whether the channels are these in order, each once or more often, so many at the end perhaps not at all.
fn runs_through(channels: &[usize], widths: &[usize], cut: usize) -> bool {
    let mut at = 0;
    for (block, &c) in channels.iter().enumerate() {
        // Two that are rounded to the same number look like one.
        let equal = widths[at..].iter().take_while(|&&width| width == widths[at]).count();
        if block > 0 && widths[at] != c {
            at += equal;
        }
        if widths.get(at) != Some(&c) {
            return false;
        }
    }
    let equal = widths[at..].iter().take_while(|&&width| width == widths[at]).count();
    at + equal + cut >= widths.len()
}

impl Network {
    /// The width multiplier, where the channels are those of one of the family's networks times a number.
    pub(super) fn width_multiplier(&self) -> Option<f64> {
        let blocks = self.blocks();
        let channels = |stage: usize| self.maps[self.stages[stage].output.0 as usize].channels;
        if blocks.iter().any(|block| block.kind == BlockKind::InvertedResidual) {
            let of_block = |block: &&Block| {
                matches!(block.kind, BlockKind::Stem | BlockKind::Separable | BlockKind::InvertedResidual)
            };
            let results: Vec<usize> =
                blocks.iter().filter(of_block).map(|block| channels(block.stages.end - 1)).collect();
            return of_inverted(&results);
        }
        let convolutions = |stage: &usize| {
            use StageKind::{Conv, Pointwise, Stem};
            matches!(self.stages[*stage].kind, Stem(_) | Conv(_) | Pointwise(_))
        };
        let all: Vec<usize> = (0..self.stages.len()).filter(convolutions).map(channels).collect();
        match self.stages.first()?.epilogue.activation {
            Activation::HardSwish => of_doubling(LCNET, &all),
            _ => of_doubling(V1, &all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v1(round: impl Fn(f64) -> usize, alpha: f64) -> Vec<usize> {
        let base = [32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024];
        base.iter().map(|&c| round(f64::from(c) * alpha)).collect()
    }

    #[test]
    fn widths_of_v1() {
        for alpha in [1.0, 0.75, 0.5, 0.25, 1.5, 2.0, 0.125] {
            assert_eq!(of_doubling(V1, &v1(|c| c as usize, alpha)), Some(alpha));
            assert_eq!(of_doubling(V1, &v1(|c| (c as usize).max(8), alpha)), Some(alpha), "{alpha}");
        }
        assert_eq!(of_doubling(V1, &v1(|c| c as usize, 0.35)), Some(0.35));
        assert_eq!(of_doubling(V1, &v1(|c| c.round() as usize, 1.4)), Some(1.4));
        assert_eq!(of_doubling(V1, &v1(divisible_by_8, 0.1)), Some(0.1));
    }

    #[test]
    fn shorter_nets_have_a_width_and_others_none() {
        assert_eq!(of_doubling(V1, &[8, 16, 32, 32, 64]), Some(0.25));
        assert_eq!(of_doubling(V1, &[8, 16, 24, 40]), None);
        assert_eq!(of_doubling(V1, &[3, 3, 5]), None);
        assert_eq!(of_doubling(V1, &[16]), None);
        assert_eq!(of_doubling(V1, &[]), None);
    }

    #[test]
    fn widths_of_v2_and_v3() {
        let v2 = [(16, 1), (24, 2), (32, 3), (64, 4), (96, 3), (160, 3), (320, 1)];
        let large = [(16, 1), (24, 2), (40, 3), (80, 4), (112, 2), (160, 3)];
        let of = |stem: usize, blocks: &[(usize, usize)], alpha: f64| {
            let width = |c: usize| divisible_by_8(c as f64 * alpha);
            let repeated = blocks.iter().flat_map(|&(c, times)| vec![width(c); times]);
            std::iter::once(width(stem)).chain(repeated).collect::<Vec<_>>()
        };
        for alpha in [1.0, 0.75, 0.5, 0.35, 1.4] {
            assert_eq!(of_inverted(&of(32, &v2, alpha)), Some(alpha), "{alpha}");
        }
        for alpha in [1.0, 0.75] {
            assert_eq!(of_inverted(&of(16, &large, alpha)), Some(alpha), "{alpha}");
        }
        let small = [(16, 1), (24, 2), (40, 3), (48, 2), (96, 3)];
        assert_eq!(of_inverted(&of(16, &small, 0.5)), Some(0.5), "not MnasNet's 0.25 without its end");
        assert_eq!(of_inverted(&[32, 16, 32, 64, 96, 160, 320]), None, "24 is missing");
        assert_eq!(of_inverted(&[32, 16, 24, 32]), None, "the rest is missing");
        assert_eq!(of_inverted(&[16, 8, 24, 40]), None);
    }
}
