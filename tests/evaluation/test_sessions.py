"""Conversations in writing: what they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.evaluation.sessions import Sessions
from offhook.tools.registry import Origin
from tests.support.salon import SALON


async def test_what_is_booked_in_a_trial_is_in_no_book_of_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    origins: list[Origin] = []

    async def opened(agent: Agent, origin: Origin, *more: Any, **options: Any) -> None:
        origins.append(origin)

    monkeypatch.setattr("offhook.evaluation.sessions.open_toolbox", opened)
    monkeypatch.setattr("offhook.evaluation.sessions.load_knowledge_models", lambda: None)
    tools = {"appointments": {"settings": SALON}}
    salon = Agent.model_validate(
        {"name": "Salon", "greeting": "Hello.", "policy": "grounded", "tools": tools}
    )
    sessions = Sessions(Config())
    await sessions.agent(salon)
    (origin,) = origins
    assert origin.database is not None
    book = Path(origin.database.removeprefix("sqlite:///"))
    assert book.parent.is_dir()
    sessions.close()
    assert not book.parent.exists()
