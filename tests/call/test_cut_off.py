"""What was said lies in files of memory while a call runs, and nowhere else, and not for longer."""

from __future__ import annotations

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from offhook.call.cut_off import CutOff
from offhook.call.resumption import Kept
from offhook.errors import ConfigError
from offhook.observe.bill import Bill

MEMORY = Path("/dev/shm")
TRACE = cast(Any, None)


@pytest.fixture
def folder() -> Iterator[Path]:
    if not os.access(MEMORY, os.W_OK):
        pytest.skip("/dev/shm cannot be written")
    with tempfile.TemporaryDirectory(dir=MEMORY, prefix="offhook-test-") as name:
        yield Path(name) / "calls"


def test_a_conversation_outlives_its_daemon(folder: Path) -> None:
    dead = CutOff(folder, 600)
    following = dead.follow(Kept("1.2", "ferry", "acme", ()))
    following.turn("When does it leave?", "At six.", TRACE)
    following.turn("And back?", "At nine, from", TRACE)
    dead.close()  # what a killed one has written is the same: a file is replaced behind each turn
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "1.2" not in file.name
    files = CutOff(folder, 600)
    assert files.take("1.2", None, "cut") is None, "another tenant's"
    assert files.take("1.3", "acme", "cut") is None
    back = files.take("1.2", "acme", "cut")
    assert back is not None
    said = [(each.caller_text, each.audible_text) for each in back.exchanges]
    assert said == [("When does it leave?", "At six."), ("And back?", "At nine, from")]
    assert (back.agent, back.part, back.opening("ferry")) == ("ferry", 1, "resumed")
    assert files.take("1.2", "acme", "cut") is None, "once"
    assert list(folder.iterdir()) == []
    files.close()


@pytest.mark.parametrize(("result", "left"), [("ok", 0), ("hangup", 0), ("transfer", 0), ("failed", 1)])
def test_a_call_that_has_ended_is_erased(folder: Path, result: str, left: int) -> None:
    files = CutOff(folder, 600)
    following = files.follow(Kept("1.2", "ferry", None, ()))
    following.turn("When does it leave?", "At six.", TRACE)
    following.ended(result, Bill())
    files.close()
    assert len(list(folder.iterdir())) == left


def test_what_nobody_came_back_for_is_erased_by_the_next_daemon(folder: Path) -> None:
    dead = CutOff(folder, 600)
    dead.follow(Kept("1.2", "ferry", None, ())).turn("Hello?", "Hello.", TRACE)
    dead.close()
    (file,) = folder.iterdir()
    long_ago = time.time() - 600
    os.utime(file, (long_ago, long_ago))
    CutOff(folder, 600).close()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no json", b"[]", b'{"call_id": 1}'])
def test_a_file_that_is_none_of_ours_is_no_conversation(folder: Path, content: bytes) -> None:
    files = CutOff(folder, 600)
    files.write(Kept("1.2", "ferry", None, ()))
    files.close()
    (file,) = folder.iterdir()
    file.write_bytes(content)
    assert CutOff(folder, 600).take("1.2", None, "cut") is None


def test_a_folder_on_a_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("offhook.call.cut_off._file_system", lambda folder: "ext4")
    with pytest.raises(ConfigError, match=r"is on a disk \(ext4\): name a folder in memory"):
        CutOff(tmp_path / "calls", 600)
