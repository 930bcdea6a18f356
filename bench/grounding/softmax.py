"""Softmax regression with a ridge, by full-batch Adam: trains the linear classifiers of callers' words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def fit_softmax(
    vectors: Vectors,
    labels: NDArray[np.int64],
    weights: Vectors,
    *,
    classes: int,
    ridge: float,
    steps: int,
    rate: float,
) -> tuple[Vectors, Vectors]:
    """Weights ``[classes, width]`` and biases; each text counts as ``weights`` ``[texts]`` say."""
    wanted = np.eye(classes, dtype=np.float32)[labels]
    matrix = np.zeros((classes, vectors.shape[1]), np.float32)
    bias = np.zeros(classes, np.float32)
    moments = [np.zeros_like(matrix), np.zeros_like(matrix), np.zeros_like(bias), np.zeros_like(bias)]
    for step in range(1, steps + 1):
        logits = vectors @ matrix.T + bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        error = (shares - wanted) * weights[:, None] / len(labels)
        gradients = (error.T @ vectors + ridge * matrix, error.sum(axis=0))
        for place, (parameter, gradient) in enumerate(zip((matrix, bias), gradients, strict=True)):
            first, second = moments[2 * place], moments[2 * place + 1]
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            root = np.sqrt(second / (1 - 0.999**step)) + 1e-8
            parameter -= rate * (first / (1 - 0.9**step)) / root
    return matrix, bias
