"""Runs one Python peer in one process.

usage: worker.py PEER MODEL INPUT.f32 OUTPUT.f32 H W C THREADS

Loads the model, runs it once, writes the output as raw float32, warms up, prints READY, then answers every line `N`
on standard input with a line of N latencies in nanoseconds. Each peer is driven the way its documentation recommends
for lowest latency: all optimisations, float32, inputs and outputs bound once where the API allows it.
"""

import os
import sys
import time

peer, model, input_path, output_path = sys.argv[1:5]
height, width, channels, threads = map(int, sys.argv[5:9])
os.environ["OMP_NUM_THREADS"] = str(threads)
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np

image = np.fromfile(input_path, np.float32).reshape(1, channels, height, width)


def onnxruntime(exact=False):
    import onnxruntime as ort

    options = ort.SessionOptions()
    if exact:
        # Without VNNI, products of bytes are otherwise added with saturation.
        options.add_session_config_entry("session.x64quantprecision", "1")
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    # The input is in the model's own order; a shape that the file declares may hold names.
    own = image.reshape([size if isinstance(size, int) else 1 for size in session.get_inputs()[0].shape])
    first = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: own})[0]
    result = ort.OrtValue.ortvalue_from_numpy(np.zeros(first.shape, np.float32))
    binding = session.io_binding()
    binding.bind_ortvalue_input(session.get_inputs()[0].name, ort.OrtValue.ortvalue_from_numpy(own))
    binding.bind_ortvalue_output(session.get_outputs()[0].name, result)
    return lambda: session.run_with_iobinding(binding), lambda: result.numpy()


def openvino():
    import openvino as ov

    core = ov.Core()
    network = core.read_model(model)
    own = [size.get_length() if size.is_static else 1 for size in network.input(0).partial_shape]
    compiled = core.compile_model(
        network,
        "CPU",
        {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        },
    )
    request = compiled.create_infer_request()
    tensor = ov.Tensor(image.reshape(own))
    request.set_input_tensor(tensor)

    def run(tensor=tensor):
        request.start_async()
        request.wait()

    return run, lambda: request.get_output_tensor(0).data


def litert():
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model, num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(
        interpreter.get_input_details()[0]["index"], np.ascontiguousarray(image.transpose(0, 2, 3, 1))
    )
    index = interpreter.get_output_details()[0]["index"]
    return interpreter.invoke, lambda: interpreter.get_tensor(index)


def ncnn():
    import ncnn as nn

    net = nn.Net()
    net.opt.num_threads = threads
    net.opt.use_vulkan_compute = False
    net.opt.use_fp16_packed = False
    net.opt.use_fp16_storage = False
    net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    net.load_param(model + ".param")
    net.load_model(model + ".bin")
    source = nn.Mat(np.ascontiguousarray(image[0]))
    result = [None]

    def run():
        extractor = net.create_extractor()
        extractor.input("in0", source)
        result[0] = extractor.extract("out0")[1]

    return run, lambda: np.array(result[0])


def mnn():
    import MNN

    interpreter = MNN.Interpreter(model)
    session = interpreter.createSession({"numThread": threads, "backend": "CPU", "precision": "high"})
    source = MNN.Tensor(image.shape, MNN.Halide_Type_Float, image, MNN.Tensor_DimensionType_Caffe)
    interpreter.getSessionInput(session).copyFrom(source)

    def read():
        result = interpreter.getSessionOutput(session)
        shape = result.getShape()
        host = MNN.Tensor(
            shape, MNN.Halide_Type_Float, np.zeros(shape, np.float32), MNN.Tensor_DimensionType_Caffe
        )
        result.copyToHostTensor(host)
        return np.array(host.getData(), np.float32)

    return lambda: interpreter.runSession(session), read


run, read = {
    "onnxruntime": onnxruntime,
    "onnxruntime_exact": lambda: onnxruntime(exact=True),
    "openvino": openvino,
    "litert": litert,
    "ncnn": ncnn,
    "mnn": mnn,
}[peer]()

run()
np.asarray(read(), np.float32).ravel().tofile(output_path)
for _ in range(5):
    run()
print("READY", flush=True)

clock = time.perf_counter_ns
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = clock()
        run()
        times.append(clock() - start)
    print(*times, flush=True)
