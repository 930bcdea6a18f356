"""Whether a caller has finished: the model is not asked where their words surely go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.grounded import Grounded
from offhook.knowledge.store import Knowledge
from tests.support.clock import Clock
from tests.support.engines.engines import PlainTemplate
from tests.support.scripted_call import ScriptedCall, scripted_call

AGENT = Agent.model_validate(
    {"name": "The boatyard", "greeting": "Hello.", "facts": ["A berth costs nine dollars."]}
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize(
    ("policy", "said", "asked"),
    [
        pytest.param(Grounded, "I would like to know what the", False, id="they surely go on"),
        pytest.param(Grounded, "What does a berth cost?", True, id="they seem to be over"),
        pytest.param(Grounded, "We have a boat", True, id="in doubt"),
        pytest.param(
            Chat, "I would like to know what the", True, id="a model that answers reads them anyway"
        ),
    ],
)
async def test_the_model_is_asked_where_words_leave_doubt(
    tmp_path: Path, clock: Clock, policy: Any, said: str, asked: bool
) -> None:
    def fill(call: ScriptedCall) -> None:
        chosen = policy(AGENT, PlainTemplate(), Knowledge(AGENT))
        call.profile = replace(call.profile, policy=chosen)

    async with scripted_call(tmp_path, clock, [["Nine dollars."]], fill=fill) as call:
        held, ask = call.conversation.text.copy(), call.conversation.end_probability
        asks: list[list[str]] = []

        def counted() -> Any:
            asks.append(call.conversation.text.copy())
            return ask()

        call.conversation.end_probability = counted  # type: ignore[method-assign]
        await call.says(said)
        assert len(call.spoken) == 1
        assert bool(asks) is asked
        if policy is Grounded:
            assert call.conversation.text == held, "what it was shown is gone, if it was shown anything"
