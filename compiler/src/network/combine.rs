//! What combines or ends maps: sums, gates, concatenations, and the epilogues that stages take in.

use super::integer::{Integer, IntegerKind};
use super::recognise::{Builder, State};
use super::view::{Axis, Label, axes, groups};
use super::{Affine, Epilogue, FeatureMap, MapId, Stage, StageKind, Weights};
use crate::graph::{Activation, Binary, DType, Node, ValueId};

/// A value that is a map.
struct Operand {
    value: ValueId,
    map: MapId,
    order: Vec<Axis<Label>>,
}

impl Epilogue {
    fn is_empty(&self) -> bool {
        *self == Self::NONE
    }

    /// Whether an activation, or slopes in its place, may follow what is there.
    fn takes_activation(&self) -> bool {
        self.activation == Activation::NONE && self.slopes.is_none() && self.affine.is_none()
    }

    fn scale(&mut self, next: Affine) {
        let affine = match self.affine.take() {
            None => next,
            Some(first) => {
                let each = |f: fn(f32, f32, f32) -> f32, a: &Weights| -> Weights {
                    let parts = a.iter().zip(next.scale.iter().zip(next.offset.iter()));
                    parts.map(|(&a, (&scale, &offset))| f(a, scale, offset)).collect()
                };
                let scale = each(|a, scale, _| a * scale, &first.scale);
                Affine { scale, offset: each(|a, scale, offset| a * scale + offset, &first.offset) }
            }
        };
        self.affine = Some(affine);
    }
}

/// The axes in front of the channels and those behind.
type Sides = (Vec<Axis<Label>>, Vec<Axis<Label>>);

impl Builder<'_> {
    fn operand(&self, value: ValueId) -> Option<Operand> {
        match self.state(value) {
            Some(State::Map(map, order)) => Some(Operand { value, map: *map, order: order.clone() }),
            _ => None,
        }
    }

    /// Lets what is done to each value of the model's image find it as a map.
    pub fn image_as_map(&mut self, node: &Node) {
        for &x in node.inputs.iter().flatten() {
            let (Some(State::Input(_)), &[n, c, h, w]) = (self.state(x), self.shape(x)) else { continue };
            let sizes = [(Label::Batch, n), (Label::Channel, c), (Label::Row, h), (Label::Column, w)];
            if self.graph[x].ty.dtype == DType::F32
                && let Some(map) = self.read(node, x, sizes)
            {
                let map = self.import(map);
                self.set(x, State::Map(map, axes(sizes)));
            }
        }
    }

    /// The stage that may take an epilogue in for its only reader.
    fn host(&self, operand: &Operand, free: fn(&Epilogue) -> bool) -> Option<usize> {
        let stage = self.stages.iter().rposition(|stage| stage.output == operand.map)?;
        let Stage { kind, epilogue, .. } = &self.stages[stage];
        (self.sole(operand.value) && kind.takes_epilogue() && free(epilogue)).then_some(stage)
    }

    /// A stage that does nothing but its epilogue.
    fn elementwise(&mut self, map: MapId, note: &str) -> usize {
        let output = self.add_map(self.map(map));
        self.push(StageKind::Elementwise, Epilogue::NONE, vec![map], output, vec![], note.into());
        self.stages.len() - 1
    }

    /// Lets the stage that computes the operand, or one of its own, do this to each value.
    fn attach(&mut self, node: &Node, x: Operand, free: fn(&Epilogue) -> bool, change: impl FnOnce(&mut Epilogue)) {
        let stage = match self.host(&x, free) {
            Some(stage) => stage,
            None => self.elementwise(x.map, "what computes its argument has other readers, or can't do it"),
        };
        let Some(stage) = self.stages.get_mut(stage) else { return };
        change(&mut stage.epilogue);
        stage.origin.extend(node.origin.iter().cloned());
        let output = stage.output;
        self.set(node.output, State::Map(output, x.order));
    }

    /// An activation that no operator could take in.
    pub fn activation(&mut self, node: &Node, x: ValueId, activation: Activation) {
        self.check_activation(node, activation);
        match self.state(x) {
            Some(State::Array(_)) => self.finish_array(node, x, |_| Some(super::Finish::Activate(activation))),
            _ => match self.operand(x) {
                Some(x) => self.attach(node, x, Epilogue::takes_activation, |e| e.activation = activation),
                None => self.refuse(node),
            },
        }
    }

    /// PReLU with a slope per channel.
    pub fn slopes(&mut self, node: &Node, x: ValueId) {
        let slopes = node.inputs.get(1).copied().flatten().and_then(|slope| self.per_channel(x, slope));
        match (self.operand(x), slopes) {
            (Some(x), Some(slopes)) => self.attach(node, x, Epilogue::takes_activation, |e| e.slopes = Some(slopes)),
            (None, _) if self.state(x).is_none() => {}
            _ => self.refuse(node),
        }
    }

    /// Arithmetic with two inputs.
    pub fn binary(&mut self, node: &Node, op: Binary) {
        let &[Some(a), Some(b)] = &node.inputs[..] else { return self.refuse(node) };
        let constant = |id: ValueId| self.graph[id].constant.is_some();
        match (constant(a), constant(b)) {
            (false, true) => self.affine(node, op, a, b, false),
            (true, false) => self.affine(node, op, b, a, true),
            _ if self.state(a).is_none() || self.state(b).is_none() => {}
            _ => match (op, self.operand(a), self.operand(b)) {
                (Binary::Add, Some(a), Some(b)) => self.sum(node, a, b),
                (Binary::Mul, Some(a), Some(b)) => self.gate(node, a, b),
                _ => self.refuse(node),
            },
        }
    }

    /// Arithmetic with a constant.
    fn affine(&mut self, node: &Node, op: Binary, x: ValueId, constant: ValueId, reversed: bool) {
        let Some(operand) = self.operand(x) else {
            if self.state(x).is_some() {
                self.refuse(node);
            }
            return;
        };
        let Some(values) = self.per_channel(x, constant) else { return self.refuse(node) };
        let each = |f: fn(f32) -> f32| -> Weights { values.iter().map(|&v| f(v)).collect() };
        let (scale, offset) = match (op, reversed) {
            (Binary::Add, _) => (each(|_| 1.0), values),
            (Binary::Sub, false) => (each(|_| 1.0), each(|v| -v)),
            (Binary::Sub, true) => (each(|_| -1.0), values),
            (Binary::Mul, _) => (values.clone(), each(|_| 0.0)),
            (Binary::Div, false) => (each(f32::recip), each(|_| 0.0)),
            _ => return self.refuse(node),
        };
        self.attach(node, operand, |_| true, |epilogue| epilogue.scale(Affine { scale, offset }));
    }

    /// Batch norm that no convolution could take in.
    pub fn batch_norm(&mut self, node: &Node, x: ValueId, epsilon: f64) {
        let Some(operand) = self.operand(x) else {
            if self.state(x).is_some() {
                self.refuse(node);
            }
            return;
        };
        let value = |at: usize| node.inputs.get(at).copied().flatten().and_then(|id| self.graph[id].constant.as_ref());
        let (Some(scale), Some(bias), Some(mean), Some(var)) = (value(1), value(2), value(3), value(4)) else {
            return self.refuse(node);
        };
        let channels = self.map(operand.map).channels;
        let parts = [scale, bias, mean, var].map(|tensor| tensor.to_f64());
        let second = self.shape(x).get(1) == Some(&channels);
        if !second || self.per_axis(x, 1).is_none() || parts.iter().any(|part| part.len() != channels) {
            return self.refuse(node);
        }
        let factor = |c: usize| parts[0][c] / (parts[3][c] + epsilon).sqrt();
        let scale = (0..channels).map(|c| factor(c) as f32).collect();
        let offset = (0..channels).map(|c| (parts[1][c] - parts[2][c] * factor(c)) as f32).collect();
        self.attach(node, operand, |_| true, |epilogue| epilogue.scale(Affine { scale, offset }));
    }

    /// Whether this dimension of a value is the channels of its map, all of them and nothing else.
    fn per_axis(&self, x: ValueId, axis: usize) -> Option<()> {
        let Operand { map, order, .. } = self.operand(x)?;
        let group = *groups(&order, self.shape(x))?.get(axis)?;
        let channels = self.map(map).channels;
        (group.iter().all(|part| part.label == Label::Channel) && (channels == 1 || group.len() == 1)).then_some(())
    }

    /// A constant that broadcasts to one number per channel of a value.
    fn per_channel(&self, x: ValueId, constant: ValueId) -> Option<Weights> {
        let channels = self.map(self.operand(x)?.map).channels;
        let constant = self.graph[constant].constant.as_ref()?;
        let (shape, values) = (self.shape(x), constant.to_f32());
        let missing = shape.len().checked_sub(constant.shape.len())?;
        let mut wide = constant.shape.iter().enumerate().filter(|&(_, &size)| size != 1);
        match (wide.next(), wide.next()) {
            (None, _) => Some(vec![*values.first()?; channels].into()),
            (Some((axis, &size)), None) if size == channels => {
                self.per_axis(x, axis + missing)?;
                Some(values)
            }
            _ => None,
        }
    }

    fn sum(&mut self, node: &Node, a: Operand, b: Operand) {
        let sizes = [&a, &b].map(|x| self.map(x.map));
        if a.order != b.order || sizes[0] != sizes[1] || self.shape(a.value) != self.shape(b.value) {
            return self.refuse_as(node, "adds two feature maps of different shapes", "two maps of one shape");
        }
        let at = |x: &Operand| self.stages.iter().rposition(|stage| stage.output == x.map);
        let (later, earlier) = if at(&a) >= at(&b) { (a, b) } else { (b, a) };
        let (stage, words) = match self.host(&later, Epilogue::is_empty) {
            Some(stage) => (stage, "; the sum with the residual is done on its way out"),
            None => {
                (self.elementwise(later.map, "a sum that neither of the stages in front could do on its way out"), "")
            }
        };
        let Some(stage) = self.stages.get_mut(stage) else { return };
        stage.inputs.push(earlier.map);
        stage.epilogue.add = Some(earlier.map);
        stage.origin.extend(node.origin.iter().cloned());
        stage.note.push_str(words);
        let output = stage.output;
        self.set(node.output, State::Map(output, later.order));
    }

    /// A map times a vector, channel by channel.
    fn gate(&mut self, node: &Node, a: Operand, b: Operand) {
        let is_vector = |x: &Operand| (self.map(x.map).height, self.map(x.map).width) == (1, 1);
        let (x, gate) = if is_vector(&b) { (a, b) } else { (b, a) };
        if !is_vector(&gate) || !self.broadcasts(&gate, &x) || self.shape(node.output) != self.shape(x.value) {
            let expected = "a map times a gate of one number per channel, [N, C, 1, 1]";
            return self.refuse_as(node, "multiplies two feature maps", expected);
        }
        let output = self.add_map(self.map(x.map));
        let note = "squeeze-and-excitation: each channel times its gate".into();
        let inputs = vec![x.map, gate.map];
        self.push(StageKind::Scale, Epilogue::NONE, inputs, output, node.origin.clone(), note);
        self.set(node.output, State::Map(output, x.order));
    }

    /// Whether a vector broadcasts to a map along its channels, image by image.
    fn broadcasts(&self, gate: &Operand, x: &Operand) -> bool {
        let (shape, gate_shape) = (self.shape(x.value), self.shape(gate.value));
        let Some(missing) = shape.len().checked_sub(gate_shape.len()) else { return false };
        let mut padded = vec![1; missing];
        padded.extend(gate_shape);
        let (Some(wide), Some(narrow)) = (groups(&x.order, shape), groups(&gate.order, &padded)) else { return false };
        let is_own = |axis: &Axis<Label>| matches!(axis.label, Label::Batch | Label::Channel);
        wide.iter()
            .zip(narrow)
            .all(|(wide, narrow)| if wide.iter().any(is_own) { *wide == narrow } else { narrow.is_empty() })
    }

    /// Maps behind each other: along the channels a stage; along the first axis of an image pieces of an output.
    pub fn concat(&mut self, node: &Node, axis: usize) {
        let inputs: Option<Vec<ValueId>> = node.inputs.iter().copied().collect();
        let Some(inputs) = inputs else { return self.refuse(node) };
        if inputs.iter().any(|&x| self.state(x).is_none() && self.graph[x].constant.is_none()) {
            return;
        }
        if let [x] = inputs[..] {
            return self.copy(x, node.output);
        }
        match self.along_channels(&inputs, axis) {
            Some((maps, order, output)) => {
                let output = self.add_map(output);
                let note = format!("the channels of {} maps behind each other", maps.len());
                let kind = match self.map(output).quant {
                    Some(quant) => StageKind::Integer(Integer { kind: IntegerKind::Concat, clamp: quant.range() }),
                    None => StageKind::Concat,
                };
                self.push(kind, Epilogue::NONE, maps, output, node.origin.clone(), note);
                self.set(node.output, State::Map(output, order));
            }
            None => self.concat_pieces(node, &inputs, axis),
        }
    }

    /// The maps, and the order and size of the result, where the axis is the channels of all inputs.
    fn along_channels(&self, inputs: &[ValueId], axis: usize) -> Option<(Vec<MapId>, Vec<Axis<Label>>, FeatureMap)> {
        let mut maps = Vec::new();
        let mut around: Option<Sides> = None;
        let (mut channels, mut size) = (0, None);
        for &x in inputs {
            let Operand { map, order, .. } = self.operand(x)?;
            let parts = groups(&order, self.shape(x))?;
            let dims = self.map(map);
            self.per_axis(x, axis).filter(|()| self.shape(x).get(axis) == Some(&dims.channels))?;
            let (before, after) = (parts[..axis].concat(), parts[axis + 1..].concat());
            let known = around.get_or_insert_with(|| (before.clone(), after.clone()));
            let same_size = *size.get_or_insert((dims.height, dims.width)) == (dims.height, dims.width);
            if *known != (before, after) || !same_size {
                return None;
            }
            channels += dims.channels;
            maps.push(map);
        }
        let ((before, after), (height, width)) = (around?, size?);
        let FeatureMap { element, quant, .. } = self.map(*maps.first()?);
        if maps.iter().any(|&map| self.map(map).quant != quant) {
            return None;
        }
        let order = [before, axes([(Label::Channel, channels)]), after].concat();
        Some((maps, order, FeatureMap { height, width, channels, element, quant }))
    }
}
