//! From a file to codes: values by hand, from the rules of docs/quantization.md.

use super::run;
use crate::graph::{DType, Tensor, Type};
use crate::network::integer::IntegerKind;
use crate::network::{Network, StageKind};
use crate::onnx::Model;
use crate::onnx::author::{Author, Dim, Node, Storage};
use crate::{Options, recognise};

/// A model of u8 codes `x` with its parameters: scale 0.5 from 10, scale 0.25 from 1 of weights, scale 0.5 from 7 of results.
fn author(shape: &[usize], output: DType) -> Author {
    let dims: Vec<Dim> = shape.iter().map(|&d| d.into()).collect();
    let author = Author::new("g", 21).opset("com.microsoft", 1).input("x", DType::U8, dims).output("y", output, []);
    let author = scalars(author, "x", DType::U8, 0.5, 10);
    scalars(scalars(author, "w", DType::U8, 0.25, 1), "y", DType::U8, 0.5, 7)
}

fn scalars(author: Author, name: &str, dtype: DType, scale: f32, zero: i64) -> Author {
    author.initializer(&format!("{name}_scale"), &Tensor::f32([], [scale]), Storage::Raw).initializer(
        &format!("{name}_zero"),
        &Tensor::int(dtype, [], [zero]),
        Storage::Raw,
    )
}

/// `to` is `from` dequantised by the parameters of `name`.
fn dequantise(from: &str, name: &str, to: &str) -> Node {
    Node::new("DequantizeLinear", [from, &format!("{name}_scale"), &format!("{name}_zero")], [to])
}

fn quantise(from: &str, name: &str, to: &str) -> Node {
    Node::new("QuantizeLinear", [from, &format!("{name}_scale"), &format!("{name}_zero")], [to])
}

fn network(author: &Author) -> Network {
    recognise(&Model::decode(author.to_bytes(), None).unwrap(), &Options::default()).unwrap()
}

fn refusal(author: &Author) -> String {
    let model = Model::decode(author.to_bytes(), None);
    model.and_then(|model| recognise(&model, &Options::default())).unwrap_err().to_string()
}

fn kinds(network: &Network) -> Vec<&str> {
    network.stages.iter().map(|stage| stage.kind.name()).collect()
}

fn codes(network: &Network, input: &[i64]) -> Vec<f64> {
    let ty = Type::new(network.input.dtype, network.input.shape.clone());
    let input = Tensor::from_f64(&ty, input.iter().map(|&v| v as f64).collect());
    run(network, &input).unwrap()[0].to_f64()
}

/// A 3x3 convolution over 2x2 pixels: four taps lie inside, whatever the pixel.
fn convolution(between: Option<Node>) -> Author {
    let weights = Tensor::int(DType::U8, [1, 1, 3, 3], [3; 9]);
    let author = author(&[1, 1, 2, 2], DType::U8)
        .initializer("w", &weights, Storage::Raw)
        .initializer("b", &Tensor::f32([1], [0.25]), Storage::Raw)
        .node(dequantise("x", "x", "xf"))
        .node(dequantise("w", "w", "wf"))
        .node(Node::new("Conv", ["xf", "wf", "b"], ["c"]).ints("pads", [1; 4]));
    match between {
        Some(node) => author.node(node).node(quantise("d", "y", "y")),
        None => author.node(quantise("c", "y", "y")),
    }
}

#[test]
fn a_convolution_holds_the_zero_point_at_its_border() {
    // (12 - 10) / 2 * (3 - 1) / 4 = 0.5 four times, plus 0.25: 4.5 quanta, half to even 4, from 7.
    let network = network(&convolution(None));
    assert_eq!(kinds(&network), ["IntegerConv"]);
    assert_eq!(codes(&network, &[12; 4]), [11.0; 4]);
    // 255 at one place: 122.5 * 0.5 + 3 * 0 + 0.25 = 61.5, 123 quanta.
    assert_eq!(codes(&network, &[255, 10, 10, 10]), [130.0; 4]);
    // Four of them: 490.5 quanta saturate.
    assert_eq!(codes(&network, &[255; 4]), [255.0; 4]);
    assert_eq!(codes(&network, &[0; 4]), [0.0; 4]);
}

#[test]
fn clamps_are_bounds_of_codes() {
    let clip = Node::new("Clip", ["c", "lo", "hi"], ["d"]);
    let bound =
        |author: Author, name: &str, value: f32| author.initializer(name, &Tensor::f32([], [value]), Storage::Raw);
    let network = network(&bound(bound(convolution(Some(clip)), "lo", 0.0), "hi", 1.0));
    assert_eq!(kinds(&network), ["IntegerConv"]);
    let StageKind::Integer(stage) = &network.stages[0].kind else { panic!("{network}") };
    assert_eq!(stage.clamp, [7, 9]);
    assert_eq!(codes(&network, &[255; 4]), [9.0; 4]);
    assert_eq!(codes(&network, &[0; 4]), [7.0; 4]);
}

#[test]
fn an_activation_of_its_own_between_a_convolution_and_its_codes_stays_float() {
    let network = network(&convolution(Some(Node::new("HardSwish", ["c"], ["d"]))));
    assert!(!kinds(&network).contains(&"IntegerConv"), "{network}");
    // 2.25 * (2.25 / 6 + 1/2) = 1.96875: 3.9375 quanta.
    assert_eq!(codes(&network, &[12; 4]), [11.0; 4]);
}

#[test]
fn integer_biases_count_as_they_are() {
    // 0.1 * 0.3 is no f32: the product of the scales and the bias's own differ in the last place.
    let weights = Tensor::int(DType::I8, [2, 1, 1, 1], [-128, 127]);
    let bias = Tensor::int(DType::I32, [2], [2_147_268_894, -5]);
    let author = Author::new("g", 17).input("x", DType::U8, [1, 1, 1, 2].map(Dim::from)).output("y", DType::I8, []);
    let author = scalars(scalars(author, "x", DType::U8, 0.1, 0), "y", DType::I8, 0.7, -3);
    let author = author
        .initializer("w", &weights, Storage::Raw)
        .initializer("b", &bias, Storage::Raw)
        .initializer("w_scale", &Tensor::f32([2], [0.3, 0.3]), Storage::Raw)
        .initializer("b_scale", &Tensor::f32([2], [0.03, 0.1 * 0.3]), Storage::Raw)
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("DequantizeLinear", ["w", "w_scale"], ["wf"]).int("axis", 0))
        .node(Node::new("DequantizeLinear", ["b", "b_scale"], ["bf"]).int("axis", 0))
        .node(Node::new("Conv", ["xf", "wf", "bf"], ["c"]))
        .node(quantise("c", "y", "y"));
    let network = network(&author);
    let StageKind::Integer(stage) = &network.stages[0].kind else { panic!("{network}") };
    assert_eq!(stage.kind.weights().unwrap().bias[..], [2_147_268_894, -5]);
    // The first saturates. The second: (255 * 127 - 5) * 0.0428571 = 1387.7, then (0 - 5) * 0.0428571 = -0.214.
    assert_eq!(codes(&network, &[255, 0]), [127.0, 127.0, 127.0, -3.0]);
}

#[test]
fn arithmetic_on_single_codes_is_a_table() {
    // Hard-swish spelled out, of codes with scale 0.5 from 10.
    let constant =
        |author: Author, name: &str, value: f32| author.initializer(name, &Tensor::f32([], [value]), Storage::Raw);
    let mut author = author(&[1, 2, 1, 2], DType::U8);
    for (name, value) in [("three", 3.0), ("zero", 0.0), ("six", 6.0)] {
        author = constant(author, name, value);
    }
    let author = author
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("Add", ["xf", "three"], ["a"]))
        .node(Node::new("Clip", ["a", "zero", "six"], ["b"]))
        .node(Node::new("Mul", ["xf", "b"], ["c"]))
        .node(Node::new("Div", ["c", "six"], ["d"]))
        .node(quantise("d", "y", "y"));
    let network = network(&author);
    assert_eq!(kinds(&network), ["IntegerTable"]);
    // 1: 4/6 is 1.33 quanta. 6: 12 quanta. -1: -1/3 is -0.67 quanta. -5: 0.
    assert_eq!(codes(&network, &[12, 22, 8, 0]), [8.0, 19.0, 6.0, 7.0]);
}

#[test]
fn codes_of_other_meaning_are_converted_in_front_of_a_concatenation() {
    let author = author(&[1, 2, 1, 1], DType::U8)
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("Relu", ["xf"], ["r"]))
        .node(quantise("r", "y", "rq"))
        .node(dequantise("rq", "y", "rf"))
        .node(Node::new("Sigmoid", ["rf"], ["s"]))
        .node(quantise("s", "w", "sq"))
        .node(dequantise("sq", "w", "sf"))
        .node(Node::new("Concat", ["rf", "sf"], ["c"]).int("axis", 1))
        .node(quantise("c", "y", "y"));
    let network = network(&author);
    let last = network.stages.last().unwrap();
    assert!(matches!(&last.kind, StageKind::Integer(stage) if stage.kind == IntegerKind::Concat), "{network}");
    // 2 and 0: codes 11 and 7; sigmoids 0.88 and 0.5, in quarters 4 and 2 (1.0 and 0.5), in halves 2 and 1, from 7.
    assert_eq!(codes(&network, &[14, 3]), [11.0, 7.0, 9.0, 8.0]);
}

#[test]
fn both_forms_of_a_graph_mean_the_same() {
    let weights = Tensor::int(DType::U8, [1, 1, 3, 3], [3; 9]);
    let inputs = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "b"];
    let author = author(&[1, 1, 2, 2], DType::U8)
        .initializer("w", &weights, Storage::Raw)
        .initializer("b", &Tensor::int(DType::I32, [1], [2]), Storage::Raw)
        .node(Node::new("QLinearConv", inputs, ["y"]).ints("pads", [1; 4]));
    let operators = network(&author);
    assert_eq!(kinds(&operators), ["IntegerConv"]);
    let pairs = network(&convolution(None));
    for input in [[12, 12, 12, 12], [255, 0, 31, 7], [0, 0, 1, 200]] {
        assert_eq!(codes(&operators, &input), codes(&pairs, &input));
    }
}

#[test]
fn sums_means_and_products_of_the_operator_form() {
    let pooled = |op: &str, node: Node| {
        let name = if op.is_empty() { "x" } else { op };
        author(&[1, 2, 2, 2], DType::U8).node(node.domain("com.microsoft")).node(Node::new("Identity", [name], ["y"]))
    };
    let pool = Node::new("QLinearGlobalAveragePool", ["x", "x_scale", "x_zero", "y_scale", "y_zero"], ["p"]);
    let mean = network(&pooled("p", pool));
    assert_eq!(kinds(&mean), ["IntegerGlobalAveragePool"]);
    // Means of 2.5 and 122 codes above the zero point, equal scales: 2 (half to even) and 122, from 7.
    assert_eq!(codes(&mean, &[12, 12, 13, 13, 255, 255, 10, 8]), [9.0, 129.0]);
    let pair = ["x", "x_scale", "x_zero", "x", "x_scale", "x_zero", "y_scale", "y_zero"];
    let sum = network(&pooled("p", Node::new("QLinearAdd", pair, ["p"])));
    // Twice 1, twice 122.5, twice -5: 4, 490 and -20 quanta.
    assert_eq!(codes(&sum, &[12, 255, 0, 10, 10, 10, 10, 10])[..4], [11.0, 255.0, 0.0, 7.0]);
}

#[test]
fn a_pad_by_zero_is_the_border_of_the_convolution() {
    let weights = Tensor::int(DType::U8, [1, 1, 3, 3], [3; 9]);
    let author = author(&[1, 1, 2, 2], DType::U8)
        .initializer("w", &weights, Storage::Raw)
        .initializer("b", &Tensor::f32([1], [0.25]), Storage::Raw)
        .initializer("pads", &Tensor::ints([0, 0, 1, 1, 0, 0, 1, 1]), Storage::Raw)
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("Pad", ["xf", "pads"], ["p"]))
        .node(quantise("p", "x", "pq"))
        .node(dequantise("pq", "x", "pf"))
        .node(dequantise("w", "w", "wf"))
        .node(Node::new("Conv", ["pf", "wf", "b"], ["c"]))
        .node(quantise("c", "y", "y"));
    let network = network(&author);
    assert_eq!(kinds(&network), ["IntegerConv"]);
    assert_eq!(codes(&network, &[255, 10, 10, 10]), [130.0; 4]);
}

#[test]
fn what_has_no_integer_form_is_refused_by_name() {
    let dynamic = author(&[1, 1, 2, 2], DType::I32)
        .initializer("w", &Tensor::int(DType::U8, [1, 1, 1, 1], [3]), Storage::Raw)
        .node(Node::new("ConvInteger", ["x", "w"], ["y"]).name("n"));
    let text = refusal(&dynamic);
    assert!(text.contains("ConvInteger") && text.contains("quantise the model statically"), "{text}");
    let blocked = author(&[1, 1, 2, 2], DType::F32).node(dequantise("x", "x", "y").int("block_size", 2).name("n"));
    let text = refusal(&blocked);
    assert!(text.contains("node \"n\"") && text.contains("blocked quantisation is not supported"), "{text}");
    let mut four = author(&[1, 1, 2, 2], DType::F32)
        .initializer("w", &Tensor::int(DType::U8, [1, 1, 2, 2], [3; 4]), Storage::Raw)
        .node(dequantise("w", "w", "wf"))
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("Conv", ["xf", "wf"], ["y"]));
    if let Some(weights) = four.message().graph.mut_or_insert_default().initializer.iter_mut().find(|t| t.name == "w") {
        weights.data_type = 22;
    }
    let text = refusal(&four);
    assert!(text.contains("INT4"), "{text}");
}

#[test]
fn codes_are_read_as_what_they_were_written_as() {
    let author = author(&[1, 1, 2, 2], DType::U8)
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("Relu", ["xf"], ["r"]))
        .node(quantise("r", "y", "rq"))
        .node(dequantise("rq", "w", "rf"))
        .node(Node::new("GlobalAveragePool", ["rf"], ["p"]).name("n"))
        .node(quantise("p", "y", "y"));
    let text = refusal(&author);
    assert!(text.contains("node \"n\"") && text.contains("dequantised by another scale"), "{text}");
}

#[test]
fn passes_come_to_an_end_in_front_of_what_stays_float() {
    // One operand of the sum is codes in another shape, the other one is float.
    let author = author(&[1, 2, 2, 2], DType::F32)
        .initializer("shape", &Tensor::ints([1, 8]), Storage::Raw)
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("Reshape", ["xf", "shape"], ["r"]))
        .node(Node::new("Softmax", ["r"], ["s"]))
        .node(Node::new("Add", ["r", "s"], ["a"]))
        .node(quantise("a", "y", "aq"))
        .node(dequantise("aq", "y", "y"));
    let model = Model::decode(author.to_bytes(), None).unwrap();
    let mut graph = crate::graph::import(&model, &Options::default()).unwrap();
    crate::passes::run(&mut graph).unwrap();
    assert_eq!(crate::passes::run(&mut graph).unwrap(), [], "{graph}");
}

/// As PyTorch exports it: weights in float, quantised in the graph.
#[test]
fn weights_may_be_quantised_in_the_graph() {
    let author = author(&[1, 1, 1, 2], DType::U8)
        .initializer("w", &Tensor::f32([2, 1, 1, 1], [0.35, -0.35]), Storage::Raw)
        .initializer("s", &Tensor::f32([2], [0.1, 0.5]), Storage::Raw)
        .initializer("z", &Tensor::int(DType::I8, [2], [0, 0]), Storage::Raw)
        .node(dequantise("x", "x", "xf"))
        .node(Node::new("QuantizeLinear", ["w", "s", "z"], ["wq"]).int("axis", 0))
        .node(Node::new("DequantizeLinear", ["wq", "s", "z"], ["wf"]).int("axis", 0))
        .node(Node::new("Conv", ["xf", "wf"], ["c"]))
        .node(quantise("c", "y", "y"));
    let network = network(&author);
    let StageKind::Integer(stage) = &network.stages[0].kind else { panic!("{network}") };
    // In f32, 0.35 / 0.1 is 3.5.
    assert_eq!(stage.kind.weights().unwrap().codes[..], [4, -1]);
}
