//! Single codes: tables, sums and products, over pixels of one channel block.

use super::Bounds;
use crate::rt::spec::Quant;
use core::array::from_fn;

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

/// Both codes to numbers, `f` of these in quanta of the output, stored; the other's pixels are `step` bytes apart.
#[inline(always)]
unsafe fn pairs(job: &Job, other: *const u8, step: usize, f: impl Fn(f32, f32) -> f32, quant: Quant) {
    let Job { from, to, pixels, width, input, output, bounds, .. } = *job;
    let number = |code: u8, of: Quant| (i32::from(code) - of.zero) as f32 * of.scale;
    let code = |a: u8, b: u8| bounds.store(f(number(a, input), number(b, quant)) / output.scale);
    // SAFETY: the caller vouches for the pixels.
    unsafe {
        // Two pixels of 8 bytes are as one of 16, but for a vector.
        let (count, bytes, step) = match width {
            8 if step > 0 => (pixels / 2, 16, 16),
            _ => (pixels, width, step),
        };
        if bytes == 16 {
            for i in 0..count {
                let a = from.add(i * 16).cast::<[u8; 16]>().read();
                let b = other.add(i * step).cast::<[u8; 16]>().read();
                to.add(i * 16).cast::<[u8; 16]>().write(from_fn(|c| code(a[c], b[c])));
            }
        } else {
            for i in 0..count {
                let a = from.add(i * 8).cast::<[u8; 8]>().read();
                let b = other.add(i * step).cast::<[u8; 8]>().read();
                to.add(i * 8).cast::<[u8; 8]>().write(from_fn(|c| code(a[c], b[c])));
            }
        }
        for i in count * bytes..pixels * width {
            to.add(i).write(code(from.add(i).read(), other.add(i).read()));
        }
    }
}
