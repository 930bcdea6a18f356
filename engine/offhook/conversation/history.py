"""What both sides have said in one call, as far as it was audible to the caller.

Lives as long as the call and is shared with nobody: what callers say is in no cache that outlives them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from offhook.engines.stt.base import Alternatives, nothing_else
from offhook.knowledge.moods import Mood, angry_by_voice, angry_together
from offhook.tone_of_voice import Change, Tone, change, is_raised

if TYPE_CHECKING:
    from offhook.conversation.forms.form import Form
    from offhook.tools.executor import Executor

_CACHED = 16


FAILED = "failed"
"""The act of a turn that got an excuse for an answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A turn of the caller's with our answer to it."""

    caller_text: str
    audible_text: str
    """What the caller heard of the answer."""
    whole_text: str
    """The answer as it was meant to be said."""
    facts: tuple[int, ...] = ()
    """The numbers of the facts that it was made of."""
    act: str = ""
    """What kind of answer it was; see :attr:`offhook.conversation.base.Turn.act`."""
    form: Form | None = None
    """What is being filled in, once this turn was heard."""
    wants_person: bool = False
    """The caller has asked for a person, whatever the answer was."""
    mood: str = ""
    """How the caller sounded; empty: nothing could tell."""
    offered: bool = False
    """They were offered a person, and heard it."""
    anger: float | None = None
    """How nearly they were angry by this turn alone; see :func:`offhook.knowledge.moods.angry_together`."""
    tone: Tone | None = None
    """How the turn was said; None: nothing could tell.  In memory alone."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """An entry by keys."""

    words: str
    """The turn in words, as it is written down: ``4 2``, ``(4 keys)``, what a key of the menu stands for."""
    digits: str
    target: str = ""
    """A key of the menu that hands over: to which target of the agent's file."""


@dataclass(slots=True)
class History:
    """One call's exchanges, in order."""

    exchanges: list[Exchange] = field(default_factory=list)
    tools: Executor | None = None
    """What this call can do, with what it has done; None: nothing."""
    found: OrderedDict[object, Any] = field(default_factory=OrderedDict)
    """What was looked up for words that the caller may still be saying, latest last."""
    keyed: Keyed | None = None
    """What was keyed in last; forgotten with the turn that it was."""
    tone: Tone | None = None
    """How the turn is said that is being answered; None: nothing can tell."""
    otherwise: Alternatives = nothing_else
    """What may have been said in that turn instead of what was heard."""
    _prompts: list[Callable[[], str]] = field(default_factory=list)

    def prompted(self, audible_text: Callable[[], str]) -> None:
        """A phrase of our own is said, such as the greeting; ``audible_text`` tells how far it was heard."""
        self._prompts.append(audible_text)

    def take_prompts(self) -> list[str]:
        """The phrases since the last exchange, as far as they were heard until now; told once."""
        prompts, self._prompts = self._prompts, []
        return [text for audible in prompts if (text := audible().strip())]

    def add(self, exchange: Exchange) -> None:
        """A turn is over."""
        self.exchanges.append(exchange)
        if self.keyed is not None and self.keyed.words == exchange.caller_text:
            self.keyed = None

    def keyed_as(self, words: str) -> Keyed | None:
        """The entry that is the turn with these ``words``; None: they were said."""
        return self.keyed if self.keyed is not None and self.keyed.words == words else None

    @property
    def form(self) -> Form | None:
        """What is being filled in now."""
        return self.exchanges[-1].form if self.exchanges else None

    @property
    def last(self) -> Exchange | None:
        return self.exchanges[-1] if self.exchanges else None

    def sounds(self, mood: Mood | None, anger: float | None) -> Mood | None:
        """How the caller sounds in the turn that they have just said: angry, too, where only the turn before
        and this one together are, or their voice is raised and the words may be angry."""
        if mood != "neutral":
            return mood
        return "angry" if self.angry_by_voice(mood, anger) or self._angry_before(anger) else mood

    def angry_by_voice(self, mood: Mood | None, anger: float | None) -> bool:
        """Whether the voice makes the turn an angry one, which it is not by its words, or the turn before."""
        if mood != "neutral" or self._angry_before(anger):
            return False
        return angry_by_voice(anger, raised=is_raised(self.change))

    @property
    def change(self) -> Change | None:
        """How else they say this turn than their first ones; None: nothing can tell."""
        if self.tone is None:
            return None
        calm = (each.tone for each in self.exchanges if each.mood != "angry")
        return change([tone for tone in calm if tone is not None], self.tone)

    def angry_turns(self, anger: float | None) -> int:
        """In how many turns they were angry, and are in this one."""
        others = sum(each.mood == "angry" for each in self.exchanges)
        return 1 + others + (self._angry_before(anger) and self.exchanges[-1].mood == "neutral")

    def _angry_before(self, anger: float | None) -> bool:
        last = self.last
        return last is not None and last.mood != "pleased" and angry_together(last.anger, anger)

    @property
    def last_answer(self) -> Exchange | None:
        """The last answer that said something of substance, not "pardon?" or "take your time"."""
        return next((each for each in reversed(self.exchanges) if each.act in SUBSTANCE), None)

    def keep(self, key: object, value: Any) -> None:
        """Remember what was looked up for ``key``."""
        self.found[key] = value
        while len(self.found) > _CACHED:
            self.found.popitem(last=False)


SUBSTANCE = frozenset({"facts", "unsure", "generated", "readback", "greeted", "unknown", "done"})
"""Acts that can be repeated, and that a follow-up can follow."""
