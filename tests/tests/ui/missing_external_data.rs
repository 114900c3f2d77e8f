//! The weights' side file is not there.
mobilenet_runtime::mobilenet_model!("../ui-models/external.onnx", struct Net);

fn main() {
    let _ = Net::INPUT_SHAPE;
}
