//! Networks on numbers made networks on codes.

use super::Random;
use crate::graph::{Activation, DType, Quant};
use crate::network::integer::{Integer, IntegerKind, IntegerWeights};
use crate::network::{Epilogue, FeatureMap, MapId, Network, Over, Stage, StageKind, Values};
use std::sync::Arc;

/// The same stages on codes of one type, with scales and zero points of their own: sums and activations that are no clamps
/// become stages, what has no meaning on codes runs on numbers. Weights need 9 bits in some.
pub(crate) fn on_codes(network: &Network, seed: u64) -> Network {
    let mut random = Random(seed.wrapping_mul(0x51_7c_c1).wrapping_add(3));
    random.next();
    let dtype = if random.within(0, 1) == 0 { DType::U8 } else { DType::I8 };
    let mut converter = Converter { dtype, wide: random.within(0, 2) == 0, random, network: network.clone() };
    converter.convert(network);
    converter.network
}

struct Converter {
    dtype: DType,
    /// Whether weights are unsigned with a zero point anywhere.
    wide: bool,
    random: Random,
    network: Network,
}

fn is_float(stage: &Stage) -> bool {
    matches!(stage.kind, StageKind::Softmax { .. } | StageKind::LpNormalize { .. })
}

impl Converter {
    fn quant(&mut self) -> Quant {
        let [lo, hi] = if self.dtype == DType::I8 { [-128, 127] } else { [0, 255] };
        let zero = match self.random.within(0, 3) {
            0 => lo,
            1 => hi,
            _ => lo + self.random.within(0, 255) as i32,
        };
        Quant { dtype: self.dtype, scale: self.random.within(10, 99) as f32 / 999.0, zero }
    }

    fn map(&mut self, of: FeatureMap, quant: Quant) -> MapId {
        self.network.maps.push(FeatureMap { element: quant.dtype, quant: Some(quant), ..of });
        MapId(self.network.maps.len() as u32 - 1)
    }

    fn of(&self, id: MapId) -> FeatureMap {
        self.network.maps[id.0 as usize]
    }

    fn push(&mut self, kind: StageKind, inputs: Vec<MapId>, output: MapId) {
        let origin = vec![format!("node{}", self.network.stages.len())];
        let epilogue = Epilogue::NONE;
        self.network.stages.push(Stage { kind, inputs, output, epilogue, origin, note: String::new() });
    }

    fn integer(&mut self, mut kind: IntegerKind, clamp: Option<[i32; 2]>, inputs: Vec<MapId>, output: MapId) {
        if let IntegerKind::Conv { weights, .. }
        | IntegerKind::Depthwise { weights, .. }
        | IntegerKind::Pointwise(weights)
        | IntegerKind::Dense(weights) = &mut kind
        {
            let [x, y] = [inputs[0], output].map(|id| self.of(id).quant.map_or(1.0, |quant| quant.scale));
            weights.multipliers = weights.scales.iter().map(|&scale| x * scale / y).collect();
        }
        let clamp = clamp.unwrap_or_else(|| self.of(output).quant.map_or([0, 255], Quant::range));
        self.push(StageKind::Integer(Integer { kind, clamp }), inputs, output);
    }

    fn convert(&mut self, from: &Network) {
        self.network.stages.clear();
        let port = from.input_map;
        let floats: Vec<MapId> = from.stages.iter().filter(|stage| is_float(stage)).map(|stage| stage.output).collect();
        for id in (0..from.maps.len() as u32).map(MapId).filter(|id| !floats.contains(id)) {
            let quant = self.quant();
            let map = &mut self.network.maps[id.0 as usize];
            (map.element, map.quant) = (quant.dtype, Some(quant));
        }
        for stage in from.stages.iter().rev() {
            let like = match stage.kind {
                StageKind::Concat => stage.output,
                _ => continue,
            };
            let quant = self.of(like).quant;
            stage.inputs.iter().for_each(|id| self.network.maps[id.0 as usize].quant = quant);
        }
        for stage in &from.stages {
            if let StageKind::MaxPool(_) = stage.kind {
                self.network.maps[stage.output.0 as usize].quant = self.of(stage.inputs[0]).quant;
            }
        }
        let mut read = port;
        if self.random.within(0, 1) == 0 {
            self.network.input.dtype = self.dtype;
        } else {
            let quant = self.quant();
            read = self.map(self.of(port), quant);
            let map = &mut self.network.maps[port.0 as usize];
            (map.element, map.quant) = (DType::F32, None);
            self.push(StageKind::Quantise, vec![port], read);
        }
        for stage in &from.stages {
            let inputs = stage.inputs.iter().map(|&id| if id == port { read } else { id }).collect();
            self.stage(stage, inputs);
        }
        for port in 0..from.outputs.len() {
            let map = from.outputs[port].pieces[0].map;
            if !from.outputs[port].finish.is_empty() || self.random.within(0, 1) == 0 {
                if self.of(map).quant.is_some() {
                    self.network.outputs[port].pieces[0].map = self.number(map);
                }
            } else if let Some(quant) = self.of(map).quant {
                self.network.outputs[port].port.dtype = quant.dtype;
            }
        }
    }

    /// A map of codes as numbers.
    fn number(&mut self, codes: MapId) -> MapId {
        self.network.maps.push(FeatureMap { element: DType::F32, quant: None, ..self.of(codes) });
        let numbers = MapId(self.network.maps.len() as u32 - 1);
        self.push(StageKind::Dequantise, vec![codes], numbers);
        numbers
    }

    fn stage(&mut self, stage: &Stage, mut inputs: Vec<MapId>) {
        let (output, epilogue) = (stage.output, &stage.epilogue);
        if is_float(stage) {
            if self.of(inputs[0]).quant.is_some() {
                inputs[0] = self.number(inputs[0]);
            }
            return self.push(stage.kind.clone(), inputs, output);
        }
        let clamps = matches!(epilogue.activation, Activation::Clamp { .. });
        let bounds = (epilogue.activation != Activation::NONE && clamps).then(|| {
            let [lo, hi] = self.of(output).quant.map_or([0, 255], Quant::range);
            [lo + self.random.within(0, 9) as i32, hi - self.random.within(0, 99) as i32]
        });
        let add = epilogue.add;
        if add.is_some() {
            inputs.pop();
        }
        let like = self.of(output);
        let mut current = match self.kind(stage, &inputs, output) {
            Some(kind) => {
                let last = add.is_none() && clamps;
                let to = if last {
                    output
                } else {
                    let quant = self.quant();
                    self.map(like, quant)
                };
                self.integer(kind, bounds.filter(|_| last), inputs, to);
                to
            }
            None => inputs[0],
        };
        if let Some(add) = add {
            let to = if clamps {
                output
            } else {
                let quant = self.quant();
                self.map(like, quant)
            };
            let operands = if self.random.within(0, 1) == 0 { vec![current, add] } else { vec![add, current] };
            self.integer(IntegerKind::Add, bounds.filter(|_| clamps), operands, to);
            current = to;
        }
        if current != output {
            let [lo, hi] = self.of(output).quant.map_or([0, 255], Quant::range);
            let table = (0..256).map(|_| (lo + self.random.within(0, (hi - lo) as usize) as i32) as i16).collect();
            self.integer(IntegerKind::Table(table), None, vec![current], output);
        }
    }

    fn kind(&mut self, stage: &Stage, inputs: &[MapId], output: MapId) -> Option<IntegerKind> {
        let profile = stage.kind.profile();
        let weights = profile.filters.as_ref().and_then(|filters| match filters.values {
            Values::Floats { weights, bias } => Some((weights.to_vec(), bias.len())),
            Values::Codes(_) => None,
        });
        let weights = weights.map(|(weights, columns)| self.weights(&weights, columns, inputs[0], output));
        let window = profile.window.unwrap_or(crate::graph::Window::ONE);
        Some(match (&stage.kind, weights) {
            (StageKind::Stem(_) | StageKind::Conv(_), Some(weights)) => {
                let groups = match profile.filters?.over {
                    Over::Group(groups) => groups,
                    _ => 1,
                };
                IntegerKind::Conv { window, groups, weights }
            }
            (StageKind::Depthwise(_), Some(weights)) => IntegerKind::Depthwise { window, weights },
            (StageKind::Pointwise(_), Some(weights)) => IntegerKind::Pointwise(weights),
            (StageKind::Dense(_), Some(weights)) => IntegerKind::Dense(weights),
            (StageKind::MaxPool(window), _) => IntegerKind::MaxPool(*window),
            (StageKind::AveragePool { window, count_include_pad }, _) => {
                IntegerKind::AveragePool { window: *window, count_include_pad: *count_include_pad }
            }
            (StageKind::GlobalAveragePool, _) => IntegerKind::GlobalAveragePool,
            (StageKind::Scale, _) => IntegerKind::Scale,
            (StageKind::Concat, _) => IntegerKind::Concat,
            _ => return None,
        })
    }

    fn weights(&mut self, weights: &[f32], columns: usize, input: MapId, output: MapId) -> IntegerWeights {
        let (lo, element) = if self.wide { (0, DType::U8) } else { (-128, DType::I8) };
        let codes = weights.iter().map(|&w| ((w + 0.5) * 255.9) as i16 + lo).collect();
        let zeros: Arc<[i32]> = (0..columns)
            .map(|_| match self.wide {
                true => self.random.within(0, 255) as i32,
                false => [0, self.random.within(0, 3) as i32 - 1][self.random.within(0, 4) / 4],
            })
            .collect();
        let scale = |id: MapId| self.network.maps[id.0 as usize].quant.map_or(1.0, |quant| quant.scale);
        let (x, y) = (scale(input), scale(output));
        let taps = (weights.len() / columns.max(1)) as f32;
        let scales: Arc<[f32]> =
            (0..columns).map(|_| y / x / (40.0 + self.random.within(0, 99) as f32) / taps.sqrt()).collect();
        let bias = (0..columns).map(|_| self.random.within(0, 20_000) as i32 - 10_000).collect();
        let multipliers = scales.clone();
        IntegerWeights { element, codes, zeros, scales, bias, multipliers }
    }
}
