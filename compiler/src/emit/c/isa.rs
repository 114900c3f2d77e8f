//! The instruction sets the kernels are spelled for, and the shape of each one's tiles.

use super::source::kernel;

/// How a tile multiplies all lanes by one input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Factor {
    /// By a vector that repeats it.
    Splat,
    /// By one lane of a vector of four inputs.
    Lane,
    /// By a scalar.
    Scalar,
}

/// How the kernels keep their sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// In variables, by a tile for each height and width.
    Tiles,
    /// In variables, by loops over few tiles.
    Compact,
    /// In arrays, for compilers to make vectors of.
    Arrays,
}

/// How sums of 8-bit products are spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codes {
    /// In C alone, for compilers to make vectors of.
    Plain,
    /// Multiply-adds of two halves of Cortex-M.
    Dsp,
    /// Sums of sixteen products of Helium.
    Helium,
    /// Sums of two products of bytes, in 16 bits, of AVX2.
    Avx2,
    /// Sums of four products of bytes of AVX-512 VNNI.
    Vnni,
    /// Products of bytes of NEON, or sums of four.
    Neon,
}

/// One instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Isa {
    /// Suffix of its functions.
    pub suffix: &'static str,
    /// Its vectors, spelled like everyone's.
    pub vectors: &'static str,
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
    /// How a tile multiplies all lanes by one input.
    pub factor: Factor,
    /// How sums are kept.
    pub form: Form,
    /// How sums of 8-bit products are spelled.
    pub codes: Codes,
    /// A loop that adds one tap per round, where compilers sort several so that all their factors are alive at once.
    pub rounds: bool,
}

pub(super) const AVX512: Isa = Isa {
    suffix: "avx512",
    vectors: kernel!("vectors/avx512"),
    attribute: "@@AVX512",
    lanes: 16,
    rows32: 12,
    rows16: 14,
    rows8: 12,
    columns: 16,
    pixels: 8,
    sums: 8,
    prefetches: 2,
    factor: Factor::Splat,
    form: Form::Tiles,
    codes: Codes::Vnni,
    rounds: false,
};

pub(super) const AVX2: Isa = Isa {
    suffix: "avx2",
    vectors: kernel!("vectors/avx2"),
    attribute: "@@AVX2",
    lanes: 8,
    rows32: 0,
    rows16: 6,
    rows8: 12,
    columns: 16,
    pixels: 8,
    sums: 4,
    prefetches: 1,
    factor: Factor::Splat,
    form: Form::Tiles,
    codes: Codes::Avx2,
    rounds: false,
};

pub(super) const NEON: Isa = Isa {
    suffix: "neon",
    vectors: kernel!("vectors/neon"),
    attribute: "@@PLAIN",
    lanes: 4,
    rows32: 0,
    rows16: 8,
    rows8: 8,
    columns: 8,
    pixels: 8,
    sums: 2,
    prefetches: 1,
    factor: Factor::Lane,
    form: Form::Tiles,
    codes: Codes::Neon,
    rounds: false,
};

/// Four lanes, 16 registers, no fused multiply-add.
pub(super) const SSE2: Isa = Isa {
    suffix: "sse2",
    vectors: kernel!("vectors/sse2"),
    attribute: "@@PLAIN",
    lanes: 4,
    rows32: 0,
    rows16: 3,
    rows8: 6,
    columns: 16,
    pixels: 7,
    sums: 1,
    prefetches: 0,
    factor: Factor::Splat,
    form: Form::Tiles,
    codes: Codes::Plain,
    rounds: false,
};

/// As many lanes; V8 keeps eight sums and what they are made of in registers.
pub(super) const SIMD128: Isa = Isa {
    suffix: "simd128",
    vectors: kernel!("vectors/simd128"),
    rows16: 2,
    rows8: 4,
    pixels: 4,
    rounds: true,
    ..SSE2
};

/// Four lanes and eight registers; the factor that all lanes share may stay outside them.
pub(super) const HELIUM: Isa = Isa {
    suffix: "helium",
    vectors: kernel!("vectors/helium"),
    attribute: "@@PLAIN",
    lanes: 4,
    rows32: 0,
    rows16: 3,
    rows8: 3,
    columns: 8,
    pixels: 4,
    sums: 1,
    prefetches: 0,
    factor: Factor::Scalar,
    form: Form::Tiles,
    codes: Codes::Helium,
    rounds: false,
};

/// C alone: two pixels by eight channels fill the 32 registers that most floating-point units have.
pub(super) const PLAIN: Isa = Isa {
    suffix: "plain",
    vectors: kernel!("vectors/scalar"),
    attribute: "@@PLAIN",
    lanes: 1,
    rows32: 0,
    rows16: 2,
    rows8: 2,
    columns: 8,
    pixels: 7,
    sums: 1,
    prefetches: 0,
    factor: Factor::Splat,
    form: Form::Tiles,
    codes: Codes::Plain,
    rounds: false,
};

/// C alone in few bytes: four pixels by four channels, which the loads of eight floats feed.
pub(super) const COMPACT: Isa =
    Isa { rows16: 4, rows8: 4, columns: 4, pixels: 4, form: Form::Compact, codes: Codes::Dsp, ..PLAIN };

/// C alone, made into vectors by the compiler.
pub(super) const ARRAYS: Isa = Isa { rows16: 4, rows8: 4, columns: 16, pixels: 4, form: Form::Arrays, ..PLAIN };

/// C alone for 32 registers and a fused multiply-add.
pub(super) const RISCV: Isa = Isa { rows16: 5, rows8: 5, columns: 4, ..PLAIN };

impl Isa {
    /// Whether registers are so few that compilers must not load ahead.
    pub(super) fn is_tight(&self) -> bool {
        self.factor == Factor::Scalar
    }

    /// Keeps a function's frame out of its caller's, where vectors make it large; in compact code the call is what costs.
    pub(super) fn apart(&self) -> &'static str {
        if self.form == Form::Compact { "" } else { "@@NOINLINE " }
    }

    /// Lanes of the vectors of blocks of this width.
    pub(super) fn lanes_of(&self, width: usize) -> usize {
        self.lanes.min(width)
    }

    /// Type of the factor in a tile of `f` vectors, its load, and the multiply-add with it.
    pub(super) fn by(&self, f: &str) -> [String; 3] {
        match self.factor {
            Factor::Scalar => ["float".into(), "*".into(), format!("{f}_fma_by")],
            _ => [f.into(), format!("{f}_splat"), format!("{f}_fma")],
        }
    }

    /// Pixels of a depthwise tile with a kernel of so many columns, each of which wants a register.
    pub(super) fn pixels_of(&self, kernel: usize) -> usize {
        let spare = if self.is_tight() { 3 } else { 5 };
        self.pixels.min((self.pixels + spare).saturating_sub(kernel)).max(1)
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
