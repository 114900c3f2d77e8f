//! The kernels: bodies over [`Simd`](super::isa::Simd), inlined into one outer function per instruction set, and the table of these.
//! (Unoptimised, which `build.rs` tells, they are calls instead: inlined frames would not fit small stacks.)
//!
//! All of them work on raw pointers into the arena, because a stage's output may overlap rows of its input that are no
//! longer needed; [`Run`](super::Run) checks every extent before it calls them.

// Vectors of a tile are named by index: the same one picks weights, sums and addresses.
#![allow(clippy::needless_range_loop)]

pub(crate) mod codes;
pub(crate) mod conv;
pub(crate) mod dense;
pub(crate) mod depthwise;
pub(crate) mod epilogue;
pub(crate) mod pointwise;
pub(crate) mod pool;
pub(crate) mod stem;
mod taps;
pub(crate) mod view;

pub(crate) use view::{View, moved, padded_channels};

/// What one instruction set runs.
#[derive(Clone, Copy)]
pub(crate) struct Kernels {
    /// The name `MOBILENET_ISA` knows it by.
    pub name: &'static str,
    pub pointwise: pointwise::Tiles,
    pub depthwise: unsafe fn(&depthwise::Job),
    pub stem: unsafe fn(&stem::Row),
    pub conv: unsafe fn(&conv::Row),
    pub pool: unsafe fn(&pool::Job),
    pub mean: unsafe fn(&pool::Mean),
    pub epilogue: unsafe fn(&epilogue::Job),
    pub dense: unsafe fn(&dense::Job),
    /// Those of codes.
    pub codes: &'static codes::Kernels,
}

/// Instantiates every kernel for a token.
///
/// - `columns`: output channels of a pointwise tile; with 32 an odd last panel takes the `single` tiles, and 8-wide
///   panels take the `narrow` ones
/// - a list such as `wide: 2 [1 2 3]`: vectors per row of the tile, then the heights of the tiles
/// - `pixels`: width of the tiles of stem and general convolution, for the three kinds of panels
/// - `split: v x s`: vectors per 16-wide panel, and into how many sums the dense kernel splits its loop
/// - `codes`: the module with the kernels of codes
macro_rules! instantiate {
    ($token:ident, $name:literal, [$($attribute:meta)?], columns: $columns:literal, wide: $wide:literal [$($w:literal)*],
     single: $single:literal [$($s:literal)*], narrow: $narrow:literal [$($n:literal)*],
     pixels: $pixels:literal $single_pixels:literal $narrow_pixels:literal, split: $vectors:literal x $split:literal, codes: $codes:ident) => {
        mod table {
            use crate::rt::isa::Simd;
            use crate::rt::kernel::{Kernels, conv, dense, depthwise, epilogue, pointwise, pool, stem};

            type Token = super::$token;

            $(#[$attribute])?
            unsafe fn wide<const MR: usize>(strip: &pointwise::Strip, first: usize, count: usize, ahead: *const u8) {
                // SAFETY: whoever holds the table has the instruction set; the rest is the caller's promise.
                unsafe { pointwise::tiles::<_, MR, $wide, 16>(Token::assume(), strip, first, count, ahead) }
            }

            #[allow(dead_code)]
            $(#[$attribute])?
            unsafe fn single<const MR: usize>(strip: &pointwise::Strip, first: usize, count: usize, ahead: *const u8) {
                // SAFETY: as in `wide`.
                unsafe { pointwise::tiles::<_, MR, $single, 16>(Token::assume(), strip, first, count, ahead) }
            }

            $(#[$attribute])?
            unsafe fn narrow<const MR: usize>(strip: &pointwise::Strip, first: usize, count: usize, ahead: *const u8) {
                // SAFETY: as in `wide`.
                unsafe { pointwise::tiles::<_, MR, $narrow, 8>(Token::assume().narrow(), strip, first, count, ahead) }
            }

            $(#[$attribute])?
            unsafe fn depthwise(job: &depthwise::Job) {
                // SAFETY: as in `wide`.
                unsafe { depthwise::rows(Token::assume(), job) }
            }

            $(#[$attribute])?
            unsafe fn stem(row: &stem::Row) {
                // SAFETY: as in `wide`.
                unsafe { stem::row::<_, $columns, $wide, $pixels, $single, $single_pixels, $narrow, $narrow_pixels>(Token::assume(), row) }
            }

            $(#[$attribute])?
            unsafe fn conv(row: &conv::Row) {
                // SAFETY: as in `wide`.
                unsafe { conv::row::<_, $columns, $wide, $single, $narrow, $pixels>(Token::assume(), row) }
            }

            $(#[$attribute])?
            unsafe fn pool(job: &pool::Job) {
                // SAFETY: as in `wide`.
                unsafe { pool::rows(Token::assume(), job) }
            }

            $(#[$attribute])?
            unsafe fn mean(job: &pool::Mean) {
                // SAFETY: as in `wide`.
                unsafe { pool::mean(Token::assume(), job) }
            }

            $(#[$attribute])?
            unsafe fn epilogue(job: &epilogue::Job) {
                // SAFETY: as in `wide`.
                unsafe { epilogue::pass(Token::assume(), job) }
            }

            $(#[$attribute])?
            unsafe fn dense(job: &dense::Job) {
                // SAFETY: as in `wide`.
                unsafe { dense::dense::<_, $vectors, $narrow, $split>(Token::assume(), job) }
            }

            pub(in crate::rt::isa) static KERNELS: Kernels = Kernels {
                name: $name,
                pointwise: pointwise::Tiles {
                    columns: $columns,
                    prefetches: <Token as Simd>::PREFETCHES,
                    wide: &[$(wide::<$w>),*],
                    single: &[$(single::<$s>),*],
                    narrow: &[$(narrow::<$n>),*],
                },
                depthwise,
                stem,
                conv,
                pool,
                mean,
                epilogue,
                dense,
                codes: &crate::rt::isa::codes::$codes::KERNELS,
            };
        }
        pub(super) use table::KERNELS;
    };
}
pub(crate) use instantiate;
