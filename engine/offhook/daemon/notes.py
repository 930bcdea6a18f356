"""Whoever writes something of a call down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from offhook.call.profile import OnTurn
from offhook.config import Config
from offhook.control.live import LiveCall
from offhook.observe.bill import Bill
from offhook.observe.spans import CallSpans, Spans, Who
from offhook.observe.trace import TurnTrace


class Notes(Protocol):
    """Somebody writes something of a call down."""

    def turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None: ...

    def ended(self, result: str, bill: Bill) -> None: ...


def span_notes(config: Config, spans: Spans | None, live: LiveCall) -> list[CallSpans]:
    """What tells a collector of the call, where there is one."""
    if spans is None:
        return []
    profile, agent = live.profile, live.profile.agent
    models = profile.models
    stt = config.recognisers.get(agent.recogniser or "", config.stt)
    llm = config.models.get(agent.model or "", config.llm)
    tts = config.voices.get(agent.voice or "", config.tts)
    engines = {
        "stt": (stt.engine, models.recognizer.name),
        "llm": (llm.engine, llm.model),
        "tts": (tts.engine, tts.voice),
    }
    who = Who(
        live.id, live.agent, profile.tenant, agent.language, live.offer.door, engines, profile.transcribed
    )
    return [spans.call(who)]


def all_of(notes: Sequence[Notes]) -> OnTurn:
    def turn(caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        for each in notes:
            each.turn(caller_text, audible_text, trace)

    return turn
