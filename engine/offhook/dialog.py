"""What is put into the model's conversation, and what of its answers may be said.

Pure text assembly.  A small model answers from facts only when it is helped: example
exchanges lie in the fixed prefix, where they cost nothing per turn, and the fact that
fits the caller's words stands beside them as a note.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from offhook.agents.knowledge import Knowledge, content_words
from offhook.agents.loader import Agent

STOP = ("\nNote:", "\nCaller:", "Note:", "Caller:", "<|im_")
"""An answer ends where the model begins to write the other side's part."""

_MAX_SENTENCES = 2
_MAX_WORDS = 40
_LEAK_WORDS = 8
"""So many words of the system prompt in a row are the prompt and not an answer."""

_QUESTION = re.compile(
    r"\?|^(?:(?:and|so|but|well|okay|hello|hi|please|um|uh)\W+)*"
    r"(?:what|when|where|who|whose|which|why|how|is|are|was|do|does|did|can|could|will|would|should|may|have|has"
    r"|tell me|i (?:want|need|would|am looking)|i'd|i'm looking)\b",
    re.IGNORECASE,
)
_FAREWELL = re.compile(
    r"\b(?:good ?bye|bye(?: bye)?|see you(?: later| then| soon)?|talk to you later|have a (?:nice|good|great) (?:day|one|evening)"
    r"|(?:that's|that is|that will be|that'll be|that was) (?:all|it|everything)(?: (?:i needed|i need|for now|for today|then))?"
    r"|nothing else|hang up(?: now)?|i'm done|i am done)"
    r"(?:\W+(?:now|then|thanks|thank you|very much|so much|you too|for your help|for the help|have a (?:nice|good|great) day))*\W*$",
    re.IGNORECASE,
)
_MAX_FAREWELL_WORDS = 14


class Template(Protocol):
    """The markup of the model's conversations; :class:`offhook.llm.template.ChatTemplate` is one."""

    @property
    def assistant_close(self) -> str: ...

    def prefix(self, system: str, examples: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]: ...

    def user(self, text: str) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller's, ready for the model."""

    pieces: tuple[str, ...]
    """To append: the caller's words with their note, up to where the answer begins."""
    note: str | None
    goodbye: bool
    """The caller said goodbye: the agent's farewell is the answer, and the call may end."""


class Dialog:
    """One agent's side of conversations with one model.  Shared by calls: it keeps nothing of them."""

    def __init__(self, agent: Agent, template: Template) -> None:
        self.agent = agent
        self._template = template
        self._knowledge = Knowledge(agent.facts)

    def prefix(self) -> tuple[str, ...]:
        """The fixed beginning of every conversation: persona and examples."""
        examples = [(beside(example.note, example.caller), example.agent) for example in self.agent.examples]
        return self._template.prefix(self.agent.persona, examples)

    def turn(self, heard: str) -> Turn:
        """The caller's words, with the fact that fits them beside them."""
        words = " ".join(heard.split())
        note = self.note(words)
        return Turn(self._template.user(beside(note or "", words)), note, is_goodbye(words))

    def note(self, heard: str) -> str | None:
        """What the agent knows about ``heard``; for a question it knows nothing about, how to say so."""
        matches = self._knowledge.best(heard)
        if matches:
            return matches[0].fact.text
        if self.agent.unknown and content_words(heard) and _QUESTION.search(heard):
            return self.agent.unknown
        return None

    def close_answer(self) -> tuple[str, ...]:
        """To append when an answer was said to its end."""
        return (self._template.assistant_close,)

    def cut_answer(self, said: str) -> tuple[str, ...]:
        """To append after rolling back to where the answer began: only what the caller heard of it."""
        said = said.strip()
        return (f"{said} \u2014" if said else "\u2014", self._template.assistant_close)

    def guard(self) -> Guard:
        """The check of one answer's clauses."""
        return Guard(self.agent.persona)


class Guard:
    """Lets an answer's clauses through as long as they are fit to be said."""

    def __init__(self, persona: str = "") -> None:
        self.finished = False
        """True when no more of this answer is wanted: stop the generation."""
        self.said_words = 0
        self._sentences = 0
        self._persona = _words(persona)

    def accept(self, clause: str) -> str:
        """The part of ``clause`` that may be said; empty for none."""
        if self.finished:
            return ""
        for mark in STOP:
            if mark.strip() in clause:
                clause = clause[: clause.index(mark.strip())].strip()
                self.finished = True
        words = clause.split()
        if not any(char.isalnum() for char in clause) or self._leaks(clause):
            return ""
        if self.said_words and self.said_words + len(words) > _MAX_WORDS:
            self.finished = True
            return ""
        self.said_words += len(words)
        if clause.rstrip("\"')\u201d")[-1:] in (".", "?", "!"):
            self._sentences += 1
        if self._sentences >= _MAX_SENTENCES or self.said_words >= _MAX_WORDS:
            self.finished = True
        return clause

    def _leaks(self, clause: str) -> bool:
        words = _words(clause)
        runs = zip(*(words[start:] for start in range(_LEAK_WORDS)), strict=False)
        prompt = set(zip(*(self._persona[start:] for start in range(_LEAK_WORDS)), strict=False))
        return any(run in prompt for run in runs)


def beside(note: str, heard: str) -> str:
    """The caller's words as the model sees them."""
    return f"Note: {note}\nCaller: {heard}" if note else f"Caller: {heard}"


def is_goodbye(heard: str) -> bool:
    """True when the caller takes leave, and asks nothing more."""
    words = heard.replace("\u2019", "'").strip()
    return "?" not in words and len(words.split()) <= _MAX_FAREWELL_WORDS and bool(_FAREWELL.search(words))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
