//! One function per step.

use crate::descriptors::{Chain, Source, layout};
use crate::inference::{Inference, Status, slice, slice_mut, step};
use core::ffi::{c_int, c_void};
use mobilenet_runtime::F16;
use mobilenet_runtime::rt::{Activation, Dense, Map, Quant, Run};

/// # Safety
/// As for [`step`]; the descriptor is null, misaligned or valid, and so is what it points to.
unsafe fn described<D>(
    inference: *mut Inference,
    descriptor: *const D,
    work: impl FnOnce(&mut Run<'_>, &D) -> Result<(), Status>,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| match slice(descriptor, 1)? {
            [descriptor, ..] => work(run, descriptor),
            [] => Err(Status::Null),
        });
    }
}

/// What fills rows of an image: called with the caller's context, the first row, how many, and where they go.
type ReadRows<T> = unsafe extern "C" fn(*mut c_void, usize, usize, *mut T);

/// The steps that read the caller's input, for one type of its elements.
macro_rules! reading {
    ($element:ty, $chain:ident, $rows:ident, $mean:ident, $import:ident, $codes:ident, $run_chain:ident, $run_rows:ident,
     $run_mean:ident, $run_import:ident, $run_codes:ident) => {
        /// Links executed depth-first.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `input` points to `length` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_chain(
            inference: *mut Inference,
            chain: *const Chain,
            input: *const $element,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, chain, |run, chain| {
                    run.$chain(&chain.to_rust()?, slice(input, length)?);
                    Ok(())
                });
            }
        }

        /// Links executed depth-first, from rows that `read` fills one by one at byte `row` of the arena; where the last is a mean and
        /// `length` is not 0, that goes to the caller.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `output` points to `length` elements. `read` is null, or writes the elements of the
        /// rows that it is asked for and nothing else of the arena, and returns.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_rows(
            inference: *mut Inference,
            chain: *const Chain,
            row: usize,
            read: Option<ReadRows<$element>>,
            context: *mut c_void,
            output: *mut f32,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, chain, |run, chain| {
                    let read = read.ok_or(Status::Null)?;
                    let output = if length > 0 { Some(slice_mut(output, length)?) } else { None };
                    let mut fill = |first: usize, rows: usize, to: &mut [$element]| {
                        read(context, first, rows, to.as_mut_ptr());
                    };
                    run.$rows(&chain.to_rust()?, row, &mut fill, output);
                    Ok(())
                });
            }
        }

        /// Links executed depth-first, the last a mean that goes to the caller.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `input` points to `input_length` elements, `output` to `length`.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_mean(
            inference: *mut Inference,
            chain: *const Chain,
            input: *const $element,
            input_length: usize,
            output: *mut f32,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, chain, |run, chain| {
                    run.$mean(&chain.to_rust()?, slice(input, input_length)?, slice_mut(output, length)?);
                    Ok(())
                });
            }
        }

        /// An image into a map.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `input` points to `length` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_import(
            inference: *mut Inference,
            source: *const Source,
            output: *const Map,
            input: *const $element,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, source, |run, source| {
                    let [output, ..] = slice(output, 1)? else { return Err(Status::Null) };
                    run.$import(&source.to_rust()?, output, slice(input, length)?);
                    Ok(())
                });
            }
        }

        /// An image into a map of codes.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `input` points to `length` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_codes(
            inference: *mut Inference,
            source: *const Source,
            output: *const Map,
            quant: *const Quant,
            input: *const $element,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, source, |run, source| {
                    let ([output, ..], [quant, ..]) = (slice(output, 1)?, slice(quant, 1)?) else {
                        return Err(Status::Null);
                    };
                    run.$codes(&source.to_rust()?, output, *quant, slice(input, length)?);
                    Ok(())
                });
            }
        }
    };
}

reading!(
    f32,
    chain_f32,
    chain_rows_f32,
    chain_f32_mean_out,
    import_f32,
    import_codes_f32,
    mobilenet_rt_run_chain_f32,
    mobilenet_rt_run_chain_rows_f32,
    mobilenet_rt_run_chain_f32_mean_out,
    mobilenet_rt_run_import_f32,
    mobilenet_rt_run_import_codes_f32
);
reading!(
    u8,
    chain_u8,
    chain_rows_u8,
    chain_u8_mean_out,
    import_u8,
    import_codes_u8,
    mobilenet_rt_run_chain_u8,
    mobilenet_rt_run_chain_rows_u8,
    mobilenet_rt_run_chain_u8_mean_out,
    mobilenet_rt_run_import_u8,
    mobilenet_rt_run_import_codes_u8
);
reading!(
    i8,
    chain_i8,
    chain_rows_i8,
    chain_i8_mean_out,
    import_i8,
    import_codes_i8,
    mobilenet_rt_run_chain_i8,
    mobilenet_rt_run_chain_rows_i8,
    mobilenet_rt_run_chain_i8_mean_out,
    mobilenet_rt_run_import_i8,
    mobilenet_rt_run_import_codes_i8
);

reading!(
    F16,
    chain_f16,
    chain_rows_f16,
    chain_f16_mean_out,
    import_f16,
    import_codes_f16,
    mobilenet_rt_run_chain_f16,
    mobilenet_rt_run_chain_rows_f16,
    mobilenet_rt_run_chain_f16_mean_out,
    mobilenet_rt_run_import_f16,
    mobilenet_rt_run_import_codes_f16
);

/// The floats at byte `offset` of the arena as float16, to the caller.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_halve(
    inference: *mut Inference,
    offset: usize,
    output: *mut F16,
    length: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.halve(offset, slice_mut(output, length)?);
            Ok(())
        });
    }
}

/// Fully connected, to byte `output` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_dense(inference: *mut Inference, dense: *const Dense, output: usize) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, dense, |run, dense| {
            run.dense(dense, output);
            Ok(())
        });
    }
}

/// Fully connected, to the caller.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_dense_out(
    inference: *mut Inference,
    dense: *const Dense,
    output: *mut f32,
    length: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, dense, |run, dense| {
            run.dense_out(dense, slice_mut(output, length)?);
            Ok(())
        });
    }
}

/// Softmax, or its logarithm, along the middle axis of `[outer][n][inner]` at byte `offset` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_softmax(
    inference: *mut Inference,
    offset: usize,
    outer: usize,
    n: usize,
    inner: usize,
    log: c_int,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.softmax_at(offset, outer, n, inner, log != 0);
            Ok(())
        });
    }
}

/// Softmax, or its logarithm, along the middle axis of the caller's `[outer][n][inner]`.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_softmax_out(
    inference: *mut Inference,
    output: *mut f32,
    length: usize,
    n: usize,
    inner: usize,
    log: c_int,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.softmax(slice_mut(output, length)?, n, inner, log != 0);
            Ok(())
        });
    }
}

/// A map to the caller.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_export(
    inference: *mut Inference,
    input: *const Map,
    order: u32,
    output: *mut f32,
    length: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, input, |run, input| {
            run.export(input, layout(order)?, slice_mut(output, length)?);
            Ok(())
        });
    }
}

/// The steps that write a map of codes to the caller, for one type of their elements.
macro_rules! exporting {
    ($element:ty, $export:ident, $run_export:ident) => {
        /// A map of codes to the caller.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `output` points to `length` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_export(
            inference: *mut Inference,
            input: *const Map,
            order: u32,
            output: *mut $element,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, input, |run, input| {
                    run.$export(input, layout(order)?, slice_mut(output, length)?);
                    Ok(())
                });
            }
        }
    };
}

exporting!(u8, export_u8, mobilenet_rt_run_export_u8);
exporting!(i8, export_i8, mobilenet_rt_run_export_i8);

/// Between a map of codes and one of floats.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_convert(
    inference: *mut Inference,
    input: *const Map,
    output: *const Map,
    quant: *const Quant,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, input, |run, input| {
            let ([output, ..], [quant, ..]) = (slice(output, 1)?, slice(quant, 1)?) else { return Err(Status::Null) };
            run.convert(input, output, *quant);
            Ok(())
        });
    }
}

/// An activation of `n` floats at byte `offset` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_activate(
    inference: *mut Inference,
    activation: *const Activation,
    offset: usize,
    n: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, activation, |run, activation| {
            run.activate_at(offset, n, *activation);
            Ok(())
        });
    }
}

/// An activation of the caller's output.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_activate_out(
    inference: *mut Inference,
    activation: *const Activation,
    output: *mut f32,
    length: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, activation, |run, activation| {
            run.activate(slice_mut(output, length)?, *activation);
            Ok(())
        });
    }
}

/// Division by the norm along the middle axis of `[outer][n][inner]` at byte `offset` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_normalize(
    inference: *mut Inference,
    offset: usize,
    outer: usize,
    n: usize,
    inner: usize,
    p: u32,
    epsilon: f32,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.normalize_at(offset, outer, n, inner, p, epsilon);
            Ok(())
        });
    }
}

/// Division by the norm along the middle axis of the caller's `[outer][n][inner]`.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_normalize_out(
    inference: *mut Inference,
    output: *mut f32,
    length: usize,
    n: usize,
    inner: usize,
    p: u32,
    epsilon: f32,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.normalize(slice_mut(output, length)?, n, inner, p, epsilon);
            Ok(())
        });
    }
}

/// Indices of the largest values along the middle axis of `[outer][n][inner]` at byte `offset` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_argmax(
    inference: *mut Inference,
    offset: usize,
    outer: usize,
    n: usize,
    inner: usize,
    last: c_int,
    output: *mut i64,
    length: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.argmax(offset, outer, n, inner, last != 0, slice_mut(output, length)?);
            Ok(())
        });
    }
}

/// A map into channels `channel` and further of another.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_copy(
    inference: *mut Inference,
    input: *const Map,
    output: *const Map,
    channel: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, input, |run, input| {
            let [output, ..] = slice(output, 1)? else { return Err(Status::Null) };
            run.copy(input, output, channel);
            Ok(())
        });
    }
}

/// A map to byte `offset` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_export_at(
    inference: *mut Inference,
    input: *const Map,
    order: u32,
    offset: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, input, |run, input| {
            run.export_at(input, layout(order)?, offset);
            Ok(())
        });
    }
}
