//! The entry points.

mod chain;
mod codes;
mod kinds;
mod link;
mod stem;
mod vector;

use super::image::{self, Element};
use super::isa;
use super::kernel::{Kernels, View};
use super::*;
use crate::F16;
use core::marker::PhantomData;
pub use kinds::LinkKind;
pub(crate) use kinds::Reads;
pub(crate) use stem::StemJob;

/// One inference under way: weights, arena and the kernels that suit this CPU.
pub struct Run<'a> {
    weights: &'static [u8],
    arena: *mut u8,
    len: usize,
    kernels: &'static Kernels,
    arena_borrow: PhantomData<&'a mut [u8]>,
}

impl<'a> Run<'a> {
    /// The arena must be aligned to 64 bytes, the weights to 4; they are best aligned to 64 too.
    pub fn new(weights: &'static [u8], arena: &'a mut [u8]) -> Self {
        Self::with_kernels(weights, arena, isa::kernels())
    }

    pub(crate) fn with_kernels(weights: &'static [u8], arena: &'a mut [u8], kernels: &'static Kernels) -> Self {
        let aligned = |bytes: &[u8], to| bytes.is_empty() || bytes.as_ptr().addr().is_multiple_of(to);
        assert!(aligned(weights, 4) && aligned(arena, 64), "the arena must be 64-byte aligned, the weights 4-byte");
        Self { weights, len: arena.len(), arena: arena.as_mut_ptr(), kernels, arena_borrow: PhantomData }
    }

    /// A float image into a map.
    pub fn import_f32(&mut self, source: &Source, map: &Map, input: &[f32]) {
        self.import(source, map, input);
    }

    /// An image of unsigned bytes into a map.
    pub fn import_u8(&mut self, source: &Source, map: &Map, input: &[u8]) {
        self.import(source, map, input);
    }

    /// An image of signed bytes into a map.
    pub fn import_i8(&mut self, source: &Source, map: &Map, input: &[i8]) {
        self.import(source, map, input);
    }

    /// An image of float16 into a map.
    pub fn import_f16(&mut self, source: &Source, map: &Map, input: &[F16]) {
        self.import(source, map, input);
    }

    /// The floats at byte `offset` of the arena as float16, rounded to the nearest, ties to even.
    pub fn halve(&mut self, offset: usize, output: &mut [F16]) {
        let values = self.floats(offset, &[output.len()]);
        output.iter_mut().zip(values).for_each(|(to, value)| *to = F16::from_f32(*value));
    }

    fn import<T: Element>(&mut self, source: &Source, map: &Map, input: &[T]) {
        check::source(source, Some(input.len()));
        check::map("the map", map, self.len);
        let same = [source.height, source.width, source.channels] == [map.height, map.width, map.channels];
        assert!(same, "the map has the image's shape");
        // SAFETY: checked above; this run borrows the arena.
        unsafe { image::import(source, input, &self.view(map), T::float) };
    }

    /// A map into channels `channel..` of another of the same height and width.
    pub fn copy(&mut self, input: &Map, output: &Map, channel: usize) {
        let of = if input.bytes == 1 { check::codes } else { check::map };
        of("the input", input, self.len);
        of("the output", output, self.len);
        let fits = channel.checked_add(input.channels).is_some_and(|end| end <= output.channels);
        let same = [input.height, input.width] == [output.height, output.width];
        assert!(fits && same, "a map that does not fit at channel {channel}: {input:?}, {output:?}");
        let (from, to) = (self.view(input), self.view(output));
        // SAFETY: checked above; this run borrows the arena.
        unsafe {
            if input.bytes == 1 {
                image::copy(&from.cast::<u8>(), &to.cast(), channel);
            } else {
                image::copy(&from, &to, channel);
            }
        }
    }

    /// A map to the caller.
    pub fn export(&mut self, map: &Map, layout: Layout, output: &mut [f32]) {
        check::map("the map", map, self.len);
        let want = check::product(&[map.height, map.width, map.channels]);
        assert!(output.len() == want, "the output has {} values instead of {want}", output.len());
        // SAFETY: checked above.
        unsafe { image::export(&self.view(map), layout, output, |x: f32| x) };
    }

    /// A map to byte `offset` of the arena, where it does not lie itself.
    pub fn export_at(&mut self, map: &Map, layout: Layout, offset: usize) {
        check::map("the map", map, self.len);
        let view = self.view(map);
        let output = self.floats(offset, &[map.height, map.width, map.channels]);
        let written = offset..offset + size_of_val(output);
        assert!(!chain::meet(&written, &map.extent()), "the output overlaps the map");
        // SAFETY: checked above.
        unsafe { image::export(&view, layout, output, |x: f32| x) };
    }

    /// A map that has been checked.
    pub(crate) fn view(&self, map: &Map) -> View {
        // SAFETY: every caller has checked the map.
        unsafe { View::new(map, self.arena) }
    }

    /// The float at byte `offset` of the arena, which has been checked.
    pub(crate) fn float(&self, offset: usize) -> *mut f32 {
        self.arena.wrapping_add(offset).cast()
    }

    fn panels(&self, what: &str, offset: usize, channels: usize, taps: usize) -> *const f32 {
        check::extent(what, offset, check::panels(channels, taps), self.weights.len());
        // SAFETY: checked.
        unsafe { self.weights.as_ptr().add(offset) }.cast()
    }
}
