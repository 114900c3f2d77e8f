//! Descriptors against the memory they point into.

use super::kernel::padded_channels;
use super::{Map, Quant, Source, Window};

/// Product of a few extents; saturates, so that nonsense fails the comparison that follows.
pub(crate) fn product(factors: &[usize]) -> usize {
    factors.iter().fold(1, |product, &f| usize::saturating_mul(product, f))
}

/// Panics unless so many bytes at `offset` lie inside `len`.
#[track_caller]
pub(crate) fn bytes(what: &str, offset: usize, bytes: usize, len: usize) {
    let end = bytes.saturating_add(offset);
    assert!(end <= len, "{what} at byte {offset} ends at {end}, but there are {len} bytes");
}

/// Panics unless `floats` floats at byte `offset` lie inside `len` bytes.
#[track_caller]
pub(crate) fn extent(what: &str, offset: usize, floats: usize, len: usize) {
    let end = floats.saturating_mul(4).saturating_add(offset);
    assert!(end <= len && offset.is_multiple_of(4), "{what} at byte {offset} ends at {end}, but there are {len} bytes");
}

/// Panics unless the map is one of floats, well formed, and lies inside the arena.
#[track_caller]
pub(crate) fn map(what: &str, map: &Map, arena: usize) {
    map_of(what, map, 4, arena);
}

/// The same of codes.
#[track_caller]
pub(crate) fn codes(what: &str, map: &Map, arena: usize) {
    map_of(what, map, 1, arena);
}

#[track_caller]
fn map_of(what: &str, map: &Map, element: usize, arena: usize) {
    let Map { offset, height, width, channels, group, ring, bytes } = *map;
    let sane = height > 0 && width > 0 && channels > 0 && channels < usize::MAX / 2 && group > 0 && ring > 0;
    assert!(sane && group <= height && ring <= height.div_ceil(group), "{what} is no map: {map:?}");
    assert!(bytes == element, "{what} has elements of {bytes} bytes instead of {element}: {map:?}");
    let rows = height.min(group.saturating_mul(ring));
    let size = product(&[rows, width, padded_channels(channels), bytes]);
    let end = size.saturating_add(offset);
    assert!(
        end <= arena && offset.is_multiple_of(bytes),
        "{what} at byte {offset} ends at {end}, but there are {arena} bytes"
    );
}

/// Panics unless the window can be placed over `output` positions; border taps need no check.
#[track_caller]
pub(crate) fn window(window: &Window, output: &Map) {
    let Window { kernel, stride, dilation, pad } = *window;
    for axis in 0..2 {
        let out = [output.height, output.width][axis];
        let sane = kernel[axis] > 0 && stride[axis] > 0 && dilation[axis] > 0;
        let reach = product(&[out, stride[axis]]).saturating_add(product(&[kernel[axis], dilation[axis]]));
        assert!(sane && reach.max(pad[axis]) < isize::MAX as usize / 64, "window out of range: {window:?}");
    }
}

/// Panics unless the image has as many values as its shape says, or is read row by row and has some.
#[track_caller]
pub(crate) fn source(source: &Source, len: Option<usize>) {
    let want = product(&[source.height, source.width, source.channels]);
    let len = len.unwrap_or(want);
    assert!(want == len && want > 0, "the input has {len} values instead of {want}");
}

/// Panics unless all numbers of the codes are in range.
#[track_caller]
pub(crate) fn quant(what: &str, quant: Quant) {
    assert!((0..=255).contains(&quant.zero), "the code of 0 of {what} is out of range: {quant:?}");
}

/// Floats in panels of `taps` taps for `channels` outputs.
pub(crate) fn panels(channels: usize, taps: usize) -> usize {
    product(&[padded_channels(channels), taps.saturating_add(1)])
}
