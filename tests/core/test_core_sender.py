"""Framed lines from Python: real sockets, in real time only where the threads themselves are the matter."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator

import numpy as np
import pytest

from offhook.core import Framing, MediaThread, PlayoutBuffer, Sender, SenderThread, SileroModel
from offhook.events import AudioEnded
from tests.support.lives import check_all_freed
from tests.support.waiting import until

FRAME_BYTES = {"audiosocket": 323, "websocket": 324}


@pytest.fixture
def thread() -> Iterator[SenderThread]:
    with SenderThread() as running:
        yield running
    del running


@pytest.fixture(autouse=True)
def everything_is_freed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test no native object may be left."""
    yield
    check_all_freed(request, "playout_buffers", "senders", "sender_threads", "streams", "media_threads")


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def counting(samples: int, first: int = 1) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(first, first + samples).astype(np.int16)


def end_of(thread: SenderThread) -> tuple[int, int, bool]:
    """The next event."""
    ready, _, _ = select.select([thread.event_fd], [], [], 60)
    assert ready
    (event,) = thread.poll()
    return event


def payloads(received: bytes, framing: Framing) -> bytes:
    size = FRAME_BYTES[framing]
    head = size - 320
    return b"".join(received[at + head : at + size] for at in range(0, len(received), size))


@pytest.mark.parametrize(("framing", "lead_ms"), [("audiosocket", 0), ("websocket", 200)])
def test_an_answer_is_sent_and_remembered(
    thread: SenderThread, sockets: tuple[socket.socket, socket.socket], framing: Framing, lead_ms: int
) -> None:
    ours, theirs = sockets
    sender = thread.add(ours.fileno(), 8_000, framing=framing, lead_ms=lead_ms)
    audio = PlayoutBuffer(8_000)
    audio.write(counting(800))
    audio.finish()
    before_ns = time.monotonic_ns()
    playback = sender.play(audio)
    assert end_of(thread) == (sender.id, playback, False)
    assert audio.position(time.monotonic_ns()) == 800
    sent = np.frombuffer(payloads(theirs.recv(1 << 20), framing), np.int16)
    np.testing.assert_array_equal(sent[sent != 0], counting(800))
    played = audio.played(before_ns, time.monotonic_ns())
    np.testing.assert_array_equal(played[played != 0], counting(800))
    assert not sender.playing
    sender.close()
    with pytest.raises(BrokenPipeError):
        sender.play(audio)


def test_what_is_wrong_is_python_s_usual_errors(
    thread: SenderThread, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, _ = sockets
    sender = thread.add(ours.fileno(), 8_000, framing="audiosocket")
    audio = PlayoutBuffer(8_000)
    with pytest.raises(ValueError, match="8000 or 16000"):
        PlayoutBuffer(44_100)
    with pytest.raises(ValueError, match="framing"):
        thread.add(ours.fileno(), 8_000, framing="tlv")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lead_ms"):
        thread.add(ours.fileno(), 8_000, framing="websocket", lead_ms=5_000)
    with pytest.raises(ValueError, match="rate"):
        sender.play(PlayoutBuffer(16_000))
    with pytest.raises(ValueError, match="offset"):
        sender.play(audio, 1)
    with pytest.raises(ValueError, match="no room"):
        sender.send_message(3, bytes(126))
    with pytest.raises(TypeError):
        audio.write(np.zeros(10, np.float32))
    sender.play(audio)
    with pytest.raises(ValueError, match="already"):
        sender.play(audio)
    assert sender.stop()
    assert not sender.stop()


def test_a_peer_that_has_gone_is_told(
    thread: SenderThread, sockets: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = sockets
    sender = thread.add(ours.fileno(), 8_000, framing="audiosocket")
    theirs.close()
    assert end_of(thread) == (sender.id, 0, True)
    assert sender.broken


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


def test_what_one_sends_the_other_hears(thread: SenderThread, model: SileroModel) -> None:
    """A sender on one end of a socket, a framed stream on the other: keys, audio and the hang-up arrive."""
    ours, theirs = socket.socketpair()
    told: list[tuple[int, bytes]] = []
    with ours, MediaThread(model) as media:
        stream = media.add(
            theirs.detach(), 16_000, framing="audiosocket", on_message=lambda *message: told.append(message)
        )
        sender: Sender = thread.add(ours.fileno(), 16_000, framing="audiosocket")
        audio = PlayoutBuffer(16_000)
        audio.write(counting(3_200))
        audio.finish()
        sender.play(audio)
        sender.send_message(3, b"7")
        end_of(thread)
        sender.send_message(0)
        ended = False

        def over() -> bool:
            nonlocal ended
            ended = ended or any(isinstance(event, AudioEnded) for _, event in media.poll())
            return ended

        until(over, "the stream's end")
        assert stream.end_reason == "hang-up"
        assert told == [(3, b"7")]
        _, heard = stream.read(0, stream.written_samples)
        np.testing.assert_array_equal(heard[heard != 0], counting(3_200))


def test_garbage_ends_a_stream(model: SileroModel) -> None:
    ours, theirs = socket.socketpair()
    with ours, MediaThread(model) as media:
        stream = media.add(theirs.detach(), 8_000, framing="websocket")
        ours.send(struct.pack(">BB", 0x82, 10))  # not masked
        until(lambda: any(isinstance(event, AudioEnded) for _, event in media.poll()), "the end")
        assert stream.end_reason == "malformed"
