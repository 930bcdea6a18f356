"""A person, or a message, offered to a caller who is angry: once in a call, as a question.

The offer is a form that waits for a yes, like one that was read back; whatever else the caller says goes on
where the conversation was.  Nothing is handed over without that yes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from offhook.agents.loader import Agent
from offhook.agents.tools import Target
from offhook.conversation.base import Turn
from offhook.conversation.forms.filler import FormFiller
from offhook.conversation.forms.form import Form, Step
from offhook.conversation.forms.slots import Hearing
from offhook.conversation.history import History
from offhook.languages import language
from offhook.languages.wording import words
from offhook.tools.executor import Executor
from offhook.tools.templates import filled

HEARD = 0.6
"""A yes answers the question when so much of its words had been audible: callers know how it ends."""
_ANSWERS = ("facts", "readback", "done")
"""What a turn is answered with that is said in front of the offer; an "I don't know" is not."""
_GOES_ON = ("farewell", "person", "wait")
Reply = Literal["yes", "no", "cut_short", "other"]


@dataclass(frozen=True, slots=True)
class Offer(Form):
    """Waits for the answer to the question."""

    question: str = ""
    before: Form | None = None
    """What was being filled in when it came."""

    def as_audible(self, audible: str) -> Offer:
        """The same, where only ``audible`` of what was said reached the caller."""
        asked = self.question.split()
        needed = " ".join(asked[: max(1, round(len(asked) * HEARD))])
        return replace(self, cut_short=needed not in audible)

    def plain(self) -> Form:
        """As though the caller had begun it."""
        return Form(self.tool, self.values, self.labels)


class Offers:
    """One agent's."""

    def __init__(self, agent: Agent) -> None:
        self._settings = agent.escalation
        self._phrases = language(agent.language).phrases

    def made(self, turn: Turn, history: History, executor: Executor) -> Turn | None:
        """``turn`` with the offer behind its answer, or in its place; None: none is due now."""
        if turn.mood != "angry" or turn.ends_call or turn.request is not None or turn.act in _GOES_ON:
            return None
        if self._settings is None or history.angry_turns(turn.anger) < self._settings.after:
            return None
        if any(each.offered for each in history.exchanges):
            return None
        offer = self._offer(executor, turn.form)
        if offer is None:
            return None
        answer = turn.say if turn.act in _ANSWERS and turn.say else ""
        say = f"{answer} {offer.question}".strip()
        facts = turn.facts if answer else ()
        return replace(turn, act="offer", say=say, facts=facts, form=offer, offers=True)

    def reply(self, offer: Offer, hearing: Hearing) -> Reply:
        """What the caller's words make of it."""
        said = " ".join(words(hearing.text))
        no, yes = hearing.form.no.search(said), hearing.form.yes.search(said)
        if no is not None:
            return "no"
        if yes is None or hearing.language.asks.search(hearing.text):
            return "other"
        return "cut_short" if offer.cut_short else "yes"

    async def taken(self, offer: Offer, hearing: Hearing, executor: Executor) -> Step:
        """They have said yes: it is done, or the first thing is asked that has to be known."""
        tool, form = executor.tools[offer.tool], offer.plain()
        if all(name in form.values for name in tool.spec.required):
            return Step("run", form=form, arguments=dict(form.values))
        return await FormFiller(tool, executor).again(form, hearing, counts=False)

    def _offer(self, executor: Executor, before: Form | None) -> Offer | None:
        assert self._settings is not None
        for name, tool in executor.tools.items():
            targets: Mapping[str, Target] = getattr(tool, "targets", {})
            target = targets.get(self._settings.offer)
            if target is not None:
                said = self._settings.say or self._phrases.offer_person
                values = {"to": target.name}
                question = filled(said, {"name": target.name})
                return Offer(name, values, values, confirming=True, question=question, before=before)
        if self._settings.offer in executor.tools:
            said = self._settings.say or self._phrases.offer_message
            return Offer(self._settings.offer, confirming=True, question=said, before=before)
        return None  # its tool was left out when the agent was loaded
