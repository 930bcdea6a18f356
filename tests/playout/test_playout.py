"""Playback files: where Asterisk can open them, and gone afterwards."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.core import PlayoutThread
from offhook.errors import ConfigError, PlaybackError
from offhook.playout.folder import PlaybackFolder

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


def test_leftovers_are_told_by_their_lock_whatever_their_number_says(tmp_path: Path) -> None:
    living = PlaybackFolder(tmp_path)
    dead = tmp_path / f"{os.getpid()}-abc"  # a process of that number lives, and is none of them
    foreign = tmp_path / "sounds"
    for folder in (dead, foreign):
        folder.mkdir()
    renamed = living.path.rename(tmp_path / "999999999-abc")  # no such process, and its daemon lives
    second = PlaybackFolder(tmp_path)
    assert not dead.exists()
    assert renamed.exists()
    assert foreign.exists()
    second.close()
    living.close()
    third = PlaybackFolder(tmp_path)
    assert not renamed.exists(), "closed: its lock is gone"
    third.close()


def test_a_folder_that_somebody_removes_is_made_again_for_calls_to_come(
    tmp_path: Path, thread: PlayoutThread, caplog: pytest.LogCaptureFixture
) -> None:
    folder = PlaybackFolder(tmp_path / "base")
    for everything in (True, False):
        shutil.rmtree(tmp_path / "base" if everything else folder.path)
        folder.silence(8_000)
        folder.shelf("call").grow(thread, 8_000).write(np.zeros(160, np.int16))
        other = PlaybackFolder(tmp_path / "base")  # sweeps what nobody holds
        assert folder.path.exists()
        other.close()
    assert caplog.text.count("has been removed; it is made again") == 2
    folder.close()
    with pytest.raises(PlaybackError):
        folder.shelf("call")


def test_a_killed_daemons_folder_is_a_leftover(tmp_path: Path) -> None:
    program = (
        "import os, sys; from offhook.playout.folder import *; PlaybackFolder(Path(sys.argv[1])); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    (left,) = tmp_path.iterdir()
    folder = PlaybackFolder(tmp_path)
    assert not left.exists()
    folder.close()


# --- who may read it -------------------------------------------------------------------------------

ASTERISK = 54_321
"""A group that nobody is in; as root we may give files to it, else our own stands for it."""


@pytest.fixture
def asterisk() -> int:
    return ASTERISK if os.geteuid() == 0 else os.getegid()


@pytest.fixture(params=[0o000, 0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def check_readable_by(group: int, top: Path) -> None:
    """From ``top`` on, the group may enter every folder and read every file."""
    found = [top, *top.rglob("*")]
    assert len(found) >= 5
    for path in found:
        status = path.stat()
        wanted = 0o050 if path.is_dir() else 0o040
        assert status.st_gid == group, path
        assert status.st_mode & wanted == wanted, f"{path}: {status.st_mode:o}"
        assert not status.st_mode & 0o007, f"{path} is nobody else's business"


def fill(folder: PlaybackFolder, thread: PlayoutThread) -> None:
    folder.silence(8_000)
    folder.shelf("call").grow(thread, 8_000).write(np.zeros(160, np.int16))


@pytest.mark.usefixtures("umask")
class TestReaders:
    """Asterisk's group reads whatever is played, under each umask and in each set-up of users."""

    def test_a_folder_that_we_make(self, tmp_path: Path, asterisk: int, thread: PlayoutThread) -> None:
        folder = PlaybackFolder(tmp_path / "a" / "b", group_id=asterisk)
        fill(folder, thread)
        check_readable_by(asterisk, tmp_path / "a")
        folder.close()

    @pytest.mark.parametrize("mode", [0o700, 0o750, 0o2770])
    def test_a_folder_that_is_there(
        self, mode: int, tmp_path: Path, asterisk: int, thread: PlayoutThread
    ) -> None:
        base = tmp_path / "base"
        base.mkdir()
        base.chmod(mode)
        folder = PlaybackFolder(base, group_id=asterisk)
        fill(folder, thread)
        check_readable_by(asterisk, base)
        folder.close()

    def test_a_folder_made_for_asterisks_group_where_no_group_is_named(
        self, tmp_path: Path, asterisk: int, thread: PlayoutThread
    ) -> None:
        base = tmp_path / "base"
        base.mkdir()
        os.chown(base, -1, asterisk)
        base.chmod(0o770)
        folder = PlaybackFolder(base)
        fill(folder, thread)
        check_readable_by(asterisk, base)
        folder.close()

    def test_without_any_group_it_is_our_own(self, tmp_path: Path, thread: PlayoutThread) -> None:
        folder = PlaybackFolder(tmp_path / "base")
        fill(folder, thread)
        check_readable_by(os.getegid(), tmp_path / "base")
        folder.close()

    def test_a_folder_that_everybody_may_enter_stays_as_it_is(self, tmp_path: Path, asterisk: int) -> None:
        base = tmp_path / "shm"
        base.mkdir()
        base.chmod(0o1777)
        folder = PlaybackFolder(base, group_id=asterisk)
        assert base.stat().st_gid == os.getegid()
        assert base.stat().st_mode & 0o7777 == 0o1777
        assert folder.path.stat().st_gid == asterisk
        folder.close()


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
