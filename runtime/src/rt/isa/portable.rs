//! Plain Rust, four lanes at a time: correct on every target, vectorised by the compiler where it can.

use super::Simd;

/// Needs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Simd for Portable {
    type V = [f32; 4];
    type Quad = *const f32;
    type Narrow = Self;
    const LANES: usize = 4;
    const PREFETCHES: usize = 0;
    const SHORT_ROUNDS: bool = cfg!(target_arch = "wasm32");
    const PIXELS: usize = 4;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self
    }
    #[inline(always)]
    fn narrow(self) -> Self {
        self
    }
    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }
    #[inline(always)]
    fn mul_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0] + c[0], a[1] * b[1] + c[1], a[2] * b[2] + c[2], a[3] * b[3] + c[3]]
    }
    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
    }
    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]]
    }
    #[inline(always)]
    fn max(self, v: [f32; 4], most: [f32; 4]) -> [f32; 4] {
        core::array::from_fn(|i| if v[i] > most[i] { v[i] } else { most[i] })
    }
    #[inline(always)]
    fn div(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        [a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3]]
    }
    #[inline(always)]
    fn power_of_two(self, rounded: [f32; 4]) -> [f32; 4] {
        rounded.map(|x| f32::from_bits((x.to_bits() << 23).wrapping_add(1.0f32.to_bits())))
    }
    #[inline(always)]
    fn clamp(self, v: [f32; 4], lo: [f32; 4], hi: [f32; 4]) -> [f32; 4] {
        let mut r = v;
        for i in 0..4 {
            r[i] = if r[i] < lo[i] { lo[i] } else { r[i] };
            r[i] = if r[i] > hi[i] { hi[i] } else { r[i] };
        }
        r
    }
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> [f32; 4] {
        // SAFETY: readable for four floats, as the caller promises.
        unsafe { p.cast::<[f32; 4]>().read() }
    }
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, v: [f32; 4]) {
        // SAFETY: writable for four floats, as the caller promises.
        unsafe { p.cast::<[f32; 4]>().write(v) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const f32) -> *const f32 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, q: *const f32) -> [f32; 4] {
        // SAFETY: the caller promises four readable floats.
        [unsafe { *q.add(L as usize) }; 4]
    }
    #[inline(always)]
    unsafe fn broadcast(self, p: *const f32) -> [f32; 4] {
        // SAFETY: readable, as the caller promises.
        [unsafe { *p }; 4]
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
    #[inline(always)]
    fn prefetch_far(self, _: *const u8) {}
}

// Cores without vectors have 32 single registers: two rows of eight leave room for the weights.
#[cfg(not(any(target_arch = "arm", target_arch = "riscv32")))]
super::instantiate!(Portable, "portable", [], columns: 8, wide: 2 [1 2 3 4], single: 2 [], narrow: 2 [1 2 3 4], pixels: 4 4 4, split: 4 x 1, codes: portable);
#[cfg(any(target_arch = "arm", target_arch = "riscv32"))]
super::instantiate!(Portable, "portable", [], columns: 8, wide: 2 [1 2], single: 2 [], narrow: 2 [1 2], pixels: 2 2 2, split: 4 x 1, codes: portable);
