//! NEON on AArch64: 4 lanes, 32 registers, multiplication by lane.

use super::Simd;
use core::arch::aarch64::*;

/// Exists only in builds whose target has NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon;

impl Simd for Neon {
    type V = float32x4_t;
    type Quad = float32x4_t;
    type Narrow = Self;
    const LANES: usize = 4;
    const PREFETCHES: usize = 1;
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
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe { vfmaq_f32(c, b, a) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn max(self, v: float32x4_t, most: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build. `fmaxnm` returns the number when the other is NaN.
        unsafe { vmaxnmq_f32(v, most) }
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn power_of_two(self, rounded: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe {
            let exponent = vshlq_n_u32::<23>(vreinterpretq_u32_f32(rounded));
            vreinterpretq_f32_u32(vaddq_u32(exponent, vreinterpretq_u32_f32(vdupq_n_f32(1.0))))
        }
    }
    #[inline(always)]
    fn clamp(self, v: float32x4_t, lo: float32x4_t, hi: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build. `fmax` and `fmin` return NaN when either operand is.
        unsafe { vminq_f32(hi, vmaxq_f32(lo, v)) }
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> float32x4_t {
        // SAFETY: the caller promises readable memory.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: float32x4_t) {
        // SAFETY: the caller promises writable memory.
        unsafe { vst1q_f32(p, v) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const f32) -> float32x4_t {
        // SAFETY: the caller promises four readable floats.
        unsafe { vld1q_f32(p) }
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, q: float32x4_t) -> float32x4_t {
        // SAFETY: NEON is on for the whole build.
        unsafe { vdupq_laneq_f32::<L>(q) }
    }
    #[inline(always)]
    unsafe fn broadcast(self, p: *const f32) -> float32x4_t {
        // SAFETY: the caller promises a readable float.
        unsafe { vld1q_dup_f32(p) }
    }
    #[inline(always)]
    fn prefetch(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { core::arch::asm!("prfm pldl1keep, [{}]", in(reg) p, options(nostack, readonly, preserves_flags)) }
    }
    #[inline(always)]
    fn prefetch_far(self, p: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { core::arch::asm!("prfm pldl2keep, [{}]", in(reg) p, options(nostack, readonly, preserves_flags)) }
    }
}

super::instantiate!(
    Neon, "neon", [],
    columns: 8,
    wide: 2 [1 2 3 4 5 6 7 8],
    single: 2 [],
    narrow: 2 [1 2 3 4 5 6 7 8],
    pixels: 8 8 8,
    split: 4 x 2,
    codes: portable
);
