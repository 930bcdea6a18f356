"""A minute of what `make soak` does for hours: calls of every kind, and nothing is left of them."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bench.soak import Kept, Look, Soaked, main, soak, state, verdict

CALLS = 80
MEMORY_GROWTH = 0.05
"""In so few calls the allocator still makes its reserves; `make soak` allows a hundredth."""


def test_nothing_grows_with_calls() -> None:
    done = soak(CALLS, at_once=12, rounds=4)
    assert done.results.total() >= CALLS
    assert len(done.callers) > 8, "of many kinds"
    assert done.problems == []
    assert done.grown(MEMORY_GROWTH) == []


REST = Look(calls=100, descriptors=21, threads=19, tasks=8, folders=0, places=0, cells=400, memory_kb=250_000)


def soaked(problems: int = 0, looks: int = 4, **last: int) -> Soaked:
    """A daemon; ``last``: what its last look has more or less of."""
    before, results = [REST] * (looks - 1), Counter({"hung up": 100})
    return Soaked([*before, replace(REST, **last)], results, Counter({"keys": 100}), ["lost"] * problems, 9.0)


@pytest.mark.parametrize(
    ("daemons", "well", "says"),
    [
        ([soaked()], True, "grown: nothing"),
        ([soaked(cells=401)], False, "cells: 400 -> 401 (daemon 1)"),
        ([soaked(), soaked(descriptors=22)], False, "descriptors: 21 -> 22 (daemon 2)"),
        ([soaked(memory_kb=252_499)], True, "grown: nothing"),
        ([soaked(memory_kb=252_501)], False, "memory: 250000 -> 252501 KB"),
        ([soaked(looks=9, memory_kb=290_000)], True, "grown: nothing"),  # for a moment
        ([Soaked([*[REST] * 6, *[replace(REST, memory_kb=252_501)] * 3])], False, "memory: 250000 -> 252501"),
        ([soaked(threads=20)], True, "grown: nothing"),  # the pool's, late
        ([soaked(problems=1)], False, "problems: [('lost', 1)]"),
        ([soaked(looks=2)], False, "verdict: too early to say"),
        ([soaked(looks=2), soaked()], True, "2 daemons, 1 long enough"),
    ],
)
def test_what_is_said_of_it(daemons: list[Soaked], well: bool, says: str) -> None:
    text, good = verdict(daemons, 100)
    assert (good, says in text) == (well, True), text
    assert not verdict(daemons, 1000)[1], "there are calls left"


def test_it_goes_on_where_it_was_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "soak.jsonl"
    Kept(file, 300).write(soaked())
    Kept(file, 300).write(soaked(tasks=8))
    kept = Kept(file, 300)
    assert (kept.made, kept.before) == (200, [soaked(), soaked(tasks=8)])
    kept.round_over(soaked(cells=390))
    assert Kept(file, 300).made == 300
    assert "300 of 300  11.1/s  0 min left  calls 100" in capsys.readouterr().err
    assert main(["--calls", "300", "--keep", str(file)]) == 0, "none are left, the verdict is said again"
    assert "verdict: all is well\n" in capsys.readouterr().out
    file.write_text("{}\n")
    with pytest.raises(SystemExit):
        main(["--keep", str(file)])
    assert "line 1: no soak of this version" in capsys.readouterr().err


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
