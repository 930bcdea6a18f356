"""Writes the trained matcher as the file that the engine loads.

    python -m bench.grounding.export OUT.npz engine/offhook/assets/grounding/matcher.npz

Matrices are kept as int8 with a scale a column, named as in MiniLM's own file, in whose place they are put.
There they are unpacked when the network is loaded: sums are computed in float32, the same on every processor.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from offhook.knowledge.encoder import model_file

LAYERS, HEADS = 6, 12
MATRICES = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "o": "attention.output.dense",
    "i": "intermediate.dense",
    "f": "output.dense",
}
"""The matrices of a layer, in the order in which MiniLM's file has them."""
NORMS = {"n1": "attention.output.LayerNorm", "n2": "output.LayerNorm"}
EPSILON = 1e-12

Weights = Mapping[str, NDArray[np.float32]]


def pack(weight: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """torch's ``[outputs, inputs]`` as ``[inputs, outputs]`` int8 with the scale of each column."""
    full = np.asarray(weight, np.float32).T
    scale = np.maximum(np.abs(full).max(axis=0, keepdims=True) / 127, 1e-12).astype(np.float32)
    return np.round(full / scale).astype(np.int8), scale


def matcher(weights: Weights) -> dict[str, NDArray[Any]]:
    """The matcher's weights by the names of MiniLM's file, its heads as ``head.NAME``."""
    found: dict[str, NDArray[Any]] = {}
    for name, (matrix, scale) in matrix_names().items():
        found[matrix], found[scale] = pack(weights[f"{name}.weight"])
        layer, part = name.removeprefix("layers.").split(".")
        base = f"inner.encoder.layer.{layer}."
        found[f"{base}{MATRICES[part]}.bias"] = weights[f"{name}.bias"]
        for short, long in NORMS.items():
            for kind in ("weight", "bias"):
                found[f"{base}{long}.{kind}"] = weights[f"layers.{layer}.{short}.{kind}"]
    for head, name in (("matters", "w"), ("matters_in_part", "w2"), ("none", "null")):
        found[f"head.{head}"] = np.concatenate([weights[f"{name}.weight"][0], weights[f"{name}.bias"]])
    scales = {"whole": "a", "bias": "b", "token": "c", "threshold": "theta", "part": "c2"}
    return found | {f"head.{head}": np.asarray(weights[name]) for head, name in scales.items()}


def matrix_names() -> dict[str, tuple[str, str]]:
    """The names of each layer's matrices and their scales in MiniLM's file, which has numbers for them."""
    graph = onnx.load(str(model_file())).graph
    numbers = sorted(
        int(each.name[4:-2])
        for each in graph.initializer
        if each.name.startswith("val_") and each.name.endswith("_q")
    )
    names = [f"layers.{layer}.{part}" for layer in range(LAYERS) for part in MATRICES]
    return {
        name: (f"val_{number}_q", f"val_{number}_scale") for name, number in zip(names, numbers, strict=True)
    }


def main(source: str, target: str) -> None:
    with np.load(source) as held:
        weights = matcher(dict(held))
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(target, **weights)  # type: ignore[arg-type]
    print(f"{target}: {Path(target).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:3])
