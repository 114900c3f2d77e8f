//! The caller's images: into staging rows, into maps and out of them.

use super::kernel::codes::{Kernels, convert};
use super::kernel::{View, padded_channels};
use super::{Layout, Quant, Source};
use crate::F16;

/// An input element.
pub(crate) trait Element: Copy + Sync {
    /// As a float, bytes as the integers they are.
    fn float(self) -> f32;
    /// As a code: bytes are codes, floats become some.
    fn code(self, quant: Quant) -> u8;
    /// As many codes.
    fn codes(from: &[Self], to: &mut [u8], quant: Quant, _: &Kernels) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = from.code(quant));
    }
}

impl Element for f32 {
    #[inline(always)]
    fn float(self) -> f32 {
        self
    }
    #[inline(always)]
    fn code(self, quant: Quant) -> u8 {
        convert::code(self, quant)
    }
    fn codes(from: &[Self], to: &mut [u8], quant: Quant, kernels: &Kernels) {
        let count = from.len().min(to.len());
        let (codes, floats) = (to.as_mut_ptr(), from.as_ptr().cast_mut());
        // SAFETY: so many of both; the floats are read only.
        unsafe { (kernels.quantise)(&convert::Job { codes, floats, count, quant }) };
    }
}
impl Element for u8 {
    #[inline(always)]
    fn float(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn code(self, _: Quant) -> u8 {
        self
    }
}
impl Element for i8 {
    #[inline(always)]
    fn float(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn code(self, _: Quant) -> u8 {
        (self as u8) ^ 0x80
    }
}

impl Element for F16 {
    #[inline(always)]
    fn float(self) -> f32 {
        self.to_f32()
    }
    #[inline(always)]
    fn code(self, quant: Quant) -> u8 {
        convert::code(self.to_f32(), quant)
    }
}

/// The caller's image.
#[derive(Clone, Copy)]
pub(crate) enum Image<'a> {
    F32(Pixels<'a, f32>),
    U8(Pixels<'a, u8>),
    I8(Pixels<'a, i8>),
    F16(Pixels<'a, F16>),
}

/// The elements of an image: all of them, or what gives them row by row.
#[derive(Clone, Copy)]
pub(crate) enum Pixels<'a, T> {
    Whole(&'a [T]),
    Rows(Rows<'a, T>),
}

/// Where rows of an image come from.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    /// Fills rows: the first, how many, and their elements.
    pub read: *mut (dyn FnMut(usize, usize, &mut [T]) + 'a),
    /// Byte offset in the arena of the row that it fills.
    pub offset: usize,
}

impl Image<'_> {
    /// Values, where all are there.
    pub(crate) fn len(&self) -> Option<usize> {
        match self {
            Self::F32(values) => values.len(),
            Self::U8(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::F16(values) => values.len(),
        }
    }

    /// The bytes of the arena that a row of so many elements takes, where rows are read.
    pub(crate) fn row(&self, elements: usize) -> Option<(usize, usize)> {
        match self {
            Self::F32(values) => values.row(elements),
            Self::U8(values) => values.row(elements),
            Self::I8(values) => values.row(elements),
            Self::F16(values) => values.row(elements),
        }
    }
}

impl<T> Pixels<'_, T> {
    fn len(&self) -> Option<usize> {
        match self {
            Self::Whole(values) => Some(values.len()),
            Self::Rows(_) => None,
        }
    }

    fn row(&self, elements: usize) -> Option<(usize, usize)> {
        match self {
            Self::Whole(_) => None,
            Self::Rows(rows) => Some((rows.offset, elements.saturating_mul(size_of::<T>()))),
        }
    }
}

/// Stages input row `y`, which may lie outside the image, with `left` border columns into `to`; `planes` rows of
/// `width` pixels for NCHW, one row of interleaved pixels for NHWC.
pub(crate) fn stage<T: Element>(
    source: &Source,
    input: &[T],
    y: isize,
    left: usize,
    pads: &[f32],
    width: usize,
    to: &mut [f32],
) {
    let outside = y < 0 || y >= source.height as isize;
    let y = if outside { 0 } else { y as usize };
    let (w, c) = (source.width, source.channels);
    let left = if outside { width } else { left.min(width) };
    let image = w.min(width - left);
    match source.layout {
        Layout::Nchw => {
            for (plane, (to, &pad)) in to.chunks_exact_mut(width).zip(pads).enumerate() {
                let (border, rest) = to.split_at_mut(left);
                border.fill(pad);
                let (inner, border) = rest.split_at_mut(image);
                let from = if outside { &[] } else { &input[(plane * source.height + y) * w..][..image] };
                inner.iter_mut().zip(from).for_each(|(to, from)| *to = from.float());
                border.fill(pad);
            }
        }
        Layout::Nhwc => {
            let (border, rest) = to[..width * c].split_at_mut(left * c);
            border.chunks_exact_mut(c).for_each(|pixel| pixel.copy_from_slice(pads));
            let (inner, border) = rest.split_at_mut(image * c);
            let from = &input[y * w * c..][..image * c];
            inner.iter_mut().zip(from).for_each(|(to, from)| *to = from.float());
            border.chunks_exact_mut(c).for_each(|pixel| pixel.copy_from_slice(pads));
        }
    }
}

/// Codes that are made at a time.
const SOME: usize = 64;

/// Stages input row `y` as codes, pixel by pixel whatever the order of the image, with `left` border columns.
pub(crate) fn stage_codes<T: Element>(
    source: &Source,
    input: &[T],
    y: isize,
    left: usize,
    quant: Quant,
    kernels: &Kernels,
    to: &mut [u8],
) {
    let (w, c, border) = (source.width, source.channels, quant.zero as u8);
    let width = to.len() / c;
    if y < 0 || y >= source.height as isize {
        return to.fill(border);
    }
    let (y, left) = (y as usize, left.min(width));
    let image = w.min(width - left);
    let (before, rest) = to.split_at_mut(left * c);
    let (inner, behind) = rest.split_at_mut(image * c);
    before.fill(border);
    behind.fill(border);
    match source.layout {
        Layout::Nhwc => T::codes(&input[y * w * c..][..image * c], inner, quant, kernels),
        Layout::Nchw => {
            let mut codes = [0; SOME];
            for plane in 0..c {
                let from = &input[(plane * source.height + y) * w..][..image];
                for (from, to) in from.chunks(SOME).zip(inner.chunks_mut(SOME * c)) {
                    T::codes(from, &mut codes, quant, kernels);
                    to.iter_mut().skip(plane).step_by(c).zip(&codes).for_each(|(to, code)| *to = *code);
                }
            }
        }
    }
}

/// Index of a value in an image.
fn index(layout: Layout, [h, w, c]: [usize; 3], y: usize, x: usize, channel: usize) -> usize {
    match layout {
        Layout::Nchw => (channel * h + y) * w + x,
        Layout::Nhwc => (y * w + x) * c + channel,
    }
}

/// Channel blocks of a map: index, first channel, channels, width.
fn blocks(channels: usize) -> impl Iterator<Item = (usize, usize, usize, usize)> {
    let padded = padded_channels(channels);
    (0..channels.div_ceil(16)).map(move |b| (b, b * 16, (channels - b * 16).min(16), (padded - b * 16).min(16)))
}

/// Writes what `f` makes of an image into a map, zeros into the lanes behind the last channel.
///
/// # Safety
/// The map must lie in writable memory that nothing else borrows.
pub(crate) unsafe fn import<T: Copy, U: Default>(source: &Source, input: &[T], map: &View<U>, f: impl Fn(T) -> U) {
    let shape = [source.height, source.width, source.channels];
    for y in 0..map.height {
        // SAFETY: the row exists.
        let row = unsafe { map.row(y) };
        for (block, first, channels, width) in blocks(map.channels) {
            for x in 0..map.width {
                for lane in 0..width {
                    let inside = lane < channels;
                    let value = match inside {
                        true => f(input[index(source.layout, shape, y, x, first + lane)]),
                        false => U::default(),
                    };
                    // SAFETY: the block exists in the row.
                    unsafe { row.block(block, width).add(x * width + lane).write(value) };
                }
            }
        }
    }
}

/// Copies a map into channels `channel..` of another.
///
/// # Safety
/// Both maps must lie in memory that nothing else borrows; they have the same height and width, and the output the channels.
pub(crate) unsafe fn copy<T>(from: &View<T>, to: &View<T>, channel: usize) {
    let padded = padded_channels(to.channels);
    let width = |c: usize| (padded - c / 16 * 16).min(16);
    for y in 0..from.height {
        // SAFETY: the rows, their blocks and pixels exist.
        unsafe {
            let (source, target) = (from.row(y), to.row(y));
            for (block, first, channels, lanes) in blocks(from.channels) {
                let (p, at) = (source.block(block, lanes), channel + first);
                if at.is_multiple_of(16) && channels == width(at) && lanes == channels {
                    target.block(at / 16, lanes).copy_from(p, from.width * lanes);
                    continue;
                }
                for c in at..at + channels {
                    let q = target.block(c / 16, width(c)).add(c % 16);
                    for x in 0..from.width {
                        q.add(x * width(c)).write(p.add(x * lanes + c - at).read());
                    }
                }
            }
        }
    }
}

/// Writes what `f` makes of a map out as an image.
///
/// # Safety
/// The map must lie in readable memory.
pub(crate) unsafe fn export<T, U>(map: &View<T>, layout: Layout, output: &mut [U], f: impl Fn(T) -> U) {
    let shape = [map.height, map.width, map.channels];
    for y in 0..map.height {
        // SAFETY: the row exists.
        let row = unsafe { map.row(y) };
        for (block, first, channels, width) in blocks(map.channels) {
            for x in 0..map.width {
                for lane in 0..channels {
                    // SAFETY: the block exists in the row.
                    let value = unsafe { row.block(block, width).add(x * width + lane).read() };
                    output[index(layout, shape, y, x, first + lane)] = f(value);
                }
            }
        }
    }
}
