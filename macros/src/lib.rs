//! The procedural half of `mobilenet_runtime::mobilenet_model!`.

mod input;

use proc_macro::TokenStream;

/// `mobilenet_runtime::mobilenet_model!` with the runtime's own path in front: `path; "model.onnx", ...`.
#[doc(hidden)]
#[proc_macro]
pub fn __mobilenet_model(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
