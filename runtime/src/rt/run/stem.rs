//! The first convolution: input rows are staged, then convolved.

use super::Run;
use super::link::Pass;
use crate::rt::image::{self, Image};
use crate::rt::kernel::{View, moved, stem};
use crate::rt::{Layout, Stem, check};
use core::ops::Range;

/// A stem whose descriptor has been checked, and how far its input is staged.
#[derive(Clone, Copy)]
pub(crate) struct StemJob {
    /// End of the staged input rows.
    staged: isize,
    padded_width: usize,
    output: View,
    row: stem::Row,
    /// What the kernel doesn't do.
    pass: Option<Pass>,
}

impl StemJob {
    /// The bytes of the staging rows.
    pub(crate) fn scratch(&self, stem: &Stem) -> Range<usize> {
        stem.scratch..stem.scratch + self.row.span * self.row.row * 4
    }
}

impl Run<'_> {
    /// Checks a stem and describes what its rows have in common.
    pub(crate) fn begin_stem(&self, stem: &Stem, input: usize) -> StemJob {
        let Stem { input: source, window, output, .. } = stem;
        check::source(source, input);
        check::map("the stem's output", output, self.len);
        check::window(window, output);
        let [kernel_height, kernel_width] = window.kernel;
        assert!(stem.pad_values.len() == source.channels, "one border value per input channel");
        let width = (output.width - 1) * window.stride[1] + (kernel_width - 1) * window.dilation[1] + 1;
        let row = source.channels.saturating_mul(width).div_ceil(16).saturating_mul(16);
        let span = (kernel_height - 1) * window.dilation[0] + 1;
        check::extent("the stem's scratch", stem.scratch, check::product(&[span, row]), self.len);
        let taps = check::product(&[kernel_height, kernel_width, source.channels]);
        let c = source.channels;
        let [_, dilation] = window.dilation;
        let (runs, run, taps_in_run, tap, pixel) = match source.layout {
            Layout::Nchw => (c, width, kernel_width, dilation, window.stride[1]),
            Layout::Nhwc if dilation == 1 && c == 3 => (kernel_width, 3, 3, 1, window.stride[1] * 3),
            Layout::Nhwc if dilation == 1 => (1, 0, kernel_width * c, 1, window.stride[1] * c),
            Layout::Nhwc => (kernel_width, dilation * c, c, 1, window.stride[1] * c),
        };
        self.check_epilogue(&stem.epilogue, output);
        let view = self.view(output);
        let (clamp, _, pass) = self.divide(&stem.epilogue, &view, self.residual(&stem.epilogue), false);
        StemJob {
            pass,
            staged: isize::MIN,
            padded_width: width,
            output: view,
            row: stem::Row {
                // SAFETY: checked above.
                scratch: unsafe { self.arena.add(stem.scratch) }.cast(),
                row,
                span,
                slot: 0,
                kernel: kernel_height,
                dilation: window.dilation[0],
                runs,
                run,
                taps: taps_in_run,
                tap,
                pixel,
                panels: self.panels("the stem's weights", stem.weights, output.channels, taps),
                n: output.channels,
                clamp,
                // SAFETY: a map has at least one row.
                out: unsafe { view.row(0) },
                pixels: output.width,
            },
        }
    }

    /// The rows of output group `q`; groups must come in order.
    ///
    /// # Safety
    /// The group must exist, and nobody else use the job's staging rows or touch the group.
    pub(crate) unsafe fn stem_group(&self, job: &mut StemJob, stem: &Stem, image: Image, q: usize) {
        let Stem { input: source, window, output, .. } = stem;
        for y in q * output.group..((q + 1) * output.group).min(output.height) {
            let top = (y * window.stride[0]) as isize - window.pad[0] as isize;
            let end = top + job.row.span as isize;
            for row in job.staged.max(top)..end {
                let slot = (row + window.pad[0] as isize) as usize % job.row.span;
                // SAFETY: `begin_stem` checked the staging rows; nothing else refers to them now.
                let to = unsafe {
                    core::slice::from_raw_parts_mut(job.row.scratch.cast_mut().add(slot * job.row.row), job.row.row)
                };
                let (left, pads, width) = (window.pad[1], stem.pad_values, job.padded_width);
                match image {
                    Image::F32(input) => image::stage(source, input, row, left, pads, width, to),
                    Image::U8(input) => image::stage(source, input, row, left, pads, width, to),
                    Image::I8(input) => image::stage(source, input, row, left, pads, width, to),
                }
            }
            job.staged = end;
            job.row.slot = (y * window.stride[0]) % job.row.span;
            // SAFETY: `begin_stem` checked the extents, and the row exists.
            unsafe {
                job.row.out = job.output.row(y);
                (self.kernels.stem)(&job.row);
            }
        }
        if let Some(pass) = &job.pass {
            // SAFETY: as for this function.
            unsafe { self.pass(pass, &job.output, &job.output, q, 0..output.channels.div_ceil(16)) };
        }
    }

    /// The job over the same places of a copy of the arena; `output` as well, or its staging rows alone.
    pub(crate) fn move_stem(&self, job: &StemJob, copy: *mut u8, output: bool) -> StemJob {
        let mut job = *job;
        job.row.scratch = moved(job.row.scratch.cast_mut(), self.arena, copy);
        if output {
            job.output = job.output.moved(self.arena, copy);
        }
        job
    }
}
