"""How loud audio is, and whether its last frame sounds like speech."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.end_of_turn.levels import LEVEL_MS, breaks_off, frame_levels, is_loud_now

RATE_HZ = 8_000
FRAME = LEVEL_MS * RATE_HZ // 1000


def at_levels(*levels_db: float) -> NDArray[np.int16]:
    """A square wave for each 20 ms: its level is exact."""
    signs = np.tile([1.0, -1.0], FRAME // 2)
    return np.concatenate([np.round(signs * 32_768 * 10 ** (db / 20)) for db in levels_db]).astype(np.int16)


def test_levels_are_those_of_whole_frames_from_the_end() -> None:
    audio = np.concatenate([np.full(7, 9_999, np.int16), at_levels(-20, -50)])
    assert frame_levels(audio, RATE_HZ) == pytest.approx([-20, -50], abs=0.2)
    assert len(frame_levels(audio[:5], RATE_HZ)) == 0


@pytest.mark.parametrize(
    ("now_db", "pause_db", "loud"),
    [
        pytest.param(-20, -60, True, id="a vowel"),
        pytest.param(-30, -60, True, id="a first consonant"),
        pytest.param(-30, -45, True, id="a first consonant in some noise"),
        pytest.param(-38, -60, True, id="a soft consonant on a quiet line"),
        pytest.param(-38, -50, False, id="as soft in some noise"),
        pytest.param(-45, -70, False, id="the last of a room's tail"),
        pytest.param(-60, -60, False, id="a pause"),
        pytest.param(-30, -34, False, id="noise"),
    ],
)
def test_what_is_loud_now(now_db: float, pause_db: float, loud: bool) -> None:
    before = [-15.0] * 30 + [pause_db] * 20
    assert is_loud_now(at_levels(*before, now_db), RATE_HZ) is loud


def test_too_little_audio_is_not_loud() -> None:
    assert not is_loud_now(at_levels(*[-20] * 9), RATE_HZ)


@pytest.mark.parametrize(
    ("last_db", "pause_db", "breaks"),
    [
        pytest.param([-15, -15, -15], [-60, -60], True, id="a closed mouth"),
        pytest.param([-18, -15, -17], [], True, id="of which nothing has come yet"),
        pytest.param([-20, -25, -30], [-60, -60], False, id="a voice that dies away"),
        pytest.param([-20, -25, -30], [-60, -16], False, id="with a click behind it"),
        pytest.param([-15, -15, -15], [-33, -32], False, id="in noise"),
        pytest.param([-15, -30, -20], [-60, -60], True, id="a soft sound just before"),
    ],
)
def test_where_a_voice_breaks_off(last_db: list[float], pause_db: list[float], breaks: bool) -> None:
    speech = at_levels(*[-60.0] * 10, *[-15.0, -22.0] * 15, *last_db)
    behind = at_levels(*pause_db) if pause_db else np.zeros(0, np.int16)
    assert breaks_off(speech, behind, RATE_HZ) is breaks


def test_too_little_audio_does_not_break_off() -> None:
    assert not breaks_off(at_levels(-20, -20), at_levels(-60), RATE_HZ)
