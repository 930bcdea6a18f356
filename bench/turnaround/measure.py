"""Figures from what a caller sent and received.  Pure: times and samples in, numbers out.

A *run* is a stretch of audible agent sound, ``(from_ns, to_ns)`` on the monotonic clock, as
:meth:`tests.support.sip.rtp.ReceivedAudio.audible_runs` finds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tests.support.audio.audio import Samples
from tests.support.sip import g711
from tests.support.sip.rtp import FRAME_NS, FRAME_SAMPLES, PCMU, Packet, ReceivedAudio

Run = tuple[int, int]

FINE_JOIN_NS = 30_000_000
"""Silence that tears two runs apart where gaps are looked for."""
ANSWER_JOIN_NS = 300_000_000
"""Shorter silence lies inside one hold of the floor: an answer begins after at least this much."""
STOP_SILENCE_MS = 400
"""An agent that is silent for longer than its text wants has stopped."""
GAP_MS = 40
"""Silence beyond the voice's own pause that counts as a gap inside an answer."""
CUT_SHARE = 0.85
"""An answer with less than this share of its voiced time was cut."""
UNFINISHED_MS = 300
"""An answer decided so long before the caller's last sample was decided in a pause, not in a last sound."""
MISSED_MS = 5_000
"""An answer that has not begun by then does not come."""

_FILLERS = frozenset({"um", "uh", "hmm", "mm", "er", "hm"})
_DIGIT_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence inside an answer: where, in voiced time from the answer's first sound, and how long."""

    after_voiced_ms: float
    silence_ms: float
    from_ns: int


# --- time -----------------------------------------------------------------------------------------


def joined(runs: Iterable[Run], join_ns: int) -> list[Run]:
    """``runs`` with silences of up to ``join_ns`` closed."""
    whole: list[Run] = []
    for start, stop in runs:
        if whole and start - whole[-1][1] <= join_ns:
            whole[-1] = (whole[-1][0], max(stop, whole[-1][1]))
        else:
            whole.append((start, stop))
    return whole


def within(runs: Iterable[Run], start_ns: int, stop_ns: int) -> list[Run]:
    """What of ``runs`` lies in ``[start_ns, stop_ns)``, cut at both ends."""
    return [(max(a, start_ns), min(b, stop_ns)) for a, b in runs if b >= start_ns and a < stop_ns]


def begins_between(runs: Iterable[Run], start_ns: int, stop_ns: int) -> int | None:
    """When the agent took the floor in ``[start_ns, stop_ns)``: after at least 300 ms of its own silence."""
    for start, _ in joined(runs, ANSWER_JOIN_NS):
        if start_ns <= start < stop_ns:
            return start
    return None


def voiced_ms(runs: Iterable[Run]) -> float:
    """Audible time without the silences."""
    return sum(stop - start for start, stop in runs) / 1e6


def stop_ms(runs: Iterable[Run], onset_ns: int) -> float | None:
    """From ``onset_ns`` to the agent's last audible sample before it was silent for 400 ms.

    None when the agent was not speaking at ``onset_ns``: then nothing could be stopped.
    """
    for start, stop in joined(runs, STOP_SILENCE_MS * 1_000_000):
        if start <= onset_ns <= stop:
            return (stop - onset_ns) / 1e6
    return None


# --- silences inside answers ----------------------------------------------------------------------


def silences(runs: Sequence[Run]) -> list[Silence]:
    """The silences between runs."""
    found, voiced = [], 0.0
    for (start, stop), (following, _) in pairwise(runs):
        voiced += (stop - start) / 1e6
        found.append(Silence(voiced, (following - stop) / 1e6, stop))
    return found


def excess_silences(runs: Sequence[Run], voice: Sequence[Run], *, least_ms: float = GAP_MS) -> list[Silence]:
    """Silences of an answer that are longer than the voice's own by more than ``least_ms``.

    ``voice`` are the runs of the same voice speaking the whole text in one go.  Both are laid along
    voiced time, which playback cannot stretch; a silence is compared with the longest one that the
    voice makes within 150 ms (and 5 %) of the same place.  What comes back has the excess as its length.
    """
    own = silences(voice)
    found = []
    for silence in silences(runs):
        reach_ms = 150 + 0.05 * silence.after_voiced_ms
        near = [
            one.silence_ms for one in own if abs(one.after_voiced_ms - silence.after_voiced_ms) <= reach_ms
        ]
        excess_ms = silence.silence_ms - max(near, default=0.0)
        if excess_ms > least_ms:
            found.append(Silence(silence.after_voiced_ms, excess_ms, silence.from_ns))
    return found


def runs_of(samples: Samples, join_ns: int = FINE_JOIN_NS) -> list[Run]:
    """The runs of 8 kHz audio that a caller receives without any jitter, from time 0."""
    received = ReceivedAudio(0)
    padded = np.concatenate([samples, np.zeros(-len(samples) % FRAME_SAMPLES, np.int16)])
    for number, frame in enumerate(padded.reshape(-1, FRAME_SAMPLES)):
        packet = Packet(PCMU, number & 0xFFFF, number * FRAME_SAMPLES, 1, g711.encode(frame))
        received.add(packet, number * FRAME_NS)
    return received.audible_runs(join_ns)


# --- words ----------------------------------------------------------------------------------------


def plain_words(text: str) -> list[str]:
    """Lower case, digits one by one as words, single letters kept, fillers left out."""
    spelled = re.sub(
        r"\d", lambda digit: f" {_DIGIT_WORDS[int(digit[0])]} ", text.lower().replace("\u2019", "'")
    )
    joined_up = spelled.replace("check-up", "check up").replace("checkup", "check up")
    found = re.findall(r"[a-z]+(?:'[a-z]+)?", joined_up)
    return [word for word in found if word not in _FILLERS]


def word_errors(said: str, heard: str) -> int:
    """Substituted, missing and invented words: the least number of edits from one to the other."""
    wanted, got = plain_words(said), plain_words(heard)
    row = list(range(len(got) + 1))
    for number, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], number
        for at, other in enumerate(got, 1):
            diagonal, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, diagonal + (word != other))
    return row[-1]


# --- numbers --------------------------------------------------------------------------------------


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Linear between neighbours; None for no values."""
    return round(float(np.percentile(values, percent)), 1) if values else None


def rate(count: int, of: int) -> float | None:
    """A share to four places; None for nothing to count."""
    return round(count / of, 4) if of else None


def upper_bound(count: int, of: int) -> float | None:
    """The share that is exceeded with 5 % confidence at most (Wilson's interval, one-sided)."""
    if not of:
        return None
    z, share = 1.645, count / of
    centre = share + z * z / (2 * of)
    spread = z * float(np.sqrt(share * (1 - share) / of + z * z / (4 * of * of)))
    return round((centre + spread) / (1 + z * z / of), 4)
