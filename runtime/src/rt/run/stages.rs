//! The stages of ABI 1, as chains.

use super::Run;
use crate::rt::image::Image;
use crate::rt::{
    Clamp, Conv, Depthwise, Epilogue, Link, LinkKind, Map, NONE, Pointwise, Separable, Stem, Stream, Window,
};

/// Stages of a stream at most.
const STAGES: usize = 16;

fn link(kind: LinkKind, maps: [Map; 2], window: Window, weights: usize, clamp: Clamp) -> Link {
    let [input, output] = maps;
    Link { kind, groups: 1, input, window, weights, epilogue: Epilogue::clamp(clamp.lo, clamp.hi), output }
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
    pub fn stem_f32(&mut self, stem: &Stem, input: &[f32]) {
        self.chain(Some(stem), &[], Image::F32(input), None);
    }

    /// First convolution of an image of unsigned bytes.
    pub fn stem_u8(&mut self, stem: &Stem, input: &[u8]) {
        self.chain(Some(stem), &[], Image::U8(input), None);
    }

    /// First convolution of an image of signed bytes.
    pub fn stem_i8(&mut self, stem: &Stem, input: &[i8]) {
        self.chain(Some(stem), &[], Image::I8(input), None);
    }

    /// Depthwise into a block of rows, then pointwise over it.
    pub fn separable(&mut self, separable: &Separable) {
        self.links(&halves(separable));
    }

    /// Depthwise convolution.
    pub fn depthwise(&mut self, stage: &Depthwise) {
        let Depthwise { input, window, weights, clamp, output } = *stage;
        self.links(&[link(LinkKind::Depthwise, [input, output], window, weights, clamp)]);
    }

    /// 1x1 convolution.
    pub fn pointwise(&mut self, stage: &Pointwise) {
        let Pointwise { input, weights, clamp, output } = *stage;
        self.links(&[link(LinkKind::Pointwise, [input, output], Window::ONE, weights, clamp)]);
    }

    /// Any other convolution.
    pub fn conv(&mut self, stage: &Conv) {
        let Conv { input, window, weights, clamp, output } = *stage;
        self.links(&[link(LinkKind::Conv, [input, output], window, weights, clamp)]);
    }

    /// Means over a whole map, with its padding lanes, at byte `output` of the arena.
    pub fn global_average_pool(&mut self, input: &Map, output: usize) {
        self.links(&[mean(input, output)]);
    }

    /// Means over a whole map to the caller.
    pub fn global_average_pool_out(&mut self, input: &Map, output: &mut [f32]) {
        self.chain(None, &[mean(input, 0)], Image::F32(&[]), Some(output));
    }

    /// A run of stages, rows at a time, from a float image.
    pub fn stream_f32(&mut self, stream: &Stream, input: &[f32]) {
        self.stream(stream, Image::F32(input));
    }

    /// A run of stages, rows at a time, from an image of unsigned bytes.
    pub fn stream_u8(&mut self, stream: &Stream, input: &[u8]) {
        self.stream(stream, Image::U8(input));
    }

    /// A run of stages, rows at a time, from an image of signed bytes.
    pub fn stream_i8(&mut self, stream: &Stream, input: &[i8]) {
        self.stream(stream, Image::I8(input));
    }

    fn stream(&mut self, stream: &Stream, image: Image) {
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
        self.chain(None, links, Image::F32(&[]), None);
    }
}

fn mean(input: &Map, offset: usize) -> Link {
    let output = Map { offset, height: 1, width: 1, channels: input.channels, group: 1, ring: 1 };
    let clamp = Clamp { lo: f32::NEG_INFINITY, hi: f32::INFINITY };
    link(LinkKind::Mean, [*input, output], Window::ONE, NONE, clamp)
}
