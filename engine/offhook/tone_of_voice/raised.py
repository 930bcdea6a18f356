"""Whether somebody speaks clearly louder, higher or faster than they did at first.

Of one caller with themselves: how loud a line is, which voice somebody has and how fast they talk by nature
are in both sides of the comparison, and cancel.  No single one of the three is enough, because each alone has
other reasons: a telephone taken off the loudspeaker is louder, a question is higher, a number that one knows
by heart is faster.  Anger that can be heard is mostly all of them (Banse and Scherer, Acoustic profiles in
vocal emotion expression, 1996; Juslin and Laukka, Communication of emotions in vocal expression, 2003).

There were no recordings of angry people to try this on.  What is known is how often it is wrong: the scales
are how much readers vary who are not angry, and :data:`RAISED` lies where one of a hundred of their sentences
passes it (``bench/bench_tone.py``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from offhook.tone_of_voice.tone import Tone

FIRST = 3
"""Utterances from which is known how somebody speaks ..."""
FIRST_MS = 1_500
"""... of which so much has to be voiced, all together."""
LEVEL_DB, PITCH_SEMITONES, RATE_LOG = 2.5, 2.0, 0.22
"""One step of each: how much a sentence differs from three others of the same reader (standard deviation of
the most lively of the readers)."""
MOST_STEPS, LEAST_STEPS = 2.0, -1.0
"""What one of the three counts at most, so that none is enough; and takes away at most."""
RAISED = 3.75
"""Steps, all together."""
OCTAVE_SEMITONES = 9.0
"""Who is so much higher was measured an octave off."""
NOISE_DB, NOISE_BELOW_DB = 6.0, 25.0
"""Where it has become so much noisier around them, and the noise is no further below their voice than that,
people speak up to be heard (Lombard): then nothing is known."""


class Change(NamedTuple):
    """Since the caller's first turns; 0: none, or not known."""

    louder_db: float
    higher_semitones: float
    faster: float
    """0.25: a quarter more syllables in the same time."""

    @property
    def steps(self) -> float:
        """How unusual it is for somebody who is calm."""
        each = (
            self.louder_db / LEVEL_DB,
            self.higher_semitones / PITCH_SEMITONES,
            math.log1p(self.faster) / RATE_LOG,
        )
        return sum(min(MOST_STEPS, max(LEAST_STEPS, steps)) for steps in each)


def change(first: Sequence[Tone], now: Tone) -> Change | None:
    """``first``: the caller's turns before, in order; the first few count.  None: nothing can be told."""
    first = first[:FIRST]
    if sum(each.voiced_ms for each in first) < FIRST_MS:
        return None
    level_db = _middle([each.level_db for each in first])
    noise_db = _middle([each.noise_db for each in first])
    if now.noise_db > max(noise_db + NOISE_DB, level_db - NOISE_BELOW_DB):
        return None
    higher = now.pitch_semitones - _middle([each.pitch_semitones for each in first])
    if abs(higher) > OCTAVE_SEMITONES:
        higher -= math.copysign(12, higher)
    rates = [each.syllables_per_s for each in first if each.syllables_per_s]
    faster = now.syllables_per_s / _middle(rates) - 1 if rates and now.syllables_per_s else 0.0
    return Change(now.level_db - level_db, higher, faster)


def is_raised(changed: Change | None) -> bool:
    """Whether the caller's voice is clearly raised."""
    return changed is not None and changed.steps >= RAISED


def _middle(values: Sequence[float]) -> float:
    return float(np.median(values))
