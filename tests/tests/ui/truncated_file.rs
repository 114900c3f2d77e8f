//! Half of a model.
mobilenet_runtime::mobilenet_model!("../ui-models/truncated.onnx", struct Net);

fn main() {
    let _ = Net::INPUT_SHAPE;
}
