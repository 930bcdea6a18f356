"""What decides turns and stays the same for a whole call, and the constants beside it."""

from __future__ import annotations

from dataclasses import dataclass, field

from offhook.end_of_turn.wait import EndpointingSettings

MS = 1_000_000
UNSPECULATED_MS = 350
"""Most pauses that a caller goes on after are shorter."""
LASTING_MS = 160
"""Of a natural voice's pauses inside questions half are shorter (``bench/bench_looks.py``), and the wait
behind words that are surely complete is hardly longer."""
SOUND_MS = 160
"""A commit waits no longer than this for a sound: by then the endpointer knows."""
RIGHT_NOW_MS = 20
"""A sound that was noticed no longer ago is still there: one frame."""
LAST_WORDS_MS = 500
""""Yes" begun so shortly before the end of our question answers it: they have heard what is asked."""
LAST_CLAUSE_MS = 1_000
"""The same where a yes or no was asked for: "..., is that right?" says nothing that is not known before."""
LONG_TURN_MS = 30_000
"""In a turn that has lasted so long not every pause is worth an answer prepared: it may be a television."""
LONGEST_TURN_MS = 60_000
"""A turn that has lasted so long is answered in its next pause; a second one in a row is nobody's."""
MAX_ASKED_AGAIN = 2
"""Times in a row that a caller is asked to repeat; then we listen on."""


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """The part of a call's configuration that decides turns. [ms]"""

    endpointing: EndpointingSettings = field(default_factory=EndpointingSettings)
    language: str = "en"
    """What the caller speaks."""
    speculate: bool = True
    """Prepare answers in pauses; False: only when the turn is over."""
    unspeculated_ms: int = UNSPECULATED_MS
    """Silence after which an answer is begun when it is not begun in every pause."""
    lasting_ms: int = LASTING_MS
    """The same where many callers are on the line, and only pauses that last are worth it."""
    barge_in: bool = True
    max_silence_ms: int = 10_000
    asked_silence_ms: int = 45_000
    """The same after the caller has asked us to wait."""
    noise_ms: int = 30_000
    """So long may there be sounds like a voice's without a word, before the caller is asked."""
    holding_ms: int | None = 1_500
    """A committed answer that is later than this is announced; None: never."""
    doubtful_voiced_ms: int = 500
    """So much voice without words was something that could not be understood, not a cough."""
