"""What was said, written beside the calls: no disk makes one of them wait or fail."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path

import pytest

from offhook.observe.transcript import TranscriptWriter


def test_turns_in_order_for_the_daemons_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    writer = TranscriptWriter(path)
    for turn in range(1, 4):
        writer.write("7.1", turn, "H\u00e9llo?", "Good day.")
    writer.close()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines == [
        {"call": "7.1", "turn": turn, "heard": "H\u00e9llo?", "answer": "Good day."} for turn in (1, 2, 3)
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_fails_no_call(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        writer = TranscriptWriter(Path("/dev/full"))
        for turn in range(3):
            writer.write("7.1", turn, "a secret", "an answer")
        writer.close()
    assert (writer.written, writer.dropped) == (0, 3)
    assert len(caplog.records) == 1
    assert "No space left on device" in caplog.text
    assert "secret" not in caplog.text


def test_a_file_that_goes_away_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    writer = TranscriptWriter(path)
    path.unlink()
    writer.write("7.1", 1, "a", "b")
    writer.close()
    assert path.read_text(encoding="utf-8").count("\n") == 1


def test_words_that_are_no_text_are_not_the_calls_trouble(tmp_path: Path) -> None:
    writer = TranscriptWriter(tmp_path / "t.jsonl")
    writer.write("7.1", 1, "\udcff", "half a character of a broken server")
    writer.write("7.1", 2, "next", "one")
    writer.close()
    assert (writer.written, writer.dropped) == (2, 0)
