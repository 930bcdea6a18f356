"""A greeting for a caller who is known: looked up before the first word, within a budget, never waited for
longer.
"""

from __future__ import annotations

import asyncio
import logging
import time

from offhook.agents.loader import Agent
from offhook.call.prompts import Phrase
from offhook.engines.tts.voice import Voice
from offhook.errors import OffhookError
from offhook.tools.executor import Executor
from offhook.tools.templates import filled, paths, places, value_at

_log = logging.getLogger("offhook.call.greeting")

_MAX_CHARACTERS = 60
"""Of a value: a name is not longer, and an answer that went astray is."""


async def known_greeting(
    agent: Agent, voice: Voice, executor: Executor | None, rate_hz: int, call_id: str
) -> Phrase | None:
    """``greeting_known`` with what the tools of phase "before" say of the caller; None: the usual one.

    Takes ``greeting_wait_ms`` at most, the making of its sound included.
    """
    if not agent.greeting_known or executor is None or not executor.context.caller:
        return None
    began = time.monotonic()
    try:
        async with asyncio.timeout(agent.greeting_wait_ms / 1000):
            text = await _text(agent.greeting_known, executor)
            if text is None:
                return None
            audio = await voice.say(text, rate_hz, language=agent.voice_language)
    except TimeoutError:
        waited_ms = (time.monotonic() - began) * 1000
        _log.info("call=%s the caller was not looked up within %.0f ms", call_id, waited_ms)
        return None
    except OffhookError as error:
        _log.warning("call=%s the usual greeting: %s", call_id, type(error).__name__)
        return None
    return Phrase(text, audio)


async def _text(template: str, executor: Executor) -> str | None:
    """The greeting; None where a value is not there: nobody is greeted with a gap."""
    wanted = set(places(template))
    names = [name for name in executor.tools if name in wanted]
    specs = [executor.tools[name].spec for name in names]
    if wanted != set(names) or any(
        "before" not in one.phases or one.effect != "reads" or one.required for one in specs
    ):
        return None
    results = await asyncio.gather(*(executor.run(name, {}, committed=False) for name in names))
    values = {name: one.value for name, one in zip(names, results, strict=True) if one.ok}
    for path in paths(template):
        value = value_at(path, values)
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        said = str(value).strip()
        if not said or len(said) > _MAX_CHARACTERS or not said.isprintable():
            return None
    return filled(template, values)
