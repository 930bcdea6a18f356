"""Who answers a call's caller in other languages than its agent's own, made ready while the call goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack

from offhook.call.profile import CallProfile
from offhook.daemon.answerer import Answerer
from offhook.daemon.profiles import Prepared
from offhook.errors import OffhookError

_log = logging.getLogger("offhook.daemon.tongues")

Make = Callable[[Answerer], Awaitable[Prepared]]
"""Whoever that is, ready for calls.  Raises ConfigError or ModelError."""


def others_of(
    own: CallProfile, wanted: Mapping[str, Answerer], make: Make, stack: ExitStack
) -> Mapping[str, CallProfile]:
    """Those who are ready, by language: empty at first, and filled one by one.  They stay until ``stack`` is
    closed, with the call."""
    ready: dict[str, CallProfile] = {}
    if wanted:
        making = asyncio.create_task(_make_all(own, wanted, make, stack, ready), name="languages")
        stack.callback(making.cancel)
    return ready


async def _make_all(
    own: CallProfile,
    wanted: Mapping[str, Answerer],
    make: Make,
    stack: ExitStack,
    ready: dict[str, CallProfile],
) -> None:
    for code, who in wanted.items():
        try:
            prepared = await make(who)
        except OffhookError as error:
            _log.error("agent=%s languages.%s: %s", own.agent.name, code, error)
            continue
        if prepared.profile.models.language_model is not own.models.language_model:
            _log.error(
                "agent=%s languages.%s: agent %s has another language model: both need the same one",
                own.agent.name,
                code,
                prepared.name,
            )
            continue
        stack.enter_context(prepared.in_use())
        ready[code] = prepared.profile
