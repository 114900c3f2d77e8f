//! The kinds of links: what each of them is to code that does not care which one it has, and the call of its kernel.

use super::Run;
use super::link::{Pass, Places};
use crate::rt::kernel::{View, conv, depthwise, padded_channels, pointwise, pool};
use crate::rt::{Clamp, Link, Map, Window, check};
use core::ops::Range;
use core::ptr::null;

/// What a link computes, a number as in C; [`Run`](super::Run) refuses those that have no name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct LinkKind(
    /// The number.
    pub u32,
);

#[allow(non_upper_case_globals)]
impl LinkKind {
    /// Any convolution in `groups` groups; the border is zero.
    pub const Conv: Self = Self(0);
    /// Each channel by itself; the border is zero.
    pub const Depthwise: Self = Self(1);
    /// 1x1 convolution; input and output have the same groups.
    pub const Pointwise: Self = Self(2);
    /// Maximum; neither the border nor a NaN ever wins.
    pub const MaxPool: Self = Self(3);
    /// Mean of a window; of the whole window, border included, where `groups` is 1, of its part inside the map where it is 0.
    pub const AveragePool: Self = Self(4);
    /// The epilogue alone; input and output have the same groups.
    pub const Elementwise: Self = Self(5);
    /// Mean of a whole map, the last link of its chain. Its output is the vector, a map of one pixel.
    pub const Mean: Self = Self(6);
}

/// What a link reads of its input to write group `q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// What lies under the windows of the group's rows.
    Windows,
    /// Group `q` and nothing else.
    Group,
    /// Group `q` of so many, for a result of one pixel that is there behind the last.
    Whole,
}

/// What one filter goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// There are none.
    Nothing,
    /// The window in one channel.
    Channel,
    /// The window in the channels of a group.
    Group,
    /// All channels of a pixel.
    Pixel,
}

impl LinkKind {
    /// What is asked of every kind that has a name.
    fn traits(self) -> Option<(Reads, Over)> {
        match self {
            Self::Conv => Some((Reads::Windows, Over::Group)),
            Self::Depthwise => Some((Reads::Windows, Over::Channel)),
            Self::Pointwise => Some((Reads::Group, Over::Pixel)),
            Self::MaxPool | Self::AveragePool => Some((Reads::Windows, Over::Nothing)),
            Self::Elementwise => Some((Reads::Group, Over::Nothing)),
            Self::Mean => Some((Reads::Whole, Over::Nothing)),
            _ => None,
        }
    }

    pub(crate) fn reads(self) -> Option<Reads> {
        self.traits().map(|(reads, _)| reads)
    }

    /// Whether its kernel computes panels of output channels, not channel blocks.
    pub(super) fn has_panels(self) -> bool {
        matches!(self.traits(), Some((_, Over::Group | Over::Pixel)))
    }

    /// Whether its kernel adds a map.
    pub(super) fn adds(self) -> bool {
        self == Self::Pointwise
    }
}

impl Link {
    /// Whether the input, the window, the groups and the output go together, and the kind has a name.
    pub(super) fn fits(&self) -> bool {
        let Self { kind, groups, input, window, output, .. } = self;
        let Some((reads, over)) = kind.traits() else { return false };
        let shape = |map: &Map| [map.height, map.width, map.group];
        let divides = |n: usize| n.checked_rem(*groups) == Some(0);
        let rows = match reads {
            Reads::Windows => true,
            Reads::Group => shape(input) == shape(output) && *window == Window::ONE,
            Reads::Whole => [output.height, output.width] == [1, 1],
        };
        let channels = match over {
            Over::Group => divides(input.channels) && divides(output.channels),
            Over::Pixel => true,
            Over::Channel | Over::Nothing => input.channels == output.channels,
        };
        rows && channels && (*kind != LinkKind::AveragePool || *groups <= 1)
    }

    /// Taps of a filter, where there are filters.
    pub(super) fn taps(&self) -> Option<usize> {
        let [rows, columns] = self.window.kernel;
        match self.kind.traits()?.1 {
            Over::Nothing => None,
            Over::Channel => Some(check::product(&[rows, columns])),
            Over::Group => {
                let channels = self.input.channels.checked_div(self.groups).unwrap_or(0);
                Some(check::product(&[rows, columns, channels]))
            }
            Over::Pixel => Some(self.input.channels),
        }
    }
}

impl Run<'_> {
    /// The kernel of some units.
    ///
    /// # Safety
    /// As for [`Self::link_group`].
    pub(super) unsafe fn compute(
        &self,
        link: &Link,
        places: &Places,
        (clamp, within): (Clamp, Option<View>),
        q: usize,
        units: Range<usize>,
    ) {
        let (kernels, Places { input, output, .. }) = (self.kernels, places);
        let (padded, unit) = (padded_channels(output.channels), self.unit());
        // SAFETY: as for this function.
        unsafe {
            let (out, rows) = output.group(q);
            let (first, width, window, input) = (q * output.group, output.width, link.window, *input);
            let weights = || self.weights.as_ptr().add(link.weights).cast::<f32>();
            let channels = units.start * unit..(units.end * unit).min(padded);
            match link.kind {
                LinkKind::Depthwise => {
                    let weights = weights();
                    let job = depthwise::Job { blocks: units, input, window, weights, clamp, first, rows, width, out };
                    (kernels.depthwise)(&job);
                }
                LinkKind::Pointwise => {
                    let (a, panels) = (input.group(q).0, weights());
                    let again = if q + 1 < output.groups() { 0 } else { padded };
                    let next = if channels.end < padded { channels.end } else { again };
                    let block = pointwise::Block {
                        channels,
                        a,
                        k: input.channels,
                        panels,
                        n: output.channels,
                        out,
                        add: within.map_or(null(), |add| add.group(q).0.cast_const()),
                        pixels: rows * width,
                        clamp,
                        next,
                        behind: self.weights.len() - link.weights,
                    };
                    pointwise::block(&block, &kernels.pointwise);
                }
                LinkKind::Conv => {
                    let (panels, n) = (weights(), output.channels);
                    for y in first..first + rows {
                        let (channels, groups, out) = (channels.clone(), link.groups, output.row(y));
                        (kernels.conv)(&conv::Row { channels, groups, input, window, y, panels, n, clamp, out, width });
                    }
                }
                LinkKind::MaxPool | LinkKind::AveragePool => {
                    let pool = match (link.kind, link.groups) {
                        (LinkKind::MaxPool, _) => pool::Pool::Max,
                        (_, 0) => pool::Pool::Inside,
                        _ => pool::Pool::Whole,
                    };
                    let blocks = units.clone();
                    (kernels.pool)(&pool::Job { pool, blocks, input, window, first, rows, width, out });
                    if clamp.lo > f32::NEG_INFINITY || clamp.hi < f32::INFINITY {
                        self.pass(&Pass::bounds(clamp), output, output, q, units);
                    }
                }
                _ => self.pass(&Pass::bounds(clamp), &input, output, q, units),
            }
        }
    }
}
