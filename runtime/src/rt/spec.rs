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
//! What is `repr(C)` is a structure of the same fields in the header of `mobilenet-runtime-capi`.

/// A feature map in the arena: groups of rows, channels blocked by 16 inside a group.
#[derive(Debug, Clone, Copy)]
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
}

/// A spatial window; the far border follows from the output's size.
#[derive(Debug, Clone, Copy)]
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

/// `min(hi, max(lo, x))`, NaN passing through.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Clamp {
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
    pub clamp: Clamp,
    /// Result.
    pub output: Map,
    /// Staging rows in the arena.
    pub scratch: usize,
}

/// Depthwise fused into pointwise.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Separable {
    /// Input map.
    pub input: Map,
    /// Window of the depthwise half.
    pub window: Window,
    /// Depthwise panels.
    pub depthwise: usize,
    /// Epilogue of the depthwise half.
    pub depthwise_clamp: Clamp,
    /// Pointwise panels.
    pub pointwise: usize,
    /// Epilogue of the pointwise half.
    pub clamp: Clamp,
    /// Result; its group is the row block.
    pub output: Map,
    /// The row block `[K/16][group * width][16]` in the arena.
    pub scratch: usize,
}

/// Depthwise alone.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Depthwise {
    /// Input map.
    pub input: Map,
    /// The window.
    pub window: Window,
    /// Panels.
    pub weights: usize,
    /// Epilogue.
    pub clamp: Clamp,
    /// Result.
    pub output: Map,
}

/// Pointwise alone; input and output have the same group.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Pointwise {
    /// Input map.
    pub input: Map,
    /// Panels.
    pub weights: usize,
    /// Epilogue.
    pub clamp: Clamp,
    /// Result.
    pub output: Map,
}

/// Any other convolution; the border is zero.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Conv {
    /// Input map.
    pub input: Map,
    /// The window.
    pub window: Window,
    /// Panels.
    pub weights: usize,
    /// Epilogue.
    pub clamp: Clamp,
    /// Result.
    pub output: Map,
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
    /// Epilogue.
    pub clamp: Clamp,
}

/// A run of stages executed depth-first: the last one block of rows at a time, each earlier stage just far enough
/// ahead, over maps that keep only a ring of groups.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Reads the caller's input, where the run starts there.
    pub stem: Option<Stem>,
    /// The stages behind it, in order; each one's input is the output of the one before.
    pub stages: &'static [Separable],
}
