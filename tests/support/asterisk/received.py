"""Comparing what a caller received with what was said, sample by sample.

A clause that a voice has spoken once is kept and spoken again as it was, and Asterisk turns each sample
into µ-law by itself: two playbacks of the same words are equal wherever they are not silent.  Silence is
left out, because there may be more of it where audio came late.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.slin import to_slin
from offhook.engines.tts.voice import without_lead
from offhook.speech import spoken as in_words
from tests.support.audio.audio import RATE_HZ, Samples
from tests.support.english import split
from tests.support.sip.rtp import FRAME_SAMPLES, SAMPLE_NS, ReceivedAudio

SILENT = 16
"""Samples up to this are silence."""
_PER_MS = RATE_HZ // 1_000
_SURE_SAMPLES = 200
"""So many equal samples in a row are no coincidence."""
_NEAR_SAMPLES = 1_000 * _PER_MS
ALIKE = 0.65
"""At least so much :func:`likeness` has what was said to what was heard."""
_BAND_EDGES = (5, 9, 14, 20, 28, 38, 50, 68)
"""In steps of 50 Hz: what a telephone lets through."""
_LAG_FRAMES = 5
"""How far one second's sound may lie from where the one before it lay."""
_SECOND_FRAMES = 50


def sound(received: ReceivedAudio, start_ns: int, end_ns: int | None = None) -> Samples:
    """The samples that are not silent, of all packets that came between two moments."""
    parts = [
        arrival.samples[np.abs(arrival.samples.astype(np.int32)) > SILENT]
        for arrival in received.arrivals
        if arrival.at_ns >= start_ns and (end_ns is None or arrival.at_ns < end_ns)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int16)


def jumps_ms(whole: Samples, got: Samples) -> list[float] | None:
    """How ``got`` is all of ``whole``, played in parts: where each part goes on after the one before.

    0 or less [ms of sound]: it went on where it was, or a little before; more: so much was left out.
    None: it is not ``whole``, or not to its end.
    """
    jumps: list[float] = []
    at = position = 0
    while at < len(got):
        length = common_length(whole[position:], got[at:])
        at, position = at + length, position + length
        if at >= len(got):
            break
        following = got[at : at + _SURE_SAMPLES]
        nearest = sorted(range(-_NEAR_SAMPLES, _NEAR_SAMPLES + 1), key=abs)
        for jump in nearest:
            start = position + jump
            if start >= 0 and np.array_equal(whole[start : start + len(following)], following):
                jumps.append(jump / _PER_MS)
                position = start
                break
        else:
            return None
    return jumps if position == len(whole) else None


def common_length(one: Samples, other: Samples) -> int:
    """How many samples are equal, from the first on."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length


def sounding(audio: Samples) -> tuple[float, float]:
    """From its first sound to its last, and the longest silence between: [ms] each.

    ValueError without any sound.
    """
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > SILENT)
    if not len(loud):
        raise ValueError("nothing but silence")
    return float(loud[-1] - loud[0]) / _PER_MS, float(np.max(np.diff(loud), initial=1)) / _PER_MS


def spoken(*clauses: str, language: str = "en") -> Samples:
    """What the embedded voice makes of ``clauses``, one after the other, when nothing comes late."""
    ours = Espeak()
    voice = ours if language == "en" else ours.speaking(language)
    blocks = [
        to_slin(voice.synthesize(in_words(clause, language)), voice.sample_rate_hz, RATE_HZ)
        for clause in clauses
    ]
    return np.concatenate([part for clause in blocks for part in without_lead(clause, RATE_HZ)])


def likeness(heard: Samples, text: str, language: str = "en") -> float:
    """How much ``heard`` (8 kHz) is the embedded voice saying ``text``, all of it and nothing else. 0 to 1.

    Compared is how loud seven bands of each 20 ms of sound are, second by second: the voice flutters in pace,
    too.  The same sentence, through a telephone, after others and with a gap put into it, gives 0.80 to 0.98;
    another one at most 0.31, three quarters of it at most 0.51 (facts and phrases of two agents).  So no
    recogniser is needed, whose mistakes differ from processor to processor, to tell which answer came.
    """
    got, said = _bands(heard), _bands(spoken(*split(text), language=language))
    if not len(got):
        return 0.0
    padded = np.pad(got, ((2 * _LAG_FRAMES, _SECOND_FRAMES), (0, 0)), constant_values=got.min())
    alike, at = 0.0, 2 * _LAG_FRAMES
    starts = range(0, max(1, len(said) - _SECOND_FRAMES // 2), _SECOND_FRAMES)
    for start in starts:
        part = said[start : len(said) if start == starts[-1] else start + _SECOND_FRAMES]
        fits = {
            lag: _correlation(padded[start + lag : start + lag + len(part)], part)
            for lag in range(max(0, at - _LAG_FRAMES), at + _LAG_FRAMES + 1)
            if start + lag + len(part) <= len(padded)
        }
        best = max(fits.values(), default=0.0)
        if best > 0:
            alike += best * len(part)
            at = next(lag for lag, fit in fits.items() if fit == best)
    return alike / len(said) * min(len(got), len(said)) / max(len(got), len(said))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return float(np.sum(one * other) / (np.sqrt(np.sum(one**2) * np.sum(other**2)) + 1e-9))


def _bands(audio: Samples) -> NDArray[np.float64]:
    """Level of each band in each 20 ms, silence left out. [frames, 7]"""
    loud = audio[np.abs(audio.astype(np.int32)) > SILENT]
    frames = loud[: len(loud) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME_SAMPLES), axis=1)) ** 2
    sums = [power[:, low:high].sum(axis=1) for low, high in itertools.pairwise(_BAND_EDGES)]
    levels: NDArray[np.float64] = np.log10(np.array(sums).T + 1e4)  # below that lies the telephone's noise
    return levels


def is_continuous(received: ReceivedAudio, start_ns: int, end_ns: int, *, late_ns: int) -> bool:
    """Whether no packet is missing between two moments: each follows the one before on the sender's clock.

    ``late_ns`` is how late this machine woke the telephone at worst: a sender that stood still for so long
    goes on where its clock is by then.
    """
    packets = [each for each in received.arrivals if start_ns <= each.at_ns < end_ns]
    return len(packets) > 1 and all(
        (after.packet.sequence - before.packet.sequence) & 0xFFFF == 1
        and 0
        <= ((after.packet.timestamp - before.packet.timestamp) & 0xFFFFFFFF) - len(before.samples)
        <= late_ns // SAMPLE_NS // FRAME_SAMPLES * FRAME_SAMPLES
        for before, after in itertools.pairwise(packets)
    )
