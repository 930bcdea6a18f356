"""A call that is over, as what follows it needs it; JSON in the job's body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Done:
    """A tool that was run for the caller."""

    tool: str
    ok: bool
    say: str = ""
    """What the caller was told."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the caller's and our answer."""

    caller_text: str
    audible_text: str
    answered: bool = True
    """False: we had to say that we don't know."""
    mood: str = ""
    """How the caller sounded: angry, neutral, pleased; empty: nothing could tell."""


@dataclass(frozen=True, slots=True)
class FinishedCall:
    """Everything about one call."""

    id: str
    agent: str
    language: str
    started_at: datetime
    ended_at: datetime
    result: str
    """How it ended, as OFFHOOK_RESULT has it."""
    number: str = ""
    caller: str = ""
    turns: tuple[Turn, ...] = ()
    done: tuple[Done, ...] = ()

    @property
    def seconds(self) -> float:
        return (self.ended_at - self.started_at).total_seconds()

    def to_json(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "started_at": self.started_at.isoformat(),
            "ended_at": self.ended_at.isoformat(),
            "turns": [asdict(one) for one in self.turns],
            "done": [asdict(one) for one in self.done],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> FinishedCall:
        return cls(
            **{
                **body,
                "started_at": datetime.fromisoformat(body["started_at"]),
                "ended_at": datetime.fromisoformat(body["ended_at"]),
                "turns": tuple(Turn(**one) for one in body["turns"]),
                "done": tuple(Done(**one) for one in body["done"]),
            }
        )

    def words(self) -> list[dict[str, str]]:
        """Who said what, in order."""
        said: list[dict[str, str]] = []
        for turn in self.turns:
            said.append({"role": "caller", "text": turn.caller_text})
            said.append({"role": "agent", "text": turn.audible_text})
        return [one for one in said if one["text"]]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a person wants to know of a call without hearing it."""

    summary: str
    intent: str
    """What the caller wanted: a tool's name, ``question``, ``none``; or a model's words."""
    outcome: str
    """``done``, ``answered``, ``unanswered``, ``transferred``, ``failed``, ``nobody``."""
    follow_up: bool
    """Somebody has to do something."""
    sentiment: int | None = None
    """1 (angry) to 5 (delighted); None: it was not judged."""
    by: str = "rules"


OUTCOMES: Sequence[str] = ("done", "answered", "unanswered", "transferred", "failed", "nobody")
