"""Who answers, made ready and kept: the profiles of the box's own agents and of tenants' agents.

What is kept belongs to one version of one agent.  Agents of the box stay until the daemon ends; of tenants'
agents those that were called last, so that a tenant whom nobody calls costs its rows and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from offhook.agents.loader import Agent
from offhook.call.profile import CallProfile
from offhook.call.prompts import APOLOGY_HZ, ReadyPhrases
from offhook.config import Config, LlmConfig
from offhook.conversation.base import Policy
from offhook.conversation.policies.choice import make_policy, policy_name
from offhook.end_of_turn.completeness import make_ready
from offhook.engines.llm.base import Limits
from offhook.engines.pool import EnginePool
from offhook.errors import OffhookError
from offhook.knowledge.store import Knowledge, ReadPassages
from offhook.speech.clauses import split
from offhook.tools.executor import Toolbox
from offhook.tools.opening import open_toolbox
from offhook.tools.registry import Origin
from offhook.workers import Workers

_log = logging.getLogger("offhook.daemon.profiles")

MOST_OF_TENANTS = 128
"""Tenants' agents that are kept ready: some 0.7 MB each, with twenty facts' vectors and the phrases."""

Key = tuple[str, ...]
"""Unlike for any two agents that may differ."""
Spawn = Callable[[Coroutine[Any, Any, None], str], Any]


@dataclass(eq=False, slots=True)
class Prepared:
    """An agent that can take calls."""

    key: Key
    name: str
    """For logs."""
    profile: CallProfile
    llm: LlmConfig
    """What the model's settings are, of which limits are made."""
    of_tenant: bool
    close_tools: Callable[[Policy], None]
    calls: int = 0
    """That go on."""
    used_ns: int = field(default_factory=time.monotonic_ns)
    dropped: bool = False
    """New calls get another one."""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While a call is held: what it needs stays."""
        self.calls += 1
        self.used_ns = time.monotonic_ns()
        try:
            yield
        finally:
            self.calls -= 1
            self.used_ns = time.monotonic_ns()
            self._let_go()

    def drop(self) -> None:
        """It is for no new call; what belongs to it alone goes with the last that has it."""
        self.dropped = True
        self._let_go()

    def _let_go(self) -> None:
        if self.dropped and self.calls == 0:
            self.profile.phrases.close()
            self.close_tools(self.profile.policy)


class Profiles:
    """Lives on the event loop; what takes longer than a moment is done in threads."""

    def __init__(
        self,
        config: Config,
        pool: EnginePool,
        phrases: ReadyPhrases,
        searching: Workers,
        spawn: Spawn,
        *,
        most_of_tenants: int = MOST_OF_TENANTS,
        idle: Callable[[], bool] = lambda: True,
    ) -> None:
        """``idle``: nobody calls, so that work may be done that nobody waits for."""
        self.config = config
        """For what is made from now on."""
        self._pool = pool
        self._phrases = phrases
        self._searching = searching
        self._spawn = spawn
        self._most = most_of_tenants
        self._kept: dict[Key, Prepared] = {}
        self._idle = idle
        self._making: dict[Key, asyncio.Task[Prepared]] = {}

    def get(self, key: Key) -> Prepared | None:
        """Who takes calls now, if it is there."""
        return self._kept.get(key)

    def of_box(self) -> list[Prepared]:
        """The box's own agents that have been asked for."""
        return [each for each in self._kept.values() if not each.of_tenant]

    def of_tenants(self) -> list[Prepared]:
        """Tenants' agents that are ready: those that were called not long ago."""
        return [each for each in self._kept.values() if each.of_tenant]

    async def make(
        self,
        key: Key,
        agent: Agent,
        *,
        of_tenant: bool = False,
        passages: ReadPassages | None = None,
        warm: bool = True,
    ) -> Prepared:
        """``agent``, as it takes calls from now on; loads engines that are missing.

        Whoever asks for the same meanwhile gets the same.  What its first call can do without is made ready
        behind it (``warm``); ``passages`` reads what a tenant's documents say.  Raises ConfigError or
        ModelError.
        """
        making = self._making.get(key)
        if making is None:
            making = asyncio.create_task(
                self._make(key, agent, of_tenant, passages, warm), name=f"make-{agent.name}"
            )
            self._making[key] = making
            making.add_done_callback(lambda done: self._made(key, done))
        return await asyncio.shield(making)

    async def warm(self, prepared: Prepared) -> None:
        """Make ready what calls to the agent will need.  Raises ModelError or DeadlineError."""
        profile = prepared.profile
        await profile.phrases.phrase("greeting", APOLOGY_HZ)  # a call may be waiting for that
        await profile.models.language_model.preload(profile.policy.prefix())
        await asyncio.to_thread(profile.policy.prepare)
        await profile.phrases.make(APOLOGY_HZ)
        self._spawn(self._say_ahead(prepared), f"say-ahead-{prepared.name}")

    def drop(self, key: Key) -> None:
        """New calls do not get it any more; those that go on keep it."""
        prepared = self._kept.pop(key, None)
        if prepared is not None:
            prepared.drop()

    def take_over(self, config: Config) -> None:
        """Settings that a profile holds are ``config``'s from now on, for new calls."""
        self.config = config
        for prepared in self._kept.values():
            prepared.profile = replace(
                prepared.profile, **_settings(config, prepared.profile.agent, prepared.llm)
            )

    def close(self) -> None:
        """No call goes on any more."""
        for key in list(self._kept):
            self.drop(key)

    async def _make(
        self, key: Key, agent: Agent, of_tenant: bool, passages: ReadPassages | None, warm: bool
    ) -> Prepared:
        origin = self._origin(key) if of_tenant else Origin()
        toolbox = await open_toolbox(agent, origin, self.config.tools)
        try:
            prepared = await asyncio.to_thread(
                self._build, self.config, key, agent, of_tenant, passages, toolbox
            )
        except BaseException:
            if toolbox is not None:
                await toolbox.close()
            raise
        self._keep(prepared)
        if warm:
            self._spawn(self._warm_later(prepared), f"warm-{prepared.name}")
        return prepared

    async def _say_ahead(self, prepared: Prepared) -> None:
        """Make audio of what the agent may answer, as long as nobody else wants the voice."""
        policy, voice = prepared.profile.policy, prepared.profile.voice
        language = policy.agent.language
        clauses = (clause for answer in policy.written() for clause in split(answer, language))
        try:
            tongue = policy.agent.voice_language
            seconds = await voice.make_ready(clauses, APOLOGY_HZ, language=tongue, idle=self._idle)
            _log.debug("agent=%s %.0f s of its answers are ready to be said", prepared.name, seconds)
        except OffhookError as error:
            _log.warning("agent=%s its answers are spoken when they are given: %s", prepared.name, error)

    def _origin(self, key: Key) -> Origin:
        """Whose tools a tenant's agent has, and where they keep what they do: never in the box's own file."""
        # Known by now, as a tenant was: nothing is imported that would take its time.
        from offhook.tenants.database import DEFAULT_FILE

        database = self.config.tenants.database or f"sqlite:///{DEFAULT_FILE}"
        return Origin(tenant=key[1], database=database)

    async def _warm_later(self, prepared: Prepared) -> None:
        try:
            await self.warm(prepared)
        except OffhookError as error:
            _log.error("agent=%s cannot be made ready: %s", prepared.name, error)

    def _build(
        self,
        config: Config,
        key: Key,
        agent: Agent,
        of_tenant: bool,
        passages: ReadPassages | None,
        toolbox: Toolbox | None,
    ) -> Prepared:
        agent = agent.disclosed()
        make_ready(agent.language)
        engines = self._pool.of(agent)
        models = engines.models
        kind = policy_name(config.conversation.policy, agent, models.language_model.parameters)
        knowledge = Knowledge(agent, models.knowledge, passages)
        policy = make_policy(
            kind,
            agent,
            models.language_model.template,
            knowledge,
            self._searching,
            knowledge_tokens=config.conversation.knowledge_tokens,
            toolbox=toolbox,
        )
        profile = CallProfile(
            policy,
            models,
            engines.voice,
            self._phrases.of(agent, engines.voice),
            own_words=lambda: knowledge.own_words,
            **_settings(config, agent, engines.llm),
        )
        _log.info("agent=%s facts=%d policy=%s", agent.name, len(agent.facts), kind)
        return Prepared(key, agent.name, profile, engines.llm, of_tenant, self._close_tools)

    def _close_tools(self, policy: Policy) -> None:
        if policy.toolbox is not None:
            self._spawn(policy.toolbox.close(), "close-tools")

    def _made(self, key: Key, done: asyncio.Task[Prepared]) -> None:
        self._making.pop(key, None)
        if not done.cancelled():
            done.exception()  # whoever waits for it is told; without this nobody's failure would be a warning

    def _keep(self, prepared: Prepared) -> None:
        old = self._kept.pop(prepared.key, None)
        if old is not None:
            old.drop()
        self._kept[prepared.key] = prepared
        idle = sorted(
            (each for each in self.of_tenants() if not each.calls and each is not prepared),
            key=lambda each: each.used_ns,
        )
        for each in idle[: max(0, len(self.of_tenants()) - self._most)]:
            self.drop(each.key)


def _settings(config: Config, agent: Agent, llm: LlmConfig) -> dict[str, Any]:
    """What of a profile can change without making anything anew."""
    ours = config.llm if agent.model is None else llm
    return {
        "turn": agent.turn_settings(config.turn),
        "limits": Limits(max_tokens=ours.max_tokens, temperature=ours.temperature),
        "history_turns": ours.history_turns,
        "budgets": config.budgets,
    }
