//! Where the rows of a feature map lie.

use crate::rt::Map;

/// Channels as stored: full blocks of 16, then one of 8 if that holds the rest, else 16.
pub(crate) const fn padded_channels(channels: usize) -> usize {
    channels.div_ceil(8) * 8
}

/// A feature map in memory, its elements floats or codes.
pub(crate) struct View<T = f32> {
    base: *mut T,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub group: usize,
    ring: usize,
}

/// Where what lies at `p` of the arena lies in a copy of it.
pub(crate) fn moved<T>(p: *mut T, arena: *mut u8, copy: *mut u8) -> *mut T {
    copy.wrapping_add(p.addr() - arena.addr()).cast()
}

/// A row of pixels inside its group.
pub(crate) struct RowView<T = f32> {
    /// The group's first element.
    pub base: *mut T,
    /// Elements from one channel block to the next.
    pub block: usize,
    /// Pixels of the group in front of the row.
    pub pixel: usize,
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for View<T> {}
impl<T> Clone for RowView<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for RowView<T> {}

impl<T> RowView<T> {
    /// The row's first pixel in channel block `index`, which is `width` wide.
    ///
    /// # Safety
    /// The block must exist.
    #[inline(always)]
    pub(crate) unsafe fn block(self, index: usize, width: usize) -> *mut T {
        // SAFETY: inside the map, as the caller promises.
        unsafe { self.base.add(index * self.block + self.pixel * width) }
    }
}

impl<T> View<T> {
    /// # Safety
    /// The map's bytes must lie inside the arena, or what takes its place.
    pub(crate) unsafe fn new(map: &Map, arena: *mut u8) -> Self {
        Self {
            base: arena.wrapping_add(map.offset).cast(),
            height: map.height,
            width: map.width,
            channels: map.channels,
            group: map.group,
            ring: map.ring,
        }
    }

    /// Channel blocks that are 16 wide, and whether one that is 8 wide follows.
    #[inline(always)]
    pub(crate) fn blocks(&self) -> (usize, bool) {
        let padded = padded_channels(self.channels);
        (padded / 16, padded % 16 == 8)
    }

    pub(crate) fn groups(&self) -> usize {
        self.height.div_ceil(self.group)
    }

    /// The map with elements of another type.
    pub(crate) fn cast<U>(self) -> View<U> {
        let Self { base, height, width, channels, group, ring } = self;
        View { base: base.cast(), height, width, channels, group, ring }
    }

    /// The map as it lies in a copy of the arena.
    pub(crate) fn moved(self, arena: *mut u8, copy: *mut u8) -> Self {
        Self { base: moved(self.base, arena, copy), ..self }
    }

    /// First element and rows of group `q`.
    ///
    /// # Safety
    /// The group must exist.
    #[inline(always)]
    pub(crate) unsafe fn group(&self, q: usize) -> (*mut T, usize) {
        let slot = if q < self.ring { q } else { q % self.ring };
        let elements = self.group * self.width * padded_channels(self.channels);
        // SAFETY: the map holds `ring` groups.
        let base = unsafe { self.base.add(slot * elements) };
        (base, self.group.min(self.height - q * self.group))
    }

    /// # Safety
    /// `y < height`
    #[inline(always)]
    pub(crate) unsafe fn row(&self, y: usize) -> RowView<T> {
        let q = y / self.group;
        // SAFETY: the row exists, so its group does.
        let (base, rows) = unsafe { self.group(q) };
        RowView { base, block: rows * self.width * 16, pixel: (y - q * self.group) * self.width }
    }
}

/// The input rows under one output row: remembers where the first few lie.
pub(crate) struct Rows<T = f32> {
    view: View<T>,
    top: isize,
    dilation: usize,
    known: [RowView<T>; 8],
    /// Kernel rows inside the map, `first..end`.
    pub first: usize,
    pub end: usize,
}

impl<T> Rows<T> {
    /// Kernel rows of a window whose first row lies at `top`, which may be above the map.
    #[inline(always)]
    pub(crate) fn new(view: View<T>, top: isize, kernel: usize, dilation: usize) -> Self {
        let (first, end) = inside(top, kernel, dilation, view.height);
        let mut known = [RowView { base: core::ptr::null_mut(), block: 0, pixel: 0 }; 8];
        for (slot, k) in known.iter_mut().zip(first..end) {
            // SAFETY: `inside` returns rows of the map.
            *slot = unsafe { view.row((top + (k * dilation) as isize) as usize) };
        }
        Self { view, top, dilation, known, first, end }
    }

    /// The input row under kernel row `k`, which must be in `first..end`.
    #[inline(always)]
    pub(crate) fn get(&self, k: usize) -> RowView<T> {
        debug_assert!(self.first <= k && k < self.end);
        match self.known.get(k - self.first) {
            Some(row) => *row,
            // SAFETY: `inside` returned rows of the map.
            None => unsafe { self.view.row((self.top + (k * self.dilation) as isize) as usize) },
        }
    }
}

/// Which taps of a kernel whose first one lies at `start` fall inside `0..size`: a range, empty if none.
#[inline(always)]
pub(crate) fn inside(start: isize, kernel: usize, dilation: usize, size: usize) -> (usize, usize) {
    let first = if start < 0 { start.unsigned_abs().div_ceil(dilation).min(kernel) } else { 0 };
    let room = size as isize - start;
    let end = if room <= 0 { 0 } else { (room as usize).div_ceil(dilation).min(kernel) };
    (first.min(end), end)
}

/// Output positions `first..end` whose whole kernel lies inside `0..size`.
#[inline(always)]
pub(crate) fn interior(pad: usize, stride: usize, span: usize, size: usize, out: usize) -> (usize, usize) {
    let first = pad.div_ceil(stride).min(out);
    let end = if size + pad >= span { ((size + pad - span) / stride + 1).min(out) } else { 0 };
    (first, end.max(first))
}
