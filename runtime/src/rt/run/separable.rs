//! Separable stages, and the two halves of one that was split.

use super::Run;
use crate::rt::kernel::{View, depthwise, moved, padded_channels, pointwise};
use crate::rt::share::{self, Shared};
use crate::rt::{Clamp, Depthwise, Map, Pointwise, Separable, Window, check};
use core::ops::Range;

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
    /// Bytes from the pointwise weights to the end of all weights.
    behind: usize,
}

/// Row blocks that threads work on before they wait for each other fill about this much memory per thread.
const BATCH: usize = 256 << 10;

impl Run<'_> {
    /// Depthwise into a block of rows, then pointwise over it.
    pub fn separable(&mut self, separable: &Separable) {
        let job = self.begin_separable(separable);
        let groups = job.output.groups();
        let block = job.block();
        let batch = (BATCH * share::threads() / (block * 4)).clamp(1, groups);
        // SAFETY: `begin_separable` checked the extents, and the groups exist.
        unsafe {
            match share::memory(batch * block * 4) {
                None => (0..groups).for_each(|q| self.separable_group(&job, q)),
                Some(memory) => {
                    for first in (0..groups).step_by(batch) {
                        self.separable_batch(&job, first..(first + batch).min(groups), memory.cast());
                    }
                }
            }
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
        let pointwise = self.panels("the pointwise weights", separable.pointwise, output.channels, input.channels);
        SeparableJob {
            input: self.view(input),
            output: self.view(output),
            window: *window,
            depthwise: self.panels("the depthwise weights", separable.depthwise, input.channels, taps),
            depthwise_clamp: separable.depthwise_clamp,
            pointwise,
            clamp: separable.clamp,
            // SAFETY: checked above.
            scratch: unsafe { self.arena.add(separable.scratch) }.cast(),
            behind: self.behind(pointwise),
        }
    }

    /// The rows of output group `q`.
    ///
    /// # Safety
    /// The group must exist, and nobody else use the job's scratch or touch what this group reads and writes.
    pub(crate) unsafe fn separable_group(&self, job: &SeparableJob, q: usize) {
        // SAFETY: the group exists.
        unsafe {
            (self.kernels.depthwise)(&job.depthwise(q, job.scratch));
            pointwise::block(&job.pointwise(q, job.scratch), &self.kernels.pointwise);
        }
    }

    /// The job over the same places of a copy of the arena, the output among them or not.
    pub(crate) fn move_separable(&self, job: &SeparableJob, copy: *mut u8, output: bool) -> SeparableJob {
        let mut job = *job;
        job.input = job.input.moved(self.arena, copy);
        job.scratch = moved(job.scratch, self.arena, copy);
        if output {
            job.output = job.output.moved(self.arena, copy);
        }
        job
    }

    /// Some output groups on all threads: all depthwise halves, whose blocks lie in `memory` one after the other, then all
    /// pointwise ones. A group overwrites only what no later one reads, so it may wait for these to read theirs.
    ///
    /// # Safety
    /// The groups must exist, and `memory` hold a block for each.
    unsafe fn separable_batch(&self, job: &SeparableJob, groups: Range<usize>, memory: *mut f32) {
        let (kernels, tiles) = (self.kernels, &self.kernels.pointwise);
        let (blocks, padded) = (job.input.channels.div_ceil(16), padded_channels(job.output.channels));
        let unit = tiles.columns.max(16);
        let units = padded.div_ceil(unit);
        let shared = Shared::new((*job, memory));
        // SAFETY: as for this function; every thread has blocks of its own.
        let block = |q: usize| unsafe { shared.get().1.add((q - groups.start) * shared.get().0.block()) };
        share::split(groups.len() * blocks, |range| {
            for (q, blocks) in pieces(range, blocks) {
                let q = groups.start + q;
                // SAFETY: as for this function; every thread has channels of its own.
                unsafe { (kernels.depthwise)(&depthwise::Job { blocks, ..shared.get().0.depthwise(q, block(q)) }) };
            }
        });
        share::split(groups.len() * units, |range| {
            for (q, units) in pieces(range, units) {
                let q = groups.start + q;
                // SAFETY: as for this function; every thread has panels of its own.
                unsafe {
                    let whole = shared.get().0.pointwise(q, block(q));
                    let channels = units.start * unit..(units.end * unit).min(padded);
                    let next = if channels.end < padded { channels.end } else { whole.next };
                    pointwise::block(&pointwise::Block { channels, next, ..whole }, tiles);
                }
            }
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
        let (kernels, maps) = (self.kernels, Shared::new((self.view(input), self.view(output), weights)));
        for q in 0..output.height.div_ceil(output.group) {
            share::split(input.channels.div_ceil(16), |blocks| {
                let (input, view, weights) = *maps.get();
                // SAFETY: checked above, and the group exists; every thread has channels of its own.
                unsafe {
                    let (out, rows) = view.group(q);
                    let (first, width) = (q * output.group, output.width);
                    let (window, clamp) = (*window, stage.clamp);
                    (kernels.depthwise)(&depthwise::Job {
                        blocks,
                        input,
                        window,
                        weights,
                        clamp,
                        first,
                        rows,
                        width,
                        out,
                    });
                }
            });
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
        let (tiles, behind) = (&self.kernels.pointwise, self.behind(panels));
        let maps = Shared::new((self.view(input), self.view(output), panels));
        let (padded, unit) = (padded_channels(output.channels), tiles.columns.max(16));
        for q in 0..output.height.div_ceil(output.group) {
            let again = (q + 1) * output.group < output.height;
            share::split(padded.div_ceil(unit), |units| {
                let (from, to, panels) = *maps.get();
                let channels = units.start * unit..(units.end * unit).min(padded);
                let next = if again { channels.start } else { channels.end };
                // SAFETY: checked above, and the group exists; every thread has panels of its own.
                unsafe {
                    let ((a, rows), (out, _)) = (from.group(q), to.group(q));
                    let (pixels, clamp) = (rows * output.width, stage.clamp);
                    let (k, n) = (input.channels, output.channels);
                    pointwise::block(
                        &pointwise::Block { channels, a, k, panels, n, out, pixels, clamp, next, behind },
                        tiles,
                    );
                }
            });
        }
    }
}

impl SeparableJob {
    /// Floats of a row block.
    fn block(&self) -> usize {
        padded_channels(self.input.channels) * self.output.group * self.output.width
    }

    /// The depthwise half of output group `q`, all of it.
    unsafe fn depthwise(&self, q: usize, out: *mut f32) -> depthwise::Job {
        let Self { input, output, window, .. } = *self;
        depthwise::Job {
            blocks: 0..input.channels.div_ceil(16),
            input,
            window,
            weights: self.depthwise,
            clamp: self.depthwise_clamp,
            first: q * output.group,
            // SAFETY: the group exists, as the caller promises.
            rows: unsafe { output.group(q) }.1,
            width: output.width,
            out,
        }
    }

    /// The pointwise half of output group `q`, all of it.
    unsafe fn pointwise(&self, q: usize, a: *const f32) -> pointwise::Block {
        // SAFETY: the group exists, as the caller promises.
        let (out, rows) = unsafe { self.output.group(q) };
        let padded = padded_channels(self.output.channels);
        pointwise::Block {
            channels: 0..padded,
            a,
            k: self.input.channels,
            panels: self.pointwise,
            n: self.output.channels,
            out,
            pixels: rows * self.output.width,
            clamp: self.clamp,
            next: if q + 1 < self.output.groups() { 0 } else { padded },
            behind: self.behind,
        }
    }
}

/// A range over rows of `width` units each, row by row.
fn pieces(range: Range<usize>, width: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (range.start / width..range.end.div_ceil(width)).map(move |row| {
        let begin = row * width;
        (row, range.start.max(begin) - begin..range.end.min(begin + width) - begin)
    })
}
