//! The stages of a compilation, one call each, with failures that name the file.

use crate::adapt::Classes;
use crate::args;
use crate::failure::{self, Failure};
use mobilenet_compiler::emit::Provenance;
use mobilenet_compiler::graph::{self, Graph};
use mobilenet_compiler::network::{self, Network};
use mobilenet_compiler::options::InputType;
use mobilenet_compiler::plan::{self, CostModel, Plan, TradeOffs};
use mobilenet_compiler::{Error, Options, Problem, onnx, passes, tail, text};
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// A model that was read, and the options it is compiled with.
pub struct Session {
    /// Its file.
    pub path: PathBuf,
    /// What the file says.
    pub model: onnx::Model,
    options: Options,
}

impl Session {
    /// Reads the model file.
    pub fn open(model: &args::Model, batch: Option<u32>, input: Option<InputType>) -> Result<Self, Failure> {
        let path = model.path.clone();
        let options = model.options(batch, input);
        if path.as_os_str() == "-" {
            return Self::from_standard_input(options);
        }
        // A file that can't be opened says nothing about the model in it.
        let file = File::open(&path).and_then(|file| file.metadata());
        if !file.map_err(|error| Failure::file("read", &path, &error))?.is_file() {
            return Err(Failure::Other(Problem::new(format!("can't read {}: it is not a file", text::path(&path)))));
        }
        let model = onnx::Model::read(&path).map_err(|error| Failure::Model(path.clone(), error))?;
        failure::warn(&path, model.warnings());
        Ok(Self { path, model, options })
    }

    /// Reads the model from a pipe; weights in files of their own can't be found from there.
    fn from_standard_input(options: Options) -> Result<Self, Failure> {
        let path = PathBuf::from("standard input");
        let most = onnx::Limits::default().file_bytes;
        let mut bytes = Vec::new();
        let read = std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::file("read", &path, &error))?;
        if bytes.len() as u64 > most {
            let problem = Problem::new("standard input is too large for a model");
            return Err(Failure::Other(problem.expected(format!("at most {most} bytes"), "more")));
        }
        let model = onnx::Model::decode(bytes, None).map_err(|error| Failure::Model(path.clone(), error))?;
        Ok(Self { path, model, options })
    }

    /// Takes what is emitted for the classes.
    pub fn classes(&mut self, classes: &Classes) -> Result<(), Failure> {
        classes.apply(&mut self.options)
    }

    /// The graph as the file has it, adapted to the options.
    pub fn graph(&self) -> Result<Graph, Failure> {
        graph::import(&self.model, &self.options).map_err(|error| self.failure(error))
    }

    /// The graph after all rewrites.
    pub fn canonical(&self) -> Result<Graph, Failure> {
        let mut graph = self.graph()?;
        passes::run(&mut graph).map_err(|error| self.failure(error))?;
        Ok(graph)
    }

    /// The stages of the family.
    pub fn network(&self) -> Result<Network, Failure> {
        network::recognise(&self.canonical()?).map_err(|error| self.failure(error))
    }

    /// The plan.
    pub fn plan(&self) -> Result<Plan, Failure> {
        self.plan_by(&CostModel::default())
    }

    /// The plan for a target.
    pub fn plan_by(&self, cost: &CostModel) -> Result<Plan, Failure> {
        let cost = CostModel { goal: self.options.goal(), ..cost.clone() };
        let plan = plan::plan(self.network()?, &cost);
        let plan = plan.and_then(|plan| plan.with_classes(&self.options)).map_err(|error| self.failure(error))?;
        Ok(plan.of_model(&self.model))
    }

    /// What there is to choose from for a target.
    pub fn trade_offs(&self, cost: &CostModel) -> Result<TradeOffs, Failure> {
        plan::trade_offs(self.network()?, cost).map_err(|error| self.failure(error))
    }

    /// What the head of emitted files says of the model and these options.
    pub fn provenance(&self, more: &[(&str, &str)]) -> Provenance {
        let chosen = Some(self.options.to_string()).filter(|text| !text.is_empty());
        let more = more.iter().map(|(key, value)| format!("{key} = {value}"));
        let options: Vec<String> = chosen.into_iter().chain(more).collect();
        Provenance {
            model: self.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            sha256: self.model.sha256(),
            opset: self.model.opset(),
            options: options.join(", "),
        }
    }

    /// An error of a later stage.
    pub fn failure(&self, error: Error) -> Failure {
        let error = tail::advise(&self.model, &self.options, self.model.with_operators(error));
        Failure::Model(self.path.clone(), error)
    }
}
