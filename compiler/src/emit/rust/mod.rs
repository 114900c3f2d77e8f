//! Rust: what the macro expands to, and the same as a file.
//!
//! Constants and a straight line of calls into the runtime, one per step; no loop over the network, no `unsafe`, no number
//! token per weight.

mod file;
mod literals;
mod stages;
#[cfg(test)]
mod tests;

pub use file::files;

use crate::network::Layout;
use crate::plan::{Plan, thousands};
use literals::{int, size};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use stages::{Stages, element};

/// The version of the contract with the runtime that emitted code keeps, [`rt::ABI`] there.
///
/// [`rt::ABI`]: https://docs.rs/mobilenet-runtime
pub const ABI: u32 = 1;

/// How the expansion is spelled; what it computes is in the plan.
#[derive(Debug, Clone)]
pub struct RustOptions {
    /// Name of the type, with the span that errors about it should point at.
    pub name: Ident,
    /// Who sees the type: `pub`, nothing, `pub(crate)` ...
    pub visibility: TokenStream,
    /// Attributes and doc comments put on the type.
    pub attributes: TokenStream,
    /// Path of the runtime crate, `::mobilenet_runtime` or what it is called here.
    pub runtime: TokenStream,
    /// How the packed weights get into the program.
    pub weights: Weights,
    /// Files whose change must rebuild the crate, as `include_bytes!` takes them.
    pub tracked: Vec<String>,
}

/// How the packed weights get into the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weights {
    /// As one byte string in the expansion.
    ByteString,
    /// From a file that holds exactly [`Plan::weights`], by a path as `include_bytes!` takes it.
    Include(String),
}

/// The type, its arena, its constants and its `run`: items for any scope. Only the type and the arena's alias are named in
/// that scope.
pub fn expand(plan: &Plan, options: &RustOptions) -> TokenStream {
    let RustOptions { name, visibility, attributes, runtime, tracked, .. } = options;
    let Stages { items, calls } = Stages::new(plan);
    let arena = format_ident!("{name}Arena");
    let arena_bytes = size(plan.arena_bytes);
    let [summary, arena_summary] = summaries(plan, name);
    let weights = weights(plan, &options.weights);
    let surface = surface(plan, name, &arena, runtime, &calls);
    let paragraph = if attributes.is_empty() { quote!() } else { quote!(#[doc = ""]) };
    let abi = Literal::u32_unsuffixed(ABI);
    quote! {
        #attributes
        #paragraph
        #[doc = #summary]
        #[derive(Debug, Clone, Copy)]
        #visibility struct #name;

        #[doc = #arena_summary]
        #[allow(dead_code)]
        #visibility type #arena = #runtime::Arena<#arena_bytes>;

        const _: () = {
            use #runtime::rt;

            const _: () = assert!(
                rt::ABI == #abi,
                "this code was generated for another version of mobilenet-runtime: use the compiler and the runtime of one version"
            );
            #(const _: &[u8] = include_bytes!(#tracked);)*
            #weights
            #items
            #surface
        };
    }
}

/// The first doc lines of the type and of its arena.
fn summaries(plan: &Plan, name: &Ident) -> [String; 2] {
    let network = &plan.network;
    let shape = |shape: &[usize]| shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (input, output) = (shape(&network.input.shape), shape(&network.output.shape));
    let input_element = element(network.input.dtype);
    let mult_adds = thousands(plan.mult_adds());
    let type_summary = format!(
        " A compiled model: `{input_element}` `[{input}]` to `f32` `[{output}]`, {mult_adds} mult-adds for one image."
    );
    let arena = format!(" Working memory of [`{name}`]: {} bytes.", thousands(plan.arena_bytes as u64));
    [type_summary, arena]
}

fn weights(plan: &Plan, weights: &Weights) -> TokenStream {
    match weights {
        Weights::ByteString => {
            let bytes = Literal::byte_string(&plan.weights);
            quote!(static WEIGHTS: &rt::Aligned<[u8]> = &rt::Aligned(*#bytes);)
        }
        Weights::Include(path) => {
            let len = size(plan.weights.len());
            let message = "the file of packed weights is not the one that was written with this code";
            quote! {
                static WEIGHTS: &rt::Aligned<[u8]> = &rt::Aligned(*include_bytes!(#path));
                const _: () = assert!(WEIGHTS.0.len() == #len, #message);
            }
        }
    }
}

/// The constants and functions of the type, its own and those of the `Model` trait.
fn surface(plan: &Plan, name: &Ident, arena: &Ident, runtime: &TokenStream, calls: &TokenStream) -> TokenStream {
    let network = &plan.network;
    let input_element = format_ident!("{}", element(network.input.dtype));
    let (input_rank, output_rank) = (size(network.input.shape.len()), size(network.output.shape.len()));
    let input_shape: Vec<_> = network.input.shape.iter().map(|&n| size(n)).collect();
    let output_shape: Vec<_> = network.output.shape.iter().map(|&n| size(n)).collect();
    let layout = match network.input.layout {
        Layout::Nchw => quote!(Nchw),
        Layout::Nhwc => quote!(Nhwc),
    };
    let (input_len, output_len) = plan.lengths();
    let body = body(plan, input_len, output_len, calls);
    let (input_len, output_len, batch) = (size(input_len), size(output_len), size(network.batch));
    let (arena_bytes, weight_bytes) = (size(plan.arena_bytes), size(plan.weights.len()));
    let mult_adds = int(plan.mult_adds());
    quote! {
        #[allow(dead_code, clippy::unnecessary_box_returns)]
        impl #name {
            /// Shape of the input as the ONNX model has it, batch included, row-major.
            pub const INPUT_SHAPE: [usize; #input_rank] = [#(#input_shape),*];
            /// Shape of the output as the ONNX model has it, batch included, row-major.
            pub const OUTPUT_SHAPE: [usize; #output_rank] = [#(#output_shape),*];
            /// Order of the input's axes.
            pub const INPUT_LAYOUT: #runtime::Layout = #runtime::Layout::#layout;
            /// Images per inference.
            pub const BATCH: usize = #batch;
            /// Elements of the input, the whole batch.
            pub const INPUT_LEN: usize = #input_len;
            /// Elements of the output, the whole batch.
            pub const OUTPUT_LEN: usize = #output_len;
            /// Bytes of working memory.
            pub const ARENA_BYTES: usize = #arena_bytes;
            /// Bytes of packed weights in the program.
            pub const WEIGHT_BYTES: usize = #weight_bytes;
            /// Mult-adds for one image.
            pub const MULT_ADDS: u64 = #mult_adds;

            /// One inference. Allocates nothing, never panics, does no I/O.
            pub fn run(input: &[#input_element; #input_len], output: &mut [f32; #output_len], arena: &mut #arena) {
                #body
            }

            #runtime::__if_alloc! {
                /// Working memory on the heap, without passing through the stack.
                #[must_use]
                pub fn new_arena() -> rt::Box<#arena> {
                    <Self as #runtime::Model>::new_arena()
                }

                /// A zeroed input on the heap, without passing through the stack.
                #[must_use]
                pub fn new_input() -> rt::Box<[#input_element; #input_len]> {
                    <Self as #runtime::Model>::new_input()
                }

                /// A zeroed output on the heap, without passing through the stack.
                #[must_use]
                pub fn new_output() -> rt::Box<[f32; #output_len]> {
                    <Self as #runtime::Model>::new_output()
                }
            }
        }

        impl #runtime::Model for #name {
            type Input = #input_element;
            type Output = f32;
            type InputArray = [#input_element; #input_len];
            type OutputArray = [f32; #output_len];
            type Arena = #arena;
            const INPUT_SHAPE: &'static [usize] = &#name::INPUT_SHAPE;
            const OUTPUT_SHAPE: &'static [usize] = &#name::OUTPUT_SHAPE;
            const INPUT_LAYOUT: #runtime::Layout = #name::INPUT_LAYOUT;
            const BATCH: usize = #batch;
            const INPUT_LEN: usize = #input_len;
            const OUTPUT_LEN: usize = #output_len;
            const ARENA_BYTES: usize = #arena_bytes;
            const WEIGHT_BYTES: usize = #weight_bytes;
            const MULT_ADDS: u64 = #mult_adds;
            fn run(input: &Self::InputArray, output: &mut Self::OutputArray, arena: &mut Self::Arena) {
                #name::run(input, output, arena);
            }
        }
    }
}

/// The straight line of calls, per image of a batch.
fn body(plan: &Plan, input_len: usize, output_len: usize, calls: &TokenStream) -> TokenStream {
    let batch = plan.network.batch.max(1);
    if batch == 1 {
        return quote! {
            let mut run = rt::Run::new(&WEIGHTS.0, arena.bytes_mut());
            #calls
        };
    }
    let (input_len, output_len) = (size(input_len / batch), size(output_len / batch));
    quote! {
        let (images, _) = input.as_chunks::<#input_len>();
        let (outputs, _) = output.as_chunks_mut::<#output_len>();
        for (input, output) in images.iter().zip(outputs) {
            let mut run = rt::Run::new(&WEIGHTS.0, arena.bytes_mut());
            #calls
        }
    }
}
