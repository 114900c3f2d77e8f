//! 8-bit arithmetic to the bit: the second oracle of every test.
//!
//! [`rules`] is the contract of `docs/quantization.md`, one function per rule, in i64, f32 and f64. [`run`] executes a network by
//! them; what runs in float between codes is computed in f64 and rounded to f32 where it becomes codes again. Nothing of the plan or
//! of the kernels uses it.

pub mod rules;
#[cfg(all(test, feature = "cli"))]
mod tests;

use crate::diagnostic::{Error, Problem};
use crate::graph::{DType, Quant, Tensor, Type, Window};
use crate::network::integer::{Integer, IntegerKind, IntegerWeights};
use crate::network::naive::{self, Values, windows};
use crate::network::{FeatureMap, Network};

/// Runs a network on one input; the outputs in its order.
///
/// # Errors
/// Where the input is not of the network's type.
pub fn run(network: &Network, input: &Tensor) -> Result<Vec<Tensor>, Error> {
    let expected = Type::new(network.input.dtype, network.input.shape.clone());
    if input.ty() != expected || input.len() != expected.len() {
        let message = format!("the input {:?} has another type", network.input.name);
        return Err(Problem::new(message).expected(expected.to_string(), input.ty().to_string()).into());
    }
    Ok(naive::run(network, input))
}

/// How a map's codes stand for numbers; those of a map of numbers count as themselves.
fn quant(map: FeatureMap) -> Quant {
    map.quant.unwrap_or(Quant { dtype: DType::U8, scale: 1.0, zero: 0 })
}

/// Numbers become codes.
pub(crate) fn quantise(numbers: &Values, to: FeatureMap) -> Values {
    numbers.iter().map(|&x| rules::quantize(x as f32, quant(to)) as f64).collect()
}

/// Codes become numbers.
pub(crate) fn dequantise(codes: &Values, from: FeatureMap) -> Values {
    codes.iter().map(|&code| rules::dequantize(code as i64, quant(from)).into()).collect()
}

/// One stage on codes, `[H][W][C]`.
pub(crate) fn stage(stage: &Integer, inputs: &[(&Values, FeatureMap)], to: FeatureMap) -> Values {
    let (input, from) = inputs[0];
    let (clamp, x, y) = (stage.clamp, quant(from), quant(to));
    let second = |at: usize| {
        inputs.get(1).map_or((0, x), |&(codes, map)| {
            let at = if (map.height, map.width) == (1, 1) { at % map.channels.max(1) } else { at };
            (codes.get(at).copied().unwrap_or_default() as i64, quant(map))
        })
    };
    let each = |f: &dyn Fn(usize, i64) -> i64| -> Values {
        input.iter().enumerate().map(|(at, &code)| f(at, code as i64) as f64).collect()
    };
    match &stage.kind {
        IntegerKind::Conv { window, groups, weights } => layer(weights, window, *groups, (input, from), to, clamp),
        IntegerKind::Depthwise { window, weights } => layer(weights, window, from.channels, (input, from), to, clamp),
        IntegerKind::Pointwise(weights) => layer(weights, &UNIT, 1, (input, from), to, clamp),
        IntegerKind::Dense(weights) => {
            let vector = FeatureMap { height: 1, width: 1, channels: input.len(), ..from };
            layer(weights, &UNIT, 1, (input, vector), to, clamp)
        }
        IntegerKind::Add => each(&|at, code| rules::add((code, x), second(at), y, clamp)),
        IntegerKind::Scale => each(&|at, code| rules::mul((code, x), second(at), y, clamp)),
        IntegerKind::Concat => {
            let pixel = |pixel: usize| {
                inputs.iter().flat_map(move |(codes, map)| codes.iter().skip(pixel * map.channels).take(map.channels))
            };
            (0..to.height * to.width).flat_map(pixel).copied().collect()
        }
        IntegerKind::MaxPool(window) => windows(window, from, to, |taps, c| {
            taps.iter().flatten().map(|at| input[at + c]).fold(f64::NEG_INFINITY, f64::max)
        }),
        IntegerKind::AveragePool { window, count_include_pad } => {
            let whole = window.kernel[0] * window.kernel[1];
            windows(window, from, to, |taps, c| {
                let sum = taps.iter().flatten().map(|at| input[at + c] as i64 - i64::from(x.zero)).sum();
                let count = if *count_include_pad { whole } else { taps.iter().flatten().count() };
                rules::mean(sum, count, x, y, clamp) as f64
            })
        }
        IntegerKind::GlobalAveragePool => {
            let mean = |c: usize| {
                let codes = input.iter().skip(c).step_by(from.channels);
                let sum = codes.map(|&code| code as i64 - i64::from(x.zero)).sum();
                rules::mean(sum, from.height * from.width, x, y, clamp) as f64
            };
            (0..from.channels).map(mean).collect()
        }
        IntegerKind::Table(table) => {
            let smallest = i64::from(x.range()[0]);
            each(&|_, code| {
                let at = usize::try_from(code - smallest).unwrap_or_default();
                table.get(at).copied().unwrap_or_default().into()
            })
        }
    }
}

/// A window of one pixel.
const UNIT: Window = Window { kernel: [1, 1], stride: [1, 1], dilation: [1, 1], pads: [0; 4] };

/// A convolution in groups, or a fully connected layer as one of a pixel.
fn layer(
    weights: &IntegerWeights,
    window: &Window,
    groups: usize,
    (input, from): (&Values, FeatureMap),
    to: FeatureMap,
    clamp: [i32; 2],
) -> Values {
    let (x, y) = (quant(from), quant(to));
    let taps = window.kernel[0] * window.kernel[1];
    let (read, written) = (from.channels / groups, to.channels / groups);
    let codes: Vec<i64> = input.iter().map(|&code| code as i64).collect();
    windows(window, from, to, |pixel, m| {
        let row = &weights.codes[m * read * taps..(m + 1) * read * taps];
        let first = m / written * read;
        // The border holds the zero point.
        let products = pixel
            .iter()
            .enumerate()
            .flat_map(|(tap, at)| (0..read).map(move |i| (at.map(|at| at + first + i), i * taps + tap)));
        let products = products.map(|(at, w)| (at.map_or(x.zero.into(), |at| codes[at]), row[w].into()));
        let sum = rules::accumulate(products, x.zero, weights.zeros[m], weights.bias[m]);
        let multiplier = rules::multiplier(x.scale, weights.scales[m], y.scale);
        rules::requantize(sum, multiplier, y, clamp) as f64
    })
}
