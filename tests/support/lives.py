"""What the compiled core counts: objects of a kind that are alive."""

from __future__ import annotations

import gc

import pytest

from offhook.core import live_objects


def check_all_freed(request: pytest.FixtureRequest, *kinds: str) -> None:
    """To be called after the test: no native object of these kinds is left."""
    request.node.funcargs.clear()  # pytest would keep the objects of fixtures until later
    gc.collect()
    live = live_objects()
    assert [live[kind] for kind in kinds] == [0] * len(kinds), live
