//! Networks made by hand for tests.

mod codes;

pub(crate) use codes::on_codes;

use crate::graph::{Activation, DType, Window};
use crate::network::{
    Affine, Conv, Dense, Depthwise, Epilogue, FeatureMap, Finish, Layout, MapId, Network, Output, Piece, Pointwise,
    Port, Stage, StageKind,
};
use std::sync::Arc;

/// A small generator of repeatable numbers.
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    pub(crate) fn within(&mut self, low: usize, high: usize) -> usize {
        low + self.next() as usize % (high - low + 1)
    }

    fn weights(&mut self, len: usize) -> Arc<[f32]> {
        (0..len).map(|_| self.next() as f32 / (1u64 << 31) as f32 - 0.5).collect()
    }
}

pub(crate) const RELU6: Activation = Activation::Clamp { lo: 0.0, hi: 6.0 };

/// Adds stages one after another.
pub(crate) struct Builder {
    pub network: Network,
    pub random: Random,
}

impl Builder {
    pub(crate) fn new(seed: u64, height: usize, width: usize, channels: usize) -> Self {
        let map = FeatureMap { height, width, channels, element: DType::F32, quant: None };
        let port = |name: &str| Port {
            name: name.into(),
            shape: vec![1, channels, height, width],
            dtype: DType::F32,
            layout: Layout::Nchw,
        };
        let network = Network {
            name: "test".into(),
            input: port("input"),
            outputs: vec![Output {
                port: port("output"),
                pieces: vec![Piece { map: MapId(0), layout: Layout::Nchw, offset: 0 }],
                finish: vec![],
            }],
            batch: 1,
            maps: vec![map],
            input_map: MapId(0),
            stages: Vec::new(),
        };
        Self { network, random: Random(seed) }
    }

    pub(crate) fn last(&self) -> FeatureMap {
        self.network.maps[self.network.outputs[0].pieces[0].map.0 as usize]
    }

    /// The map that the next stage reads.
    pub(crate) fn current(&self) -> MapId {
        self.network.outputs[0].pieces[0].map
    }

    fn push(&mut self, kind: StageKind, activation: Activation, height: usize, width: usize, channels: usize) {
        let input = self.current();
        self.network.maps.push(FeatureMap { height, width, channels, element: DType::F32, quant: None });
        let output = MapId(self.network.maps.len() as u32 - 1);
        self.network.outputs[0].pieces[0].map = output;
        self.network.outputs[0].port.shape =
            if (height, width) == (1, 1) { vec![1, channels] } else { vec![1, channels, height, width] };
        let origin = vec![format!("node{}", output.0)];
        let epilogue = Epilogue::from(activation);
        self.network.stages.push(Stage { kind, inputs: vec![input], output, epilogue, origin, note: String::new() });
    }

    /// Output rows and columns, if the window fits.
    fn size(&self, window: &Window) -> Option<(usize, usize)> {
        let map = self.last();
        let axis = |i: usize, size: usize| {
            let span = (window.kernel[i] - 1) * window.dilation[i] + 1;
            let padded = size + window.pads[i] as usize + window.pads[i + 2] as usize;
            Some(padded.checked_sub(span)? / window.stride[i] + 1)
        };
        Some((axis(0, map.height)?, axis(1, map.width)?))
    }

    fn conv(&mut self, window: Window, n: usize) -> Conv {
        let c = self.last().channels;
        Conv {
            window,
            groups: 1,
            weights: self.random.weights(n * c * window.kernel[0] * window.kernel[1]),
            bias: self.random.weights(n),
            pad_values: vec![0.0; c].into(),
        }
    }

    pub(crate) fn stem(&mut self, window: Window, n: usize) {
        let Some((height, width)) = self.size(&window) else { return };
        let conv = self.conv(window, n);
        self.push(StageKind::Stem(conv), RELU6, height, width, n);
    }

    pub(crate) fn general(&mut self, window: Window, n: usize) {
        let Some((height, width)) = self.size(&window) else { return };
        let conv = self.conv(window, n);
        self.push(StageKind::Conv(conv), RELU6, height, width, n);
    }

    fn depthwise_half(&mut self, window: Window) -> Depthwise {
        let c = self.last().channels;
        Depthwise {
            window,
            weights: self.random.weights(c * window.kernel[0] * window.kernel[1]),
            bias: self.random.weights(c),
            origin: vec!["depthwise".into()],
        }
    }

    fn pointwise_half(&mut self, n: usize) -> Pointwise {
        let k = self.last().channels;
        Pointwise {
            weights: self.random.weights(n * k),
            bias: self.random.weights(n),
            origin: vec!["pointwise".into()],
        }
    }

    pub(crate) fn separable(&mut self, window: Window, n: usize) {
        if self.size(&window).is_some() {
            self.depthwise(window);
            self.pointwise(n);
        }
    }

    pub(crate) fn depthwise(&mut self, window: Window) {
        let Some((height, width)) = self.size(&window) else { return };
        let depthwise = self.depthwise_half(window);
        let channels = self.last().channels;
        self.push(StageKind::Depthwise(depthwise), RELU6, height, width, channels);
    }

    pub(crate) fn pointwise(&mut self, n: usize) {
        let pointwise = self.pointwise_half(n);
        let FeatureMap { height, width, .. } = self.last();
        self.push(StageKind::Pointwise(pointwise), RELU6, height, width, n);
    }

    pub(crate) fn import(&mut self) {
        let FeatureMap { height, width, channels, .. } = self.last();
        self.push(StageKind::Import, Activation::NONE, height, width, channels);
    }

    pub(crate) fn pool(&mut self) {
        let channels = self.last().channels;
        self.push(StageKind::GlobalAveragePool, Activation::NONE, 1, 1, channels);
    }

    pub(crate) fn dense(&mut self, n: usize) {
        let FeatureMap { height, width, channels, .. } = self.last();
        let dense = Dense { weights: self.random.weights(n * height * width * channels), bias: self.random.weights(n) };
        self.push(StageKind::Dense(dense), Activation::NONE, 1, 1, n);
    }

    pub(crate) fn softmax(&mut self) {
        let channels = self.last().channels;
        self.push(StageKind::Softmax { log: false }, Activation::NONE, 1, 1, channels);
    }
}

/// What V2 and V3 are made of.
impl Builder {
    fn stage(&mut self) -> &mut Stage {
        self.network.stages.last_mut().expect("a stage")
    }

    /// Adds a map to the last stage's result.
    fn plus(&mut self, map: MapId) {
        let stage = self.stage();
        stage.inputs.push(map);
        stage.epilogue.add = Some(map);
    }

    pub(crate) fn inverted(&mut self, window: Window, expansion: usize, n: usize) {
        let (from, before) = (self.current(), self.last());
        if self.size(&window).is_none() {
            return;
        }
        if expansion > 1 {
            self.pointwise(before.channels * expansion);
        }
        self.depthwise(window);
        self.project(n, from, before);
    }

    fn project(&mut self, n: usize, from: MapId, before: FeatureMap) {
        self.pointwise(n);
        self.stage().epilogue.activation = Activation::NONE;
        if self.last() == before && from != self.network.input_map {
            self.plus(from);
        }
    }

    /// An inverted residual with squeeze and excitation.
    pub(crate) fn gated(&mut self, window: Window, expansion: usize, n: usize) {
        let (from, before) = (self.current(), self.last());
        if self.size(&window).is_none() {
            return;
        }
        self.pointwise(before.channels * expansion);
        self.depthwise(window);
        self.stage().epilogue.activation = Activation::HardSwish;
        let (scaled, FeatureMap { height, width, channels, .. }) = (self.current(), self.last());
        self.pool();
        self.dense(channels.div_ceil(4));
        self.stage().epilogue.activation = RELU6;
        self.dense(channels);
        self.stage().epilogue.activation = Activation::HardSigmoid { alpha: 1.0 / 6.0, beta: 0.5 };
        let gate = self.current();
        self.push(StageKind::Scale, Activation::NONE, height, width, channels);
        self.stage().inputs = vec![scaled, gate];
        self.project(n, from, before);
    }

    /// A sum of the map and what two separables make of it, with an activation, a slope and an offset per channel behind it.
    pub(crate) fn summed(&mut self) {
        let (from, FeatureMap { height, width, channels, .. }) = (self.current(), self.last());
        if from == self.network.input_map {
            return;
        }
        self.separable(window(3, 1), channels);
        self.push(StageKind::Elementwise, Activation::NONE, height, width, channels);
        self.plus(from);
        let slopes = self.random.weights(channels);
        let affine = Affine { scale: self.random.weights(channels), offset: self.random.weights(channels) };
        (self.stage().epilogue.slopes, self.stage().epilogue.affine) = (Some(slopes), Some(affine));
    }

    pub(crate) fn max_pool(&mut self, window: Window) {
        self.window_pool(window, StageKind::MaxPool(window));
    }

    pub(crate) fn average_pool(&mut self, window: Window, count_include_pad: bool) {
        self.window_pool(window, StageKind::AveragePool { window, count_include_pad });
    }

    fn window_pool(&mut self, window: Window, kind: StageKind) {
        let (from, channels) = (self.current(), self.last().channels);
        let span = |axis: usize| (window.kernel[axis] - 1) * window.dilation[axis] + 1;
        let fits = (0..2).all(|axis| (window.pads[axis] as usize) < span(axis));
        if let (Some((height, width)), true) = (self.size(&window), fits && from != self.network.input_map) {
            let last = |axis: usize, n: usize| (n - 1) * window.stride[axis];
            let map = self.last();
            let [top, left] = [window.pads[0] as usize, window.pads[1] as usize];
            if last(0, height) < map.height + top && last(1, width) < map.width + left {
                self.push(kind, Activation::NONE, height, width, channels);
            }
        }
    }

    pub(crate) fn grouped(&mut self, window: Window, groups: usize, per_group: usize) {
        let Some((height, width)) = self.size(&window) else { return };
        let channels = self.last().channels;
        if self.current() == self.network.input_map || !channels.is_multiple_of(groups) {
            return;
        }
        let conv = Conv {
            window,
            groups,
            weights: self.random.weights(groups * per_group * channels / groups * window.kernel[0] * window.kernel[1]),
            bias: self.random.weights(groups * per_group),
            pad_values: vec![0.0; channels].into(),
        };
        self.push(StageKind::Conv(conv), Activation::Tanh, height, width, groups * per_group);
    }

    /// Two convolutions of the map, side by side.
    pub(crate) fn concat(&mut self, n: [usize; 2]) {
        let (from, FeatureMap { height, width, .. }) = (self.current(), self.last());
        if from == self.network.input_map {
            return;
        }
        let operands = n.map(|n| {
            self.network.outputs[0].pieces[0].map = from;
            self.pointwise(n);
            self.current()
        });
        self.push(StageKind::Concat, Activation::NONE, height, width, n[0] + n[1]);
        self.stage().inputs = operands.to_vec();
    }

    /// The map as another output.
    pub(crate) fn output(&mut self, finish: &[Finish]) {
        let (map, FeatureMap { height, width, channels, .. }) = (self.current(), self.last());
        if map == self.network.input_map {
            return;
        }
        let (mut shape, mut dtype) = (vec![1, height, width, channels], DType::F32);
        if let [.., Finish::ArgMax { outer, inner, .. }] = finish {
            (shape, dtype) = (vec![1, *outer, *inner], DType::I64);
        }
        let name = format!("output {}", self.network.outputs.len());
        let port = Port { name, shape, dtype, layout: Layout::Nhwc };
        let pieces = vec![Piece { map, layout: Layout::Nhwc, offset: 0 }];
        self.network.outputs.push(Output { port, pieces, finish: finish.to_vec() });
    }

    /// Softmax and index of the largest over the channels of each pixel, as another output.
    pub(crate) fn labels(&mut self) {
        let FeatureMap { height, width, channels, .. } = self.last();
        let (outer, n, inner) = (height * width, channels, 1);
        self.output(&[
            Finish::Softmax { outer, n, inner, log: false },
            Finish::ArgMax { outer, n, inner, select_last: false },
        ]);
    }
}

/// A square window with "same" padding of an odd kernel.
pub(crate) fn window(kernel: usize, stride: usize) -> Window {
    Window { kernel: [kernel; 2], stride: [stride; 2], dilation: [1; 2], pads: [kernel as i64 / 2; 4] }
}

/// MobileNet V1 with random weights.
pub(crate) fn mobilenet_v1(alpha: f64, resolution: usize, classes: usize) -> Network {
    let width = |channels: usize| (channels as f64 * alpha) as usize;
    let mut builder = Builder::new(1, resolution, resolution, 3);
    builder.stem(window(3, 2), width(32));
    let stages = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)];
    let rest = [(512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)];
    for (channels, stride) in stages.into_iter().chain(rest) {
        builder.separable(window(3, stride), width(channels));
    }
    builder.pool();
    builder.dense(classes);
    builder.softmax();
    builder.network
}

/// MobileNet V2 with random weights.
pub(crate) fn mobilenet_v2(alpha: f64, resolution: usize, classes: usize) -> Network {
    let width = |channels: usize| ((channels as f64 * alpha + 4.0) as usize / 8 * 8).max(8);
    let mut builder = Builder::new(1, resolution, resolution, 3);
    builder.stem(window(3, 2), width(32));
    let rows =
        [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];
    for (expansion, channels, count, stride) in rows {
        for i in 0..count {
            builder.inverted(window(3, if i == 0 { stride } else { 1 }), expansion, width(channels));
        }
    }
    builder.pointwise(width(1280).max(1280));
    builder.pool();
    builder.dense(classes);
    builder.softmax();
    builder.network
}

/// Small networks with every kind of stage in them.
pub(crate) fn every_network() -> Vec<Network> {
    let start = || {
        let mut builder = Builder::new(5, 20, 18, 3);
        builder.stem(window(3, 2), 12);
        builder
    };
    let mut residual = start();
    residual.inverted(window(3, 1), 1, 16);
    residual.inverted(window(3, 2), 3, 24);
    residual.inverted(window(3, 1), 3, 24);
    residual.output(&[]);
    residual.inverted(window(5, 1), 3, 24);
    residual.pointwise(40);
    residual.pool();
    residual.dense(5);
    residual.softmax();
    let mut gated = start();
    gated.gated(window(3, 1), 2, 12);
    gated.gated(window(5, 2), 3, 20);
    gated.summed();
    gated.labels();
    gated.concat([8, 9]);
    let mut mixed = start();
    mixed.grouped(window(3, 1), 3, 5);
    mixed.max_pool(window(3, 2));
    mixed.average_pool(window(3, 1), true);
    mixed.average_pool(window(2, 1), false);
    mixed.general(window(3, 1), 10);
    mixed.output(&[Finish::Activate(Activation::Sigmoid)]);
    mixed.dense(6);
    mixed.network.outputs[0].finish = vec![Finish::LpNormalize { outer: 1, n: 6, inner: 1, p: 2, epsilon: 1e-12 }];
    [residual, gated, mixed].map(|builder| builder.network).into()
}

/// Any network the planner takes: windows, strides, dilations, odd channels, every kind of stage.
pub(crate) fn random_network(seed: u64) -> Network {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9).wrapping_add(7));
    random.next();
    let (height, width) = (random.within(3, 24), random.within(1, 14));
    let mut builder = Builder::new(seed, height, width, random.within(1, 4));
    let any_window = |random: &mut Random| Window {
        kernel: [random.within(1, 5), random.within(1, 3)],
        stride: [random.within(1, 3), random.within(1, 2)],
        dilation: [random.within(1, 2), 1],
        pads: [random.within(0, 2), random.within(0, 1), random.within(0, 2), random.within(0, 1)].map(|p| p as i64),
    };
    if random.within(0, 3) == 0 {
        builder.import();
    } else {
        builder.stem(any_window(&mut random), random.within(1, 40));
        if builder.network.stages.is_empty() {
            builder.import();
        }
    }
    for _ in 0..random.within(1, 7) {
        let channels = random.within(1, 40);
        let expansion = random.within(1, 4);
        match random.within(0, 19) {
            0 => builder.depthwise(any_window(&mut random)),
            1 => builder.pointwise(channels),
            2 => builder.general(any_window(&mut random), channels),
            3..=5 => builder.separable(any_window(&mut random), channels),
            6 => builder.separable(window(3, 2), channels),
            7 | 8 => builder.inverted(window(5, random.within(1, 2)), expansion, channels),
            9 | 10 => {
                let channels = builder.last().channels;
                builder.inverted(window(3, 1), expansion, channels);
            }
            11 => builder.inverted(any_window(&mut random), expansion, channels),
            12 | 13 => {
                let channels = builder.last().channels;
                builder.gated(window(3, 1), expansion, channels);
            }
            14 => builder.summed(),
            15 => match random.within(0, 2) {
                0 => builder.max_pool(any_window(&mut random)),
                1 => builder.average_pool(any_window(&mut random), true),
                _ => builder.average_pool(any_window(&mut random), false),
            },
            16 => builder.grouped(window(3, 1), random.within(1, 3), random.within(1, 9)),
            17 => builder.concat([channels, expansion * 8]),
            _ => builder.separable(window(3, 1), channels),
        }
        match random.within(0, 20) {
            0 => builder.output(&[]),
            1 => builder.labels(),
            _ => {}
        }
    }
    if random.within(0, 2) > 0 {
        builder.pool();
    }
    if random.within(0, 2) > 0 {
        builder.dense(random.within(1, 20));
        if random.within(0, 1) > 0 {
            builder.softmax();
        }
    }
    builder.network
}
