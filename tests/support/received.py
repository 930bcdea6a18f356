"""Comparing what a caller received with what was said, sample by sample.

A clause that a voice has spoken once is kept and spoken again as it was, and Asterisk turns each sample
into µ-law by itself: two playbacks of the same words are equal wherever they are not silent.  Silence is
left out, because there may be more of it where audio came late.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from offhook.sentence import split
from offhook.speech import spoken as in_words
from offhook.tts.espeak import Espeak
from offhook.tts.slin import to_slin
from offhook.voice import without_lead
from tests.support.audio import RATE_HZ, Samples
from tests.support.rtp import FRAME_SAMPLES, ReceivedAudio

SILENT = 16
"""Samples up to this are silence."""
_PER_MS = RATE_HZ // 1_000
_SURE_SAMPLES = 200
"""So many equal samples in a row are no coincidence."""
_NEAR_SAMPLES = 1_000 * _PER_MS
ALIKE = 0.8
"""At least so much :func:`likeness` has what was said to what was heard."""
_BAND_EDGES = (5, 9, 14, 20, 28, 38, 50, 68)
"""In steps of 50 Hz: what a telephone lets through."""
_LAG_FRAMES = 10


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


def spoken(*clauses: str) -> Samples:
    """What the embedded voice makes of ``clauses``, one after the other, when nothing comes late."""
    voice = Espeak()
    blocks = [
        to_slin(voice.synthesize(in_words(clause)), voice.sample_rate_hz, RATE_HZ) for clause in clauses
    ]
    return np.concatenate([part for clause in blocks for part in without_lead(clause, RATE_HZ)])


def likeness(heard: Samples, text: str) -> float:
    """How much ``heard`` (8 kHz) is the embedded voice saying ``text``, all of it and nothing else. 0 to 1.

    Compared is how loud seven bands of each 20 ms of sound are.  The same sentence, through a telephone,
    after others and with a gap put into it, gives 0.88 to 0.97 (the voice flutters); another one at most
    0.41, three quarters of it at most 0.73 (the receptionist's facts).  So no recogniser is needed, whose
    mistakes differ from processor to processor, to tell which answer came.
    """
    one, other = _bands(heard), _bands(spoken(*split(text)))
    most = max(len(one), len(other))
    likest = 0.0
    for lag in range(-_LAG_FRAMES, _LAG_FRAMES + 1):
        first, second = one[max(0, lag) :], other[max(0, -lag) :]
        both = min(len(first), len(second))
        if both > _LAG_FRAMES:
            first, second = (part[:both] - part[:both].mean(axis=0) for part in (first, second))
            power = np.sqrt(np.sum(first**2) * np.sum(second**2)) + 1e-9
            likest = max(likest, float(np.sum(first * second) / power) * both / most)
    return likest


def _bands(audio: Samples) -> NDArray[np.float64]:
    """Level of each band in each 20 ms, silence left out. [frames, 7]"""
    loud = audio[np.abs(audio.astype(np.int32)) > SILENT]
    frames = loud[: len(loud) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME_SAMPLES), axis=1)) ** 2
    sums = [power[:, low:high].sum(axis=1) for low, high in itertools.pairwise(_BAND_EDGES)]
    levels: NDArray[np.float64] = np.log10(np.array(sums).T + 1e4)  # below that lies the telephone's noise
    return levels


def is_continuous(received: ReceivedAudio, start_ns: int, end_ns: int) -> bool:
    """Whether no packet is missing between two moments: each follows the one before on the sender's clock."""
    packets = [each for each in received.arrivals if start_ns <= each.at_ns < end_ns]
    return len(packets) > 1 and all(
        (after.packet.sequence - before.packet.sequence) & 0xFFFF == 1
        and (after.packet.timestamp - before.packet.timestamp) & 0xFFFFFFFF == len(before.samples)
        for before, after in itertools.pairwise(packets)
    )
