"""Agents that change: read again for new calls, made ready for whoever calls next, dropped once gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from offhook.agents.loader import load_agent
from offhook.config import Config
from offhook.daemon.answerer import Answerer, by_name, is_there, of_number
from offhook.daemon.profiles import Key, Prepared, Profiles
from offhook.daemon.reload import Reread
from offhook.errors import ConfigError, OffhookError
from offhook.tenants.snapshot import Number

_log = logging.getLogger("offhook.daemon.reception")

MOST_FRESH = 16
"""Agents that a change of the directory has brought are made ready at once when they are so few: then
somebody is at it, and calls next.  Of more, those that were called not long ago."""


class Renewal:
    """Keeps what is prepared as what is written.  Lives on the event loop."""

    def __init__(
        self,
        profiles: Profiles,
        make: Callable[[Answerer], Awaitable[Prepared]],
        spawn: Callable[..., object],
    ) -> None:
        self._profiles = profiles
        self._make = make
        self._spawn = spawn

    async def reread(self, before: Config, config: Config, told: Reread) -> Config:
        """Read the box's agents again; the configuration that holds now.  ``told`` gets what becomes of them.

        What cannot be read stays as it was: the default agent may be the one before.
        """
        self._profiles.take_over(config)
        again = before.conversation != config.conversation
        for prepared in self._profiles.of_box():
            await self._reread(prepared, config, told, make_anew=again)
        if again:  # made when they are called next
            for prepared in self._profiles.of_tenants():
                self._profiles.drop(prepared.key)
        return await self._with_default(before.agent.default, config, told)

    async def _reread(self, prepared: Prepared, config: Config, told: Reread, *, make_anew: bool) -> None:
        name, search = prepared.key[1], config.agent.search
        held = prepared.profile.agent
        try:
            if not await asyncio.to_thread(is_there, name, search):
                self._profiles.drop(prepared.key)
                told.news.append(f"agent {name} has gone")
                return
            agent = await asyncio.to_thread(load_agent, name, search)
        except ConfigError as error:
            told.keep(f"agent {name} stays as it was: {error}")
            agent = held
        if agent == held and not make_anew:
            return
        try:
            await self._profiles.make(prepared.key, agent)
        except OffhookError as error:
            told.keep(f"agent {name} stays as it was: {error}")
            return
        told.news.append(f"agent {name} has changed")

    async def _with_default(self, before: str, config: Config, told: Reread) -> Config:
        """``config``, with the default agent ``before`` where its own cannot be used."""
        default = config.agent.default
        who = by_name(default, config.agent.search)
        try:
            if self._profiles.get(who.key) is None:
                await self._profiles.make(who.key, await asyncio.to_thread(who.read))
        except OffhookError as error:
            told.keep(f"the default agent cannot be used: {error}")
            if default != before:
                agent = config.agent.model_copy(update={"default": before})
                return config.model_copy(update={"agent": agent})
        return config

    def changed(self, current: frozenset[Key], fresh: list[Number]) -> None:
        """The directory has changed: make ready who is likely to be called, and let go of who is not there
        any more.
        """
        old = [each for each in self._profiles.of_tenants() if each.key not in current]
        called = {each.key[1:3] for each in old}
        few = len(fresh) <= MOST_FRESH
        wanted = [of_number(each) for each in fresh]
        wanted = [each for each in wanted if few or each.key[1:3] in called]
        self._spawn(self._renew(wanted, [each.key for each in old]), "tenants")

    async def _renew(self, wanted: list[Answerer], old: list[Key]) -> None:
        for who in wanted:
            try:
                await self._make(who)
            except OffhookError as error:
                _log.error("agent %s cannot be made ready: %s", who.key[2 if who.number else 1], error)
        for key in old:
            self._profiles.drop(key)
