//! The first convolution: input rows are staged, then convolved.

use super::Run;
use super::link::Pass;
use crate::rt::image::{self, Element, Image, Pixels};
use crate::rt::kernel::codes::{Panels, StemRow};
use crate::rt::kernel::{View, moved, stem};
use crate::rt::{Codes, Layout, Source, Stem, check};
use core::ops::Range;
use core::slice::from_raw_parts_mut;

/// A stem whose descriptor has been checked, and how far its input is staged.
#[derive(Clone, Copy)]
pub(crate) struct StemJob {
    /// End of the staged input rows.
    staged: isize,
    padded_width: usize,
    output: View,
    /// The staging rows: how many, and bytes from one to the next.
    scratch: *mut u8,
    span: usize,
    bytes: usize,
    row: Staged,
}

/// What the output's rows have in common.
#[derive(Clone, Copy)]
enum Staged {
    /// And what the kernel doesn't do.
    Floats(stem::Row, Option<Pass>),
    Codes(StemRow, &'static Codes),
}

impl StemJob {
    /// The bytes of the staging rows.
    pub(crate) fn scratch(&self, stem: &Stem) -> Range<usize> {
        stem.scratch..stem.scratch + self.span * self.bytes
    }
}

impl Run<'_> {
    /// Checks a stem and describes what its rows have in common.
    pub(crate) fn begin_stem(&self, stem: &Stem, image: &Image) -> StemJob {
        let Stem { input: source, window, output, .. } = stem;
        check::source(source, image.len());
        if let Some((offset, bytes)) = image.row(check::product(&[source.width, source.channels])) {
            check::bytes("the row that is read", offset, bytes, self.len);
            assert!(offset.is_multiple_of(4), "the row that is read at byte {offset}");
        }
        let of = if stem.codes.is_some() { check::codes } else { check::map };
        of("the stem's output", output, self.len);
        check::window(window, output);
        let width = (output.width - 1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1] + 1;
        let elements = source.channels.saturating_mul(width);
        let span = (window.kernel[0] - 1) * window.dilation[0] + 1;
        let (bytes, align) = match stem.codes {
            None => (elements.div_ceil(16).saturating_mul(64), 4),
            Some(_) => (elements.saturating_add(4).div_ceil(64).saturating_mul(64), 1),
        };
        check::bytes("the stem's scratch", stem.scratch, check::product(&[span, bytes]), self.len);
        assert!(stem.scratch.is_multiple_of(align), "the stem's scratch at byte {}", stem.scratch);
        let row = match stem.codes {
            None => self.floats_stem(stem, (width, span, bytes / 4)),
            Some(codes) => self.codes_stem(stem, codes, (span, bytes)),
        };
        let scratch = self.arena.wrapping_add(stem.scratch);
        StemJob { staged: isize::MIN, padded_width: width, output: self.view(output), scratch, span, bytes, row }
    }

    fn floats_stem(&self, stem: &Stem, (width, span, row): (usize, usize, usize)) -> Staged {
        let Stem { input: source, window, output, .. } = stem;
        let [kernel_height, kernel_width] = window.kernel;
        assert!(stem.pad_values.len() == source.channels, "one border value per input channel");
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
        let row = stem::Row {
            scratch: self.float(stem.scratch),
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
        };
        Staged::Floats(row, pass)
    }

    fn codes_stem(&self, stem: &Stem, codes: &'static Codes, (span, row): (usize, usize)) -> Staged {
        let Stem { input: source, window, output, .. } = stem;
        let (c, [kernel_height, kernel_width]) = (source.channels, window.kernel);
        let dilation = window.dilation[1];
        let (runs, length) = if dilation == 1 { (1, kernel_width.saturating_mul(c)) } else { (kernel_width, c) };
        let quads = check::product(&[kernel_height, runs, length.div_ceil(4)]);
        self.check_numbers(codes);
        self.check_panels("the stem's weights", stem.weights, output.channels, quads, codes);
        let row = StemRow {
            scratch: self.arena.wrapping_add(stem.scratch),
            row,
            span,
            slot: 0,
            kernel: kernel_height,
            dilation: window.dilation[0],
            runs,
            run: dilation * c,
            quads: length.div_ceil(4),
            pixel: window.stride[1] * c,
            // SAFETY: checked.
            panels: unsafe { Panels::new(self.weights.as_ptr().add(stem.weights), quads, codes.extras as usize) },
            n: output.channels,
            bounds: codes.bounds(),
            // SAFETY: a map has at least one row.
            out: unsafe { self.view(output).cast().row(0) },
            pixels: output.width,
        };
        Staged::Codes(row, codes)
    }

    /// The rows of output group `q`; groups must come in order.
    ///
    /// # Safety
    /// The group must exist, and nobody else use the job's staging rows or touch the group.
    pub(crate) unsafe fn stem_group(&self, job: &mut StemJob, stem: &Stem, image: Image, q: usize) {
        let Stem { window, output, .. } = stem;
        for y in q * output.group..((q + 1) * output.group).min(output.height) {
            let top = (y * window.stride[0]) as isize - window.pad[0] as isize;
            let end = top + job.span as isize;
            for row in job.staged.max(top)..end {
                let slot = (row + window.pad[0] as isize) as usize % job.span;
                let to = job.scratch.wrapping_add(slot * job.bytes);
                // SAFETY: `begin_stem` checked the staging rows; nothing else refers to them now.
                unsafe {
                    match image {
                        Image::F32(input) => self.stage(job, stem, input, row, to),
                        Image::U8(input) => self.stage(job, stem, input, row, to),
                        Image::I8(input) => self.stage(job, stem, input, row, to),
                        Image::F16(input) => self.stage(job, stem, input, row, to),
                    }
                }
            }
            job.staged = end;
            let slot = (y * window.stride[0]) % job.span;
            // SAFETY: `begin_stem` checked the extents, and the row exists.
            unsafe {
                match &mut job.row {
                    Staged::Floats(row, _) => {
                        (row.slot, row.out) = (slot, job.output.row(y));
                        (self.kernels.stem)(row);
                    }
                    Staged::Codes(row, _) => {
                        (row.slot, row.out) = (slot, job.output.cast().row(y));
                        (self.kernels.codes.stem)(row);
                    }
                }
            }
        }
        if let Staged::Floats(_, Some(pass)) = &job.row {
            // SAFETY: as for this function.
            unsafe { self.pass(pass, &job.output, &job.output, q, 0..output.channels.div_ceil(16)) };
        }
    }

    /// Stages input row `y`.
    ///
    /// # Safety
    /// The staging row at `to` belongs to nobody else.
    unsafe fn stage<T: Element>(&self, job: &StemJob, stem: &Stem, input: Pixels<T>, y: isize, to: *mut u8) {
        let one = Source { height: 1, ..stem.input };
        let (source, input, y) = match input {
            Pixels::Whole(values) => (&stem.input, values, y),
            Pixels::Rows(_) if y < 0 || y >= stem.input.height as isize => (&stem.input, &[][..], y),
            Pixels::Rows(rows) => {
                let row = self.arena.wrapping_add(rows.offset).cast::<T>();
                // SAFETY: `begin_stem` checked the row, whose bytes are elements whatever they are. Nothing else refers to them
                // or calls the function, which this thread alone has.
                unsafe {
                    let row = from_raw_parts_mut(row, source_row(&stem.input));
                    (*rows.read)(y as usize, 1, row);
                    (&one, &*row, 0)
                }
            }
        };
        let (left, width) = (stem.window.pad[1], job.padded_width);
        match &job.row {
            Staged::Floats(..) => {
                // SAFETY: as for this function; the scratch is aligned, as checked.
                let to = unsafe { from_raw_parts_mut(to.cast(), job.bytes / 4) };
                image::stage(source, input, y, left, stem.pad_values, width, to);
            }
            Staged::Codes(_, codes) => {
                // SAFETY: as for this function.
                let to = unsafe { from_raw_parts_mut(to, width * source.channels) };
                image::stage_codes(source, input, y, left, codes.input, self.kernels.codes, to);
            }
        }
    }

    /// The job over the same places of a copy of the arena; `output` as well, or its staging rows alone.
    pub(crate) fn move_stem(&self, job: &StemJob, copy: *mut u8, output: bool) -> StemJob {
        let mut job = *job;
        job.scratch = moved(job.scratch, self.arena, copy);
        match &mut job.row {
            Staged::Floats(row, _) => row.scratch = job.scratch.cast(),
            Staged::Codes(row, _) => row.scratch = job.scratch,
        }
        if output {
            job.output = job.output.moved(self.arena, copy);
        }
        job
    }
}

/// Elements of a row.
fn source_row(source: &Source) -> usize {
    source.width * source.channels
}
