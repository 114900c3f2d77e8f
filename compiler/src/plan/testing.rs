//! Networks made by hand for tests.

use crate::graph::{Activation, DType, Window};
use crate::network::{
    Conv, Dense, Depthwise, Epilogue, FeatureMap, Layout, MapId, Network, Output, Piece, Pointwise, Port, Stage,
    StageKind,
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
        let map = FeatureMap { height, width, channels, element: DType::F32 };
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

    fn push(&mut self, kind: StageKind, activation: Activation, height: usize, width: usize, channels: usize) {
        let input = self.network.outputs[0].pieces[0].map;
        self.network.maps.push(FeatureMap { height, width, channels, element: DType::F32 });
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
        match random.within(0, 9) {
            0 => builder.depthwise(any_window(&mut random)),
            1 => builder.pointwise(channels),
            2 => builder.general(any_window(&mut random), channels),
            3..=5 => builder.separable(any_window(&mut random), channels),
            6 => builder.separable(window(3, 2), channels),
            _ => builder.separable(window(3, 1), channels),
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
