//! How the model's outputs are put together: maps written out as they are done, then what concerns a port as a whole.

use super::lower::Lowering;
use super::{Element, Op, Target};
use crate::diagnostic::Problem;
use crate::network::{Finish, MapId, Output, Port};

/// Whether a port is put together in the arena: the caller sees only what is made of it.
fn in_arena(output: &Output) -> bool {
    output.finish.iter().any(Finish::converts)
}

impl Lowering<'_, '_> {
    /// Writes a map out to wherever the model's outputs have it.
    pub fn export(&mut self, map: MapId) -> Result<(), Problem> {
        let network = self.shared.network;
        if self.shared.check.at_output(map).is_some() {
            return Ok(());
        }
        for (port, output) in network.outputs.iter().enumerate() {
            for piece in output.pieces.iter().filter(|piece| piece.map == map) {
                let input = self.read(map)?;
                let target = match in_arena(output) {
                    true => Target::Arena(self.array(port)?),
                    false => Target::Output { port, offset: piece.offset },
                };
                let stage = self.shared.check.writer(map).unwrap_or_default();
                let export = Op::Export { input, layout: piece.layout, output: target };
                self.push(export, stage, "the stage works in the arena".into());
            }
        }
        Ok(())
    }

    /// The array of a port that is put together in the arena.
    fn array(&mut self, port: usize) -> Result<usize, Problem> {
        let Output { pieces, finish, port: Port { name, .. } } = &self.shared.network.outputs[port];
        if pieces.len() > 1 {
            let made = if finish.contains(&Finish::Half) { "rounded to float16" } else { "replaced by indices" };
            return Err(Problem::new(format!(
                "the output {name:?} consists of several maps, and is {made} as a whole"
            ))
            .expected("one map", format!("{} of them", pieces.len()))
            .hint("let it end as float32, or in front of the concatenation"));
        }
        let map = self.shared.network.maps[self.shared.network.outputs[port].pieces[0].map.0 as usize];
        let elements = map.height.saturating_mul(map.width).saturating_mul(map.channels);
        let buffer = self.buffer(elements.saturating_mul(Element::F32.bytes()))?;
        self.arrays[port] = Some(buffer);
        Ok(buffer)
    }

    /// What is done to ports once all their pieces are there.
    pub fn finish(&mut self) -> Result<(), Problem> {
        let network = self.shared.network;
        for (port, output) in network.outputs.iter().enumerate() {
            let len = |map: MapId| {
                let map = network.maps[map.0 as usize];
                map.height * map.width * map.channels
            };
            let n: usize = output.pieces.iter().map(|piece| len(piece.map)).sum();
            let stage = output.pieces.last().and_then(|piece| self.shared.check.writer(piece.map)).unwrap_or_default();
            for finish in &output.finish {
                let at = match self.arrays[port] {
                    Some(buffer) => {
                        self.draft.buffers[buffer].last = self.draft.steps.len();
                        Target::Arena(buffer)
                    }
                    None => Target::Output { port, offset: 0 },
                };
                let op = match (*finish, at) {
                    (Finish::Softmax { outer, n, inner, log }, _) => Op::Softmax { at, outer, n, inner, log },
                    (Finish::LpNormalize { outer, n, inner, p, epsilon }, _) => {
                        Op::LpNormalize { at, outer, n, inner, p: p.into(), epsilon }
                    }
                    (Finish::Activate(activation), _) => Op::Activate { at, n, activation },
                    (Finish::ArgMax { outer, n, inner, select_last }, Target::Arena(input)) => {
                        let output = Target::Output { port, offset: 0 };
                        Op::ArgMax { input, outer, n, inner, select_last, output }
                    }
                    (Finish::Half, Target::Arena(input)) => {
                        Op::Halve { input, n, output: Target::Output { port, offset: 0 } }
                    }
                    (Finish::ArgMax { .. } | Finish::Half, Target::Output { .. }) => continue,
                };
                self.push(op, stage, "over the output as a whole".into());
            }
        }
        Ok(())
    }
}
