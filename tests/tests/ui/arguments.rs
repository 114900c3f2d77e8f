//! Everything that can be wrong behind the path, at once, and no second error where the type is used.
mobilenet_runtime::mobilenet_model!(
    "../ui-models/net.onnx",
    pub struct Net,
    size = [32, 32],
    resolution = 160,
    resolution = [0, 32],
    batch = "2",
    batch = 2,
    batch = 3
);

mod other {
    mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", pub Other);
}

fn main() {
    let _ = Net::INPUT_SHAPE;
}
