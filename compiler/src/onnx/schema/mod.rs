//! Which attributes, inputs and outputs every operator has in which opset: a table, and the check of a node against it.
//!
//! An operator without a row is not read, and a node that its row does not fit is refused before anything is interpreted.
//! So no reader meets an attribute where the opset has an input, or the other way round.

mod check;
mod row;

pub(crate) use check::check;
pub(crate) use row::row;

#[cfg(all(test, feature = "cli"))]
mod tests;
