"""A caller who speaks another of an agent's languages is noticed in their first words, and answered in it.

The recogniser tells the language, among those that it listens for; who answers in it is an agent of its own,
with its own words, knowledge and voice, and the same language model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from offhook.call.profile import CallProfile
from offhook.call.revision import Words
from offhook.conversation.history import Exchange
from offhook.engines.llm.base import Conversation
from offhook.languages.codes import base_language

SURE_WORDS, SURE_CHARACTERS = 3, 10
"""One of them is enough to tell a language by; "hello?" and "okay" are said in many."""


class Others(Protocol):
    """Who may have to answer instead of who does now."""

    def instead(self, words: Words) -> CallProfile | None:
        """Who answers these words of the caller's; None: who does now."""
        ...

    async def hand_on(self, profile: CallProfile) -> Conversation:
        """That is who answers from now on, in a conversation of their own; the one before is over."""
        ...


def answers_instead(
    now: CallProfile, language: str, text: str, before: Sequence[Exchange]
) -> CallProfile | None:
    """Who answers ``text``, said in ``language`` as far as the recogniser can tell; None: who does now.

    ``before`` is what was said until then.

    Who has once been answered at some length is not taken for another: a misheard word would change the voice
    in the middle of a call.
    """
    if not language or not now.others or not is_enough(text):
        return None
    if any(is_enough(exchange.caller_text) for exchange in before):
        return None
    if base_language(language) == base_language(now.agent.language):
        return None
    other = now.others.get(base_language(language))
    if other is None:
        return None
    others = {**now.others, base_language(now.agent.language): now}
    return replace(
        other,
        number=now.number,
        recorded=now.recorded,
        on_done=now.on_done,
        on_turn=now.on_turn,
        find_agent=now.find_agent,
        watcher=now.watcher,
        doubt=now.doubt,
        others=others,
    )


def is_enough(text: str) -> bool:
    """Whether a language can be told by it."""
    return len(text.split()) >= SURE_WORDS or len(text) >= SURE_CHARACTERS
