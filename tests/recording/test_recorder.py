"""Calls as files: what is in them, what they are called, what becomes of them when something fails."""

from __future__ import annotations

import logging
import os
import resource
import stat
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from offhook.config import RecordingConfig
from offhook.errors import ConfigError
from offhook.recording import recorder as recorder_module
from offhook.recording.places import forget_older, forget_recordings, recordings_of
from offhook.recording.recorder import MOST_WAITING_S, Recorder, Recording
from offhook.recording.sound_file import seconds_in
from tests.support.waiting import until

RATE_HZ = 8_000
BEGAN = datetime(2026, 5, 31, 9, 15, 2, tzinfo=UTC)
ID = "1780218902.17"

Make = Callable[..., Recorder]


@pytest.fixture
def make(tmp_path: Path, nothing_keeps_running: None) -> Iterator[Make]:
    """Recorders into one folder; how their recordings went is appended to ``make.ended``."""
    made: list[Recorder] = []

    def recorder(**settings: Any) -> Recorder:
        config = RecordingConfig(folder=tmp_path / "calls", **{"min_free_mb": 0, **settings})
        made.append(Recorder(config, ended.append, now=lambda: BEGAN))
        return made[-1]

    ended: list[str] = []
    recorder.ended = ended  # type: ignore[attr-defined]
    yield recorder
    for each in made:
        each.close()


def sound(seconds: float = 2.5) -> NDArray[np.int16]:
    """A tone for the caller, another for us."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    left, right = np.sin(2 * np.pi * 440 * at), np.sin(2 * np.pi * 1_000 * at)
    return (np.stack([left, right], axis=1) * 8_000).astype(np.int16)


def record(recorder: Recorder, audio: NDArray[np.int16], whose: str = "leeds", call: str = ID) -> Recording:
    recording = recorder.begin(call, whose, RATE_HZ)
    for start in range(0, len(audio), 744):
        recording.write(audio[start : start + 744])
    recording.end()
    recording.end()
    recorder.close()
    return recording


@pytest.mark.parametrize("format_", ["wav", "flac", "opus"])
def test_both_sides_are_in_one_file_of_the_tenant(make: Make, tmp_path: Path, format_: str) -> None:
    old = os.umask(0o077)
    try:
        recording = record(make(format=format_), sound())
    finally:
        os.umask(old)
    assert recording.path == tmp_path / f"calls/leeds/2026-05-31/091502-{ID}.{format_}"
    assert stat.S_IMODE(recording.path.stat().st_mode) == 0o640
    for folder in recording.path.parents[:3]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o750, folder
    heard, rate = soundfile.read(recording.path, dtype="int16")
    assert (rate, heard.shape) == (RATE_HZ, sound().shape)
    assert seconds_in(recording.path) == pytest.approx(2.5)
    if format_ != "opus":
        np.testing.assert_array_equal(heard, sound())
    for side, hz in enumerate((440, 1_000)):
        spectrum = np.abs(np.fft.rfft(heard[RATE_HZ : 2 * RATE_HZ, side].astype(float)))
        assert spectrum.argmax() == hz
    assert [path.name for path in recording.path.parent.iterdir()] == [recording.path.name], "nothing else"
    assert make.ended == ["kept"]  # type: ignore[attr-defined]


def test_a_file_has_its_name_once_it_is_whole_and_can_be_read_before(make: Make) -> None:
    recorder = make()
    recording = recorder.begin(ID, "leeds", RATE_HZ)
    recording.write(sound(3.0))
    part = recording.path.with_name(f".{recording.path.name}.part")
    until(lambda: part.exists() and seconds_in_wav(part) == 3.0, "it is being written")
    assert not recording.path.exists()
    recording.end()
    recorder.close()
    assert recording.path.exists()
    assert not part.exists()


def seconds_in_wav(path: Path) -> float:
    with open(path, "rb") as file:
        return float(soundfile.info(file).duration) if path.stat().st_size > 44 else 0.0


def test_two_recordings_of_one_second_and_odd_ids_are_kept_apart(make: Make, tmp_path: Path) -> None:
    outside = "../../etc/x y\u00e4"
    for call in (ID, ID, outside):
        record(make(), sound(0.2), call=call)
    names = sorted(path.name for path in (tmp_path / "calls/leeds/2026-05-31").iterdir())
    assert names == [f"091502-.._.._etc_x_y_.wav", f"091502-{ID}-2.wav", f"091502-{ID}.wav"]  # noqa: F541
    assert len(recordings_of([tmp_path / "calls"], [ID])) == 2
    assert len(recordings_of([tmp_path / "calls"], [outside])) == 1
    assert recordings_of([tmp_path / "calls"], [ID[:-1], "", "80218902.17"]) == []


@pytest.mark.parametrize("format_", ["wav", "flac"])
def test_a_disk_that_is_full_ends_the_recording_and_keeps_what_there_is(
    make: Make, caplog: pytest.LogCaptureFixture, format_: str
) -> None:
    """The system's own refusal: a file may not become larger than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder = make(format=format_)
    random = np.random.default_rng(1)
    noise = random.integers(-20_000, 20_000, (20 * RATE_HZ, 2)).astype(np.int16)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        recording = record(recorder, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (line,) = [record_.getMessage() for record_ in caplog.records if record_.levelno >= logging.ERROR]
    assert f"call={ID} is not recorded any more, and goes on" in line
    assert not recording.going_on
    heard, _ = soundfile.read(recording.path, 3 * RATE_HZ, dtype="int16")
    np.testing.assert_array_equal(heard, noise[: 3 * RATE_HZ])
    seconds = seconds_in(recording.path)
    assert seconds is None or 5.0 < seconds < 6.25, "FLAC says how much there is once it is finished"
    assert make.ended == ["cut"]  # type: ignore[attr-defined]


def test_without_room_nothing_is_recorded(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    record(make(min_free_mb=10**9), sound())
    assert "less than 1000000000 MB are free (recording.min_free_mb)" in caplog.text
    assert not [path for path in (tmp_path / "calls").rglob("*") if path.is_file()]
    assert make.ended == ["failed"]  # type: ignore[attr-defined]


def test_a_disk_that_hangs_ends_the_recording_and_nobody_waits(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, hangs = make(), threading.Event()

    def hang() -> None:
        hangs.wait()

    recorder._work.put(hang)
    recording = recorder.begin(ID, "leeds", RATE_HZ)
    second = sound(1.0)
    for _ in range(MOST_WAITING_S + 5):
        recording.write(second)
    assert not recording.going_on
    assert f"the disk is more than {MOST_WAITING_S} s behind" in caplog.text
    assert caplog.text.count("is not recorded any more") == 1
    recording.end()
    monkeypatch.setattr(recorder_module, "_CLOSE_S", 0.01)
    recorder.close()
    assert "does not answer" in caplog.text
    hangs.set()


def test_what_a_daemon_left_that_died_is_kept_and_what_another_writes_is_left_alone(
    make: Make, tmp_path: Path
) -> None:
    alive = make()
    going_on = alive.begin("9.9", "leeds", RATE_HZ)
    going_on.write(sound(1.0))
    folder = tmp_path / "calls/leeds/2026-05-31"
    living = folder / ".091502-9.9.wav.part"
    until(living.exists, "it is being written")
    record(make(), sound(1.0), call="1.1")
    dead = folder / ".091502-1.1.wav.part"
    (folder / "091502-1.1.wav").rename(dead)
    make().close()
    assert living.exists()
    assert not dead.exists()
    going_on.end()
    assert seconds_in(folder / "091502-1.1.wav") == 1.0


def test_what_is_erased_while_it_is_written_stays_erased(make: Make, tmp_path: Path) -> None:
    recorder, folders = make(), [tmp_path / "calls"]
    recording = recorder.begin(ID, "leeds", RATE_HZ)
    recording.write(sound(1.0))
    until(lambda: forget_recordings(folders, [ID]) == 1, "it is erased")
    recording.write(sound(1.0))
    recording.end()
    recorder.close()
    assert recordings_of(folders, [ID]) == []


def test_what_is_old_is_deleted_with_its_folder(make: Make, tmp_path: Path) -> None:
    folder = tmp_path / "calls/leeds"
    old, new = record(make(), sound(0.2)).path, folder / "2026-06-20/100000-2.2.wav"
    new.parent.mkdir()
    new.touch()
    now = BEGAN + timedelta(days=31)
    for path, at in ((old, BEGAN), (old.parent, BEGAN), (new, now)):
        os.utime(path, (at.timestamp(), at.timestamp()))
    assert forget_older(folder, 30, now) == 1
    assert not old.exists()
    assert new.exists()
    assert forget_older(tmp_path / "nowhere", 30, now) == 0


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(ConfigError, match=r"recording\.folder .*file/calls: "):
        Recorder(RecordingConfig(folder=file / "calls"))
