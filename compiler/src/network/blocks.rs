//! The blocks of which the family's networks are built, found among the stages.

use super::{Network, Stage, StageKind};
use std::ops::Range;

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// The first convolution.
    Stem,
    /// A depthwise and a pointwise convolution: MobileNet V1's.
    Separable,
    /// An expansion, a depthwise convolution and a projection: MobileNet V2's and V3's.
    InvertedResidual,
    /// A gate that belongs to no other block.
    Gate,
    /// The last 1x1 convolution in front of pooling, and all from there on.
    Head,
    /// Any other stage.
    Other,
}

/// What a stage is in its block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The 1x1 convolution to more channels in front of a depthwise one.
    Expansion,
    /// The depthwise convolution.
    Depthwise,
    /// The 1x1 convolution behind it, of an inverted residual.
    Projection,
    /// The 1x1 convolution behind it, of a separable block.
    Pointwise,
    /// Squeeze, excitation, and what they scale.
    Gate,
    /// The sum with the residual, where no convolution took it in.
    Sum,
    /// None of these.
    Other,
}

impl Part {
    /// The name in reports; none where the stage's own says enough.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expansion => "expansion",
            Self::Depthwise => "depthwise",
            Self::Projection => "projection",
            Self::Gate => "gate",
            Self::Sum => "sum",
            Self::Pointwise | Self::Other => "",
        }
    }
}

/// A block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its stages' indices in [`Network::stages`].
    pub stages: Range<usize>,
    /// What each of them is.
    pub parts: Vec<Part>,
}

impl Network {
    /// The blocks in order; every stage is in one.
    pub fn blocks(&self) -> Vec<Block> {
        let head = self.head();
        let mut blocks = Vec::new();
        let mut at = 0;
        while at < self.stages.len() {
            let block = if at >= head { self.to_the_end(at) } else { self.block(at, head) };
            at = block.stages.end;
            blocks.push(block);
        }
        blocks
    }

    /// The first of the last stages that work on pooled vectors.
    fn head(&self) -> usize {
        let in_head = |stage: &Stage| {
            use StageKind::{AveragePool, Dense, Elementwise, GlobalAveragePool, LpNormalize, Softmax};
            matches!(
                stage.kind,
                AveragePool { .. } | Dense(_) | Elementwise | GlobalAveragePool | LpNormalize { .. } | Softmax { .. }
            )
        };
        self.stages.len() - self.stages.iter().rev().take_while(|stage| in_head(stage)).count()
    }

    fn to_the_end(&self, at: usize) -> Block {
        let stages = at..self.stages.len();
        Block { kind: BlockKind::Head, parts: vec![Part::Other; stages.len()], stages }
    }

    /// Whether a stage reads what the one in front of it writes.
    fn chained(&self, at: usize) -> bool {
        at > 0 && self.stages.get(at).is_some_and(|stage| stage.inputs.first() == Some(&self.stages[at - 1].output))
    }

    fn is(&self, at: usize, kind: fn(&StageKind) -> bool) -> bool {
        self.stages.get(at).is_some_and(|stage| kind(&stage.kind))
    }

    /// The stages of a gate on the map that the stage in front of `at` writes.
    fn gate(&self, at: usize) -> usize {
        let Some(map) = at.checked_sub(1).map(|before| self.stages[before].output) else { return 0 };
        let squeezed = self.is(at, |kind| matches!(kind, StageKind::GlobalAveragePool | StageKind::AveragePool { .. }));
        let vectors = |kind: &StageKind| matches!(kind, StageKind::Dense(_) | StageKind::Elementwise);
        let excitation = (at + 1..self.stages.len()).take_while(|&at| self.chained(at) && self.is(at, vectors)).count();
        let end = at + 1 + excitation;
        let scaled = self.stages.get(end).filter(|stage| matches!(stage.kind, StageKind::Scale));
        let scales = scaled.is_some_and(|stage| stage.inputs == [map, self.stages[end - 1].output]);
        if squeezed && scales && self.chained(at) { end + 1 - at } else { 0 }
    }

    fn block(&self, start: usize, head: usize) -> Block {
        let pointwise = |kind: &StageKind| matches!(kind, StageKind::Pointwise(_));
        let depthwise = |kind: &StageKind| matches!(kind, StageKind::Depthwise(_));
        let mut parts = Vec::new();
        let one = |kind, part| Block { kind, stages: start..start + 1, parts: vec![part] };
        if self.is(start, |kind| matches!(kind, StageKind::Stem(_))) {
            return one(BlockKind::Stem, Part::Other);
        }
        let expands = self.is(start, pointwise) && self.is(start + 1, depthwise) && self.chained(start + 1);
        if expands {
            parts.push(Part::Expansion);
        }
        if self.is(start + parts.len(), depthwise) {
            parts.push(Part::Depthwise);
            let gate = self.gate(start + parts.len());
            parts.extend(vec![Part::Gate; gate]);
            let end = start + parts.len();
            if self.is(end, pointwise) && self.chained(end) {
                parts.push(if expands { Part::Projection } else { Part::Pointwise });
                let sum = self
                    .stages
                    .get(end + 1)
                    .is_some_and(|stage| matches!(stage.kind, StageKind::Elementwise) && stage.epilogue.add.is_some());
                parts.extend((sum && end + 1 < head).then_some(Part::Sum));
                let kind = if expands { BlockKind::InvertedResidual } else { BlockKind::Separable };
                return Block { kind, stages: start..start + parts.len(), parts };
            }
            return one(BlockKind::Other, if expands { Part::Other } else { Part::Depthwise });
        }
        match self.gate(start) {
            0 if self.is(start, pointwise) && start + 1 == head && self.chained(head) => self.to_the_end(start),
            0 => {
                let sum = self.stages[start].epilogue.add.is_some()
                    && self.is(start, |kind| matches!(kind, StageKind::Elementwise));
                one(BlockKind::Other, if sum { Part::Sum } else { Part::Other })
            }
            gate => Block { kind: BlockKind::Gate, stages: start..start + gate, parts: vec![Part::Gate; gate] },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BlockKind::{Head, InvertedResidual, Separable, Stem};
    use super::*;
    use crate::graph::{Binary, DType, Op};
    use crate::network::recognise;
    use crate::passes::{self, testing::Builder};

    #[test]
    fn blocks_of_v1_v2_and_v3() {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 16, 16]);
        let x = b.conv(b.input(), 8, 3, 2, [1; 4]);
        let x = b.depthwise(x, 3, 1, [1; 4]);
        let x = b.conv(x, 8, 1, 1, [0; 4]);
        let y = b.conv(x, 24, 1, 1, [0; 4]);
        let y = b.depthwise(y, 5, 1, [2; 4]);
        let g = b.node(Op::GlobalAveragePool, &[y]);
        let g = b.conv(g, 4, 1, 1, [0; 4]);
        let g = b.conv(g, 24, 1, 1, [0; 4]);
        let y = b.node(Op::Binary(Binary::Mul), &[y, g]);
        let y = b.conv(y, 8, 1, 1, [0; 4]);
        let x = b.node(Op::Binary(Binary::Add), &[x, y]);
        let x = b.conv(x, 32, 1, 1, [0; 4]);
        let x = b.node(Op::GlobalAveragePool, &[x]);
        let mut graph = b.finish(x);
        passes::run(&mut graph).unwrap();
        let network = recognise(&graph).unwrap();
        let blocks = network.blocks();
        let kinds: Vec<BlockKind> = blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds, [Stem, Separable, InvertedResidual, Head], "{network}");
        use Part::{Depthwise, Expansion, Gate, Projection};
        assert_eq!(blocks[2].parts, [Expansion, Depthwise, Gate, Gate, Gate, Gate, Projection]);
        assert_eq!(blocks[3].stages.len(), 2);
    }
}
