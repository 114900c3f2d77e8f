//! AVX2 and FMA: 8 lanes, 16 registers.

use super::Simd;
use super::codes::avxvnni;
use crate::rt::kernel::Kernels;
use core::arch::x86_64::*;

/// Proves AVX2 and FMA.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

impl Simd for Avx2 {
    type V = __m256;
    type Quad = *const f32;
    type Narrow = Self;
    const LANES: usize = 8;
    const PREFETCHES: usize = 2;
    const PIXELS: usize = 8;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self(())
    }
    #[inline(always)]
    fn narrow(self) -> Self {
        self
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the token proves FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, v: __m256, most: __m256) -> __m256 {
        // SAFETY: the token proves AVX. `maxps` returns its second operand when either is NaN.
        unsafe { _mm256_max_ps(v, most) }
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: the token proves AVX.
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    fn power_of_two(self, rounded: __m256) -> __m256 {
        // SAFETY: the token proves AVX2.
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(rounded));
            _mm256_castsi256_ps(_mm256_add_epi32(exponent, _mm256_castps_si256(_mm256_set1_ps(1.0))))
        }
    }
    #[inline(always)]
    fn clamp(self, v: __m256, lo: __m256, hi: __m256) -> __m256 {
        // SAFETY: the token proves AVX. `maxps` and `minps` return their second operand when either is NaN.
        unsafe { _mm256_min_ps(hi, _mm256_max_ps(lo, v)) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m256 {
        // SAFETY: the token proves AVX; the caller promises readable memory.
        unsafe { _mm256_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m256) {
        // SAFETY: the token proves AVX; the caller promises writable memory.
        unsafe { _mm256_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const f32) -> *const f32 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, q: *const f32) -> __m256 {
        // SAFETY: the token proves AVX; the caller promises four readable floats.
        unsafe { _mm256_broadcast_ss(&*q.add(L as usize)) }
    }
    #[inline(always)]
    unsafe fn broadcast(self, p: *const f32) -> __m256 {
        // SAFETY: the token proves AVX; the caller promises a readable float.
        unsafe { _mm256_broadcast_ss(&*p) }
    }
    #[inline(always)]
    fn prefetch(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
    }
    #[inline(always)]
    fn prefetch_far(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) }
    }
}

super::instantiate!(
    Avx2, "avx2", [target_feature(enable = "avx2,fma")],
    columns: 16,
    wide: 2 [1 2 3 4 5 6],
    single: 2 [],
    narrow: 1 [1 2 3 4 5 6 7 8 9 10 11 12],
    pixels: 6 6 8,
    split: 2 x 4,
    codes: avx2
);

/// The same on a CPU with AVX-VNNI.
pub(super) static WITH_VNNI: Kernels = Kernels { name: "avxvnni", codes: &avxvnni::KERNELS, ..KERNELS };
