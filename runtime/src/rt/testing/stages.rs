//! Chains of one shape as descriptors of their own.

use super::*;

/// Depthwise fused into pointwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Separable {
    /// Input map.
    pub(super) input: Map,
    /// Window of the depthwise half.
    pub(super) window: Window,
    /// Depthwise panels.
    pub(super) depthwise: usize,
    /// Epilogue of the depthwise half.
    pub(super) depthwise_clamp: Clamp,
    /// Pointwise panels.
    pub(super) pointwise: usize,
    /// Epilogue of the pointwise half.
    pub(super) clamp: Clamp,
    /// Result; its group is the row block.
    pub(super) output: Map,
    /// The row block `[K/16][group * width][16]` in the arena.
    pub(super) scratch: usize,
}

/// One convolution: depthwise, pointwise (whose window is not looked at), or any other, with a border of zeros.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stage {
    /// Input map.
    pub(super) input: Map,
    /// The window.
    pub(super) window: Window,
    /// Panels.
    pub(super) weights: usize,
    /// Epilogue.
    pub(super) clamp: Clamp,
    /// Result.
    pub(super) output: Map,
}

/// A run of stages executed depth-first: the last one block of rows at a time, each earlier stage just far enough
/// ahead, over maps that keep only a ring of groups.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// Reads the caller's input, where the run starts there.
    pub(super) stem: Option<Stem>,
    /// The stages behind it, in order; each one's input is the output of the one before.
    pub(super) stages: &'static [Separable],
}

/// Stages of a stream at most.
const STAGES: usize = 16;

fn link(kind: LinkKind, maps: [Map; 2], window: Window, weights: usize, clamp: Clamp) -> Link {
    let [input, output] = maps;
    Link { kind, groups: 1, input, window, weights, epilogue: Epilogue::clamp(clamp.lo, clamp.hi), output, codes: None }
}

fn halves(stage: &Separable) -> [Link; 2] {
    let Separable { input, window, depthwise, depthwise_clamp, pointwise, clamp, output, scratch } = *stage;
    let block = Map { offset: scratch, channels: input.channels, ring: 1, ..output };
    [
        link(LinkKind::Depthwise, [input, block], window, depthwise, depthwise_clamp),
        link(LinkKind::Pointwise, [block, output], Window::ONE, pointwise, clamp),
    ]
}

impl Run<'_> {
    /// First convolution of a float image.
    pub(super) fn stem_f32(&mut self, stem: &Stem, input: &[f32]) {
        self.chain(Some(stem), &[], Image::F32(Pixels::Whole(input)), None);
    }

    /// First convolution of an image of unsigned bytes.
    pub(super) fn stem_u8(&mut self, stem: &Stem, input: &[u8]) {
        self.chain(Some(stem), &[], Image::U8(Pixels::Whole(input)), None);
    }

    /// First convolution of an image of signed bytes.
    pub(super) fn stem_i8(&mut self, stem: &Stem, input: &[i8]) {
        self.chain(Some(stem), &[], Image::I8(Pixels::Whole(input)), None);
    }

    /// Depthwise into a block of rows, then pointwise over it.
    pub(super) fn separable(&mut self, separable: &Separable) {
        self.links(&halves(separable));
    }

    /// Depthwise convolution.
    pub(super) fn depthwise(&mut self, stage: &Stage) {
        self.single(LinkKind::Depthwise, stage);
    }

    /// 1x1 convolution.
    pub(super) fn pointwise(&mut self, stage: &Stage) {
        self.single(LinkKind::Pointwise, &Stage { window: Window::ONE, ..*stage });
    }

    /// Any other convolution.
    pub(super) fn conv(&mut self, stage: &Stage) {
        self.single(LinkKind::Conv, stage);
    }

    fn single(&mut self, kind: LinkKind, stage: &Stage) {
        let Stage { input, window, weights, clamp, output } = *stage;
        self.links(&[link(kind, [input, output], window, weights, clamp)]);
    }

    /// Means over a whole map, with its padding lanes, at byte `output` of the arena.
    pub(super) fn global_average_pool(&mut self, input: &Map, output: usize) {
        self.links(&[mean(input, output)]);
    }

    /// Means over a whole map to the caller.
    pub(super) fn global_average_pool_out(&mut self, input: &Map, output: &mut [f32]) {
        self.chain(None, &[mean(input, 0)], Image::F32(Pixels::Whole(&[])), Some(output));
    }

    /// A run of stages, rows at a time, from a float image.
    pub(super) fn stream_f32(&mut self, stream: &Stream, input: &[f32]) {
        let image = Image::F32(Pixels::Whole(input));
        let stages = stream.stages;
        assert!(stages.len() <= STAGES, "a stream has at most {STAGES} stages");
        let none = mean(&Map::NONE, NONE);
        let mut links = [none; 2 * STAGES];
        for (pair, stage) in links.chunks_exact_mut(2).zip(stages) {
            pair.copy_from_slice(&halves(stage));
        }
        self.chain(stream.stem.as_ref(), &links[..2 * stages.len()], image, None);
    }

    fn links(&mut self, links: &[Link]) {
        self.chain(None, links, Image::F32(Pixels::Whole(&[])), None);
    }
}

fn mean(input: &Map, offset: usize) -> Link {
    let output = Map { offset, height: 1, width: 1, channels: input.channels, group: 1, ring: 1, bytes: 4 };
    let clamp = Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    link(LinkKind::Mean, [*input, output], Window::ONE, NONE, clamp)
}
