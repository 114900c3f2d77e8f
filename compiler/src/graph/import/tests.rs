use crate::graph::{self, DType, Graph, Op, Tensor, Type, ValueId};
use crate::onnx::Model;
use crate::onnx::author::{Author, Dim, Node, Storage};
use crate::{Error, Options, reference};

mod choices;
mod refusals;
mod structure;

fn author(opset: i64, shape: &[usize]) -> Author {
    let dims: Vec<Dim> = shape.iter().map(|&d| d.into()).collect();
    Author::new("g", opset).opset("com.microsoft", 1).input("x", DType::F32, dims).output("y", DType::F32, [])
}

fn import_with(author: &Author, options: &Options) -> Result<Graph, Error> {
    let graph = graph::import(&Model::decode(author.to_bytes(), None)?, options)?;
    graph.verify()?;
    Ok(graph)
}

fn import(author: &Author) -> Graph {
    import_with(author, &Options::default()).unwrap()
}

fn refusal(author: &Author, options: &Options) -> String {
    import_with(author, options).unwrap_err().to_string()
}

fn ops(graph: &Graph) -> Vec<String> {
    graph.nodes.iter().map(|n| n.op.to_string()).collect()
}

fn one(opset: i64, shape: &[usize], node: Node, parameters: &[(&str, &[i64])]) -> Author {
    let author = author(opset, shape).node(node);
    parameters.iter().fold(author, |a, (name, values)| a.initializer(name, &Tensor::ints(*values), Storage::Raw))
}

fn shape_of(author: &Author) -> Vec<usize> {
    let graph = import(author);
    graph.ty(graph.outputs[0]).shape.clone()
}

#[test]
fn clip_bounds_are_attributes_or_inputs() {
    let old = one(10, &[2], Node::new("Clip", ["x"], ["y"]).float("min", 0.0).float("max", 6.0), &[]);
    let new = author(15, &[2])
        .initializer("lo", &Tensor::f32([], [0.0]), Storage::Typed)
        .node(Node::new("Constant", [], ["six"]).float("value_float", 6.0))
        .node(Node::new("CastLike", ["six", "x"], ["hi"]))
        .node(Node::new("Clip", ["x", "lo", "hi"], ["y"]));
    let open = one(13, &[2], Node::new("Clip", ["x"], ["y"]), &[]);
    assert_eq!(ops(&import(&old)), ["Clamp 0..6"]);
    assert_eq!(ops(&import(&new)).last().unwrap(), "Clamp 0..6");
    assert_eq!(ops(&import(&open)), ["Clamp -inf..inf"]);
    let computed = author(11, &[1]).node(Node::new("Clip", ["x", "x"], ["y"]));
    assert!(refusal(&computed, &Options::default()).contains("the lower bound should be known at compile time"));
    let node = Node::new("Clip", ["x", "", "hi"], ["y"]);
    let integer = author(13, &[1]).initializer("hi", &Tensor { dtype: DType::I64, ..Tensor::ints([6]) }, Storage::Raw);
    let text = refusal(&integer.node(node), &Options::default());
    assert!(text.contains("the upper bound is not of the type") && text.contains("found: i64"), "{text}");
}

#[test]
fn auto_pad_is_resolved() {
    let conv = |auto_pad: &str, stride: i64| {
        let node = Node::new("Conv", ["x", "w"], ["y"]).string("auto_pad", auto_pad).ints("strides", [stride, stride]);
        let w = Tensor::f32([1, 1, 3, 3], vec![1.0; 9]);
        let graph = import(&author(13, &[1, 1, 8, 7]).initializer("w", &w, Storage::Raw).node(node));
        let Op::Conv(conv) = &graph.nodes[0].op else { panic!("no convolution") };
        (conv.window.pads, graph.ty(graph.outputs[0]).shape[2..].to_vec())
    };
    assert_eq!(conv("SAME_UPPER", 2), ([0, 1, 1, 1], vec![4, 4]));
    assert_eq!(conv("SAME_LOWER", 2), ([1, 1, 0, 1], vec![4, 4]));
    assert_eq!(conv("SAME_UPPER", 1), ([1, 1, 1, 1], vec![8, 7]));
    assert_eq!(conv("VALID", 2), ([0; 4], vec![3, 3]));
    assert_eq!(conv("NOTSET", 2), ([0; 4], vec![3, 3]));
}

#[test]
fn shapes_are_changed_in_every_spelling() {
    let x = &[2, 3, 1, 4];
    let reshape = |target: &[i64]| one(13, x, Node::new("Reshape", ["x", "t"], ["y"]), &[("t", target)]);
    assert_eq!(shape_of(&reshape(&[0, -1])), [2, 12]);
    assert_eq!(shape_of(&reshape(&[-1, 0, 2])), [4, 3, 2]);
    let zero = one(14, &[2], Node::new("Reshape", ["x", "t"], ["y"]).int("allowzero", 1), &[("t", &[0])]);
    assert!(refusal(&zero, &Options::default()).contains("does not fit"));
    for bad in [&[5, -1][..], &[-1, -1], &[-2, 12], &[24, 2], &[0, 0, 0, 0, 0]] {
        assert!(refusal(&reshape(bad), &Options::default()).contains("target"), "{bad:?}");
    }
    let flatten = |axis: i64| one(13, x, Node::new("Flatten", ["x"], ["y"]).int("axis", axis), &[]);
    assert_eq!([shape_of(&flatten(-1)), shape_of(&flatten(0)), shape_of(&flatten(4))], [[6, 4], [1, 24], [24, 1]]);
    assert_eq!(shape_of(&one(13, x, Node::new("Squeeze", ["x"], ["y"]), &[])), [2, 3, 4]);
    assert_eq!(shape_of(&one(11, x, Node::new("Squeeze", ["x"], ["y"]).ints("axes", [-2]), &[])), [2, 3, 4]);
    assert_eq!(shape_of(&one(13, x, Node::new("Squeeze", ["x", "a"], ["y"]), &[("a", &[2])])), [2, 3, 4]);
    assert_eq!(shape_of(&one(13, &[5], Node::new("Unsqueeze", ["x", "a"], ["y"]), &[("a", &[-1, 0])])), [1, 5, 1]);
    assert_eq!(shape_of(&one(11, &[5], Node::new("Unsqueeze", ["x"], ["y"]).ints("axes", [0]), &[])), [1, 5]);
    assert_eq!(shape_of(&one(13, x, Node::new("Transpose", ["x"], ["y"]), &[])), [4, 1, 3, 2]);
}

#[test]
fn means_have_axes_in_every_spelling() {
    let x = &[2, 3, 4, 5];
    let axes: &[(&str, &[i64])] = &[("a", &[-1, 2])];
    let old = one(13, x, Node::new("ReduceMean", ["x"], ["y"]).ints("axes", [3, -2]).int("keepdims", 0), &[]);
    let new = one(18, x, Node::new("ReduceMean", ["x", "a"], ["y"]), axes);
    let all = one(18, x, Node::new("ReduceMean", ["x"], ["y"]), &[]);
    let none = one(18, x, Node::new("ReduceMean", ["x"], ["y"]).int("noop_with_empty_axes", 1), &[]);
    assert_eq!(ops(&import(&old)), ["ReduceMean axes [2, 3] dropped"]);
    assert_eq!(ops(&import(&new)), ["ReduceMean axes [2, 3]"]);
    assert_eq!(ops(&import(&all)), ["ReduceMean axes [0, 1, 2, 3]"]);
    assert_eq!(ops(&import(&none)), ["Identity"]);
}

#[test]
fn slices_run_in_both_directions() {
    let slice = |start: i64, end: i64, step: i64| {
        let parameters: &[(&str, &[i64])] = &[("s", &[start]), ("e", &[end]), ("a", &[-1]), ("t", &[step])];
        let author = one(13, &[5], Node::new("Slice", ["x", "s", "e", "a", "t"], ["y"]), parameters);
        reference::run(&import(&author), &Tensor::f32([5], [0.0, 1.0, 2.0, 3.0, 4.0])).unwrap()[0].to_f64()
    };
    assert_eq!(slice(1, 4, 2), [1.0, 3.0]);
    assert_eq!(slice(-2, i64::MAX, 1), [3.0, 4.0]);
    assert_eq!(slice(-1, i64::MIN, -1), [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(slice(3, 0, -2), [3.0, 1.0]);
    assert!(slice(4, 2, 1).is_empty());
    let old = one(9, &[5], Node::new("Slice", ["x"], ["y"]).ints("starts", [1]).ints("ends", [-1]), &[]);
    assert_eq!(shape_of(&old), [3]);
}

#[test]
fn shape_arithmetic_folds_into_pads() {
    let author = author(13, &[1, 2, 5, 5])
        .initializer("own", &Tensor::ints([0, 1, 0, 1]), Storage::Raw)
        .initializer("eight", &Tensor::ints([8]), Storage::Raw)
        .node(Node::new("Shape", ["own"], ["len"]))
        .node(Node::new("Sub", ["eight", "len"], ["missing"]))
        .node(Node::new("ConstantOfShape", ["missing"], ["zeros"]).tensor("value", &Tensor::ints([0])))
        .node(Node::new("Concat", ["own", "zeros"], ["flat"]).int("axis", 0))
        .initializer("pairs", &Tensor::ints([-1, 2]), Storage::Raw)
        .node(Node::new("Reshape", ["flat", "pairs"], ["square"]))
        .node(Node::new("Transpose", ["square"], ["turned"]).ints("perm", [1, 0]))
        .node(Node::new("Reshape", ["turned", "minus"], ["pads"]))
        .initializer("minus", &Tensor::ints([-1]), Storage::Raw)
        .node(Node::new("Pad", ["x", "pads"], ["y"]));
    let graph = import(&author);
    assert_eq!(ops(&graph).last().unwrap(), "Pad before [0, 0, 0, 0] after [1, 1, 0, 0] value 0");
    assert_eq!(graph.ty(graph.outputs[0]).shape, [2, 3, 5, 5]);
    assert!(graph.nodes.iter().rev().skip(1).all(|n| graph.constant(n.output).is_some()));
}

#[test]
fn fused_convolutions_are_taken_apart() {
    let w = Tensor::f32([2, 2, 1, 1], vec![1.0; 4]);
    let fused = |inputs: &[&str], activation: &str, params: &[f32]| {
        let node = Node::new("FusedConv", inputs.iter().copied(), ["y"]).domain("com.microsoft");
        let node = node.string("activation", activation).floats("activation_params", params);
        import_with(&author(13, &[1, 2, 3, 3]).initializer("w", &w, Storage::Raw).node(node), &Options::default())
    };
    assert_eq!(ops(&fused(&["x", "w"], "Relu", &[]).unwrap()), ["Conv 1x1 stride 1x1", "Clamp 0..inf"]);
    let added = fused(&["x", "w", "", "x"], "Clip", &[0.0, 6.0]).unwrap();
    assert_eq!(ops(&added), ["Conv 1x1 stride 1x1", "Add", "Clamp 0..6"]);
    assert_eq!(ops(&fused(&["x", "w"], "LeakyRelu", &[0.5]).unwrap())[1], "LeakyRelu alpha 0.5");
    assert!(fused(&["x", "w"], "Softplus", &[]).unwrap_err().to_string().contains("activation is not supported"));
}

#[test]
fn activations_and_heads_are_typed() {
    let slope = Tensor::f32([3, 1, 1], vec![0.1, 0.2, 0.3]);
    let author = Author::new("g", 13)
        .input("x", DType::F32, [1, 3, 2, 2].map(Dim::from))
        .output("y", DType::I64, [])
        .initializer("slope", &slope, Storage::Raw)
        .node(Node::new("Tanh", ["x"], ["a"]))
        .node(Node::new("LeakyRelu", ["a"], ["b"]))
        .node(Node::new("PRelu", ["b", "slope"], ["c"]))
        .node(Node::new("HardSigmoid", ["c"], ["d"]))
        .node(Node::new("LpNormalization", ["d"], ["e"]).int("axis", 1))
        .node(Node::new("ArgMax", ["e"], ["y"]).int("axis", 1).int("select_last_index", 1));
    let graph = import_with(&author, &Options::default()).unwrap();
    let expected = [
        "Tanh",
        "LeakyRelu alpha 0.01",
        "PRelu",
        "HardSigmoid alpha 0.2 beta 0.5",
        "LpNormalize axis 1 p 2",
        "ArgMax axis 1 last",
    ];
    assert_eq!(ops(&graph), expected);
    assert_eq!(graph.ty(graph.outputs[0]).to_string(), "i64[1, 1, 2, 2]");
}

#[test]
fn every_unknown_operator_is_listed() {
    let author = author(13, &[1, 2])
        .node(Node::new("Erf", ["x"], ["a"]).name("first one"))
        .node(Node::new("Relu", ["a"], ["b"]))
        .node(Node::new("Fancy", ["b"], ["y"]).domain("org.example"))
        .node(Node::new("Unneeded", ["x"], ["z"]));
    let text = refusal(&author, &Options::default());
    assert!(text.contains("\"first one\" (Erf)") && text.contains("\"y\" (org.example.Fancy)"), "{text}");
    assert!(text.starts_with("2 problems"), "{text}");
}

#[test]
fn problems_of_several_nodes_come_together() {
    let author = author(13, &[1, 2])
        .node(Node::new("Softmax", ["x"], ["a"]).int("axis", 7))
        .node(Node::new("Transpose", ["x"], ["b"]).ints("perm", [0, 0]))
        .node(Node::new("Add", ["a", "b"], ["y"]));
    let error = import_with(&author, &Options::default()).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
    assert!(error.problems.iter().all(|p| p.node.is_some() && p.op.is_some()), "{error}");
}

#[test]
fn outputs_that_are_not_computed_may_not_be_read() {
    let pool = Node::new("MaxPool", ["x"], ["p", "indices"]).ints("kernel_shape", [2, 2]);
    let unread = author(13, &[1, 1, 2, 2]).node(pool.clone()).node(Node::new("Relu", ["p"], ["y"]));
    assert_eq!(ops(&import(&unread)), ["MaxPool 2x2 stride 1x1", "Clamp 0..inf"]);
    let cast = Node::new("Cast", ["indices"], ["y"]).int("to", 1);
    let read = author(13, &[1, 1, 2, 2]).node(pool).node(cast);
    assert!(refusal(&read, &Options::default()).contains("\"indices\" is used"));
}

#[test]
fn absurd_windows_are_refused() {
    let w = Tensor::f32([1, 1, 0, 3], vec![]);
    let node = Node::new("Conv", ["x", "w"], ["y"]).string("auto_pad", "SAME_UPPER");
    let empty = author(13, &[1, 1, 8, 8]).initializer("w", &w, Storage::Raw).node(node);
    assert!(refusal(&empty, &Options::default()).contains("the kernel is empty"));
    for (kernel, pad) in [(1_i64 << 62, 1_i64 << 61), (1 << 31, 0), (1 << 31, (1 << 31) - 1)] {
        let pool = Node::new("AveragePool", ["x"], ["y"])
            .ints("kernel_shape", [kernel, kernel])
            .ints("strides", [kernel - 1, kernel - 1])
            .ints("pads", [pad, pad, kernel - 1, kernel - 1])
            .int("ceil_mode", 1);
        refusal(&one(13, &[1, 1, 8, 8], pool, &[]), &Options::default());
    }
}

#[test]
fn ceil_mode_extends_the_padding_behind() {
    let pool = |size: usize, ceil: i64| {
        let node = Node::new("MaxPool", ["x"], ["y"]).ints("kernel_shape", [3, 3]).ints("strides", [2, 2]);
        shape_of(&one(13, &[1, 1, size, size], node.int("ceil_mode", ceil), &[]))[2]
    };
    assert_eq!([pool(6, 0), pool(6, 1), pool(7, 0), pool(7, 1)], [2, 3, 3, 3]);
}

/// A convolution, a pool of the whole map as the model's own 8x8 input has it, a reshape and a dense layer.
fn classifier(layout: [&str; 4], target: &[i64], pool: Node) -> Author {
    let nhwc = layout[3] == "3";
    let dims: Vec<Dim> = layout.iter().map(|d| d.parse::<i64>().map_or(Dim::Symbol((*d).into()), Dim::Value)).collect();
    let w = Tensor::f32([2, 3, 3, 3], (0..54).map(|i| (i % 7) as f32 - 3.0).collect::<Vec<_>>());
    let mut author = Author::new("g", 13).input("x", DType::F32, dims).output("y", DType::F32, []);
    if nhwc {
        author = author.node(Node::new("Transpose", ["x"], ["image"]).ints("perm", [0, 3, 1, 2]));
    }
    author
        .initializer("w", &w, Storage::Raw)
        .node(
            Node::new("Conv", [if nhwc { "image" } else { "x" }, "w"], ["c"])
                .ints("pads", [1, 1, 1, 1])
                .ints("strides", [2, 2]),
        )
        .node(pool)
        .initializer("target", &Tensor::ints(target), Storage::Raw)
        .node(Node::new("Reshape", ["p", "target"], ["flat"]))
        .initializer("fc", &Tensor::f32([2, 2], vec![1.0, 2.0, 3.0, 4.0]), Storage::Raw)
        .node(Node::new("Gemm", ["flat", "fc"], ["y"]))
}

fn whole_pool() -> Node {
    Node::new("AveragePool", ["c"], ["p"]).ints("kernel_shape", [4, 4]).ints("strides", [2, 2])
}

fn options(resolution: Option<[usize; 2]>, batch: Option<usize>) -> Options {
    Options { resolution, batch, ..Options::default() }
}

#[test]
fn another_resolution_keeps_whole_pools_whole_in_either_layout() {
    let to = options(Some([12, 10]), None);
    let nchw = import_with(&classifier(["N", "3", "8", "8"], &[1, -1], whole_pool()), &to).unwrap();
    assert_eq!(nchw.ty(nchw.input).shape, [1, 3, 12, 10]);
    assert_eq!(ops(&nchw)[1], "GlobalAveragePool");
    let nhwc = import_with(&classifier(["1", "8", "8", "3"], &[1, 2], whole_pool()), &to).unwrap();
    assert_eq!(nhwc.ty(nhwc.input).shape, [1, 12, 10, 3]);
    assert_eq!(nhwc.ty(nhwc.outputs[0]).shape, [1, 2]);
    for layout in [["N", "3", "H", "W"], ["N", "H", "W", "3"]] {
        let pool = Node::new("GlobalAveragePool", ["c"], ["p"]);
        assert!(
            refusal(&classifier(layout, &[1, 2], pool.clone()), &Options::default()).contains("resolution = [H, W]")
        );
        let graph = import_with(&classifier(layout, &[1, 2], pool), &to).unwrap();
        assert_eq!(graph.ty(graph.input).len(), 360);
    }
}

#[test]
fn a_model_that_can_not_be_resized_says_why() {
    let partial = Node::new("AveragePool", ["c"], ["p"]).ints("kernel_shape", [3, 3]).ints("strides", [2, 2]);
    let author = classifier(["1", "3", "8", "8"], &[1, -1], partial);
    let text = refusal(&author, &options(Some([16, 16]), None));
    assert!(text.contains("(Gemm)") && text.contains("[1, 3, 16, 16]"), "{text}");
}

#[test]
fn another_batch_reaches_hard_coded_shapes() {
    for target in [&[1, 2][..], &[1, -1], &[-1, 2], &[0, 2]] {
        for batch_dim in ["1", "N"] {
            let author = classifier([batch_dim, "3", "8", "8"], target, whole_pool());
            let graph = import_with(&author, &options(None, Some(3))).unwrap();
            assert_eq!(graph.ty(graph.outputs[0]).shape, [3, 2], "{target:?}");
        }
    }
    let fixed = classifier(["4", "3", "8", "8"], &[4, 2], whole_pool());
    assert_eq!(import(&fixed).ty(import(&fixed).outputs[0]).shape, [4, 2]);
    let one = import_with(&fixed, &options(None, Some(1))).unwrap();
    assert_eq!(one.ty(one.outputs[0]).shape, [1, 2]);
}

#[test]
fn a_batch_that_would_be_lost_is_refused() {
    let author = author(13, &[2, 6])
        .initializer("s", &Tensor::ints([0]), Storage::Raw)
        .initializer("e", &Tensor::ints([2]), Storage::Raw)
        .node(Node::new("Slice", ["x", "s", "e", "s"], ["y"]));
    assert!(refusal(&author, &options(None, Some(4))).contains("meaning of the output"));
}

#[test]
fn constants_that_would_fill_the_memory_are_refused() {
    let author = author(13, &[1])
        .initializer("shape", &Tensor::ints([1 << 15, 1 << 15]), Storage::Raw)
        .node(Node::new("ConstantOfShape", ["shape"], ["huge"]))
        .node(Node::new("Add", ["x", "huge"], ["y"]));
    assert!(refusal(&author, &Options::default()).contains("too large"));
}

#[test]
fn several_inputs_or_outputs_are_refused_by_name() {
    let author =
        author(13, &[1]).input("second", DType::F32, [1.into()]).node(Node::new("Add", ["x", "second"], ["y"]));
    assert!(refusal(&author, &Options::default()).contains("\"second\""));
}

#[test]
fn graphs_print_one_line_per_node() {
    let graph = import(&classifier(["1", "3", "8", "8"], &[1, -1], whole_pool()));
    let expected = r#"graph "g" (opset 13)
input "x": f32[1, 3, 8, 8]
"c": f32[1, 2, 4, 4] = Conv 3x3 stride 2x2 pads [1, 1, 1, 1]("x", "w" f32[2, 3, 3, 3] #HASH) from "c"
"p": f32[1, 2, 1, 1] = GlobalAveragePool("c") from "p"
"flat": f32[1, 2] = Reshape("p") from "flat"
"y": f32[1, 2] = Gemm("flat", "fc" f32[2, 2] [1.0, 2.0, 3.0, 4.0]) from "y"
output "y"
"#;
    let hash = graph.values.iter().find(|v| v.name == "w").and_then(|v| v.constant.as_ref()).unwrap().fingerprint();
    assert_eq!(graph.to_string(), expected.replace("HASH", &format!("{hash:016x}")));
}

#[test]
fn the_verifier_finds_broken_graphs() {
    let graph = import(&classifier(["1", "3", "8", "8"], &[1, -1], whole_pool()));
    let broken = |change: fn(&mut Graph)| {
        let mut graph = graph.clone();
        change(&mut graph);
        graph.verify().unwrap_err().to_string()
    };
    assert!(broken(|g| g.nodes.swap(0, 1)).contains("before it is defined"));
    assert!(broken(|g| g.nodes[1].output = g.nodes[0].output).contains("a second time"));
    assert!(broken(|g| g.values[g.nodes[0].output.0 as usize].ty.shape[1] = 5).contains("is declared"));
    assert!(broken(|g| g.outputs = vec![graph::ValueId(1000)]).contains("does not exist"));
    assert!(broken(|g| g.values[1].name = g.values[0].name.clone()).contains("two values"));
    assert!(broken(|g| g.values[1].constant = Some(Tensor::f32([1], [0.0]))).contains("contradicts its type"));
    assert!(broken(|g| drop(g.nodes.pop())).contains("never defined"));
}

#[test]
fn dead_nodes_and_values_go() {
    let mut graph = import(&classifier(["1", "3", "8", "8"], &[1, -1], whole_pool()));
    let (pooled, ty) = (graph.nodes[1].output, Type::new(DType::F32, [1, 2, 1, 1]));
    let spare = graph.add_value("p", ty);
    assert_ne!(graph[spare].name, "p");
    let mut copy = graph.nodes[1].clone();
    copy.output = spare;
    graph.nodes.insert(2, copy);
    assert_eq!(graph.remove_dead(), 1);
    let before = (graph.to_string(), graph.values.len());
    graph.compact();
    graph.verify().unwrap();
    assert_eq!(graph.to_string(), before.0);
    assert!(graph.values.len() < before.1);
    let flat = graph.nodes[2].output;
    assert_eq!(graph.use_counts()[flat.0 as usize], 1);
    assert_eq!(graph.consumers()[graph.nodes[1].output.0 as usize], [2]);
    assert_eq!(graph.producers()[graph.outputs[0].0 as usize], Some(3));
    graph.replace_uses(graph.outputs[0], flat);
    assert_eq!((graph.outputs.clone(), graph.remove_dead()), (vec![flat], 1));
    assert!(pooled.0 > 0);
}
