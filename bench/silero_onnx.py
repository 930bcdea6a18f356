"""Silero's network as an ONNX graph, made from the very weights that we run.

ONNX Runtime is the yardstick for speed, and no installed wheel carries Silero's own
ONNX file.  This graph is the same network in plain operators: convolutions, one LSTM
node, no control flow.  Silero's published file has an If node on top and is slower.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

HIDDEN = 128
STRIDES = (1, 2, 2, 1)

Weights = dict[str, NDArray[np.float32]]


def read_weights(path: Path) -> Weights:
    """The tensors of a ggml-silero file by name, in PyTorch's order of sizes."""
    data = path.read_bytes()
    at = 0

    def integer() -> int:
        nonlocal at
        (value,) = struct.unpack_from("<i", data, at)
        at += 4
        return int(value)

    integer()  # magic
    type_bytes = integer()
    at += type_bytes
    for _ in range(5):  # version, window, context
        integer()
    for _ in range(3 * integer() + 4):  # layers, LSTM, head
        integer()
    tensors: Weights = {}
    while at < len(data):
        dimensions, name_bytes, kind = integer(), integer(), integer()
        sizes = [integer() for _ in range(dimensions)]
        name = data[at : at + name_bytes].decode()
        at += name_bytes
        dtype = np.dtype("<f4" if kind == 0 else "<f2")
        count = int(np.prod(sizes))
        tensors[name] = (
            np.frombuffer(data, dtype, count, at).reshape(sizes[::-1]).astype(np.float32, order="C")
        )
        at += count * dtype.itemsize
    return tensors


def build(weights: Weights) -> bytes:
    """A serialised model: ``window [n, 512]``, ``h``, ``c`` to ``probability [n, 1]``, ``h_out``, ``c_out``.

    The states are ``[1, n, 128]``.
    """
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: NDArray[np.generic]) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    pads = constant("pads", np.array([0, 0, 64, 0, 0, 64], np.int64))
    middle = constant("middle", np.array([1], np.int64))
    x = node("Unsqueeze", ["window", middle], "window3")
    x = node("Pad", [x, pads], "padded", mode="reflect")
    basis = constant("basis", weights["_model.stft.forward_basis_buffer"])
    x = node("Conv", [x, basis], "spectrum", strides=[128])
    nodes.append(helper.make_node("Split", [x], ["real", "imaginary"], axis=1, num_outputs=2))
    squares = [node("Mul", [part, part], f"{part}_squared") for part in ("real", "imaginary")]
    x = node("Sqrt", [node("Add", squares, "power")], "magnitude")
    for layer, stride in enumerate(STRIDES):
        prefix = f"_model.encoder.{layer}.reparam_conv."
        weight = constant(f"weight{layer}", weights[prefix + "weight"])
        bias = constant(f"bias{layer}", weights[prefix + "bias"])
        x = node("Conv", [x, weight, bias], f"conv{layer}", strides=[stride], pads=[1, 1])
        x = node("Relu", [x], f"relu{layer}")
    x = node("Transpose", [x], "sequence", perm=[2, 0, 1])  # one time step, n, 128

    def gates(name: str) -> NDArray[np.float32]:
        """From Silero's order input, forget, cell, output to ONNX's input, output, forget, cell."""
        i, f, c, o = np.split(weights[f"_model.decoder.rnn.{name}"], 4)
        return np.concatenate([i, o, f, c])

    lstm = [
        x,
        constant("w", gates("weight_ih")[np.newaxis]),
        constant("r", gates("weight_hh")[np.newaxis]),
        constant("b", np.concatenate([gates("bias_ih"), gates("bias_hh")])[np.newaxis]),
        "",
        "h",
        "c",
    ]
    nodes.append(helper.make_node("LSTM", lstm, ["", "h_out", "c_out"], hidden_size=HIDDEN))
    first = constant("first", np.array([0], np.int64))
    x = node("Relu", [node("Squeeze", ["h_out", first], "h2")], "active")
    head = constant("head", weights["_model.decoder.decoder.2.weight"].reshape(HIDDEN, 1))
    head_bias = constant("head_bias", weights["_model.decoder.decoder.2.bias"].reshape(1))
    node("Sigmoid", [node("Gemm", [x, head, head_bias], "logit")], "probability")

    def value(name: str, shape: list[int | str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    state: list[int | str] = [1, "n", HIDDEN]
    graph = helper.make_graph(
        nodes,
        "silero",
        [value("window", ["n", 512]), value("h", state), value("c", state)],
        [value("probability", ["n", 1]), value("h_out", state), value("c_out", state)],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized
