//! Proves a plan before anyone runs it: plays it group by group on an arena that remembers what was written where. Everything
//! that a step reads must be the value that its stage wants, whole and where the step looks; nothing may lie outside of the
//! arena or of the weights; every stage must run once, every output be written.
//!
//! What it knows it takes from the network and from the documented layouts, not from the planner: shapes, rows and sizes are
//! worked out here a second time. The cost is a few map operations per group of rows.

mod agree;
mod memory;
#[cfg(test)]
mod tests;

use super::{Chain, Epilogue, Link, LinkOp, MAX_LINKS, Map, Op, Plan, Step, Target, UNIT};
use crate::diagnostic::{Error, Problem};
use crate::network::integer::{Integer, IntegerKind};
use crate::network::{self, Finish, MapId, Network, Stage, StageKind};
use agree::{Sections, shape};
use memory::{Memory, Value, check_map, groups, lanes};
use std::collections::BTreeMap;

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    what: &'static str,
    details: String,
}

impl Fault {
    fn new(what: &'static str, details: String) -> Self {
        Self { what, details }
    }
}

/// Plays a plan.
///
/// # Errors
///
/// The first step that would compute something else than its stage, or reach out of its memory: a defect of the planner.
pub(super) fn verify(plan: &Plan) -> Result<(), Error> {
    let mut player = Player::new(plan);
    for (index, step) in plan.steps.iter().enumerate() {
        if let Err(Fault { what, details }) = player.step(index, step) {
            let found = format!("step {index} ({}): {what}; {details}", step.op.name());
            return Err(Problem::new("the plan is not sound")
                .expected("a plan that can be proved", found)
                .hint(DEFECT)
                .into());
        }
    }
    player.end().map_err(|Fault { what, details }| {
        let found = format!("{what}; {details}");
        Problem::new("the plan is not sound").expected("a plan that can be proved", found).hint(DEFECT).into()
    })
}

const DEFECT: &str = "this is a defect of the compiler; please report it with the model";

struct Player<'a> {
    plan: &'a Plan,
    network: &'a Network,
    memory: Memory,
    sections: Sections,
    /// Where each value lies that is in the arena.
    places: Vec<(Value, Map)>,
    /// How far each stage is.
    stages: Vec<Progress>,
    /// What lies in each port from which element on.
    ports: BTreeMap<(usize, usize), MapId>,
    /// What has been done to each port as a whole.
    finished: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Open,
    /// So many operands are copied, or all but the epilogue is done.
    Partly(usize),
    Done,
}

impl<'a> Player<'a> {
    fn new(plan: &'a Plan) -> Self {
        let network = &plan.network;
        Self {
            plan,
            network,
            memory: Memory::new(plan.arena_bytes),
            sections: Sections { next: 0 },
            places: Vec::new(),
            stages: vec![Progress::Open; network.stages.len()],
            ports: BTreeMap::new(),
            finished: vec![0; network.outputs.len()],
        }
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<(), Fault> {
        let stage = self.network.stages.get(step.stage).ok_or_else(|| fault("a step of no stage"))?;
        match &step.op {
            Op::Chain(chain) => self.chain(index, chain, step.stage),
            Op::Dense { .. } => self.dense(step, stage),
            Op::Copy { input, output, channel } => self.copy(step.stage, stage, input, output, *channel),
            Op::Convert { input, output, codes } => {
                self.whole(input, Value::Map(stage.inputs[0]))?;
                self.begin(step.stage, matches!(stage.kind, StageKind::Quantise | StageKind::Dequantise))?;
                self.fresh(output, stage.output)?;
                agree::converted(self.network, stage, *codes)?;
                agree_that(input.group == output.group, "numbers and codes in other groups")?;
                (0..groups(output)).try_for_each(|q| self.memory.write_group(output, Value::Map(stage.output), q))?;
                self.whole(input, Value::Map(stage.inputs[0]))?;
                self.place(Value::Map(stage.output), *output);
                Ok(())
            }
            Op::Import { source, output, codes } => {
                agree::source(source, self.network)?;
                agree_that(agree::quant(self.network, stage.output) == *codes, "an import of other codes")?;
                self.begin(step.stage, matches!(stage.kind, StageKind::Import))?;
                self.fresh(output, stage.output)?;
                (0..groups(output)).try_for_each(|q| self.memory.write_group(output, Value::Map(stage.output), q))?;
                self.place(Value::Map(stage.output), *output);
                Ok(())
            }
            Op::Export { input, layout, output } => {
                self.whole(input, Value::Map(stage.output))?;
                let piece = self
                    .network
                    .outputs
                    .iter()
                    .enumerate()
                    .flat_map(|(port, of)| of.pieces.iter().map(move |p| (port, p)));
                let fits = |(port, piece): &(usize, &network::Piece)| {
                    let placed = match output {
                        Target::Output { port: to, offset } => (*to, *offset) == (*port, piece.offset),
                        Target::Arena(_) => self.in_arena(*port) && piece.offset == 0,
                    };
                    placed && piece.map == stage.output && (piece.layout == *layout)
                };
                let (port, piece) =
                    piece.into_iter().find(fits).ok_or_else(|| fault("an export that no output wants"))?;
                if let Target::Arena(offset) = *output {
                    let bytes =
                        shape(self.network.maps[piece.map.0 as usize]).iter().product::<usize>() * size_of::<f32>();
                    self.memory.write(offset..offset.saturating_add(bytes), (Value::Array(port), 0))?;
                    self.whole(input, Value::Map(stage.output))?;
                }
                self.deliver(port, piece.offset, piece.map)
            }
            Op::Softmax { at, outer, n, inner, log } => {
                if let (StageKind::Softmax { log: of }, true) = (&stage.kind, self.stages[step.stage] != Progress::Done)
                {
                    agree_that((of, [1, *n, 1]) == (log, [*outer, *n, *inner]), "a softmax that is not the stage's")?;
                    return self.in_place(step.stage, stage, *at, *n);
                }
                self.finish(step.stage, *at, &Finish::Softmax { outer: *outer, n: *n, inner: *inner, log: *log })
            }
            Op::LpNormalize { at, outer, n, inner, p, epsilon } => {
                if let (StageKind::LpNormalize { p: of, epsilon: least }, true) =
                    (&stage.kind, self.stages[step.stage] != Progress::Done)
                {
                    let same =
                        u32::from(*of) == *p && least.to_bits() == epsilon.to_bits() && (*outer, *inner) == (1, 1);
                    agree_that(same, "a norm that is not the stage's")?;
                    return self.in_place(step.stage, stage, *at, *n);
                }
                let p = u8::try_from(*p).map_err(|_| fault("a norm that is not the output's"))?;
                self.finish(
                    step.stage,
                    *at,
                    &Finish::LpNormalize { outer: *outer, n: *n, inner: *inner, p, epsilon: *epsilon },
                )
            }
            Op::Activate { at, n, activation } => {
                let port = self.port_of(*at)?;
                agree_that(*n == self.elements(port), "an activation over other than the whole output")?;
                self.finish(step.stage, *at, &Finish::Activate(*activation))
            }
            Op::Halve { input, n, output } => {
                let port = self.port_of(Target::Arena(*input))?;
                agree_that(*output == Target::Output { port, offset: 0 }, "float16 in another output")?;
                agree_that(*n == self.elements(port), "float16 of other than the whole output")?;
                self.finish(step.stage, Target::Arena(*input), &Finish::Half)
            }
            Op::ArgMax { input, outer, n, inner, select_last, output } => {
                let port = self.port_of(Target::Arena(*input))?;
                agree_that(*output == Target::Output { port, offset: 0 }, "indices in another output")?;
                let select_last = *select_last;
                self.finish(
                    step.stage,
                    Target::Arena(*input),
                    &Finish::ArgMax { outer: *outer, n: *n, inner: *inner, select_last },
                )
            }
        }
    }

    /// Marks a stage as done that was not.
    fn begin(&mut self, stage: usize, right_kind: bool) -> Result<(), Fault> {
        agree_that(right_kind && self.stages[stage] == Progress::Open, "a stage that runs again or as something else")?;
        self.stages[stage] = Progress::Done;
        Ok(())
    }

    /// A whole map of a stage's shape, for itself.
    fn fresh(&mut self, map: &Map, id: MapId) -> Result<(), Fault> {
        check_map(map)?;
        agree_that(map.ring == groups(map), "a result that is not whole")?;
        agree_that(map.element == agree::element(self.network, id), "a result of another type than the stage's")?;
        agree_that(map.shape() == shape(self.network.maps[id.0 as usize]), "a result of another shape than the stage's")
    }

    fn place(&mut self, value: Value, map: Map) {
        self.places.retain(|(known, _)| *known != value);
        self.places.push((value, map));
    }

    fn placed(&self, value: Value) -> Result<Map, Fault> {
        let known = self.places.iter().find(|(known, _)| *known == value);
        known.map(|(_, map)| *map).ok_or_else(|| Fault::new("a value that is not in the arena", format!("{value:?}")))
    }

    /// Checks that a map is a value's, and all of it there.
    fn whole(&self, map: &Map, value: Value) -> Result<(), Fault> {
        agree_that(self.placed(value)? == *map, "a map that was written elsewhere")?;
        (0..groups(map)).try_for_each(|q| self.memory.group_holds(map, value, q))
    }

    fn vector_map(&self, offset: usize, id: MapId) -> Result<Map, Fault> {
        let [height, width, channels] = shape(self.network.maps[id.0 as usize]);
        agree_that((height, width) == (1, 1), "a vector of several pixels")?;
        let element = agree::element(self.network, id);
        let map = Map { offset, height, width, channels, group: 1, ring: 1, element };
        check_map(&map)?;
        Ok(map)
    }

    fn dense(&mut self, step: &Step, stage: &Stage) -> Result<(), Fault> {
        let Op::Dense { input, k, n, weights, epilogue, output } = &step.op else { return Ok(()) };
        let partly = stage.epilogue.add.is_some();
        let plain = Epilogue::activation(crate::graph::Activation::NONE);
        if partly {
            agree_that(*epilogue == plain, "an epilogue that is not the stage's")?;
        } else {
            agree::epilogue(epilogue, &stage.epilogue, [stage.epilogue.add.is_some(), false])?;
        }
        self.begin(step.stage, matches!(stage.kind, StageKind::Dense(_) | StageKind::Pointwise(_)))?;
        let source = Value::Map(stage.inputs[0]);
        let from = self.placed(source)?;
        let [height, width, channels] = from.shape();
        let one = (height, width) == (1, 1);
        let contiguous = one || channels == lanes(channels) && from.ring == groups(&from);
        agree_that(contiguous && from.offset == *input, "a dense layer that reads elsewhere")?;
        agree_that(
            one || matches!(stage.kind, StageKind::Dense(_)),
            "a pointwise convolution of several pixels as a dense layer",
        )?;
        agree_that(*k == height * width * channels, "a dense layer over another length")?;
        agree_that(*n == self.network.maps[stage.output.0 as usize].channels, "a dense layer of another length")?;
        self.sections.expect(*weights, *n, 1 + k)?;
        self.sections.epilogue(epilogue, *n)?;
        self.vector_result(step.stage, stage, *output, partly)?;
        self.whole(&from, source)
    }

    /// A vector into the arena or a port; a raw one where the epilogue follows.
    fn vector_result(&mut self, index: usize, stage: &Stage, to: Target, raw: bool) -> Result<(), Fault> {
        match to {
            Target::Arena(offset) => {
                let map = self.vector_map(offset, stage.output)?;
                let value = if raw { Value::Raw(index) } else { Value::Map(stage.output) };
                self.memory.write_group(&map, value, 0)?;
                self.place(value, map);
                if raw {
                    self.stages[index] = Progress::Partly(1);
                }
                Ok(())
            }
            Target::Output { .. } if raw => Err(fault("a vector in the output that is not complete")),
            Target::Output { port, offset } => self.deliver(port, offset, stage.output),
        }
    }

    /// A map's values are in a port from an element on: they must fit a piece there.
    fn deliver(&mut self, port: usize, offset: usize, map: MapId) -> Result<(), Fault> {
        let output = self.network.outputs.get(port).ok_or_else(|| fault("an output that the model has not"))?;
        let piece = output.pieces.iter().find(|piece| piece.offset == offset);
        let elements = |id: MapId| shape(self.network.maps[id.0 as usize]).iter().product::<usize>();
        let fits = piece.is_some_and(|piece| elements(piece.map) == elements(map));
        agree_that(fits && self.finished[port] == 0, "a result where the output has something else")?;
        agree_that(self.ports.insert((port, offset), map) != Some(map), "a result that is written twice")
    }

    fn copy(&mut self, index: usize, stage: &Stage, input: &Map, output: &Map, channel: usize) -> Result<(), Fault> {
        let (value, operands) = match stage.kind {
            StageKind::Concat | StageKind::Integer(Integer { kind: IntegerKind::Concat, .. }) => {
                (Value::Map(stage.output), stage.inputs.len())
            }
            StageKind::Softmax { .. } | StageKind::LpNormalize { .. } => (Value::Raw(index), 1),
            _ => return Err(fault("a copy that no stage wants")),
        };
        let copied = match self.stages[index] {
            Progress::Open => 0,
            Progress::Partly(copied) => copied,
            Progress::Done => operands,
        };
        agree_that(copied < operands, "a copy too many")?;
        let before: usize = stage.inputs[..copied].iter().map(|id| self.network.maps[id.0 as usize].channels).sum();
        agree_that(channel == before, "a copy into other channels")?;
        self.whole(input, Value::Map(stage.inputs[copied]))?;
        self.fresh(output, stage.output)?;
        for q in 0..groups(output) {
            match copied {
                0 => self.memory.write_group(output, value, q)?,
                _ => self.memory.group_holds(output, value, q)?,
            }
        }
        agree_that(copied == 0 || self.placed(value)? == *output, "operands in different maps")?;
        self.place(value, *output);
        self.whole(input, Value::Map(stage.inputs[copied]))?;
        let done = copied + 1 == operands && matches!(value, Value::Map(_));
        self.stages[index] = if done { Progress::Done } else { Progress::Partly(copied + 1) };
        Ok(())
    }

    /// A stage that overwrites its operand.
    fn in_place(&mut self, index: usize, stage: &Stage, at: Target, n: usize) -> Result<(), Fault> {
        agree_that(n == self.network.maps[stage.output.0 as usize].channels, "another length than the stage's")?;
        match at {
            Target::Output { port, offset } => {
                let there = self.ports.get(&(port, offset)) == Some(&stage.inputs[0]);
                agree_that(there && self.stages[index] == Progress::Open, "the output holds something else")?;
                self.stages[index] = Progress::Done;
                self.deliver(port, offset, stage.output)
            }
            Target::Arena(offset) => {
                let value = match self.stages[index] {
                    Progress::Partly(_) => Value::Raw(index),
                    _ => Value::Map(stage.inputs[0]),
                };
                let map = self.vector_map(offset, stage.output)?;
                self.whole(&map, value)?;
                self.memory.write_group(&map, Value::Map(stage.output), 0)?;
                self.place(Value::Map(stage.output), map);
                self.stages[index] = Progress::Done;
                Ok(())
            }
        }
    }

    fn in_arena(&self, port: usize) -> bool {
        self.network.outputs[port].finish.iter().any(Finish::converts)
    }

    fn elements(&self, port: usize) -> usize {
        let pieces = self.network.outputs[port].pieces.iter();
        pieces.map(|piece| shape(self.network.maps[piece.map.0 as usize]).iter().product::<usize>()).sum()
    }

    /// The port whose whole array lies there.
    fn port_of(&self, at: Target) -> Result<usize, Fault> {
        match at {
            Target::Output { port, offset: 0 } if port < self.finished.len() && !self.in_arena(port) => Ok(port),
            Target::Output { .. } => Err(fault("not the whole of an output")),
            Target::Arena(offset) => {
                let holds = |port: &usize| {
                    let bytes = self.elements(*port) * size_of::<f32>();
                    self.memory.holds(&(offset..offset.saturating_add(bytes)), (Value::Array(*port), 0)).is_ok()
                };
                (0..self.finished.len()).find(holds).ok_or_else(|| fault("no output's array is there"))
            }
        }
    }

    /// The next thing that is done to a port, once all its pieces are there.
    fn finish(&mut self, stage: usize, at: Target, what: &Finish) -> Result<(), Fault> {
        let port = self.port_of(at)?;
        let output = &self.network.outputs[port];
        let there = |piece: &network::Piece| self.ports.get(&(port, piece.offset)) == Some(&piece.map);
        agree_that(output.pieces.iter().all(there), "an output that is not complete")?;
        let last = output.pieces.last().map(|piece| piece.map);
        agree_that(last == Some(self.network.stages[stage].output), "an end that names another stage")?;
        agree_that(output.finish.get(self.finished[port]) == Some(what), "another end than the output's")?;
        self.finished[port] += 1;
        Ok(())
    }

    fn end(mut self) -> Result<(), Fault> {
        agree_that(self.stages.iter().all(|&stage| stage == Progress::Done), "a stage that does not run")?;
        for (port, output) in self.network.outputs.iter().enumerate() {
            let there = |piece: &network::Piece| self.ports.remove(&(port, piece.offset)) == Some(piece.map);
            agree_that(output.pieces.iter().all(there), "an output that is not written")?;
            agree_that(self.finished[port] == output.finish.len(), "an output that is not finished")?;
        }
        agree_that(self.ports.is_empty(), "a result that no output has")?;
        agree_that(self.sections.next == self.plan.weights.len(), "weights that are not used")?;
        let used = self.memory.used.div_ceil(64) * 64;
        agree_that(used == self.plan.arena_bytes, "an arena of another size than is used")
    }

    fn chain(&mut self, index: usize, chain: &Chain, stage: usize) -> Result<(), Fault> {
        let links = &chain.links[..];
        let Some(last) = links.last() else { return Err(fault("a chain without links")) };
        agree_that(links.len() <= MAX_LINKS && last.stage == stage, "a chain too long, or of another stage")?;
        let mut play = Play { index, done: vec![0; links.len()], staged: false, values: Vec::new(), reads: Vec::new() };
        for (i, link) in links.iter().enumerate() {
            self.join(&mut play, links, i, link)?;
        }
        while play.done[links.len() - 1] < times(last) {
            self.group(&mut play, links, links.len() - 1)?;
        }
        match (last.target(), play.values[links.len() - 1]) {
            (Some(Target::Output { port, offset }), _) => self.deliver(port, offset, self.network.stages[stage].output),
            (_, value) => {
                agree_that(last.output.ring == groups(&last.output), "a result that is not whole")?;
                self.place(value, last.output);
                Ok(())
            }
        }
    }

    /// Checks one link for itself and with the one before it, and notes what it reads.
    fn join(&mut self, play: &mut Play, links: &[Link], i: usize, link: &Link) -> Result<(), Fault> {
        let network = self.network;
        let stage = network.stages.get(link.stage).ok_or_else(|| fault("a link of no stage"))?;
        let follows = self.stages[link.stage] == Progress::Partly(1) && matches!(link.op, LinkOp::Elementwise);
        let input = if follows { Value::Raw(link.stage) } else { Value::Map(stage.inputs[0]) };
        check_map(&link.output)?;
        if let Some(map) = &link.input {
            check_map(map)?;
        }
        let same_groups = link.op.traits().reads == super::Reads::Group;
        let alike = link.input.is_none_or(|map| map.group == link.output.group);
        agree_that(!same_groups || alike, "a link whose input has other groups")?;
        match (i.checked_sub(1).map(|before| &links[before]), &link.input) {
            (None, None) => {}
            (None, Some(map)) => {
                agree_that(self.placed(input)? == *map && map.ring == groups(map), "a map that was written elsewhere")?
            }
            (Some(before), map) => {
                let linked = *map == Some(before.output) && play.values[i - 1] == input && before.target().is_none();
                agree_that(linked && link.source().is_none(), "a link that does not read the one before")?;
            }
        }
        if follows {
            agree_that(link.weights.is_none() && link.window == UNIT, "more than an epilogue")?;
            agree_that(
                link.output.shape() == shape(network.maps[stage.output.0 as usize]),
                "a result of another shape",
            )?;
        } else {
            agree::link(link, self.plan, stage, &mut self.sections)?;
        }
        let mean = matches!(link.op, LinkOp::Mean { .. });
        let raw = mean && stage.epilogue != network::Epilogue::NONE;
        let none = network::Epilogue::NONE;
        let (sum, gated) = agree::operands(network, stage);
        agree::epilogue(&link.epilogue, if raw { &none } else { &stage.epilogue }, [sum.is_some() && !raw, gated])?;
        self.sections.epilogue(&link.epilogue, link.output.channels)?;
        agree_that(!mean || link.codes.is_none() || links.len() == 1, "a mean of codes in a chain")?;
        if let LinkOp::Mean { to } = link.op {
            agree_that(i + 1 == links.len(), "a mean that is not the end of its chain")?;
            agree_that(to.arena().is_none_or(|offset| offset == link.output.offset), "a mean in two places")?;
            agree_that(!raw || to.arena().is_some(), "a vector in the output that is not complete")?;
        }
        let mut reads = Reads { input, add: None, gate: None };
        if let (Some(map), Some(id)) = (&link.epilogue.add, sum) {
            let value = Value::Map(id);
            let inside = play.values.iter().position(|known| *known == value);
            let written = inside.map_or_else(|| self.placed(value), |at| Ok(links[at].output))?;
            agree_that(written == *map && map.shape() == link.output.shape(), "a residual that was written elsewhere")?;
            agree_that(inside.is_some() || map.ring == groups(map), "a residual that is not whole")?;
            reads.add = Some(value);
        }
        if let Some(offset) = link.epilogue.gate {
            let map = self.vector_map(offset, stage.inputs[1])?;
            self.whole(&map, Value::Map(stage.inputs[1]))?;
            reads.gate = Some((map, Value::Map(stage.inputs[1])));
        }
        if follows {
            self.stages[link.stage] = Progress::Done;
        } else {
            self.begin(link.stage, true)?;
        }
        if raw {
            self.stages[link.stage] = Progress::Partly(1);
        }
        play.values.push(if raw { Value::Raw(link.stage) } else { Value::Map(stage.output) });
        play.reads.push(reads);
        Ok(())
    }

    /// A link computes its next group, once the one before has come far enough.
    fn group(&mut self, play: &mut Play, links: &[Link], i: usize) -> Result<(), Fault> {
        let (link, q) = (&links[i], play.done[i]);
        let read = rows_read(link, q);
        if i > 0 {
            while play.done[i - 1] * links[i - 1].output.group < read.end {
                self.group(play, links, i - 1)?;
            }
        }
        let Reads { input, add, gate } = play.reads[i];
        let added = link.epilogue.add.zip(add);
        let rows = q * link.output.group..((q + 1) * link.output.group).min(link.output.height);
        let sum = |memory: &Memory| {
            let Some((map, value)) = added else { return Ok(()) };
            (rows.start / map.group..rows.end.div_ceil(map.group)).try_for_each(|g| memory.group_holds(&map, value, g))
        };
        let staging = (Value::Staging(play.index), 0);
        let scratch = match link.op {
            LinkOp::Stem { scratch, scratch_bytes, .. } => Some(scratch..scratch.saturating_add(scratch_bytes)),
            _ => None,
        };
        if let (Some(scratch), false) = (&scratch, play.staged) {
            play.staged = true;
            agree_that(scratch.start.is_multiple_of(64), "staging rows that are not aligned")?;
            self.memory.write(scratch.clone(), staging)?;
        }
        sum(&self.memory)?;
        match link.op {
            LinkOp::Mean { to: Target::Output { .. } } => {}
            // The sums are kept in the vector from the first group on.
            LinkOp::Mean { .. } if q > 0 => self.memory.group_holds(&link.output, play.values[i], 0)?,
            LinkOp::Mean { .. } => self.memory.write_group(&link.output, play.values[i], 0)?,
            _ => self.memory.write_group(&link.output, play.values[i], q)?,
        }
        // What was written must have spared all that the link reads, whatever the order inside the group. Only a sum may lie
        // exactly over its operand.
        if let Some(map) = &link.input {
            let of = read.start / map.group..read.end.div_ceil(map.group);
            of.into_iter().try_for_each(|g| self.memory.group_holds(map, input, g))?;
        }
        if added.is_some_and(|(map, _)| map != link.output) {
            sum(&self.memory)?;
        }
        if let Some((map, value)) = gate {
            self.memory.group_holds(&map, value, 0)?;
        }
        if let Some(scratch) = &scratch {
            self.memory.holds(scratch, staging)?;
        }
        play.done[i] += 1;
        Ok(())
    }
}

/// How far the links of a chain are.
struct Play {
    index: usize,
    done: Vec<usize>,
    staged: bool,
    values: Vec<Value>,
    reads: Vec<Reads>,
}

#[derive(Clone, Copy)]
struct Reads {
    input: Value,
    add: Option<Value>,
    gate: Option<(Map, Value)>,
}

/// How often a link computes.
fn times(link: &Link) -> usize {
    match (&link.op, &link.input) {
        (LinkOp::Mean { .. }, Some(input)) => groups(input),
        _ => groups(&link.output),
    }
}

/// Rows of the input under the windows of group `q`.
fn rows_read(link: &Link, q: usize) -> std::ops::Range<usize> {
    let Some(input) = &link.input else { return 0..0 };
    let of = if let LinkOp::Mean { .. } = link.op { input } else { &link.output };
    let (first, end) = (q * of.group, ((q + 1) * of.group).min(of.height));
    if let LinkOp::Mean { .. } = link.op {
        return first..end;
    }
    let above = i128::from(link.window.pads[0]);
    let [stride, taps, apart] =
        [link.window.stride[0], link.window.kernel[0], link.window.dilation[0]].map(|n| n as i128);
    let clip = |row: i128| row.clamp(0, input.height as i128) as usize;
    clip(first as i128 * stride - above)..clip((end as i128 - 1) * stride - above + (taps - 1) * apart + 1)
}

fn agree_that(condition: bool, what: &'static str) -> Result<(), Fault> {
    if condition { Ok(()) } else { Err(fault(what)) }
}

fn fault(what: &'static str) -> Fault {
    Fault::new(what, String::new())
}
