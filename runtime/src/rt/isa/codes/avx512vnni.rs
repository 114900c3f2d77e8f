//! AVX-512 VNNI: 16 channels in a vector, sums of four products of an unsigned and a signed byte.

use super::{Dot, avx2};
use crate::rt::kernel::codes::{Bounds, instantiate_codes};
use core::arch::x86_64::*;

/// Proves AVX-512 F, BW, VL and VNNI.
#[derive(Clone, Copy)]
pub(crate) struct Avx512Vnni(());

/// Which four bytes each four come from. Read as volatile: LLVM makes ten shuffles of these two, where it knows both.
#[repr(align(64))]
struct Parts([i32; 16]);
static PARTS: Parts = Parts([0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15]);

impl Dot for Avx512Vnni {
    type Sums = __m512i;
    type Lanes = __m512i;
    type Weights = __m512i;
    type Four = *const u8;
    type Quad = __m512i;
    type Pair = __m512i;
    const PARTS: usize = 1;
    const BIAS: usize = 0;
    const PREFETCHES: usize = 2;
    const PIXELS: usize = 4;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self(())
    }
    #[inline(always)]
    fn zero(self) -> __m512i {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_setzero_si512() }
    }
    #[inline(always)]
    unsafe fn bias(self, p: *const i32) -> __m512i {
        // SAFETY: the token proves AVX-512; the caller promises 16 numbers.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
    #[inline(always)]
    unsafe fn weights(self, p: *const i8) -> __m512i {
        // SAFETY: the token proves AVX-512; the caller promises 64 bytes.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }
    #[inline(always)]
    unsafe fn four(self, p: *const u8) -> *const u8 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, four: *const u8) -> __m512i {
        // SAFETY: as for this function.
        unsafe { self.quad(four.add(4 * L as usize)) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const u8) -> __m512i {
        // SAFETY: the token proves AVX-512; the caller promises 4 codes.
        unsafe { _mm512_set1_epi32(p.cast::<i32>().read_unaligned()) }
    }
    #[inline(always)]
    fn dot(self, sums: __m512i, weights: __m512i, quad: __m512i) -> __m512i {
        // SAFETY: the token proves VNNI.
        unsafe { _mm512_dpbusd_epi32(sums, quad, weights) }
    }
    #[inline(always)]
    fn add(self, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    fn finish(self, sums: __m512i) -> __m512i {
        sums
    }
    #[inline(always)]
    unsafe fn lanes(self, p: *const i32) -> __m512i {
        // SAFETY: as for this function.
        unsafe { self.bias(p) }
    }
    #[inline(always)]
    unsafe fn rows<const W: usize>(self, upper: *const u8, lower: *const u8) -> __m512i {
        // SAFETY: the token proves AVX-512; the caller promises `W` codes of both.
        unsafe {
            let lower = _mm512_slli_epi32::<16>(self.row::<W>(lower));
            _mm512_or_si512(self.row::<W>(upper), lower)
        }
    }
    #[inline(always)]
    unsafe fn row<const W: usize>(self, upper: *const u8) -> __m512i {
        // SAFETY: the token proves AVX-512; the caller promises `W` codes.
        unsafe { _mm512_cvtepu8_epi32(avx2::load::<W>(upper)) }
    }
    #[inline(always)]
    unsafe fn pairs(self, sums: __m512i, codes: __m512i, w: *const i32) -> __m512i {
        // SAFETY: the token proves VNNI; the caller promises 16 numbers.
        unsafe { _mm512_dpwssd_epi32(sums, codes, _mm512_loadu_si512(w.cast())) }
    }
    #[inline(always)]
    unsafe fn columns(self, p: *const u8, inside: u16, border: u8) -> __m512i {
        // SAFETY: the token proves AVX-512; the caller promises what is not masked.
        unsafe {
            // Four channels of each column to a part of 16 bytes, then the columns of each channel beside each other.
            let codes = _mm512_mask_loadu_epi32(_mm512_set1_epi8(border as i8), inside, p.cast());
            let codes = _mm512_permutexvar_epi32((&raw const PARTS.0).cast::<__m512i>().read_volatile(), codes);
            let bytes = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            _mm512_shuffle_epi8(codes, _mm512_broadcast_i32x4(bytes))
        }
    }
    #[inline(always)]
    unsafe fn fours(self, sums: __m512i, codes: __m512i, w: *const i32) -> __m512i {
        // SAFETY: the token proves VNNI; the caller promises 16 numbers.
        unsafe { _mm512_dpbusd_epi32(sums, codes, _mm512_loadu_si512(w.cast())) }
    }
    #[inline(always)]
    unsafe fn store<const P: usize, const W: usize>(
        self,
        pixels: &[__m512i; P],
        multiplier: *const f32,
        bounds: Bounds,
        out: *mut u8,
    ) {
        // SAFETY: the token proves AVX-512; the caller promises 16 multipliers and the pixels.
        unsafe {
            let multiplier = _mm512_loadu_ps(multiplier);
            let hi = _mm512_set1_ps(bounds.quanta()[1]);
            let (zero, lo) = (_mm512_set1_epi16(bounds.zero.into()), _mm512_set1_epi8(bounds.lo as i8));
            // What is too large, the bound catches; what is too small, and NaN, becomes the smallest number: `minps` returns its
            // second operand where either is NaN.
            let one = |lanes: __m512i| {
                _mm512_cvtps_epi32(_mm512_min_ps(hi, _mm512_mul_ps(_mm512_cvtepi32_ps(lanes), multiplier)))
            };
            let two = |a: __m512i, b: __m512i| _mm512_adds_epi16(_mm512_packs_epi32(one(a), one(b)), zero);
            for (index, some) in pixels.chunks(4).enumerate() {
                let (out, last) = (out.add(index * 4 * W), some.len() - 1);
                let halves = if last < 2 { 0 } else { 2 };
                let first = two(some[0], some[last.min(1)]);
                let second = if halves == 0 { first } else { two(some[2], some[last]) };
                let packed = _mm512_max_epu8(_mm512_packus_epi16(first, second), lo);
                // In each part of 16 bytes are four channels of each pixel.
                let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                let codes = _mm512_permutexvar_epi32(order, packed);
                let parts = [
                    _mm512_castsi512_si128(codes),
                    _mm512_extracti32x4_epi32::<1>(codes),
                    _mm512_extracti32x4_epi32::<2>(codes),
                    _mm512_extracti32x4_epi32::<3>(codes),
                ];
                match (W, some.len()) {
                    (16, 4) => _mm512_storeu_si512(out.cast(), codes),
                    (16, _) => {
                        for (i, part) in parts.iter().enumerate().take(some.len()) {
                            _mm_storeu_si128(out.add(i * 16).cast(), *part);
                        }
                    }
                    _ => {
                        for (i, part) in parts.iter().enumerate().take(some.len()) {
                            _mm_storel_epi64(out.add(i * 8).cast(), *part);
                        }
                    }
                }
            }
        }
    }
    #[inline(always)]
    fn prefetch(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
}

instantiate_codes!(
    Avx512Vnni, [target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512vl,avx512vnni")],
    wide: 2 [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    single: [1 2 3 4 5 6 7 8],
    stem: 8,
    depthwise: rows fours
);
