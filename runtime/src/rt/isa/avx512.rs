//! AVX-512: 16 lanes, 32 registers. Blocks that are 8 wide use 8 lanes.

use super::codes::avx512vnni;
use super::{Simd, avx2::Avx2};
use crate::rt::kernel::Kernels;
use core::arch::x86_64::*;

/// Proves AVX-512 F and VL.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Simd for Avx512 {
    type V = __m512;
    type Quad = *const f32;
    type Narrow = Avx2;
    const LANES: usize = 16;
    const PREFETCHES: usize = 4;
    const PIXELS: usize = 8;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self(())
    }
    #[inline(always)]
    fn narrow(self) -> Avx2 {
        // SAFETY: what this token proves includes AVX2 and FMA.
        unsafe { Avx2::assume() }
    }
    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn max(self, v: __m512, most: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512. `maxps` returns its second operand when either is NaN.
        unsafe { _mm512_max_ps(v, most) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn power_of_two(self, rounded: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512.
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(rounded));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, _mm512_castps_si512(_mm512_set1_ps(1.0))))
        }
    }
    #[inline(always)]
    fn clamp(self, v: __m512, lo: __m512, hi: __m512) -> __m512 {
        // SAFETY: the token proves AVX-512. `maxps` and `minps` return their second operand when either is NaN.
        unsafe { _mm512_min_ps(hi, _mm512_max_ps(lo, v)) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512; the caller promises readable memory.
        unsafe { _mm512_loadu_ps(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: __m512) {
        // SAFETY: the token proves AVX-512; the caller promises writable memory.
        unsafe { _mm512_storeu_ps(p, v) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const f32) -> *const f32 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, q: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512; the caller promises four readable floats.
        unsafe { _mm512_set1_ps(*q.add(L as usize)) }
    }
    #[inline(always)]
    unsafe fn broadcast(self, p: *const f32) -> __m512 {
        // SAFETY: the token proves AVX-512; the caller promises a readable float.
        unsafe { _mm512_set1_ps(*p) }
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
    Avx512, "avx512", [target_feature(enable = "avx2,fma,avx512f,avx512vl")],
    columns: 32,
    wide: 2 [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    single: 1 [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    narrow: 1 [1 2 3 4 5 6 7 8 9 10 11 12],
    pixels: 8 16 16,
    split: 1 x 8,
    codes: avx2
);

/// The same on a CPU with VNNI.
pub(super) static WITH_VNNI: Kernels = Kernels { name: "avx512vnni", codes: &avx512vnni::KERNELS, ..KERNELS };
