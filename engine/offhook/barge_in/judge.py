"""Is what the caller's line carries while we speak the caller, speaking to us?

The endpointer reports that something like speech began.  That may be the caller taking the
floor, but also a hum that means "go on", a cough, a bad line, or our own voice coming
back.  :func:`judge` looks at the sound from then on; the call asks it again every 20 to
30 ms until the verdict is SPEECH or the sound has ended.  Nothing here keeps state or
reads a clock; what a call learns of its line's echo is a :class:`LineEcho`, handed in.

How it decides, on windows of 32 ms every 10 ms, at 8 kHz:

1. **Echo.**  We know exactly what we play.  Its delay is found by cross-correlation and its
   path as one complex gain for each frequency; what that explains is taken away, and a room's
   tail, which is longer than a window, is allowed for as power.  It is looked for up to 400 ms back
   each time; before a sound is called speech, up to 1.6 s.  A window of which the echo explains most
   is ours, and one far below the loudest of our echo says nothing.  All else works on what is left, so a
   caller who speaks over an echo is heard.
2. **Voice.**  A window is voiced when it stands out of the noise from before the onset, repeats
   itself at the period of a voice, and does so in step with its neighbours (a crackle does not).
3. **Openness.**  A hum has next to nothing above 550 Hz, words do.  Open voiced windows, and
   half of a hiss that comes with them, are the evidence.  A bang that rings is voiced too,
   but only dies away.

Words that mean "go on" ("yeah", "okay", also "uh-huh") are words to this judge;
``words.is_backchannel`` tells them apart once they are recognised.  The figures behind the constants
come from ``bench/bench_barge_in.py``, those about echoes from ``bench/bench_echo.py``.
"""

from __future__ import annotations

import math

import numpy as np

from offhook.barge_in.judgement import Judgement, JudgeSettings, Verdict
from offhook.barge_in.line import FAR_MS, LineEcho, late_ms_of
from offhook.barge_in.windows import in_step
from offhook.kernels import (
    FLOOR_POWER,
    HIGH,
    HOP,
    LOW,
    MID,
    MS,
    RATE_HZ,
    SPECTRUM,
    WINDOW,
    Features,
    Samples,
    measure,
)

_HOP_MS = HOP // MS
_LATEST_MS = 1_500
"""No more than the latest of what was heard is looked at, which bounds the cost."""
_RECENT_MS = 800
"""Evidence is what came this lately: an echo opens a candidate long before the caller speaks over it."""
_MIN_HEARD = WINDOW + 7 * HOP
_OWN_LEFT = 0.35
"""A window is ours when this share of its power, or less, is left without the echo."""
_STANDS_OUT_DB = 6.0
_NEAR_PEAK_DB = 18.0
"""Windows further below the loudest are release, breath or another's echo."""
_PERIODIC = 0.5
_OPEN_HIGH_DB, _OPEN_MID_DB = -21.0, -17.0
"""Open when above 1 kHz there is more than this against below, or in the middle against low.

Recorded hums, over a telephone: -20 to -35 dB and -20 to -40 dB."""
_HISS_MAX_MS = 60
_DYING_DB = 9.0
_DYING_WINDOWS = 16
"""A sound whose latest open windows lie so far below its loudest needs this many of them."""
_HASTY_BEFORE_MS, _HASTY = 110.0, 1.5
"""Until then this many times the evidence is wanted: bangs are over by then, and clear words have it."""
_NEAR_ECHO_DB = 13.0
"""Windows further below our loudest echo may be what is left of it: a room's tail, the codec's noise."""
_OURS_SHARE = 0.25
"""With so much of it ours, a sound is our echo until there is evidence of speech."""
_FAR_SHARE = 0.7
"""So much of a sound has to be explained by an echo that is looked for so late: of such echoes 0.9 is, of
callers' onsets that have nothing to do with ours less than half, by chance."""

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
    moment**; ``played`` may begin earlier (by :data:`~offhook.barge_in.line.LATEST_ECHO_MS`), later, or be
    empty.
    ``noise_floor_db`` [dBFS] is the line's noise as known from before, used when the audio before
    the onset was not quiet.
    ``line`` is what is known of the call's echo; it is read, and not changed.
    Never raises for any such arrays.
    """
    step = settings.rate_hz // RATE_HZ
    length = min(-(-len(heard) // step), _LATEST_MS * MS)
    sounded = (len(heard) - onset_samples) * RATE_HZ // settings.rate_hz
    if length < _MIN_HEARD or sounded <= 0:
        return _NOTHING
    count = (length - WINDOW) // HOP + 1
    # From the onset to the centre of the last window; of those before, each is a hop less.
    age = sounded - WINDOW // 2
    since = max(_first_window(age, count, -HOP), count - _RECENT_MS // _HOP_MS)
    if since >= count:
        return _NOTHING
    known_ms = None if line is None else line.delay_ms

    def with_echo(late_ms: int) -> Judgement:
        """As our own voice explains it, ``late_ms`` and up to 400 ms after it was played."""
        windows = measure(
            heard,
            played[: max(0, len(played) - late_ms * settings.rate_hz // 1000)],
            settings.rate_hz,
            latest=_LATEST_MS * MS,
            since=since,
            before=_first_window(age, count, -40 * MS),
            known_delay_ms=None if known_ms is None else known_ms - late_ms,
            noise_power=_noise_power(noise_floor_db),
        )
        share = 1 - float(windows.left.sum()) / (float(windows.heard.sum()) + 1)
        return _verdict(
            windows,
            settings,
            sound_ms=age / MS,
            echo_share=min(1.0, max(0.0, share)) if windows.delay is not None else 0.0,
            echo_delay_ms=None if windows.delay is None else windows.delay / MS + late_ms,
        )

    usual_ms = late_ms_of(known_ms)
    judged = with_echo(usual_ms)
    if judged.verdict is Verdict.SPEECH and judged.echo_share < _FAR_SHARE:
        for late_ms in (0, *FAR_MS):
            if late_ms != usual_ms and (late := with_echo(late_ms)).echo_share >= _FAR_SHARE:
                return late
    return judged


def _first_window(age: int, count: int, after: int) -> int:
    """The first of ``count`` windows centred ``after`` the onset or later; the last one is at ``age``."""
    return min(count, max(0, count - 1 - (age - after) // HOP))


def _noise_power(dbfs: float | None) -> float:
    """Of noise at ``dbfs`` in a window; infinite where it is not known."""
    if dbfs is None or not math.isfinite(dbfs):
        return math.inf
    # Hann windows keep 3/8 of the power; a one-sided transform spreads it over half of its points.
    return float(32_768**2 * 10 ** (min(0.0, dbfs) / 10) * WINDOW * 3 / 8 * SPECTRUM / 2)


def _verdict(
    windows: Features,
    settings: JudgeSettings,
    *,
    sound_ms: float,
    echo_share: float,
    echo_delay_ms: float | None,
) -> Judgement:
    level, heard = windows.low + windows.mid + windows.high, windows.heard
    own, echo = np.zeros(len(level), np.bool_), 0.0
    if echo_delay_ms is not None:
        own, echo = windows.left < _OWN_LEFT * heard, float((heard - windows.left).max())
    threshold = 10 ** (_STANDS_OUT_DB / 10) * (1.4 * float(windows.floor.sum()) + FLOOR_POWER)
    least = max(threshold, windows.loudest * 10 ** (-_NEAR_PEAK_DB / 10), echo * 10 ** (-_NEAR_ECHO_DB / 10))
    active = (level > least) & ~own
    voiced = in_step(active & (windows.periodic > _PERIODIC), windows.pitch_octave)

    floors = [float(windows.floor[part].sum()) for part in (LOW, MID, HIGH)]
    bands = (windows.low, windows.mid, windows.high)
    low, mid, high = (
        np.maximum(power - 1.2 * floor, 0) + 1 for power, floor in zip(bands, floors, strict=True)
    )
    # A band that noise covers shows nothing, and opens nothing.
    _, sees_mid, sees_high = (
        power > 2 * floor + FLOOR_POWER / 10 for power, floor in zip(bands, floors, strict=True)
    )
    opened = sees_high & (high > 10 ** (_OPEN_HIGH_DB / 10) * (low + mid))
    opened |= sees_mid & (mid > 10 ** (_OPEN_MID_DB / 10) * low)
    opened &= voiced
    hiss = active & ~voiced & sees_high & (high > low + mid)

    at = np.flatnonzero(opened)
    voiced_ms, active_ms = int(voiced.sum()) * _HOP_MS, int(active.sum()) * _HOP_MS
    evidence = float(len(at) * _HOP_MS)
    if voiced_ms >= 50:
        evidence += 0.5 * min(int(hiss.sum()) * _HOP_MS, _HISS_MAX_MS)
    dying = len(at) and level[at[-3:]].mean() < level.max() * 10 ** (-_DYING_DB / 10)
    if dying and len(at) < _DYING_WINDOWS:
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
