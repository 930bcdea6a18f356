"""The media thread from Python: real pipes, recorded speech, no clock but its own."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import gc
import itertools
import os
import select
import socket
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from offhook.core import Endpointer, MediaThread, SileroModel, Stream, live_objects, resample
from offhook.errors import BusyError
from offhook.events import AudioEnded, SpeechEvent, SpeechPaused, SpeechStarted, SpeechStopped
from tests.support.audio.audio import Samples, load_phrases
from tests.support.lives import check_all_freed
from tests.support.waiting import until

SPEECH = Path(__file__).parents[1] / "data/speech"
WAIT_S = 60.0


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


@pytest.fixture
def media(model: SileroModel) -> Iterator[MediaThread]:
    """A running thread."""
    with MediaThread(model) as thread:
        yield thread
    del thread


@pytest.fixture(autouse=True)
def everything_is_freed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test no native object of a call may be left."""
    yield
    check_all_freed(request, "ring_buffers", "streams", "media_threads")


@pytest.fixture(scope="module")
def call_audio() -> Samples:
    """Two phrases, each with a second of silence before it and after."""
    pieces = [np.zeros(8_000, np.int16)]
    for phrase in list(load_phrases(SPEECH).values())[:2]:
        pieces += [phrase.samples, np.zeros(8_000, np.int16)]
    audio: Samples = np.concatenate(pieces)
    return audio


def collect_until_ended(media: MediaThread, streams: int = 1) -> dict[int, list[SpeechEvent]]:
    """Everything up to the AudioEnded of that many streams."""
    events: dict[int, list[SpeechEvent]] = {}
    deadline = time.monotonic() + WAIT_S
    ended = 0
    while ended < streams:
        assert time.monotonic() < deadline, events
        select.select([media.event_fd], [], [], 1.0)
        for stream_id, event in media.poll():
            events.setdefault(stream_id, []).append(event)
            ended += isinstance(event, AudioEnded)
    return events


def poll_until(media: MediaThread, kind: type[SpeechEvent]) -> list[SpeechEvent]:
    """The events of the one stream, up to the first of that kind and whatever came with it."""
    events: list[SpeechEvent] = []

    def seen() -> bool:
        events.extend(event for _, event in media.poll())
        return any(isinstance(event, kind) for event in events)

    until(seen, kind.__name__)
    return events


def write_all(fd: int, data: bytes) -> None:
    """Blocks until the thread has taken it."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view[:65_536]) :]


def filled_pipe(audio: Samples) -> tuple[int, int]:
    """A pipe that holds all of ``audio`` before anybody reads it: reader and writer.

    Whoever writes while the thread reads may be kept waiting by a busy machine, and audio that stays away for
    100 ms becomes silence (``test_frames_that_stop_become_silence``).
    """
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << max(16, (audio.nbytes - 1).bit_length()))
    os.set_blocking(writer, False)
    assert os.write(writer, audio.tobytes()) == audio.nbytes, "the pipe has to hold it"
    return reader, writer


def is_open(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def test_events_and_audio_are_those_of_the_offline_endpointer(
    model: SileroModel, media: MediaThread, call_audio: Samples
) -> None:
    reader, writer = filled_pipe(call_audio)
    os.close(writer)
    with media.add(reader, 8_000) as stream:
        events = collect_until_ended(media)[stream.id]
        offline = Endpointer(model, 8_000)
        expected = offline.process(call_audio) + offline.finish()
        assert [(type(e), e.position_samples) for e in events[:-1]] == [
            (type(e), e.position_samples) for e in expected
        ]
        assert [e.voiced_ms for e in events if isinstance(e, SpeechPaused | SpeechStopped)] == [
            e.voiced_ms for e in expected if isinstance(e, SpeechPaused | SpeechStopped)
        ]
        assert events[-1].position_samples == len(call_audio)
        start, heard = stream.read(0, len(call_audio))
        assert start == 0
        assert np.array_equal(heard, call_audio)
        assert stream.inserted_samples == stream.overrun_samples == stream.dropped_events == 0
        assert not is_open(reader)


def test_wideband_streams_use_their_own_positions(
    model: SileroModel, media: MediaThread, call_audio: Samples
) -> None:
    wide = resample(call_audio, 8_000, 16_000)
    reader, writer = filled_pipe(wide)
    os.close(writer)
    with media.add(reader, 16_000) as stream:
        assert stream.rate_hz == 16_000
        events = collect_until_ended(media)[stream.id]
        assert np.array_equal(stream.read(0, len(wide))[1], wide)
    offline = Endpointer(model, 8_000)
    expected = offline.process(call_audio) + offline.finish()
    started = [e.position_samples for e in events if isinstance(e, SpeechStarted)]
    assert len(started) == 2
    for ours, narrow in zip(started, [e for e in expected if isinstance(e, SpeechStarted)], strict=True):
        assert abs(ours - 2 * narrow.position_samples) <= 16 * 40


@pytest.mark.parametrize("piece", [1, 7, 321, 4_095])
def test_odd_pieces_make_whole_samples(media: MediaThread, piece: int) -> None:
    reader, writer = os.pipe()
    audio = np.arange(1, 30_001, dtype=np.int16)  # each sample another one, and none is silence
    data = audio.tobytes()[: 3_000 if piece < 100 else 60_000] + b"!"
    with media.add(reader, 8_000) as stream:
        for at in range(0, len(data), piece):
            os.write(writer, data[at : at + piece])
        os.close(writer)
        collect_until_ended(media)
        heard = stream.read(0, 10**9)[1]
    # A busy machine may keep these writes waiting for so long that silence is put between them.
    assert len(heard) == len(data) // 2 + stream.inserted_samples
    assert np.array_equal(heard[heard != 0], audio[: len(data) // 2])


def test_sockets_work_like_pipes(media: MediaThread) -> None:
    ours, theirs = socket.socketpair()
    with media.add(ours.detach(), 8_000) as stream, theirs:
        theirs.sendall(np.arange(500, dtype=np.int16).tobytes())
        until(lambda: stream.written_samples >= 500, "samples from a socket")
        assert np.array_equal(stream.read(100, 200)[1], np.arange(100, 200))


def test_frames_that_stop_become_silence(media: MediaThread, call_audio: Samples) -> None:
    """Asterisk sends nothing during DTX and hold; the pipe stays open."""
    reader, writer = os.pipe()
    phrase = next(iter(load_phrases(SPEECH).values()))
    with media.add(reader, 8_000) as stream:
        begun_ns = time.monotonic_ns()
        write_all(writer, call_audio[: 8_000 + len(phrase.samples)].tobytes())
        events = poll_until(media, SpeechStopped)
        os.close(writer)
        assert isinstance(events[0], SpeechStarted)
        assert abs(events[-1].position_samples - 8_000 - phrase.last_audible) <= 480
        assert stream.inserted_samples > 0
        now_ns = time.monotonic_ns()
        for event in events:
            # All was written within a moment: the newest sample was new then, the rest older by position.
            assert begun_ns - 8_000_000_000 < event.at_ns <= now_ns
        assert all(a.at_ns <= b.at_ns for a, b in itertools.pairwise(events))


def test_a_slow_consumer_loses_the_oldest_and_is_told(media: MediaThread) -> None:
    audio = np.random.default_rng(2).integers(-500, 500, 60_000).astype(np.int16)
    reader, writer = filled_pipe(audio)
    os.close(writer)
    with media.add(reader, 8_000, ring_s=2.0) as stream:
        collect_until_ended(media)
        start, kept = stream.read(0, len(audio))
        assert len(kept) == 16_384
        assert np.array_equal(kept, audio[start:])
        assert stream.overrun_samples == start
        start, kept = stream.read(len(audio) - 10, len(audio) + 10**12)
        assert len(kept) >= 10
        assert len(stream.read(50, 20)[1]) == 0
        assert len(stream.read(10**15, 10**15 + 5)[1]) == 0


def test_many_calls_at_once(model: SileroModel, media: MediaThread, call_audio: Samples) -> None:
    """More than one batch of the network; every call gets its own events."""
    offline = Endpointer(model, 8_000)
    expected = [type(e) for e in offline.process(call_audio) + offline.finish()] + [AudioEnded]
    pipes = [filled_pipe(call_audio) for _ in range(80)]
    for _, writer in pipes:
        os.close(writer)
    streams = [media.add(reader, 8_000) for reader, _ in pipes]
    assert len({stream.id for stream in streams}) == len(streams)
    events = collect_until_ended(media, len(streams))
    for stream in streams:
        assert stream.inserted_samples == 0
        assert [type(e) for e in events[stream.id]] == expected
        stream.close()
    until(lambda: media.stream_count == 0, "all streams given back")


async def test_asyncio_is_woken(media: MediaThread, call_audio: Samples) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    seen: list[SpeechEvent] = []

    def on_ready() -> None:
        seen.extend(event for _, event in media.poll())
        if seen and isinstance(seen[-1], AudioEnded):
            ended.set()

    loop.add_reader(media.event_fd, on_ready)
    reader, writer = os.pipe()
    with media.add(reader, 8_000):
        await asyncio.to_thread(write_all, writer, call_audio.tobytes())
        os.close(writer)
        async with asyncio.timeout(WAIT_S):
            await ended.wait()
    loop.remove_reader(media.event_fd)
    assert media.poll() == []


def test_endpointing_can_change_while_the_call_runs(media: MediaThread, call_audio: Samples) -> None:
    reader, writer = os.pipe()
    with media.add(reader, 8_000, endpointing_ms=60_000) as stream:
        phrase = next(iter(load_phrases(SPEECH).values()))
        write_all(writer, call_audio[: 8_000 + len(phrase.samples) + 4_000].tobytes())
        poll_until(media, SpeechPaused)
        stream.set_endpointing_ms(100)
        poll_until(media, SpeechStopped)
        os.close(writer)


def test_bad_descriptors_and_options_are_refused_and_stay_with_the_caller(
    model: SileroModel, media: MediaThread, tmp_path: Path
) -> None:
    reader, writer = os.pipe()
    with contextlib.closing(os.fdopen(reader, "rb")), contextlib.closing(os.fdopen(writer, "wb")):
        for rate_hz in (0, 44_100, -8_000):
            with pytest.raises(ValueError, match="8000 or 16000"):
                media.add(reader, rate_hz)
        for ring_s in (0.0, -1.0, 1e9, float("inf")):
            with pytest.raises(ValueError, match="2000 to 600000"):
                media.add(reader, 8_000, ring_s=ring_s)
        assert is_open(reader)
    for fd in (-1, 999_999):
        with pytest.raises(OSError, match="audio descriptor") as caught:
            media.add(fd, 8_000)
        assert caught.value.errno == errno.EBADF
    with (
        (tmp_path / "file").open("wb") as file,
        pytest.raises(PermissionError, match="neither a pipe nor a socket"),
    ):
        media.add(file.fileno(), 8_000)
    assert media.stream_count == 0


def test_a_full_thread_says_busy(model: SileroModel) -> None:
    with MediaThread(model, max_streams=1) as media:
        reader, writer = os.pipe()
        stream = media.add(reader, 8_000)
        second, second_writer = os.pipe()
        with pytest.raises(BusyError, match="all 1 audio streams are taken"):
            media.add(second, 8_000)
        assert is_open(second)
        stream.close()
        until(lambda: media.stream_count == 0, "the stream given back")
        media.add(second, 8_000).close()
        os.close(writer)
        os.close(second_writer)


def test_after_stop_what_was_heard_remains(model: SileroModel, call_audio: Samples) -> None:
    media = MediaThread(model)
    reader, writer = filled_pipe(call_audio)
    stream = media.add(reader, 8_000)
    until(lambda: stream.written_samples >= len(call_audio), "all samples")
    media.stop()
    media.stop()
    assert not is_open(reader)
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"xx")
    os.close(writer)
    assert any(isinstance(event, SpeechStopped) for _, event in media.poll())
    assert np.array_equal(stream.read(0, len(call_audio))[1], call_audio)
    assert media.cpu_ns > 0
    second, second_writer = os.pipe()
    with pytest.raises(RuntimeError, match="stopped"):
        media.add(second, 8_000)
    os.close(second)
    os.close(second_writer)
    stream.close()


def test_forgotten_objects_close_themselves(model: SileroModel) -> None:
    """No close(), no stop(), and the stream forgotten last: nothing crashes, nothing stays open."""
    media = MediaThread(model)
    pipes = [os.pipe() for _ in range(3)]
    streams: list[Stream] = [media.add(reader, 8_000) for reader, _ in pipes]
    del streams[0]
    until(partial(lambda fd: not is_open(fd), pipes[0][0]), "the forgotten stream closed")
    del media
    gc.collect()
    assert live_objects()["media_threads"] == 1  # a stream keeps its thread
    del streams
    gc.collect()
    assert not any(is_open(reader) for reader, _ in pipes)
    for _, writer in pipes:
        os.close(writer)


def test_ten_rounds_leave_no_descriptor_and_no_thread(model: SileroModel) -> None:
    def count() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), len(list(Path("/proc/self/task").iterdir()))

    before = count()
    for _ in range(10):
        with MediaThread(model) as media:
            streams = []
            for _ in range(10):
                reader, writer = os.pipe()
                streams.append(media.add(reader, 8_000))
                os.write(writer, b"\1\0" * 800)
                os.close(writer)
    del media, streams
    gc.collect()
    assert count() == before
