"""A caller who speaks another of the agent's languages is answered in it, from the first turn on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from offhook.agents.loader import Agent
from offhook.call.profile import CallProfile
from offhook.call.prompts import ReadyPhrases
from offhook.call.tongues import answers_instead
from offhook.conversation.history import Exchange
from offhook.conversation.policies.chat import Chat
from offhook.engines.stt.base import Transcript
from offhook.knowledge.store import Knowledge
from tests.support.clock import Clock
from tests.support.scripted_call import AGENT, ScriptedCall, scripted_call

SPANISH = Agent(
    name="Cerámica Robles",
    language="es",
    greeting="Cerámica Robles, dígame.",
    goodbye="Hasta pronto.",
    persona="You are Cerámica Robles. Answer in Spanish.",
)
QUESTION = "¿A qué hora abren el taller?"


def said(text: str, language: str) -> Transcript:
    return Transcript(text, 1_000, 0.0, language)


def of_spanish(call: ScriptedCall) -> None:
    model = call.models.language_model
    other = replace(
        call.profile,
        policy=Chat(SPANISH, model.template, Knowledge(SPANISH)),
        phrases=ReadyPhrases(call.playback).of(SPANISH, call.voice),
    )
    call.profile = replace(call.profile, others={"es": other})


async def test_the_first_turn_is_answered_in_the_callers_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [["Abrimos a las nueve."], ["De nada."]]
    async with scripted_call(tmp_path, Clock(monkeypatch), answers, fill=of_spanish) as call:
        await call.says(said(QUESTION, "es"))
        assert call.exchanges == [(QUESTION, "Abrimos a las nueve.")]
        assert call.call.turn_loop.settings.language == "es"
        assert call.line.said[0].startswith(AGENT.greeting)
        await call.says(said("Thank you very much indeed.", "en"))
        assert call.spoken[-1] == "De nada."
        assert call.call._agent is SPANISH, "a word misheard later does not change who answers"
        await call.says(said("Adiós, hasta luego.", "es"))


def test_who_answers() -> None:
    profile = CallProfile(*[cast(Any, None)] * 8)
    english, spanish = (
        replace(profile, policy=cast(Any, SimpleNamespace(agent=one))) for one in (AGENT, SPANISH)
    )
    english = replace(english, others={"es": spanish}, on_turn=cast(Any, "noted"))

    def other(language: str, text: str = QUESTION, *before: str) -> Agent | None:
        exchanges = [Exchange(one, "", "") for one in before]
        found = answers_instead(english, language, text, exchanges)
        assert found is None or found.on_turn == english.on_turn
        return None if found is None else found.agent

    assert other("es") is SPANISH
    assert other("es-MX") is SPANISH
    assert other("en") is None
    assert other("fr") is None, "nobody speaks that"
    assert other("", QUESTION) is None, "the recogniser does not tell"
    assert other("es", "¿Hola?") is None, "too little to tell a language by"
    assert other("es", QUESTION, "Hello?") is SPANISH
    assert other("es", QUESTION, "When do you open today?") is None
    back = answers_instead(replace(spanish, others={"en": english}), "en", "Do you speak English?", [])
    assert back is not None
    assert back.agent is AGENT
    assert back.others["es"].agent is SPANISH
