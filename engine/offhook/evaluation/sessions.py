"""Conversations in writing with any agent: what they need is loaded once, as the daemon would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Literal

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.conversation.base import Policy
from offhook.conversation.lookup import search_workers
from offhook.conversation.policies.choice import make_policy, policy_name
from offhook.conversation.session import TextSession
from offhook.documents.passage import Passage
from offhook.engines.engine import Progress
from offhook.engines.llm.base import LanguageModel, Limits
from offhook.engines.llm.embedded import NAME as EMBEDDED_NAME
from offhook.engines.llm.template import CHATML, chat_template
from offhook.engines.named import settings
from offhook.engines.pool import load_knowledge_models, load_language_model
from offhook.knowledge.store import Knowledge
from offhook.tools.opening import open_toolbox
from offhook.tools.registry import Origin


class Sessions:
    """The models.  :meth:`agent` gives what begins conversations with one agent."""

    def __init__(self, config: Config, progress: Progress = lambda line: None) -> None:
        """Loads what finds facts; a language model only when an agent needs it.  Blocks for a second."""
        self._config = config
        self._progress = progress
        self._models: dict[str | None, LanguageModel] = {}
        """By the name that agents call them; None: everybody's."""
        self._networks = load_knowledge_models()
        self._worker = search_workers()
        self._books = TemporaryDirectory(prefix="offhook-trial-")
        """Appointments and tickets of trials: nobody is to turn up for them."""

    @property
    def by_meaning(self) -> bool:
        """Facts are found by their meaning; False: by their words alone."""
        return self._networks is not None

    @property
    def model_name(self) -> str:
        """The language model, when one was needed."""
        return ", ".join(model.name for model in self._models.values())

    async def agent(self, agent: Agent, passages: Sequence[Passage] = ()) -> SessionFactory:
        """Make everything ready for ``agent``; ``passages``: of documents besides those that its file names.

        Raises ModelError or ConfigError.
        """
        kind = await asyncio.to_thread(self._policy_name, agent)
        model = await asyncio.to_thread(self._language_model, agent) if kind == "chat" else None
        template = chat_template(CHATML) if model is None else model.template
        origin = Origin(database=f"sqlite:///{self._books.name}/box.db")
        toolbox = await open_toolbox(agent, origin, self._config.tools, lasting=False)
        policy = make_policy(
            kind,
            agent,
            template,
            Knowledge(agent, self._networks, lambda: passages),
            self._worker,
            knowledge_tokens=self._config.conversation.knowledge_tokens,
            toolbox=toolbox,
        )
        await asyncio.to_thread(policy.prepare)
        if model is not None:
            await model.preload(policy.prefix())
        llm = settings(self._config, "llm", agent.model)
        limits = Limits(max_tokens=llm.max_tokens, temperature=llm.temperature)
        return SessionFactory(policy, model, limits)

    def close(self) -> None:
        """Free the models; conversations must be over."""
        self._worker.close()
        while self._models:
            self._models.popitem()[1].close()
        self._books.cleanup()

    def _policy_name(self, agent: Agent) -> Literal["grounded", "chat"]:
        wanted = agent.policy or self._config.conversation.policy
        llm = settings(self._config, "llm", agent.model)
        if wanted != "auto":
            return wanted
        if llm.engine == "llama" and llm.model == EMBEDDED_NAME:
            return policy_name("auto", agent, 0)  # the smallest there is: no need to load it for that
        return policy_name("auto", agent, self._language_model(agent).parameters)

    def _language_model(self, agent: Agent) -> LanguageModel:
        if agent.model not in self._models:
            llm = settings(self._config, "llm", agent.model)
            self._models[agent.model] = load_language_model(llm, 1, self._progress)
        return self._models[agent.model]


class SessionFactory:
    """Call it for a new conversation with one agent."""

    def __init__(
        self,
        policy: Policy,
        model: LanguageModel | None,
        limits: Limits,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        """``close`` frees what belongs to this one alone."""
        self.policy = policy
        self.close = close
        self._model = model
        self._limits = limits

    @property
    def tools(self) -> tuple[str, ...]:
        """What the agent can do, by name."""
        return () if self.policy.toolbox is None else tuple(self.policy.toolbox.tools)

    def __call__(self, caller: str = "") -> TextSession:
        """``caller``: the number that they call from."""
        return TextSession(self.policy, self._model, self._limits, caller=caller)


async def load_session_factory(
    config: Config,
    agent: Agent,
    progress: Progress = lambda line: None,
    passages: Sequence[Passage] = (),
) -> SessionFactory:
    """For conversations with one agent, as :meth:`Sessions.agent` has them; ``close`` it in the end.

    Raises ModelError or ConfigError.
    """
    sessions = await asyncio.to_thread(Sessions, config, progress)
    try:
        factory = await sessions.agent(agent, passages)
    except BaseException:
        sessions.close()
        raise
    factory.close = sessions.close
    return factory
