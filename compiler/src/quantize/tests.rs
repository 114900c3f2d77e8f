//! Against the naive interpreter in f64, the rules on codes, and formulas.

use super::calibrate::{self, BINS, Histogram, Seen, divergence};
use super::layers::Layers;
use super::*;
use crate::network::{StageKind, naive};
use crate::options::Options;
use crate::plan::testing::{Random, every_network, mobilenet_v1, mobilenet_v2};

fn images(network: &Network, count: usize) -> Vec<Vec<f32>> {
    let mut random = Random(7);
    let len: usize = network.input.shape.iter().product();
    let mut value = || random.next() as f32 / (1u64 << 30) as f32 - 1.0;
    (0..count).map(|_| (0..len).map(|_| value()).collect()).collect()
}

fn quantised(network: &Network, settings: &Settings) -> Quantised {
    quantise(network, &images(network, 4), settings, &Unwatched).unwrap()
}

/// What the file holds, compiled.
fn compiled(model: &[u8]) -> Network {
    let model = crate::onnx::Model::decode(model.to_vec(), None).unwrap();
    crate::recognise(&model, &Options::default()).unwrap()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn largest(a: &[f32]) -> f32 {
    a.iter().fold(0.0, |most, x| most.max(x.abs()))
}

#[test]
fn layers_compute_what_the_network_does() {
    for network in every_network() {
        if network.batch != 1 || network.input.dtype != DType::F32 || !network.outputs[0].finish.is_empty() {
            continue;
        }
        let layers = Layers::new(&network).unwrap();
        let image = &images(&network, 1)[0];
        let wide: Vec<f64> = image.iter().map(|&x| x.into()).collect();
        let [piece] = &network.outputs[0].pieces[..] else { continue };
        if piece.layout != crate::network::Layout::Nhwc && network.maps[piece.map.0 as usize].height > 1 {
            continue;
        }
        let expected: Vec<f32> = naive::evaluate(&network, &wide)[0].iter().map(|&x| x as f32).collect();
        let found = outputs(&layers, None, &run::to_hwc(image, &layers, network.input.layout));
        assert!(largest_difference(&found, &expected) <= 1e-4 * largest(&expected).max(1.0), "{network}");
    }
}

/// The file compiles to integers, and what they give is what was measured: roundings of halves apart.
#[test]
fn what_is_written_compiles_to_integers_and_gives_the_scores_measured() {
    for network in [mobilenet_v1(0.25, 32, 10), mobilenet_v2(0.35, 32, 10)] {
        let settings = Settings { equalise: true, bias_correction: true, ..Settings::default() };
        let quantised = quantised(&network, &settings);
        let again = compiled(&quantised.model);
        let floats = again.stages.iter().filter(|stage| {
            !matches!(
                stage.kind,
                StageKind::Integer(_) | StageKind::Quantise | StageKind::Dequantise | StageKind::Softmax { .. }
            )
        });
        assert_eq!(floats.count(), 0, "{again}");
        let image = &images(&network, 1)[0];
        let wide: Vec<f64> = image.iter().map(|&x| x.into()).collect();
        let exact: Vec<f32> = naive::evaluate(&again, &wide)[0].iter().map(|&x| x as f32).collect();
        let scores = quantised.scores(image);
        let softmax = |row: &[f32]| {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = row.iter().map(|x| (x - most).exp()).sum();
            row.iter().map(|x| (x - most).exp() / sum).collect::<Vec<_>>()
        };
        let sums_to_one = (exact.iter().sum::<f32>() - 1.0).abs() < 1e-3;
        let normal = |row: &[f32]| {
            let given = (row.iter().sum::<f32>() - 1.0).abs() < 1e-3;
            if sums_to_one && !given { softmax(row) } else { row.to_vec() }
        };
        let (codes, float) = (normal(&scores.codes), normal(&scores.float));
        let lost = largest_difference(&codes, &float).max(0.02 * largest(&float));
        assert!(largest_difference(&codes, &exact) <= lost, "{codes:?} {exact:?}");
    }
}

#[test]
fn equalisation_keeps_the_function_also_where_relu6_cuts() {
    for network in [mobilenet_v1(0.25, 32, 10), mobilenet_v2(0.35, 32, 10)] {
        let layers = Layers::new(&network).unwrap();
        // Large enough for the cap.
        let images: Vec<Vec<f32>> = images(&network, 4)
            .iter()
            .map(|image| run::to_hwc(&image.iter().map(|x| 8.0 * x).collect::<Vec<_>>(), &layers, network.input.layout))
            .collect();
        let mut equalised = layers.clone();
        let mut reach = calibrate::reach(&layers, &images, &|| ());
        let capped = layers.layers.iter().any(|layer| {
            reach.channels[layer.output].iter().any(|&reach| layer.clamp[1].is_finite() && reach >= layer.clamp[1])
        });
        assert!(capped, "no channel reaches the cap");
        assert!(equalise::equalise(&mut equalised, &mut reach) > 0);
        assert_ne!(equalised, layers);
        for image in &images {
            let (before, after) = (outputs(&layers, None, image), outputs(&equalised, None, image));
            assert!(largest_difference(&before, &after) <= 1e-3 * largest(&before).max(1e-3), "{before:?} {after:?}");
        }
    }
}

#[test]
fn biases_make_up_for_the_mean_error() {
    let network = mobilenet_v1(0.25, 32, 10);
    let mean = |bias_correction| {
        let settings = Settings { bias_correction, ..Settings::default() };
        let quantised = quantised(&network, &settings);
        let all: Vec<Scores> = images(&network, 4).iter().map(|image| quantised.scores(image)).collect();
        let error = |class: usize| all.iter().map(|s| s.codes[class] - s.float[class]).sum::<f32>().abs();
        (0..all[0].float.len()).map(error).sum::<f32>()
    };
    assert!(mean(true) < mean(false));
}

#[test]
fn codes_cover_a_range_with_zero_in_it() {
    let quant = scheme::cover([-1.0, 1.55]);
    assert_eq!((quant.zero, (quant.scale * 100.0).round()), (100, 1.0));
    assert_eq!(scheme::cover([2.0, 5.1]), Quant { dtype: DType::U8, scale: 5.1 / 255.0, zero: 0 });
    assert_eq!(scheme::cover([-2.55, -1.0]).zero, 255);
    assert_eq!(scheme::cover([0.0, 0.0]).scale, 1.0);
}

#[test]
fn filters_have_a_scale_each_and_their_bias_fits() {
    let codes = scheme::filters(&[1.27, -0.5, 0.0, 0.0], &[0.1, 3.0], 0.5);
    assert_eq!(codes.weights, [127, -50, 0, 0]);
    assert_eq!(codes.bias[0], 20);
    assert!((codes.scales[0] - 0.01).abs() < 1e-6);
    // A filter of zeros with a large bias: its scale is such that the bias fits.
    let back = f64::from(codes.bias[1]) * 0.5 * f64::from(codes.scales[1]);
    assert!((back - 3.0).abs() < 0.01, "{back}");
}

fn histogram(low: f32, high: f32, counts: impl Fn(usize) -> u64) -> Histogram {
    let mut histogram = Histogram::new(Seen { low, high });
    histogram.counts = (0..BINS).map(counts).collect();
    histogram
}

#[test]
fn a_percentile_cuts_the_same_share_on_both_sides() {
    let even = histogram(0.0, 2048.0, |_| 10);
    assert_eq!(even.percentile(100.0), [0.0, 2048.0]);
    // 1 % of 20,480 values is 204.8: 102.4 a side, 10 bins of 10.
    assert_eq!(even.percentile(99.0), [10.0, 2038.0]);
    // Behind a ReLU the zeros are the smallest values and stay.
    let relu = histogram(0.0, 2048.0, |bin| if bin == 0 { 1_000_000 } else { 1 });
    assert_eq!(relu.percentile(99.9)[0], 0.0);
    assert!(relu.percentile(99.9)[1] < 2048.0);
}

#[test]
fn divergence_is_that_of_kullback_and_leibler() {
    // Two codes of two bins each, one of them empty: q has 4 values in a bin of its own, and 3 + 3.
    let counts = [4, 0, 2, 4];
    let expected = 0.2 * (0.2_f64 / 0.3).ln() + 0.4 * (0.4_f64 / 0.3).ln();
    assert!((divergence(&counts, [0, 4], 2) - expected).abs() < 1e-12);
    // As many codes as bins lose nothing.
    assert_eq!(divergence(&[5, 1, 7, 2], [0, 4], 4), 0.0);
    // What is cut off counts in the last bin: p = 1/4, 3/4 of q = 1/2, 1/2.
    let cut = 0.25 * (0.25_f64 / 0.5).ln() + 0.75 * (0.75_f64 / 0.5).ln();
    assert!((divergence(&[1, 1, 1, 1], [0, 2], 2) - cut).abs() < 1e-12);
}

#[test]
fn entropy_cuts_a_thin_tail_and_no_even_range() {
    let even = histogram(0.0, 1.0, |_| 100);
    assert_eq!(even.entropy(), [0.0, 1.0]);
    let tail =
        histogram(0.0, 1.0, |bin| if bin < 400 { 100_000 - bin as u64 * 200 } else { u64::from(bin % 400 == 0) });
    let [low, high] = tail.entropy();
    assert_eq!(low, 0.0);
    assert!(high < 0.5, "{high}");
}

#[test]
fn what_can_not_be_quantised_is_refused() {
    let network = mobilenet_v1(0.25, 32, 10);
    let refused = |network: &Network, images: &[Vec<f32>], settings: &Settings| {
        let Err(error) = quantise(network, images, settings, &Unwatched) else { panic!("accepted") };
        error.to_string()
    };
    let settings = Settings::default();
    assert!(refused(&network, &[], &settings).contains("nothing to calibrate with"));
    assert!(refused(&network, &[vec![0.0; 3]], &settings).contains("does not fit"));
    let again = compiled(&quantised(&network, &settings).model);
    assert!(refused(&again, &images(&network, 1), &settings).contains("quantised already"));
    let name = Layers::new(&network).unwrap().layers[3].name.clone();
    let typo = format!("{}x", &name);
    let settings = Settings { keep_float: KeepFloat::Names(vec![typo.clone()]), ..Settings::default() };
    let Err(error) = quantise(&network, &images(&network, 1), &settings, &Unwatched) else { panic!("accepted") };
    let problem = &error.problems[0];
    assert!(problem.message.contains(&typo), "{problem:?}");
    assert!(problem.hint.as_ref().is_some_and(|hint| hint.contains("there is")), "{problem:?}");
}

#[test]
fn layers_stay_in_float_by_name() {
    let network = mobilenet_v1(0.25, 32, 10);
    let layers = Layers::new(&network).unwrap();
    let name = layers.layers[2].name.clone();
    let settings = Settings { keep_float: KeepFloat::Names(vec![name.clone()]), ..Settings::default() };
    let quantised = quantised(&network, &settings);
    let floats: Vec<&str> =
        quantised.losses.iter().filter(|loss| !loss.on_codes).map(|loss| loss.name.as_str()).collect();
    assert!(floats.contains(&name.as_str()));
    let again = compiled(&quantised.model);
    let kept = again.stages.iter().filter(|stage| stage.kind.profile().filters.is_some());
    assert_eq!(kept.filter(|stage| !matches!(stage.kind, StageKind::Integer(_))).count(), 1, "{again}");
}
