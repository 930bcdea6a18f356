"""What turn-taking tells the call to do."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Prepare:
    """Begin revision ``revision`` of an answer to the audio from ``start`` to ``stop``; hold it."""

    revision: int
    start_samples: int
    stop_samples: int
    voiced_ms: int
    speech_end_ns: int


@dataclass(frozen=True, slots=True)
class PrepareDigits:
    """Begin revision ``revision`` of an answer to keys that were pressed."""

    revision: int
    digits: str


@dataclass(frozen=True, slots=True)
class PrepareCorrected:
    """Begin revision ``revision`` on what the caller has really said: ``instead_of`` answered other words."""

    revision: int
    instead_of: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop revision ``revision``: nothing of it was heard, nothing of it is remembered."""

    revision: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Revision ``revision`` may be heard from now on."""

    revision: int
    due_ns: int | None = field(default=None, compare=False)
    """When the caller's turn was to be over, if nothing came; None: that was never waited for."""


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """The caller has interrupted: stop what is playing, at once.

    ``premature``: they had not finished, and we had begun too early; the revision is forgotten as
    if it had been cancelled, because the next one answers its words too.  Otherwise the answer
    waits for :class:`ResumePlayback` or :class:`Settle`.
    """

    revision: int
    premature: bool = False


@dataclass(frozen=True, slots=True)
class ResumePlayback:
    """It was a false alarm: go on with revision ``revision`` from where it was stopped."""

    revision: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The interrupted revision does not come back: remember what was heard of it."""

    revision: int


@dataclass(frozen=True, slots=True)
class SayHolding:
    """Revision ``revision`` is late: say that we are on it."""

    revision: int


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The caller said something that could not be understood: ask them to say it again."""


@dataclass(frozen=True, slots=True)
class AskStillThere:
    """Both sides have been silent for long: ask once whether the caller is there."""


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """The caller stayed silent after being asked: take leave."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Take leave whatever is on the line, and end the call.

    ``nobody``: there was music, a television, an announcement, and nobody who talked with us.
    """

    nobody: bool


Action = (
    Prepare
    | PrepareDigits
    | PrepareCorrected
    | Cancel
    | Commit
    | StopPlayback
    | ResumePlayback
    | Settle
    | SayHolding
    | AskAgain
    | AskStillThere
    | SayGoodbye
    | Leave
)
