//! Everything a back end needs, decided: kernels, row blocks, arena offsets, packed weights.
//!
//! # Layout of a feature map
//!
//! Rows are kept in *groups* of [`Map::group`] rows (the last may be shorter); group `q` starts at byte
//! `offset + q * group * width * padded_channels * 4`. Inside a group of `r` rows the channels are blocked by 16, the
//! last block being 8 wide when at most 8 channels remain: `[C/16][r * width][16]`. With `group == height` this is the plain blocked layout
//! `[C/16][H][W][16]`; with small groups the rows of a fused block are adjacent in memory, so that buffers can hold a
//! few groups only (`ring`) and a stage's output may overwrite rows of its input that are no longer needed.
//! `padded_channels` is [`padded_channels`]: a multiple of 8. Lanes beyond the last channel hold unspecified values that no kernel reads.
//!
//! # Layout of the packed weights
//!
//! One blob, in order of execution, each section 64-byte aligned; all sections are little-endian f32 in panels of 16
//! (the last 8 wide when at most 8 remain), each panel a bias row followed by one row per tap:
//!
//! - pointwise, dense: `[N/16][1 + K][16]`
//! - depthwise: `[C/16][1 + kh * kw][16]`
//! - stem: `[N/16][1 + kh * A * B][16]`: for a NCHW input `A = C, B = kw` (tap order `kh, c, kw`), for NHWC `A = 1, B = kw * C` (tap order `kh, kw, c`)
//! - general convolution: `[N/16][1 + kh * kw * C][16]`, tap order `kh, kw, c`
//!
//! Lanes beyond N are zero.
//!
//! # Codes
//!
//! A map of 8-bit codes has the same layout with a byte per element, and `padded_channels` bytes per pixel. In memory codes are
//! unsigned: those of a signed type have 128 added, and so have their zero points, bounds and tables. Layers on codes have
//! panels of 16 columns always, little-endian:
//!
//! - sums over channels: 16 biases (i32) for unsigned codes, 16 for codes less 128, 16 for the XOR form (`sum |w| (code ^ m)` in
//!   signed bytes, m = 0x80 where w is not negative, else 0x7f) or, by [`Packing`], one of the three; 16 multipliers (f32), then
//!   quads `[Q][16][4]` (i8): pointwise in the order of a pixel's memory, a convolution position by position, the stem row by
//!   row of the window (`kw * C` bytes side by side, or `kw` times `C` where columns are dilated, each rounded up to quads).
//!   Weights of 9 bits have their second parts in [`Codes::extras`] quads behind them, and behind these the number of the quad
//!   that each belongs to (u16), up to a multiple of 64 bytes.
//! - depthwise: 16 biases, 16 multipliers, then pairs of taps `[(kh * kw + 1) / 2][16][2]` (i8), all of them again for each further
//!   part of weights of 9 bits, of which there are [`Codes::extras`]
//!
//! Zero points of the input are in the biases; all sums wrap, and end inside 32 bits.

mod arena;
mod bound;
mod chains;
mod check;
mod classes;
mod codes;
mod cost;
mod decisions;
mod display;
mod facts;
mod goal;
mod groups;
mod integers;
mod links;
mod live;
mod lower;
mod outputs;
mod pack;
mod pixels;
mod rows;
mod search;
mod standard;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod units;
mod verify;

pub use bound::Bound;
pub use classes::Classes;
pub use codes::Packing;
pub use cost::{Choice, CostModel};
pub use decisions::{Blocks, Decisions, Run};
pub use display::thousands;
pub(crate) use facts::UNIT;
pub use goal::{Goal, Optimise};
pub use links::LinkOp;
pub(crate) use links::Reads;
pub use live::{Part, Peak};
pub use pixels::Pixels;
pub use rows::RowsIn;
pub use stream::{TradeOff, TradeOffs};

use crate::diagnostic::{Error, Problem};
use crate::graph::{Activation, Window};
use crate::network::{Layout, Network};

/// Channels of a map or panel set as stored: full blocks of 16, then one of 8 if that holds the rest, else 16.
pub fn padded_channels(channels: usize) -> usize {
    channels.checked_next_multiple_of(8).unwrap_or(usize::MAX)
}

/// Type of the elements of a map, a vector or the model's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// 32-bit floating point.
    F32,
    /// Unsigned bytes.
    U8,
    /// Signed bytes.
    I8,
    /// 16-bit floating point, of the model's input only.
    F16,
}

/// A feature map in the arena. What it takes in bytes, only its methods say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Map {
    /// Byte offset in the arena, a multiple of 64.
    pub offset: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Rows per group; at least 1, at most `height`.
    pub group: usize,
    /// Groups kept: group `q` lives in slot `q % ring`. `height.div_ceil(group)` when the map is whole.
    pub ring: usize,
    /// Type of the elements.
    pub element: Element,
}

/// Where a vector or an array is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// At a byte offset of the arena.
    Arena(usize),
    /// To the caller's output.
    Output {
        /// Index in [`Network::outputs`].
        port: usize,
        /// Element of one image's part of the port.
        offset: usize,
    },
}

/// What happens to each value before it is stored, in this order: times the gate, plus the residual, activation, slopes,
/// affine.
#[derive(Debug, Clone, PartialEq)]
pub struct Epilogue {
    /// Arena offset of a factor per channel, [`padded_channels`] floats.
    pub gate: Option<usize>,
    /// A map of the output's shape that is added.
    pub add: Option<Map>,
    /// Activation.
    pub activation: Activation,
    /// Blob offset of a slope per channel, [`padded_channels`] floats: values below zero are multiplied by it.
    pub slopes: Option<usize>,
    /// Blob offset of a scale per channel, then an offset per channel, each [`padded_channels`] floats.
    pub affine: Option<usize>,
}

/// How codes in memory stand for numbers: `(code - zero) * scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quant {
    /// The quantum.
    pub scale: f32,
    /// The code of 0, from 0 to 255.
    pub zero: i32,
}

/// What a link on codes is told beyond what one on floats is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codes {
    /// The input's codes; of a stem that reads numbers, what they are quantised to.
    pub input: Quant,
    /// The codes of what is added or multiplied with.
    pub second: Option<Quant>,
    /// The output's.
    pub output: Quant,
    /// Smallest and largest code of the result.
    pub clamp: [i32; 2],
    /// Whether the second operand, a residual of the epilogue or a gate, is multiplied with.
    pub product: bool,
    /// Blob offset of the code for each code, 256 bytes.
    pub table: Option<usize>,
    /// Quads behind each panel's own; of a depthwise convolution, parts of its weights behind the first.
    pub extras: usize,
}

/// Where the first step's rows come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The caller's whole image.
    Image(ImageSource),
}

/// The caller's image as the first step reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageSource {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Axis order in memory.
    pub layout: Layout,
    /// Bytes are converted as integers (scales are folded into the weights).
    pub element: Element,
}

/// One computation in a chain, by groups of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// What it computes.
    pub op: LinkOp,
    /// The map it reads: of a chain's first link a whole map, of any other what the link before it writes. A stem has none.
    pub input: Option<Map>,
    /// Window; 1x1 of stride 1 for what has none.
    pub window: Window,
    /// Blob offset of the panels.
    pub weights: Option<usize>,
    /// What happens to each value before it is stored; on codes, where a second operand lies.
    pub epilogue: Epilogue,
    /// What a link on codes is told; nothing of one on floats.
    pub codes: Option<Codes>,
    /// Result; its group is the number of rows computed at a time.
    pub output: Map,
    /// Index of the stage in [`Network::stages`].
    pub stage: usize,
    /// The decision and why, for `inspect --stage plan`.
    pub reason: String,
}

/// Links executed depth-first: the last one computes its groups in order, each earlier one just far enough ahead, over maps
/// that keep a ring of groups.
///
/// Before a link computes its group `q`, the one in front has computed the rows below [`Link::rows_needed`], in whole
/// groups. Only then does it write, so that the blocks between the links of a chain may share memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// At least one, at most [`MAX_LINKS`].
    pub links: Vec<Link>,
}

/// Links in a chain at most: the runtime's limit.
pub const MAX_LINKS: usize = 64;

/// Which call runs, on what.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Links by groups of rows.
    Chain(Chain),
    /// `output[n] = epilogue(bias[n] + sum_k w[n][k] input[k])`.
    Dense {
        /// Arena offset of the input vector.
        input: usize,
        /// Length of the input vector, padding lanes of the map included.
        k: usize,
        /// Length of the output.
        n: usize,
        /// Blob offset of the panels.
        weights: usize,
        /// Epilogue; no gate and no residual.
        epilogue: Epilogue,
        /// Where the n values go.
        output: Target,
    },
    /// A map into some of another's channels: an operand of a concatenation.
    Copy {
        /// Input map.
        input: Map,
        /// The map that holds all operands.
        output: Map,
        /// First channel written.
        channel: usize,
    },
    /// In place over an array.
    Activate {
        /// The array.
        at: Target,
        /// Its length.
        n: usize,
        /// Activation.
        activation: Activation,
    },
    /// In place over `[outer][n][inner]`, along `n`.
    Softmax {
        /// The array.
        at: Target,
        /// Outer extent.
        outer: usize,
        /// Extent of the axis.
        n: usize,
        /// Inner extent.
        inner: usize,
        /// Logarithm of the softmax.
        log: bool,
    },
    /// In place over `[outer][n][inner]`, along `n`: `x / max(norm(x), epsilon)`.
    LpNormalize {
        /// The array.
        at: Target,
        /// Outer extent.
        outer: usize,
        /// Extent of the axis.
        n: usize,
        /// Inner extent.
        inner: usize,
        /// 1 or 2.
        p: u32,
        /// Smallest divisor.
        epsilon: f32,
    },
    /// Index of the largest along `n` of `[outer][n][inner]`, as i64.
    ArgMax {
        /// Arena offset of the array.
        input: usize,
        /// Outer extent.
        outer: usize,
        /// Extent of the axis.
        n: usize,
        /// Inner extent.
        inner: usize,
        /// Of equal ones the last.
        select_last: bool,
        /// Where the `outer * inner` indices go: a port.
        output: Target,
    },
    /// Rounds an array to float16.
    Halve {
        /// Arena offset of the array.
        input: usize,
        /// Its length.
        n: usize,
        /// Where the numbers go: a port.
        output: Target,
    },
    /// The model's input into a blocked map.
    Import {
        /// The model's input.
        source: Source,
        /// Result.
        output: Map,
        /// Of a map of codes: what they stand for.
        codes: Option<Quant>,
    },
    /// Codes to numbers, or numbers to codes, in maps of the same groups.
    Convert {
        /// Input map.
        input: Map,
        /// Result; of these two one is of codes.
        output: Map,
        /// What the codes stand for.
        codes: Quant,
    },
    /// A blocked map as a plain array.
    Export {
        /// Input map.
        input: Map,
        /// Axis order of the array.
        layout: Layout,
        /// Where the array goes.
        output: Target,
    },
}

/// One call of the emitted code.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What runs.
    pub op: Op,
    /// Index of the stage in [`Network::stages`] (of a chain: of its last link).
    pub stage: usize,
    /// The decision and why, for `inspect --stage plan`.
    pub reason: String,
}

/// A compiled model, ready to be spelled in any language.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The network it computes (names, ports, weights for reports).
    pub network: Network,
    /// Calls in order, for one image.
    pub steps: Vec<Step>,
    /// Packed weights; 64-byte aligned where embedded.
    pub weights: Vec<u8>,
    /// Size of the arena, a multiple of 64.
    pub arena_bytes: usize,
    /// Bytes of the arena that no order of rows can do without; `docs/memory.md` says how it is found.
    pub lower_bound: usize,
    /// How layers on codes are packed.
    pub packing: Packing,
    /// What was decided for the plan as a whole.
    pub decisions: Decisions,
    /// Modelled cycles of what decisions change; a model without separables has none.
    pub cycles: f64,
    /// What the output's classes are called, and how many a ranking returns.
    pub classes: Classes,
}

/// Bytes of a stem's staging rows: `((kh - 1) * dilation_h + 1)` rows, each `channels` planes (NCHW) or one
/// interleaved row (NHWC) of `padded_width` pixels, as f32, the row rounded up to 64 bytes.
/// `padded_width = (out_width - 1) * stride_w + (kw - 1) * dilation_w + 1`. On codes, interleaved rows of bytes with at least
/// four behind the last pixel. Nothing where that overflows.
pub fn stem_scratch_bytes(channels: usize, window: &Window, out_width: usize, codes: bool) -> Option<usize> {
    let span = |axis: usize| window.kernel[axis].checked_sub(1)?.checked_mul(window.dilation[axis])?.checked_add(1);
    let padded_width = out_width.checked_sub(1)?.checked_mul(window.stride[1])?.checked_add(span(1)?)?;
    let row = channels.checked_mul(padded_width)?;
    let row = if codes { row.checked_add(4)? } else { row.checked_mul(4)? }.checked_next_multiple_of(64)?;
    span(0)?.checked_mul(row)
}

/// Decides everything. Deterministic: the same network and cost model give the same plan.
///
/// # Errors
///
/// All stages that no kernel computes, or the first whose buffers or weights are too large.
pub fn plan(network: Network, cost: &CostModel) -> Result<Plan, Error> {
    finish(integers::prepare(network), cost.packing, |network, check| stream::choose(network, check, cost))
}

/// What there is to choose from: memory against modelled time.
///
/// # Errors
///
/// As [`plan`].
pub fn trade_offs(network: Network, cost: &CostModel) -> Result<TradeOffs, Error> {
    let network = integers::prepare(network);
    let check = check::Check::new(&network)?;
    stream::trade_offs(&network, &check, cost)
}

/// As [`plan`], with given decisions, as far as the network allows them.
///
/// # Errors
///
/// As [`plan`].
pub fn plan_as(network: Network, cost: &CostModel, decisions: &Decisions) -> Result<Plan, Error> {
    finish(integers::prepare(network), cost.packing, |network, check| stream::follow(network, check, cost, decisions))
}

fn finish<F>(network: Network, packing: Packing, lower: F) -> Result<Plan, Error>
where
    F: for<'a> Fn(&'a Network, &check::Check) -> Result<(Decisions, stream::Placed<'a>), Error>,
{
    let (steps, weights, arena_bytes, lower_bound, decisions, cycles) = {
        let check = check::Check::new(&network)?;
        let (decisions, (mut draft, offsets, arena_bytes)) = lower(&network, &check)?;
        let (sections, weights) = pack::pack(&draft.sections).ok_or_else(too_large)?;
        for step in &mut draft.steps {
            step.op.visit_offsets(&mut |slot| *slot = offsets[*slot], &mut |slot| *slot = sections[*slot]);
        }
        (draft.steps, weights, arena_bytes, bound::lower_bound(&network, &check).bytes, decisions, draft.cycles)
    };
    let classes = Classes::default();
    let plan = Plan { network, steps, weights, arena_bytes, lower_bound, packing, decisions, cycles, classes };
    verify::verify(&plan)?;
    Ok(plan)
}

fn too_large() -> Error {
    too_large_problem().into()
}

fn too_large_problem() -> Problem {
    Problem::new("the model's buffers and weights don't fit an address space")
}
