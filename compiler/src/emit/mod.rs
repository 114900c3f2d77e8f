//! Back ends: each spells a [`Plan`](crate::plan::Plan) in its language.

pub mod c;
pub(crate) mod descriptor;
mod files;
mod provenance;
pub mod rust;

pub use files::Files;
#[cfg(feature = "cli")]
pub(crate) use provenance::GENERATED;
pub use provenance::Provenance;
