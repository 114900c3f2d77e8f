//! What an output consists of: one map, or several side by side, and what is done to them as a whole.

use super::recognise::{Builder, State};
use super::view::{Axis, Label, axes, groups};
use super::{Epilogue, FeatureMap, Finish, Layout, MapId, Network, Output, Piece, Port, StageKind, refuse};
use crate::diagnostic::{Error, Problem};
use crate::graph::{Node, ValueId};

/// Values of maps side by side, or values that something was done to as a whole: only outputs hold them.
#[derive(Debug, Clone, Default)]
pub(super) struct Array {
    pub pieces: Vec<Piece>,
    pub finish: Vec<Finish>,
}

impl Builder<'_> {
    /// The order in which a value holds the elements of its map, if that is one that can be written.
    fn layout(&self, map: MapId, order: &[Axis<Label>], shape: &[usize]) -> Option<Layout> {
        let FeatureMap { height, width, channels, .. } = self.map(map);
        let n = (Label::Batch, self.batch?);
        let (c, h, w) = ((Label::Channel, channels), (Label::Row, height), (Label::Column, width));
        let (nchw, nhwc) = (axes([n, c, h, w]) == order, axes([n, h, w, c]) == order);
        match (nchw, nhwc) {
            (true, true) if (height, width) != (1, 1) && *shape == [n.1, height, width, channels] => Some(Layout::Nhwc),
            (true, _) => Some(Layout::Nchw),
            (false, true) => Some(Layout::Nhwc),
            (false, false) => None,
        }
    }

    /// A value as an output holds it.
    fn array(&self, x: ValueId) -> Option<Array> {
        match self.state(x)? {
            State::Array(array) => Some(array.clone()),
            State::Map(map, order) => {
                let layout = self.layout(*map, order, self.shape(x))?;
                Some(Array { pieces: vec![Piece { map: *map, layout, offset: 0 }], finish: vec![] })
            }
            State::Input(_) => None,
        }
    }

    /// One map, to which something was done along its channels, with these last instead of first or the other way round.
    pub fn transposed_array(&self, array: &Array, shape: &[usize], perm: &[usize]) -> Option<Array> {
        let &[piece] = &array.pieces[..] else { return None };
        let FeatureMap { height, width, channels, .. } = self.map(piece.map);
        let (n, pixels) = (self.batch?, height * width);
        let (first, last) = ([1, channels, pixels], [pixels, channels, 1]);
        let (layout, from, to) = match (piece.layout, perm) {
            (Layout::Nchw, [0, 2, 3, 1]) if *shape == [n, channels, height, width] => (Layout::Nhwc, first, last),
            (Layout::Nhwc, [0, 3, 1, 2]) if *shape == [n, height, width, channels] => (Layout::Nchw, last, first),
            _ => return None,
        };
        let moved = |finish: &Finish| match *finish {
            Finish::Softmax { outer, n, inner, log } if [outer, n, inner] == from => {
                let [outer, n, inner] = to;
                Some(Finish::Softmax { outer, n, inner, log })
            }
            Finish::LpNormalize { outer, n, inner, p, epsilon } if [outer, n, inner] == from => {
                let [outer, n, inner] = to;
                Some(Finish::LpNormalize { outer, n, inner, p, epsilon })
            }
            Finish::Activate(activation) => Some(Finish::Activate(activation)),
            _ => None,
        };
        let finish: Option<Vec<Finish>> = array.finish.iter().map(moved).collect();
        Some(Array { pieces: vec![Piece { layout, ..piece }], finish: finish? })
    }

    /// Maps side by side, image by image.
    pub fn concat_pieces(&mut self, node: &Node, inputs: &[ValueId], axis: usize) {
        let batch = self.batch.unwrap_or(1);
        let outermost = self.shape(node.output).iter().take(axis).product::<usize>() == batch;
        let parts: Option<Vec<Array>> = inputs.iter().map(|&x| self.array(x)).collect();
        let parts = parts.filter(|parts| outermost && parts.iter().all(|part| part.finish.is_empty()));
        let Some(parts) = parts else {
            return self.refuse_as(
                node,
                "a concatenation that is neither of channels nor of whole maps",
                "maps of one size along their channels, or the values of whole maps behind each other in an output",
            );
        };
        let (mut pieces, mut start) = (Vec::new(), 0);
        for (part, &x) in parts.into_iter().zip(inputs) {
            pieces.extend(part.pieces.into_iter().map(|piece| Piece { offset: start + piece.offset, ..piece }));
            start += self.shape(x).iter().product::<usize>() / batch;
        }
        self.set(node.output, State::Array(Array { pieces, finish: vec![] }));
    }

    /// Does something to a value as a whole: it can only be an output from here on.
    pub fn finish_array(&mut self, node: &Node, x: ValueId, finish: impl FnOnce(&Self) -> Option<Finish>) {
        match (self.array(x), finish(self)) {
            (Some(mut array), Some(finish)) => {
                array.finish.push(finish);
                self.set(node.output, State::Array(array));
            }
            _ if self.state(x).is_none() => {}
            _ => self.refuse(node),
        }
    }

    /// `[outer][n][inner]` of one image of a value, `n` being the axis (and all behind it).
    pub fn rows(&self, x: ValueId, axis: usize, flat: bool) -> Option<[usize; 3]> {
        let (batch, shape) = (self.batch.unwrap_or(1), self.shape(x));
        let end = if flat { shape.len() } else { axis + 1 };
        let size = |range: &[usize]| range.iter().product::<usize>();
        let outer = size(shape.get(..axis)?);
        let whole_images = batch == 1 || axis > 0 && shape.first().is_some_and(|first| first.is_multiple_of(batch));
        let inside = outer.is_multiple_of(batch) && whole_images;
        inside.then(|| [outer / batch, size(&shape[axis..end]), size(&shape[end..])])
    }

    /// Whether an axis of a value (and all behind it) is the channels of its map and nothing else.
    fn over_channels(&self, x: ValueId, axis: usize, flat: bool) -> Option<(MapId, Vec<Axis<Label>>)> {
        let Some(State::Map(map, order)) = self.state(x) else { return None };
        let parts = groups(order, self.shape(x))?;
        let over = parts.iter().enumerate().all(|(at, group)| {
            let inside = if flat { at >= axis } else { at == axis };
            group.iter().all(|part| (part.label == Label::Channel) == inside)
        });
        over.then(|| (*map, order.clone()))
    }

    /// A stage where the axis is the channels of a vector, otherwise a finish of an output.
    pub fn along(&mut self, node: &Node, x: ValueId, axis: usize, flat: bool, over: Along) {
        let vector = |builder: &Self, map| matches!(builder.map(map), FeatureMap { height: 1, width: 1, .. });
        if let Some((map, order)) = self.over_channels(x, axis, flat).filter(|&(map, _)| vector(self, map)) {
            let dims = self.map(map);
            let output = self.add_map(dims);
            let note = over.note(dims);
            self.push(over.stage(), Epilogue::NONE, vec![map], output, node.origin.clone(), note);
            return self.set(node.output, State::Map(output, order));
        }
        self.finish_array(node, x, |builder| builder.rows(x, axis, flat).map(|rows| over.finish(rows)));
    }

    /// All outputs, in the graph's order.
    ///
    /// # Errors
    /// Those that can't be written.
    fn outputs(&self) -> Result<Vec<Output>, Vec<Problem>> {
        let output = |&id: &ValueId| {
            let Array { pieces, finish } = self.array(id)?;
            let layout = if let ([piece], []) = (&pieces[..], &finish[..]) { piece.layout } else { Layout::Nchw };
            Some(Output { port: self.port(id, layout), pieces, finish })
        };
        let found: Vec<Option<Output>> = self.graph.outputs.iter().map(output).collect();
        let unknown = self.graph.outputs.iter().zip(&found).filter(|(_, found)| found.is_none());
        let mut problems: Vec<Problem> = unknown.map(|(&id, _)| self.no_output(id)).collect();
        if self.input.is_none() && problems.is_empty() {
            problems.extend(self.graph.outputs.first().map(|&id| self.no_output(id)));
        }
        if problems.is_empty() { Ok(found.into_iter().flatten().collect()) } else { Err(problems) }
    }

    fn port(&self, id: ValueId, layout: Layout) -> Port {
        let value = &self.graph[id];
        Port { name: value.name.clone(), shape: value.ty.shape.clone(), dtype: value.ty.dtype, layout }
    }

    fn no_output(&self, id: ValueId) -> Problem {
        let (name, input) = (&self.graph[id].name, &self.graph[self.graph.input].name);
        let problem = Problem::new(format!(
            "the output {name:?} is no feature map or vector in a layout that can be written"
        ))
        .expected(
            "scores [N, C], a feature map [N, C, H, W] or [N, H, W, C], or several of them behind each other, computed \
                 from the input",
            format!("{:?} from {input:?}", self.shape(id)),
        );
        if self.batch.is_some_and(|batch| batch > 1) { problem.hint(refuse::APART) } else { problem }
    }

    /// The network.
    ///
    /// # Errors
    /// All problems found, or why an output can't be written.
    pub fn finish(self) -> Result<Network, Error> {
        if !self.problems.is_empty() {
            return Err(Error { problems: self.problems });
        }
        let outputs = self.outputs().map_err(|problems| Error { problems })?;
        let Some((input_map, layout)) = self.input else { return Err(Error { problems: self.problems }) };
        let input = self.port(self.graph.input, layout);
        Ok(Network {
            name: self.graph.name.clone(),
            input,
            outputs,
            batch: self.batch.unwrap_or(1),
            maps: self.maps,
            input_map,
            stages: self.stages,
        })
    }
}

/// What is done along an axis.
#[derive(Clone, Copy)]
pub(super) enum Along {
    Softmax { log: bool },
    LpNormalize { p: u8, epsilon: f32 },
}

impl Along {
    fn stage(self) -> StageKind {
        match self {
            Self::Softmax { log } => StageKind::Softmax { log },
            Self::LpNormalize { p, epsilon } => StageKind::LpNormalize { p, epsilon },
        }
    }

    fn finish(self, [outer, n, inner]: [usize; 3]) -> Finish {
        match self {
            Self::Softmax { log } => Finish::Softmax { outer, n, inner, log },
            Self::LpNormalize { p, epsilon } => Finish::LpNormalize { outer, n, inner, p, epsilon },
        }
    }

    fn note(self, map: FeatureMap) -> String {
        match self {
            Self::Softmax { .. } => format!("over {} scores", map.channels),
            Self::LpNormalize { p: 1, .. } => format!("{} numbers divided by the sum of magnitudes", map.channels),
            Self::LpNormalize { .. } => format!("{} numbers divided by their length", map.channels),
        }
    }
}
