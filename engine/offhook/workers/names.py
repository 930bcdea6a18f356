"""Names of threads, as the machine's tools show them."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

_PR_SET_NAME, _PR_GET_NAME = 15, 16
"""linux/prctl.h"""


def name_thread(name: str) -> None:
    """Give the calling thread a name that the machine's tools show, and that threads begun by it inherit.

    Python before 3.14 keeps names to itself.  15 characters; no matter where it cannot be done.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


@contextlib.contextmanager
def threads_named(name: str) -> Iterator[None]:
    """Threads that are begun meanwhile have this name; the calling one has its own again afterwards."""
    before = ctypes.create_string_buffer(16)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_GET_NAME, before, 0, 0, 0)
    name_thread(name)
    try:
        yield
    finally:
        name_thread(before.value.decode("utf-8", "replace"))
