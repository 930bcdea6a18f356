"""Which policy an agent gets with a model."""

from __future__ import annotations

from typing import Literal

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.choice import Choice, make_policy, policy_name
from offhook.conversation.policies.grounded import Grounded
from offhook.knowledge.store import Knowledge
from tests.support.engines.engines import PlainTemplate

EMBEDDED, LOCAL, ON_A_SERVER = 135_000_000, 3_000_000_000, None


@pytest.mark.parametrize(
    ("configured", "agents", "parameters", "name"),
    [
        ("auto", None, EMBEDDED, "grounded"),
        ("auto", None, 600_000_000, "grounded"),
        ("auto", None, 1_000_000_000, "chat"),
        ("auto", None, LOCAL, "chat"),
        ("auto", None, ON_A_SERVER, "chat"),
        ("chat", None, EMBEDDED, "chat"),
        ("grounded", None, LOCAL, "grounded"),
        ("grounded", None, ON_A_SERVER, "grounded"),
        # An agent's own wish goes first, and "auto" is one.
        ("grounded", "chat", EMBEDDED, "chat"),
        ("chat", "grounded", ON_A_SERVER, "grounded"),
        ("chat", "auto", EMBEDDED, "grounded"),
        ("grounded", "auto", LOCAL, "chat"),
    ],
)
def test_the_policy(configured: Choice, agents: Choice | None, parameters: int | None, name: str) -> None:
    agent = Agent(name="A", greeting="Hi.", policy=agents)
    assert policy_name(configured, agent, parameters) == name


@pytest.mark.parametrize(("name", "kind"), [("grounded", Grounded), ("chat", Chat)])
def test_it_is_made(name: Literal["grounded", "chat"], kind: type) -> None:
    agent = Agent(name="A", greeting="Hi.", facts=("We rent kayaks.",))
    policy = make_policy(name, agent, PlainTemplate(), Knowledge(agent), knowledge_tokens=1)
    assert type(policy) is kind
    assert policy.name == name
    assert policy.agent is agent
    assert policy.remembers is (name == "chat")
    assert "kayaks" not in "".join(policy.prefix()), "the facts do not fit"
