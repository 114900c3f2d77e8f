//! Small models with one thing special about each, for tests of the macro.

use crate::weights::Noise;
use mobilenet_compiler::graph::{DType, Tensor};
use mobilenet_compiler::onnx::author::{Author, Dim, Node, Storage};

/// `[1, 3, 16, 16]` to three classes: a first convolution, a separable stage, pooling, a dense layer, its weights where
/// `storage` says.
pub fn plain(seed: u64, storage: Storage) -> Author {
    let mut net = Net::new(seed, storage);
    net.conv("stem", "x", 8, 3, 1);
    net.separable();
    net.head("pointwise")
}

/// The same with a product of two maps, which can't be compiled.
pub fn product() -> Author {
    let mut net = Net::new(1, Storage::Raw);
    net.conv("stem", "x", 8, 3, 1);
    net.separable();
    net.node(Node::new("Mul", ["stem", "pointwise"], ["squared"]).name("product"));
    net.head("squared")
}

struct Net {
    author: Author,
    noise: Noise,
    storage: Storage,
}

impl Net {
    fn new(seed: u64, storage: Storage) -> Self {
        let author = Author::new("fixture", 13).input("x", DType::F32, [1, 3, 16, 16].map(Dim::from));
        Self { author, noise: Noise::new(seed), storage }
    }

    fn node(&mut self, node: Node) {
        self.edit(|author| author.node(node));
    }

    fn edit(&mut self, change: impl FnOnce(Author) -> Author) {
        let author = std::mem::replace(&mut self.author, Author::new("", 13));
        self.author = change(author);
    }

    fn weights(&mut self, name: &str, shape: &[usize]) {
        let (len, fan_in) = (shape.iter().product(), shape[1..].iter().product());
        let tensor = Tensor::f32(shape, self.noise.weights(len, fan_in));
        let storage = self.storage.clone();
        self.edit(|author| author.initializer(name, &tensor, storage));
    }

    /// A convolution of 8 output channels named after its output, and a ReLU.
    fn conv(&mut self, name: &str, from: &str, channels: usize, kernel: usize, group: usize) {
        let per_group = if from == "x" { 3 } else { 8 / group };
        let weights = format!("{name}.weight");
        self.weights(&weights, &[channels, per_group, kernel, kernel]);
        let (linear, border) = (format!("{name}.linear"), (kernel / 2) as i64);
        let conv = Node::new("Conv", [from, weights.as_str()], [linear.as_str()]).name(format!("{name}/conv"));
        self.node(conv.ints("pads", [border; 4]).int("group", group as i64));
        self.node(Node::new("Relu", [linear.as_str()], [name]).name(format!("{name}/relu")));
    }

    fn separable(&mut self) {
        self.conv("depthwise", "stem", 8, 3, 8);
        self.conv("pointwise", "depthwise", 8, 1, 1);
    }

    fn head(mut self, from: &str) -> Author {
        self.weights("fc.weight", &[3, 8]);
        self.node(Node::new("GlobalAveragePool", [from], ["pooled"]).name("pool"));
        self.node(Node::new("Flatten", ["pooled"], ["vector"]).name("flatten"));
        self.node(Node::new("Gemm", ["vector", "fc.weight"], ["y"]).name("fc").int("transB", 1));
        self.author.output("y", DType::F32, [1, 3].map(Dim::from))
    }
}
