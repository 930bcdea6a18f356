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

STOP = ("Caller:", "Say:", "<|im_")
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
    # "Thank you, goodbye" is misheard as "thank you, glued by", and no sentence ends like that.
    r"\b(?:good[ -]?b(?:ye?|uy)|bye(?: bye)?|(?:thanks|thank you)\W+\w+ bu?y"
    r"|see you(?: later| then| soon)?|talk to you later"
    r"|have a (?:nice|good|great) (?:day|one|evening)"
    r"|(?:that's|that is|that will be|that'll be|that was) (?:all|it|everything)"
    r"(?: (?:i needed|i need|for now|for today|then))?"
    r"|nothing else|hang up(?: now)?|i'm done|i am done)"
    r"(?:\W+(?:now|then|thanks|thank you|very much|so much|you too|for (?:your|the) help"
    r"|have a (?:nice|good|great) day))*\W*$",
    re.IGNORECASE,
)
_MAX_FAREWELL_WORDS = 14
_FINAL = " .?!,;:\u2026"


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
    heard: str = ""
    """The caller's words."""
    words: str = ""
    """The same without their final punctuation: what can be said of a turn that may go on."""


class Dialog:
    """One agent's side of conversations with one model.

    Shared by calls.  Of them it keeps only how the model has last put each note into words.
    """

    def __init__(self, agent: Agent, template: Template) -> None:
        self.agent = agent
        self._template = template
        self._knowledge = Knowledge(agent.facts)
        self._wordings: dict[str, str] = {}

    def prefix(self) -> tuple[str, ...]:
        """The fixed beginning of every conversation: persona and examples."""
        examples = [(beside(example.note, example.caller), example.agent) for example in self.agent.examples]
        return self._template.prefix(self.agent.persona, examples)

    def turn(self, heard: str) -> Turn:
        """The caller's words, with the fact that fits them beside them."""
        words = " ".join(heard.split())
        note = self.note(words)
        pieces = self._template.user(beside(note or "", words))
        return Turn(pieces, note, is_goodbye(words), words, words.rstrip(_FINAL))

    def opening(self, words: str) -> tuple[str, ...]:
        """How the pieces of every turn begin that begins with ``words``."""
        user_open, text, _ = self._template.user(beside("", words))
        return user_open, text.removesuffix('"')

    def note(self, heard: str) -> str | None:
        """What the agent knows about ``heard``; when that is nothing, how to say so."""
        matches = self._knowledge.best(heard)
        if matches:
            return matches[0].fact.text
        asks = content_words(heard) and _QUESTION.search(heard)
        return (self.agent.unknown if asks else self.agent.otherwise) or None

    def draft(self, turn: Turn) -> str:
        """How the answer to ``turn`` may go: as the turn's note was last put into words, or the note itself.

        A guess that the model is free to leave, and most of the time does not: "We are open" is said as
        "We're open" again and again.
        """
        note = turn.note or ""
        return self._wordings.get(note, note)

    def answered(self, turn: Turn, answer: str) -> None:
        """The model itself has answered ``turn`` with these words, to their end."""
        if turn.note:
            self._wordings[turn.note] = answer

    def close_answer(self) -> tuple[str, ...]:
        """To append when an answer was said to its end."""
        return (self._template.assistant_close,)

    def cut_answer(self, said: str) -> tuple[str, ...]:
        """To append after rolling back to where the answer began: only what the caller heard of it."""
        said = said.strip()
        return (f"{said} \u2014" if said else "\u2014", self._template.assistant_close)

    def guard(self, turn: Turn | None = None) -> Guard:
        """The check of one answer's clauses.

        With ``turn``, an answer that only repeats the caller's words is replaced by the
        note that lay beside them: very small models echo statements.
        """
        if turn is None:
            return Guard(self.agent.persona)
        return Guard(self.agent.persona, echo=turn.heard, instead=turn.note or "")


class Guard:
    """Lets an answer's clauses through as long as they are fit to be said."""

    def __init__(self, persona: str = "", *, echo: str = "", instead: str = "") -> None:
        self.finished = False
        """True when no more of this answer is wanted: stop the generation."""
        self.said_words = 0
        self._sentences = 0
        self._last: list[str] = []
        self._persona = _words(persona)
        self._echo = [_words(echo), _words(mirrored(echo))]
        self._instead = instead

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
        if not self.said_words and any(_begins(echo, _words(clause)) for echo in self._echo):
            self.finished = True
            return self._instead
        if _words(clause) == self._last:  # a small model going round in circles
            self.finished = True
            return ""
        self._last = _words(clause)
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
    """The caller's words and the note, as the model sees them.

    Of nine forms tried with SmolLM2-135M (bench/bench_answers.py), "Say:" after the
    words made it use the note most often; "Note:" before them, least.  The note comes
    last, so that the words can be computed while the caller is still speaking.
    """
    words = heard.replace('"', "'")
    return f'Caller: "{words}"\nSay: "{note}"' if note else f'Caller: "{words}"'


def mirrored(heard: str) -> str:
    """``heard`` with the persons exchanged: "you are" is echoed as "I'm"."""
    swaps = {
        "i": "you",
        "you": "i",
        "my": "your",
        "your": "my",
        "am": "are",
        "i'm": "you're",
        "you're": "i'm",
    }
    return " ".join(swaps.get(word, word) for word in heard.lower().replace("\u2019", "'").split())


def is_goodbye(heard: str) -> bool:
    """True when the caller takes leave, and asks nothing more."""
    words = heard.replace("\u2019", "'").strip()
    return "?" not in words and len(words.split()) <= _MAX_FAREWELL_WORDS and bool(_FAREWELL.search(words))


def _begins(echo: list[str], clause: list[str]) -> bool:
    """True when ``clause`` is ``echo``, or so much of its beginning that it is no chance."""
    return bool(clause) and clause == echo[: len(clause)] and len(clause) >= min(3, len(echo))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())
