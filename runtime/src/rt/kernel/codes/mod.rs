//! Kernels of 8-bit codes: exact sums in 32 bits that wrap, then a multiplication in f32, bounds and one rounding. What they compute,
//! `docs/quantization.md` says; the layout of their weights is beside [`Panels`] and [`depthwise`].
//!
//! Codes are unsigned bytes here, those of signed types with 128 added. Bodies are over [`Dot`](crate::rt::isa::Dot), or plain loops
//! that compilers make vectors of, inlined into one outer function per instruction set.

mod conv;
pub(crate) mod convert;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
pub(crate) mod pointwise;
pub(crate) mod pool;
mod stem;
mod sums;

pub(crate) use conv::{Row, row};
pub(crate) use stem::{StemRow, stem_row};
pub(crate) use sums::Panels;

/// What one instruction set runs on codes.
pub(crate) struct Kernels {
    pub pointwise: pointwise::Tiles,
    pub conv: unsafe fn(&Row),
    pub stem: unsafe fn(&StemRow),
    pub depthwise: &'static depthwise::Tiles,
    pub elementwise: unsafe fn(&elementwise::Job),
    pub pool: unsafe fn(&pool::Job),
    pub mean: unsafe fn(&pool::Mean),
    pub quantise: unsafe fn(&convert::Job),
    pub dequantise: unsafe fn(&convert::Job),
}

/// What codes a stage may give, and which of them stands for 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub lo: u8,
    pub hi: u8,
    pub zero: u8,
}

/// `1.5 * 2^23`: added to a float of at most 22 bits, it leaves no room for a fraction.
pub(crate) const ROUND: f32 = 12_582_912.0;

impl Bounds {
    /// All codes.
    pub(crate) const fn all(zero: u8) -> Self {
        Self { lo: 0, hi: u8::MAX, zero }
    }

    /// The bounds in quanta.
    #[inline(always)]
    pub(crate) fn quanta(self) -> [f32; 2] {
        [self.lo, self.hi].map(|bound| f32::from(bound) - f32::from(self.zero))
    }

    /// The code of a number in quanta: bounded, NaN below, rounded half to even, plus the zero point.
    #[inline(always)]
    pub(crate) fn store(self, quanta: f32) -> u8 {
        let [lo, hi] = self.quanta();
        let raised = if quanta > lo { quanta } else { lo };
        let bounded = if raised < hi { raised } else { hi };
        (bounded + ROUND).to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(u32::from(self.zero)) as u8
    }
}

/// Instantiates every kernel of codes for a token.
///
/// - `wide: n [1 2 3]`: panels of a pointwise tile, then the heights of the tiles; `single`: the same for one panel, where `wide` has two
/// - `stem`: pixels of the tiles of first convolutions that are known
/// - `depthwise`: `rows`, perhaps with `fours` of columns; or `as` those of another table, where they are as good
macro_rules! instantiate_codes {
    ($token:ident, [$($attribute:meta)?], wide: $wide:literal [$($w:literal)*], single: [$($s:literal)*], stem: $stem:literal, depthwise: $($depthwise:tt)*) => {
        mod table {
            use crate::rt::isa::Dot;
            use crate::rt::kernel::codes::{Kernels, Row, StemRow, convert, elementwise, pointwise, pool, row, stem_row};

            type Token = super::$token;

            $(#[$attribute])?
            unsafe fn wide<const P: usize>(strip: &pointwise::Strip, first: usize, count: usize, ahead: *const u8) {
                // SAFETY: whoever holds the table has the instruction set; the rest is the caller's promise.
                unsafe { pointwise::tiles::<_, P, $wide>(Token::assume(), strip, first, count, ahead) }
            }

            #[allow(dead_code)]
            $(#[$attribute])?
            unsafe fn single<const P: usize>(strip: &pointwise::Strip, first: usize, count: usize, ahead: *const u8) {
                // SAFETY: as in `wide`.
                unsafe { pointwise::tiles::<_, P, 1>(Token::assume(), strip, first, count, ahead) }
            }

            $(#[$attribute])?
            unsafe fn conv(job: &Row) {
                // SAFETY: as in `wide`.
                unsafe { row::<_, $wide>(Token::assume(), job) }
            }

            $(#[$attribute])?
            unsafe fn stem(job: &StemRow) {
                // SAFETY: as in `wide`.
                unsafe { stem_row::<_, $wide, $stem>(Token::assume(), job) }
            }

            $(#[$attribute])?
            unsafe fn elementwise(job: &elementwise::Job) {
                // SAFETY: as in `wide`.
                unsafe { elementwise::pass(job) }
            }

            $(#[$attribute])?
            unsafe fn pool(job: &pool::Job) {
                // SAFETY: as in `wide`.
                unsafe { pool::rows(job) }
            }

            $(#[$attribute])?
            unsafe fn mean(job: &pool::Mean) {
                // SAFETY: as in `wide`.
                unsafe { pool::mean(job) }
            }

            $(#[$attribute])?
            unsafe fn quantise(job: &convert::Job) {
                // SAFETY: as in `wide`.
                unsafe { convert::quantise(job) }
            }

            $(#[$attribute])?
            unsafe fn dequantise(job: &convert::Job) {
                // SAFETY: as in `wide`.
                unsafe { convert::dequantise(job) }
            }

            pub(in crate::rt) static KERNELS: Kernels = Kernels {
                pointwise: pointwise::Tiles {
                    panels: $wide,
                    prefetches: <Token as Dot>::PREFETCHES,
                    wide: &[$(wide::<$w>),*],
                    single: &[$(single::<$s>),*],
                },
                conv,
                stem,
                depthwise: crate::rt::kernel::codes::instantiate_depthwise!(Token, [$($attribute)?], $($depthwise)*),
                elementwise,
                pool,
                mean,
                quantise,
                dequantise,
            };
        }
        pub(in crate::rt) use table::KERNELS;
    };
}
pub(crate) use instantiate_codes;

/// The depthwise tiles of a token, each a function of its own, or those of another table.
macro_rules! instantiate_depthwise {
    ($token:ident, [$($attribute:meta)?], as $other:expr) => {
        $other.depthwise
    };
    ($token:ident, [$($attribute:meta)?], rows $($fours:ident)?) => {{
        use crate::rt::kernel::codes::depthwise;

        $(#[$attribute])?
        unsafe fn square<const W: usize, const ST: usize, const FOURS: bool>(
            job: &depthwise::Job,
            rows: &[depthwise::Under; depthwise::KNOWN],
            panel: &depthwise::Panel,
            spread: depthwise::SpreadFn,
        ) {
            // SAFETY: whoever holds the table has the instruction set; the rest is the caller's promise.
            unsafe { depthwise::square::<_, W, ST, FOURS>($token::assume(), job, rows, panel, spread) }
        }

        $(#[$attribute])?
        unsafe fn general(job: &depthwise::Job, panel: &depthwise::Panel, spread: depthwise::SpreadFn) {
            // SAFETY: as in `square`.
            unsafe { depthwise::general($token::assume(), job, panel, spread) }
        }

        $(#[$attribute])?
        unsafe fn spread(panel: &depthwise::Panel, order: depthwise::Order, first: usize, weights: &mut [[i32; 16]]) {
            // SAFETY: as in `square`.
            unsafe { depthwise::spread(panel, order, first, weights) }
        }

        &depthwise::Tiles {
            parts: <$token as Dot>::PARTS,
            pixels: <$token as Dot>::PIXELS,
            square: [
                [square::<16, 1, false>, square::<16, 2, false>],
                [square::<8, 1, false>, square::<8, 2, false>],
            ],
            fours: crate::rt::kernel::codes::instantiate_depthwise!(square $($fours)?),
            general,
            spread,
        }
    }};
    ($square:ident) => {
        None
    };
    ($square:ident fours) => {
        Some([$square::<16, 1, true>, $square::<16, 2, true>])
    };
}
pub(crate) use instantiate_depthwise;
