//! Between codes and floats, value by value.

use super::Bounds;
use crate::rt::spec::Quant;
use core::array::from_fn;

/// Consecutive values.
pub(crate) struct Job {
    pub codes: *mut u8,
    pub floats: *mut f32,
    pub count: usize,
    pub quant: Quant,
}

/// A number's code.
#[inline(always)]
pub(crate) fn code(x: f32, quant: Quant) -> u8 {
    Bounds::all(quant.zero as u8).store(x / quant.scale)
}

/// A code's number.
#[inline(always)]
fn number(code: u8, quant: Quant) -> f32 {
    (i32::from(code) - quant.zero) as f32 * quant.scale
}

/// Floats to codes.
///
/// # Safety
/// There must be so many of both, apart from each other.
#[inline(always)]
pub(crate) unsafe fn quantise(job: &Job) {
    let Job { codes, floats, count, quant } = *job;
    // SAFETY: as for this function.
    unsafe {
        for i in 0..count / 16 {
            let some = floats.add(i * 16).cast::<[f32; 16]>().read();
            codes.add(i * 16).cast::<[u8; 16]>().write(from_fn(|c| code(some[c], quant)));
        }
        for i in count / 16 * 16..count {
            codes.add(i).write(code(floats.add(i).read(), quant));
        }
    }
}

/// Codes to floats.
///
/// # Safety
/// As for [`quantise`].
#[inline(always)]
pub(crate) unsafe fn dequantise(job: &Job) {
    let Job { codes, floats, count, quant } = *job;
    // SAFETY: as for this function.
    unsafe {
        for i in 0..count / 16 {
            let some = codes.add(i * 16).cast::<[u8; 16]>().read();
            floats.add(i * 16).cast::<[f32; 16]>().write(from_fn(|c| number(some[c], quant)));
        }
        for i in count / 16 * 16..count {
            floats.add(i).write(number(codes.add(i).read(), quant));
        }
    }
}
