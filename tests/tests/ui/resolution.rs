//! More pixels than any machine holds.
mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", struct Net, resolution = [1000000000, 1000000000]);

fn main() {
    let _ = Net::INPUT_SHAPE;
}
