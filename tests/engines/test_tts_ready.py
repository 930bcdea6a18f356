"""Clauses that were written before any call: made while nobody wants the voice, and kept over a restart."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.tts import voice as voice_module
from offhook.engines.tts.base import never
from offhook.engines.tts.ready import ReadyAudio
from offhook.engines.tts.voice import Voice
from offhook.workers import Claim
from tests.support.clock import reached

ANSWERS = ["We open at nine.", "Kayaks are 12 dollars an hour."]
SECOND = np.arange(8_000, dtype=np.int16)


class Machine:
    """A voice that says the same alike: 0.1 s a text, in blocks that are let through one by one."""

    name = "machine"
    sample_rate_hz = 8_000
    concurrency = 1

    def __init__(self, identity: str = "machine 1") -> None:
        self.identity = identity
        self.texts: list[str] = []
        self.cut: list[str] = []
        self.hold = False

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        self.texts.append(text)
        while self.hold and "nine" in text:
            if cancelled():
                self.cut.append(text)
                return
        yield np.full(800, 1000, np.int16)

    def close(self) -> None:
        """Nothing to free."""


async def test_what_was_made_ahead_is_there_at_once_and_after_a_restart(tmp_path: Path) -> None:
    first = Machine()
    voice = Voice(first, ready=ReadyAudio(tmp_path))
    assert await voice.make_ready(ANSWERS, 8_000) == pytest.approx(0.2)
    made = len(first.texts)
    said = await voice.say(ANSWERS[0], 8_000, known=True)
    assert (len(first.texts), voice.hits) == (made, 1)
    voice.close()

    for known in (True, False):
        second = Machine()
        voice = Voice(second, ready=ReadyAudio(tmp_path))
        np.testing.assert_array_equal(await voice.say(ANSWERS[0], 8_000, known=known), said)
        assert len(second.texts) == (0 if known else 1), "what a caller may have told is not looked for"
        assert await voice.make_ready(ANSWERS, 8_000) == pytest.approx(0.2)
        assert len(second.texts) == (0 if known else 1)
        voice.close()


@pytest.mark.parametrize(
    ("identity", "language", "rate_hz"),
    [("machine 2", "en", 8_000), ("machine 1", "de", 8_000), ("machine 1", "en", 16_000)],
)
async def test_what_would_sound_otherwise_is_made_anew(
    tmp_path: Path, identity: str, language: str, rate_hz: int
) -> None:
    voice = Voice(Machine(), ready=ReadyAudio(tmp_path))
    await voice.make_ready(ANSWERS[:1], 8_000)
    other = Machine(identity)
    await Voice(other, ready=ReadyAudio(tmp_path)).say(ANSWERS[0], rate_hz, known=True, language=language)
    assert len(other.texts) == 1


async def test_who_waits_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice_module, "AGAIN_S", 0)
    machine = Machine()
    machine.hold = True
    voice = Voice(machine, ready=ReadyAudio(tmp_path))
    ahead = asyncio.create_task(voice.make_ready(ANSWERS, 8_000))
    await reached(lambda: bool(machine.texts), "the first answer is being made")
    audio = [block async for block in voice.stream("Hello.", 8_000, claim=Claim())]
    assert len(audio) == 1
    assert machine.cut == machine.texts[:1]
    machine.hold = False
    assert await ahead == pytest.approx(0.2), "and what had to make way is made after it"
    voice.close()


async def test_nothing_is_begun_while_somebody_calls_and_what_they_hear_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_module, "AGAIN_S", 0)
    machine, calls, asked = Machine(), [1], []
    voice = Voice(machine, ready=ReadyAudio(tmp_path))

    def idle() -> bool:
        asked.append(1)
        return not calls

    ahead = asyncio.create_task(voice.make_ready(ANSWERS, 8_000, idle=idle))
    await reached(lambda: len(asked) > 2, "it waits")
    assert machine.texts == []
    await voice.say(ANSWERS[0], 8_000, known=True)
    other = Machine()
    await Voice(other, ready=ReadyAudio(tmp_path)).say(ANSWERS[0], 8_000, known=True)
    assert (len(machine.texts), other.texts) == (1, []), "what was said once is kept, too"
    calls.clear()
    await ahead
    voice.close()


async def test_no_more_than_an_agents_share_and_nothing_of_a_voice_that_is_paid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice_module, "READY_S", 0.15)
    machine = Machine()
    voice = Voice(machine, ready=ReadyAudio(tmp_path))
    await voice.make_ready((f"Fact number {n}." for n in range(1_000)), 8_000)
    assert len(machine.texts) == 2
    del machine.identity
    paid = Voice(machine, ready=ReadyAudio(tmp_path / "paid"))
    assert await paid.make_ready(ANSWERS, 8_000) == 0
    assert not (tmp_path / "paid").exists()


def test_what_was_not_used_for_longest_makes_room(tmp_path: Path) -> None:
    kept = ReadyAudio(tmp_path, limit_bytes=40_000)
    for number in (1, 2):
        kept.keep(SECOND, number)
    for at, path in enumerate(sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)):
        os.utime(path, ns=(at, at))
    assert kept.get(1) is not None, "and that is a use"
    kept.keep(SECOND, 3)
    assert [kept.get(number) is not None for number in (1, 2, 3)] == [True, False, True]
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".sln"]


def test_a_disk_that_cannot_be_used_costs_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "file"
    closed.write_text("no folder")
    kept = ReadyAudio(closed / "clauses")
    with caplog.at_level(logging.WARNING):
        for number in (1, 2):
            kept.keep(SECOND, number)
    assert kept.get(1) is None
    assert len(caplog.records) == 1
    broken = ReadyAudio(tmp_path)
    broken.keep(SECOND, 1)
    for path in tmp_path.glob("*.sln"):
        path.write_bytes(path.read_bytes()[:-1])
    assert broken.get(1) is None, "half a sample is no audio"
