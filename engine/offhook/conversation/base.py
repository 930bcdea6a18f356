"""What a policy of conversation offers to a call.

A policy belongs to one agent with one model and is shared by calls; what differs between calls is their
:class:`~offhook.conversation.history.History`.  It says what is put into the model's conversation, and what
the answer is: words that are known beforehand, or what the model generates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from offhook.agents.loader import Agent
from offhook.conversation.answer_filter import AnswerFilter
from offhook.conversation.calling import Called, Step
from offhook.conversation.forms.form import Form
from offhook.conversation.forms.request import Request
from offhook.conversation.history import Exchange, History
from offhook.engines.llm.base import Grammar, ToolCall, ToolOffer
from offhook.knowledge.moods import Mood
from offhook.tools.base import ToolResult
from offhook.tools.executor import Toolbox

Act = Literal[
    "facts",
    "generated",
    "unsure",
    "unknown",
    "otherwise",
    "farewell",
    "repeat",
    "wait",
    "readback",
    "greeted",
    "courtesy",
    "form",
    "done",
    "person",
    "offer",
]
"""What kind of answer a turn gets: from facts, from the model, "I don't know", and so on.

``unsure`` says facts that may be the answer, and that they are no more than that,
``form`` asks for what a tool wants, ``done`` tells what became of one, ``person`` hands over,
``offer`` asks an angry caller whether it shall.
"""


WRITTEN: frozenset[Act] = frozenset(
    {"facts", "unsure", "unknown", "otherwise", "farewell", "wait", "courtesy"}
)
"""Acts whose words were written before the call began: nothing that a caller has told is in them."""


class Template(Protocol):
    """The markup of the model's conversations; :class:`offhook.engines.llm.template.ChatTemplate` is one."""

    @property
    def assistant_close(self) -> str: ...

    def prefix(self, system: str, examples: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]: ...

    def user(self, text: str) -> tuple[str, ...]: ...

    def results(self, texts: Sequence[str]) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the caller's, ready to be answered."""

    caller_text: str
    words: str
    """The same without its final punctuation: what can be said of a turn that may go on."""
    pieces: tuple[str, ...]
    """To append to the model's conversation: the caller's words, up to where the answer begins."""
    act: Act
    say: str | None = None
    """The answer; None: the model generates it."""
    facts: tuple[int, ...] = ()
    """The numbers of the facts that the answer is made of, or that were put before the model."""
    draft: str = ""
    """How a generated answer may go: a guess that changes nothing but the time it takes."""
    form: Form | None = None
    """What is being filled in, once this turn was heard."""
    wants_person: bool = False
    """The caller has asked for a person."""
    mood: Mood | None = None
    """How the caller sounds; None: nothing can tell."""
    anger: float | None = None
    """How nearly they are angry by this turn alone."""
    by_voice: bool = False
    """Angry for how it was said; by the words alone they would not have been."""
    reading: int = 0
    """Which of what may have been said instead of what was heard is answered, counted from 1; 0: none."""
    offers: bool = False
    """It ends with the offer of a person; see :mod:`offhook.conversation.forms.offer`."""
    request: Request | None = None
    """What is to be done; its outcome is the answer."""

    @property
    def ends_call(self) -> bool:
        """The caller has taken leave: the call may end after this answer."""
        return self.act == "farewell"

    @property
    def waits(self) -> bool:
        """The caller has asked for time."""
        return self.act == "wait"


class Policy(Protocol):
    """How one agent converses with one model."""

    agent: Agent
    toolbox: Toolbox | None
    """What it can do; None: nothing but talk."""
    remembers: bool
    """Turns stay in the model's conversation; False: it is taken back to its prefix after each."""

    @property
    def name(self) -> str:
        """``grounded`` or ``chat``."""
        ...

    def prepare(self) -> None:
        """Compute ahead what searches need: milliseconds a fact.  Answers are poorer until it is done."""
        ...

    def prefix(self) -> tuple[str, ...]:
        """The fixed beginning of every conversation with the model."""
        ...

    def opening(self, words: str) -> tuple[str, ...]:
        """How the pieces of every turn begin that begins with ``words``."""
        ...

    def prompt(self, text: str, *, first: bool) -> tuple[str, ...]:
        """To append for a phrase of our own before the caller's turn; ``first``: of the call."""
        ...

    def past(self, exchange: Exchange) -> tuple[str, ...]:
        """To append for an exchange that was before this conversation with the model began."""
        ...

    async def turn(self, caller_text: str, history: History) -> Turn:
        """What to answer."""
        ...

    async def anticipate(self, words: str, history: History) -> None:
        """The caller may be about to say this: look up what it takes."""
        ...

    def offers(self) -> Sequence[ToolOffer]:
        """What the model may call; in process it has been told in its prefix."""
        ...

    async def grammar(self, history: History) -> Grammar | None:
        """What a call has to look like where the model writes it into its text."""
        ...

    def calls(self, written: str, called: Sequence[ToolCall]) -> Sequence[Called]:
        """The tools that an answer calls: those in its text, and those that a server has told."""
        ...

    async def called(self, calls: Sequence[Called], history: History) -> Step:
        """What they lead to."""
        ...

    def results(self, texts: Sequence[str]) -> tuple[str, ...]:
        """To append behind the answer that called them: what came of it."""
        ...

    def told(self, request: Request, result: ToolResult, history: History) -> str:
        """What is said of what came of a request."""
        ...

    def filter(self) -> AnswerFilter:
        """What lets one generated answer's text through."""
        ...

    def written(self) -> Iterator[str]:
        """Answers that were written before any call, the likeliest first; none where a model writes them."""
        ...

    def close_answer(self) -> tuple[str, ...]:
        """To append when an answer was said to its end."""
        ...

    def cut_answer(self, audible_text: str) -> tuple[str, ...]:
        """To append after rolling back to where the answer began: only what was audible of it."""
        ...


FINAL = " .?!,;:\u2026"
"""What a turn's words do not end with, as long as it may go on."""


def plain(text: str) -> str:
    """Single spaces."""
    return " ".join(text.split())
