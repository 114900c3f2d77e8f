//! AVX2: 16 channels in two vectors. Products of bytes are those of the weights' magnitudes with codes XOR 0x80, or XOR 0x7f where the
//! weight is negative: within [-128, 127], so that two of them never saturate 16 bits.

use super::Dot;
use crate::rt::kernel::codes::{Bounds, instantiate_codes};
use core::arch::x86_64::*;

/// Proves AVX2.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Magnitudes of weights, and what their codes are XORed with.
#[derive(Clone, Copy)]
pub(crate) struct Turned {
    sizes: [__m256i; 2],
    flips: [__m256i; 2],
}

impl Dot for Avx2 {
    type Sums = [__m256i; 2];
    type Lanes = [__m256i; 2];
    type Weights = Turned;
    type Four = *const u8;
    type Quad = __m256i;
    type Pair = [__m256i; 2];
    const PARTS: usize = 1;
    const BIAS: usize = 128;
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
        unsafe { two(p) }
    }
    #[inline(always)]
    unsafe fn weights(self, p: *const i8) -> Turned {
        // SAFETY: the token proves AVX2; the caller promises 64 bytes.
        unsafe {
            let weights = two(p);
            let flips = weights
                .map(|w| _mm256_xor_si256(_mm256_cmpgt_epi8(_mm256_setzero_si256(), w), _mm256_set1_epi8(i8::MIN)));
            Turned { sizes: weights.map(|w| _mm256_abs_epi8(w)), flips }
        }
    }
    #[inline(always)]
    unsafe fn four(self, p: *const u8) -> *const u8 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, four: *const u8) -> __m256i {
        // SAFETY: as for this function.
        unsafe { self.quad(four.add(4 * L as usize)) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const u8) -> __m256i {
        // SAFETY: as for this function.
        unsafe { quad(p) }
    }
    #[inline(always)]
    fn dot(self, mut sums: [__m256i; 2], weights: Turned, quad: __m256i) -> [__m256i; 2] {
        for (v, sum) in sums.iter_mut().enumerate() {
            // SAFETY: the token proves AVX2.
            unsafe {
                let turned = _mm256_xor_si256(quad, weights.flips[v]);
                let products = _mm256_maddubs_epi16(weights.sizes[v], turned);
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)));
            }
        }
        sums
    }
    #[inline(always)]
    fn add(self, a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the token proves AVX2.
        unsafe { add(a, b) }
    }
    #[inline(always)]
    fn finish(self, sums: [__m256i; 2]) -> [__m256i; 2] {
        sums
    }
    #[inline(always)]
    unsafe fn lanes(self, p: *const i32) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { two(p) }
    }
    #[inline(always)]
    unsafe fn rows<const W: usize>(self, upper: *const u8, lower: *const u8) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { rows::<W>(upper, lower) }
    }
    #[inline(always)]
    unsafe fn row<const W: usize>(self, upper: *const u8) -> [__m256i; 2] {
        // SAFETY: as for this function.
        unsafe { row::<W>(upper) }
    }
    #[inline(always)]
    unsafe fn pairs(self, sums: [__m256i; 2], codes: [__m256i; 2], w: *const i32) -> [__m256i; 2] {
        // SAFETY: the token proves AVX2; the caller promises 16 numbers.
        unsafe {
            let w = two(w);
            add(sums, [_mm256_madd_epi16(codes[0], w[0]), _mm256_madd_epi16(codes[1], w[1])])
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
        unsafe { store::<P, W>(pixels, multiplier, bounds, out) }
    }
    #[inline(always)]
    fn prefetch(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
}

// What other sets of vectors of 32 bytes share; all of it wants AVX2 and memory as the trait says.

#[inline(always)]
pub(super) unsafe fn two<T>(p: *const T) -> [__m256i; 2] {
    // SAFETY: as above.
    unsafe { [_mm256_loadu_si256(p.cast()), _mm256_loadu_si256(p.cast::<__m256i>().add(1))] }
}

#[inline(always)]
pub(super) unsafe fn quad(p: *const u8) -> __m256i {
    // SAFETY: as above.
    unsafe { _mm256_set1_epi32(p.cast::<i32>().read_unaligned()) }
}

#[inline(always)]
pub(super) unsafe fn add(a: [__m256i; 2], b: [__m256i; 2]) -> [__m256i; 2] {
    // SAFETY: as above.
    unsafe { [_mm256_add_epi32(a[0], b[0]), _mm256_add_epi32(a[1], b[1])] }
}

#[inline(always)]
pub(super) unsafe fn load<const W: usize>(p: *const u8) -> __m128i {
    // SAFETY: as above.
    unsafe { if W == 16 { _mm_loadu_si128(p.cast()) } else { _mm_loadl_epi64(p.cast()) } }
}

#[inline(always)]
pub(super) unsafe fn rows<const W: usize>(upper: *const u8, lower: *const u8) -> [__m256i; 2] {
    // SAFETY: as above.
    unsafe {
        let (upper, lower) = (load::<W>(upper), load::<W>(lower));
        [_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(upper, lower)), _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(upper, lower))]
    }
}

#[inline(always)]
pub(super) unsafe fn row<const W: usize>(upper: *const u8) -> [__m256i; 2] {
    // SAFETY: as above.
    unsafe {
        let high = if W == 16 { load::<8>(upper.add(8)) } else { _mm_setzero_si128() };
        [_mm256_cvtepu8_epi32(load::<8>(upper)), _mm256_cvtepu8_epi32(high)]
    }
}

/// What a store needs of its bounds.
#[derive(Clone, Copy)]
struct Rounding {
    multipliers: [__m256; 2],
    hi: __m256,
    zero: __m256i,
    lo: __m256i,
}

impl Rounding {
    #[inline(always)]
    unsafe fn new(multiplier: *const f32, bounds: Bounds) -> Self {
        // SAFETY: as above.
        unsafe {
            Self {
                multipliers: [_mm256_loadu_ps(multiplier), _mm256_loadu_ps(multiplier.add(8))],
                hi: _mm256_set1_ps(bounds.quanta()[1]),
                zero: _mm256_set1_epi16(bounds.zero.into()),
                lo: _mm256_set1_epi8(bounds.lo as i8),
            }
        }
    }

    /// A pixel in 16 bits, its channels in the order 0, 8, 4, 12 by fours. What is too large, the bound catches; what is too small, and
    /// NaN, becomes the smallest number.
    #[inline(always)]
    unsafe fn pixel(&self, lanes: [__m256i; 2]) -> __m256i {
        // SAFETY: as above. `minps` returns its second operand where either is NaN.
        unsafe {
            let one = |v: usize| {
                let quanta = _mm256_mul_ps(_mm256_cvtepi32_ps(lanes[v]), self.multipliers[v]);
                _mm256_cvtps_epi32(_mm256_min_ps(self.hi, quanta))
            };
            _mm256_adds_epi16(_mm256_packs_epi32(one(0), one(1)), self.zero)
        }
    }

    /// Two pixels, one behind the other.
    #[inline(always)]
    unsafe fn two(&self, a: [__m256i; 2], b: [__m256i; 2]) -> __m256i {
        // SAFETY: as above.
        unsafe {
            let packed = _mm256_max_epu8(_mm256_packus_epi16(self.pixel(a), self.pixel(b)), self.lo);
            _mm256_permutevar8x32_epi32(packed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
        }
    }
}

#[inline(always)]
pub(super) unsafe fn store<const P: usize, const W: usize>(
    pixels: &[[__m256i; 2]; P],
    multiplier: *const f32,
    bounds: Bounds,
    out: *mut u8,
) {
    // SAFETY: as above.
    unsafe {
        let rounding = Rounding::new(multiplier, bounds);
        for (index, pair) in pixels.chunks(2).enumerate() {
            let out = out.add(index * 2 * W);
            let both = rounding.two(pair[0], pair[pair.len() - 1]);
            let first = _mm256_castsi256_si128(both);
            match (W, pair.len()) {
                (16, 2) => _mm256_storeu_si256(out.cast(), both),
                (16, _) => _mm_storeu_si128(out.cast(), first),
                (_, 2) => {
                    _mm_storel_epi64(out.cast(), first);
                    _mm_storel_epi64(out.add(8).cast(), _mm256_extracti128_si256::<1>(both));
                }
                _ => _mm_storel_epi64(out.cast(), first),
            }
        }
    }
}

instantiate_codes!(Avx2, [target_feature(enable = "avx2,fma")], wide: 1 [1 2 3 4 5], single: [], stem: 5, depthwise: rows);
