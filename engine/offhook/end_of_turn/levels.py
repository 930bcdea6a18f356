"""How loud audio is, frame by frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.kernels import frame_powers

LEVEL_MS = 20
"""Of one frame."""
_FULL_SCALE = 32_768.0


def frame_levels(audio: NDArray[np.int16], rate_hz: int) -> NDArray[np.float64]:
    """The level of each whole 20 ms frame of ``[samples]`` int16, counted from the end: ``[frames]`` dBFS."""
    power = frame_powers(audio, LEVEL_MS * rate_hz // 1000)
    return 10 * np.log10(power / _FULL_SCALE**2 + 1e-12)


def is_loud_now(audio: NDArray[np.int16], rate_hz: int) -> bool:
    """Whether the last frame of ``audio`` sounds like the speech before it, rather than like its pauses.

    ``audio`` is the last one or two seconds.  A consonant can begin to be heard before a detector is
    sure of it; this errs towards hearing something.
    """
    levels = frame_levels(audio, rate_hz)
    if len(levels) < 10:
        return False
    speech, pause = np.percentile(levels, (90, 10))
    return any(
        levels[-1] > max(speech - below_db, pause + above_db)
        for below_db, above_db in (FIRST_CONSONANT_DB, SOFT_CONSONANT_DB)
    )


def breaks_off(speech: NDArray[np.int16], behind: NDArray[np.int16], rate_hz: int) -> bool:
    """Whether ``speech`` stops at its full voice, as in a closed mouth, and not as people end.

    ``behind`` is what has come of the pause; both ``[samples]``.  The [p] of "open" is 40 to 150 ms of
    silence that begins within one frame, while the voice of somebody who has finished dies away: its last
    60 ms are quieter than their loud vowels.  Where noise hides the fall nothing is known: then, no.

    Of pauses inside phrases shorter than :data:`~offhook.end_of_turn.wait.SHORTEST_PAUSE_MS`, and of ends
    of phrases, this holds at 8 kHz for: Asterisk's prompts, read by people, in English 55 and 0.4 %, in
    Spanish 63 and 2.8, in French 64 and 2.0, in Italian 55 and 3.5; Piper's voice 42 and 5.  Only voices
    that are put together of pieces end at full loudness, too (espeak-ng 50 and 22 %, flite 82 and 46).
    ``bench/bench_looks.py`` measures it.
    """
    levels, pause = frame_levels(speech, rate_hz), frame_levels(behind, rate_hz)
    if len(levels) < _LAST_FRAMES:
        return False
    loud = np.percentile(levels[levels > levels.max() - FALL_DB], 90)
    if len(pause) and pause.min() > loud - FALL_DB:
        return False
    return bool(levels[-_LAST_FRAMES:].max() > loud - FULL_VOICE_DB)


FALL_DB = 20.0
"""So far below the speaker's level a frame is no speech of theirs, as ``csrc/vad/endpointer.cpp`` has it."""
FULL_VOICE_DB = 4.0
"""A frame so close to the loud ones is at full voice.  With 3 dB half as many ends are taken for closures,
and the looks that are left cost 8 % more; with 5 dB twice as many, and 8 % less."""
_LAST_FRAMES = 3
"""Of 20 ms."""
FIRST_CONSONANT_DB = 18.0, 8.0
"""As a rule it is so much quieter than the loud vowels; noise varies less than this from frame to frame."""
SOFT_CONSONANT_DB = 27.0, 18.0
"""An [f] is quieter still; on a line whose pauses are quiet enough it can be told all the same.

Of 42 pauses inside spoken phrases, 180 ms after they began, the first pair hears the next word coming in 19
and both pairs in 32; 130, 180 and 230 ms after the ends of 66 phrases they hear something in 2 and 3 of 198.
"""
