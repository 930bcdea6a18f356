"""A minute of what `make soak` does for hours: calls of every kind, and nothing is left of them."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from bench.soak import soak, state

CALLS = 80
MEMORY_GROWTH = 0.05
"""In so few calls the allocator still makes its reserves; `make soak` allows a hundredth."""


def test_nothing_grows_with_calls() -> None:
    done = soak(CALLS, at_once=12, rounds=4)
    assert done.results.total() >= CALLS
    assert done.problems == []
    assert done.grown(MEMORY_GROWTH) == []


def test_asking_leaves_nothing_at_the_daemon(tmp_path: Path) -> None:
    """Once in a few looks the question's own connection was counted, and the soak failed for it."""
    went = threading.Event()
    early: list[bool] = []

    def serve(listening: socket.socket) -> None:
        with listening.accept()[0] as sock:
            sock.recv(4096)
            sock.sendall(b'HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{"tasks":7}')
            early.append(went.wait(0.2))  # whoever does not wait for the end has gone by now

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "ctl"))
        listening.listen()
        serving = threading.Thread(target=serve, args=[listening])
        serving.start()
        found = state(tmp_path / "ctl")
        went.set()
        serving.join()
    assert found == {"tasks": 7}
    assert early == [False]
