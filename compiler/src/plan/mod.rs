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

mod arena;
mod check;
mod classes;
mod cost;
mod decisions;
mod display;
mod facts;
mod lower;
mod pack;
mod pixels;
#[cfg(test)]
mod shadow;
mod stream;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use classes::Classes;
pub use cost::{Choice, CostModel};
pub use decisions::{Blocks, Decisions};
pub use display::thousands;
pub use pixels::Pixels;

use crate::diagnostic::{Error, Problem};
use crate::graph::{DType, Window};
use crate::network::{Layout, Network};

/// Channels of a map or panel set as stored: full blocks of 16, then one of 8 if that holds the rest, else 16.
pub fn padded_channels(channels: usize) -> usize {
    channels.checked_next_multiple_of(8).unwrap_or(usize::MAX)
}

/// A feature map in the arena.
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
}

/// Bounds of an activation: `min(hi, max(lo, x))`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clamp {
    /// Lower bound; `-inf` for none.
    pub lo: f32,
    /// Upper bound; `inf` for none.
    pub hi: f32,
}

/// Where a vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// At a byte offset of the arena.
    Arena(usize),
    /// To the caller's output.
    Output,
}

/// The model's input as the first step reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Axis order in memory.
    pub layout: Layout,
    /// F32, U8 or I8; bytes are converted as integers (scales are folded into the weights).
    pub element: DType,
}

/// Which kernel runs, on what.
#[derive(Debug, Clone, PartialEq)]
pub enum Kernel {
    /// First convolution, straight from the model's input.
    Stem {
        /// The model's input.
        input: Source,
        /// The window.
        window: Window,
        /// Byte offset of the panels in the blob.
        weights: usize,
        /// Border value per input channel.
        pad_values: Vec<f32>,
        /// Epilogue.
        clamp: Clamp,
        /// Result; `group` is the number of rows computed at a time.
        output: Map,
        /// Byte offset of the staging rows in the arena: `kh_span` padded input rows as f32, see [`stem_scratch_bytes`].
        scratch: usize,
    },
    /// Depthwise into a block of rows, then pointwise over it.
    Separable {
        /// Input map.
        input: Map,
        /// Window of the depthwise half.
        window: Window,
        /// Byte offset of the depthwise panels.
        depthwise: usize,
        /// Epilogue of the depthwise half.
        depthwise_clamp: Clamp,
        /// Byte offset of the pointwise panels.
        pointwise: usize,
        /// Epilogue of the pointwise half.
        clamp: Clamp,
        /// Result; `group` is the rows per block.
        output: Map,
        /// Byte offset of the block `[K/16][group * width][16]` in the arena.
        scratch: usize,
    },
    /// Depthwise alone.
    Depthwise {
        /// Input map.
        input: Map,
        /// The window.
        window: Window,
        /// Byte offset of the panels.
        weights: usize,
        /// Epilogue.
        clamp: Clamp,
        /// Result.
        output: Map,
    },
    /// Pointwise alone; input and output have the same group.
    Pointwise {
        /// Input map.
        input: Map,
        /// Byte offset of the panels.
        weights: usize,
        /// Epilogue.
        clamp: Clamp,
        /// Result.
        output: Map,
    },
    /// Any other convolution on a blocked map; the border is zero.
    Conv {
        /// Input map.
        input: Map,
        /// The window.
        window: Window,
        /// Byte offset of the panels.
        weights: usize,
        /// Epilogue.
        clamp: Clamp,
        /// Result.
        output: Map,
    },
    /// Mean over the whole map.
    GlobalAveragePool {
        /// Input map.
        input: Map,
        /// The vector of C means.
        output: Target,
    },
    /// `output[n] = clamp(bias[n] + sum_k w[n][k] input[k])`.
    Dense {
        /// Byte offset of the input vector in the arena.
        input: usize,
        /// Length of the input vector, padding lanes of the map included.
        k: usize,
        /// Length of the output.
        n: usize,
        /// Byte offset of the panels.
        weights: usize,
        /// Epilogue.
        clamp: Clamp,
        /// Where the n values go.
        output: Target,
    },
    /// In place over a vector.
    Softmax {
        /// The vector.
        at: Target,
        /// Its length.
        n: usize,
        /// Logarithm of the softmax.
        log: bool,
    },
    /// The model's input into a blocked map.
    Import {
        /// The model's input.
        input: Source,
        /// Result.
        output: Map,
    },
    /// A blocked map to the caller's output.
    Export {
        /// Input map.
        input: Map,
        /// Axis order of the output.
        layout: Layout,
    },
    /// Several stages depth-first: the last one block of rows at a time, each earlier one just far enough ahead, over maps
    /// that keep a ring of groups.
    ///
    /// Block `q` of a stage first makes sure that its input holds the rows below
    /// `min(H, ((q + 1) * group - 1) * stride - pad + (kh - 1) * dilation + 1)`, in whole groups, and only then uses its
    /// scratch: the separables of a stream share one scratch. The stem's staging rows are its own for the whole stream.
    Stream {
        /// A [`Kernel::Stem`] (first, if at all), then [`Kernel::Separable`]s, each reading what the one before it writes.
        steps: Vec<Step>,
    },
}

/// One call of the emitted code.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What runs.
    pub kernel: Kernel,
    /// Index of the stage in [`Network::stages`].
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
    /// What was decided for the plan as a whole.
    pub decisions: Decisions,
    /// Modelled cycles of what decisions change; a model without separables has none.
    pub cycles: f64,
    /// What the output's classes are called, and how many a ranking returns.
    pub classes: Classes,
}

/// Bytes of a stem's staging rows: `((kh - 1) * dilation_h + 1)` rows, each `channels` planes (NCHW) or one
/// interleaved row (NHWC) of `padded_width` pixels, as f32, the row rounded up to 64 bytes.
/// `padded_width = (out_width - 1) * stride_w + (kw - 1) * dilation_w + 1`. Nothing where that overflows.
pub fn stem_scratch_bytes(channels: usize, window: &Window, out_width: usize) -> Option<usize> {
    let span = |axis: usize| window.kernel[axis].checked_sub(1)?.checked_mul(window.dilation[axis])?.checked_add(1);
    let padded_width = out_width.checked_sub(1)?.checked_mul(window.stride[1])?.checked_add(span(1)?)?;
    let row = channels.checked_mul(padded_width)?.checked_mul(4)?.checked_next_multiple_of(64)?;
    span(0)?.checked_mul(row)
}

/// Decides everything. Deterministic: the same network and cost model give the same plan.
///
/// # Errors
///
/// All stages that no kernel computes, or the first whose buffers or weights are too large.
pub fn plan(network: Network, cost: &CostModel) -> Result<Plan, Error> {
    finish(network, |network, check| stream::choose(network, check, cost))
}

/// As [`plan`], with given decisions, as far as the network allows them.
///
/// # Errors
///
/// As [`plan`].
pub fn plan_as(network: Network, cost: &CostModel, decisions: &Decisions) -> Result<Plan, Error> {
    finish(network, |network, check| stream::follow(network, check, cost, decisions))
}

fn finish<F>(network: Network, lower: F) -> Result<Plan, Error>
where
    F: for<'a> Fn(&'a Network, &check::Check) -> Result<(Decisions, stream::Placed<'a>), Error>,
{
    let (steps, weights, arena_bytes, decisions, cycles) = {
        let check = check::Check::new(&network)?;
        let (decisions, (mut draft, offsets, arena_bytes)) = lower(&network, &check)?;
        let (sections, weights) = pack::pack(&draft.sections).ok_or_else(too_large)?;
        for step in &mut draft.steps {
            step.kernel.visit_offsets(&mut |slot| *slot = offsets[*slot], &mut |slot| *slot = sections[*slot]);
        }
        (draft.steps, weights, arena_bytes, decisions, draft.cycles)
    };
    Ok(Plan { network, steps, weights, arena_bytes, decisions, cycles, classes: Classes::default() })
}

fn too_large() -> Error {
    Problem::new("the model's buffers and weights don't fit an address space").into()
}
