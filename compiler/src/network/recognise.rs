//! From the canonical graph to stages.

use super::outputs::{Along, Array};
use super::view::{Axis, Label, axes, groups, transposed};
use super::{Epilogue, FeatureMap, Finish, Layout, MapId, Network, Stage, StageKind, refuse};
use crate::diagnostic::{Error, Problem};
use crate::graph::{DType, Graph, Node, Op, Quant, Unary, Value, ValueId};

/// What is known of a value of the graph.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// The model's input, its axes permuted; labels are its own axes.
    Input(Vec<Axis<usize>>),
    /// A feature map, its axes in this order.
    Map(MapId, Vec<Axis<Label>>),
    /// More than one map.
    Array(Array),
}

/// A network under construction.
pub(super) struct Builder<'g> {
    pub graph: &'g Graph,
    pub problems: Vec<Problem>,
    pub links: refuse::Links,
    /// What a float input is quantised by, wherever it is.
    pub input_quants: Vec<Quant>,
    /// The codes of a float input that operators on codes read.
    pub quantised_input: Option<(Quant, MapId)>,
    /// How often each value is read, by nodes and as an output.
    uses: Vec<usize>,
    states: Vec<Option<State>>,
    /// The value that another one is, in another shape or order.
    copied: Vec<Option<ValueId>>,
    pub maps: Vec<FeatureMap>,
    pub stages: Vec<Stage>,
    pub input: Option<(MapId, Layout)>,
    imported: Option<MapId>,
    pub batch: Option<usize>,
}

/// Recognises the stages of a canonical graph.
///
/// # Errors
///
/// Every operator and every shape that has no place in the family, together.
pub fn recognise(graph: &Graph) -> Result<Network, Error> {
    let mut builder = Builder {
        graph,
        links: refuse::Links::new(graph),
        problems: Vec::new(),
        uses: graph.use_counts(),
        states: vec![None; graph.values.len()],
        copied: vec![None; graph.values.len()],
        maps: Vec::new(),
        stages: Vec::new(),
        input: None,
        imported: None,
        input_quants: Vec::new(),
        quantised_input: None,
        batch: None,
    };
    let ty = &graph[graph.input].ty;
    if !matches!(ty.dtype, DType::F32 | DType::F16 | DType::U8 | DType::I8) {
        let problem = Problem::new(format!("the input {:?} has an unsupported element type", graph[graph.input].name));
        builder.problems.push(problem.expected("f32, u8 or i8", ty.dtype.name()));
    }
    builder.set(graph.input, State::Input(axes(ty.shape.iter().copied().enumerate())));
    let empty = |value: &&Value| value.constant.is_none() && value.ty.shape.contains(&0);
    let problem = |value: &Value| {
        Problem::new(format!("{:?} has no elements", value.name))
            .expected("dimensions of 1 and more", value.ty.to_string())
    };
    builder.problems.extend(graph.values.iter().find(empty).map(problem));
    for node in &graph.nodes {
        builder.visit(node);
    }
    builder.finish()
}

impl Builder<'_> {
    fn visit(&mut self, node: &Node) {
        let Some(&Some(x)) = node.inputs.first() else {
            return self.refuse(node);
        };
        let combines = matches!(node.op, Op::Binary(_) | Op::BatchNorm { .. } | Op::PRelu | Op::Concat { .. });
        if combines || matches!(node.op, Op::Unary(Unary::Act(_))) {
            self.image_as_map(node);
        }
        match &node.op {
            Op::Conv(conv) => self.convolution(node, conv),
            Op::GlobalAveragePool => self.global_average_pool(node, x),
            Op::Gemm { .. } => self.dense(node),
            &Op::Binary(op) => self.binary(node, op),
            &Op::Unary(Unary::Act(activation)) => self.activation(node, x, activation),
            &Op::BatchNorm { epsilon } => self.batch_norm(node, x, epsilon),
            Op::PRelu => self.slopes(node, x),
            &Op::Concat { axis } => self.concat(node, axis),
            &Op::Softmax { axis, flat, log } => self.along(node, x, axis, flat, Along::Softmax { log }),
            &Op::LpNormalize { axis, p, epsilon } => {
                self.along(node, x, axis, false, Along::LpNormalize { p, epsilon })
            }
            &Op::ArgMax { axis, select_last, .. } => self.finish_array(node, x, |builder| {
                let [outer, n, inner] = builder.rows(x, axis, false)?;
                Some(Finish::ArgMax { outer, n, inner, select_last })
            }),
            Op::Identity => self.copy(x, node.output),
            Op::Reshape => self.reshape(x, node.output),
            Op::Transpose { perm } => self.transpose(node, x, perm),
            Op::Cast => self.cast(node, x),
            Op::QuantizeLinear { .. } => self.quantise(node, x),
            Op::DequantizeLinear { .. } => self.dequantise(node, x),
            Op::Integer(integer) => self.integer(node, integer),
            op => match StageKind::of(op) {
                Some(kind) => self.windowed(node, x, kind),
                None => self.refuse(node),
            },
        }
    }

    /// Reports an operator, and goes on as if it returned its first computed input where the shapes allow it.
    pub fn refuse(&mut self, node: &Node) {
        self.problems.push(refuse::operator(self.graph, &self.links, node));
        self.go_on(node);
    }

    /// Reports what a node combines.
    pub fn refuse_as(&mut self, node: &Node, message: &str, expected: &str) {
        let shapes: Vec<String> = node.inputs.iter().flatten().map(|&id| self.graph[id].ty.to_string()).collect();
        self.problems.push(refuse::at(self.graph, node, message).expected(expected, shapes.join(", ")));
        self.go_on(node);
    }

    fn go_on(&mut self, node: &Node) {
        let same = node.inputs.iter().flatten().find(|&&id| {
            self.graph[id].constant.is_none() && self.graph[id].ty.shape == self.graph[node.output].ty.shape
        });
        if let Some(&x) = same {
            self.copy(x, node.output);
        }
    }

    pub fn shape(&self, id: ValueId) -> &[usize] {
        &self.graph[id].ty.shape
    }

    pub fn set(&mut self, id: ValueId, state: State) {
        if let Some(slot) = self.states.get_mut(id.0 as usize) {
            *slot = Some(state);
        }
    }

    pub fn state(&self, id: ValueId) -> Option<&State> {
        self.states.get(id.0 as usize)?.as_ref()
    }

    pub fn map(&self, id: MapId) -> FeatureMap {
        self.maps[id.0 as usize]
    }

    pub fn copy(&mut self, from: ValueId, to: ValueId) {
        if let Some(state) = self.state(from).cloned() {
            self.set(to, state);
            self.copied[to.0 as usize] = Some(from);
        }
    }

    /// Whether a value, and all that it is in other shapes and orders, is read at one place only.
    pub fn sole(&self, mut value: ValueId) -> bool {
        loop {
            match (self.uses[value.0 as usize], self.copied[value.0 as usize]) {
                (1, Some(from)) => value = from,
                (uses, _) => return uses == 1,
            }
        }
    }

    /// The elements of the input in the caller's order may be read in any shape: a flat one as an image, say.
    fn reshape(&mut self, x: ValueId, to: ValueId) {
        let cuts = |order: &[Axis<usize>]| {
            order.is_sorted_by_key(|axis| axis.label) && groups(order, self.shape(to)).is_none()
        };
        match self.state(x) {
            Some(State::Input(order)) if cuts(order) => {
                let order = axes(self.shape(to).iter().copied().enumerate());
                self.set(to, State::Input(order));
            }
            _ => self.copy(x, to),
        }
    }

    fn transpose(&mut self, node: &Node, x: ValueId, perm: &[usize]) {
        let shape = self.shape(x);
        let state = match self.state(x) {
            None => return,
            Some(State::Input(order)) => transposed(order, shape, perm).map(State::Input),
            Some(State::Map(map, order)) => transposed(order, shape, perm).map(|order| State::Map(*map, order)),
            Some(State::Array(array)) => self.transposed_array(array, shape, perm).map(State::Array),
        };
        match state {
            Some(state) => {
                self.set(node.output, state);
                self.copied[node.output.0 as usize] = Some(x);
            }
            None => {
                let found = format!("perm {perm:?} of a value that was reshaped to {shape:?}");
                let problem = refuse::at(self.graph, node, "a transpose that cuts through the axes of a feature map");
                self.problems.push(problem.expected("a permutation of batch, channels, rows and columns", found));
            }
        }
    }

    /// Casts are exact where an 8-bit input becomes wider, or nothing changes.
    fn cast(&mut self, node: &Node, x: ValueId) {
        if self.graph[node.output].ty.dtype == DType::F16 && !matches!(self.state(x), Some(State::Input(_))) {
            return self.finish_array(node, x, |_| Some(Finish::Half));
        }
        let port = self.graph[self.graph.input].ty.dtype;
        let to = self.graph[node.output].ty.dtype;
        let wider = match (port.int_range(), to.int_range()) {
            (Some((lo, hi)), Some((to_lo, to_hi))) => to_lo <= lo && hi <= to_hi,
            (Some(_), None) => port.bytes() == 1,
            (None, _) => to == port || (port, to) == (DType::F16, DType::F32),
        };
        if wider && matches!(self.state(x), Some(State::Input(_))) {
            self.copy(x, node.output);
        } else {
            self.refuse(node);
        }
    }

    /// The map a value holds, where it reads as `expected`: the model's input takes its layout from the first such reader.
    pub fn read(&mut self, node: &Node, x: ValueId, expected: [(Label, usize); 4]) -> Option<MapId> {
        let element = self.graph[x].ty.dtype;
        let codes = matches!(self.state(x), Some(State::Map(map, _)) if self.map(*map).quant.is_some());
        if element != DType::F32 && !codes {
            let problem = refuse::at(self.graph, node, "computes in another element type than f32");
            self.problems.push(problem.expected("f32", element.name()));
            return None;
        }
        self.read_map(node, x, expected)
    }

    /// The same of any element type.
    pub fn read_map(&mut self, node: &Node, x: ValueId, expected: [(Label, usize); 4]) -> Option<MapId> {
        let [batch, ..] = expected.map(|(_, size)| size);
        let wanted = axes(expected);
        let found = match self.state(x)? {
            State::Map(map, order) if *order == wanted => Some(*map),
            State::Map(..) | State::Array(_) => None,
            State::Input(order) => {
                let order = order.clone();
                self.read_input(&order, x, expected)
            }
        };
        if let (None, Some(State::Array(_))) = (found, self.state(x)) {
            let problem = refuse::at(self.graph, node, "reads what only an output can be");
            let problem = problem.expected(
                "feature maps and vectors",
                "values that softmax, a norm or a concatenation made along other axes than the channels of a vector",
            );
            self.problems.push(problem);
        } else if found.is_none() {
            let problem = refuse::at(self.graph, node, "reads a feature map whose axes are in another order or cut");
            let problem =
                problem.expected("[N, C, H, W], or [N, features]", format!("{:?} after reshapes", self.shape(x)));
            self.problems.push(if batch > 1 { problem.hint(refuse::APART) } else { problem });
        }
        self.batch.get_or_insert(batch);
        found
    }

    fn read_input(&mut self, order: &[Axis<usize>], x: ValueId, expected: [(Label, usize); 4]) -> Option<MapId> {
        let shape: Vec<usize> = expected.iter().map(|&(_, size)| size).collect();
        let mut labels = Vec::new();
        for (group, (label, _)) in groups(order, &shape)?.into_iter().zip(expected) {
            match group {
                [] => {}
                [axis] => labels.push((axis.label, label)),
                _ if self.shape(x).len() == 2 && group.is_sorted_by_key(|axis| axis.label) => {
                    labels.extend(group.iter().map(|axis| (axis.label, label)));
                }
                _ => return None,
            }
        }
        labels.sort_by_key(|&(axis, _)| axis);
        let mut labels: Vec<Label> = labels.into_iter().map(|(_, label)| label).collect();
        labels.dedup();
        let is = |layout: [Label; 4]| {
            let mut rest = layout.iter();
            labels.iter().all(|label| rest.any(|l| l == label))
        };
        let [n, c, h, w] = expected.map(|(_, size)| size);
        let nchw = is([Label::Batch, Label::Channel, Label::Row, Label::Column]);
        let nhwc = is([Label::Batch, Label::Row, Label::Column, Label::Channel]);
        let port = self.shape(self.graph.input);
        let layout = match (nchw, nhwc) {
            (true, true) if *port == [n, h, w, c] && *port != [n, c, h, w] => Layout::Nhwc,
            (true, _) => Layout::Nchw,
            (false, true) => Layout::Nhwc,
            (false, false) => return None,
        };
        if let Some((map, known)) = self.input {
            let same = self.map(map);
            return ((same.height, same.width, same.channels, known) == (h, w, c, layout)).then_some(map);
        }
        let element = self.graph[self.graph.input].ty.dtype;
        let map = self.add_map(FeatureMap { height: h, width: w, channels: c, element, quant: None });
        self.input = Some((map, layout));
        Some(map)
    }

    pub fn add_map(&mut self, map: FeatureMap) -> MapId {
        self.maps.push(map);
        MapId((self.maps.len() - 1) as u32)
    }

    /// Whether a map is the model's input as the caller gives it.
    pub fn is_port(&self, map: MapId) -> bool {
        self.input.is_some_and(|(input, _)| input == map)
    }

    /// A map that any stage can read: the model's input is imported first.
    pub fn import(&mut self, map: MapId) -> MapId {
        if !self.is_port(map) {
            return map;
        }
        if let Some(imported) = self.imported {
            return imported;
        }
        let output = self.add_map(FeatureMap { element: DType::F32, ..self.map(map) });
        let note = "the first operator can't read the model's own layout and element type";
        self.push(StageKind::Import, Epilogue::NONE, vec![map], output, vec![], note.into());
        self.imported = Some(output);
        output
    }

    pub fn push(
        &mut self,
        kind: StageKind,
        epilogue: impl Into<Epilogue>,
        inputs: Vec<MapId>,
        output: MapId,
        origin: Vec<String>,
        note: String,
    ) {
        self.stages.push(Stage { kind, inputs, output, epilogue: epilogue.into(), origin, note });
    }

    /// Adds the stage that computes a node.
    pub fn push_node(
        &mut self,
        node: &Node,
        kind: StageKind,
        epilogue: impl Into<Epilogue>,
        input: MapId,
        output: FeatureMap,
        note: String,
    ) {
        let map = self.define(node, output);
        self.push(kind, epilogue, vec![input], map, node.origin.clone(), note);
    }

    /// Adds the map of a node's output, in `[N, C, H, W]` order.
    pub fn define(&mut self, node: &Node, output: FeatureMap) -> MapId {
        let batch = self.batch.unwrap_or(1);
        let map = self.add_map(output);
        let sizes = [
            (Label::Batch, batch),
            (Label::Channel, output.channels),
            (Label::Row, output.height),
            (Label::Column, output.width),
        ];
        self.set(node.output, State::Map(map, axes(sizes)));
        map
    }
}
