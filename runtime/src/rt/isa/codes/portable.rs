//! Plain Rust: correct on every target, vectorised by the compiler where it can.

use super::Dot;
use crate::rt::kernel::codes::{Bounds, instantiate_codes};
use core::array::from_fn;

/// Needs nothing.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

impl Dot for Portable {
    type Sums = [i32; 16];
    type Lanes = [i32; 16];
    type Weights = *const i8;
    type Four = *const u8;
    type Quad = [i32; 4];
    type Pair = [[u8; 16]; 2];
    const PARTS: usize = 1;
    const BIAS: usize = 0;
    const PREFETCHES: usize = 0;
    // Each product takes many instructions: unrolled, they would be more code than that of all other instruction sets.
    const UNROLLED: bool = false;
    const PIXELS: usize = 2;

    #[inline(always)]
    unsafe fn assume() -> Self {
        Self
    }
    #[inline(always)]
    fn zero(self) -> [i32; 16] {
        [0; 16]
    }
    #[inline(always)]
    unsafe fn bias(self, p: *const i32) -> [i32; 16] {
        // SAFETY: readable, as the caller promises.
        unsafe { p.cast::<[i32; 16]>().read() }
    }
    #[inline(always)]
    unsafe fn weights(self, p: *const i8) -> *const i8 {
        p
    }
    #[inline(always)]
    unsafe fn four(self, p: *const u8) -> *const u8 {
        p
    }
    #[inline(always)]
    unsafe fn lane<const L: i32>(self, four: *const u8) -> [i32; 4] {
        // SAFETY: readable, as the caller promises.
        unsafe { self.quad(four.add(4 * L as usize)) }
    }
    #[inline(always)]
    unsafe fn quad(self, p: *const u8) -> [i32; 4] {
        // SAFETY: readable, as the caller promises.
        unsafe { p.cast::<[u8; 4]>().read() }.map(i32::from)
    }
    #[inline(always)]
    fn dot(self, sums: [i32; 16], weights: *const i8, quad: [i32; 4]) -> [i32; 16] {
        // SAFETY: whoever made the weights promised 64 bytes.
        let weights = unsafe { weights.cast::<[[i8; 4]; 16]>().read() };
        from_fn(|c| {
            let [a, b, x, y] = weights[c].map(i32::from);
            sums[c].wrapping_add(a * quad[0] + b * quad[1] + x * quad[2] + y * quad[3])
        })
    }
    #[inline(always)]
    fn add(self, a: [i32; 16], b: [i32; 16]) -> [i32; 16] {
        from_fn(|c| a[c].wrapping_add(b[c]))
    }
    #[inline(always)]
    fn finish(self, sums: [i32; 16]) -> [i32; 16] {
        sums
    }
    #[inline(always)]
    unsafe fn lanes(self, p: *const i32) -> [i32; 16] {
        // SAFETY: readable, as the caller promises.
        unsafe { p.cast::<[i32; 16]>().read() }
    }
    #[inline(always)]
    unsafe fn rows<const W: usize>(self, upper: *const u8, lower: *const u8) -> [[u8; 16]; 2] {
        [upper, lower].map(|p| {
            let mut codes = [0; 16];
            // SAFETY: readable for `W` codes, as the caller promises.
            unsafe { codes.as_mut_ptr().copy_from_nonoverlapping(p, W) };
            codes
        })
    }
    #[inline(always)]
    unsafe fn row<const W: usize>(self, upper: *const u8) -> [[u8; 16]; 2] {
        // SAFETY: as for this function.
        unsafe { self.rows::<W>(upper, upper) }
    }
    #[inline(always)]
    unsafe fn pairs(self, sums: [i32; 16], codes: [[u8; 16]; 2], w: *const i32) -> [i32; 16] {
        // SAFETY: readable, as the caller promises.
        let w = unsafe { w.cast::<[i32; 16]>().read() };
        from_fn(|c| {
            let [upper, lower] = codes.map(|codes| i32::from(codes[c]));
            sums[c].wrapping_add(upper * i32::from(w[c] as i16) + lower * (w[c] >> 16))
        })
    }
    #[inline(always)]
    unsafe fn store<const P: usize, const W: usize>(
        self,
        pixels: &[[i32; 16]; P],
        multiplier: *const f32,
        bounds: Bounds,
        out: *mut u8,
    ) {
        for (i, lanes) in pixels.iter().enumerate() {
            // SAFETY: readable and writable, as the caller promises.
            unsafe {
                let multiplier = multiplier.cast::<[f32; 16]>().read();
                let codes: [u8; 16] = from_fn(|c| bounds.store(lanes[c] as f32 * multiplier[c]));
                out.add(i * W).copy_from_nonoverlapping(codes.as_ptr(), W);
            }
        }
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
}

instantiate_codes!(Portable, [], wide: 1 [1 2 3 4], single: [], stem: 4, depthwise: rows);
