"""What fuzzing began with and what it has found: each of these inputs once, without Atheris.

Those of native targets are replayed by the native tests (``tests/native/CMakeLists.txt``).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.__main__ import CORPUS, NAMES, NATIVE
from tests.fuzz.targets import TARGETS


def test_every_target_has_a_corpus() -> None:
    assert set(NAMES) == set(TARGETS)
    assert {*NAMES, *NATIVE} == {folder.name for folder in CORPUS.iterdir()}
    assert all(any((CORPUS / name).iterdir()) for name in (*NAMES, *NATIVE))


@pytest.mark.parametrize("name", NAMES)
def test_promises_hold(name: str) -> None:
    for path in sorted((CORPUS / name).iterdir()):
        try:
            TARGETS[name](path.read_bytes())
        except Exception as error:
            raise AssertionError(f"{Path(*path.parts[-2:])}: {error!r}") from error


@pytest.mark.parametrize("name", NAMES)
def test_promises_hold_for_nothing_and_for_noise(name: str) -> None:
    for data in (b"", b"\0", b"\xff" * 100, bytes(range(256)), b"[" * 5000, b"\n" * 300):
        TARGETS[name](data)
