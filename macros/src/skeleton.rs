//! What a model that can't be compiled leaves behind, so that the code that uses it gives no second error.

use mobilenet_compiler::Options;
use mobilenet_compiler::emit::rust::{Surface, element};
use mobilenet_compiler::graph::DType;
use mobilenet_compiler::network::Layout;
use mobilenet_compiler::onnx::{Dim, Model, ValueInfo};
use mobilenet_compiler::plan::Pixels;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::Visibility;

use crate::input::Input;

/// Input and output as far as they are known.
struct Port {
    dtype: DType,
    shape: Vec<usize>,
}

impl Port {
    /// What the file declares, symbolic dimensions taken as 1; `fallback` where there is no file that can be read.
    fn new(declared: Option<&ValueInfo>, fallback: &[usize], halves: bool) -> Self {
        let dtype = match declared.map(|port| port.dtype) {
            Some(dtype @ (DType::U8 | DType::I8)) => dtype,
            _ if halves => DType::F16,
            _ => DType::F32,
        };
        let size = |dim: &Dim| match dim {
            Dim::Value(size) => *size,
            Dim::Symbol(_) => 1,
        };
        let shape = declared.and_then(|port| port.shape.as_ref()).map(|shape| shape.iter().map(size).collect());
        Self { dtype, shape: shape.unwrap_or_else(|| fallback.to_vec()) }
    }

    /// As the options have the input, and the order of its axes.
    fn adapt(&mut self, options: &Options) -> Layout {
        if options.input.is_some() {
            self.dtype = DType::U8;
        }
        let own = if matches!(self.shape[..], [_, _, _, 1 | 3]) { Layout::Nhwc } else { Layout::Nchw };
        let layout = options.input_layout.unwrap_or(own);
        if let [_, a, b, c] = self.shape[..] {
            let (own_channels, own_size) = if own == Layout::Nhwc { (c, [a, b]) } else { (a, [b, c]) };
            let [height, width] = options.resolution.unwrap_or(own_size);
            let channels = if options.grey { 1 } else { own_channels };
            let order = if layout == Layout::Nhwc { [height, width, channels] } else { [channels, height, width] };
            self.shape[1..].copy_from_slice(&order);
        }
        layout
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
    let Input { runtime, attributes, options, labels, .. } = arguments;
    let graph = model.map(|model| &model.graph);
    let mut input = Port::new(graph.and_then(|graph| graph.inputs.first()), &[1, 3, 224, 224], options.ports.is_some());
    let output = Port::new(graph.and_then(|graph| graph.outputs.first()), &[1, 1000], options.ports.is_some());
    let layout = input.adapt(options);
    let batch = input.shape.first().copied().unwrap_or(1);
    let arena = format_ident!("{name}Arena");
    let surface = Surface {
        name: name.clone(),
        runtime: runtime.clone(),
        layout,
        pixels: Pixels::new(input.dtype, options),
        batch,
        quants: [None; 2],
        labels: labels.as_ref().map(|_| vec![String::new(); output.len() / batch.max(1)]),
        top_k: options.top_k,
        lengths: [input.len(), output.len()],
        elements: [input.dtype, output.dtype].map(|dtype| element(dtype, runtime)),
        shapes: [input.shape, output.shape],
        arena_bytes: 64,
        weight_bytes: 0,
        mult_adds: 0,
    };
    let surface = surface.expand(&quote! {
        /// Does nothing.
        pub fn run<I: ?Sized, O: ?Sized, A: ?Sized>(_input: &I, _output: &mut O, _arena: &mut A) {}
    });
    quote! {
        #(#attributes)*
        #[doc = "A model that could not be compiled."]
        #[derive(Debug, Clone, Copy)]
        #visibility struct #name;

        #[doc = "Working memory of a model that could not be compiled."]
        #[allow(dead_code)]
        #visibility type #arena = #runtime::Arena<64>;

        #surface
    }
}
