"""Playback files: where Asterisk can open them, and gone afterwards."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from offhook.errors import ConfigError, PlaybackError
from offhook.playout import PlaybackFolder


def test_a_clip_is_raw_slin_under_its_rates_extension(tmp_path: Path) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    audio = np.arange(-80, 80, dtype=np.int16)
    narrow, wide = shelf.put(audio, 8_000), shelf.put(audio, 16_000)
    assert narrow.file.suffix == ".sln"
    assert wide.file.suffix == ".sln16"
    assert narrow.name == str(narrow.file)[: -len(".sln")]
    assert narrow.duration_ms == 20
    assert wide.duration_ms == 10
    np.testing.assert_array_equal(np.fromfile(narrow.file, "<i2"), audio)


def test_dropping_and_closing_remove_files(tmp_path: Path) -> None:
    folder = PlaybackFolder(tmp_path)
    shelf = folder.shelf("call")
    first, second = (shelf.put(np.zeros(160, np.int16), 8_000) for _ in range(2))
    shelf.drop(first)
    shelf.drop(first)
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


def test_a_folder_that_vanished_is_a_playback_error(tmp_path: Path) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    shelf.close()
    with pytest.raises(PlaybackError, match="cannot write"):
        shelf.put(np.zeros(160, np.int16), 8_000)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_leaves_no_half_clip(tmp_path: Path) -> None:
    shelf = PlaybackFolder(tmp_path).shelf("call")
    (shelf.folder / "1.sln").symlink_to("/dev/full")
    with pytest.raises(PlaybackError, match="No space left"):
        shelf.put(np.zeros(160, np.int16), 8_000)
    assert list(shelf.folder.iterdir()) == []
