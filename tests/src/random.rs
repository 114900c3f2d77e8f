//! Random networks of the family: what they are, and how proptest draws them.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// Axis order of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axes {
    /// `[N, C, H, W]`
    Nchw,
    /// `[N, H, W, C]`, transposed by the graph.
    Nhwc,
}

/// What the graph does to its input first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Floats, straight into the first convolution.
    Float,
    /// Floats, normalised per channel.
    Normalised,
    /// Bytes, cast and scaled.
    Bytes,
}

/// The activation behind a convolution and its spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// None.
    None,
    /// `Relu`
    Relu,
    /// `Clip` between 0 and 6.
    Relu6,
    /// `Relu`, then `Min` with 6.
    ReluMin,
    /// `LeakyRelu`
    Leaky,
    /// `HardSigmoid`, a sixth its slope.
    HardSigmoid,
    /// `HardSwish`, or what operator sets before 14 have in its place.
    HardSwish,
    /// `Sigmoid`
    Sigmoid,
    /// A factor of `Sigmoid`.
    Swish,
}

/// A spatial window, drawn so that any input at least as large as a pixel gives an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Strides.
    pub stride: [usize; 2],
    /// Dilations.
    pub dilation: [usize; 2],
    /// Above, left, below, right.
    pub pads: [usize; 4],
}

impl Span {
    /// Rows and columns of the output, or `None` where the window does not fit.
    pub fn output(&self, [h, w]: [usize; 2]) -> Option<[usize; 2]> {
        let one = |size: usize, axis: usize| {
            let padded = size + self.pads[axis] + self.pads[axis + 2];
            let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
            Some(padded.checked_sub(reach)? / self.stride[axis] + 1)
        };
        Some([one(h, 0)?, one(w, 1)?])
    }

    /// The window itself where it fits, otherwise the 1x1 window of stride 1.
    #[must_use]
    pub fn fitted(self, size: [usize; 2]) -> Self {
        if self.output(size).is_some() { self } else { POINT }
    }
}

/// 1x1, stride 1, no padding.
pub const POINT: Span = Span { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };

/// One block of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// Depthwise, then pointwise.
    Separable {
        /// The depthwise window.
        span: Span,
        /// Behind the depthwise half.
        inner: Act,
        /// Channels out.
        channels: usize,
        /// Behind the pointwise half.
        act: Act,
        /// Whether batch norms follow both halves.
        norm: bool,
    },
    /// Depthwise alone.
    Depthwise {
        /// The window.
        span: Span,
        /// Activation.
        act: Act,
    },
    /// Pointwise alone.
    Pointwise {
        /// Channels out.
        channels: usize,
        /// Activation.
        act: Act,
    },
    /// A standard convolution.
    Full {
        /// The window.
        span: Span,
        /// Channels out.
        channels: usize,
        /// Activation.
        act: Act,
    },
    /// Expansion, depthwise, gate, projection and sum, each of the first, third and last perhaps absent.
    Inverted {
        /// Times the channels of the expanded map.
        expansion: usize,
        /// The depthwise window, with SAME padding where there is to be a sum.
        span: Span,
        /// Behind expansion and depthwise.
        inner: Act,
        /// The gate on the expanded map.
        gate: Option<Gate>,
        /// Channels out where there is no sum.
        channels: usize,
        /// The sum with the block's input.
        residual: Option<Residual>,
        /// Whether batch norms follow the convolutions.
        norm: bool,
    },
    /// The largest or the mean of each window.
    Pool {
        /// The window.
        span: Span,
        /// The largest.
        max: bool,
        /// Whether a mean counts the padding.
        padded: bool,
    },
    /// Channels of a pointwise convolution behind those of another, or of its input.
    Concat {
        /// Channels of each convolution.
        channels: usize,
        /// Their activation.
        act: Act,
        /// Whether the input itself comes first.
        dense: bool,
    },
}

/// Squeeze and excitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// Channels in between.
    pub squeezed: usize,
    /// `HardSigmoid` or `Sigmoid`.
    pub act: Act,
    /// In front of the activation of what is gated.
    pub early: bool,
    /// The map as the second factor.
    pub swapped: bool,
}

/// A sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Residual {
    /// The block's input as the first operand.
    pub swapped: bool,
    /// Behind the sum.
    pub act: Act,
}

/// How the network ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// The last feature map.
    Map,
    /// Global average pool and flatten.
    Pooled,
    /// Pool, flatten, dense.
    Dense {
        /// Classes.
        classes: usize,
        /// Behind the dense layer.
        softmax: bool,
    },
}

/// A random network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Seed of the weights and inputs.
    pub weights: u64,
    /// Whether every operator stands between a quantisation and its inverse.
    pub quantised: bool,
    /// Version of the operator set.
    pub opset: i64,
    /// Images per inference.
    pub batch: usize,
    /// Input rows and columns.
    pub size: [usize; 2],
    /// Input channels.
    pub channels: usize,
    /// Axis order of the input.
    pub axes: Axes,
    /// What comes before the first convolution.
    pub entry: Entry,
    /// The first convolution's window.
    pub stem: Span,
    /// Its channels.
    pub stem_channels: usize,
    /// Its activation.
    pub stem_act: Act,
    /// Whether a batch norm follows it.
    pub stem_norm: bool,
    /// The blocks behind it.
    pub blocks: Vec<Block>,
    /// The map that is an output, too: the stem's at 0, otherwise that behind so many blocks.
    pub inner: Option<usize>,
    /// The end.
    pub head: Head,
}

/// The network of one seed.
///
/// # Panics
/// Where the strategy rejects everything, which it never does.
pub fn draw(seed: u64) -> Spec {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    network().new_tree(&mut runner).expect("no filter can reject").current()
}

/// The quantised network of one seed.
///
/// # Panics
/// As [`draw`].
pub fn draw_quantised(seed: u64) -> Spec {
    let mut spec = draw(seed);
    // Scales per channel have been there since operator set 13, and batch norms are gone before a network is quantised.
    (spec.quantised, spec.opset, spec.stem_norm) = (true, spec.opset.max(13), false);
    if spec.entry == Entry::Normalised {
        spec.entry = Entry::Float;
    }
    for block in &mut spec.blocks {
        if let Block::Separable { norm, .. } | Block::Inverted { norm, .. } = block {
            *norm = false;
        }
    }
    spec
}

/// Random networks.
pub fn network() -> impl Strategy<Value = Spec> {
    let input = (1..=3usize, [1..=33usize, 1..=33], channels(), axes(), entry());
    let batch = prop_oneof![4 => Just(1usize), 1 => 2..=3usize];
    let stem = (span(), channels(), act(), any::<bool>());
    let inner = prop::option::weighted(0.3, 0..4usize);
    (any::<u64>(), batch, input, stem, prop::collection::vec(block(), 0..5), (inner, head())).prop_map(
        |(weights, batch, (few, size, many, axes, entry), stem, blocks, (inner, head))| Spec {
            weights,
            quantised: false,
            opset: [9, 11, 13, 18][(weights >> 32) as usize % 4],
            batch,
            size,
            channels: if weights % 4 == 0 { many } else { few },
            axes,
            entry,
            stem: stem.0,
            stem_channels: stem.1,
            stem_act: stem.2,
            stem_norm: stem.3,
            // A last map that is the end is an output as it is.
            inner: inner.filter(|&at| at < blocks.len() || at == blocks.len() && head != Head::Map),
            blocks,
            head,
        },
    )
}

/// Channel counts about the multiples of 8 and 16 where layouts change.
fn channels() -> impl Strategy<Value = usize> {
    prop_oneof![1..=40usize, prop::sample::select(vec![1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 64, 72])]
}

fn axes() -> impl Strategy<Value = Axes> {
    prop_oneof![Just(Axes::Nchw), Just(Axes::Nhwc)]
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![2 => Just(Entry::Float), 1 => Just(Entry::Normalised), 1 => Just(Entry::Bytes)]
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => Just(Act::None),
        2 => Just(Act::Relu),
        4 => Just(Act::Relu6),
        2 => Just(Act::ReluMin),
        1 => Just(Act::Leaky),
        1 => Just(Act::HardSigmoid),
        2 => Just(Act::HardSwish),
        1 => Just(Act::Swish),
    ]
}

/// Mostly the family's 3x3 windows with SAME padding, and anything else.
fn span() -> impl Strategy<Value = Span> {
    let usual = (1..=2usize, any::<bool>()).prop_map(|(s, end)| Span {
        kernel: [3, 3],
        stride: [s, s],
        dilation: [1, 1],
        pads: if end && s == 2 { [0, 0, 1, 1] } else { [1; 4] },
    });
    let any = (
        [1..=5usize, 1..=5usize],
        [1..=3usize, 1..=3usize],
        [1..=2usize, 1..=2usize],
        [0..=3usize, 0..=3, 0..=3, 0..=3],
    )
        .prop_map(|(kernel, stride, dilation, pads)| Span { kernel, stride, dilation, pads });
    prop_oneof![3 => usual, 2 => any]
}

fn block() -> impl Strategy<Value = Block> {
    prop_oneof![
        5 => (span(), act(), channels(), act(), any::<bool>())
            .prop_map(|(span, inner, channels, act, norm)| Block::Separable { span, inner, channels, act, norm }),
        1 => (span(), act()).prop_map(|(span, act)| Block::Depthwise { span, act }),
        1 => (channels(), act()).prop_map(|(channels, act)| Block::Pointwise { channels, act }),
        1 => (span(), channels(), act()).prop_map(|(span, channels, act)| Block::Full { span, channels, act }),
        5 => inverted(),
        1 => pool(),
        1 => (1..=24usize, act(), any::<bool>())
            .prop_map(|(channels, act, dense)| Block::Concat { channels, act, dense }),
    ]
}

fn inverted() -> impl Strategy<Value = Block> {
    let sigmoid = prop_oneof![3 => Just(Act::HardSigmoid), 1 => Just(Act::Sigmoid)];
    let gate = (1..=12usize, sigmoid, any::<bool>(), any::<bool>()).prop_map(|(squeezed, act, early, swapped)| Gate {
        squeezed,
        act,
        early,
        swapped,
    });
    let behind = prop_oneof![3 => Just(Act::None), 1 => act()];
    let residual = (any::<bool>(), behind).prop_map(|(swapped, act)| Residual { swapped, act });
    let (gate, residual) = (prop::option::weighted(0.3, gate), prop::option::weighted(0.6, residual));
    ((1..=4usize, span(), prop::sample::select(vec![3, 3, 5, 7])), act(), gate, channels(), residual, any::<bool>())
        .prop_map(|((expansion, span, kernel), inner, gate, channels, residual, norm)| {
            let same = Span { kernel: [kernel; 2], stride: [1, 1], dilation: [1, 1], pads: [kernel / 2; 4] };
            let span = if residual.is_some() { same } else { span };
            Block::Inverted { expansion, span, inner, gate, channels, residual, norm }
        })
}

/// Padding narrower than the window, so that none lies in the padding alone.
fn pool() -> impl Strategy<Value = Block> {
    let pads = [0..=1usize, 0..=1, 0..=1, 0..=1];
    ([2..=3usize, 2..=3usize], [1..=2usize, 1..=2usize], pads, any::<bool>(), any::<bool>()).prop_map(
        |(kernel, stride, pads, max, padded)| Block::Pool {
            span: Span { kernel, stride, dilation: [1, 1], pads },
            max,
            padded,
        },
    )
}

fn head() -> impl Strategy<Value = Head> {
    prop_oneof![
        1 => Just(Head::Map),
        1 => Just(Head::Pooled),
        4 => (1..=40usize, any::<bool>()).prop_map(|(classes, softmax)| Head::Dense { classes, softmax }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_network() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn windows_that_do_not_fit_become_points() {
        let wide = Span { kernel: [5, 5], stride: [2, 2], dilation: [1, 1], pads: [0; 4] };
        assert_eq!(wide.output([6, 5]), Some([1, 1]));
        assert_eq!(wide.fitted([4, 5]), POINT);
    }
}
