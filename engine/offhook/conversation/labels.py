"""Speakers' names in front of what is said: the agent's own are dropped, another's ends the answer.

Small models go on with the dialogue as a play: "We open at nine.\\nUser: and on Sunday?".
A name counts at the beginning of a line, in bold or behind number signs too, and the
clearest ones after a sentence on the same line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum, auto

from offhook.conversation.findings import GAP, SEAM, Findings

_OWN = frozenset(
    (
        "assistant", "agent", "ai", "ai assistant", "bot", "chatbot", "receptionist", "operator",
        "your response", "your answer",
    )
)  # fmt: skip
"""Dropped at the beginning of any line."""
_OWN_FIRST = frozenset(
    ("a", "model", "answer", "say", "response", "reply", "output", "final answer", "final response", "spoken")
)
"""Dropped at the beginning of the answer; on a later line they begin another one."""
_OTHER = frozenset(("user", "caller", "customer", "human", "client", "q", "the caller", "the user", "you"))
"""End the answer at the beginning of any line."""
_OTHER_LATER = _OTHER | {"say", "question", "system"}
_NUMBERED = frozenset(("instruction", "instructions", "input", "user", "human", "question", "system"))
"""Behind "###" these end the answer, with a colon or alone on the line."""
_IN_LINE = frozenset(("user", "caller", "human"))
_ALONE_OWN = frozenset(("assistant", "model"))
"""Without a colon, but alone on the first line: what is left of ``<|im_start|>assistant`` and its like."""
_ALONE_OTHER = frozenset(("assistant", "user"))
"""The same later: another message begins."""

_ORNAMENT = re.compile(rf"[\s>*_#\[\"\u201c{GAP}{SEAM}]*")
_MAX_ORNAMENT_CHARS = 16
_MANNER_CHARS = 24
"""Of what may stand in round brackets behind a name."""
_SENTENCE_ENDS = ".?!\u2026"
_CLOSERS = "\"')]*_`\u201d\u2019" + SEAM + GAP


class _Place(Enum):
    FIRST = auto()
    """Nothing was said yet."""
    LINE = auto()
    """The beginning of a later line."""
    SENTENCE = auto()
    """After a sentence."""
    INSIDE = auto()


class Labels:
    """Takes speakers' names out of one answer.  Feed it one character at a time."""

    def __init__(self, findings: Findings, names: Sequence[str] = ()) -> None:
        """``names``: what the agent is called."""
        self._findings = findings
        self._own = _OWN | {name.strip().lower() for name in names if name.strip()}
        self._labels = self._own | _OWN_FIRST | _OTHER_LATER | _ALONE_OWN
        self._in_line = _IN_LINE | {"assistant"}
        self._longest = max(map(len, self._labels | _NUMBERED))
        self._held = ""
        self._done = False
        self._place = _Place.FIRST
        self._swallow = ""
        """Characters that go with the name just dropped."""
        self._marks = 0
        """Of these, bold marks that the name was written in."""

    def push(self, char: str) -> str:
        """What of the text up to ``char`` goes on."""
        if self._done:
            return ""
        if char in self._swallow and (char not in "*_" or self._marks > 0):
            self._marks -= char in "*_"
            return ""
        self._swallow = ""
        if self._place is _Place.INSIDE:
            self._pass(char)
            return char
        self._held += char
        return self._look()

    def flush(self) -> str:
        """The text has ended."""
        held, self._held = self._held, ""
        if self._place is _Place.LINE and held.strip() in _ALONE_OTHER:
            return self._end()
        return held

    def _look(self) -> str:
        held = self._held
        ornament = _ORNAMENT.match(held)
        assert ornament is not None
        rest = held[ornament.end() :]
        if not rest:
            if self._place is _Place.SENTENCE and held[-1] == "\n":
                self._place = _Place.LINE
            if len(held.strip()) > _MAX_ORNAMENT_CHARS:
                return self._let_go()
            # White space alone decides nothing and is not held: a name begins after it.
            if held.isspace():
                self._held = ""
                return held
            return ""
        if rest[-1] in ":\uff1a":
            return self._named(ornament.group(), _name(rest[:-1]), _stars(rest))
        if rest[-1] == "\n":
            return self._alone(ornament.group(), rest[:-1].rstrip())
        name = _name(rest)
        if len(rest) <= self._longest + 8 + _MANNER_CHARS and self._begins(name, whole=rest[-1] in " *_]"):
            return ""
        return self._let_go()

    def _begins(self, name: str, *, whole: bool) -> bool:
        """True while ``name`` may become a label."""
        labels = self._in_line if self._place is _Place.SENTENCE else self._labels
        if "#" in self._held:
            labels = labels | _NUMBERED | _OWN_FIRST
        if "(" in name:  # "Agent (calmly):"
            return len(name) <= self._longest + _MANNER_CHARS and _name(name) in labels
        return name in labels or any(label.startswith(name + (" " if whole else "")) for label in labels)

    def _named(self, ornament: str, name: str, stars: int) -> str:
        """A line that begins with a name and a colon."""
        first, inside = self._place is _Place.FIRST, self._place is _Place.SENTENCE
        other = _IN_LINE if inside else _OTHER if first else _OTHER_LATER
        if "##" in ornament:
            other = other | _NUMBERED | (frozenset() if first else self._own | _OWN_FIRST)
        if name in other:
            return self._end()
        own = {"assistant"} if inside else self._own | (_OWN_FIRST if first else frozenset())
        return self._drop(ornament, stars) if name in own else self._let_go()

    def _alone(self, ornament: str, name: str) -> str:
        """A line that holds nothing but a name."""
        first = self._place is _Place.FIRST
        if "##" in ornament and _name(name) in _NUMBERED | _OWN_FIRST:
            return self._drop(ornament, 0) if first and _name(name) in _OWN_FIRST else self._end()
        if first and name in _ALONE_OWN:
            return self._drop(ornament, 0)
        return self._end() if name in _ALONE_OTHER and (name == "user" or not first) else self._let_go()

    def _end(self) -> str:
        self._held, self._done = "", True
        self._findings.finish("role")
        return ""

    def _drop(self, ornament: str, stars: int) -> str:
        """Forget the name, its colon, its bold marks and the white space after it."""
        self._findings.note("role")
        self._held = ""
        self._marks = _stars(ornament) - stars
        self._swallow = " \t\n*_" if self._place is _Place.FIRST else " \t*_"
        return "".join(char for char in ornament if char in '"\u201c' or char.isspace()) + SEAM

    def _let_go(self) -> str:
        """What is held begins with no name."""
        held, self._held = self._held, ""
        for char in held:
            self._pass(char)
        return held

    def _pass(self, char: str) -> None:
        """Text goes on: where does it leave us?"""
        if char == "\n":
            self._place = _Place.LINE
        elif char in _SENTENCE_ENDS:
            self._place = _Place.SENTENCE
        elif char.isspace() or char in _CLOSERS:
            pass
        else:
            self._place = _Place.INSIDE


def _name(text: str) -> str:
    """A name as the lists have it: small letters, without the bold marks after it."""
    return " ".join(re.sub(r"\s*\([^()]*\)?$", "", text.rstrip(" *_]")).lower().split())


def _stars(text: str) -> int:
    return text.count("*") + text.count("_")
