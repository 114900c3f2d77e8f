//! What a model that can't be compiled leaves behind, so that the code that uses it gives no second error.

use mobilenet_compiler::graph::DType;
use mobilenet_compiler::onnx::{Dim, Model, ValueInfo};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Visibility;

use crate::input::Input;

/// Input and output as far as they are known.
struct Port {
    element: TokenStream,
    shape: Vec<usize>,
}

impl Port {
    /// What the file declares, symbolic dimensions taken as 1; `fallback` where there is no file that can be read.
    fn new(declared: Option<&ValueInfo>, fallback: &[usize]) -> Self {
        let element = match declared.map(|port| port.dtype) {
            Some(DType::U8) => quote!(u8),
            Some(DType::I8) => quote!(i8),
            _ => quote!(f32),
        };
        let size = |dim: &Dim| match dim {
            Dim::Value(size) => *size,
            Dim::Symbol(_) => 1,
        };
        let shape = declared.and_then(|port| port.shape.as_ref()).map(|shape| shape.iter().map(size).collect());
        Self { element, shape: shape.unwrap_or_else(|| fallback.to_vec()) }
    }

    /// Number of elements, 1 where that is absurd.
    fn len(&self) -> usize {
        let len = self.shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size));
        len.filter(|&len| len < 1 << 32).unwrap_or(1)
    }
}

/// A type with the surface of a compiled model, which computes nothing. Its inherent `run` takes anything: lengths may be
/// unknown here.
pub fn skeleton(arguments: &Input, visibility: &Visibility, name: &Ident, model: Option<&Model>) -> TokenStream {
    let Input { runtime, attributes, resolution, .. } = arguments;
    let graph = model.map(|model| &model.graph);
    let mut input = Port::new(graph.and_then(|graph| graph.inputs.first()), &[1, 3, 224, 224]);
    let output = Port::new(graph.and_then(|graph| graph.outputs.first()), &[1, 1000]);
    let nhwc = matches!(input.shape[..], [_, _, _, 1 | 3]);
    if let (Some([height, width]), [_, a, b, c]) = (*resolution, &mut input.shape[..]) {
        let (h, w) = if nhwc { (a, b) } else { (b, c) };
        (*h, *w) = (height, width);
    }
    let layout = if nhwc { quote!(Nhwc) } else { quote!(Nchw) };
    let batch = input.shape.first().copied().unwrap_or(1);
    let (input_len, output_len) = (input.len(), output.len());
    let Port { element: input_element, shape: input_shape } = input;
    let Port { element: output_element, shape: output_shape } = output;
    let (input_rank, output_rank) = (input_shape.len(), output_shape.len());
    let arena = format_ident!("{name}Arena");
    quote! {
        #(#attributes)*
        #[doc = "A model that could not be compiled."]
        #[derive(Debug, Clone, Copy)]
        #visibility struct #name;

        #[doc = "Working memory of a model that could not be compiled."]
        #[allow(dead_code)]
        #visibility type #arena = #runtime::Arena<64>;

        #[allow(dead_code, missing_docs)]
        impl #name {
            pub const INPUT_SHAPE: [usize; #input_rank] = [#(#input_shape),*];
            pub const OUTPUT_SHAPE: [usize; #output_rank] = [#(#output_shape),*];
            pub const INPUT_LAYOUT: #runtime::Layout = #runtime::Layout::#layout;
            pub const BATCH: usize = #batch;
            pub const INPUT_LEN: usize = #input_len;
            pub const OUTPUT_LEN: usize = #output_len;
            pub const ARENA_BYTES: usize = 64;
            pub const WEIGHT_BYTES: usize = 0;
            pub const MULT_ADDS: u64 = 0;

            pub fn run<I: ?Sized, O: ?Sized, A: ?Sized>(_input: &I, _output: &mut O, _arena: &mut A) {}

            #runtime::__if_alloc! {
                pub fn new_arena() -> #runtime::rt::Box<#arena> {
                    <Self as #runtime::Model>::new_arena()
                }
                pub fn new_input() -> #runtime::rt::Box<[#input_element; #input_len]> {
                    <Self as #runtime::Model>::new_input()
                }
                pub fn new_output() -> #runtime::rt::Box<[#output_element; #output_len]> {
                    <Self as #runtime::Model>::new_output()
                }
            }
        }

        impl #runtime::Model for #name {
            type Input = #input_element;
            type Output = #output_element;
            type InputArray = [#input_element; #input_len];
            type OutputArray = [#output_element; #output_len];
            type Arena = #arena;
            const INPUT_SHAPE: &'static [usize] = &#name::INPUT_SHAPE;
            const OUTPUT_SHAPE: &'static [usize] = &#name::OUTPUT_SHAPE;
            const INPUT_LAYOUT: #runtime::Layout = #name::INPUT_LAYOUT;
            const BATCH: usize = #batch;
            const INPUT_LEN: usize = #input_len;
            const OUTPUT_LEN: usize = #output_len;
            const ARENA_BYTES: usize = 64;
            const WEIGHT_BYTES: usize = 0;
            const MULT_ADDS: u64 = 0;
            fn run(_input: &Self::InputArray, _output: &mut Self::OutputArray, _arena: &mut Self::Arena) {}
        }
    }
}
