//! Every spelling that exporters use for the same network must reach the same [`Network`].

mod writer;

use super::{Network, Stage, StageKind};
use crate::graph::{Activation, Window};
use crate::{Options, onnx};
use writer::{Head, Layout, Mean, Norm, Relu6, Same, Spelling, Weights, write};

const PLAIN: Spelling = Spelling {
    opset: 13,
    layout: Layout::Nchw,
    relu6: Relu6::Clip,
    same: Same::Pads,
    norm: Norm::BatchNormalization,
    weights: Weights::Raw,
    mean: Mean::GlobalAveragePool,
    head: Head::GemmTransB,
    clutter: false,
};
const OPSETS: [i64; 9] = [7, 8, 10, 11, 12, 13, 15, 18, 21];
const LAYOUTS: [Layout; 3] = [Layout::Nchw, Layout::Input, Layout::Throughout];
const RELU6S: [Relu6; 7] = [
    Relu6::Clip,
    Relu6::ClipConstants,
    Relu6::ClipCastLike,
    Relu6::MinMax,
    Relu6::ReluMin,
    Relu6::ReluClip,
    Relu6::Fused,
];
const SAMES: [Same; 3] = [Same::Pads, Same::PadNode, Same::AutoPad];
const NORMS: [Norm; 6] = [
    Norm::BatchNormalization,
    Norm::BiasAndBatchNormalization,
    Norm::MulAdd,
    Norm::MulAddRank4,
    Norm::DivSub,
    Norm::Folded,
];
const WEIGHTS: [Weights; 6] =
    [Weights::Raw, Weights::Typed, Weights::ConstantNodes, Weights::DoubleCast, Weights::Transposed, Weights::Inputs];
const MEANS: [Mean; 6] = [
    Mean::GlobalAveragePool,
    Mean::AveragePool,
    Mean::Reduced,
    Mean::ReducedDropped,
    Mean::ReducedNegative,
    Mean::ReducedTwice,
];
const HEADS: [Head; 5] = [Head::GemmTransB, Head::Gemm, Head::GemmScaled, Head::MatMulAdd, Head::Conv];

fn network(spelling: Spelling) -> Network {
    let model = onnx::Model::decode(write(spelling), None).unwrap_or_else(|error| panic!("{spelling:?}: {error}"));
    crate::recognise(&model, &Options::default()).unwrap_or_else(|error| panic!("{spelling:?}: {error}"))
}

/// Windows, activations, and all weights, of a stage.
fn parts(stage: &Stage) -> (Vec<Window>, Vec<Activation>, Vec<&[f32]>) {
    let activation = stage.epilogue.activation;
    match &stage.kind {
        StageKind::Stem(c) | StageKind::Conv(c) => {
            (vec![c.window], vec![activation], vec![&c.weights, &c.bias, &c.pad_values])
        }
        StageKind::Depthwise(d) => (vec![d.window], vec![activation], vec![&d.weights, &d.bias]),
        StageKind::Pointwise(p) => (vec![], vec![activation], vec![&p.weights, &p.bias]),
        StageKind::Dense(d) => (vec![], vec![activation], vec![&d.weights, &d.bias]),
        _ => (vec![], vec![], vec![]),
    }
}

fn assert_same(spelling: Spelling) {
    let (plain, spelt) = (network(PLAIN), network(spelling));
    let names = |network: &Network| network.stages.iter().map(|stage| stage.kind.name()).collect::<Vec<_>>();
    assert_eq!(names(&spelt), names(&plain), "{spelling:?}\n{spelt}");
    assert_eq!(spelt.maps, plain.maps, "{spelling:?}");
    for (a, b) in spelt.stages.iter().zip(&plain.stages) {
        let (a, b) = (parts(a), parts(b));
        assert_eq!((a.0, a.1), (b.0, b.1), "{spelling:?}\n{spelt}");
        for (a, b) in a.2.iter().zip(&b.2) {
            let largest = b.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
            assert_eq!(a.len(), b.len());
            assert!(a.iter().zip(*b).all(|(a, b)| (a - b).abs() <= 1e-5 * largest), "{spelling:?}: {a:?} {b:?}");
        }
    }
}

#[test]
fn the_plain_one_is_a_mobilenet() {
    let names: Vec<&str> = network(PLAIN).stages.iter().map(|stage| stage.kind.name()).collect();
    assert_eq!(
        names,
        ["Stem", "Depthwise", "Pointwise", "Depthwise", "Pointwise", "GlobalAveragePool", "Dense", "Softmax"]
    );
}

#[test]
fn each_spelling_alone() {
    for opset in OPSETS {
        assert_same(Spelling { opset, ..PLAIN });
    }
    for layout in LAYOUTS {
        assert_same(Spelling { layout, ..PLAIN });
    }
    for relu6 in RELU6S {
        assert_same(Spelling { relu6, opset: 15, norm: Norm::Folded, ..PLAIN });
    }
    for same in SAMES {
        assert_same(Spelling { same, ..PLAIN });
    }
    for norm in NORMS {
        assert_same(Spelling { norm, ..PLAIN });
    }
    for weights in WEIGHTS {
        assert_same(Spelling { weights, ..PLAIN });
    }
    for mean in MEANS {
        assert_same(Spelling { mean, ..PLAIN });
    }
    for head in HEADS {
        assert_same(Spelling { head, ..PLAIN });
    }
    assert_same(Spelling { clutter: true, ..PLAIN });
}

#[test]
fn spellings_mixed() {
    let mut state = 7u64;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    };
    for _ in 0..200 {
        assert_same(Spelling {
            opset: OPSETS[below(OPSETS.len())],
            layout: LAYOUTS[below(LAYOUTS.len())],
            relu6: RELU6S[below(RELU6S.len())],
            same: SAMES[below(SAMES.len())],
            norm: NORMS[below(NORMS.len())],
            weights: WEIGHTS[below(WEIGHTS.len())],
            mean: MEANS[below(MEANS.len())],
            head: HEADS[below(HEADS.len())],
            clutter: below(2) == 0,
        });
    }
}
