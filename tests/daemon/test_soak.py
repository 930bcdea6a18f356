"""A minute of what `make soak` does for hours: calls of every kind, and nothing is left of them."""

from __future__ import annotations

from bench.soak import soak

CALLS = 80
MEMORY_GROWTH = 0.05
"""In so few calls the allocator still makes its reserves; `make soak` allows a hundredth."""


def test_nothing_grows_with_calls() -> None:
    done = soak(CALLS, at_once=12, rounds=4)
    assert done.results.total() >= CALLS
    assert done.problems == []
    assert done.grown(MEMORY_GROWTH) == []
