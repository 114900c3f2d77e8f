//! The path is no literal, or not there.
mobilenet_runtime::mobilenet_model!(concat!("net", ".onnx"));

mobilenet_runtime::mobilenet_model!();

fn main() {}
