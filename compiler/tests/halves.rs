//! Ports of float16 in emitted C: every number in, scaled, and out again.

use mobilenet_compiler::emit::c::Target;
use mobilenet_compiler::graph::{self, DType, Tensor, Type, half};
use mobilenet_compiler::host::{Compiled, Compiler};
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};
use mobilenet_compiler::options::PortType;
use mobilenet_compiler::{Options, passes, plan, reference};

/// `y = scale * x` for an image of all 65,536 numbers.
fn scaled(scale: f32, dtype: DType) -> Model {
    let author = Author::new("g", 13)
        .input("x", dtype, [1, 1, 256, 256].map(Dim::Value))
        .initializer("w", &Tensor::f32([1, 1, 1, 1], [scale]), Storage::Raw)
        .node(Node::new("Cast", ["x"], ["wide"]).int("to", 1))
        .node(Node::new("Conv", ["wide", "w"], ["scores"]))
        .node(Node::new("Cast", ["scores"], ["y"]).int("to", if dtype == DType::F16 { 10 } else { 1 }))
        .output("y", dtype, [1, 1, 256, 256].map(Dim::Value));
    Model::decode(author.to_bytes(), None).unwrap()
}

fn compiled(compiler: &Compiler, model: &Model) -> (Compiled, graph::Graph) {
    let options = Options { ports: Some(PortType::F16), ..Options::default() };
    let graph = graph::import(model, &options).unwrap();
    let mut canonical = graph.clone();
    passes::run(&mut canonical).unwrap();
    let network = mobilenet_compiler::network::recognise(&canonical).unwrap();
    let plan = plan::plan(network, &plan::CostModel::default()).unwrap();
    assert_eq!((plan.network.input.dtype, plan.network.outputs[0].port.dtype), (DType::F16, DType::F16));
    (compiler.compile(&plan).unwrap(), graph)
}

/// Half of a number, from its bits: below 2^-13 a whole number of 2^-24 divided by two, ties to even.
fn halved(bits: u16) -> u16 {
    let (sign, size) = (bits & 0x8000, bits & 0x7fff);
    sign | match size {
        0x7c00.. => size,
        0x0800.. => size - 0x400,
        _ => size / 2 + (size & (size / 2) & 1),
    }
}

#[test]
fn every_number_through_emitted_c() {
    let Ok(found) = Compiler::find() else { return println!("left out: there is no C compiler") };
    for target in [Target::Auto, Target::Generic] {
        let compiler = found.clone().target(target);
        for (scale, dtype) in [(1.0, DType::F16), (0.5, DType::F32), (1.625, DType::F16)] {
            let (mut compiled, graph) = compiled(&compiler, &scaled(scale, dtype));
            let input: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
            let found = compiled.run(&input).unwrap().remove(0);
            let values = (0..=u16::MAX).map(|bits| f64::from(half::f16_to_f32(bits))).collect();
            let image = Tensor::from_f64(&Type::new(DType::F16, [1, 1, 256, 256]), values);
            let expected = reference::run(&graph, &image).unwrap().remove(0).to_f32();
            for (bits, (&found, &reference)) in (0..=u16::MAX).zip(found.iter().zip(expected.iter())) {
                let right = match scale {
                    1.0 => half::f16_to_f32(bits),
                    0.5 => half::f16_to_f32(halved(bits)),
                    // (A product of 15 bits, which f32 holds.)
                    _ => reference,
                };
                assert!(
                    found == right || found.is_nan() && right.is_nan(),
                    "{target:?} {scale} {bits:#06x}: {found} {right}"
                );
                assert!(
                    reference == right || reference.is_nan() && right.is_nan(),
                    "{scale} {bits:#06x}: {reference} {right}"
                );
            }
        }
    }
}

#[test]
fn ports_of_integers_are_left_alone() {
    let author = Author::new("g", 13)
        .input("x", DType::U8, [1, 1, 4, 4].map(Dim::Value))
        .initializer("w", &Tensor::f32([1, 1, 1, 1], [1.0]), Storage::Raw)
        .node(Node::new("Cast", ["x"], ["wide"]).int("to", 1))
        .node(Node::new("Conv", ["wide", "w"], ["scores"]))
        .node(Node::new("ArgMax", ["scores"], ["y"]).int("axis", 1))
        .output("y", DType::I64, [1, 1, 4, 4].map(Dim::Value))
        .output("scores", DType::F32, [1, 1, 4, 4].map(Dim::Value));
    let model = Model::decode(author.to_bytes(), None).unwrap();
    let with = |output: &[&str]| {
        let output = output.iter().map(ToString::to_string).collect();
        graph::import(&model, &Options { ports: Some(PortType::F16), output, ..Options::default() })
    };
    let both = with(&[]).unwrap();
    let types: Vec<DType> = both.outputs.iter().map(|&id| both.ty(id).dtype).collect();
    assert_eq!((both.ty(both.input).dtype, &types[..]), (DType::U8, &[DType::I64, DType::F16][..]));
    let said = with(&["y"]).unwrap_err().to_string();
    assert!(said.contains("the option ports does not fit the model") && said.contains("give another ports"), "{said}");
}
