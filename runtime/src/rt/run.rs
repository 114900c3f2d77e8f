//! The entry points.

mod separable;
mod stem;

use super::image::{self, Element};
use super::isa::{self, Kernels};
use super::kernel::{View, conv, dense, padded_channels, pool};
use super::share::{self, Shared};
use super::*;
use core::marker::PhantomData;
pub(crate) use separable::SeparableJob;
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

    pub(crate) fn arena_bytes(&self) -> usize {
        self.len
    }

    /// Any other convolution.
    pub fn conv(&mut self, stage: &Conv) {
        let Conv { input, window, output, .. } = stage;
        check::map("the input", input, self.len);
        check::map("the output", output, self.len);
        check::window(window, output);
        let taps = check::product(&[window.kernel[0], window.kernel[1], input.channels]);
        let panels = self.panels("the weights", stage.weights, output.channels, taps);
        let (input, view) = (self.view(input), self.view(output));
        let (kernels, maps) = (self.kernels, Shared::new((input, view, panels)));
        for first in (0..output.height).step_by(output.group) {
            share::split(output.group.min(output.height - first), |rows| {
                let (input, view, panels) = *maps.get();
                for y in rows.start + first..rows.end + first {
                    // SAFETY: checked above, and the row exists; every thread has rows of its own.
                    unsafe {
                        (kernels.conv)(&conv::Row {
                            input,
                            window: *window,
                            y,
                            panels,
                            n: output.channels,
                            clamp: stage.clamp,
                            out: view.row(y),
                            width: output.width,
                        });
                    }
                }
            });
        }
    }

    /// Means over a whole map, with its padding lanes, at byte `output` of the arena.
    pub fn global_average_pool(&mut self, input: &Map, output: usize) {
        check::map("the input", input, self.len);
        check::extent("the means", output, padded_channels(input.channels), self.len);
        // SAFETY: checked above.
        let out = unsafe { self.arena.add(output) }.cast::<f32>();
        let (kernels, maps) = (self.kernels, Shared::new((self.view(input), out)));
        share::split(input.channels.div_ceil(16), |blocks| {
            let (input, out) = *maps.get();
            let job =
                pool::Job { input, first: blocks.start, end: blocks.end, out: out.wrapping_add(blocks.start * 16) };
            // SAFETY: checked above; every thread has channels of its own.
            unsafe { (kernels.pool)(&job) };
        });
    }

    /// Means over a whole map to the caller.
    pub fn global_average_pool_out(&mut self, input: &Map, output: &mut [f32]) {
        check::map("the input", input, self.len);
        assert!(output.len() == input.channels, "the output has {} values instead of one per channel", output.len());
        let view = self.view(input);
        for (block, output) in output.chunks_mut(16).enumerate() {
            let mut means = [0.0f32; 16];
            // SAFETY: checked above; a block has at most 16 lanes.
            unsafe {
                let job = pool::Job { input: view, first: block, end: block + 1, out: means.as_mut_ptr() };
                (self.kernels.pool)(&job);
            }
            output.copy_from_slice(&means[..output.len()]);
        }
    }

    /// Fully connected, to byte `output` of the arena, padding lanes included.
    pub fn dense(&mut self, dense: &Dense, output: usize) {
        let room = padded_channels(dense.n);
        check::extent("the output", output, room, self.len);
        // SAFETY: checked above.
        self.dense_to(dense, unsafe { self.arena.add(output) }.cast(), room);
    }

    /// Fully connected, to the caller.
    pub fn dense_out(&mut self, dense: &Dense, output: &mut [f32]) {
        assert!(output.len() == dense.n, "the output has {} values instead of {}", output.len(), dense.n);
        self.dense_to(dense, output.as_mut_ptr(), dense.n);
    }

    fn dense_to(&mut self, dense: &Dense, out: *mut f32, room: usize) {
        check::extent("the input", dense.input, dense.k, self.len);
        let panels = self.panels("the dense weights", dense.weights, dense.n, dense.k);
        // SAFETY: checked above.
        let input = unsafe { self.arena.add(dense.input) }.cast::<f32>().cast_const();
        let Dense { k, n, clamp, .. } = *dense;
        let (kernels, pointers) = (self.kernels, Shared::new((input, panels, out)));
        share::split(n.div_ceil(16), |range| {
            let (input, panels, out) = *pointers.get();
            let (first, end) = (range.start * 16, (range.end * 16).min(room));
            // SAFETY: checked above and by the callers; every thread has outputs of its own.
            unsafe {
                let (panels, out) = (panels.add(first * (1 + k)), out.add(first));
                let n = n.min(end) - first;
                (kernels.dense)(&dense::Job { input, k, panels, n, out, room: end - first, clamp });
            }
        });
    }

    /// Softmax in place over the caller's output, or its logarithm.
    pub fn softmax(&mut self, x: &mut [f32], log: bool) {
        softmax::softmax(x, log);
    }

    /// Softmax in place over `n` floats at byte `offset` of the arena, or its logarithm.
    pub fn softmax_at(&mut self, offset: usize, n: usize, log: bool) {
        check::extent("the vector", offset, n, self.len);
        // SAFETY: checked above; this run borrows the arena.
        softmax::softmax(unsafe { core::slice::from_raw_parts_mut(self.arena.add(offset).cast(), n) }, log);
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

    fn import<T: Element>(&mut self, source: &Source, map: &Map, input: &[T]) {
        check::source(source, input.len());
        check::map("the map", map, self.len);
        let same = [source.height, source.width, source.channels] == [map.height, map.width, map.channels];
        assert!(same, "the map has the image's shape");
        // SAFETY: checked above; this run borrows the arena.
        unsafe { image::import(source, input, &self.view(map)) };
    }

    /// A map to the caller.
    pub fn export(&mut self, map: &Map, layout: Layout, output: &mut [f32]) {
        check::map("the map", map, self.len);
        let want = check::product(&[map.height, map.width, map.channels]);
        assert!(output.len() == want, "the output has {} values instead of {want}", output.len());
        // SAFETY: checked above.
        unsafe { image::export(&self.view(map), layout, output) };
    }

    /// A map that has been checked.
    pub(crate) fn view(&self, map: &Map) -> View {
        // SAFETY: every caller has checked the map.
        unsafe { View::new(map, self.arena) }
    }

    /// Bytes from `panels` to the end of the weights.
    fn behind(&self, panels: *const f32) -> usize {
        self.weights.as_ptr_range().end.addr() - panels.addr()
    }

    fn panels(&self, what: &str, offset: usize, channels: usize, taps: usize) -> *const f32 {
        check::extent(what, offset, check::panels(channels, taps), self.weights.len());
        // SAFETY: checked.
        unsafe { self.weights.as_ptr().add(offset) }.cast()
    }
}
