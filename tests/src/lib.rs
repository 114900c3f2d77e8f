//! What the whole-system tests share: the models outside the checkout, generated networks, and programs built from
//! emitted code.

pub mod broken;
pub mod case;
pub mod compare;
pub mod draft;
pub mod fixture;
pub mod given;
pub mod hostile;
pub mod program;
pub mod random;
pub mod shared;
pub mod small;
pub mod targets;
pub mod weights;
