//! The procedural half of `mobilenet_runtime::mobilenet_model!`: it parses the macro's input, calls the compiler and prints
//! tokens. Not for direct use.

mod expand;
mod input;
mod side_file;
mod skeleton;
mod values;

use proc_macro::TokenStream;

/// `mobilenet_runtime::mobilenet_model!` with the runtime's own path in front: `path; "model.onnx", ...`.
#[doc(hidden)]
#[proc_macro]
pub fn __mobilenet_model(input: TokenStream) -> TokenStream {
    expand::expand(input.into()).into()
}
