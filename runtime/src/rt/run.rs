//! The entry points.

mod stem;

use super::image::{self, Element};
use super::isa::{self, Kernels};
use super::kernel::{View, conv, dense, depthwise, padded_channels, pointwise, pool};
use super::share::{self, Shared};
use super::*;
use core::marker::PhantomData;
use core::ops::Range;
pub(crate) use stem::StemJob;

/// A separable stage whose descriptor has been checked.
#[derive(Clone, Copy)]
pub(crate) struct SeparableJob {
    input: View,
    output: View,
    window: Window,
    depthwise: *const f32,
    depthwise_clamp: Clamp,
    pointwise: *const f32,
    clamp: Clamp,
    scratch: *mut f32,
    /// Threads had better share it by columns than by channels.
    by_columns: bool,
}

/// One inference under way: weights, arena and the kernels that suit this CPU.
pub struct Run<'a> {
    weights: &'static [u8],
    arena: *mut u8,
    len: usize,
    kernels: &'static Kernels,
    arena_borrow: PhantomData<&'a mut [u8]>,
}

impl<'a> Run<'a> {
    /// Both slices must be aligned to 64 bytes.
    pub fn new(weights: &'static [u8], arena: &'a mut [u8]) -> Self {
        Self::with_kernels(weights, arena, isa::kernels())
    }

    pub(crate) fn with_kernels(weights: &'static [u8], arena: &'a mut [u8], kernels: &'static Kernels) -> Self {
        let aligned = |bytes: &[u8]| bytes.is_empty() || bytes.as_ptr().addr().is_multiple_of(64);
        assert!(aligned(weights) && aligned(arena), "memory must be 64-byte aligned");
        Self { weights, len: arena.len(), arena: arena.as_mut_ptr(), kernels, arena_borrow: PhantomData }
    }

    /// Depthwise into a block of rows, then pointwise over it.
    pub fn separable(&mut self, separable: &Separable) {
        let job = self.begin_separable(separable);
        for q in 0..separable.output.height.div_ceil(separable.output.group) {
            self.separable_group(&job, q);
        }
    }

    pub(crate) fn begin_separable(&self, separable: &Separable) -> SeparableJob {
        let Separable { input, window, output, .. } = separable;
        check::map("the input", input, self.len);
        check::map("the output", output, self.len);
        check::window(window, output);
        let block = check::product(&[padded_channels(input.channels), output.group, output.width]);
        check::extent("the row block", separable.scratch, block, self.len);
        let taps = check::product(&window.kernel);
        SeparableJob {
            input: self.view(input),
            output: self.view(output),
            window: *window,
            depthwise: self.panels("the depthwise weights", separable.depthwise, input.channels, taps),
            depthwise_clamp: separable.depthwise_clamp,
            pointwise: self.panels("the pointwise weights", separable.pointwise, output.channels, input.channels),
            clamp: separable.clamp,
            // SAFETY: checked above.
            scratch: unsafe { self.arena.add(separable.scratch) }.cast(),
            by_columns: by_columns(input, output),
        }
    }

    /// The rows of output group `q`.
    pub(crate) fn separable_group(&mut self, job: &SeparableJob, q: usize) {
        let SeparableJob { input, output, .. } = *job;
        // SAFETY: the group exists.
        let (out, rows) = unsafe { output.group(q) };
        let depthwise = depthwise::Job {
            blocks: 0..input.channels.div_ceil(16),
            input,
            window: job.window,
            weights: job.depthwise,
            clamp: job.depthwise_clamp,
            first: q * output.group,
            rows,
            width: output.width,
            columns: 0..output.width,
            out: job.scratch,
        };
        let total = rows * output.width;
        let pointwise = pointwise::Block {
            channels: 0..padded_channels(output.channels),
            a: job.scratch,
            k: input.channels,
            panels: job.pointwise,
            n: output.channels,
            out,
            pixels: 0..total,
            total,
            clamp: job.clamp,
            again: (q + 1) * output.group < output.height,
            behind: self.behind(job.pointwise),
        };
        // SAFETY: `begin_separable` checked the extents.
        unsafe {
            if job.by_columns {
                self.separable_columns(depthwise, pointwise);
            } else {
                self.depthwise_group(depthwise);
                self.pointwise_group(pointwise);
            }
        }
    }

    /// A block of rows, every thread with columns of its own: no thread reads what another has written.
    ///
    /// # Safety
    /// As for the kernels; the output lies apart from the input.
    unsafe fn separable_columns(&self, depthwise: depthwise::Job, pointwise: pointwise::Block) {
        let (kernels, rows, width) = (self.kernels, depthwise.rows, depthwise.width);
        let jobs = Shared::new((depthwise, pointwise));
        share::split(width.div_ceil(COLUMNS), |parts| {
            let columns = parts.start * COLUMNS..(parts.end * COLUMNS).min(width);
            let (depthwise, pointwise) = jobs.get();
            // SAFETY: as for this function.
            unsafe {
                let Range { start, end } = columns;
                (kernels.depthwise)(&depthwise::Job { columns, blocks: depthwise.blocks.clone(), ..*depthwise });
                for y in 0..rows {
                    let pixels = y * width + start..y * width + end;
                    let channels = pointwise.channels.clone();
                    let again = pointwise.again || y + 1 < rows;
                    pointwise::block(&pointwise::Block { pixels, channels, again, ..*pointwise }, &kernels.pointwise);
                }
            }
        });
    }

    /// All channel blocks of some rows.
    ///
    /// # Safety
    /// As for the kernel.
    unsafe fn depthwise_group(&self, job: depthwise::Job) {
        let (kernels, units, job) = (self.kernels, job.input.channels.div_ceil(16), Shared::new(job));
        share::split(units, |blocks| {
            // SAFETY: as for this function; every thread has blocks of its own.
            unsafe { (kernels.depthwise)(&depthwise::Job { blocks, columns: 0..job.get().width, ..*job.get() }) };
        });
    }

    /// All panels over a block of pixels.
    ///
    /// # Safety
    /// As for the kernel.
    unsafe fn pointwise_group(&self, block: pointwise::Block) {
        let tiles = &self.kernels.pointwise;
        let padded = padded_channels(block.n);
        let unit = pointwise::unit(padded, share::parts(), tiles);
        let block = Shared::new(block);
        share::split(padded.div_ceil(unit), |units| {
            let channels = units.start * unit..(units.end * unit).min(padded);
            // SAFETY: as for this function; every thread has panels of its own.
            unsafe {
                pointwise::block(&pointwise::Block { channels, pixels: 0..block.get().total, ..*block.get() }, tiles)
            };
        });
    }

    /// Depthwise convolution.
    pub fn depthwise(&mut self, stage: &Depthwise) {
        let Depthwise { input, window, output, .. } = stage;
        check::map("the input", input, self.len);
        check::map("the output", output, self.len);
        check::window(window, output);
        assert!(input.channels == output.channels, "a depthwise stage keeps its channels");
        let taps = check::product(&window.kernel);
        let weights = self.panels("the depthwise weights", stage.weights, input.channels, taps);
        let (input, view) = (self.view(input), self.view(output));
        for q in 0..output.height.div_ceil(output.group) {
            // SAFETY: checked above, and the group exists.
            unsafe {
                let (out, rows) = view.group(q);
                self.depthwise_group(depthwise::Job {
                    blocks: 0..0,
                    input,
                    window: *window,
                    weights,
                    clamp: stage.clamp,
                    first: q * output.group,
                    rows,
                    width: output.width,
                    columns: 0..output.width,
                    out,
                });
            }
        }
    }

    /// 1x1 convolution.
    pub fn pointwise(&mut self, stage: &Pointwise) {
        let Pointwise { input, output, .. } = stage;
        check::map("the input", input, self.len);
        check::map("the output", output, self.len);
        let shape = |map: &Map| [map.height, map.width, map.group];
        assert!(shape(input) == shape(output), "a pointwise stage keeps its rows, columns and groups");
        let panels = self.panels("the pointwise weights", stage.weights, output.channels, input.channels);
        let (from, to) = (self.view(input), self.view(output));
        for q in 0..output.height.div_ceil(output.group) {
            // SAFETY: checked above, and the group exists.
            unsafe {
                let ((a, rows), (out, _)) = (from.group(q), to.group(q));
                self.pointwise_group(pointwise::Block {
                    channels: 0..0,
                    a,
                    k: input.channels,
                    panels,
                    n: output.channels,
                    out,
                    pixels: 0..rows * output.width,
                    total: rows * output.width,
                    clamp: stage.clamp,
                    again: (q + 1) * output.group < output.height,
                    behind: self.behind(panels),
                });
            }
        }
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
        unsafe {
            let out = self.arena.add(output).cast();
            (self.kernels.pool)(&pool::Job {
                input: self.view(input),
                first: 0,
                end: input.channels.div_ceil(16),
                out,
            });
        }
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

/// Columns that a thread takes at least: a tile of AVX-512.
const COLUMNS: usize = 14;

/// Whether threads had better share a separable stage by columns than by channels: where each has tiles enough, where the
/// pointwise weights are few enough for all threads to read all of them, and where the output lies apart from the input, of
/// which another thread may still read what this one would overwrite.
fn by_columns(input: &Map, output: &Map) -> bool {
    let parts = share::parts();
    let (from, to) = (check::bytes(input), check::bytes(output));
    let apart = from.end <= to.start || to.end <= from.start;
    parts > 1 && apart && output.width >= COLUMNS * parts && input.channels * output.channels <= 64 << 10
}
