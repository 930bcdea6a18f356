"""What came of one try, and whether there will be another.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

BUSY, NO_ANSWER, CONGESTION = "busy", "no_answer", "congestion"
REJECTED, UNREACHABLE, FAILED = "rejected", "unreachable", "failed"
AGAIN = frozenset({BUSY, NO_ANSWER, CONGESTION})
_OF_CAUSE = {17: BUSY, 18: NO_ANSWER, 19: NO_ANSWER, 20: NO_ANSWER, 0: NO_ANSWER, 21: REJECTED}
_OF_CAUSE |= dict.fromkeys((1, 2, 3, 22, 27, 28), UNREACHABLE) | dict.fromkeys(
    (34, 38, 41, 42, 44), CONGESTION
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one try."""

    result: str
    """``ok``, ``hangup``, ``transfer`` and their like when somebody answered, else why nobody did."""
    answered_by: str = ""
    """``human``, ``machine``, ``fax``, ``network``, ``silence``; empty: nobody."""

    @property
    def may_try_again(self) -> bool:
        """Nobody was reached, and somebody may be later."""
        return self.result in AGAIN or self.answered_by == "network"


def of_cause(cause: int) -> str:
    """What a cause of ITU-T Q.850 says of a call that nobody answered."""
    return _OF_CAUSE.get(cause, NO_ANSWER if cause == 16 else FAILED)
