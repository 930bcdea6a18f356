"""What every recogniser offers to the rest of offhook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STT_RATE_HZ = 16_000
"""All recognisers take 16 kHz mono; the telephone's 8 kHz is resampled before."""


def never() -> bool:
    """The cancellation test of a recognition that nobody cancels."""
    return False


@dataclass(frozen=True, slots=True)
class Transcript:
    """One utterance as words; ``text`` is empty when there were none."""

    text: str
    audio_ms: int
    compute_ms: float
    language: str = ""
    """What it was recognised in, as a code such as "en"; empty where the recogniser knows one only."""


class Transcriber(Protocol):
    """A recogniser, loaded once and shared by all calls."""

    name: str

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        """Recognise one utterance.

        ``audio`` is ``[samples]`` int16 at 16 kHz, already cut to the utterance.
        Blocks for the whole inference with the GIL released; may be called from
        several threads.  ``cancelled`` is asked between steps; when it says yes the
        result is what was recognised so far.  Raises :class:`~offhook.errors.ModelError`.
        """
        ...

    def close(self) -> None:
        """Free the model.  No call may be in progress."""
        ...
