"""Playback files: where Asterisk can open them, and gone afterwards."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.core import PlayoutThread
from offhook.errors import ConfigError, PlaybackError
from offhook.playout import PlaybackFolder

MS = 1_000_000


@pytest.fixture
def thread() -> Iterator[PlayoutThread]:
    with PlayoutThread() as running:
        yield running


def test_a_clip_is_raw_slin_under_its_rates_extension(tmp_path: Path, thread: PlayoutThread) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    audio = np.arange(-80, 80, dtype=np.int16)
    narrow, wide = shelf.grow(thread, 8_000), shelf.grow(thread, 16_000)
    assert narrow.file.suffix == ".sln"
    assert wide.file.suffix == ".sln16"
    assert narrow.name == str(narrow.file)[: -len(".sln")]
    narrow.write(audio)
    np.testing.assert_array_equal(np.fromfile(narrow.file, "<i2"), audio)


def test_dropping_and_closing_remove_files(tmp_path: Path, thread: PlayoutThread) -> None:
    folder = PlaybackFolder(tmp_path)
    shelf = folder.shelf("call")
    first, second = (shelf.grow(thread, 8_000) for _ in range(2))
    first.drop()
    first.drop()
    assert not first.file.exists()
    shelf.close()
    assert not second.file.exists()
    folder.close()
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_dead_daemons_are_swept_and_living_ones_kept(tmp_path: Path) -> None:
    finished = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    dead = tmp_path / f"{finished.stdout.strip()}-abc"
    living = tmp_path / f"{os.getppid()}-abc"
    foreign = tmp_path / "sounds"
    for folder in (dead, living, foreign):
        folder.mkdir()
    PlaybackFolder(tmp_path)
    assert not dead.exists()
    assert living.exists()
    assert foreign.exists()


def test_an_unusable_folder_is_one_clear_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ConfigError, match=r"daemon.playback_dir .* cannot be written"):
        PlaybackFolder(blocked / "below")


def test_a_folder_that_vanished_is_a_playback_error(tmp_path: Path, thread: PlayoutThread) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    shelf.close()
    with pytest.raises(PlaybackError, match="cannot write"):
        shelf.grow(thread, 8_000)


def test_a_clip_knows_when_it_is_over(tmp_path: Path, thread: PlayoutThread) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    clip = shelf.grow(thread, 16_000)
    audio = np.arange(1, 16_001).astype(np.int16)
    clip.write(audio)
    start_ns = time.monotonic_ns() + 3_600_000 * MS  # later than the thread has anything to do for it
    clip.start(start_ns)
    assert clip.position(start_ns + 500 * MS) == 8_000
    assert not clip.over(start_ns + 2_000 * MS), "more may come"
    clip.finish()
    assert not clip.over(start_ns + 999 * MS)
    assert clip.over(start_ns + 1_000 * MS)
    clip.stop(start_ns + 500 * MS)
    assert clip.offset_samples(clip.position(start_ns + 600 * MS)) == 8_000
    clip.drop()
    clip.drop()
    assert not clip.file.exists()
    assert (clip.written_samples, clip.padded_samples, clip.underruns) == (16_000, 0, 0)
    np.testing.assert_array_equal(clip.content(100, 200), audio[100:200])
    np.testing.assert_array_equal(clip.played(start_ns + 100 * MS, start_ns + 110 * MS), audio[1600:1760])


def test_a_growing_clips_troubles_are_playback_errors(tmp_path: Path, thread: PlayoutThread) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    if Path("/dev/full").exists():
        (shelf.folder / "1.sln").symlink_to("/dev/full")
        clip = shelf.grow(thread, 8_000)
        assert clip.failed is None
        with pytest.raises(PlaybackError, match=r"cannot write .*1\.sln: No space left"):
            clip.write(np.zeros(160, np.int16))
        assert clip.failed == os.strerror(errno.ENOSPC)
        with pytest.raises(PlaybackError, match="No space left"):
            clip.finish()
        clip.drop()
    shelf.close()
    with pytest.raises(PlaybackError, match="No such file"):
        shelf.grow(thread, 8_000)


def test_silence_is_one_sparse_file_for_everybody(tmp_path: Path) -> None:
    folder = PlaybackFolder(tmp_path)
    for rate_hz, extension in ((8_000, ".sln"), (16_000, ".sln16")):
        silence, again = folder.silence(rate_hz), folder.silence(rate_hz)
        assert silence == again
        assert silence.file.suffix == extension
        assert silence.duration_ms == 3_600_000
        status = silence.file.stat()
        assert status.st_size == 2 * 3_600 * rate_hz
        assert status.st_blocks * 512 < 64 * 1024
    folder.close()
    with pytest.raises(PlaybackError, match="cannot write"):
        folder.silence(8_000)
