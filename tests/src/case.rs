//! A model compiled for a test, with the oracle's answer to any input.

use crate::program::{c, rust};
use crate::weights::Noise;
use mobilenet_compiler::emit::c::{COptions, Kernels, SelfTest, Target};
use mobilenet_compiler::emit::{self, Provenance};
use mobilenet_compiler::graph::{self, DType, Data, Graph, Tensor, Type};
use mobilenet_compiler::network::{self, Network, StageKind};
use mobilenet_compiler::onnx::Model;
use mobilenet_compiler::onnx::author::Author;
use mobilenet_compiler::plan::{CostModel, Plan, plan};
use mobilenet_compiler::{Error, Options, naming, passes, quant, reference};
use std::path::Path;
use std::sync::OnceLock;

/// A compiled model.
#[derive(Debug)]
pub struct Case {
    /// Prefix of its C symbols and name of its files.
    pub name: String,
    /// The graph as imported, for the oracle.
    pub graph: Graph,
    /// The same in canonical form.
    pub canonical: Graph,
    /// The network of a quantised model, which has an oracle of its own.
    pub codes: Option<Network>,
    /// What the back ends print.
    pub plan: Plan,
    /// What stands at the head of emitted files.
    pub provenance: Provenance,
    /// An input and the oracle's answer, computed once.
    test: OnceLock<SelfTest>,
}

impl Case {
    /// Compiles a model file of one's own.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn authored(name: &str, author: &Author, cost: &CostModel) -> Result<Self, Error> {
        Self::new(name, &Model::decode(author.to_bytes(), None)?, cost)
    }

    /// Compiles a model file.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn read(name: &str, path: &Path) -> Result<Self, Error> {
        Self::read_with(name, path, &CostModel::default())
    }

    /// Compiles a model file with a cost model of one's own.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn read_with(name: &str, path: &Path, cost: &CostModel) -> Result<Self, Error> {
        Self::new(name, &Model::read(path)?, cost)
    }

    /// Compiles a model file with options.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn read_as(name: &str, path: &Path, options: &Options) -> Result<Self, Error> {
        Self::compile(name, &Model::read(path)?, options, &CostModel::default())
    }

    /// Compiles a decoded model.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn new(name: &str, model: &Model, cost: &CostModel) -> Result<Self, Error> {
        Self::compile(name, model, &Options::default(), cost)
    }

    fn compile(name: &str, model: &Model, options: &Options, cost: &CostModel) -> Result<Self, Error> {
        let graph = graph::import(model, options)?;
        let mut canonical = graph.clone();
        passes::run(&mut canonical)?;
        let network = network::recognise(&canonical)?;
        let on_codes = network.stages.iter().any(|stage| matches!(stage.kind, StageKind::Integer(_)));
        let codes = on_codes.then(|| network.clone());
        let plan = plan(network, cost)?;
        let provenance = Provenance {
            model: format!("{name}.onnx"),
            sha256: model.sha256(),
            opset: model.opset(),
            ..Provenance::default()
        };
        Ok(Self { name: name.into(), graph, canonical, codes, plan, provenance, test: OnceLock::new() })
    }

    /// As a Rust module.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn rust(&self) -> Result<rust::Module, Error> {
        let type_name = naming::type_name(Path::new(&self.name));
        let files = emit::rust::files(&self.plan, &type_name, &self.name, &self.provenance)?;
        Ok(rust::Module { type_name, stem: self.name.clone(), files })
    }

    /// As C for any target.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn c(&self) -> Result<c::Module, Error> {
        self.c_for(Target::Auto)
    }

    /// As C.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn c_for(&self, target: Target) -> Result<c::Module, Error> {
        self.c_as(COptions { target, ..COptions::default() })
    }

    /// As C on the kernels of the Rust runtime.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn c_on_runtime(&self) -> Result<c::Module, Error> {
        self.c_as(COptions { kernels: Kernels::Runtime, ..COptions::default() })
    }

    fn c_as(&self, options: COptions) -> Result<c::Module, Error> {
        let (name, provenance) = (self.name.clone(), self.provenance.clone());
        let options = COptions { name, provenance, ..options };
        let files = emit::c::emit(&self.plan, &options)?;
        Ok(c::Module { prefix: emit::c::prefix(&self.name), files })
    }

    /// As C files with a self-test, in the form that `options` say; name and origin are this case's.
    ///
    /// # Errors
    /// What the compiler says.
    pub fn self_testing(&self, options: COptions) -> Result<emit::Files, Error> {
        let test = match self.test.get() {
            Some(test) => test.clone(),
            None => {
                let input = noise(self.graph.ty(self.graph.input), 3);
                let expected = self.reference(&input)?.iter().map(|&x| x as f32).collect();
                self.test.get_or_init(|| SelfTest { input, expected }).clone()
            }
        };
        let (name, provenance) = (self.name.clone(), self.provenance.clone());
        emit::c::emit(&self.plan, &COptions { name, provenance, self_test: Some(test), ..options })
    }

    /// Elements of all outputs of one inference.
    pub fn output_len(&self) -> usize {
        self.plan.network.outputs.iter().map(|output| output.port.shape.iter().product::<usize>()).sum()
    }

    /// The oracle's outputs, one after another, for an input of raw bytes.
    ///
    /// # Errors
    /// What the interpreter says.
    pub fn reference(&self, input: &[u8]) -> Result<Vec<f64>, Error> {
        let input = tensor(self.graph.ty(self.graph.input), input);
        let outputs = match &self.codes {
            Some(network) => quant::run(network, &input)?,
            None => reference::run(&self.graph, &input)?,
        };
        Ok(outputs.iter().flat_map(Tensor::to_f64).collect())
    }
}

/// Elements of an input between -1 and 1, bytes of any value.
fn noise(ty: &Type, seed: u64) -> Vec<u8> {
    let len = ty.shape.iter().product();
    match ty.dtype {
        DType::U8 | DType::I8 => Noise::new(seed).bytes(len),
        _ => Noise::new(seed).vector(len, -1.0, 1.0).iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn tensor(ty: &Type, bytes: &[u8]) -> Tensor {
    let data = match ty.dtype {
        DType::U8 => Data::Int(bytes.iter().map(|&b| b.into()).collect()),
        DType::I8 => Data::Int(bytes.iter().map(|&b| b.cast_signed().into()).collect()),
        _ => Data::F32(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
    };
    Tensor { dtype: ty.dtype, shape: ty.shape.clone(), data }
}
