//! Stage descriptors, `static` in emitted code. Offsets are bytes: into the arena for maps and scratch, into the packed
//! blob for weights. The compiler's `plan` module documents both layouts.
//!
//! # Memory that is used twice
//!
//! A stage computes its output one group at a time, in order. Its output may share bytes with its input on one condition:
//! a group may overwrite only input rows that no later group still reads. (Its own it has read by then: a fused stage writes
//! only when the depthwise half of the whole group is done.) In a stream this holds for every
//! stage at the moment it computes a group, and a ring keeps all groups that the next stage has yet to read. Scratch shares
//! bytes with neither. The kernels rely on this and don't check it (a plan that breaks it computes nonsense, but stays inside
//! the arena); the compiler proves it for every plan of its tests.
//!
//! # Weights
//!
//! Panels are `[N/16][1 + taps][16]`, the bias row first, the last panel 8 wide where at most 8 channels remain. Taps of
//! [`LinkKind::Conv`] are `[kh][kw][C/groups]`, counted from the first input channel of the output channel's own group;
//! those of [`LinkKind::Depthwise`] `[kh][kw]`. Vectors that an epilogue reads (gate, slopes, affine) have a float per
//! channel and the padding of a map.
//!
//! # Codes
//!
//! Maps of 8-bit codes have the layout of others with a byte per element; codes are of 8 bits without a sign, those of signed types with
//! 128 added. A link with [`Codes`] reads and writes such maps, a residual and a gate among them, and of its epilogue only these:
//!
//! - stem, convolution, pointwise: panels of 16 output channels, each i32 bias `[16]` for sums of codes, another for sums of codes less
//!   128, one for sums of the weights' magnitudes times codes XOR 0x80 (where a weight is negative 0x7f) as signed bytes, f32
//!   multiplier `[16]`, i8 `[quads][16][4]`, then the extras and u16 that say which quads these are of, to a multiple of 64 bytes. Quads are,
//!   in the order of memory, of a pixel's padded channels, for each tap of a convolution; a stem's are, for each row of the
//!   window, of the codes side by side, or of each tap's channels where columns are dilated. Groups of channels are packed
//!   as one, zeros between them. The border holds the code of 0.
//! - depthwise: panels of 16 channels, each i32 bias `[16]`, f32 multiplier `[16]`, i8 `[1 + extras][ceil(kh * kw / 2)][16][2]`, whose
//!   sums over the first axis are the weights
//! - elementwise: a table; or a residual that is added or multiplied, or a gate
//! - pools, and a mean, which is alone in its chain: no weights
//!
//! A stem quantises floats when it stages them; its staging rows are bytes, pixel by pixel, 4 bytes longer and to a multiple of 64.
//!
//! What is `repr(C)` is a structure of the same fields in the header of `mobilenet-runtime-capi`.

use super::LinkKind;
use super::kernel::padded_channels;
use core::ops::Range;

/// A feature map in the arena: groups of rows, channels blocked by 16 inside a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Map {
    /// Byte offset in the arena.
    pub offset: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Rows per group.
    pub group: usize,
    /// Groups kept; group `q` lives in slot `q % ring`.
    pub ring: usize,
    /// Bytes of an element: 4 for floats, 1 for codes.
    pub bytes: usize,
}

impl Map {
    /// No map.
    pub const NONE: Self = Self { offset: 0, height: 0, width: 0, channels: 0, group: 0, ring: 0, bytes: 0 };

    /// Whether this stands for no map.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.height == 0
    }

    /// Groups of rows.
    pub(crate) fn groups(&self) -> usize {
        self.height.div_ceil(self.group)
    }

    /// The bytes of the arena that it lies in, once it has been checked.
    pub(crate) fn extent(&self) -> Range<usize> {
        let rows = self.height.min(self.group * self.ring);
        self.offset..self.offset + rows * self.width * padded_channels(self.channels) * self.bytes
    }

    /// The bytes of group `q`.
    pub(crate) fn slot(&self, q: usize) -> Range<usize> {
        let row = self.width * padded_channels(self.channels) * self.bytes;
        let first = self.offset + q % self.ring * self.group * row;
        first..first + self.group.min(self.height - q * self.group) * row
    }
}

/// The offset of what is absent.
pub const NONE: usize = usize::MAX;

/// A spatial window; the far border follows from the output's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Window {
    /// Kernel height and width.
    pub kernel: [usize; 2],
    /// Stride in rows and columns.
    pub stride: [usize; 2],
    /// Dilation in rows and columns.
    pub dilation: [usize; 2],
    /// Border rows above and columns left.
    pub pad: [usize; 2],
}

impl Window {
    /// One position, as a pointwise convolution has it.
    pub const ONE: Self = Self { kernel: [1; 2], stride: [1; 2], dilation: [1; 2], pad: [0; 2] };
}

/// Which function an activation is, a number as in C, so that any bytes are a value; [`Run`](super::Run) refuses those that have no
/// name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct ActivationKind(
    /// The number.
    pub u32,
);

#[allow(non_upper_case_globals)]
impl ActivationKind {
    /// `min(b, max(a, x))`, NaN passing through.
    pub const Clamp: Self = Self(0);
    /// `x * clamp(x / 6 + 1/2, 0, 1)`
    pub const HardSwish: Self = Self(1);
    /// `clamp(a * x + b, 0, 1)`
    pub const HardSigmoid: Self = Self(2);
    /// `1 / (1 + exp(-x))`
    pub const Sigmoid: Self = Self(3);
    /// `x / (1 + exp(-x))`
    pub const Swish: Self = Self(4);
    /// The hyperbolic tangent.
    pub const Tanh: Self = Self(5);
    /// `x` where that is not negative, else `a * x`.
    pub const LeakyRelu: Self = Self(6);
}

/// A function of one number; what `a` and `b` are its kind says.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Activation {
    /// Which function.
    pub kind: ActivationKind,
    /// First constant, 0 where there is none.
    pub a: f32,
    /// Second constant, 0 where there is none.
    pub b: f32,
}

impl Activation {
    /// `min(hi, max(lo, x))`
    #[must_use]
    pub const fn clamp(lo: f32, hi: f32) -> Self {
        Self { kind: ActivationKind::Clamp, a: lo, b: hi }
    }

    /// Whether its kind has a name.
    pub(crate) fn is_known(&self) -> bool {
        self.kind.0 <= ActivationKind::LeakyRelu.0
    }
}

/// What codes stand for: `(code - zero) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Quant {
    /// Of one quantum; that of what is absent is 0.
    pub scale: f32,
    /// The code of 0, as stored: of 8 bits without a sign.
    pub zero: i32,
}

impl Quant {
    /// Of what is absent.
    pub const NONE: Self = Self { scale: 0.0, zero: 0 };

    /// Whether this stands for nothing.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.scale == 0.0
    }
}

/// How a link computes codes.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Codes {
    /// Of the codes that are read.
    pub input: Quant,
    /// Of the epilogue's residual or gate, or [`Quant::NONE`].
    pub second: Quant,
    /// Of the codes that are written.
    pub output: Quant,
    /// The smallest code that is written.
    pub lo: i32,
    /// The largest.
    pub hi: i32,
    /// Whether an elementwise link multiplies, 1, or adds, 0.
    pub product: u32,
    /// Quads of weights that a panel of sums has twice, or parts that depthwise weights have beside the first: 0 where 8 bits hold all.
    pub extras: u32,
    /// 256 codes in the blob, which an elementwise link puts in the place of those it reads, or [`NONE`].
    pub table: usize,
}

/// What happens to each value before it is stored, in this order: times the gate, plus the residual, the activation, slopes,
/// affine.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Epilogue {
    /// A vector in the arena that channels are multiplied with, or [`NONE`].
    pub gate: usize,
    /// A map of the same shape that is added, or [`Map::NONE`].
    pub add: Map,
    /// The activation.
    pub activation: Activation,
    /// A vector in the blob: negative values of a channel are multiplied with it. Or [`NONE`].
    pub slopes: usize,
    /// Two vectors in the blob, scales and offsets of the channels, or [`NONE`].
    pub affine: usize,
}

impl Epilogue {
    /// An activation alone.
    #[must_use]
    pub const fn of(activation: Activation) -> Self {
        Self { gate: NONE, add: Map::NONE, activation, slopes: NONE, affine: NONE }
    }

    /// Bounds alone.
    #[must_use]
    pub const fn clamp(lo: f32, hi: f32) -> Self {
        Self::of(Activation::clamp(lo, hi))
    }
}

/// `min(hi, max(lo, x))`, NaN passing through: what kernels do in their registers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clamp {
    /// Lower bound.
    pub lo: f32,
    /// Upper bound.
    pub hi: f32,
}

/// Axis order of the caller's input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `[C, H, W]`
    Nchw,
    /// `[H, W, C]`
    Nhwc,
}

/// The caller's input, one image.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Axis order.
    pub layout: Layout,
}

/// First convolution.
#[derive(Debug, Clone, Copy)]
pub struct Stem {
    /// The caller's input.
    pub input: Source,
    /// The window.
    pub window: Window,
    /// Panels in the blob.
    pub weights: usize,
    /// Border value per input channel.
    pub pad_values: &'static [f32],
    /// Epilogue.
    pub epilogue: Epilogue,
    /// Result.
    pub output: Map,
    /// Staging rows in the arena.
    pub scratch: usize,
    /// Where the output is codes: how they are computed.
    pub codes: Option<&'static Codes>,
}

/// Fully connected.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Dense {
    /// The input vector in the arena.
    pub input: usize,
    /// Its length.
    pub k: usize,
    /// Length of the output.
    pub n: usize,
    /// Panels.
    pub weights: usize,
    /// Epilogue, without a residual.
    pub epilogue: Epilogue,
}

/// One computation of a chain.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Link {
    /// What is computed.
    pub kind: LinkKind,
    /// Groups of channels, see [`LinkKind`]; 1 where it says nothing else.
    pub groups: usize,
    /// What is read: the output of the link before, or a map in the arena.
    pub input: Map,
    /// The window, [`Window::ONE`] where there is none.
    pub window: Window,
    /// Panels in the blob, or [`NONE`].
    pub weights: usize,
    /// Epilogue.
    pub epilogue: Epilogue,
    /// What is written.
    pub output: Map,
    /// Where input and output are codes: how these are computed.
    pub codes: Option<&'static Codes>,
}

/// Links executed depth-first: the last computes its groups in order, and each of those before it has, at that moment, computed just the
/// groups that are read. What lies between two links is a ring of groups.
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    /// Reads the caller's input, where the chain starts there.
    pub stem: Option<Stem>,
    /// The links behind it, [`MAX_LINKS`] at most; each reads what the one before writes.
    pub links: &'static [Link],
}

/// Links of a chain at most.
pub const MAX_LINKS: usize = 64;
