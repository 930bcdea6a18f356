"""Fixed work that tells how fast the machine is right now.

Each kind takes about 4 ms and resembles what some stages do, so that a slower clock, a
smaller cache or a busy neighbour slows both alike, and their ratio stays.  A change of
what is computed here makes the commit before another measure: compare with one that has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

_SIGNAL: Final = np.random.default_rng(1).normal(0, 1, 8192).astype(np.float32)
_SOURCE: Final = np.arange(12 * 1024 * 1024, dtype=np.int32)
_TARGET: Final = np.empty_like(_SOURCE)
_TEXT: Final = "the caller asks when the shop opens on saturdays and whether there is parking nearby "


class _Point:
    __slots__ = ("at", "word")

    def __init__(self, at: int, word: str) -> None:
        self.at = at
        self.word = word


def interpret() -> int:
    """The interpreter: objects, strings, dictionaries, calls."""
    seen: dict[str, int] = {}
    total = 0
    for number in range(700):
        for at, word in enumerate(_TEXT.split(" ")):
            point = _Point(at + number, word[1:])
            seen[point.word] = seen.get(point.word, 0) + point.at % 7
            total += len(point.word)
    return total + sum(seen.values())


def multiply() -> float:
    """Floating point within the cache, vectorised.  No BLAS, which would bring threads of its own."""
    x = _SIGNAL
    for _ in range(440):
        x = x * np.float32(0.9) + _SIGNAL
        x = np.maximum(x, x * np.float32(0.1))
        x = np.tanh(x)
    return float(x[0])


def stream() -> int:
    """Memory: 48 MiB read and written."""
    np.copyto(_TARGET, _SOURCE)
    return int(_TARGET[-1])


KINDS: Final[dict[str, Callable[[], object]]] = {
    "interpreter": interpret,
    "float": multiply,
    "memory": stream,
}
