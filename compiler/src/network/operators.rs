//! The stages that single operators become.

use super::integer::{Integer, IntegerKind};
use super::recognise::{Builder, State};
use super::view::{Label, groups};
use super::{Conv, Dense, Depthwise, Epilogue, FeatureMap, MapId, Pointwise, StageKind, Weights, refuse};
use crate::diagnostic::Problem;
use crate::graph::{self, Activation, DType, Node, Op, ValueId, Window};
use crate::passes::numbers;
use std::sync::Arc;

impl Builder<'_> {
    pub fn convolution(&mut self, node: &Node, conv: &graph::Conv) {
        let before = self.problems.len();
        let parts = self.conv_parts(node, conv);
        let Some((input, output, weights, bias)) = parts else { return };
        if self.problems.len() == before {
            let (kind, input, note) = self.conv_kind(node, conv, input, weights, bias);
            self.push_node(node, kind, conv.activation, input, output, note);
        } else {
            self.define(node, output);
        }
    }

    /// What a convolution reads, writes and holds. Problems may be reported beside a result.
    fn conv_parts(&mut self, node: &Node, conv: &graph::Conv) -> Option<(MapId, FeatureMap, Weights, Weights)> {
        let (x, w) = (node.inputs.first().copied()??, node.inputs.get(1).copied()??);
        let (&[n, c, h, width], &[m, ..]) = (self.shape(x), self.shape(w)) else {
            let problem = refuse::at(self.graph, node, "not a convolution over rows and columns");
            let found = format!("{:?} with weights {:?}", self.shape(x), self.shape(w));
            self.problems.push(problem.expected("[N, C, H, W] with weights [M, C, kh, kw]", found));
            return None;
        };
        if conv.window.pads.iter().any(|&p| p < 0) {
            let problem = refuse::at(self.graph, node, "a convolution with negative pads");
            self.problems.push(problem.expected("pads of 0 and more", format!("{:?}", conv.window.pads)));
        }
        self.check_activation(node, conv.activation);
        let weights = self.parameter(node, w, "weights");
        let bias = self.bias(node, m);
        let map =
            self.read(node, x, [(Label::Batch, n), (Label::Channel, c), (Label::Row, h), (Label::Column, width)])?;
        if !conv.pad_values.is_empty() && (!self.is_port(map) || conv.group != 1) {
            let problem = refuse::at(self.graph, node, "a convolution with a border other than zero on a feature map");
            self.problems.push(problem.expected("a border of zeros", format!("{:?}", conv.pad_values)));
        }
        let &[_, _, height, columns] = self.shape(node.output) else { return None };
        let output = FeatureMap { height, width: columns, channels: m, element: DType::F32, quant: None };
        Some((map, output, weights?, bias?))
    }

    fn conv_kind(
        &mut self,
        node: &Node,
        conv: &graph::Conv,
        map: MapId,
        weights: Weights,
        bias: Weights,
    ) -> (StageKind, MapId, String) {
        let FeatureMap { channels, .. } = self.map(map);
        let graph::Conv { window, group, .. } = *conv;
        let origin = node.origin.clone();
        let map = if group == 1 { map } else { self.import(map) };
        if group != 1 && group == channels && bias.len() == channels {
            return (
                StageKind::Depthwise(Depthwise { window, weights, bias, origin }),
                map,
                "a depthwise convolution".into(),
            );
        }
        let plain = window.kernel == [1, 1] && window.stride == [1, 1] && window.pads == [0; 4] && group == 1;
        if plain && !self.is_port(map) {
            let kind = StageKind::Pointwise(Pointwise { weights, bias, origin });
            return (kind, map, "a 1x1 convolution".into());
        }
        let pad_values: Weights =
            if conv.pad_values.is_empty() { vec![0.0; channels].into() } else { conv.pad_values.as_slice().into() };
        let mut note = match group {
            1 => "a standard convolution".to_string(),
            _ if group == channels => {
                format!("a depthwise convolution of {} outputs per channel", bias.len() / channels)
            }
            _ => format!("a convolution of {group} groups"),
        };
        if self.is_port(map) {
            note = "the first convolution reads the model's input as it is".into();
            if conv.pad_values.iter().any(|&v| v != 0.0) {
                note.push_str(
                    "; normalisation is folded into it, the border holds what normalises to the model's border",
                );
            }
        }
        let body = Conv { window, groups: group, weights, bias, pad_values };
        (if self.is_port(map) { StageKind::Stem(body) } else { StageKind::Conv(body) }, map, note)
    }

    pub fn global_average_pool(&mut self, node: &Node, x: ValueId) {
        let &[n, c, h, w] = self.shape(x) else { return };
        let sizes = [(Label::Batch, n), (Label::Channel, c), (Label::Row, h), (Label::Column, w)];
        let Some(map) = self.read(node, x, sizes) else { return };
        let input = self.import(map);
        let output = FeatureMap { height: 1, width: 1, channels: c, element: DType::F32, quant: None };
        let note = format!("mean of {h} x {w} values");
        self.push_node(node, StageKind::GlobalAveragePool, Epilogue::NONE, input, output, note);
    }

    /// An operator that makes one map of another, by windows.
    pub fn windowed(&mut self, node: &Node, x: ValueId, kind: StageKind) {
        let (&[n, c, h, w], &[_, _, height, width]) = (self.shape(x), self.shape(node.output)) else { return };
        let sizes = [(Label::Batch, n), (Label::Channel, c), (Label::Row, h), (Label::Column, w)];
        let Some(map) = self.read(node, x, sizes) else { return };
        let input = self.import(map);
        let output = FeatureMap { height, width, channels: c, ..self.map(input) };
        let kind = match (kind, output.quant) {
            (StageKind::MaxPool(window), Some(quant)) => {
                StageKind::Integer(Integer { kind: IntegerKind::MaxPool(window), clamp: quant.range() })
            }
            (kind, _) => kind,
        };
        let [rows, columns] = kind.profile().window.unwrap_or(Window::ONE).kernel;
        let note = format!("over windows of {rows} x {columns}");
        self.push_node(node, kind, Epilogue::NONE, input, output, note);
    }

    pub fn dense(&mut self, node: &Node) {
        let &Op::Gemm { alpha, beta, trans_a, trans_b, activation } = &node.op else { return };
        let (Some(&Some(x)), Some(&Some(w))) = (node.inputs.first(), node.inputs.get(1)) else { return };
        let constant = |id: ValueId| self.graph[id].constant.is_some();
        let canonical = (alpha, beta, trans_a, trans_b) == (1.0, 1.0, false, true);
        if !canonical || !constant(w) || !node.inputs.get(2).copied().flatten().is_none_or(constant) {
            return self.refuse(node);
        }
        let (&[n, k], &[m, _]) = (self.shape(x), self.shape(w)) else { return };
        self.check_activation(node, activation);
        let (Some(weights), Some(bias)) = (self.parameter(node, w, "weights"), self.bias(node, m)) else { return };
        let Some((map, weights, note)) = self.dense_input(node, x, [n, k], m, weights) else { return };
        let input = self.import(map);
        let output = FeatureMap { height: 1, width: 1, channels: m, element: DType::F32, quant: None };
        self.push_node(node, StageKind::Dense(Dense { weights, bias }), activation, input, output, note);
    }

    /// The map a fully connected layer reads, and its weights in `[H][W][C]` order of that map.
    fn dense_input(
        &mut self,
        node: &Node,
        x: ValueId,
        [n, k]: [usize; 2],
        m: usize,
        weights: Weights,
    ) -> Option<(MapId, Weights, String)> {
        let (map, order, note) = self.dense_order(node, x, [n, k], m)?;
        let Some((shape, perm)) = order else { return Some((map, weights, note)) };
        let permuted = numbers::permuted(&graph::Tensor::f32(shape, weights), &perm);
        Some((map, permuted.to_f32(), note))
    }

    /// The map a fully connected layer reads; where its weights must be reordered to `[H][W][C]` of that map, the axes that they
    /// consist of, outputs first, and their permutation.
    #[allow(clippy::type_complexity, reason = "three parts of one answer")]
    pub fn dense_order(
        &mut self,
        node: &Node,
        x: ValueId,
        [n, k]: [usize; 2],
        m: usize,
    ) -> Option<(MapId, Option<(Vec<usize>, Vec<usize>)>, String)> {
        let vector = [(Label::Batch, n), (Label::Channel, k), (Label::Row, 1), (Label::Column, 1)];
        let (map, order) = match self.state(x) {
            Some(State::Map(map, order)) => (*map, order.clone()),
            _ => return self.read(node, x, vector).map(|map| (map, None, format!("fully connected: {k} to {m}"))),
        };
        let features = match groups(&order, &[n, k]).as_deref() {
            Some([batch, features]) if batch.iter().all(|axis| axis.label == Label::Batch) => features.to_vec(),
            _ => {
                // Reports the axes.
                self.read_map(node, x, vector);
                return None;
            }
        };
        if features.iter().any(|axis| axis.label == Label::Batch) {
            self.read_map(node, x, vector);
            return None;
        }
        let mut wanted = [Label::Row, Label::Column, Label::Channel].to_vec();
        wanted.retain(|label| features.iter().any(|axis| axis.label == *label));
        let perm: Vec<usize> = wanted
            .iter()
            .filter_map(|label| features.iter().position(|axis| axis.label == *label).map(|at| at + 1))
            .collect();
        if perm.is_sorted() {
            return Some((map, None, format!("fully connected: {k} to {m}")));
        }
        let mut shape = vec![m];
        shape.extend(features.iter().map(|axis| axis.size));
        let full: Vec<usize> = std::iter::once(0).chain(perm).collect();
        let note = format!("fully connected: {k} to {m}, weights reordered to the map's [H][W][C]");
        Some((map, Some((shape, full)), note))
    }

    pub fn check_activation(&mut self, node: &Node, activation: Activation) {
        if let Activation::Clamp { lo, hi } = activation
            && (lo.is_nan() || hi.is_nan())
        {
            let problem = refuse::at(self.graph, node, "a clamp with a bound that is no number");
            self.problems.push(problem.expected("numbers", format!("{lo}..={hi}")));
        }
    }

    /// A constant of f32, shared.
    fn parameter(&mut self, node: &Node, id: ValueId, what: &str) -> Option<Weights> {
        let value = &self.graph[id];
        let problem: Problem = match &value.constant {
            Some(constant) => match constant.as_f32() {
                Some(data) if constant.dtype == DType::F32 => return Some(Arc::clone(data)),
                _ => refuse::at(self.graph, node, format!("{what} of another element type than f32"))
                    .expected("f32", constant.dtype.name()),
            },
            None => refuse::at(self.graph, node, format!("{what} that are computed at run time"))
                .expected("constants", format!("{:?}, which depends on the model's input", value.name)),
        };
        self.problems.push(problem);
        None
    }

    fn bias(&mut self, node: &Node, outputs: usize) -> Option<Weights> {
        match node.inputs.get(2).copied().flatten() {
            None => Some(vec![0.0; outputs].into()),
            Some(id) => self.parameter(node, id, "a bias"),
        }
    }
}
