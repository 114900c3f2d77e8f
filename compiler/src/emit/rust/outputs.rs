//! The caller's output: one array, or a structure of several; and where in it a step writes.

use super::literals::{float, signed, size};
use crate::graph::{DType, Quant};
use crate::plan::{Element, Plan, Target};
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
    dtype: DType,
    element: TokenStream,
    /// The batch included.
    shape: Vec<usize>,
    /// What codes stand for.
    quant: Option<Quant>,
}

impl Output {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn ty(&self) -> TokenStream {
        let (element, len) = (&self.element, size(self.len()));
        quote!([#element; #len])
    }

    fn zeros(&self) -> TokenStream {
        let len = size(self.len());
        let element = &self.element;
        match self.dtype {
            DType::F32 => quote!([0.0; #len]),
            DType::F16 => quote!([#element::ZERO; #len]),
            _ => quote!([0; #len]),
        }
    }

    /// Length and shape, under names that begin with `prefix`.
    fn constants(&self, prefix: &str, described: &str, runtime: &TokenStream) -> TokenStream {
        let (len_name, shape_name) = (format_ident!("{prefix}_LEN"), format_ident!("{prefix}_SHAPE"));
        let len_doc = format!(" Elements of {described}, the whole batch.");
        let shape_doc = format!(" Shape of {described}, batch and options included, row-major.");
        let (len, rank) = (size(self.len()), size(self.shape.len()));
        let shape = self.shape.iter().map(|&n| size(n));
        let quantization = quantization(self.quant, prefix, described, runtime);
        quote! {
            #quantization
            #[doc = #len_doc]
            pub const #len_name: usize = #len;
            #[doc = #shape_doc]
            pub const #shape_name: [usize; #rank] = [#(#shape),*];
        }
    }
}

impl Outputs {
    pub(super) fn new(plan: &Plan, runtime: &TokenStream) -> Self {
        let outputs = &plan.network.outputs;
        let fields = crate::naming::fields(outputs.iter().map(|output| output.port.name.as_str()));
        let ports = outputs.iter().zip(fields).map(|(output, field)| Output {
            field: format_ident!("{field}"),
            name: output.port.name.clone(),
            dtype: output.port.dtype,
            element: super::element(output.port.dtype, runtime),
            shape: output.port.shape.clone(),
            quant: plan.output_quant(output),
        });
        Self { ports: ports.collect(), batch: plan.network.batch.max(1) }
    }

    /// Whether a structure holds the output.
    pub(super) fn are_several(&self) -> bool {
        self.ports.len() != 1
    }

    /// Whether the type implements `Model`, whose output is one array of floats.
    pub(super) fn are_of_model(&self) -> bool {
        self.ports.len() == 1 && self.ports[0].dtype != DType::I64
    }

    /// The type of the whole output; `several` is the structure's name.
    pub(super) fn ty(&self, several: &Ident) -> TokenStream {
        match &self.ports[..] {
            [only] => only.ty(),
            _ => quote!(#several),
        }
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

    /// The runtime's function that writes a map out to a port.
    pub(super) fn export(&self, target: Target, element: Element) -> Ident {
        let port = match target {
            Target::Output { port, .. } if element != Element::F32 => self.ports.get(port),
            _ => None,
        };
        port.map_or_else(|| format_ident!("export"), |port| format_ident!("export_{}", port.dtype.name()))
    }

    /// The structure of several outputs.
    pub(super) fn structure(&self, name: &Ident, ty: &Ident, visibility: &TokenStream) -> Option<TokenStream> {
        if !self.are_several() {
            return None;
        }
        let summary = format!(" The outputs of [`{name}`], in the model's order.");
        let fields = self.ports.iter().map(|output| {
            let doc = format!(" `{}`, of shape `{:?}`.", output.name.escape_debug(), output.shape);
            let (field, ty) = (&output.field, output.ty());
            quote!(#[doc = #doc] pub #field: #ty)
        });
        Some(quote! {
            #[doc = #summary]
            #[derive(Debug, Clone, PartialEq)]
            #[allow(dead_code)]
            #visibility struct #ty { #(#fields),* }
        })
    }

    /// What a type that is no `Model` has for its outputs, `run` among it.
    pub(super) fn members(&self, several: &Ident, runtime: &TokenStream, run: &TokenStream) -> TokenStream {
        let ty = self.ty(several);
        let (constants, zeros) = match &self.ports[..] {
            [only] => (only.constants("OUTPUT", "the output", runtime), only.zeros()),
            ports => {
                let count = size(ports.len());
                let each = ports.iter().enumerate();
                let each =
                    each.map(|(i, port)| port.constants(&format!("OUTPUT{i}"), &format!("`{}`", port.field), runtime));
                let zeros = ports.iter().map(|port| {
                    let (field, zeros) = (&port.field, port.zeros());
                    quote!(#field: #zeros)
                });
                let constants = quote! {
                    /// How many outputs there are.
                    pub const OUTPUTS: usize = #count;
                    #(#each)*
                };
                (constants, quote!(#several { #(#zeros),* }))
            }
        };
        quote! {
            #constants
            /// An output of zeros, for a variable or a static.
            pub const ZERO_OUTPUT: #ty = #zeros;

            #run

            #runtime::__if_alloc! {
                /// A zeroed output on the heap.
                #[must_use]
                pub fn new_output() -> #runtime::rt::Box<#ty> {
                    #runtime::rt::Box::new(Self::ZERO_OUTPUT)
                }
            }
        }
    }
}
/// What the codes of a port stand for, as a constant whose name begins with `prefix`.
pub(super) fn quantization(
    quant: Option<Quant>,
    prefix: &str,
    described: &str,
    runtime: &TokenStream,
) -> Option<TokenStream> {
    let Quant { scale, zero, .. } = quant?;
    let (name, scale, zero) = (format_ident!("{prefix}_QUANTIZATION"), float(scale), signed(zero));
    let doc = format!(" What the codes of {described} stand for.");
    Some(quote! {
        #[doc = #doc]
        pub const #name: #runtime::Quantization = #runtime::Quantization { scale: #scale, zero_point: #zero };
    })
}
