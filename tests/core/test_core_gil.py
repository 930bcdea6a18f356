"""While a native method waits for a lock of its own, Python's other threads go on."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from offhook.core import PlayoutThread
from offhook.engines.llm.native import NativeModel
from tests.support.engines.llm_engine import begin

TRIES = 200_000
"""Each gives the other thread a chance to take the interpreter; it needs one of them."""


def lets_others_run(method: Callable[[], object]) -> bool:
    """Whether another thread gets the interpreter while ``method`` runs, and never in between."""
    ran = SimpleNamespace(yet=False)
    reading, writing = os.pipe()

    def other() -> None:
        os.read(reading, 1)
        ran.yet = True

    thread = threading.Thread(target=other)
    before = sys.getswitchinterval()
    thread.start()
    sys.setswitchinterval(1_000)  # nobody is asked to let go
    try:
        ctypes.PyDLL(None).write(writing, b"x", ctypes.c_size_t(1))  # without letting go, unlike os.write
        for _ in range(TRIES):
            method()
            if ran.yet:
                return True
        return False
    finally:
        sys.setswitchinterval(before)
        thread.join()
        os.close(reading)
        os.close(writing)


def test_what_lets_go_and_what_does_not_are_told_apart() -> None:
    assert lets_others_run(lambda: os.stat("/"))  # noqa: PTH116 - the plain system call
    assert not lets_others_run(lambda: abs(-1))


@pytest.fixture
def thread() -> Iterator[PlayoutThread]:
    with PlayoutThread() as running:
        yield running
    del running


FILE = ("finish", "stop", "position", "file_position", "playing", "written_samples", "write_errno", "close")


@pytest.mark.parametrize("name", FILE)
def test_a_files_lock_is_waited_for_without_the_interpreter(
    name: str, thread: PlayoutThread, tmp_path: Path
) -> None:
    with thread.open(tmp_path / "1.sln", 8_000) as file:
        native = file._native
        methods: dict[str, Callable[[], object]] = {
            "finish": native.finish,
            "stop": lambda: native.stop(1),
            "position": lambda: native.position(1),
            "file_position": lambda: native.file_position(0),
            "playing": lambda: native.playing,
            "written_samples": lambda: native.written_samples,
            "write_errno": lambda: native.write_errno,
            "close": native.close,
        }
        assert lets_others_run(methods[name])


def test_starting_a_file_waits_for_the_playout_thread_without_the_interpreter(
    thread: PlayoutThread, tmp_path: Path
) -> None:
    with thread.open(tmp_path / "1.sln", 8_000) as file:

        def start() -> None:
            with contextlib.suppress(ValueError):  # it plays already, which is found out under the lock
                file._native.start(1, 0)

        assert lets_others_run(start)
        assert lets_others_run(lambda: thread.playing_count)


async def test_the_engines_lock_is_waited_for_without_the_interpreter(llm: NativeModel) -> None:
    talk = await begin(llm)
    native = talk._native
    try:
        for method in (native.start, native.mark, native.state, lambda: native.end_answer(0)):
            assert lets_others_run(method)
    finally:
        await talk.close()
