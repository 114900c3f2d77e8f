"""Converts one benchmark ONNX model for the peers that do not read ONNX.

usage: convert.py MODEL.onnx OUTPUT_STEM H W C FORM...

The forms: `tflite` writes OUTPUT_STEM.tflite (the same layers in Keras, converted with batch norm folded), `ncnn`
OUTPUT_STEM.ncnn.{param,bin}, `mnn` OUTPUT_STEM.mnn, `folded` OUTPUT_STEM.folded.onnx (batch norm folded) for the C
generators. What can't be made is said on standard error; the peer is then left out.
"""

import os
import subprocess
import sys
import tempfile
import traceback

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import onnx
from onnx import helper, numpy_helper

source, stem = sys.argv[1:3]
height, width, channels = map(int, sys.argv[3:6])
model = onnx.load(source)
constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def attributes(node):
    return {a.name: helper.get_attribute_value(a) for a in node.attribute}


def folded():
    """Convolution + BatchNormalization to one convolution with a bias."""
    graph = onnx.ModelProto()
    graph.CopyFrom(model)
    nodes, initializers, renamed, producers = [], {}, {}, {}
    for node in graph.graph.node:
        node.input[:] = [renamed.get(i, i) for i in node.input]
        if node.op_type == "BatchNormalization":
            conv = producers[node.input[0]]
            scale, bias, mean, var = (constants[i].astype(np.float64) for i in node.input[1:])
            factor = scale / np.sqrt(var + attributes(node).get("epsilon", 1e-5))
            weight = constants[conv.input[1]] * factor.reshape(-1, 1, 1, 1)
            shift = bias - mean * factor
            if len(conv.input) > 2:
                shift = shift + constants[conv.input[2]] * factor
            name = conv.input[1]
            initializers[name] = weight.astype(np.float32)
            initializers[name + ".bias"] = shift.astype(np.float32)
            conv.input[:] = [conv.input[0], name, name + ".bias"]
            renamed[node.output[0]] = conv.output[0]
            continue
        for output in node.output:
            producers[output] = node
        nodes.append(node)
    used = {i for n in nodes for i in n.input}
    tensors = [numpy_helper.from_array(initializers.get(n, a), n) for n, a in constants.items() if n in used]
    tensors += [numpy_helper.from_array(a, n) for n, a in initializers.items() if n not in constants]
    kept = [helper.make_node(n.op_type, n.input, n.output, n.name, **attributes(n)) for n in nodes]
    made = helper.make_graph(kept, "folded", graph.graph.input, graph.graph.output, tensors)
    result = helper.make_model(made, opset_imports=graph.opset_import)
    result.ir_version = graph.ir_version
    onnx.save(result, stem + ".folded.onnx")


def tflite():
    import tensorflow as tf

    layers = tf.keras.layers
    start = layers.Input((height, width, channels), batch_size=1)
    values, weights = {model.graph.input[0].name: start}, []

    def convolution(x, node, a):
        w = constants[node.input[1]]
        stride, size = a["strides"][0], w.shape[2]
        pads = a.get("pads", [0] * 4)
        same = stride == 1 and 2 * pads[0] + 1 == size
        if not same and any(pads):
            x = layers.ZeroPadding2D(((pads[0], pads[2]), (pads[1], pads[3])))(x)
        mode, bias = ("same" if same else "valid"), len(node.input) > 2
        if a.get("group", 1) > 1:
            layer = layers.DepthwiseConv2D(size, stride, mode, use_bias=bias)
            kernel = w.transpose(2, 3, 0, 1)
        else:
            layer = layers.Conv2D(w.shape[0], size, stride, mode, use_bias=bias)
            kernel = w.transpose(2, 3, 1, 0)
        x = layer(x)
        weights.append((layer, [kernel] + [constants[i] for i in node.input[2:]]))
        return x

    def norm(x, node, a):
        layer = layers.BatchNormalization(epsilon=a.get("epsilon", 1e-5))
        x = layer(x)
        weights.append((layer, [constants[i] for i in node.input[1:]]))
        return x

    def dense(x, node, a):
        w = constants[node.input[1]]
        layer = layers.Dense(w.shape[0])
        x = layer(x)
        weights.append((layer, [w.T, constants[node.input[2]]]))
        return x

    def hard_sigmoid(x):
        return layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)

    for node in model.graph.node:
        a = attributes(node)
        x = values[node.input[0]]
        if node.op_type == "Conv":
            x = convolution(x, node, a)
        elif node.op_type == "BatchNormalization":
            x = norm(x, node, a)
        elif node.op_type == "Relu":
            x = layers.ReLU()(x)
        elif node.op_type == "Clip":
            x = layers.ReLU(6.0)(x)
        elif node.op_type == "HardSigmoid":
            x = hard_sigmoid(x)
        elif node.op_type == "HardSwish":
            x = x * hard_sigmoid(x)
        elif node.op_type == "Add":
            x = layers.Add()([x, values[node.input[1]]])
        elif node.op_type == "Mul":
            x = layers.Multiply()([x, values[node.input[1]]])
        elif node.op_type == "GlobalAveragePool":
            x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        elif node.op_type == "Flatten":
            x = layers.Flatten()(x)
        elif node.op_type == "Gemm":
            x = dense(x, node, a)
        else:
            raise ValueError(f"no layer for {node.op_type}")
        values[node.output[0]] = x
    keras = tf.keras.Model(start, values[model.graph.output[0].name])
    for layer, tensors in weights:
        layer.set_weights(tensors)
    with open(stem + ".tflite", "wb") as out:
        out.write(tf.lite.TFLiteConverter.from_keras_model(keras).convert())


def ncnn():
    import pnnx

    tool = pnnx.EXEC_PATH
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, "net.onnx")
        onnx.save(model, local)
        shape = f"inputshape=[1,{channels},{height},{width}]f32"
        subprocess.run([tool, local, shape, "fp16=0"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for ending in ("param", "bin"):
            os.replace(os.path.join(folder, f"net.ncnn.{ending}"), f"{stem}.ncnn.{ending}")


def mnn():
    tool = os.path.join(os.path.dirname(sys.executable), "mnnconvert")
    files = ["--modelFile", source, "--MNNModel", stem + ".mnn"]
    subprocess.run([tool, "-f", "ONNX", *files, "--bizCode", "bench"], check=True, stdout=subprocess.DEVNULL)


for form in sys.argv[6:]:
    try:
        {"folded": folded, "tflite": tflite, "ncnn": ncnn, "mnn": mnn}[form]()
    except (Exception, SystemExit):
        print(f"convert.py: {form} failed", file=sys.stderr)
        traceback.print_exc()
