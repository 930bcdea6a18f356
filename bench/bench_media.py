"""Calls of audio and voice-activity detection that one core can carry, and where the detector's events lie.

Throughput: N pipes are fed with real speech (a different part of the recordings for each) as fast as the
media thread takes it; ``audio_s_per_cpu_s`` in extra_info is seconds of caller audio per second
of the thread's own CPU time, so the feeding does not count, and a busy machine shows in the wall time only.
A call is one audio second per second: the figure is calls per core.  The events found are
compared with the offline detector's.

Accuracy: lags on two human voices, in ms of audio; tests/support/endpoints.py tells how truth is found.
"""

from __future__ import annotations

import os
import select
import threading
import time
from functools import cache
from typing import Any

import numpy as np
import pytest

from offhook.core import Endpointer, MediaThread, SileroModel
from offhook.events import AudioEnded, SpeechEvent, SpeechStarted
from tests.support.audio.audio import Samples
from tests.support.endpoints import Lags, add_noise, human_voice, listen, measure, true_spans

RATE_HZ = 8_000
SECONDS = 12
"""Of audio for each call."""
CHUNK = 160 * 2
"""One frame for each call in turn, as Asterisk would write them."""
VOICES = ("two_cities", "endgame_nagg_nell")

Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""


@pytest.fixture(scope="module")
def model() -> SileroModel:
    return SileroModel()


@cache
def caller(index: int) -> Samples:
    """What one caller says: speech, or mostly silence for every second one (they listen half of the time)."""
    voice = human_voice(VOICES[index % 2])
    length = SECONDS * RATE_HZ
    start = (index * 31_337) % (len(voice) - length)
    audio = voice[start : start + length].copy()
    rng = np.random.default_rng(index)
    if index % 2:
        audio[length // 3 :] = 0
    noisy: Samples = np.clip(audio + rng.normal(0, 12, length), -32_768, 32_767).astype(np.int16)
    return noisy


def feed(writers: list[int], calls: list[bytes]) -> None:
    for at in range(0, len(calls[0]), CHUNK):
        for writer, data in zip(writers, calls, strict=True):
            os.write(writer, data[at : at + CHUNK])
    for writer in writers:
        os.close(writer)


@pytest.mark.parametrize("calls", [1, 16, 64, 256])
def test_calls_per_core(benchmark: Benchmark, model: SileroModel, calls: int) -> None:
    callers = [caller(index) for index in range(calls)]
    data = [audio.tobytes() for audio in callers]
    cpu_s: list[float] = []
    skipped: list[float] = []
    found: dict[int, list[SpeechEvent]] = {}

    def once() -> None:
        with MediaThread(model) as media:
            pipes = [os.pipe() for _ in range(calls)]
            streams = [media.add(reader, RATE_HZ) for reader, _ in pipes]
            feeder = threading.Thread(target=feed, args=([writer for _, writer in pipes], data))
            feeder.start()
            events: dict[int, list[SpeechEvent]] = {stream.id: [] for stream in streams}
            ended = 0
            while ended < calls:
                select.select([media.event_fd], [], [], 10.0)
                for stream_id, event in media.poll():
                    events[stream_id].append(event)
                    ended += isinstance(event, AudioEnded)
            feeder.join()
            cpu_s.append(media.cpu_ns / 1e9)
            windows = sum(stream.windows_run + stream.windows_skipped for stream in streams)
            skipped.append(sum(stream.windows_skipped for stream in streams) / windows)
            found.clear()
            for index, stream in enumerate(streams):
                assert stream.dropped_events == 0
                if stream.inserted_samples == 0:  # a feeder kept waiting looks like DTX
                    found[index] = events[stream.id]

    benchmark.pedantic(once, rounds=3, warmup_rounds=0)
    assert len(found) >= calls // 2
    for index in list(found)[:8]:
        offline = Endpointer(model, RATE_HZ)
        expected = offline.process(callers[index]) + offline.finish()
        assert any(isinstance(event, SpeechStarted) for event in expected)
        assert [(type(e), e.position_samples) for e in found[index][:-1]] == [
            (type(e), e.position_samples) for e in expected
        ]
    audio_s = calls * SECONDS
    benchmark.extra_info["audio_s_per_cpu_s"] = round(audio_s / float(np.median(cpu_s)), 1)
    benchmark.extra_info["cpu_us_per_window"] = round(float(np.median(cpu_s)) * 1e6 / (audio_s / 0.032), 2)
    benchmark.extra_info["windows_skipped"] = round(float(np.median(skipped)), 3)
    print(f"\n{calls} calls: {benchmark.extra_info}")


def feed_in_real_time(writers: list[int], calls: list[bytes], waited: list[float]) -> None:
    """Every 20 ms one frame for each call, spread over the 20 ms as callers' clocks are."""
    begin_ns = time.monotonic_ns()
    frames = len(calls[0]) // CHUNK
    groups = 10
    for tick in range(frames * groups):
        due_s = (begin_ns + tick * 20_000_000 // groups - time.monotonic_ns()) / 1e9
        if due_s > 0:
            time.sleep(due_s)
        else:
            waited.append(-due_s)
        frame, group = divmod(tick, groups)
        for index in range(group, len(writers), groups):
            os.write(writers[index], calls[index][frame * CHUNK : (frame + 1) * CHUNK])
    for writer in writers:
        os.close(writer)


def test_calls_per_core_in_real_time(benchmark: Benchmark, model: SileroModel) -> None:
    """The honest figure: every frame wakes the thread and is read alone, as on a real system."""
    calls, seconds = 200, 6
    callers = [caller(index)[: seconds * RATE_HZ] for index in range(calls)]
    data = [audio.tobytes() for audio in callers]
    late_s: list[float] = []
    result: dict[str, float] = {}

    def once() -> None:
        with MediaThread(model) as media:
            pipes = [os.pipe() for _ in range(calls)]
            streams = [media.add(reader, RATE_HZ) for reader, _ in pipes]
            before_ns = media.cpu_ns
            feeder = threading.Thread(
                target=feed_in_real_time, args=([writer for _, writer in pipes], data, late_s)
            )
            feeder.start()
            ended = started = 0
            while ended < calls:
                select.select([media.event_fd], [], [], 10.0)
                for _, event in media.poll():
                    ended += isinstance(event, AudioEnded)
                    started += isinstance(event, SpeechStarted)
            feeder.join()
            result["cpu_s"] = (media.cpu_ns - before_ns) / 1e9
            assert started >= calls // 2
            for stream, audio in zip(streams, callers, strict=True):
                if stream.inserted_samples == 0:
                    assert np.array_equal(stream.read(0, len(audio))[1], audio)

    benchmark.pedantic(once, rounds=1)
    benchmark.extra_info["calls_per_core"] = round(calls * seconds / result["cpu_s"], 1)
    benchmark.extra_info["feeder_late_ms_max"] = round(max(late_s, default=0.0) * 1e3, 1)
    print(f"\n{calls} calls in real time: {benchmark.extra_info}")


@pytest.mark.parametrize("snr_db", [None, 20.0, 15.0, 10.0])
def test_endpoint_lags(benchmark: Benchmark, model: SileroModel, snr_db: float | None) -> None:
    material = []
    for name in VOICES:
        clean = human_voice(name)
        spans, power = true_spans(model, clean)
        material.append((spans, clean if snr_db is None else add_noise(clean, power, snr_db)))

    def once() -> Lags:
        total = Lags()
        for spans, audio in material:
            total.add(measure(spans, len(audio), listen(Endpointer(model, RATE_HZ), audio)))
        return total

    lags = benchmark.pedantic(once, rounds=1)
    assert len(lags.end_error) >= 30
    assert lags.missed <= 4
    for name in ("end_error", "pause_lag", "stop_lag", "onset_error", "onset_lag"):
        values = getattr(lags, name)
        benchmark.extra_info[f"{name}_ms_p10_p50_p90"] = [
            round(v) for v in np.percentile(values, [10, 50, 90])
        ]
    benchmark.extra_info["missed"] = lags.missed
    benchmark.extra_info["wrong_pauses_per_minute"] = round(
        lags.wrong_pauses * 60 * RATE_HZ / sum(len(audio) for _, audio in material), 1
    )
    print(f"\nSNR {snr_db}: {benchmark.extra_info}")
