use super::author::{Author, Node as AuthoredNode, Storage};
use super::*;
use crate::Options;
use crate::graph::{self, Data};
use protobuf::Message;

fn tensor(dtype: DType) -> Tensor {
    let ty = graph::Type::new(dtype, [2, 3]);
    Tensor::from_f64(&ty, vec![0.0, 1.0, -2.0, 0.5, 100.0, 7.0])
}

const DTYPES: [DType; 13] = [
    DType::F32,
    DType::F64,
    DType::F16,
    DType::Bf16,
    DType::I8,
    DType::U8,
    DType::I16,
    DType::U16,
    DType::I32,
    DType::U32,
    DType::I64,
    DType::U64,
    DType::Bool,
];

/// A small network with an attribute of every kind and an initialiser in every place.
fn small() -> Author {
    Author::new("small \"net\" */", 13)
        .input("x", DType::F32, [1.into(), 3.into(), 4.into(), 4.into()])
        .initializer("w", &Tensor::f32([2, 3, 1, 1], vec![0.25; 6]), Storage::Raw)
        .initializer("b", &Tensor::f32([2], vec![1.0, -1.0]), Storage::Typed)
        .node(
            AuthoredNode::new("Conv", ["x", "w", "b"], ["c"]).name("a/conv").ints("pads", [0, 0, 0, 0]).int("group", 1),
        )
        .node(AuthoredNode::new("Constant", [], ["six"]).tensor("value", &Tensor::f32([], [6.0])))
        .node(AuthoredNode::new("Clip", ["c", "", "six"], ["r"]))
        .node(AuthoredNode::new("HardSigmoid", ["r"], ["h"]).float("alpha", 0.5))
        .node(AuthoredNode::new("AveragePool", ["h"], ["p"]).ints("kernel_shape", [4, 4]).string("auto_pad", "VALID"))
        .node(AuthoredNode::new("Flatten", ["p"], ["y"]))
        .output("y", DType::F32, ["batch".into(), 2.into()])
}

fn problems(result: Result<Model, Error>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn every_element_type_and_storage_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.onnx");
    for storage in [Storage::Raw, Storage::Typed, Storage::External("side.bin".into())] {
        let mut author = Author::new("g", 13).input("x", DType::F32, [1.into()]).output("x", DType::F32, [1.into()]);
        for dtype in DTYPES {
            author = author.initializer(dtype.name(), &tensor(dtype), storage.clone());
        }
        author.write(&path).unwrap();
        let model = Model::read(&path).unwrap();
        for ((name, found), dtype) in model.graph.initializers.iter().zip(DTYPES) {
            assert_eq!((name.as_str(), found), (dtype.name(), &tensor(dtype)), "{storage:?}");
        }
        let side = matches!(storage, Storage::External(_)).then(|| folder.path().join("side.bin"));
        assert_eq!(model.files, [path.clone()].into_iter().chain(side).collect::<Vec<_>>());
    }
}

#[test]
fn both_codecs_agree() {
    let bytes = small().to_bytes();
    let ours = Model::decode(bytes.clone(), None).unwrap();
    let theirs = onnx_protobuf::ModelProto::parse_from_bytes(&bytes).unwrap();
    let names: Vec<_> = theirs.graph.node.iter().map(|n| (n.name.as_str(), n.op_type.as_str(), &n.input)).collect();
    let found: Vec<_> = ours.graph.nodes.iter().map(|n| (n.name.as_str(), n.op_type.as_str(), &n.inputs)).collect();
    assert_eq!(found, names);
    assert_eq!(ours.graph.name, theirs.graph.name);
    assert_eq!(
        ours.graph.nodes[0].attribute("pads"),
        Some(&Attribute::Ints(theirs.graph.node[0].attribute[0].ints.clone()))
    );
    let raw: Vec<u8> = theirs.graph.initializer[0].raw_data.clone();
    let Data::F32(values) = &ours.graph.initializers[0].1.data else { panic!("floats expected") };
    assert_eq!(values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>(), raw);
    assert_eq!(ours.sha256().len(), 64);
}

#[test]
fn truncated_files_are_refused_or_read_but_never_panic() {
    let bytes = small().to_bytes();
    assert!(graph::import(&Model::decode(bytes.clone(), None).unwrap(), &Options::default()).is_ok());
    for len in 0..bytes.len() {
        if let Ok(model) = Model::decode(bytes[..len].to_vec(), None) {
            let _ = graph::import(&model, &Options::default());
        }
    }
}

#[test]
fn flipped_bits_never_panic() {
    let bytes = small().to_bytes();
    for i in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[i] ^= 1 << bit;
            if let Ok(model) = Model::decode(flipped, None)
                && let Ok(graph) = graph::import(&model, &Options { batch: Some(2), ..Options::default() })
            {
                graph.verify().unwrap();
                let _ = graph.to_string();
            }
        }
    }
}

#[test]
fn dimensions_are_checked_before_anything_is_allocated() {
    for dims in [vec![i64::MAX, i64::MAX], vec![1 << 40], vec![-1], vec![1; 1000]] {
        let mut author = small();
        author.message().graph.mut_or_insert_default().initializer[0].dims = dims.clone();
        let text = problems(Model::decode(author.to_bytes(), None));
        assert!(text.contains("initialiser \"w\""), "{dims:?}: {text}");
    }
    let mut author = small();
    author.message().graph.mut_or_insert_default().initializer[0].raw_data.pop();
    assert!(problems(Model::decode(author.to_bytes(), None)).contains("23 bytes"));
}

#[test]
fn limits_hold() {
    let bytes = small().to_bytes();
    let refused = |limits: Limits| Model::decode_within(bytes.clone(), None, &limits).is_err();
    assert!(refused(Limits { file_bytes: 10, ..Limits::default() }));
    assert!(refused(Limits { entries: 3, ..Limits::default() }));
    assert!(refused(Limits { elements: 7, ..Limits::default() }));
    assert!(!refused(Limits { elements: 9, ..Limits::default() }));
}

#[test]
fn side_files_outside_the_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(folder.path().join("secret"), [0; 64]).unwrap();
    let absolute = folder.path().join("secret").to_string_lossy().into_owned();
    let w = Tensor::f32([4], vec![1.0; 4]);
    let read = |location: &str| {
        let author = Author::new("g", 13).input("x", DType::F32, [1.into()]).output("x", DType::F32, [1.into()]);
        let author = author.initializer("w", &w, Storage::External(location.into()));
        let path = inner.join("net.onnx");
        std::fs::write(&path, author.to_bytes()).unwrap();
        problems(Model::read(&path))
    };
    for location in ["../secret", &absolute, "a/../../secret", "..\\secret", "C:secret", "", "side\0"] {
        assert!(read(location).contains("only files inside"), "{location:?}: {}", read(location));
    }
    assert!(read("missing").contains("missing"));
    std::fs::write(inner.join("short"), [0; 15]).unwrap();
    assert!(read("short").contains("lies outside"));
    assert!(read(".").contains("not a regular file"), "{}", read("."));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret"), inner.join("link")).unwrap();
        assert!(read("link").contains("leads out of the model's folder"));
    }
    let author = Author::new("g", 13).initializer("w", &w, Storage::External("side".into()));
    assert!(problems(Model::decode(author.to_bytes(), None)).contains("not read from a folder"));
}

#[test]
fn names_are_checked_and_nodes_sorted() {
    let model = |nodes: Vec<AuthoredNode>| {
        let author = Author::new("g", 13).input("x", DType::F32, [1.into()]).output("y", DType::F32, [1.into()]);
        Model::decode(nodes.into_iter().fold(author, Author::node).to_bytes(), None)
    };
    let relu = |from: &str, to: &str| AuthoredNode::new("Relu", [from], [to]).name(format!("{from}->{to}"));
    let sorted = model(vec![relu("b", "y"), relu("a", "b"), relu("x", "a")]).unwrap();
    assert_eq!(sorted.graph.nodes.iter().map(|n| n.name.as_str()).collect::<Vec<_>>(), ["x->a", "a->b", "b->y"]);
    assert!(problems(model(vec![relu("x", "y"), relu("x", "y")])).contains("\"y\" is defined twice"));
    assert!(problems(model(vec![relu("x", "x"), relu("x", "y")])).contains("\"x\" is defined twice"));
    assert!(problems(model(vec![relu("b", "a"), relu("a", "b"), relu("b", "y")])).contains("cycle"));
    assert!(problems(model(vec![relu("nowhere", "y")])).contains("nothing defines"));
    assert!(problems(model(vec![relu("x", "z")])).contains("nothing defines the output"));
}

#[test]
fn all_problems_come_together() {
    let mut author = small().node(AuthoredNode::new("Relu", ["nowhere"], ["z"]));
    let graph = author.message().graph.mut_or_insert_default();
    graph.initializer[0].dims = vec![9];
    graph.initializer[1].dims = vec![3];
    let error = Model::decode(author.to_bytes(), None).unwrap_err();
    assert_eq!(error.problems.len(), 2, "{error}");
}

#[test]
fn old_and_future_opsets_are_refused() {
    for opset in [6, 29] {
        assert!(problems(Model::decode(Author::new("g", opset).to_bytes(), None)).contains("opset version"));
    }
    assert!(problems(Model::decode(Vec::new(), None)).contains("an empty file"));
    assert!(Model::decode(&b"version https://git-lfs.github.com/spec/v1"[..], None).is_err());
}

#[test]
fn initialisers_listed_as_inputs_are_no_inputs() {
    let author = small().ir_version(3).input("w", DType::F32, [2.into(), 3.into(), 1.into(), 1.into()]);
    let model = Model::decode(author.to_bytes(), None).unwrap();
    assert_eq!(model.graph.inputs.len(), 1);
}
