//! Chains: each link runs just far enough ahead of the one behind it.

use super::link::Places;
use super::{Run, StemJob};
use crate::F16;
use crate::rt::image::{Image, Pixels, Rows};
use crate::rt::kernel::{View, padded_channels};
use crate::rt::share::{self, Shared};
use crate::rt::{Chain, Epilogue, Link, LinkKind, MAX_LINKS, Map, NONE, Stem};
use core::ops::Range;

/// Row blocks that threads work on before they wait for each other fill about this much memory per thread.
const BATCH: usize = 256 << 10;

/// How far a chain has come.
#[derive(Clone, Copy)]
struct Walk<'c, 'i> {
    stem: Option<(&'c Stem, StemJob)>,
    links: &'c [Link],
    image: Image<'i>,
    /// Groups that the stem and the links have computed.
    done: [usize; MAX_LINKS + 1],
    /// What the arena's first byte is to the rings.
    rings: *mut u8,
    /// Where a mean at the end of the chain goes, and the room for it.
    mean: (*mut f32, usize),
    /// Whether threads share each group.
    spread: bool,
    /// Whether to count only.
    dry: bool,
}

/// How code calls chains, for each type that an image's elements have.
macro_rules! entries {
    ($($element:ty, $image:ident, $of:literal: $chain:ident, $rows:ident, $mean:ident;)*) => {
        impl Run<'_> {
            $(
                #[doc = concat!("A chain, from an image of ", $of, " where it has a stem.")]
                pub fn $chain(&mut self, chain: &Chain, input: &[$element]) {
                    self.chain(chain.stem.as_ref(), chain.links, Image::$image(Pixels::Whole(input)), None);
                }

                #[doc = concat!("A chain that ends in a mean, to the caller, from an image of ", $of, " where it has a stem.")]
                pub fn $mean(&mut self, chain: &Chain, input: &[$element], output: &mut [f32]) {
                    self.chain(chain.stem.as_ref(), chain.links, Image::$image(Pixels::Whole(input)), Some(output));
                }

                #[doc = concat!("A chain from rows of ", $of, ", each of which `read` fills where it lies at byte `row` of the")]
                /// arena: the first of them, how many, and their elements. A chain that ends in a mean may give it to the caller.
                pub fn $rows(
                    &mut self,
                    chain: &Chain,
                    row: usize,
                    read: &mut dyn FnMut(usize, usize, &mut [$element]),
                    mean: Option<&mut [f32]>,
                ) {
                    self.chain(chain.stem.as_ref(), chain.links, Image::$image(Pixels::Rows(Rows { read, offset: row })), mean);
                }
            )*
        }
    };
}

entries! {
    f32, F32, "floats": chain_f32, chain_rows_f32, chain_f32_mean_out;
    u8, U8, "unsigned bytes": chain_u8, chain_rows_u8, chain_u8_mean_out;
    i8, I8, "signed bytes": chain_i8, chain_rows_i8, chain_i8_mean_out;
    F16, F16, "float16": chain_f16, chain_rows_f16, chain_f16_mean_out;
}

impl Run<'_> {
    pub(crate) fn chain(&mut self, stem: Option<&Stem>, links: &[Link], image: Image, mean: Option<&mut [f32]>) {
        assert!(links.len() <= MAX_LINKS, "a chain has at most {MAX_LINKS} links");
        let stem = stem.map(|stem| (stem, self.begin_stem(stem, &image)));
        let mut before = stem.as_ref().map(|(stem, _)| stem.output);
        for (index, link) in links.iter().enumerate() {
            self.check_link(link);
            assert!(before.is_none_or(|map| map == link.input), "link {index} reads what the one before it writes");
            assert!(link.kind != LinkKind::Mean || index + 1 == links.len(), "a mean is the last link of its chain");
            let alone = before.is_none() && mean.is_none();
            assert!(
                link.kind != LinkKind::Mean || link.codes.is_none() || alone,
                "a mean of codes is alone in its chain"
            );
            before = Some(link.output);
        }
        let Some(output) = before else { return };
        let ends = links.last().filter(|link| link.kind == LinkKind::Mean);
        let mean = match mean {
            None => (self.float(output.offset), padded_channels(output.channels)),
            Some(mean) => {
                assert!(ends.is_some(), "only a mean goes to the caller");
                assert!(
                    mean.len() == output.channels,
                    "the output has {} values instead of one per channel",
                    mean.len()
                );
                (mean.as_mut_ptr(), mean.len())
            }
        };
        let mut walk =
            Walk { stem, links, image, done: [0; MAX_LINKS + 1], rings: self.arena, mean, spread: false, dry: false };
        if share::threads() == 1 {
            // SAFETY: this run borrows the arena.
            return unsafe { self.advance(&mut walk, links.len(), usize::MAX) };
        }
        // A wrong chain is found before threads work on it.
        // SAFETY: nothing is read or written.
        unsafe { self.advance(&mut Walk { dry: true, ..walk }, links.len(), usize::MAX) };
        let within = walk.stem.is_none().then(|| links.first()).flatten().map(|link| link.input);
        // Rows come in order, to this thread.
        let whole = walk.stem.is_none() || image.len().is_some();
        let free = whole && ends.is_none() && output.ring == output.groups() && walk.is_free(&output);
        match links {
            [depthwise, pointwise]
                if free
                    && walk.stem.is_none()
                    && [depthwise.kind, pointwise.kind] == [LinkKind::Depthwise, LinkKind::Pointwise] =>
            {
                self.batches(depthwise, pointwise);
            }
            _ if free && (walk.stem.is_some() || links.len() > 1) && within.is_none_or(|map| apart(&output, &map)) => {
                self.rows_apart(&walk, &output);
            }
            _ => {
                walk.spread = true;
                // SAFETY: this run borrows the arena.
                unsafe { self.advance(&mut walk, links.len(), usize::MAX) };
            }
        }
    }

    /// Each thread computes output rows of its own from the first link on, over rings of its own.
    fn rows_apart(&self, walk: &Walk, output: &Map) {
        let memory = walk.rings_extent();
        // SAFETY: every thread writes rows of its own, which nobody reads, and all else to memory of its own.
        let shared = unsafe { Shared::new((self, *walk)) };
        share::apart(output.groups(), memory.len(), |groups, copy| {
            let (run, mut walk) = *shared.get();
            if let Some(copy) = copy {
                walk.rings = copy.wrapping_sub(memory.start);
                let inner = !walk.links.is_empty();
                walk.stem = walk.stem.map(|(stem, job)| (stem, run.move_stem(&job, walk.rings, inner)));
            }
            walk.start(groups.start);
            let links = walk.links.len();
            // SAFETY: as above.
            unsafe { run.advance(&mut walk, links, groups.end * output.group) };
        });
    }

    /// A depthwise and a pointwise link on all threads: all depthwise halves of some groups, whose blocks lie in memory of their own,
    /// then all pointwise ones. A group overwrites only what no later one reads, so it may wait for these to read theirs.
    fn batches(&self, depthwise: &Link, pointwise: &Link) {
        let groups = pointwise.output.groups();
        let middle = &depthwise.output;
        let block = middle.group * middle.width * padded_channels(middle.channels) * middle.bytes;
        let batch = (BATCH * share::threads() / block).clamp(1, groups);
        let memory = share::memory(batch * block).unwrap_or(self.arena.wrapping_add(middle.offset));
        let middle = Map { offset: 0, ring: batch, ..*middle };
        // SAFETY: the memory holds a block for each group of a batch.
        let middle = unsafe { View::new(&middle, memory) };
        let view =
            |map: &Map, at: &Link| Places { input: self.view(map), output: middle, add: self.residual(&at.epilogue) };
        let places = [view(&depthwise.input, depthwise), view(&pointwise.output, pointwise)];
        let [first, second] = places;
        let second = Places { input: middle, output: second.input, ..second };
        let halves = [(depthwise, first), (pointwise, second)];
        // SAFETY: in each half every thread has parts of groups of its own, and nobody reads what another writes.
        let shared = unsafe { Shared::new((self, halves)) };
        for begin in (0..groups).step_by(batch) {
            let some = begin..(begin + batch).min(groups);
            for half in 0..2 {
                let units = self.units(halves[half].0);
                share::split(some.len() * units, |range| {
                    let (run, halves) = shared.get();
                    let (link, places) = &halves[half];
                    for (q, units) in pieces(range, units) {
                        // SAFETY: as above.
                        unsafe { run.link_group(link, places, begin + q, units) };
                    }
                });
            }
        }
    }

    /// Computes what the first `index` links behind the stem write, as far as row `rows`.
    ///
    /// # Safety
    /// The links have been checked, and nobody else touches what they read and write.
    unsafe fn advance(&self, walk: &mut Walk, index: usize, rows: usize) {
        let (groups, group) = match (index.checked_sub(1), &walk.stem) {
            (Some(link), _) => (walk.links[link].groups(), walk.links[link].counted().group),
            (None, Some((stem, _))) => (stem.output.groups(), stem.output.group),
            (None, None) => return,
        };
        while walk.done[index] < groups && walk.done[index] * group < rows {
            let q = walk.done[index];
            walk.done[index] = match index.checked_sub(1) {
                // SAFETY: as for this function.
                Some(link) => unsafe { self.step(walk, link, q) },
                None => {
                    if let Some((stem, job)) = walk.stem.as_mut().filter(|_| !walk.dry) {
                        // SAFETY: as for this function.
                        unsafe { self.stem_group(job, stem, walk.image, q) };
                    }
                    q + 1
                }
            };
        }
    }

    /// Group `q` of a link, and what that needs of those before it; returns how many groups there are now.
    ///
    /// # Safety
    /// As for [`Self::advance`].
    unsafe fn step(&self, walk: &mut Walk, index: usize, q: usize) -> usize {
        let links = walk.links;
        let link = &links[index];
        let chained = index > 0 || walk.stem.is_some();
        if chained {
            let rows = link.rows(q);
            // SAFETY: as for this function.
            unsafe { self.advance(walk, index, rows.end) };
            walk.holds(&link.input, index, rows);
        }
        let add = &link.epilogue.add;
        let source = if add.is_none() { None } else { walk.source(index, add) };
        if let Some(source) = source {
            let last = ((q + 1) * link.output.group).min(add.height);
            walk.holds(add, source, q * link.output.group..last);
        }
        let mean = link.kind == LinkKind::Mean;
        let end = if mean && !chained { link.groups() } else { q + 1 };
        if walk.dry {
            return end;
        }
        let at = |map: &Map, ring: bool| {
            // SAFETY: the map was checked, and the rings have room for all maps inside the chain.
            unsafe { View::new(map, if ring { walk.rings } else { self.arena }) }
        };
        let input = at(&link.input, chained);
        let (units, spread) = (self.units(link), walk.spread && !link.overlaps(q));
        if mean {
            // SAFETY: as for this function; every thread has blocks of its own.
            let shared = unsafe { Shared::new((self, input, walk.mean)) };
            let work = |blocks| {
                let (run, input, mean) = *shared.get();
                // SAFETY: as above.
                unsafe {
                    match link.codes {
                        None => run.mean_groups(link, input, q..end, blocks, mean),
                        Some(codes) => run.mean_codes(codes, input.cast(), blocks, mean.0.cast()),
                    }
                }
            };
            if spread {
                share::split(units, work)
            } else {
                work(0..units)
            }
            return end;
        }
        let output = at(&link.output, index + 1 < links.len());
        let add = (!add.is_none()).then(|| at(add, source.is_some()));
        let places = Places { input, output, add };
        if spread {
            // SAFETY: as for this function; every thread has parts of its own and reads none of the others'.
            let shared = unsafe { Shared::new((self, places)) };
            share::split(units, |units| {
                let (run, places) = shared.get();
                // SAFETY: as above.
                unsafe { run.link_group(link, places, q, units) };
            });
        } else {
            // SAFETY: as for this function.
            unsafe { self.link_group(link, &places, q, 0..units) };
        }
        end
    }
}

impl Walk<'_, '_> {
    /// Which part of the chain in front of link `index` writes the map last, counted from the stem.
    fn source(&self, index: usize, map: &Map) -> Option<usize> {
        let link = self.links[..index].iter().rposition(|link| link.output == *map);
        let stem = self.stem.is_some_and(|(stem, _)| stem.output == *map);
        link.map(|link| link + 1).or(stem.then_some(0))
    }

    /// Panics unless rows of a map have been computed and are still there.
    fn holds(&self, map: &Map, source: usize, rows: Range<usize>) {
        let (done, first) = (self.done[source], rows.start / map.group);
        let there = done >= rows.end.div_ceil(map.group) && first + map.ring >= done;
        assert!(
            rows.is_empty() || there,
            "rows {rows:?} of {map:?} are not there when {done} groups have been computed"
        );
    }

    /// Begins at group `q` of the last link's output, and at what that needs of the maps before it.
    fn start(&mut self, mut q: usize) {
        for (link, done) in self.links.iter().zip(&mut self.done[1..]).rev() {
            *done = q;
            q = link.input_groups(q).start;
        }
        self.done[0] = q;
    }

    /// The bytes of the arena that hold what lies inside the chain.
    fn rings_extent(&self) -> Range<usize> {
        let count = self.links.len();
        let links = self.links.iter().take(count.saturating_sub(1)).map(|link| link.output.extent());
        let stem = self.stem.iter().flat_map(|(stem, job)| {
            [(count > 0).then(|| stem.output.extent()), Some(job.scratch(stem))].into_iter().flatten()
        });
        let all = links.chain(stem).reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).unwrap_or(0..0);
        all.start / 64 * 64..all.end
    }

    /// Whether threads may write groups of the output while others compute other groups: what epilogues read, apart from
    /// the chain's first input and what it writes itself, lies elsewhere, or is the very rows that are overwritten.
    fn is_free(&self, output: &Map) -> bool {
        let count = self.links.len();
        let stem = self.stem.iter().map(|(stem, _)| (0, &stem.epilogue, stem.output.channels));
        let links = self.links.iter().enumerate().map(|(i, link)| (i + 1, &link.epilogue, link.output.channels));
        stem.chain(links).all(|(index, epilogue, channels)| {
            let add = &epilogue.add;
            let gate = epilogue.gate == NONE || !meet(&output.extent(), &vector(epilogue.gate, channels, output.bytes));
            let inside = index > 0 && self.source(index - 1, add).is_some();
            gate && (add.is_none() || inside || apart(output, add) || (index == count && add == output))
        })
    }
}

impl Link {
    /// The map whose groups are counted.
    fn counted(&self) -> &Map {
        if self.kind == LinkKind::Mean { &self.input } else { &self.output }
    }

    /// Whether what group `q` writes overlaps what other channels of it read.
    fn overlaps(&self, q: usize) -> bool {
        let Epilogue { gate, add, .. } = &self.epilogue;
        let mean = self.kind == LinkKind::Mean;
        let out = if mean { self.output.extent() } else { self.output.slot(q) };
        let own = self.kind == LinkKind::Elementwise && self.input == self.output;
        let mut groups = if mean { 0..self.groups() } else { self.input_groups(q) };
        (!own && groups.any(|q| meet(&out, &self.input.slot(q))))
            || (*gate != NONE && meet(&out, &vector(*gate, self.output.channels, self.output.bytes)))
            || (!add.is_none() && *add != self.output && meet(&out, &add.extent()))
    }
}

/// Whether two ranges of bytes have one in common.
pub(crate) fn meet(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

fn apart(a: &Map, b: &Map) -> bool {
    !meet(&a.extent(), &b.extent())
}

/// The bytes of a vector whose elements have so many.
pub(crate) fn vector(offset: usize, channels: usize, bytes: usize) -> Range<usize> {
    offset..offset + padded_channels(channels) * bytes
}

/// A range over rows of `width` units each, row by row.
fn pieces(range: Range<usize>, width: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
    (range.start / width..range.end.div_ceil(width)).map(move |row| {
        let begin = row * width;
        (row, range.start.max(begin) - begin..range.end.min(begin + width) - begin)
    })
}
