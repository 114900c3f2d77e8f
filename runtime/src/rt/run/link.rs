//! One link of a chain: where it reads and writes, and how a group of its output is computed.

use super::{Reads, Run};
use crate::rt::kernel::{View, epilogue, padded_channels, pool};
use crate::rt::{Activation, ActivationKind, Clamp, Epilogue, Link, LinkKind, Map, NONE, check};
use core::ops::Range;
use core::ptr::null;

/// Where a link reads and writes; views of codes are cast to theirs.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub input: View,
    /// Of [`LinkKind::Mean`], unused.
    pub output: View,
    pub add: Option<View>,
}

/// What is left of an epilogue to a pass behind the kernel.
#[derive(Clone, Copy)]
pub(crate) struct Pass {
    gate: *const f32,
    add: Option<View>,
    activation: Activation,
    slopes: *const f32,
    scales: *const f32,
    offsets: *const f32,
}

/// Bytes of output that lie in the first-level cache until a pass has gone over them.
const NEAR: usize = 16 << 10;
const UNBOUNDED: Clamp = Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY };

impl Link {
    /// First input row under output group `q`, and the end of those that must have been computed.
    pub(crate) fn rows(&self, q: usize) -> Range<usize> {
        let input = self.input.height;
        if self.kind.reads() == Some(Reads::Whole) {
            return q * self.input.group..((q + 1) * self.input.group).min(input);
        }
        let Map { height, group, .. } = self.output;
        let (first, last) = (q * group, ((q + 1) * group).min(height) - 1);
        let window = &self.window;
        let top = (first * window.stride[0]).saturating_sub(window.pad[0]).min(input - 1);
        let end = last * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0] + 1;
        top..end.saturating_sub(window.pad[0]).min(input)
    }

    /// The same in groups of the input.
    pub(crate) fn input_groups(&self, q: usize) -> Range<usize> {
        let rows = self.rows(q);
        rows.start / self.input.group..rows.end.div_ceil(self.input.group)
    }

    /// Groups that are computed one after the other.
    pub(crate) fn groups(&self) -> usize {
        if self.kind.reads() == Some(Reads::Whole) { self.input.groups() } else { self.output.groups() }
    }
}

impl Pass {
    /// Over a vector, and over the pixel of a channel block: to the block's first channel.
    fn job(&self, block: usize) -> epilogue::Job {
        let at = |vector: *const f32| if vector.is_null() { vector } else { vector.wrapping_add(block * 16) };
        epilogue::Job {
            from: null(),
            to: core::ptr::null_mut(),
            pixels: 1,
            width: 16,
            gate: at(self.gate),
            add: null(),
            activation: self.activation,
            slopes: at(self.slopes),
            scales: at(self.scales),
            offsets: at(self.offsets),
        }
    }
}

impl Run<'_> {
    /// Panics unless the link is well formed and all that it names lies inside the arena and the weights.
    pub(crate) fn check_link(&self, link: &Link) {
        let Link { input, window, output, .. } = link;
        let of = if link.codes.is_some() { check::codes } else { check::map };
        of("the input", input, self.len);
        of("the output", output, self.len);
        check::window(window, output);
        assert!(link.fits(), "a link whose input, window and output don't fit: {link:?}");
        if let Some(codes) = link.codes {
            return self.check_codes(link, codes);
        }
        if let Some(taps) = link.taps() {
            check::extent("the weights", link.weights, check::panels(output.channels, taps), self.weights.len());
        }
        self.check_epilogue(&link.epilogue, output);
    }

    pub(crate) fn check_epilogue(&self, epilogue: &Epilogue, output: &Map) {
        let Epilogue { gate, add, activation, slopes, affine } = epilogue;
        let channels = padded_channels(output.channels);
        if *gate != NONE {
            check::extent("the gate", *gate, channels, self.len);
        }
        if !add.is_none() {
            check::map("the residual", add, self.len);
            let shape = |map: &Map| [map.height, map.width, map.channels];
            assert!(shape(add) == shape(output), "the residual has the output's shape");
        }
        if *slopes != NONE {
            check::extent("the slopes", *slopes, channels, self.weights.len());
        }
        if *affine != NONE {
            check::extent("the affine", *affine, channels.saturating_mul(2), self.weights.len());
        }
        assert!(activation.is_known(), "an unknown activation: {activation:?}");
    }

    /// The bounds that a kernel has, what it adds, if it can, and the rest. The epilogue has been checked.
    pub(crate) fn divide(
        &self,
        epilogue: &Epilogue,
        output: &View,
        add: Option<View>,
        adds: bool,
    ) -> (Clamp, Option<View>, Option<Pass>) {
        let Activation { kind, a: lo, b: hi } = epilogue.activation;
        let clamps = kind == ActivationKind::Clamp;
        let fits = |view: &View| adds && epilogue.gate == NONE && view.group == output.group;
        let (within, behind) = if add.as_ref().is_some_and(fits) { (add, None) } else { (None, add) };
        let vectors = [epilogue.slopes, epilogue.affine];
        if clamps && behind.is_none() && epilogue.gate == NONE && vectors == [NONE; 2] {
            return (Clamp { lo, hi }, within, None);
        }
        let at = |bytes: *const u8, offset: usize| {
            // SAFETY: checked.
            if offset == NONE { null() } else { unsafe { bytes.add(offset) }.cast::<f32>() }
        };
        let [slopes, scales] = vectors.map(|offset| at(self.weights.as_ptr(), offset));
        let offsets = if scales.is_null() { scales } else { scales.wrapping_add(padded_channels(output.channels)) };
        let activation = epilogue.activation;
        let gate = at(self.arena, epilogue.gate);
        (UNBOUNDED, within, Some(Pass { gate, add: behind, activation, slopes, scales, offsets }))
    }

    /// Parts that a group of the link's output can be computed in: channel blocks or panels.
    pub(crate) fn units(&self, link: &Link) -> usize {
        let unit = if link.codes.is_some() { self.code_unit() } else { self.unit() };
        match link.kind.has_panels() {
            true => padded_channels(link.output.channels).div_ceil(unit),
            false => link.input.channels.div_ceil(16),
        }
    }

    /// Channels of a unit of convolutions with panels.
    pub(super) fn unit(&self) -> usize {
        self.kernels.pointwise.columns.max(16)
    }

    /// Some units of output group `q`.
    ///
    /// # Safety
    /// The link has been checked, is no [`LinkKind::Mean`] and the group exists; nobody else touches what the units read and write.
    pub(crate) unsafe fn link_group(&self, link: &Link, places: &Places, q: usize, units: Range<usize>) {
        if let Some(codes) = link.codes {
            // SAFETY: as for this function.
            return unsafe { self.compute_codes(link, codes, places, q, units) };
        }
        let Places { input, output, add } = places;
        let (bounds, within, pass) = self.divide(&link.epilogue, output, *add, link.kind.adds());
        // SAFETY: the group exists.
        let (_, rows) = unsafe { output.group(q) };
        let Some(pass) = pass else {
            // SAFETY: as for this function.
            return unsafe { self.compute(link, places, (bounds, within), q, units) };
        };
        let unit = if link.kind.has_panels() { self.unit() } else { 16 };
        let step = (NEAR / (rows * output.width * unit * 4)).max(1);
        let mut first = units.start;
        while first < units.end {
            let some = first..(first + step).min(units.end);
            first = some.end;
            let blocks = some.start * unit / 16..(some.end * unit / 16).min(output.channels.div_ceil(16));
            // SAFETY: as for this function.
            unsafe {
                if link.kind != LinkKind::Elementwise {
                    self.compute(link, places, (bounds, within), q, some);
                }
                let from = if link.kind == LinkKind::Elementwise { input } else { output };
                self.pass(&pass, from, output, q, blocks);
            }
        }
    }

    /// The pass over channel blocks of group `q`, from one map to another of the same groups.
    ///
    /// # Safety
    /// The group and the blocks exist; nobody else touches them.
    pub(crate) unsafe fn pass(&self, pass: &Pass, from: &View, to: &View, q: usize, blocks: Range<usize>) {
        let padded = padded_channels(to.channels);
        for block in blocks {
            let width = (padded - block * 16).min(16);
            let mut job = epilogue::Job { width, ..pass.job(block) };
            // SAFETY: the group and the block exist in all maps, which have the same shape.
            unsafe {
                let (out, rows) = to.group(q);
                match &pass.add {
                    Some(add) if add.group != to.group => {
                        for y in q * to.group..q * to.group + rows {
                            job.pixels = to.width;
                            job.from = from.row(y).block(block, width);
                            job.to = to.row(y).block(block, width);
                            job.add = add.row(y).block(block, width);
                            (self.kernels.epilogue)(&job);
                        }
                    }
                    add => {
                        job.pixels = rows * to.width;
                        let at = block * 16 * job.pixels;
                        job.from = from.group(q).0.add(at);
                        job.to = out.add(at);
                        job.add = add.map_or(null(), |add| add.group(q).0.add(at).cast_const());
                        (self.kernels.epilogue)(&job);
                    }
                }
            }
        }
    }

    /// Groups of a map towards the mean of some channel blocks, which lies at `to` with room for `room` floats.
    ///
    /// # Safety
    /// The link has been checked; the groups exist and come in order; nobody else touches what the blocks read and write.
    pub(crate) unsafe fn mean_groups(
        &self,
        link: &Link,
        input: View,
        groups: Range<usize>,
        blocks: Range<usize>,
        (to, room): (*mut f32, usize),
    ) {
        let last = groups.end == input.groups();
        let padded = padded_channels(input.channels);
        for block in blocks {
            let width = (padded - block * 16).min(16);
            let lanes = width.min(room - block * 16);
            let mut sums = [0.0f32; 16];
            // SAFETY: the vector has `room` floats, the block its lanes of them.
            unsafe {
                let to = to.add(block * 16);
                if groups.start > 0 {
                    sums.as_mut_ptr().copy_from_nonoverlapping(to, lanes);
                }
                let sums = sums.as_mut_ptr();
                (self.kernels.mean)(&pool::Mean { input, groups: groups.clone(), block, sums });
                if last {
                    self.vector_pass(&link.epilogue, link.output.channels, block, width, sums);
                }
                to.copy_from_nonoverlapping(sums, lanes);
            }
        }
    }

    /// The epilogue of one channel block of a vector, in place.
    ///
    /// # Safety
    /// The epilogue has been checked, and its residual is a map of one pixel; the block has `width` lanes.
    pub(crate) unsafe fn vector_pass(
        &self,
        epilogue: &Epilogue,
        channels: usize,
        block: usize,
        width: usize,
        data: *mut f32,
    ) {
        let map = Map { offset: 0, height: 1, width: 1, channels, group: 1, ring: 1, bytes: 4 };
        let (clamp, _, pass) = self.divide(epilogue, &self.view(&map), self.residual(epilogue), false);
        let pass = pass.unwrap_or(Pass::bounds(clamp));
        let add = pass.add.map_or(null(), |add| {
            // SAFETY: the map has a pixel, and the pixel this block.
            unsafe { add.group(0).0.add(block * 16).cast_const() }
        });
        // SAFETY: as for this function.
        unsafe { (self.kernels.epilogue)(&epilogue::Job { from: data, to: data, width, add, ..pass.job(block) }) };
    }

    /// The residual of an epilogue that has been checked, in the arena.
    pub(crate) fn residual(&self, epilogue: &Epilogue) -> Option<View> {
        (!epilogue.add.is_none()).then(|| self.view(&epilogue.add))
    }
}

impl Pass {
    pub(super) fn bounds(clamp: Clamp) -> Self {
        Self::of(Activation::clamp(clamp.lo, clamp.hi))
    }

    /// An activation alone.
    pub(crate) fn of(activation: Activation) -> Self {
        Self { gate: null(), add: None, activation, slopes: null(), scales: null(), offsets: null() }
    }

    /// Over 16 floats per pixel, in place.
    pub(crate) fn over(&self, data: *mut f32, pixels: usize) -> epilogue::Job {
        epilogue::Job { from: data, to: data, pixels, ..self.job(0) }
    }
}
