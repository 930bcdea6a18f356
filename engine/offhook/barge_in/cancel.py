"""The caller's audio without our own voice in it, for whoever recognises the words.

Not a real-time echo canceller: the whole utterance and everything we played meanwhile are there,
so the echo's path is estimated over all of it, as one complex gain for each frequency (a Wiener
filter in the short-time Fourier domain), and taken away in one go.  What the caller says at the
same time is not correlated with what we say and does not disturb the estimate.  What the path
leaves (a room's tail, the codec) is turned down where the echo is most of what there is.
"""

from __future__ import annotations

import numpy as np

from offhook.barge_in.line import FAR_MS
from offhook.kernels import MS, RATE_HZ, Samples, echo_delay, narrowed, without_voice

_WINDOW_MS = 64
"""Longer than most lines' and handsets' impulse responses; a word has several."""


def without_our_voice(heard: Samples, played: Samples, rate_hz: int) -> Samples:
    """``heard`` without the echo of ``played``; unchanged when there is none.

    Both are ``[samples]`` int16 at ``rate_hz`` and end at the same moment; ``played`` should begin
    :data:`~offhook.barge_in.line.LATEST_ECHO_MS` earlier, because an echo is late.
    """
    theirs, ours = narrowed(heard, rate_hz), narrowed(played, rate_hz)
    found = None
    for late_ms in (0, *FAR_MS):
        delay = echo_delay(theirs, ours[: max(0, len(ours) - late_ms * MS)], None)
        if delay is not None:
            found = delay + late_ms * MS
        if found is not None and found <= (late_ms + FAR_MS[0]) * MS:
            break  # else it lies at the end of where was looked, and may be the side of one behind it
    if found is None:
        return heard
    late = found * rate_hz // RATE_HZ
    sent = played[: max(0, len(played) - late)] if late >= 0 else np.append(played, np.zeros(-late, np.int16))
    return without_voice(heard, sent[-len(heard) :], _WINDOW_MS * rate_hz // 1000)
