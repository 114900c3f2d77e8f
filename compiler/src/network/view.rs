//! How a value of the graph lies over a feature map: the order of its axes in memory.
//!
//! Reshapes never move an element and transposes permute axes, so a value is a map and an order of axes, and both
//! operators cost nothing as long as whoever reads the value can live with the order.

/// An axis with the number of its elements. Axes of size 1 are left out: they have no place in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis<L> {
    pub label: L,
    pub size: usize,
}

/// Axes of a batch of feature maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Batch,
    Channel,
    Row,
    Column,
}

/// Axes in row-major order, those of size 1 left out.
pub(super) fn axes<L>(all: impl IntoIterator<Item = (L, usize)>) -> Vec<Axis<L>> {
    all.into_iter().filter(|&(_, size)| size != 1).map(|(label, size)| Axis { label, size }).collect()
}

/// The axes that each dimension of `shape` consists of; `None` where a dimension ends inside an axis.
pub(super) fn groups<'a, L>(order: &'a [Axis<L>], shape: &[usize]) -> Option<Vec<&'a [Axis<L>]>> {
    let mut rest = order;
    let mut groups = Vec::with_capacity(shape.len());
    for &dimension in shape {
        let mut product = 1;
        let mut taken = 0;
        while product < dimension {
            product = rest.get(taken)?.size.checked_mul(product)?;
            taken += 1;
        }
        if product != dimension {
            return None;
        }
        let (group, tail) = rest.split_at(taken);
        groups.push(group);
        rest = tail;
    }
    rest.is_empty().then_some(groups)
}

/// The order after a transpose of a value of this shape.
pub(super) fn transposed<L: Copy>(order: &[Axis<L>], shape: &[usize], perm: &[usize]) -> Option<Vec<Axis<L>>> {
    let groups = groups(order, shape)?;
    let mut permuted = Vec::with_capacity(order.len());
    for &axis in perm {
        permuted.extend_from_slice(groups.get(axis)?);
    }
    Some(permuted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Label::{Batch, Channel, Column, Row};

    #[test]
    fn reshapes_keep_the_order_and_transposes_permute_it() {
        let nchw = axes([(Batch, 2), (Channel, 3), (Row, 4), (Column, 5)]);
        let nhwc = transposed(&nchw, &[2, 3, 4, 5], &[0, 2, 3, 1]).unwrap();
        assert_eq!(nhwc, axes([(Batch, 2), (Row, 4), (Column, 5), (Channel, 3)]));
        let flat = transposed(&nchw, &[2, 3, 20], &[0, 2, 1]).unwrap();
        assert_eq!(flat, nhwc);
        assert_eq!(groups(&nchw, &[2, 60]).unwrap()[1].len(), 3);
        assert_eq!(groups(&nchw, &[6, 1, 20]).unwrap()[0].len(), 2);
        assert_eq!(groups(&nchw, &[4, 30]), None, "the batch is cut");
        assert_eq!(groups(&nchw, &[2, 3, 4]), None, "columns are missing");
    }

    #[test]
    fn axes_of_size_one_have_no_place() {
        let vector = axes([(Batch, 1), (Channel, 7), (Row, 1), (Column, 1)]);
        assert_eq!(transposed(&vector, &[1, 7, 1, 1], &[0, 2, 3, 1]).unwrap(), vector);
        assert_eq!(groups(&vector, &[7]).unwrap().len(), 1);
    }
}
