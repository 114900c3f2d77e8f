mobilenet_runtime::mobilenet_model!("../ui-models/net.onnx", struct Net);

fn main() {
    let pixels = [[[0.5; 3]; 16]; 16];
    let mut input = Net::new_input();
    Net::images_mut(&mut input)[0] = pixels;
}
