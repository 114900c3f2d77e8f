//! An arena that remembers which value was written where, span by span.

use super::Fault;
use crate::network::MapId;
use crate::plan::{Element, Map};
use std::collections::BTreeMap;
use std::ops::Range;

/// What bytes hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    /// A map of the network.
    Map(MapId),
    /// What a stage has computed so far, without its epilogue or before it worked in place.
    Raw(usize),
    /// The array of a port.
    Array(usize),
    /// Staging rows of the chain of this step.
    Staging(usize),
}

/// Which part of it.
type Tag = (Value, usize);

/// The arena.
pub(super) struct Memory {
    size: usize,
    /// End of the highest byte used.
    pub used: usize,
    spans: BTreeMap<usize, (usize, Tag)>,
}

impl Memory {
    pub fn new(size: usize) -> Self {
        Self { size, used: 0, spans: BTreeMap::new() }
    }

    /// Checks that a range is aligned and inside.
    fn inside(&mut self, range: &Range<usize>, align: usize) -> Result<(), Fault> {
        if !range.start.is_multiple_of(align) || range.end > self.size || range.start >= range.end {
            return Err(Fault::new("bytes outside of the arena", format!("{range:?} of {}", self.size)));
        }
        self.used = self.used.max(range.end);
        Ok(())
    }

    pub fn write(&mut self, range: Range<usize>, tag: Tag) -> Result<(), Fault> {
        self.write_aligned(range, tag, 32)
    }

    fn write_aligned(&mut self, range: Range<usize>, tag: Tag, align: usize) -> Result<(), Fault> {
        self.inside(&range, align)?;
        // The span that begins in front and reaches in, then those that begin inside.
        if let Some((&start, &(end, old))) = self.spans.range(..range.start).next_back()
            && end > range.start
        {
            self.spans.insert(start, (range.start, old));
            if end > range.end {
                self.spans.insert(range.end, (end, old));
            }
        }
        while let Some((&start, &(end, old))) = self.spans.range(range.start..range.end).next() {
            self.spans.remove(&start);
            if end > range.end {
                self.spans.insert(range.end, (end, old));
            }
        }
        self.spans.insert(range.start, (range.end, tag));
        Ok(())
    }

    /// Whether nothing has been written over any of this.
    pub fn holds(&self, range: &Range<usize>, tag: Tag) -> Result<(), Fault> {
        match self.spans.get(&range.start) {
            Some((end, found)) if (*end, *found) == (range.end, tag) => Ok(()),
            found => Err(Fault::new("a value that is read has gone", format!("{tag:?} at {range:?}: {found:?}"))),
        }
    }

    pub fn write_group(&mut self, map: &Map, value: Value, q: usize) -> Result<(), Fault> {
        // Eight channels are the least that a pixel takes.
        self.write_aligned(group_range(map, q), (value, q), 8 * width(map.element))
    }

    pub fn group_holds(&self, map: &Map, value: Value, q: usize) -> Result<(), Fault> {
        self.holds(&group_range(map, q), (value, q))
    }
}

/// Bytes of one element; other than [`Element::bytes`], so that the two can disagree.
fn width(element: Element) -> usize {
    match element {
        Element::F32 => size_of::<f32>(),
        Element::F16 => size_of::<u16>(),
        Element::U8 => size_of::<u8>(),
        Element::I8 => size_of::<i8>(),
    }
}

/// Bytes of `channels` with their padding lanes: blocks of 16, the last of 8 where that is enough.
pub(super) fn lanes(channels: usize) -> usize {
    let rest = match channels % 16 {
        0 => 0,
        1..=8 => 8,
        _ => 16,
    };
    channels / 16 * 16 + rest
}

/// Groups of a map's rows.
pub(super) fn groups(map: &Map) -> usize {
    map.height.div_ceil(map.group)
}

/// The bytes of a group: in its slot of the ring, as many rows as it has.
fn group_range(map: &Map, q: usize) -> Range<usize> {
    let row = map.width * lanes(map.channels) * width(map.element);
    let rows = (map.height - q * map.group).min(map.group);
    let start = map.offset + q % map.ring * map.group * row;
    start..start + rows * row
}

/// Checks a map for itself: its shape, groups, ring and alignment.
pub(super) fn check_map(map: &Map) -> Result<(), Fault> {
    const MOST: usize = i32::MAX as usize;
    let Map { offset, height, width: columns, channels, group, ring, element } = *map;
    let fault = |what| Err(Fault::new(what, format!("{map:?}")));
    if [height, columns, channels, group, ring].iter().any(|&n| n == 0 || n > MOST) || offset > MOST {
        return fault("a map without extent");
    }
    if group > height || ring > groups(map) {
        return fault("a map with more groups than rows");
    }
    let bytes = (height.min(group * ring) as u128) * columns as u128 * lanes(channels) as u128 * width(element) as u128;
    if bytes > MOST as u128 {
        return fault("a map of more than 2 GiB");
    }
    if matches!(element, Element::I8 | Element::F16) {
        return fault("a map that no kernel writes");
    }
    if !offset.is_multiple_of(64) {
        return fault("a map that is not aligned");
    }
    Ok(())
}
