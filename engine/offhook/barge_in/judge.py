"""Is what the caller's line carries while we speak the caller, speaking to us?

The endpointer reports that something like speech began.  That may be the caller taking the
floor, but also a hum that means "go on", a cough, a bad line, or our own voice coming
back.  :func:`judge` looks at the sound from then on; the call asks it again every 20 to
30 ms until the verdict is SPEECH or the sound has ended.  Nothing here keeps state or
reads a clock; what a call learns of its line's echo is a :class:`LineEcho`, handed in.

How it decides, on frames of 32 ms every 10 ms, at 8 kHz:

1. **Echo.**  We know exactly what we play.  Its delay is found by cross-correlation and its
   path as one complex gain for each frequency; what that explains is taken away, and a room's
   tail, which is longer than a frame, is allowed for as power.  A frame of which the echo
   explains most is ours, and one far below the loudest of our echo says nothing.  All else
   works on what is left, so a caller who speaks over an echo is heard.
2. **Voice.**  A frame is voiced when it stands out of the noise from before the onset, repeats
   itself at the period of a voice, and does so in step with its neighbours (a crackle does not).
3. **Openness.**  A hum has next to nothing above 550 Hz, words do.  Open voiced frames, and
   half of a hiss that comes with them, are the evidence.  A bang that rings is voiced too,
   but only dies away.

Words that mean "go on" ("yeah", "okay", also "uh-huh") are words to this judge;
``words.is_backchannel`` tells them apart once they are recognised.  The figures behind the constants
come from ``bench/bench_barge_in.py``, those about echoes from ``bench/bench_echo.py``.
"""

from __future__ import annotations

import numpy as np

from offhook.barge_in.echo import DELAYS_MS, delayed, echo_delay, without_echo
from offhook.barge_in.frames import Frames, in_step, measure
from offhook.barge_in.judgement import Judgement, JudgeSettings, Verdict
from offhook.barge_in.line import LineEcho
from offhook.barge_in.spectrum import (
    FLOOR_POWER,
    FRAME,
    HIGH,
    HOP,
    HOP_MS,
    LOW,
    MID,
    MS,
    RATE_HZ,
    Samples,
    at_8_khz,
    decibels,
    power_of,
    spectra_of,
)

_WINDOW_MS = 1_500
"""No more than the latest of what was heard is looked at, which bounds the cost."""
_RECENT_MS = 800
"""Evidence is what came this lately: an echo opens a candidate long before the caller speaks over it."""
_MIN_HEARD = FRAME + 7 * HOP
_OWN_LEFT = 0.35
"""A frame is ours when this share of its power, or less, is left without the echo."""
_STANDS_OUT_DB = 6.0
_NEAR_PEAK_DB = 18.0
"""Frames further below the loudest are release, breath or another's echo."""
_PERIODIC = 0.5
_OPEN_HIGH_DB, _OPEN_MID_DB = -21.0, -17.0
"""Open when above 1 kHz there is more than this against below, or in the middle against low.

Recorded hums, over a telephone: -20 to -35 dB and -20 to -40 dB."""
_HISS_MAX_MS = 60
_DYING_DB = 9.0
_DYING_FRAMES = 16
"""A sound whose latest open frames lie so far below its loudest needs this many of them."""
_HASTY_BEFORE_MS, _HASTY = 110.0, 1.5
"""Until then this many times the evidence is wanted: bangs are over by then, and clear words have it."""
_NEAR_ECHO_DB = 13.0
"""Frames further below our loudest echo may be what is left of it: a room's tail, the codec's noise."""
_OURS_SHARE = 0.25
"""With so much of it ours, a sound is our echo until there is evidence of speech."""


_NOTHING = Judgement(Verdict.WAIT, 0, 0, 0, 0.0, None)


def judge(
    heard: Samples,
    onset_samples: int,
    played: Samples,
    settings: JudgeSettings,
    *,
    noise_floor_db: float | None = None,
    line: LineEcho | None = None,
) -> Judgement:
    """Judge the sound that began ``onset_samples`` into ``heard``; see the module.

    ``heard`` is the caller's side, best from 500 ms before the onset to now; ``played`` is what
    we played.  Both are ``[samples]`` int16 at ``settings.rate_hz`` and **end at the same
    moment**; ``played`` may begin earlier (500 ms is enough), later, or be empty.
    ``noise_floor_db`` [dBFS] is the line's noise as known from before, used when the audio before
    the onset was not quiet.
    ``line`` is what is known of the call's echo; it is read, and not changed.
    Never raises for any such arrays.
    """
    caller = at_8_khz(heard, settings.rate_hz)[-_WINDOW_MS * MS :]
    onset = len(caller) - (len(heard) - onset_samples) * RATE_HZ // settings.rate_hz
    if len(caller) < _MIN_HEARD or onset >= len(caller):
        return _NOTHING
    wanted = len(caller) + (DELAYS_MS[1] + 100) * MS
    ours = at_8_khz(played[-wanted * settings.rate_hz // RATE_HZ :], settings.rate_hz)

    count = (len(caller) - FRAME) // HOP + 1
    centre_ms = (len(caller) - FRAME // 2 - HOP * np.arange(count)[::-1] - onset) / MS
    since = max(int(np.searchsorted(centre_ms, -HOP_MS)), count - _RECENT_MS // HOP_MS)
    before = int(np.searchsorted(centre_ms, -40))
    if since >= count:
        return _NOTHING

    spectra = spectra_of(caller, count)
    total = power_of(spectra)
    delay = echo_delay(caller, ours, None if line is None else line.delay_ms)
    if delay is None:
        left, tail = total, None
    else:
        left, tail = without_echo(spectra, spectra_of(delayed(ours, delay), count))
    frames = measure(total, left, tail, since, before, noise_floor_db)
    share = 1 - float(frames.left.sum()) / (float(frames.total.sum()) + 1)
    return _verdict(
        frames,
        settings,
        sound_ms=float(centre_ms[-1]),
        echo_share=min(1.0, max(0.0, share)) if delay is not None else 0.0,
        echo_delay_ms=None if delay is None else delay / MS,
    )


def _verdict(
    frames: Frames,
    settings: JudgeSettings,
    *,
    sound_ms: float,
    echo_share: float,
    echo_delay_ms: float | None,
) -> Judgement:
    level = frames.clear.sum(axis=1)
    heard = frames.total.sum(axis=1)
    own, echo = np.zeros(len(level), np.bool_), 0.0
    if echo_delay_ms is not None:
        left = frames.left.sum(axis=1)
        own, echo = left < _OWN_LEFT * heard, float((heard - left).max())
    threshold = 10 ** (_STANDS_OUT_DB / 10) * (1.4 * float(frames.floor.sum()) + FLOOR_POWER)
    least = max(threshold, frames.loudest * 10 ** (-_NEAR_PEAK_DB / 10), echo * 10 ** (-_NEAR_ECHO_DB / 10))
    active = (level > least) & ~own
    voiced = in_step(active & (frames.periodic > _PERIODIC), frames.pitch_octave)

    low, mid, high = (
        np.maximum(frames.clear[:, part].sum(axis=1) - 1.2 * float(frames.floor[part].sum()), 0)
        for part in (LOW, MID, HIGH)
    )
    # A band that noise covers shows nothing, and opens nothing.
    sees_mid, sees_high = (
        frames.clear[:, part].sum(axis=1) > 2 * float(frames.floor[part].sum()) + FLOOR_POWER / 10
        for part in (MID, HIGH)
    )
    brightness = decibels(high) - decibels(low + mid)
    opened = (sees_high & (brightness > _OPEN_HIGH_DB)) | (
        sees_mid & (decibels(mid) - decibels(low) > _OPEN_MID_DB)
    )
    opened &= voiced
    hiss = active & ~voiced & sees_high & (brightness > 0)

    at = np.flatnonzero(opened)
    voiced_ms, active_ms = int(voiced.sum()) * HOP_MS, int(active.sum()) * HOP_MS
    evidence = float(len(at) * HOP_MS)
    if voiced_ms >= 50:
        evidence += 0.5 * min(int(hiss.sum()) * HOP_MS, _HISS_MAX_MS)
    dying = len(at) and level[at[-3:]].mean() < level.max() * 10 ** (-_DYING_DB / 10)
    if dying and len(at) < _DYING_FRAMES:
        evidence = 0.0
    loud = heard > heard.max() / 100
    mostly_ours = float((own & loud).sum()) > _OURS_SHARE * float(loud.sum())

    needed = settings.min_speech_ms * (_HASTY if sound_ms < _HASTY_BEFORE_MS else 1.0)
    if evidence >= needed or voiced_ms >= settings.max_hum_ms:
        verdict = Verdict.SPEECH
    elif mostly_ours:
        verdict = Verdict.ECHO
    elif voiced_ms >= 100:
        verdict = Verdict.BACKCHANNEL
    elif sound_ms >= 150:
        verdict = Verdict.NOISE
    else:
        verdict = Verdict.WAIT
    return Judgement(verdict, int(evidence), voiced_ms, active_ms, echo_share, echo_delay_ms)
