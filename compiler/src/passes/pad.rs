//! Paddings in front of a convolution.

use super::sweep::{Sweep, join};
use crate::graph::{Node, Op};

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    match &node.op {
        Op::Conv(_) => {
            let folded = fold(sweep, &node);
            sweep.emit(folded.unwrap_or(node));
        }
        Op::Pad { .. } => {
            let merged = merge(sweep, &node);
            sweep.emit(merged.unwrap_or(node));
        }
        _ => sweep.emit(node),
    }
}

/// A convolution of padded data pads its border itself, if the border then holds one value per channel.
fn fold(sweep: &mut Sweep, node: &Node) -> Option<Node> {
    let Op::Conv(conv) = &node.op else { return None };
    let padded = (*node.inputs.first()?)?;
    let pad = sweep.producer(padded)?;
    let Op::Pad { before, after, value } = &pad.op else { return None };
    let x = (*pad.inputs.first()?)?;
    let (&[0, 0, top, left], &[0, 0, bottom, right]) = (&before[..], &after[..]) else { return None };
    if [top, left, bottom, right].iter().any(|&n| n < 0) {
        return None;
    }
    let channels = *sweep.shape(x).get(1)?;
    let value = *value as f32;
    let mut conv = conv.clone();
    if conv.window.pads == [0; 4] {
        if value != 0.0 && !(conv.group == 1 && value.is_finite() && sweep.is_raw_input(x)) {
            return None;
        }
        conv.pad_values = if value == 0.0 { vec![] } else { vec![value; channels] };
    } else {
        let same = if conv.pad_values.is_empty() { value == 0.0 } else { conv.pad_values.iter().all(|&v| v == value) };
        if !same {
            return None;
        }
    }
    for (own, extra) in conv.window.pads.iter_mut().zip([top, left, bottom, right]) {
        *own = own.checked_add(extra)?;
    }
    let mut inputs = node.inputs.clone();
    inputs[0] = Some(x);
    let origin = join(&node.origin, &pad.origin);
    let pads = conv.window.pads;
    sweep.note(node, format!("takes over the padding in front of it: pads {pads:?} of {value}"));
    Some(Node { op: Op::Conv(conv), inputs, output: node.output, origin })
}

/// A padding of a padding by the same value.
fn merge(sweep: &mut Sweep, node: &Node) -> Option<Node> {
    let Op::Pad { before, after, value } = &node.op else { return None };
    let inner = sweep.producer((*node.inputs.first()?)?)?;
    let Op::Pad { before: first_before, after: first_after, value: first_value } = &inner.op else { return None };
    let sum = |a: &[i64], b: &[i64]| -> Option<Vec<i64>> {
        a.iter().zip(b).map(|(&a, &b)| if a < 0 || b < 0 { None } else { a.checked_add(b) }).collect()
    };
    if value != first_value {
        return None;
    }
    let op = Op::Pad { before: sum(before, first_before)?, after: sum(after, first_after)?, value: *value };
    let merged =
        Node { op, inputs: inner.inputs.clone(), output: node.output, origin: join(&inner.origin, &node.origin) };
    sweep.note(node, "a padding of a padding");
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops, rewritten};
    use crate::graph::{DType, Graph, Op};

    fn padded(value: f64, own: [i64; 4], before: [i64; 4]) -> Graph {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
        let x = b.pad(b.input(), &before, &[0, 0, 1, 2], value);
        let x = b.conv(x, 4, 3, 2, own);
        b.finish(x)
    }

    #[test]
    fn paddings_become_the_border() {
        let canonical = fires(&padded(0.0, [1, 0, 0, 1], [0, 0, 2, 0]), "fold-pads");
        let [node] = &canonical.nodes[..] else { panic!("{canonical}") };
        let Op::Conv(conv) = &node.op else { panic!("{canonical}") };
        assert_eq!(conv.window.pads, [3, 0, 1, 3]);
        assert!(conv.pad_values.is_empty());
        let canonical = fires(&padded(0.5, [0; 4], [0; 4]), "fold-pads");
        let Op::Conv(conv) = &canonical.nodes[0].op else { panic!("{canonical}") };
        assert_eq!(conv.pad_values, [0.5; 3]);
    }

    #[test]
    fn paddings_of_paddings_are_one() {
        let mut b = Builder::new(1, DType::F32, &[1, 3, 6, 6]);
        let x = b.pad(b.input(), &[0, 0, 1, 0], &[0, 0, 0, 1], 0.0);
        let x = b.pad(x, &[0, 0, 0, 1], &[0, 0, 1, 0], 0.0);
        let x = b.depthwise(x, 3, 1, [0; 4]);
        let graph = b.finish(x);
        assert_eq!(ops(&fires(&graph, "fold-pads")), ["Conv"]);
    }

    #[test]
    fn crops_mixed_borders_and_channel_paddings_stay() {
        for graph in
            [padded(0.0, [1; 4], [0, 0, -1, 0]), padded(0.5, [1; 4], [0; 4]), padded(0.0, [0; 4], [0, 1, 0, 0])]
        {
            assert_eq!(ops(&rewritten(&graph)), ["Pad", "Conv"]);
        }
    }
}
