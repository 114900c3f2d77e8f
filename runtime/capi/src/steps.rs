//! One function per step.

use crate::descriptors::{Source, Stem, Stream, layout};
use crate::inference::{Inference, Status, slice, slice_mut, step};
use core::ffi::c_int;
use mobilenet_runtime::rt::{Conv, Dense, Depthwise, Map, Pointwise, Run, Separable};

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

/// The steps that read the caller's input, for one type of its elements.
macro_rules! reading {
    ($element:ty, $stem:ident, $stream:ident, $import:ident, $run_stem:ident, $run_stream:ident, $run_import:ident) => {
        /// First convolution.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `input` points to `length` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_stem(
            inference: *mut Inference,
            stem: *const Stem,
            input: *const $element,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, stem, |run, stem| {
                    run.$stem(&stem.to_rust()?, slice(input, length)?);
                    Ok(())
                });
            }
        }

        /// A run of stages, rows at a time.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid; `input` points to `length` elements.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $run_stream(
            inference: *mut Inference,
            stream: *const Stream,
            input: *const $element,
            length: usize,
        ) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, stream, |run, stream| {
                    run.$stream(&stream.to_rust()?, slice(input, length)?);
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
    };
}

reading!(
    f32,
    stem_f32,
    stream_f32,
    import_f32,
    mobilenet_rt_run_stem_f32,
    mobilenet_rt_run_stream_f32,
    mobilenet_rt_run_import_f32
);
reading!(
    u8,
    stem_u8,
    stream_u8,
    import_u8,
    mobilenet_rt_run_stem_u8,
    mobilenet_rt_run_stream_u8,
    mobilenet_rt_run_import_u8
);
reading!(
    i8,
    stem_i8,
    stream_i8,
    import_i8,
    mobilenet_rt_run_stem_i8,
    mobilenet_rt_run_stream_i8,
    mobilenet_rt_run_import_i8
);

/// The steps that a descriptor says all about.
macro_rules! staying {
    ($($descriptor:ident: $method:ident, $function:ident;)*) => { $(
        /// A step from the arena to the arena.
        ///
        /// # Safety
        /// Pointers are null, misaligned or valid.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $function(inference: *mut Inference, descriptor: *const $descriptor) {
            // SAFETY: as for this function.
            unsafe {
                described(inference, descriptor, |run, descriptor| {
                    run.$method(descriptor);
                    Ok(())
                });
            }
        }
    )* };
}

staying! {
    Separable: separable, mobilenet_rt_run_separable;
    Depthwise: depthwise, mobilenet_rt_run_depthwise;
    Pointwise: pointwise, mobilenet_rt_run_pointwise;
    Conv: conv, mobilenet_rt_run_conv;
}

/// Means over a map to byte `output` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_pool(inference: *mut Inference, input: *const Map, output: usize) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, input, |run, input| {
            run.global_average_pool(input, output);
            Ok(())
        });
    }
}

/// Means over a map to the caller.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_pool_out(
    inference: *mut Inference,
    input: *const Map,
    output: *mut f32,
    length: usize,
) {
    // SAFETY: as for this function.
    unsafe {
        described(inference, input, |run, input| {
            run.global_average_pool_out(input, slice_mut(output, length)?);
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

/// Softmax, or its logarithm, of `n` floats at byte `offset` of the arena.
///
/// # Safety
/// Pointers are null, misaligned or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_softmax(inference: *mut Inference, offset: usize, n: usize, log: c_int) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.softmax_at(offset, n, log != 0);
            Ok(())
        });
    }
}

/// Softmax, or its logarithm, of the caller's output.
///
/// # Safety
/// Pointers are null, misaligned or valid; `output` points to `length` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mobilenet_rt_run_softmax_out(
    inference: *mut Inference,
    output: *mut f32,
    length: usize,
    log: c_int,
) {
    // SAFETY: as for this function.
    unsafe {
        step(inference, |run| {
            run.softmax(slice_mut(output, length)?, log != 0);
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
