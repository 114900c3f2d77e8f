//! The descriptors that C spells otherwise than Rust: layouts as numbers, slices as pointers.

use crate::inference::{Status, slice};
use mobilenet_runtime::rt::{self, Codes, Epilogue, Layout, Link, Map, Window};

/// The caller's input, one image.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Source {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) layout: u32,
}

/// First convolution.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Stem {
    pub(crate) input: Source,
    pub(crate) window: Window,
    pub(crate) weights: usize,
    /// One per input channel.
    pub(crate) pad_values: *const f32,
    pub(crate) epilogue: Epilogue,
    pub(crate) output: Map,
    pub(crate) scratch: usize,
    /// Null where the output is floats.
    pub(crate) codes: *const Codes,
}

/// Links executed depth-first.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Chain {
    /// Null where the first link reads the arena.
    pub(crate) stem: *const Stem,
    pub(crate) links: *const Link,
    pub(crate) count: usize,
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
        let Self { input, window, weights, pad_values, epilogue, output, scratch, codes } = self;
        // SAFETY: as for this function.
        let codes = unsafe { slice(codes, usize::from(!codes.is_null())) }?.first();
        let borders = if codes.is_none() { input.channels } else { 0 };
        // SAFETY: as for this function.
        let pad_values = unsafe { slice(pad_values, borders) }?;
        Ok(rt::Stem { input: input.to_rust()?, window, weights, pad_values, epilogue, output, scratch, codes })
    }
}

impl Chain {
    /// # Safety
    /// The pointers must be valid, or null or misaligned, until the chain has run.
    pub(crate) unsafe fn to_rust(self) -> Result<rt::Chain, Status> {
        // SAFETY: as for this function.
        unsafe { Ok(rt::Chain { stem: stem(self.stem)?, links: slice(self.links, self.count)? }) }
    }
}

/// # Safety
/// As for [`Stem::to_rust`], and the pointer itself.
unsafe fn stem(stem: *const Stem) -> Result<Option<rt::Stem>, Status> {
    // SAFETY: as for this function.
    unsafe {
        match slice(stem, usize::from(!stem.is_null()))? {
            [stem, ..] => Ok(Some(stem.to_rust()?)),
            [] => Ok(None),
        }
    }
}
