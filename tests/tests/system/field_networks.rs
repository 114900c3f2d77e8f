//! Models of `../shared/field` that are the same network in other words: each gives the values of the network it stands for.
//!
//! The right values are onnxruntime's, with graph optimisations disabled, on the input of [`input`]; those of the float16
//! model are of the same weights in float32.

use crate::{Stop, trial};
use libtest_mimic::Trial;
use mobilenet_compiler::graph::DType;
use mobilenet_compiler::host::{Compiler, HostError};
use mobilenet_compiler::{Options, compile_file};
use mobilenet_tests::compare::deviation;
use mobilenet_tests::shared::shared;

/// Relative to the largest value.
const TOLERANCE: f64 = 1e-5;

const RIGHT: &[(&str, &[f64])] = &[
    (
        "arithmetic-in-front-of-unsqueeze",
        &[
            0.3686888,
            -0.1211397,
            -0.1592291,
            0.5335445,
            -0.2282596,
            -0.1018314,
            0.01227853,
            -0.09998727,
            -0.2746885,
            -0.2889419,
        ],
    ),
    (
        "bgr_gather",
        &[
            1.058329, -0.2528494, -0.3662283, 1.496351, -0.1625311, -0.3712034, 0.2956105, -0.2154708, -0.5999395,
            -0.6347106,
        ],
    ),
    (
        "bgr_slice",
        &[
            1.058329, -0.2528494, -0.3662283, 1.496351, -0.1625311, -0.3712034, 0.2956105, -0.2154708, -0.5999395,
            -0.6347106,
        ],
    ),
    (
        "relu_bn_gap",
        &[
            0.5960431,
            -0.05192607,
            -0.6147751,
            -0.07840879,
            -0.2222979,
            0.2854382,
            0.07797344,
            -0.09663395,
            -0.295456,
            -0.642226,
        ],
    ),
    (
        "if_const",
        &[
            0.68949, -0.2408939, -0.3332026, 1.160626, -0.1402613, -0.233483, 0.2996033, -0.1960945, -0.4455882,
            -0.6714361,
        ],
    ),
    (
        "keras_keepdims_dense",
        &[
            0.004689362,
            0.003254356,
            0.6978006,
            0.0153348,
            0.01057094,
            0.2586899,
            0.0004198563,
            0.002356379,
            0.006261997,
            0.0006218326,
        ],
    ),
    (
        "matmul4d",
        &[-0.911209, -1.276511, 4.091428, 0.2736192, -0.09839714, 3.099124, -3.324348, -1.59938, -0.622007, -2.93159],
    ),
    (
        "flat_grey",
        &[
            -0.1203298, 0.1392317, -0.2779526, -0.4254085, -0.3894374, -0.1185123, 0.5845289, 0.159766, -0.3396825,
            0.5645798,
        ],
    ),
    (
        "flat_nhwc",
        &[
            0.7735224, -0.1641682, -0.2952204, 1.015699, -0.0203026, -0.1897355, 0.2740975, -0.4004346, -0.3520575,
            -0.6256149,
        ],
    ),
    (
        "fp16_all",
        &[
            0.6893633, -0.2408352, -0.333099, 1.160192, -0.1401376, -0.2332948, 0.2996583, -0.196121, -0.4455493,
            -0.6715638,
        ],
    ),
    (
        "grey_concat",
        &[
            0.9413817, -0.1914893, -0.3058215, 1.366383, -0.1528024, -0.3408627, 0.2472976, -0.1687092, -0.5764861,
            -0.478985,
        ],
    ),
    (
        "grey_tile",
        &[
            0.9413817, -0.1914893, -0.3058215, 1.366383, -0.1528024, -0.3408627, 0.2472976, -0.1687092, -0.5764861,
            -0.478985,
        ],
    ),
    (
        "sum-divided-by-count",
        &[
            0.6894901, -0.2408939, -0.3332026, 1.160626, -0.1402613, -0.233483, 0.2996033, -0.1960945, -0.4455882,
            -0.6714361,
        ],
    ),
    (
        "symbolic-channels",
        &[
            0.4041566,
            -0.1197814,
            -0.1776021,
            0.5816841,
            -0.1914537,
            -0.09761439,
            0.0511533,
            -0.1521698,
            -0.2863104,
            -0.296488,
        ],
    ),
    (
        "unused-second-input",
        &[
            0.68949, -0.2408939, -0.3332026, 1.160626, -0.1402613, -0.233483, 0.2996033, -0.1960945, -0.4455882,
            -0.6714361,
        ],
    ),
    (
        "bn_after_relu_pad",
        &[
            -0.5708811,
            -0.3073642,
            0.5434796,
            0.6303891,
            -0.268169,
            -0.08498684,
            -0.3843364,
            0.8046836,
            -1.224456,
            -0.1199151,
        ],
    ),
    (
        "sigmoid_head",
        &[0.4671273, 0.4738553, 0.4300452, 0.333797, 0.3949653, 0.4861325, 0.6653484, 0.6182821, 0.4383212, 0.6383077],
    ),
    (
        "l2norm",
        &[
            0.3353121,
            -0.1575852,
            -0.1605072,
            0.6348059,
            0.024884,
            -0.06949122,
            0.2738221,
            -0.03041043,
            -0.1626496,
            -0.3132112,
            -0.2036664,
            -0.03419017,
            0.1337241,
            -0.1461174,
            0.3704491,
            -0.09471007,
        ],
    ),
];

pub fn trials() -> Vec<Trial> {
    let each = |&(name, expected): &'static (&str, &[f64])| {
        trial(format!("field_networks::{name}"), move || gives(name, expected))
    };
    RIGHT.iter().map(each).collect()
}

/// Element `i` of the input, of `0..=255` for bytes.
fn input(dtype: DType, len: usize) -> Vec<u8> {
    let float = |i: usize| ((i * 37 % 101) as f32 - 50.0) / 25.0;
    match dtype {
        DType::U8 => (0..len).map(|i| (i * 37 % 256) as u8).collect(),
        _ => (0..len).flat_map(|i| float(i).to_le_bytes()).collect(),
    }
}

fn gives(name: &str, expected: &[f64]) -> Result<(), Stop> {
    let path = shared().map_err(Stop::Absent)?.join("field").join(name).with_extension("onnx");
    if !path.is_file() {
        return Err(Stop::Absent("../shared/field is absent".into()));
    }
    let resolution = (name == "symbolic-channels").then_some([40, 48]);
    let plan = compile_file(&path, &Options { resolution, ..Options::default() })?;
    let port = &plan.network.input;
    let bytes = input(port.dtype, port.shape.iter().product());
    let compiler = match Compiler::find() {
        Err(HostError::NoCompiler) => return Err(Stop::Absent("no C compiler".into())),
        found => found.map_err(|error| error.to_string())?,
    };
    let mut compiled = compiler.compile(&plan).map_err(|error| error.to_string())?;
    let found = compiled.run(&bytes).map_err(|error| error.to_string())?;
    let found: Vec<f64> = found.iter().flatten().map(|&v| v.into()).collect();
    let error = deviation(expected, &found);
    if found.len() == expected.len() && error <= TOLERANCE {
        Ok(())
    } else {
        Err(Stop::Failed(format!("off by {error:.1e}: {found:?}, not {expected:?}")))
    }
}
