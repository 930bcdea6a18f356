"""What waits to be read of callers' audio is known, whoever owns the descriptor meanwhile."""

from __future__ import annotations

import os

from offhook.doors.base import Listening
from offhook.doors.media import Hearing, _Pipe
from tests.support.waiting import eventually

LISTENING = Listening(pause_ms=40, endpointing_ms=400, ring_s=2)


def test_a_pipes_backlog_is_seconds_of_audio() -> None:
    reading, writing = os.pipe()
    pipe = _Pipe(reading, os.fstat(reading).st_ino, 8_000)
    os.write(writing, bytes(1_600))
    assert pipe.waiting_s() == 0.1
    assert _Pipe(reading, 0, 8_000).waiting_s() == 0, "the number is another's by now"
    os.close(reading)
    os.close(writing)
    assert pipe.waiting_s() == 0


async def test_audio_that_is_heard_does_not_wait() -> None:
    hearing = Hearing()
    reading, writing = os.pipe()
    stream = hearing.add(reading, 8_000, lambda event: None, LISTENING)
    os.write(writing, bytes(1_600))
    await eventually(lambda: stream.written_samples >= 800, "it is read")
    assert hearing.waiting_s() == 0
    hearing.remove(stream)
    assert hearing.waiting_s() == 0
    os.close(writing)
    hearing.close()
