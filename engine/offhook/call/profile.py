"""Everything that may differ between two calls, resolved once from the offer and kept to the call's end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from offhook.agents.loader import Agent
from offhook.call.prompts import AgentPhrases
from offhook.config import BudgetConfig, TurnConfig
from offhook.conversation.base import Policy
from offhook.engines.llm.base import Limits
from offhook.engines.pool import Models
from offhook.engines.tts.voice import Voice
from offhook.knowledge.own_words import OwnWords
from offhook.observe.trace import TurnTrace
from offhook.tenants.snapshot import Number
from offhook.tools.executor import Told

if TYPE_CHECKING:
    from offhook.call.doubt import Doubt

OnDone = Told
OnTurn = Callable[[str, str, TurnTrace], None]
"""Gets the caller's words, what was audible of the answer, and where the time went."""


class Watcher(Protocol):
    """Somebody looks on while the call goes on.  Must not wait, and must not raise."""

    def has_floor(self, floor: str) -> None:
        """Who has the floor, after each event: a floor of turn-taking's, in small letters."""
        ...

    def answered(self, trace: TurnTrace) -> None:
        """The caller begins to hear an answer; the trace has its stamps so far."""
        ...


FindAgent = Callable[[str], Coroutine[Any, Any, "CallProfile | None"]]
"""The agent of that name, ready to go on with a call; None: it cannot."""


@dataclass(frozen=True, slots=True)
class CallProfile:
    """Who answers, in which voice, how patiently, and for whom.

    A call reads nothing else that an operator or a tenant may change: what they change is for new calls.
    """

    policy: Policy
    models: Models
    voice: Voice
    phrases: AgentPhrases
    turn: TurnConfig
    limits: Limits
    history_turns: int | None
    """Turns that the language model remembers; None: as many as fit."""
    budgets: BudgetConfig
    number: Number | None = None
    """The tenant's number that was dialled; None: the agent is the box's own."""
    recorded: str | None = None
    """In whose folder the call is recorded; None: it is not."""
    on_done: OnDone | None = None
    """Told what came of each tool that changes something; None: nobody wants to know."""
    others: Mapping[str, CallProfile] = field(default_factory=dict, repr=False)
    """Who answers callers of other languages, by those, such as "es"."""
    on_turn: OnTurn | None = None
    """Told of each turn when it is over; None: nobody writes it down."""
    find_agent: FindAgent | None = None
    """Who goes on with the call when this agent hands it to another; None: the dialplan says."""
    watcher: Watcher | None = None
    """None: nobody looks on."""
    own_words: Callable[[], OwnWords | None] = lambda: None
    """What callers may be expected to say because the agent's owner has written it; None: nothing yet."""
    doubt: Doubt | None = None
    """Whether who answered a call of ours is a person; None: so they are."""

    @property
    def agent(self) -> Agent:
        return self.policy.agent

    @property
    def tenant(self) -> str | None:
        """The tenant as logs call it."""
        return None if self.number is None else self.number.tenant.slug

    @property
    def transcribed(self) -> bool:
        """Whether what is said may be written down where the box's operator asks for that."""
        return self.number is None or self.number.tenant.transcripts

    def problem(self) -> str | None:
        """Why no call should be begun now, in one line; None while all is well.  Never waits."""
        return self.models.problem() or self.voice.problem()
