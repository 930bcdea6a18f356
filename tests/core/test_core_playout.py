"""The playout thread from Python: real files, real time only where the thread itself is the matter."""

from __future__ import annotations

import errno
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.core import PlayoutFile, PlayoutThread, live_objects
from tests.support.lives import check_all_freed
from tests.support.waiting import eventually

MS = 1_000_000
PER_MS = 8


@pytest.fixture
def thread() -> Iterator[PlayoutThread]:
    with PlayoutThread() as running:
        yield running
    del running


@pytest.fixture(autouse=True)
def everything_is_freed(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test no native object may be left."""
    yield
    check_all_freed(request, "playout_files", "playout_threads")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "1.sln"


def counting(samples: int, first: int = 1) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(first, first + samples).astype(np.int16)


def later_ns() -> int:
    """An hour from now: the thread has nothing to do for what begins then, however slow the machine."""
    return time.monotonic_ns() + 3_600 * 1_000 * MS


def on_disk(path: Path) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.fromfile(path, np.int16)


def test_content_lies_on_disk_at_once(thread: PlayoutThread, path: Path) -> None:
    with thread.open(path, 8_000) as file:
        file.write(counting(800))
        np.testing.assert_array_equal(on_disk(path), counting(800))
        file.write(np.repeat(counting(80, 801), 2)[::2])  # not contiguous
        file.write(np.zeros(0, np.int16))
        file.finish()
        np.testing.assert_array_equal(on_disk(path), np.append(counting(880), np.zeros(80)))
        assert (file.rate_hz, file.written_samples, file.file_samples) == (8_000, 880, 960)
        assert (file.underruns, file.padded_samples) == (0, 0)
        assert file.finished
        assert not file.playing
        with pytest.raises(ValueError, match="finished"):
            file.write(counting(1))
        np.testing.assert_array_equal(file.content(-5, 10), counting(10))
        np.testing.assert_array_equal(file.content(870, 10**15), counting(10, 871))
        assert len(file.content(5, 2)) == 0
    assert path.exists()


async def test_a_dry_file_is_kept_ahead_and_an_idle_thread_sleeps(thread: PlayoutThread, path: Path) -> None:
    file = thread.open(path, 8_000, lead_ms=40)
    file.write(counting(800))
    idle = thread.rounds
    file.start(time.monotonic_ns())
    assert file.playing
    assert thread.playing_count == 1
    await eventually(lambda: file.padded_samples >= 200 * PER_MS, "200 ms of silence")
    file.write(counting(800, 801))
    file.finish()
    await eventually(lambda: thread.playing_count == 0, "the thread lets go of a finished file")
    assert file.underruns == 1
    silence = np.zeros(file.padded_samples)
    np.testing.assert_array_equal(on_disk(path), np.concatenate([counting(800), silence, counting(800, 801)]))
    # One round for the start, one for each frame at most, and one to let go.
    assert idle < thread.rounds <= idle + 3 + file.padded_samples // 160
    file.close()


def test_what_was_in_the_air_and_where_it_was_cut(thread: PlayoutThread, path: Path) -> None:
    file = thread.open(path, 8_000)
    file.write(counting(8_000))
    start_ns = later_ns()
    file.start(start_ns)
    file.stop(start_ns + 500 * MS)
    assert file.position(start_ns + 900 * MS) == 4_000
    assert file.position(start_ns - 1) == 0
    air = file.played(start_ns - 10 * MS, start_ns + 510 * MS)
    np.testing.assert_array_equal(air, np.concatenate([np.zeros(80), counting(4_000), np.zeros(80)]))
    file.start(start_ns + 600 * MS, file.file_position(3_000))
    assert file.position(start_ns + 610 * MS) == 3_080
    air = file.played(start_ns + 600 * MS, start_ns + 700 * MS)
    np.testing.assert_array_equal(air, counting(800, 3_001))
    assert len(file.played(start_ns, start_ns - 5)) == 0


def test_wide_audio_counts_in_its_own_samples(thread: PlayoutThread, path: Path) -> None:
    file = thread.open(path, 16_000)
    file.write(counting(16_000))
    start_ns = later_ns()
    file.start(start_ns)
    file.stop(start_ns + 100 * MS)
    assert file.position(start_ns + 195 * MS) == 1_600
    np.testing.assert_array_equal(file.played(start_ns + 50 * MS, start_ns + 60 * MS), counting(160, 801))


def test_arguments_are_checked(thread: PlayoutThread, path: Path) -> None:
    for rate_hz, lead_ms in ((11_025, 60), (8_000, 10), (8_000, 2_000), (-1, 60)):
        with pytest.raises(ValueError, match="it can be"):
            thread.open(path, rate_hz, lead_ms=lead_ms)
    file = thread.open(path, 8_000)
    with pytest.raises(TypeError):
        file.write(np.zeros(10, np.float32))
    with pytest.raises(ValueError, match="one-dimensional"):
        file.write(np.zeros((2, 5), np.int16))
    with pytest.raises(ValueError, match="120 s long"):
        file.write(np.zeros(121 * 8_000, np.int16))
    with pytest.raises(ValueError, match="offset_samples"):
        file.start(1, 5)
    with pytest.raises(ValueError, match="negative"):
        file.start(-1)
    with pytest.raises(ValueError, match="600 s"):
        file.played(0, 2**62)
    file.start(1)
    with pytest.raises(ValueError, match="plays already"):
        file.start(1)


def test_a_full_disk_is_remembered(thread: PlayoutThread, path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        thread.open(path / "below", 8_000)
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    path.symlink_to("/dev/full")
    file = thread.open(path, 8_000)
    assert file.write_errno == 0
    file.start(time.monotonic_ns())  # the silence that it needs does not fit
    assert file.write_errno == errno.ENOSPC
    for _ in range(2):
        with pytest.raises(OSError, match="No space left") as full:
            file.write(counting(100))
        assert full.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="No space left"):
        file.finish()
    assert (file.written_samples, file.padded_samples) == (0, 0)


def test_closed_stopped_and_forgotten(thread: PlayoutThread, path: Path) -> None:
    file = thread.open(path, 8_000)
    file.write(counting(800))
    file.close()
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.write(counting(1))
    with pytest.raises(ValueError, match="closed"):
        file.start(1)
    assert len(file.content(0, 800)) == 800
    playing = thread.open(path, 8_000)
    playing.start(time.monotonic_ns())
    thread.stop()
    thread.stop()
    playing.write(counting(10))
    playing.stop(time.monotonic_ns())
    with pytest.raises(RuntimeError, match="stopped"):
        playing.start(time.monotonic_ns())


async def test_a_forgotten_file_leaves_the_thread(thread: PlayoutThread, path: Path) -> None:
    file: PlayoutFile | None = thread.open(path, 8_000)
    assert file is not None
    file.start(time.monotonic_ns())
    file = None
    gc.collect()
    await eventually(lambda: thread.playing_count == 0, "nobody plays it any more")
    assert live_objects()["playout_files"] == 0


async def test_voices_write_while_calls_ask(thread: PlayoutThread, tmp_path: Path) -> None:
    files = [thread.open(tmp_path / f"{number}.sln", 8_000) for number in range(4)]

    def speak(file: PlayoutFile) -> None:
        for block in range(100):
            file.write(counting(160, 1 + 160 * block))
        file.finish()

    start_ns = time.monotonic_ns()
    for file in files:
        file.start(start_ns)
    voices = [threading.Thread(target=speak, args=(file,)) for file in files]
    for voice in voices:
        voice.start()
    while any(voice.is_alive() for voice in voices):
        for file in files:
            assert 0 <= file.position(time.monotonic_ns()) <= file.written_samples
            file.played(start_ns, start_ns + 100 * MS)
    for number, file in enumerate(files):
        np.testing.assert_array_equal(file.content(0, 16_000), counting(16_000))
        disk = on_disk(tmp_path / f"{number}.sln")
        np.testing.assert_array_equal(disk[disk != 0], counting(16_000))
        assert len(disk) == file.file_samples
        file.close()
