//! The stages that operators on codes become, and the borders between codes and numbers.

use super::integer::{Integer, IntegerKind, IntegerWeights};
use super::recognise::{Builder, State};
use super::view::Label;
use super::{Epilogue, FeatureMap, MapId, StageKind, refuse};
use crate::graph::{self, DType, IntegerOp, Node, Quant, Tensor, ValueId, WeightQuant};
use std::sync::Arc;

impl Builder<'_> {
    /// An operator on codes.
    pub fn integer(&mut self, node: &Node, integer: &graph::Integer) {
        let parts = match &integer.op {
            IntegerOp::Conv { window, group, weights } => self.integer_conv(node, integer, *window, *group, weights),
            IntegerOp::Dense { weights } => self.integer_dense(node, integer, weights),
            IntegerOp::Add | IntegerOp::Mul => return self.integer_pair(node, integer),
            IntegerOp::AveragePool { window, count_include_pad } => {
                let kind = IntegerKind::AveragePool { window: *window, count_include_pad: *count_include_pad };
                let note = format!("over windows of {} x {}", window.kernel[0], window.kernel[1]);
                self.integer_image(node, integer).map(|map| (kind, map, note))
            }
            IntegerOp::GlobalAveragePool => self.integer_image(node, integer).map(|map| {
                let FeatureMap { height, width, .. } = self.map(map);
                (IntegerKind::GlobalAveragePool, map, format!("mean of {height} x {width} codes"))
            }),
            IntegerOp::Table(table) => return self.integer_table(node, integer, table),
        };
        let Some((kind, map, note)) = parts else { return };
        let (height, width, channels) = match *self.shape(node.output) {
            [_, c, h, w] => (h, w, c),
            [_, c] => (1, 1, c),
            _ => return self.refuse(node),
        };
        let output = codes(FeatureMap { height, width, channels, ..self.map(map) }, integer.output);
        let stage = StageKind::Integer(Integer { kind, clamp: integer.clamp });
        self.push_node(node, stage, Epilogue::NONE, map, output, note);
    }

    fn integer_conv(
        &mut self,
        node: &Node,
        integer: &graph::Integer,
        window: graph::Window,
        groups: usize,
        quant: &WeightQuant,
    ) -> Option<(IntegerKind, MapId, String)> {
        let map = self.integer_image(node, integer)?;
        let weights = self.integer_weights(node, integer, quant, None)?;
        if window.pads.iter().any(|&pad| pad < 0) {
            let problem = refuse::at(self.graph, node, "a convolution with negative pads");
            self.problems.push(problem.expected("pads of 0 and more", format!("{:?}", window.pads)));
            return None;
        }
        let FeatureMap { height, width, channels, .. } = self.map(map);
        let outputs = weights.bias.len();
        let port = self.is_port(map);
        let plain = window.kernel == [1, 1] && window.stride == [1, 1] && window.pads == [0; 4] && groups == 1;
        Some(match (plain, port) {
            (true, false) if (height, width) == (1, 1) => {
                (IntegerKind::Dense(weights), map, format!("fully connected: {channels} to {outputs}"))
            }
            (true, false) => (IntegerKind::Pointwise(weights), map, "a 1x1 convolution".into()),
            (_, false) if groups != 1 && groups == channels && outputs == channels => {
                (IntegerKind::Depthwise { window, weights }, map, "a depthwise convolution".into())
            }
            _ => {
                let note = match (port, groups) {
                    (true, _) => "the first convolution reads the model's input as it is".into(),
                    (false, 1) => "a standard convolution".into(),
                    (false, _) => format!("a convolution of {groups} groups"),
                };
                (IntegerKind::Conv { window, groups, weights }, map, note)
            }
        })
    }

    fn integer_dense(
        &mut self,
        node: &Node,
        integer: &graph::Integer,
        quant: &WeightQuant,
    ) -> Option<(IntegerKind, MapId, String)> {
        let x = node.inputs.first().copied()??;
        let &[n, k] = self.shape(x) else { return None };
        let (map, order, note) = match self.state(x)? {
            State::Map(..) => {
                let (map, order, note) = self.dense_order(node, x, [n, k], quant.scales.len())?;
                (self.of_quant(node, map, *integer.inputs.first()?)?, order, note)
            }
            _ => {
                let vector = [(Label::Batch, n), (Label::Channel, k), (Label::Row, 1), (Label::Column, 1)];
                let map = self.read_codes(node, x, vector, *integer.inputs.first()?)?;
                (map, None, format!("fully connected: {k} to {}", quant.scales.len()))
            }
        };
        let weights = self.integer_weights(node, integer, quant, order)?;
        Some((IntegerKind::Dense(weights), map, note))
    }

    /// The constants of a layer. `order` are the axes that K consists of, and the order in which they are wanted.
    fn integer_weights(
        &mut self,
        node: &Node,
        integer: &graph::Integer,
        quant: &WeightQuant,
        order: Option<(Vec<usize>, Vec<usize>)>,
    ) -> Option<IntegerWeights> {
        let constant = |at: usize| self.graph[node.inputs.get(at).copied()??].constant.as_ref();
        let (codes, bias) = (constant(1)?, constant(2)?);
        let reordered = order.map(|(shape, perm)| {
            let tensor = Tensor { shape, ..codes.clone() };
            crate::passes::numbers::permuted(&tensor, &perm)
        });
        let codes = reordered.as_ref().unwrap_or(codes);
        let x = integer.inputs.first()?.scale;
        Some(IntegerWeights {
            element: codes.dtype,
            codes: codes.as_int()?.iter().map(|&code| code as i16).collect(),
            zeros: quant.zeros.clone(),
            scales: quant.scales.clone(),
            bias: bias.as_int()?.iter().map(|&b| b as i32).collect(),
            multipliers: quant.scales.iter().map(|&scale| x * scale / integer.output.scale).collect(),
        })
    }

    fn integer_pair(&mut self, node: &Node, integer: &graph::Integer) {
        let (&[Some(a), Some(b)], &[qa, qb]) = (&node.inputs[..], &integer.inputs[..]) else {
            return self.refuse(node);
        };
        let (Some(State::Map(a, order)), Some(State::Map(b, other))) = (self.state(a), self.state(b)) else {
            return self.refuse(node);
        };
        let (a, b, order, same) = (*a, *b, order.clone(), order == other);
        let (left, right) = (self.map(a), self.map(b));
        let channels = (left.channels, 1, 1) == (right.channels, right.height, right.width);
        let whole = same && (left.height, left.width) == (right.height, right.width);
        let (kind, fits, note) = match integer.op {
            IntegerOp::Add => (IntegerKind::Add, whole, "the sum of two maps"),
            _ => (IntegerKind::Scale, whole || channels, "each channel times its gate"),
        };
        if !fits || [left.quant, right.quant] != [Some(qa), Some(qb)] {
            return self.refuse_as(
                node,
                "combines two maps of codes",
                "two maps of one shape, or a map and a gate per channel",
            );
        }
        let output = self.add_map(codes(left, integer.output));
        let stage = StageKind::Integer(Integer { kind, clamp: integer.clamp });
        self.push(stage, Epilogue::NONE, vec![a, b], output, node.origin.clone(), note.into());
        self.set(node.output, State::Map(output, order));
    }

    fn integer_table(&mut self, node: &Node, integer: &graph::Integer, table: &Arc<[i16]>) {
        let Some(&Some(x)) = node.inputs.first() else { return self.refuse(node) };
        let found = match self.state(x) {
            Some(State::Map(map, order)) => {
                let (map, order) = (*map, order.clone());
                let Some(&quant) = integer.inputs.first() else { return };
                if self.of_quant(node, map, quant).is_none() {
                    return;
                }
                Some((map, order))
            }
            Some(_) if self.shape(x).len() == 4 => self.integer_image(node, integer).map(|map| {
                let FeatureMap { height, width, channels, .. } = self.map(map);
                let sizes = [self.batch.unwrap_or(1), channels, height, width];
                let labels = [Label::Batch, Label::Channel, Label::Row, Label::Column];
                (map, super::view::axes(labels.into_iter().zip(sizes)))
            }),
            _ => None,
        };
        let Some((map, order)) = found else { return self.refuse(node) };
        let output = self.add_map(codes(self.map(map), integer.output));
        let kind = IntegerKind::Table(table.clone());
        let stage = StageKind::Integer(Integer { kind, clamp: integer.clamp });
        let note = "a table of 256: arithmetic on single codes".into();
        self.push(stage, Epilogue::NONE, vec![map], output, node.origin.clone(), note);
        self.set(node.output, State::Map(output, order));
    }

    /// The map of codes that a node reads as `[N, C, H, W]`.
    fn integer_image(&mut self, node: &Node, integer: &graph::Integer) -> Option<MapId> {
        let x = node.inputs.first().copied()??;
        let &[n, c, h, w] = self.shape(x) else { return None };
        let expected = [(Label::Batch, n), (Label::Channel, c), (Label::Row, h), (Label::Column, w)];
        self.read_codes(node, x, expected, *integer.inputs.first()?)
    }

    /// As [`read`](Self::read), codes: of a float input those that it is quantised to.
    fn read_codes(&mut self, node: &Node, x: ValueId, expected: [(Label, usize); 4], quant: Quant) -> Option<MapId> {
        let map = self.read_map(node, x, expected)?;
        if !self.is_port(map) {
            return self.of_quant(node, map, quant);
        }
        if self.graph[self.graph.input].ty.dtype == quant.dtype {
            let port = &mut self.maps[map.0 as usize];
            if *port.quant.get_or_insert(quant) == quant {
                return Some(map);
            }
            let problem = refuse::at(self.graph, node, "the model's input is dequantised in two ways");
            self.problems.push(problem.expected("one scale and zero point", "two"));
            return None;
        }
        if self.input_quants.iter().any(|written| *written != quant) {
            self.misread(node);
            return None;
        }
        if let Some((_, known)) = self.quantised_input.filter(|(known, _)| *known == quant) {
            return Some(known);
        }
        let output = self.add_map(codes(self.map(map), quant));
        let note = format!("the model's input becomes {quant}");
        self.push(StageKind::Quantise, Epilogue::NONE, vec![map], output, vec![], note);
        self.quantised_input = Some((quant, output));
        Some(output)
    }

    /// A map whose codes are read as what they were written as.
    fn of_quant(&mut self, node: &Node, map: MapId, quant: Quant) -> Option<MapId> {
        if self.map(map).quant == Some(quant) {
            return Some(map);
        }
        self.misread(node);
        None
    }

    fn misread(&mut self, node: &Node) {
        let problem = refuse::at(
            self.graph,
            node,
            "codes are dequantised by another scale or zero point than they were quantised by",
        );
        self.problems.push(problem.expected("the same scale and zero point on both sides", "different ones"));
    }

    /// Numbers become codes: a border behind what runs in float. The model's input is quantised where it is read.
    pub fn quantise(&mut self, node: &Node, x: ValueId) {
        match self.state(x) {
            None => {}
            Some(State::Input(_)) if self.graph[x].ty.dtype == DType::F32 && !self.is_bytes() => {
                match self.whole_quant(node, self.graph[node.output].ty.dtype) {
                    Some(quant) => self.input_quants.push(quant),
                    None => return self.refuse(node),
                }
                self.copy(x, node.output);
            }
            Some(State::Map(map, order)) if self.map(*map).quant.is_none() => {
                let (map, order) = (*map, order.clone());
                let Some(quant) = self.whole_quant(node, self.graph[node.output].ty.dtype) else {
                    return self.refuse(node);
                };
                let output = self.add_map(codes(self.map(map), quant));
                let note = format!("codes again behind what runs in float: {quant}");
                self.push(StageKind::Quantise, Epilogue::NONE, vec![map], output, node.origin.clone(), note);
                self.set(node.output, State::Map(output, order));
            }
            Some(_) => self.refuse(node),
        }
    }

    fn is_bytes(&self) -> bool {
        self.graph[self.graph.input].ty.dtype != DType::F32
    }

    /// Codes become numbers: a border in front of what runs in float, or of an output.
    pub fn dequantise(&mut self, node: &Node, x: ValueId) {
        let Some(State::Map(map, order)) = self.state(x) else {
            if self.state(x).is_some() {
                self.refuse(node);
            }
            return;
        };
        let (map, order) = (*map, order.clone());
        let dims = self.map(map);
        if dims.quant.is_none() || self.whole_quant(node, dims.element) != dims.quant {
            return self.refuse(node);
        }
        let output = self.add_map(FeatureMap { element: DType::F32, quant: None, ..dims });
        let reader = self.graph.nodes.iter().find(|reader| reader.inputs.contains(&Some(node.output)));
        let note = match reader {
            None => "the model's output is in float".to_string(),
            Some(reader) => {
                let name = reader.origin.first().unwrap_or(&self.graph[reader.output].name);
                format!("in float from here: {} {name:?} forms no operator on codes", reader.op.name())
            }
        };
        self.push(StageKind::Dequantise, Epilogue::NONE, vec![map], output, node.origin.clone(), note);
        self.set(node.output, State::Map(output, order));
    }

    /// The one scale and zero point of a `QuantizeLinear` or `DequantizeLinear`.
    fn whole_quant(&self, node: &Node, dtype: DType) -> Option<Quant> {
        let scalar = |at: usize| match node.inputs.get(at).copied().flatten() {
            Some(id) => self.graph[id].constant.as_ref()?.scalar(),
            None => Some(0.0),
        };
        let scale = scalar(1)? as f32;
        let sound = scale.is_normal() && scale > 0.0 && matches!(dtype, DType::U8 | DType::I8);
        Some(Quant { dtype, scale, zero: scalar(2)? as i32 }).filter(|_| sound)
    }
}

/// A map of codes.
fn codes(map: FeatureMap, quant: Quant) -> FeatureMap {
    FeatureMap { element: quant.dtype, quant: Some(quant), ..map }
}
