//! Links of stages, and chains of links: rings, blocks, sums in place.

use super::arena::Overlap;
use super::display::{self, cycles, thousands};
use super::groups::shape;
use super::integers::{added, gate, is_stem};
use super::lower::{Lowering, too_large};
use super::pack::Section;
use super::units::Unit;
use super::{Chain, Element, Epilogue, Link, LinkOp, Map, Op, Reads, Source, Step, UNIT, rows, stem_scratch_bytes};
use crate::diagnostic::Problem;
use crate::graph::Activation;
use crate::network::{Layout, MapId, Shape, StageKind};

impl<'a> Lowering<'a, '_> {
    /// A stage as a link, without its residual and its gate.
    pub fn link(&mut self, index: usize, input: Option<Map>, output: Map) -> Result<Link, Problem> {
        let stage = &self.shared.network.stages[index];
        let profile = stage.kind.profile();
        let (mut shape, mut layout) = (input.map_or([0; 3], |map| map.shape()), Layout::Nhwc);
        let mut window = profile.window.unwrap_or(UNIT);
        let op = match &stage.kind {
            kind if is_stem(self.shared.network, stage) => {
                let image = self.shared.check.source;
                (shape, layout) = ([image.height, image.width, image.channels], image.layout);
                let on_codes = output.element != Element::F32;
                let row = rows::row_bytes(self.shared.network, &image);
                let bytes = stem_scratch_bytes(image.channels, &window, output.width, on_codes)
                    .and_then(|staged| staged.checked_add(row))
                    .ok_or_else(too_large)?;
                let pad_values = if let StageKind::Stem(conv) = kind { conv.pad_values.to_vec() } else { Vec::new() };
                LinkOp::Stem { source: Source::Image(image), pad_values, scratch: 0, scratch_bytes: bytes }
            }
            kind => {
                if profile.shape == Shape::Vector {
                    window.kernel = [shape[0], shape[1]];
                }
                LinkOp::of(kind).ok_or_else(|| Problem::new("no link of a chain computes the stage"))?
            }
        };
        let packed = self.shared.packed[index].as_ref();
        let weights = match profile.filters {
            Some(_) if packed.is_some() => packed.map(|packed| self.section(Section::Packed(packed.bytes.clone()))),
            Some(filters) => {
                let taps = filters.over.taps(&window, shape).ok_or_else(too_large)?;
                let kernel = profile.window.map_or([1; 2], |window| window.kernel);
                let section = Section::filters(&filters, kernel, taps, layout);
                Some(self.section(section.ok_or_else(|| Problem::new("no link of a chain reads weights on codes"))?))
            }
            None => None,
        };
        let epilogue = match stage.kind {
            // What follows the sums is a step of its own.
            StageKind::GlobalAveragePool => Epilogue::activation(Activation::NONE),
            _ => self.epilogue(&stage.epilogue)?,
        };
        let codes = self.codes(stage, packed.map_or(0, |packed| packed.extras))?;
        Ok(Link { op, input, window, weights, epilogue, codes, output, stage: index, reason: String::new() })
    }

    /// A unit as a step.
    pub fn chain(&mut self, unit: &Unit) -> Result<(), Problem> {
        let cycles_before = self.cycles_of(unit);
        self.draft.cycles += cycles_before.0;
        let reason = self.reason(unit, cycles_before);
        self.links(&unit.stages, reason)
    }

    /// Several units as one step.
    pub fn stream(&mut self, units: &[Unit]) -> Result<(), Problem> {
        let stages: Vec<usize> = units.iter().flat_map(|unit| unit.stages.iter().copied()).collect();
        self.links(&stages, String::new())?;
        let Some(Step { op: Op::Chain(chain), stage, reason }) = self.draft.steps.pop() else { return Ok(()) };
        let mut links = chain.links;
        let working_set = working_set(&links);
        for unit in units {
            let at = |stage| links.iter().position(|link| link.stage == stage).unwrap_or_default();
            let (first, last) = (at(unit.first()), at(unit.last()));
            let (together, _) = self.cycles_of(unit);
            let spill = links[first].input.map_or(0.0, |map| self.shared.cost.stream_spill(&map, working_set));
            self.draft.cycles += together + spill;
            let rows = display::rows(links[last].output.group);
            let reason = match &links[last].op {
                LinkOp::Stem { .. } => "reads the input where it lies".to_string(),
                _ if together > 0.0 => format!("in blocks of {rows}: {} cycles", cycles(together)),
                _ => continue,
            };
            let separator = if links[last].reason.is_empty() { "" } else { "; " };
            links[last].reason.insert_str(0, &format!("{reason}{separator}"));
        }
        self.push(Op::Chain(Chain { links }), stage, reason);
        self.export(self.shared.network.stages[stage].output)
    }

    /// Modelled cycles of a unit's pointwise convolutions and what they read: as one chain, and with whole maps in between.
    fn cycles_of(&self, unit: &Unit) -> (f64, f64) {
        let (network, check, cost) = (self.shared.network, self.shared.check, self.shared.cost);
        let (mut together, mut apart) = (0.0, 0.0);
        for &index in &unit.stages {
            let stage = &network.stages[index];
            let Some(shape) = shape(network, check, stage) else { continue };
            let rows = self.rows[stage.output.0 as usize].min(shape.height).max(1);
            let fused = cost.fused(&shape, rows);
            together += fused;
            apart += fused;
            if shape.taps > 0 {
                apart += cost.split(&shape, rows) - fused;
                if !unit.stages.contains(&check.writer(stage.inputs[0]).unwrap_or(index)) {
                    together += cost.split(&shape, rows) - fused;
                }
            }
            if index != unit.last() {
                let (expanded, ring) = self.expanded(unit, stage.output);
                together += cost.passed(expanded, ring);
                apart += cost.passed(expanded, expanded);
            }
        }
        (together, apart)
    }

    /// Bytes of an expanded map, and of the ring that is kept of it.
    fn expanded(&self, unit: &Unit, map: MapId) -> (usize, usize) {
        let whole = self.shape_of(map);
        let output = self.shape_of(self.shared.network.stages[unit.last()].output);
        let ring = whole.group.saturating_mul(2).saturating_add(output.group).min(whole.height);
        (whole.bytes(), ring.saturating_mul(whole.row_bytes()))
    }

    fn reason(&self, unit: &Unit, (together, apart): (f64, f64)) -> String {
        let stages = &self.shared.network.stages;
        let (first, last) = (&stages[unit.first()], &stages[unit.last()]);
        let rows = display::rows(self.shape_of(last.output).group);
        match (LinkOp::of(&first.kind), &unit.stages[..]) {
            _ if is_stem(self.shared.network, first) => format!("reads the input where it lies, {rows} at a time"),
            (_, [_]) => first.note.clone(),
            _ if matches!(last.kind, StageKind::GlobalAveragePool) => "only the sums are kept".into(),
            (Some(LinkOp::Depthwise), _) => {
                let block = Map { channels: self.shape_of(first.output).channels, ..self.shape_of(last.output) };
                let block = thousands(block.group_bytes() as u64);
                format!(
                    "fused in blocks of {rows} ({block} B): {} cycles fused, {} split",
                    cycles(together),
                    cycles(apart)
                )
            }
            _ => format!("in blocks of {rows}: {} cycles as a chain, {} apart", cycles(together), cycles(apart)),
        }
    }

    /// Stages, each of which reads first what the one before it writes, as one step.
    fn links(&mut self, stages: &[usize], reason: String) -> Result<(), Problem> {
        let network = self.shared.network;
        let ids: Vec<MapId> = stages.iter().map(|&index| network.stages[index].output).collect();
        let inside = |map: MapId, before: usize| ids[..before].iter().position(|&id| id == map);
        let first = &network.stages[stages[0]];
        let input = match is_stem(network, first) {
            true => None,
            false => Some(self.read(first.inputs[0])?),
        };
        let (mut links, mut sums) = (Vec::with_capacity(stages.len()), Vec::with_capacity(stages.len()));
        for (i, &index) in stages.iter().enumerate() {
            let stage = &network.stages[index];
            let input = if i == 0 { input } else { Some(self.shape_of(ids[i - 1])) };
            let mut link = self.link(index, input, self.shape_of(ids[i]))?;
            let added = added(network, stage);
            let sum = added.and_then(|map| inside(map, i));
            if sum.is_some() {
                link.reason = "sum apart: its operand is a ring".into();
            }
            if let (Some(map), None) = (added, sum) {
                link.epilogue.add = Some(self.read(map)?);
            }
            if let Some(gate) = gate(network, stage) {
                link.epilogue.gate = Some(self.read(gate)?.offset);
            }
            sums.push(sum);
            links.push(link);
        }
        self.place(&mut links, &sums, &ids)?;
        self.push_chain(links, reason);
        Ok(())
    }

    /// Gives every map of a chain its ring and its buffer.
    fn place(&mut self, links: &mut [Link], sums: &[Option<usize>], ids: &[MapId]) -> Result<(), Problem> {
        let last = links.len() - 1;
        let rings = rings(links, sums);
        let mut block_bytes = 0;
        for i in 0..last {
            links[i].output.ring = rings[i];
            let alike = links[i + 1].op.traits().reads != Reads::Windows;
            let reads_block = i > 0 && links[i - 1].output.offset == BLOCK;
            let block = rings[i] == 1 && alike && !reads_block && !sums.contains(&Some(i));
            if block {
                links[i].output.offset = BLOCK;
                block_bytes = block_bytes.max(links[i].output.bytes());
            } else {
                links[i].output.offset = self.buffer(links[i].output.bytes())?;
            }
        }
        self.place_last(links, ids[last])?;
        if block_bytes > 0 {
            let block = self.buffer(block_bytes)?;
            links.iter_mut().filter(|link| link.output.offset == BLOCK).for_each(|link| link.output.offset = block);
        }
        if let LinkOp::Stem { scratch_bytes, .. } = links[0].op {
            let staging = self.buffer(scratch_bytes)?;
            if let LinkOp::Stem { scratch, .. } = &mut links[0].op {
                *scratch = staging;
            }
        }
        for i in 0..links.len() {
            if i > 0 {
                links[i].input = Some(links[i - 1].output);
            }
            if let Some(of) = sums[i] {
                links[i].epilogue.add = Some(links[of].output);
            }
        }
        Ok(())
    }

    /// The last link's result: a vector, a map over the one that is added, or a map of its own.
    fn place_last(&mut self, links: &mut [Link], id: MapId) -> Result<(), Problem> {
        let last = links.len() - 1;
        if matches!(self.shared.network.stages[links[last].stage].kind, StageKind::GlobalAveragePool) {
            let (to, output) = self.vector(id)?;
            (links[last].op, links[last].output) = (LinkOp::Mean { to }, output);
            return Ok(());
        }
        let added = added(self.shared.network, &self.shared.network.stages[links[last].stage]);
        let (Some(added_id), Some(added)) = (added, links[last].epilogue.add) else {
            links[last].output = self.new_map(id)?;
            return Ok(());
        };
        match self.why_not_in_place(links, &added, added_id) {
            Some(why) => {
                links[last].reason = format!("sum apart: {why}");
                links[last].output = self.new_map(id)?;
            }
            None => {
                links[last].reason = "sum in place".into();
                links[last].output = added;
                self.maps[id.0 as usize] = Some(added);
            }
        }
        Ok(())
    }

    fn why_not_in_place(&self, links: &[Link], added: &Map, id: MapId) -> Option<&'static str> {
        let last = links.len() - 1;
        let output = Map { offset: added.offset, ..links[last].output };
        if self.last_reader[id.0 as usize] != self.unit {
            return Some("a later stage reads its operand");
        }
        if output != *added {
            return Some("its operand has other groups");
        }
        let others = links[..last].iter().filter_map(|link| link.epilogue.add);
        let gates = links.iter().filter_map(|link| link.epilogue.gate);
        if others.map(|map| map.offset).chain(gates).any(|offset| offset == added.offset) {
            return Some("an earlier link reads its operand, too");
        }
        let input = links[0].input.filter(|input| input.offset == added.offset)?;
        let mut done = vec![0; links.len()];
        let early = (0..output.groups()).any(|q| {
            advance(links, &mut done, q);
            let row = links[0].first_row(done[0]);
            row < input.height && row < output.rows(q).end
        });
        early.then_some("the order of rows would lose some of its input")
    }

    /// Links as one step; what they write last may lie over what they read first, as far as the order of rows allows.
    pub fn push_chain(&mut self, links: Vec<Link>, reason: String) {
        let (Some(first), Some(last)) = (links.first(), links.last()) else { return };
        let stage = last.stage;
        match (first.input, last.target()) {
            (Some(input), None) if input.offset != last.output.offset => self.overlap(&input, &last.output, &links),
            _ => {}
        }
        self.push(Op::Chain(Chain { links }), stage, reason);
    }

    /// Lets `output` begin below `input` by as little as the order of rows allows: while the last link writes a group,
    /// rows of the input that the first link has read for the last time are dead.
    fn overlap(&mut self, input: &Map, output: &Map, links: &[Link]) {
        let mut lead = -((input.bytes() + output.bytes()) as isize);
        let mut done = vec![0; links.len()];
        let adds = |link: &Link, map: &Map| link.epilogue.add.is_some_and(|add| add.offset == map.offset);
        if links.iter().any(|link| adds(link, output)) {
            return;
        }
        for q in 0..output.groups() {
            advance(links, &mut done, q);
            let added = links.iter().zip(&done).filter(|(link, _)| adds(link, input));
            let added = added.map(|(link, &done)| link.output.rows(done).start);
            let row = added.fold(links[0].first_row(done[0]), usize::min);
            if row < input.height {
                let written = output.rows(q).end * output.row_bytes();
                let live = row / input.group * input.group * input.row_bytes();
                lead = lead.max(written as isize - live as isize);
            }
        }
        self.draft.overlaps.push(Overlap { input: input.offset, output: output.offset, lead });
    }
}

/// Bytes of the buffers between links.
fn working_set(links: &[Link]) -> usize {
    let inner = links.iter().rev().skip(1).map(|link| (link.output.offset, std::cmp::Reverse(link.output.bytes())));
    let mut buffers: Vec<_> = inner.collect();
    buffers.sort_unstable();
    buffers.dedup_by_key(|&mut (offset, _)| offset);
    buffers.iter().map(|&(_, bytes)| bytes.0).sum()
}

/// Stands for the buffer of a chain's blocks until there is one.
const BLOCK: usize = usize::MAX;

/// Counts the groups that each link but the last has computed when the last computes its group `q`.
fn advance(links: &[Link], done: &mut [usize], q: usize) {
    let Some(last) = done.last_mut() else { return };
    *last = q;
    let mut needed = links[links.len() - 1].rows_needed(q);
    for (link, done) in links.iter().zip(done).rev().skip(1) {
        let groups = needed.div_ceil(link.output.group);
        if groups <= *done {
            return;
        }
        *done = groups;
        needed = link.rows_needed(groups - 1);
    }
}

/// Groups that the maps between links must keep: from the oldest that is still read to the newest there is. `sums` says which
/// link's result each link adds.
fn rings(links: &[Link], sums: &[Option<usize>]) -> Vec<usize> {
    let mut rings = vec![1; links.len()];
    let mut done = vec![0; links.len()];
    let last = links.len() - 1;
    for _ in 0..links[last].groups() {
        compute(links, sums, &mut done, &mut rings, last);
    }
    rings[last] = links[last].output.groups();
    rings
}

/// Lets a link compute its next group, after all that it needs.
fn compute(links: &[Link], sums: &[Option<usize>], done: &mut [usize], rings: &mut [usize], i: usize) {
    let (link, q) = (&links[i], done[i]);
    if i > 0 {
        while links[i - 1].output.rows(done[i - 1]).start < link.rows_needed(q) {
            compute(links, sums, done, rings, i - 1);
        }
        let oldest = link.first_row(q) / links[i - 1].output.group;
        rings[i - 1] = rings[i - 1].max(done[i - 1].saturating_sub(oldest));
    }
    if let Some(of) = sums[i] {
        let oldest = link.output.rows(q).start / links[of].output.group;
        rings[of] = rings[of].max(done[of].saturating_sub(oldest));
    }
    done[i] += 1;
}
