"""How far the endpointer's events lie from where speech really begins and ends.

Truth comes from the clean recording alone: 10 ms pieces within 25 dB of the recording's
loud end (95th percentile) are speech, gaps under 100 ms belong to it, and pieces in
which Silero hears no speech at all (breaths, chairs) do not.  Noise is added afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from offhook.core import Endpointer, SileroBatch, SileroModel, resample
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from tests.support.audio.audio import Samples, read_wav, wheel_recording

RATE_HZ = 8_000
FRAME = 160
HOP = 80
Span = tuple[int, int]
"""First sample of a stretch of speech, and one past its last."""
Noticed = tuple[int, SpeechEvent]
"""How many samples had been heard when the event came, and the event."""


@dataclass(slots=True)
class Lags:
    """In ms, one entry for each true end or onset beside at least 200 ms of silence (stops: 600 ms)."""

    end_error: list[float] = field(default_factory=list)
    """Reported minus true end."""
    pause_lag: list[float] = field(default_factory=list)
    """True end to the moment SpeechPaused came."""
    stop_lag: list[float] = field(default_factory=list)
    onset_error: list[float] = field(default_factory=list)
    onset_lag: list[float] = field(default_factory=list)
    missed: int = 0
    """Ends and onsets without an event."""
    wrong_pauses: int = 0
    """SpeechPaused where there is no gap of 100 ms."""

    def add(self, other: Lags) -> None:
        """Take over another recording's figures."""
        for name in ("end_error", "pause_lag", "stop_lag", "onset_error", "onset_lag"):
            getattr(self, name).extend(getattr(other, name))
        self.missed += other.missed
        self.wrong_pauses += other.wrong_pauses


@cache
def human_voice(name: str) -> Samples:
    """A recording of the moonshine-voice wheel at 8 kHz, between two seconds of silence."""
    path = wheel_recording(name)
    around = np.zeros(RATE_HZ, np.int16)
    whole: Samples = np.concatenate([around, read_wav(path, RATE_HZ), around])
    return whole


def levels_db(audio: Samples) -> NDArray[np.float64]:
    """dBFS of each 10 ms, without the mean."""
    hops = audio[: len(audio) // HOP * HOP].reshape(-1, HOP).astype(np.float64) / 32_768
    levels: NDArray[np.float64] = 10 * np.log10(hops.var(axis=1) + 1e-12)
    return levels


def true_spans(model: SileroModel, clean: Samples) -> tuple[list[Span], float]:
    """The stretches of speech in a clean 8 kHz recording, and their mean power (full scale 1)."""
    levels = levels_db(clean)
    active = np.flatnonzero(levels > np.percentile(levels[levels > -55], 95) - 25)
    cuts = np.flatnonzero(np.diff(active) > 10)
    firsts = active[np.concatenate([[0], cuts + 1])]
    lasts = active[np.concatenate([cuts, [len(active) - 1]])]
    wide = resample(clean, RATE_HZ, 2 * RATE_HZ).astype(np.float32) / np.float32(32_768)
    windows = wide[: len(wide) // 512 * 512].reshape(-1, 1, 512)
    batch = SileroBatch(model, 1)
    heard = np.array([batch.process(window)[0] for window in windows])

    def is_speech(span: Span) -> bool:
        return bool(heard[span[0] // 256 : span[1] // 256 + 3].max(initial=0) > 0.5)

    found = [(int(a) * HOP, int(b + 1) * HOP) for a, b in zip(firsts, lasts, strict=True) if b - a >= 5]
    spans = [span for span in found if is_speech(span)]
    power = float(np.mean(10 ** (np.concatenate([levels[a // HOP : b // HOP] for a, b in spans]) / 10)))
    return spans, power


def add_noise(clean: Samples, power: float, snr_db: float, seed: int = 1) -> Samples:
    """White noise, ``snr_db`` below speech of the given mean power."""
    noise = np.random.default_rng(seed).normal(0, (power / 10 ** (snr_db / 10)) ** 0.5, len(clean))
    mixed: Samples = np.clip(np.round(clean + 32_768 * noise), -32_768, 32_767).astype(np.int16)
    return mixed


def listen(endpointer: Endpointer, audio: Samples) -> list[Noticed]:
    """Frame by frame, as from a telephone; end of stream included."""
    noticed: list[Noticed] = []
    for start in range(0, len(audio), FRAME):
        stop = min(start + FRAME, len(audio))
        noticed += [(stop, event) for event in endpointer.process(audio[start:stop])]
    return noticed + [(len(audio), event) for event in endpointer.finish()]


def measure(spans: list[Span], length: int, noticed: list[Noticed]) -> Lags:
    """Match every true end and onset with the nearest event that can mean it."""
    lags = Lags()
    pauses = [(now, e) for now, e in noticed if isinstance(e, SpeechPaused)]
    stops = [(now, e) for now, e in noticed if isinstance(e, SpeechStopped)]
    onsets = [(now, e) for now, e in noticed if isinstance(e, SpeechStarted | SpeechResumed)]
    near = 200 * 8
    explained: set[int] = set()
    for index, (start, end) in enumerate(spans):
        following = spans[index + 1][0] if index + 1 < len(spans) else length
        before = spans[index - 1][1] if index else 0
        explained |= {id(e) for _, e in pauses if end - 60 * 8 <= e.position_samples <= following}
        if following - end >= 200 * 8:
            ends = [
                (now, e.position_samples)
                for now, e in pauses
                if end - near <= e.position_samples <= following + 50 * 8
            ]
            if ends:
                now, position = min(ends, key=lambda found: abs(found[1] - end))
                lags.end_error.append((position - end) / 8)
                lags.pause_lag.append((now - end) / 8)
            else:
                lags.missed += 1
        if following - end >= 600 * 8:
            ended = [now for now, e in stops if end - near <= e.position_samples <= following + 50 * 8]
            if ended:
                lags.stop_lag.append((ended[0] - end) / 8)
            else:
                lags.missed += 1
        if start - before >= 200 * 8:
            begun = [
                (now, e.position_samples)
                for now, e in onsets
                if start - 300 * 8 <= e.position_samples <= end and now >= start - 100 * 8
            ]
            if begun:
                lags.onset_error.append((begun[0][1] - start) / 8)
                lags.onset_lag.append((begun[0][0] - start) / 8)
            else:
                lags.missed += 1
    lags.wrong_pauses = sum(id(e) not in explained for _, e in pauses)
    return lags
