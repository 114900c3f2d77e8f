//! Where in the caller's output a step writes.

use super::literals::size;
use crate::plan::{Plan, Target};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// The ports as the calls name them.
pub(super) struct Outputs {
    /// An expression of type `&mut [T]`, and how many elements of one image it has.
    ports: Vec<(TokenStream, usize)>,
}

impl Outputs {
    pub(super) fn new(plan: &Plan) -> Self {
        let len = plan.lengths().1 / plan.network.batch.max(1);
        Self { ports: vec![(quote!(output), len)] }
    }

    /// `len` elements of a port, or the arena offset where the target is in the arena.
    pub(super) fn slice(&self, target: Target, len: usize) -> Result<TokenStream, Literal> {
        match target {
            Target::Arena(offset) => Err(size(offset)),
            Target::Output { port, offset } => Ok(match self.ports.get(port) {
                Some((name, whole)) if *whole == len => quote!(#name),
                Some((name, _)) => {
                    let (start, end) = (size(offset), size(offset.saturating_add(len)));
                    quote!(&mut #name[#start..#end])
                }
                None => quote!(&mut []),
            }),
        }
    }
}
