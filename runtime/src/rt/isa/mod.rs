//! Instruction sets: a token type and a kernel table for each, and the choice among them.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod cpuid;
#[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
mod neon;
mod portable;
mod simd;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use super::kernel::{conv, dense, depthwise, epilogue, pointwise, pool, stem};
use core::sync::atomic::{AtomicU8, Ordering};
pub(crate) use simd::Simd;

/// What one instruction set runs.
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
}

/// Instantiates every kernel for a token.
///
/// - `columns`: output channels of a pointwise tile; with 32 an odd last panel takes the `single` tiles, and 8-wide
///   panels take the `narrow` ones
/// - a list such as `wide: 2 [1 2 3]`: vectors per row of the tile, then the heights of the tiles
/// - `pixels`: width of the tiles of stem and general convolution, for the three kinds of panels
/// - `split: v x s`: vectors per 16-wide panel, and into how many sums the dense kernel splits its loop
macro_rules! instantiate {
    ($token:ident, $name:literal, [$($attribute:meta)?], columns: $columns:literal, wide: $wide:literal [$($w:literal)*],
     single: $single:literal [$($s:literal)*], narrow: $narrow:literal [$($n:literal)*],
     pixels: $pixels:literal $single_pixels:literal $narrow_pixels:literal, split: $vectors:literal x $split:literal) => {
        mod table {
            use super::super::{Kernels, Simd};
            use crate::rt::kernel::{conv, dense, depthwise, epilogue, pointwise, pool, stem};

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
            };
        }
        pub(super) use table::KERNELS;
    };
}
use instantiate;

/// The tables this CPU can run, best first.
pub(crate) fn available() -> impl Iterator<Item = &'static Kernels> {
    // Miri has no such instructions.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    let simd = {
        let level = cpuid::level();
        [
            (level >= cpuid::Level::Avx512).then_some(&avx512::KERNELS),
            (level >= cpuid::Level::Avx2).then_some(&avx2::KERNELS),
        ]
    };
    #[cfg(all(target_arch = "aarch64", target_feature = "neon"))]
    let simd = [Some(&neon::KERNELS)];
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let simd = [Some(&simd128::KERNELS)];
    #[cfg(not(any(
        all(target_arch = "x86_64", not(miri)),
        all(target_arch = "aarch64", target_feature = "neon"),
        all(target_arch = "wasm32", target_feature = "simd128")
    )))]
    let simd: [Option<&'static Kernels>; 0] = [];
    simd.into_iter().flatten().chain([&portable::KERNELS])
}

/// The best table, or the one that `MOBILENET_ISA` names if this CPU can run it. Chosen once.
pub(crate) fn kernels() -> &'static Kernels {
    static CHOICE: AtomicU8 = AtomicU8::new(u8::MAX);
    let choice = match CHOICE.load(Ordering::Relaxed) {
        u8::MAX => {
            let choice = choose();
            CHOICE.store(choice, Ordering::Relaxed);
            choice
        }
        choice => choice,
    };
    available().nth(choice.into()).unwrap_or(&portable::KERNELS)
}

/// An index into [`available`].
fn choose() -> u8 {
    #[cfg(feature = "std")]
    if let Some(name) = std::env::var_os("MOBILENET_ISA") {
        return available().position(|k| name == k.name).unwrap_or(0) as u8;
    }
    0
}
