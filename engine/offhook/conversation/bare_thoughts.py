"""Thoughts without marks around them: what is left of gpt-oss when its tokens are stripped, Granite's, and
those of models that were taught to write down their steps.

"analysisThe user wants the hours.assistantfinalWe open at nine.", "Thought: the hours.\nAnswer: we open at
nine.", "Okay, the user is asking for the hours.\n\nWe open at nine."
"""

from __future__ import annotations

import re
from enum import Enum, auto

_THOUGHTS = ("analysis", "commentary", "assistantanalysis", "assistantcommentary")
_ANSWERS = ("assistantfinal", "final")
"""Names of channels; they count when they are glued to a capital letter."""
_GRANITE = "Here is my thought process:"
_OVER = re.compile(
    r"(?:assistantfinal|Here is my response:)(?P<rest>.?)$"
    r"|[.?!)\]\"'\n]\s*final(?P<glued>[A-Z\"'0-9])$",
    re.DOTALL,
)
_LABELS = (
    "thought", "thoughts", "thought process", "thinking", "reasoning", "analysis", "rationale",
    "chain of thought", "internal monologue", "inner monologue", "action", "observation",
)  # fmt: skip
"""In front of a colon they begin a thought; "answer" and its like end it."""
_ABOUT = tuple(
    f"{lead}the {who} "
    for lead in (
        *("", "okay, ", "okay. ", "okay, so ", "ok, ", "ok, so ", "alright, ", "alright, so ", "hmm, "),
        *("so ", "so, ", "well, ", "first, ", "right, ", "let me see. ", "wait, "),
    )
    for who in ("user", "caller", "customer")
)
_ABOUT_VERBS = frozenset(
    ("is", "was", "wants", "asks", "asked", "said", "says", "needs", "just", "has", "seems", "might", "wrote")
)
"""Nobody who speaks to a caller speaks of "the caller" first."""
_OLLAMA = "thinking...\n"
_ORNAMENT = "*#_> \n"
_LABELLED_OVER = re.compile(
    r"(?:\n[ *#_>]*(?:final )?(?:answer|response|reply|output)[ *_]*[:\uff1a]|done thinking\.)"
    r"[\s*_]*(?P<rest>[^\s*_])$",
    re.IGNORECASE,
)
TAIL_CHARS = 40
"""So many characters of a thought are enough to see its end."""


class Opening(Enum):
    """What an answer begins with."""

    UNDECIDED = auto()
    NONE = auto()
    THOUGHT = auto()
    STEPS = auto()
    """A thought that a label announces or that speaks of the caller; see :func:`answer_of_steps`."""
    ANSWER = auto()
    """The name of the channel that is for the caller."""


def opening_of(begun: str) -> Opening:
    """What the answer that begins with ``begun`` begins with; its last character is the news."""
    name, char = begun[:-1], begun[-1:]
    if begun == _GRANITE or (name in _THOUGHTS and char.isupper()):
        return Opening.THOUGHT
    if name in _ANSWERS and (char.isupper() or char in "\"'"):
        return Opening.ANSWER
    if any(opening.startswith(begun) for opening in (*_THOUGHTS, *_ANSWERS, _GRANITE)):
        return Opening.UNDECIDED
    return _steps(begun.lstrip(_ORNAMENT).lower())


def _steps(begun: str) -> Opening:
    name = begun.rstrip(" *_:\uff1a")
    if begun == _OLLAMA or (begun[-1:] in ":\uff1a" and name in _LABELS):
        return Opening.STEPS
    about = next((opening for opening in _ABOUT if begun.startswith(opening)), None)
    if about is not None:
        verb, end, _ = begun[len(about) :].partition(" ")
        if end and verb in _ABOUT_VERBS:
            return Opening.STEPS
        return Opening.UNDECIDED if any(each.startswith(verb) for each in _ABOUT_VERBS) else Opening.NONE
    undecided = any(each.startswith(begun) for each in (*_LABELS, *_ABOUT, _OLLAMA)) or name in _LABELS
    return Opening.UNDECIDED if undecided else Opening.NONE


def answer_of_steps(thought: str) -> str:
    """What there is to say where no label ends the steps: the last paragraph, behind a first one."""
    _, _, last = thought.rstrip().rpartition("\n\n")
    return last if thought.count("\n\n") else ""


def answer_after(tail: str) -> str | None:
    """The first character of the answer, when the thought that ends with ``tail`` is over with it."""
    steps = _LABELLED_OVER.search(tail)
    if steps is not None:
        return steps["rest"]
    over = _OVER.search(tail)
    if over is None or (over["glued"] is None and not over["rest"]):
        return None
    return over["glued"] or over["rest"]
