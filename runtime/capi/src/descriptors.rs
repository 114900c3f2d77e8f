//! The descriptors that C spells otherwise than Rust: layouts as numbers, slices as pointers.

use crate::inference::{Status, slice};
use mobilenet_runtime::rt::{self, Clamp, Layout, Map, Separable, Window};

/// The caller's input, one image.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Source {
    height: usize,
    width: usize,
    channels: usize,
    layout: u32,
}

/// First convolution.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Stem {
    input: Source,
    window: Window,
    weights: usize,
    /// One per input channel.
    pad_values: *const f32,
    clamp: Clamp,
    output: Map,
    scratch: usize,
}

/// A run of stages executed depth-first.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Stream {
    /// Null where the first stage reads the arena.
    stem: *const Stem,
    stages: *const Separable,
    count: usize,
}

pub(crate) fn layout(number: u32) -> Result<Layout, Status> {
    match number {
        0 => Ok(Layout::Nchw),
        1 => Ok(Layout::Nhwc),
        _ => Err(Status::Refused),
    }
}

impl Source {
    pub(crate) fn to_rust(self) -> Result<rt::Source, Status> {
        let Self { height, width, channels, layout: number } = self;
        Ok(rt::Source { height, width, channels, layout: layout(number)? })
    }
}

impl Stem {
    /// # Safety
    /// The pointers must be valid, or null or misaligned, until the stem has run.
    pub(crate) unsafe fn to_rust(self) -> Result<rt::Stem, Status> {
        let Self { input, window, weights, pad_values, clamp, output, scratch } = self;
        // SAFETY: as for this function.
        let pad_values = unsafe { slice(pad_values, input.channels) }?;
        Ok(rt::Stem { input: input.to_rust()?, window, weights, pad_values, clamp, output, scratch })
    }
}

impl Stream {
    #[cfg(test)]
    pub(crate) fn of(stages: *const Separable, count: usize) -> Self {
        Self { stem: core::ptr::null(), stages, count }
    }

    /// # Safety
    /// The pointers must be valid, or null or misaligned, until the stream has run.
    pub(crate) unsafe fn to_rust(self) -> Result<rt::Stream, Status> {
        // SAFETY: as for this function.
        unsafe {
            let stem = match slice(self.stem, usize::from(!self.stem.is_null()))? {
                [stem, ..] => Some(stem.to_rust()?),
                [] => None,
            };
            Ok(rt::Stream { stem, stages: slice(self.stages, self.count)? })
        }
    }
}
