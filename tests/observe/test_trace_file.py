"""The file of traces: in order, under bad disks, and never waited for."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from offhook.config import BudgetConfig
from offhook.errors import ConfigError
from offhook.observe.trace import TraceWriter, read_traces
from tests.support.traces import turn


def test_lines_in_order(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t.jsonl", BudgetConfig())
    for number in range(1, 51):
        writer.write(turn(number, "7.1" if number % 2 else "7.2"))
    writer.close()
    log = read_traces(tmp_path / "t.jsonl")
    assert [entry.turn for entry in log.turns] == list(range(1, 51))
    assert log.calls() == ["7.1", "7.2"]
    assert len(log.of_call("7.2")) == 25
    assert (writer.written, writer.dropped, log.skipped) == (50, 0, 0)


def test_it_appends(tmp_path: Path) -> None:
    for number in (1, 2):
        writer = TraceWriter(tmp_path / "t.jsonl")
        writer.write(turn(number))
        writer.close()
    assert [entry.turn for entry in read_traces(tmp_path / "t.jsonl").turns] == [1, 2]


@pytest.mark.parametrize("tail", ['{"v":1,"call":"7.', "\x00\x00\x00", "\udce4"])
def test_a_torn_last_line_is_tolerated(tmp_path: Path, tail: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(turn(1).to_json().encode() + b"\n" + tail.encode("utf-8", "surrogateescape"))
    log = read_traces(path)
    assert [entry.turn for entry in log.turns] == [1]
    assert log.skipped == 1


def test_reading_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_traces(tmp_path / "none")


@pytest.mark.parametrize("name", ["no/such/folder/t", "."])
def test_an_unwritable_path_is_refused_at_once(tmp_path: Path, name: str) -> None:
    before = threading.active_count()
    with pytest.raises(ConfigError, match="cannot be written"):
        TraceWriter(tmp_path / name)
    assert threading.active_count() == before


def test_a_full_disk_is_counted_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "offhook.observe.trace"):
        writer = TraceWriter(Path("/dev/full"))
        for number in range(5):
            writer.write(turn(number))
        writer.close()
    assert (writer.written, writer.dropped) == (0, 5)
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text


def test_a_writer_never_waits_for_a_fifo(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="cannot be written"):
        TraceWriter(path)  # nobody reads
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        writer = TraceWriter(path)
        for number in range(300):  # more than a pipe holds
            writer.write(turn(number))
        writer.close(5)
        assert writer.dropped > 0
        assert writer.written + writer.dropped == 300
    finally:
        os.close(reader)


def test_the_queue_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, release = threading.Event(), threading.Event()

    def hang(self: TraceWriter, line: bytes) -> None:
        entered.set()
        release.wait(10)

    monkeypatch.setattr(TraceWriter, "_append", hang)
    writer = TraceWriter(tmp_path / "t.jsonl", max_waiting=4)
    writer.write(turn(0))
    assert entered.wait(10)
    for number in range(1, 11):
        writer.write(turn(number))
    assert writer.dropped == 6
    release.set()
    writer.close(10)
    assert writer.written == 5


def test_a_file_that_grew_too_long_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    line = len(turn(1).to_json()) + 1
    writer = TraceWriter(path, max_bytes=3 * line + 10)
    for number in range(1, 9):
        writer.write(turn(number))
    writer.close()
    assert [entry.turn for entry in read_traces(path).turns] == [7, 8]
    assert [entry.turn for entry in read_traces(tmp_path / "t.jsonl.1").turns] == [4, 5, 6]
    assert path.stat().st_size <= 3 * line + 10


def test_a_line_after_a_torn_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    cut = iter([40, 10**6, 10**6])
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[: next(cut)]))
    writer = TraceWriter(tmp_path / "t.jsonl")
    for number in (1, 2, 3):
        writer.write(turn(number))
    writer.close()
    monkeypatch.undo()
    log = read_traces(tmp_path / "t.jsonl")
    assert [entry.turn for entry in log.turns] == [2, 3]
    assert (log.skipped, writer.written, writer.dropped) == (1, 2, 1)


def test_a_deleted_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    writer = TraceWriter(path)
    path.unlink()
    writer.write(turn(1))
    writer.close()
    assert len(read_traces(path).turns) == 1


def test_closing_twice(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path / "t.jsonl")
    writer.close()
    writer.close()
