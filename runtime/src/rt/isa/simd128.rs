//! WebAssembly's 128-bit vectors: 4 lanes, no fused multiply-add.

use super::Simd;
use core::arch::wasm32::*;

/// Exists only in builds whose target has simd128.
#[derive(Clone, Copy)]
pub(crate) struct Simd128;

impl Simd for Simd128 {
    type V = v128;
    type Quad = *const f32;
    type Narrow = Self;
    const LANES: usize = 4;
    const PREFETCHES: usize = 0;
    const SHORT_ROUNDS: bool = true;
    const PIXELS: usize = 8;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self
    }
    #[inline(always)]
    fn narrow(self) -> Self {
        self
    }
    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }
    #[inline(always)]
    fn mul_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }
    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }
    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }
    #[inline(always)]
    fn max(self, v: v128, most: v128) -> v128 {
        // `most < v ? v : most`
        f32x4_pmax(most, v)
    }
    #[inline(always)]
    fn div(self, a: v128, b: v128) -> v128 {
        f32x4_div(a, b)
    }
    #[inline(always)]
    fn power_of_two(self, rounded: v128) -> v128 {
        i32x4_add(i32x4_shl(rounded, 23), f32x4_splat(1.0))
    }
    #[inline(always)]
    fn clamp(self, v: v128, lo: v128, hi: v128) -> v128 {
        // `pmax(a, b)` is `a < b ? b : a` and `pmin(a, b)` is `b < a ? b : a`: a NaN in `a` stays.
        f32x4_pmin(f32x4_pmax(v, lo), hi)
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> v128 {
        // SAFETY: the caller promises readable memory.
        unsafe { v128_load(p.cast()) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: v128) {
        // SAFETY: the caller promises writable memory.
        unsafe { v128_store(p.cast(), v) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const f32) -> *const f32 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, q: *const f32) -> v128 {
        // SAFETY: the caller promises four readable floats.
        unsafe { v128_load32_splat(q.add(L as usize).cast()) }
    }
    #[inline(always)]
    unsafe fn broadcast(self, p: *const f32) -> v128 {
        // SAFETY: the caller promises a readable float.
        unsafe { v128_load32_splat(p.cast()) }
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
    #[inline(always)]
    fn prefetch_far(self, _: *const u8) {}
}

super::instantiate!(
    Simd128, "simd128", [],
    columns: 16,
    wide: 4 [1 2],
    single: 2 [],
    narrow: 2 [1 2 3 4],
    pixels: 4 4 4,
    split: 4 x 1,
    codes: portable
);
