//! The caller's output: one array, or a structure of several; and where in it a step writes.

use super::literals::size;
use crate::graph::DType;
use crate::plan::{Plan, Target};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};

/// The ports as the calls name them.
pub(super) struct Outputs {
    ports: Vec<Output>,
    batch: usize,
}

struct Output {
    field: Ident,
    name: String,
    /// Type of the elements.
    element: Ident,
    /// The batch included.
    shape: Vec<usize>,
}

impl Output {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }
}

impl Outputs {
    pub(super) fn new(plan: &Plan) -> Self {
        let outputs = &plan.network.outputs;
        let fields = crate::naming::fields(outputs.iter().map(|output| output.port.name.as_str()));
        let ports = outputs.iter().zip(fields).map(|(output, field)| Output {
            field: format_ident!("{field}"),
            name: output.port.name.clone(),
            element: format_ident!("{}", element(output.port.dtype)),
            shape: output.port.shape.clone(),
        });
        Self { ports: ports.collect(), batch: plan.network.batch.max(1) }
    }

    /// Whether a structure holds the output: there are several, or one of indices, which are no elements of a model.
    pub(super) fn are_several(&self) -> bool {
        self.ports.len() != 1 || self.ports[0].element == "i64"
    }

    /// `len` elements of a port, or the arena offset where the target is in the arena. Calls see `output`, and `image` where
    /// there are several images and several outputs.
    pub(super) fn slice(&self, target: Target, len: usize) -> Result<TokenStream, Literal> {
        let (port, offset) = match target {
            Target::Arena(offset) => return Err(size(offset)),
            Target::Output { port, offset } => (port, offset),
        };
        let Some(output) = self.ports.get(port) else { return Ok(quote!(&mut [])) };
        let each = output.len() / self.batch;
        let field = &output.field;
        let base = if self.are_several() { quote!(output.#field) } else { quote!(output) };
        let (start, end) = (size(offset), size(offset.saturating_add(len)));
        let base = match self.are_several() && self.batch > 1 {
            true => {
                let each = size(each);
                quote!(#base[image * #each..][..#each])
            }
            false => base,
        };
        Ok(match (each == len, self.are_several()) {
            (true, false) => base,
            (true, true) => quote!(&mut #base),
            (false, _) => quote!(&mut #base[#start..#end]),
        })
    }

    /// The structure of several outputs.
    pub(super) fn structure(&self, name: &Ident, ty: &Ident, visibility: &TokenStream) -> TokenStream {
        let summary = format!(" The outputs of [`{name}`], in the model's order.");
        let fields = self.ports.iter().map(|Output { field, name, element, shape }| {
            let doc = format!(" `{}`, of shape `{shape:?}`.", name.escape_debug());
            let len = size(shape.iter().product());
            quote!(#[doc = #doc] pub #field: [#element; #len])
        });
        quote! {
            #[doc = #summary]
            #[derive(Debug, Clone, PartialEq)]
            #[allow(dead_code)]
            #visibility struct #ty { #(#fields),* }
        }
    }

    /// What the type has for several outputs.
    pub(super) fn members(&self, ty: &Ident, runtime: &TokenStream, run: &TokenStream) -> TokenStream {
        let count = size(self.ports.len());
        let constants = self.ports.iter().enumerate().map(|(i, output)| {
            let (len_name, shape_name) = (format_ident!("OUTPUT{i}_LEN"), format_ident!("OUTPUT{i}_SHAPE"));
            let len_doc = format!(" Elements of `{}`, the whole batch.", output.field);
            let shape_doc = format!(" Shape of `{}`, batch and options included, row-major.", output.field);
            let (len, rank) = (size(output.len()), size(output.shape.len()));
            let shape = output.shape.iter().map(|&n| size(n));
            quote! {
                #[doc = #len_doc]
                pub const #len_name: usize = #len;
                #[doc = #shape_doc]
                pub const #shape_name: [usize; #rank] = [#(#shape),*];
            }
        });
        let zeros = self.ports.iter().map(|output| {
            let (field, len) = (&output.field, size(output.len()));
            let zero = if output.element == "i64" { quote!(0) } else { quote!(0.0) };
            quote!(#field: [#zero; #len])
        });
        quote! {
            /// How many outputs there are.
            pub const OUTPUTS: usize = #count;
            #(#constants)*
            /// All outputs zero.
            pub const ZERO_OUTPUT: #ty = #ty { #(#zeros),* };

            #run

            #runtime::__if_alloc! {
                /// Zeroed outputs on the heap.
                #[must_use]
                pub fn new_output() -> #runtime::rt::Box<#ty> {
                    #runtime::rt::Box::new(Self::ZERO_OUTPUT)
                }
            }
        }
    }
}

fn element(dtype: DType) -> &'static str {
    if dtype == DType::I64 { "i64" } else { super::element(dtype) }
}
