//! Single codes: tables, sums and products, over pixels of one channel block.

use super::Bounds;
use super::convert::{SOME, copy};
use crate::rt::spec::Quant;

/// Consecutive pixels of a channel block.
#[derive(Clone, Copy)]
pub(crate) struct Job {
    pub from: *const u8,
    pub to: *mut u8,
    pub pixels: usize,
    /// Bytes of a pixel: 16 or 8.
    pub width: usize,
    pub input: Quant,
    pub output: Quant,
    pub bounds: Bounds,
    pub with: With,
}

/// What becomes of a code.
#[derive(Clone, Copy)]
pub(crate) enum With {
    /// Its entry of 256.
    Table(*const u8),
    /// Its sum with that of another map, as many pixels as `from` has.
    Sum(*const u8, Quant),
    /// Its product with that of another map.
    Product(*const u8, Quant),
    /// Its product with that of its channel in a vector.
    Gate(*const u8, Quant),
}

/// # Safety
/// The pointers of `job` must be valid for the extents that its numbers describe.
#[inline(always)]
pub(crate) unsafe fn pass(job: &Job) {
    let Job { from, to, width, .. } = *job;
    let codes = job.pixels * width;
    // SAFETY: as for this function.
    unsafe {
        match job.with {
            With::Table(table) => {
                let table = &*table.cast::<[u8; 256]>();
                for i in 0..codes {
                    to.add(i).write(table[usize::from(from.add(i).read())]);
                }
            }
            With::Sum(other, quant) => pairs(job, other, width, |a, b| a + b, quant),
            With::Product(other, quant) => pairs(job, other, width, |a, b| a * b, quant),
            With::Gate(gate, quant) => pairs(job, gate, 0, |a, b| a * b, quant),
        }
    }
}

/// Both codes to numbers, `f` of these in quanta of the output, stored; `other` is as long as the pixels, or, with a `step` of 0, one of
/// them.
#[inline(always)]
unsafe fn pairs(job: &Job, other: *const u8, step: usize, f: impl Fn(f32, f32) -> f32, quant: Quant) {
    let Job { from, to, pixels, width, input, output, bounds, .. } = *job;
    let number = |code: u8, of: Quant| (i32::from(code) - of.zero) as f32 * of.scale;
    let count = pixels * width;
    let [mut a, mut b, mut codes] = [[0u8; SOME]; 3];
    // SAFETY: the caller vouches for the pixels.
    unsafe {
        if step == 0 {
            for some in b.chunks_exact_mut(width) {
                some.as_mut_ptr().copy_from_nonoverlapping(other, width);
            }
        }
        let mut i = 0;
        while i < count {
            // Copied, so that compilers see what overlaps: nothing.
            let some = SOME.min(count - i);
            copy(from.add(i), a.as_mut_ptr(), some);
            if step > 0 {
                copy(other.add(i), b.as_mut_ptr(), some);
            }
            for c in 0..SOME {
                codes[c] = bounds.store(f(number(a[c], input), number(b[c], quant)) / output.scale);
            }
            copy(codes.as_ptr(), to.add(i), some);
            i += some;
        }
    }
}
