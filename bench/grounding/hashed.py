"""Learns the weights of hashed n-grams (offhook/end_of_turn/hashed.py)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RATE = 0.05


def fit_hashed(
    sample: NDArray[np.integer],
    place: NDArray[np.integer],
    finished: NDArray[np.bool_],
    weights: Floats,
    *,
    size: int,
    ridge: float,
    steps: int,
) -> Floats:
    """A logistic regression with a ridge, by full-batch Adam: the table of ``size``, the constant behind it.

    ``sample`` and ``place``, of one length, say which sample has a feature where in the table; ``finished``
    and ``weights`` are the samples'.  Both classes count the same.
    """
    weights = weights.copy()
    weights[finished] /= 2 * weights[finished].sum()
    weights[~finished] /= 2 * weights[~finished].sum()
    table = np.zeros(size + 1)
    first, second = np.zeros_like(table), np.zeros_like(table)
    for step in range(1, steps + 1):
        error = (1 / (1 + np.exp(-scores(table, sample, place, len(weights)))) - finished) * weights
        gradient = np.bincount(place, error[sample], size + 1) + ridge * table
        gradient[-1] = error.sum()
        first += 0.1 * (gradient - first)
        second += 0.01 * (gradient**2 - second)
        root = np.sqrt(second / (1 - 0.99**step)) + 1e-7
        table -= RATE * (first / (1 - 0.9**step)) / root
    return table


def scores(table: Floats, sample: NDArray[np.integer], place: NDArray[np.integer], count: int) -> Floats:
    """The log-odds of ``count`` samples."""
    found: Floats = np.bincount(sample, table[place], count) + table[-1]
    return found
