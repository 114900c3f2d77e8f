//! AVX-VNNI: sums of four products of an unsigned and a signed byte, in vectors of 32 bytes.

use super::{Dot, avx2};
use crate::rt::kernel::codes::{Bounds, instantiate_codes};
use core::arch::x86_64::*;

/// Proves AVX2 and AVX-VNNI.
#[derive(Clone, Copy)]
pub(crate) struct AvxVnni(());

impl Dot for AvxVnni {
    type Sums = [__m256i; 2];
    type Lanes = [__m256i; 2];
    type Weights = [__m256i; 2];
    type Four = *const u8;
    type Quad = __m256i;
    type Pair = [__m256i; 2];
    const PARTS: usize = 1;
    const BIAS: usize = 0;
    const PREFETCHES: usize = 1;
    const PIXELS: usize = 4;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self(())
    }
    #[inline(always)]
    fn zero(self) -> [__m256i; 2] {
        // SAFETY: the token proves AVX.
        [unsafe { _mm256_setzero_si256() }; 2]
    }
    #[inline(always)]
    unsafe fn bias(self, p: *const i32) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { avx2::two(p) }
    }
    #[inline(always)]
    unsafe fn weights(self, p: *const i8) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { avx2::two(p) }
    }
    #[inline(always)]
    unsafe fn four(self, p: *const u8) -> *const u8 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, four: *const u8) -> __m256i {
        // SAFETY: as for this function.
        unsafe { avx2::quad(four.add(4 * L as usize)) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const u8) -> __m256i {
        // SAFETY: as for this function.
        unsafe { avx2::quad(p) }
    }
    #[inline(always)]
    fn dot(self, sums: [__m256i; 2], weights: [__m256i; 2], quad: __m256i) -> [__m256i; 2] {
        // SAFETY: the token proves AVX-VNNI.
        unsafe {
            [_mm256_dpbusd_avx_epi32(sums[0], quad, weights[0]), _mm256_dpbusd_avx_epi32(sums[1], quad, weights[1])]
        }
    }
    #[inline(always)]
    fn add(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the token proves AVX2.
        unsafe { avx2::add(a, b) }
    }
    #[inline(always)]
    fn finish(self, sums: [__m256i; 2]) -> [__m256i; 2] {
        sums
    }
    #[inline(always)]
    unsafe fn lanes(self, p: *const i32) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { avx2::two(p) }
    }
    #[inline(always)]
    unsafe fn rows<const W: usize>(self, upper: *const u8, lower: *const u8) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { avx2::rows::<W>(upper, lower) }
    }
    #[inline(always)]
    unsafe fn row<const W: usize>(self, upper: *const u8) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { avx2::row::<W>(upper) }
    }
    #[inline(always)]
    unsafe fn pairs(self, sums: [__m256i; 2], codes: [__m256i; 2], w: *const i32) -> [__m256i; 2] {
        // SAFETY: the token proves AVX-VNNI; the caller promises 16 numbers.
        unsafe {
            let w = avx2::two(w);
            [_mm256_dpwssd_avx_epi32(sums[0], codes[0], w[0]), _mm256_dpwssd_avx_epi32(sums[1], codes[1], w[1])]
        }
    }
    #[inline(always)]
    unsafe fn store<const P: usize, const W: usize>(
        self,
        pixels: &[[__m256i; 2]; P],
        multiplier: *const f32,
        bounds: Bounds,
        out: *mut u8,
    ) {
        // SAFETY: as for this function.
        unsafe { avx2::store::<P, W>(pixels, multiplier, bounds, out) }
    }
    #[inline(always)]
    fn prefetch(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
}

instantiate_codes!(
    AvxVnni, [target_feature(enable = "avx2,fma,avxvnni")],
    wide: 1 [1 2 3 4 5 6],
    single: [],
    stem: 6,
    depthwise: as crate::rt::isa::codes::avx2::KERNELS
);
