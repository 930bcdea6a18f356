"""Which policy an agent gets with a model."""

from __future__ import annotations

from typing import Literal

from offhook.agents.loader import Agent
from offhook.conversation.base import Policy, Template
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.grounded import Grounded
from offhook.knowledge.store import Knowledge
from offhook.tools.executor import Toolbox
from offhook.workers import Workers

Choice = Literal["auto", "grounded", "chat"]
CONVERSES_FROM = 1_000_000_000
"""Parameters from which models keep to facts and follow a conversation; small ones invent."""


def policy_name(configured: Choice, agent: Agent, parameters: int | None) -> Literal["grounded", "chat"]:
    """The agent's own wish goes first.  ``parameters`` None: a server's model, whose size nobody knows."""
    wanted = agent.policy or configured
    if wanted != "auto":
        return wanted
    return "grounded" if parameters is not None and parameters < CONVERSES_FROM else "chat"


def make_policy(
    name: Literal["grounded", "chat"],
    agent: Agent,
    template: Template,
    knowledge: Knowledge,
    worker: Workers | None = None,
    *,
    knowledge_tokens: int,
    toolbox: Toolbox | None = None,
) -> Policy:
    """The policy called ``name``; ``toolbox``: what the agent can do."""
    if name == "grounded":
        return Grounded(agent, template, knowledge, worker, toolbox)
    return Chat(agent, template, knowledge, worker, knowledge_tokens=knowledge_tokens, toolbox=toolbox)
