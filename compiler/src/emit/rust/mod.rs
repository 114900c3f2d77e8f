//! Rust: what the macro expands to, and the same as a file.
//!
//! Constants and a straight line of calls into the runtime, one per step; no loop over the network, no `unsafe`, no number
//! token per weight.

mod file;
mod literals;
mod outputs;
mod stages;
mod surface;
#[cfg(test)]
mod tests;

pub use file::files;
pub use surface::Surface;

use crate::graph::DType;
use crate::network::Layout;
use crate::plan::{Element, Plan, thousands};
use literals::size;
use outputs::Outputs;
use proc_macro2::{Ident, Literal, TokenStream};
use quote::{format_ident, quote};
use stages::Stages;

/// The version of the contract with the runtime that emitted code keeps, [`rt::ABI`] there.
///
/// [`rt::ABI`]: https://docs.rs/mobilenet-runtime
pub const ABI: u32 = 4;

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
    let outputs = Outputs::new(plan, runtime);
    let Stages { items, calls, by_rows } = Stages::new(plan, &outputs);
    let output = format_ident!("{name}Output");
    let structure = outputs.structure(name, &output, visibility);
    let arena = format_ident!("{name}Arena");
    let arena_bytes = size(plan.arena_bytes);
    let [summary, arena_summary] = summaries(plan, name);
    let input = plan.describe_input().map(|input| {
        let input = format!(" The input is {input}.");
        quote!(#[doc = ""] #[doc = #input])
    });
    let no_rows = plan.rows_in().err().map(|why| {
        let why = format!(" There is no `run_rows`: {why}.");
        quote!(#[doc = ""] #[doc = #why])
    });
    let weights = weights(plan, &options.weights);
    let surface = surface(plan, &outputs, name, runtime, &calls, by_rows.as_ref());
    let paragraph = if attributes.is_empty() { quote!() } else { quote!(#[doc = ""]) };
    let abi = Literal::u32_unsuffixed(ABI);
    quote! {
        #attributes
        #paragraph
        #[doc = #summary]
        #input
        #no_rows
        #[derive(Debug, Clone, Copy)]
        #visibility struct #name;

        #[doc = #arena_summary]
        #[allow(dead_code)]
        #visibility type #arena = #runtime::Arena<#arena_bytes>;

        #structure

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
    let input = shape(&network.input.shape);
    let outputs: Vec<String> =
        network.outputs.iter().map(|output| format!("`[{}]`", shape(&output.port.shape))).collect();
    let of = |dtype: DType| network.outputs.iter().all(|output| output.port.dtype == dtype);
    let elements = match (of(DType::F32), of(DType::F16)) {
        (true, _) => "`f32` ",
        (_, true) => "`f16` ",
        _ => "",
    };
    let outputs = outputs.join(", ");
    let input_element = Element::of(network.input.dtype).map_or("f32", Element::name);
    let mult_adds = thousands(plan.mult_adds());
    let type_summary = format!(
        " A compiled model: `{input_element}` `[{input}]` to {elements}{outputs}, {mult_adds} mult-adds for one image."
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
fn surface(
    plan: &Plan,
    outputs: &Outputs,
    name: &Ident,
    runtime: &TokenStream,
    calls: &TokenStream,
    by_rows: Option<&TokenStream>,
) -> TokenStream {
    let (network, arena) = (&plan.network, format_ident!("{name}Arena"));
    let input = element(network.input.dtype, runtime);
    let (input_len, output_len) = plan.lengths();
    let surface = Surface {
        name: name.clone(),
        runtime: runtime.clone(),
        elements: [input.clone(), element(network.outputs[0].port.dtype, runtime)],
        shapes: [network.input.shape.clone(), network.outputs[0].port.shape.clone()],
        layout: network.input.layout,
        pixels: plan.classes.pixels.clone(),
        batch: network.batch,
        lengths: [input_len, output_len],
        arena_bytes: plan.arena_bytes,
        weight_bytes: plan.weights.len(),
        mult_adds: plan.mult_adds(),
        quants: [plan.input_quant(), plan.output_quant(&network.outputs[0])],
        labels: plan.classes.labels.clone(),
        top_k: plan.classes.top_k,
    };
    let body = body(plan, outputs.are_several(), input_len, output_len, calls);
    let input_len = size(input_len);
    let output = format_ident!("{name}Output");
    let ty = outputs.ty(&output);
    let by_rows = by_rows.map(|calls| {
        let row = match network.input.layout {
            Layout::Nhwc => " Rows are `[rows][W][C]`, as they lie in the input.",
            Layout::Nchw => " Rows are `[C][rows][W]`: of each channel's plane the rows, one plane behind the other.",
        };
        quote! {
            /// One inference, the same as [`Self::run`], that asks for the input's rows when it needs them.
            ///
            /// `read` is called with the first row, how many (today always 1), and where their elements go. Rows come in order, each
            /// once at most; those that no window covers are left out.
            #[doc = #row]
            /// What `read` leaves as it is has unspecified values. Allocates nothing, never panics unless `read` does.
            pub fn run_rows(mut read: impl FnMut(usize, usize, &mut [#input]), output: &mut #ty, arena: &mut #arena) {
                let mut run = rt::Run::new(&WEIGHTS.0, arena.bytes_mut());
                #calls
            }
        }
    });
    let run = quote! {
        /// One inference. Allocates nothing, never panics, does no I/O.
        pub fn run(input: &[#input; #input_len], output: &mut #ty, arena: &mut #arena) {
            #body
        }

        #by_rows
    };
    if outputs.are_of_model() {
        return surface.expand(&run);
    }
    surface.expand_alone(&outputs.members(&output, runtime, &run))
}

/// The straight line of calls, per image of a batch.
fn body(plan: &Plan, several: bool, input_len: usize, output_len: usize, calls: &TokenStream) -> TokenStream {
    let batch = plan.network.batch.max(1);
    if batch == 1 {
        return quote! {
            let mut run = rt::Run::new(&WEIGHTS.0, arena.bytes_mut());
            #calls
        };
    }
    let (input_len, output_len) = (size(input_len / batch), size(output_len / batch));
    if several {
        return quote! {
            let (images, _) = input.as_chunks::<#input_len>();
            for (image, input) in images.iter().enumerate() {
                let mut run = rt::Run::new(&WEIGHTS.0, arena.bytes_mut());
                #calls
            }
        };
    }
    quote! {
        let (images, _) = input.as_chunks::<#input_len>();
        let (outputs, _) = output.as_chunks_mut::<#output_len>();
        for (input, output) in images.iter().zip(outputs) {
            let mut run = rt::Run::new(&WEIGHTS.0, arena.bytes_mut());
            #calls
        }
    }
}

/// The Rust type of a port's elements, where `runtime` is the path of the runtime crate.
pub fn element(dtype: DType, runtime: &TokenStream) -> TokenStream {
    match dtype {
        DType::F16 => quote!(#runtime::F16),
        DType::I64 => quote!(i64),
        dtype => Element::of(dtype).map_or("f32", Element::name).parse().unwrap_or_default(),
    }
}
