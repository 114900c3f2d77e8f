//! Nodes whose value is known.

use super::sweep::Sweep;
use crate::graph::Node;

pub(super) fn rewrite(sweep: &mut Sweep, node: Node) {
    if sweep.constant(Some(node.output)).is_some() {
        sweep.note(&node, "its value is known at compile time");
    } else {
        sweep.emit(node);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Builder, fires, ops};
    use crate::graph::{DType, Op};

    #[test]
    fn nodes_with_known_values_and_without_readers_go() {
        let mut b = Builder::new(1, DType::F32, &[1, 2, 3, 3]);
        let unread = b.conv(b.input(), 4, 1, 1, [0; 4]);
        b.node(Op::GlobalAveragePool, &[unread]);
        let out = b.conv(b.input(), 2, 1, 1, [0; 4]);
        let graph = b.finish(out);
        assert_eq!(ops(&fires(&graph, "fold-constants")), ["Conv"]);

        let mut b = Builder::new(1, DType::F32, &[1, 2, 3, 3]);
        let known = b.random(&[2], 0.0, 1.0);
        let known = b.node(Op::Identity, &[known]);
        let mut graph = {
            let y = b.node(Op::Binary(crate::graph::Binary::Add), &[b.input(), b.input()]);
            b.finish(y)
        };
        let constant = graph.values[known.0 as usize - 1].constant.clone();
        graph.values[known.0 as usize].constant = constant;
        assert_eq!(ops(&fires(&graph, "fold-constants")), ["Add"]);
    }
}
