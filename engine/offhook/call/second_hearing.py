"""In a long wait there is time to hear the caller's words once more, with the silence behind them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from offhook import turn_taking
from offhook.call.caller_audio import CallerAudio
from offhook.call.pipeline import Pipeline, Revision
from offhook.engines.stt.gate import normalize
from offhook.errors import OffhookError

AGAIN_MS = 250
"""Silence after which an uncertain turn is heard a second time: what is there by then stays."""
AGAIN_LEFT_MS = 120
"""It has to be worth it: so much of the wait is left."""
_NS_PER_MS = 1_000_000


class SecondHearing:
    """One call's.  Lives on the event loop."""

    def __init__(
        self, audio: CallerAudio, pipeline: Pipeline, post: Callable[[turn_taking.TurnEvent], None]
    ) -> None:
        """``post`` gets WordsChanged when the words are others."""
        self._audio = audio
        self._pipeline = pipeline
        self._post = post
        self._checked = 0
        """The newest revision whose words were heard a second time."""

    def is_due(self, state: turn_taking.TurnState, now_ns: int) -> bool:
        """Whether the revision that is held is worth a second hearing now."""
        match state.floor:
            case turn_taking.Preparing(commit_at_ns=int(commit_at_ns), words=str()):
                ended_ns = state.voice.ended_ns
            case _:
                return False
        if ended_ns is None or self._checked == state.revision:
            return False
        left_ns = commit_at_ns - now_ns
        return now_ns >= ended_ns + AGAIN_MS * _NS_PER_MS and left_ns > AGAIN_LEFT_MS * _NS_PER_MS

    async def hear(self, revision: Revision, start_samples: int, paused_samples: int) -> None:
        """Recognise the turn's audio from ``start_samples`` to some way into the pause, and compare."""
        self._checked = revision.number
        stop_samples = paused_samples + self._audio.samples(AGAIN_MS)
        audio, played = self._audio.read(start_samples, stop_samples)
        if played.any():
            return  # our own echo may be in it, and makes words of its own
        with contextlib.suppress(OffhookError):  # the words that were heard first will do
            words = await self._pipeline.hear(audio, revision.trace.voiced_ms)
            if words and normalize(words) != normalize(revision.rest):
                self._checked = revision.number + 1  # what is made anew is not checked again
                self._post(turn_taking.WordsChanged(revision.number, stop_samples))
