"""What every voice offers to the rest of offhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


def never() -> bool:
    """The cancellation test of a synthesis that nobody cancels."""
    return False


class Synthesizer(Protocol):
    """A voice, loaded once and shared by all calls."""

    name: str
    sample_rate_hz: int

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        """Speak ``text`` as blocks of ``[samples]`` int16 at ``sample_rate_hz``.

        Each step blocks for its inference with the GIL released; ``cancelled`` is
        asked between steps and may be called from another thread.  Any text is safe:
        control characters are treated as spaces, text without words gives no blocks.
        Raises :class:`~offhook.errors.ModelError`.
        """
        ...

    def close(self) -> None:
        """Free the voice.  No synthesis may be in progress."""
        ...


@runtime_checkable
class Multilingual(Protocol):
    """A synthesizer that has voices of other languages."""

    def speaking(self, language: str) -> Synthesizer:
        """The voice for ``language``, a tag such as "de" or "es-MX"; itself where it has none.

        May block, raises nothing; asked once for each clause.
        """
        ...


@runtime_checkable
class Concurrent(Protocol):
    """A synthesizer that can be asked for several clauses at once, and between two blocks of another one."""

    concurrency: int
    """Clauses that may be made at once, each on a thread of its own."""


@runtime_checkable
class Repeatable(Protocol):
    """A synthesizer that says the same words alike, at no cost but the machine's: they may be made before
    they are wanted, and kept."""

    identity: str
    """Another one whenever the same words may sound otherwise: model, voice, pace."""


@dataclass(slots=True)
class Origin:
    """Who has said a text; see :data:`ORIGIN`."""

    stand_in: bool = False
    """Not the voice that was asked, or not it alone: this is not worth keeping."""


ORIGIN: ContextVar[Origin | None] = ContextVar("offhook-voice-origin", default=None)
"""Where a voice that has another one behind it writes who has spoken, for whoever keeps audio."""
