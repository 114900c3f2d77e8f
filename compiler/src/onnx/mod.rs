//! ONNX bytes to a faithful, checked model.
