//! Links and steps over 8-bit codes.

use super::link::Places;
use super::{Element, Run, chain};
use crate::F16;
use crate::rt::image;
use crate::rt::kernel::codes::{Bounds, Panels, Row, convert, depthwise, elementwise, pointwise, pool};
use crate::rt::kernel::pool::Pool;
use crate::rt::kernel::{View, padded_channels};
use crate::rt::{Codes, Layout, Link, LinkKind, Map, NONE, Quant, Source, check};
use core::ops::Range;

impl Codes {
    /// What may be written; checked.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds { lo: self.lo as u8, hi: self.hi as u8, zero: self.output.zero as u8 }
    }

    /// What the border holds; checked.
    pub(super) fn border(&self) -> u8 {
        self.input.zero as u8
    }

    fn means(&self) -> pool::Means {
        let Self { input, output, .. } = self;
        pool::Means { zero: self.border(), input: input.scale, output: output.scale, bounds: self.bounds() }
    }
}

impl Run<'_> {
    /// Panics unless the numbers are codes.
    pub(super) fn check_numbers(&self, codes: &Codes) {
        check::quant("the input", codes.input);
        check::quant("the residual", codes.second);
        check::quant("the output", codes.output);
        assert!(0 <= codes.lo && codes.lo <= codes.hi && codes.hi <= 255, "no bounds of codes: {codes:?}");
    }

    /// Panics unless panels of sums for `channels` outputs lie inside the weights.
    pub(super) fn check_panels(&self, what: &str, offset: usize, channels: usize, quads: usize, codes: &Codes) {
        let size = check::product(&[Panels::bytes(quads, codes.extras as usize), channels.div_ceil(16)]);
        check::bytes(what, offset, size, self.weights.len());
        assert!(offset.is_multiple_of(4) && quads > 0, "{what} at byte {offset}");
    }

    /// The part of [`Run::check_link`] that is other for codes.
    pub(super) fn check_codes(&self, link: &Link, codes: &Codes) {
        let Link { kind, input, window, weights, epilogue, output, .. } = *link;
        self.check_numbers(codes);
        let [rows, columns] = window.kernel;
        let quads = padded_channels(input.channels) / 4;
        let (gate, add) = (epilogue.gate != NONE, !epilogue.add.is_none());
        match kind {
            LinkKind::Pointwise => self.check_panels("the weights", weights, output.channels, quads, codes),
            LinkKind::Conv => {
                let quads = check::product(&[rows, columns, quads]);
                self.check_panels("the weights", weights, output.channels, quads, codes);
            }
            LinkKind::Depthwise => {
                let size = depthwise::panel(check::product(&[rows, columns]), codes.extras as usize);
                let size = check::product(&[size, output.channels.div_ceil(16)]);
                check::bytes("the weights", weights, size, self.weights.len());
                assert!(weights.is_multiple_of(4), "the weights at byte {weights}");
            }
            LinkKind::Elementwise if codes.table != NONE => {
                check::bytes("the table", codes.table, 256, self.weights.len());
            }
            LinkKind::Elementwise => {
                let one = if codes.product == 0 { add && !gate } else { add != gate };
                assert!(one && !codes.second.is_none(), "a sum or a product of codes and nothing: {link:?}");
            }
            _ => {}
        }
        if gate {
            check::bytes("the gate", epilogue.gate, padded_channels(output.channels), self.len);
        }
        if add {
            check::codes("the residual", &epilogue.add, self.len);
            let shape = |map: &Map| [map.height, map.width, map.channels];
            assert!(shape(&epilogue.add) == shape(&output), "the residual has the output's shape");
        }
        let pairs = kind == LinkKind::Elementwise && codes.table == NONE;
        let nothing = epilogue.slopes == NONE && epilogue.affine == NONE && (pairs || !(gate || add));
        assert!(nothing, "a link of codes with an epilogue of floats: {link:?}");
    }

    /// Channels of a unit of convolutions with panels.
    pub(super) fn code_unit(&self) -> usize {
        self.kernels.codes.pointwise.panels * 16
    }

    /// Some units of output group `q`.
    ///
    /// # Safety
    /// As for [`Self::link_group`].
    pub(super) unsafe fn compute_codes(
        &self,
        link: &Link,
        codes: &Codes,
        places: &Places,
        q: usize,
        units: Range<usize>,
    ) {
        let (kernels, input, output) = (self.kernels.codes, places.input.cast::<u8>(), places.output.cast::<u8>());
        let (bounds, border, n, window) = (codes.bounds(), codes.border(), output.channels, link.window);
        // SAFETY: as for this function.
        unsafe {
            let (out, rows) = output.group(q);
            let (first, width) = (q * output.group, output.width);
            let weights = || self.weights.as_ptr().add(link.weights);
            let panels = |quads| Panels::new(weights(), quads, codes.extras as usize);
            let (quads, unit) = (padded_channels(input.channels) / 4, kernels.pointwise.panels);
            let range = units.start * unit..(units.end * unit).min(n.div_ceil(16));
            match link.kind {
                LinkKind::Pointwise => {
                    let next = if range.end < n.div_ceil(16) { range.end } else { 0 };
                    let (a, k, pixels) = (input.group(q).0.cast_const(), input.channels, rows * width);
                    let panels = panels(quads);
                    let block = pointwise::Block { range, a, k, panels, n, out, pixels, bounds, next };
                    pointwise::block(&block, &kernels.pointwise);
                }
                LinkKind::Conv => {
                    let panels = panels(window.kernel[0] * window.kernel[1] * quads);
                    for y in first..first + rows {
                        let (range, out) = (range.clone(), output.row(y));
                        (kernels.conv)(&Row { range, input, border, window, y, panels, n, bounds, out, width });
                    }
                }
                LinkKind::Depthwise => {
                    let (blocks, panels, extras) = (units, weights(), codes.extras as usize);
                    let job = depthwise::Job {
                        blocks,
                        input,
                        border,
                        window,
                        panels,
                        extras,
                        bounds,
                        first,
                        rows,
                        width,
                        out,
                    };
                    depthwise::rows(&job, kernels.depthwise);
                }
                LinkKind::MaxPool | LinkKind::AveragePool => {
                    let pool = match (link.kind, link.groups) {
                        (LinkKind::MaxPool, _) => Pool::Max,
                        (_, 0) => Pool::Inside,
                        _ => Pool::Whole,
                    };
                    let (blocks, means) = (units, codes.means());
                    (kernels.pool)(&pool::Job { pool, blocks, input, means, window, first, rows, width, out });
                }
                _ => self.elementwise_codes(link, codes, (&input, &output, places.add), q, units),
            }
        }
    }

    /// An elementwise link over some channel blocks of group `q`.
    ///
    /// # Safety
    /// As for [`Self::link_group`].
    unsafe fn elementwise_codes(
        &self,
        link: &Link,
        codes: &Codes,
        (input, output, add): (&View<u8>, &View<u8>, Option<View>),
        q: usize,
        blocks: Range<usize>,
    ) {
        let Codes { input: quant, second, output: to, .. } = *codes;
        let run = |pixels, width, from: *mut u8, out, with| {
            let bounds = codes.bounds();
            let job = elementwise::Job { from, to: out, pixels, width, input: quant, output: to, bounds, with };
            // SAFETY: as for this function.
            unsafe { (self.kernels.codes.elementwise)(&job) };
        };
        let pair = if codes.product == 0 { elementwise::With::Sum } else { elementwise::With::Product };
        let padded = padded_channels(output.channels);
        for block in blocks {
            let width = (padded - block * 16).min(16);
            // SAFETY: the group and the block exist in all maps, which have the same shape.
            unsafe {
                let (out, rows) = output.group(q);
                let pixels = rows * output.width;
                let at = block * 16 * pixels;
                let (from, out) = (input.group(q).0.add(at), out.add(at));
                match add.map(|add| add.cast::<u8>()) {
                    _ if codes.table != NONE => {
                        run(pixels, width, from, out, elementwise::With::Table(self.weights.as_ptr().add(codes.table)));
                    }
                    None => {
                        let gate = self.arena.add(link.epilogue.gate + block * 16);
                        run(pixels, width, from, out, elementwise::With::Gate(gate, second));
                    }
                    Some(add) if add.group == output.group => {
                        run(pixels, width, from, out, pair(add.group(q).0.add(at), second));
                    }
                    Some(add) => {
                        for y in q * output.group..q * output.group + rows {
                            let [from, out, add] = [input, output, &add].map(|map| map.row(y).block(block, width));
                            run(output.width, width, from, out, pair(add, second));
                        }
                    }
                }
            }
        }
    }

    /// The means of some channel blocks of a whole map, to a pixel of as many channels.
    ///
    /// # Safety
    /// The link has been checked; nobody else touches what the blocks read and write.
    pub(super) unsafe fn mean_codes(&self, codes: &Codes, input: View<u8>, blocks: Range<usize>, to: *mut u8) {
        // SAFETY: as for this function.
        unsafe { (self.kernels.codes.mean)(&pool::Mean { input, blocks, means: codes.means(), to }) };
    }

    /// Between a map of codes and one of floats, of the same shape and groups, which overlap in nothing: numbers of codes, or codes of
    /// numbers.
    pub fn convert(&mut self, input: &Map, output: &Map, quant: Quant) {
        check::quant("the codes", quant);
        let quantises = output.bytes == 1;
        let (codes, floats) = if quantises { (output, input) } else { (input, output) };
        check::codes("the map of codes", codes, self.len);
        check::map("the map of floats", floats, self.len);
        let shape = |map: &Map| [map.height, map.width, map.channels, map.group, map.ring];
        assert!(shape(input) == shape(output), "maps of the same shape and groups: {input:?}, {output:?}");
        assert!(!chain::meet(&input.extent(), &output.extent()), "the output overlaps the input");
        let job = convert::Job {
            codes: self.arena.wrapping_add(codes.offset),
            floats: self.float(floats.offset),
            count: codes.extent().len(),
            quant,
        };
        let kernel = if quantises { self.kernels.codes.quantise } else { self.kernels.codes.dequantise };
        // SAFETY: checked above; this run borrows the arena.
        unsafe { kernel(&job) };
    }

    /// A float image into a map of codes.
    pub fn import_codes_f32(&mut self, source: &Source, map: &Map, quant: Quant, input: &[f32]) {
        self.import_codes(source, map, quant, input);
    }

    /// An image of codes without a sign into a map of them.
    pub fn import_codes_u8(&mut self, source: &Source, map: &Map, quant: Quant, input: &[u8]) {
        self.import_codes(source, map, quant, input);
    }

    /// An image of codes with a sign into a map of codes.
    pub fn import_codes_i8(&mut self, source: &Source, map: &Map, quant: Quant, input: &[i8]) {
        self.import_codes(source, map, quant, input);
    }

    /// An image of float16 into a map of codes.
    pub fn import_codes_f16(&mut self, source: &Source, map: &Map, quant: Quant, input: &[F16]) {
        self.import_codes(source, map, quant, input);
    }

    fn import_codes<T: Element>(&mut self, source: &Source, map: &Map, quant: Quant, input: &[T]) {
        check::source(source, Some(input.len()));
        check::codes("the map", map, self.len);
        check::quant("the map", quant);
        let same = [source.height, source.width, source.channels] == [map.height, map.width, map.channels];
        assert!(same, "the map has the image's shape");
        // SAFETY: checked above; this run borrows the arena.
        unsafe { image::import(source, input, &self.view(map).cast(), |x: T| x.code(quant)) };
    }

    /// A map of codes to the caller.
    pub fn export_u8(&mut self, map: &Map, layout: Layout, output: &mut [u8]) {
        self.export_codes(map, layout, output, |code| code);
    }

    /// A map of codes to the caller, with a sign.
    pub fn export_i8(&mut self, map: &Map, layout: Layout, output: &mut [i8]) {
        self.export_codes(map, layout, output, |code| (code ^ 0x80) as i8);
    }

    fn export_codes<T>(&mut self, map: &Map, layout: Layout, output: &mut [T], f: impl Fn(u8) -> T) {
        check::codes("the map", map, self.len);
        let want = check::product(&[map.height, map.width, map.channels]);
        assert!(output.len() == want, "the output has {} values instead of {want}", output.len());
        // SAFETY: checked above.
        unsafe { image::export(&self.view(map).cast(), layout, output, f) };
    }
}
