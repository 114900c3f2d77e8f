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
