//! The instruction sets the kernels are spelled for, and the shape of each one's tiles.

/// One instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Isa {
    /// Suffix of its functions.
    pub suffix: &'static str,
    /// Preprocessor condition under which they exist.
    pub guard: &'static str,
    /// Macro with the attribute of its functions.
    pub attribute: &'static str,
    /// Lanes of the vectors of 16-wide blocks.
    pub lanes: usize,
    /// Rows of a pointwise tile two panels wide, where there is one.
    pub rows32: usize,
    /// Rows of a tile one panel wide.
    pub rows16: usize,
    /// Rows of a tile over an 8-wide panel.
    pub rows8: usize,
    /// Columns of a panel computed at once.
    pub columns: usize,
    /// Pixels of a depthwise tile.
    pub pixels: usize,
    /// Sums that the taps of a dense layer are dealt to, so that several multiply-adds are under way.
    pub sums: usize,
    /// Prefetches every four input channels.
    pub prefetches: usize,
    /// Multiplies by one lane of a vector of four inputs.
    pub by_lane: bool,
}

pub(super) const AVX512: Isa = Isa {
    suffix: "avx512",
    guard: "defined(@@X86)",
    attribute: "@@AVX512",
    lanes: 16,
    rows32: 12,
    rows16: 14,
    rows8: 12,
    columns: 16,
    pixels: 8,
    sums: 8,
    prefetches: 2,
    by_lane: false,
};

pub(super) const AVX2: Isa = Isa {
    suffix: "avx2",
    guard: "defined(@@X86)",
    attribute: "@@AVX2",
    lanes: 8,
    rows32: 0,
    rows16: 6,
    rows8: 12,
    columns: 16,
    pixels: 8,
    sums: 4,
    prefetches: 1,
    by_lane: false,
};

pub(super) const NEON: Isa = Isa {
    suffix: "neon",
    guard: "defined(@@NEON)",
    attribute: "@@PLAIN",
    lanes: 4,
    rows32: 0,
    rows16: 8,
    rows8: 8,
    columns: 8,
    pixels: 8,
    sums: 2,
    prefetches: 1,
    by_lane: true,
};

/// SSE2 and WebAssembly: four lanes, few registers, no fused multiply-add.
pub(super) const V128: Isa = Isa {
    suffix: "v128",
    guard: "defined(@@X86) || defined(@@SIMD128)",
    attribute: "@@PLAIN",
    lanes: 4,
    rows32: 0,
    rows16: 3,
    rows8: 6,
    columns: 16,
    pixels: 7,
    sums: 1,
    prefetches: 0,
    by_lane: false,
};

/// C alone: two pixels by eight channels fill the 32 registers that most floating-point units have.
pub(super) const PLAIN: Isa = Isa {
    suffix: "plain",
    guard: "!defined(@@X86) && !defined(@@NEON) && !defined(@@SIMD128)",
    attribute: "@@PLAIN",
    lanes: 1,
    rows32: 0,
    rows16: 2,
    rows8: 2,
    columns: 8,
    pixels: 7,
    sums: 1,
    prefetches: 0,
    by_lane: false,
};

impl Isa {
    /// Lanes of the vectors of blocks of this width.
    pub(super) fn lanes_of(&self, width: usize) -> usize {
        self.lanes.min(width)
    }

    /// Rows of a tile of this width; 0 where there is none.
    pub(super) fn rows(&self, width: usize) -> usize {
        match width {
            32 => self.rows32,
            16 => self.rows16,
            _ => self.rows8,
        }
    }
}
