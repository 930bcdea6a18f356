"""Runs AGI applications, each call in a thread of its own; whatever it does ends in a result.

The function is read from its file when the application is called first, and again after a reload.  An
exception is one line in the log, with its place and without its words, which may be the caller's; the
dialplan gets ``OFFHOOK_RESULT=failed``.
"""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import traceback
from collections.abc import Callable
from typing import Any

from offhook.apps.caller import Caller
from offhook.config import AppConfig
from offhook.doors.agi.agi import AgiChannel
from offhook.doors.agi.offer import offer_of
from offhook.doors.base import HANGUP, RESULT_VARIABLE, unless_ended
from offhook.doors.eagi.handoff import Reason
from offhook.doors.eagi.lifeline import Handoff
from offhook.errors import BusyError, ConfigError, HangupError, OffhookError
from offhook.tools.python import module_of

_log = logging.getLogger("offhook.apps")

APP_ARGUMENT = "app="
MOST = 64
"""Applications that run at once: each has a thread."""
HEADER_TIMEOUT_S = 1.5
_RESULT = re.compile(r"[a-z][a-z0-9_-]{0,31}")

Function = Callable[[Caller], Any]


class Apps:
    """One daemon's.  Lives on the event loop."""

    def __init__(self, apps: dict[str, AppConfig]) -> None:
        self._apps = apps
        self._functions: dict[str, Function] = {}
        self._running = 0

    def take_over(self, apps: dict[str, AppConfig]) -> None:
        """A configuration that was read again; files are read anew, too."""
        self._apps, self._functions = apps, {}

    async def take(self, handoff: Handoff) -> bool:
        """Run the application that a launcher asks for; False: it brings a call for an agent.

        Raises as :meth:`run` does.
        """
        named = (each for each in handoff.hello.args if each.startswith(APP_ARGUMENT))
        name = next((each.removeprefix(APP_ARGUMENT) for each in named), None)
        if name is not None:
            await self.run(name, handoff)
        return name is not None

    async def run(self, name: str, handoff: Handoff) -> None:
        """One call in ``name``.  Raises BusyError or ConfigError before it is taken."""
        if self._running >= MOST:
            raise BusyError(f"{MOST} AGI applications run already")
        self._running += 1
        try:
            function = await self._function(name)
            agi = AgiChannel(*handoff.descriptors.take_agi())
            try:
                header = await unless_ended(handoff.closed, agi.read_header(HEADER_TIMEOUT_S))
                handoff.accepted()
                arguments = tuple(
                    each for each in handoff.hello.args[1:] if not each.startswith(APP_ARGUMENT)
                )
                offer = offer_of("agi", header, arguments, 8_000)
                caller = Caller(agi, offer, asyncio.get_running_loop())
                result = await self._result(name, function, caller, handoff)
                await _leave(agi, handoff, result)
                _log.info("call=%s app=%s is over: %s", offer.call_id, name, result)
            finally:
                agi.close()
        finally:
            self._running -= 1

    async def _function(self, name: str) -> Function:
        app = self._apps.get(name)
        if app is None:
            there = ", ".join(self._apps) or "none"
            raise ConfigError(
                f"app={name}: there is no [apps.{name}] in the configuration; there is: {there}"
            )
        if name not in self._functions:
            self._functions[name] = await asyncio.to_thread(load, app)
        return self._functions[name]

    async def _result(self, name: str, function: Function, caller: Caller, handoff: Handoff) -> str:
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        loop = asyncio.get_running_loop()

        def settle(result: str) -> None:
            if not over.done():
                over.set_result(result)

        def work() -> None:
            result = _outcome(name, function, caller)
            loop.call_soon_threadsafe(settle, result)

        threading.Thread(target=work, name=f"offhook-app-{name}", daemon=True).start()
        limit_s = self._apps[name].limit_s if name in self._apps else None
        try:
            async with asyncio.timeout(limit_s):
                return await unless_ended(handoff.closed, _awaited(over))
        except TimeoutError:
            _log.error("call=%s app=%s is ended after %g s (apps.%s.limit_s)", caller.id, name, limit_s, name)
            return "failed"
        except HangupError:
            return HANGUP
        finally:
            caller.close()


def load(app: AppConfig) -> Function:
    """The function.  Blocks; raises ConfigError with one line."""
    where, _, name = app.function.rpartition(":")
    function = getattr(module_of(where, None), name, None)
    if not callable(function):
        raise ConfigError(f"{where} has no function {name}")
    found: Function = function
    return found


def _outcome(name: str, function: Function, caller: Caller) -> str:
    """What the application comes to; in its thread."""
    try:
        made = function(caller)
    except HangupError:
        return HANGUP
    except OffhookError as error:
        _log.error("call=%s app=%s has failed: %s", caller.id, name, error)
        return "failed"
    except BaseException as error:  # whatever a stranger's code does
        place = traceback.extract_tb(error.__traceback__)[-1]
        _log.error(
            "call=%s app=%s has failed: %s in %s:%s", caller.id, name, type(error).__name__, *place[:2]
        )
        return "failed"
    if made is None:
        return "ok"
    if isinstance(made, str) and _RESULT.fullmatch(made):
        return made
    _log.error("call=%s app=%s returns no result: a word in small letters, or None", caller.id, name)
    return "failed"


async def _awaited(over: asyncio.Future[str]) -> str:
    return await over


async def _leave(agi: AgiChannel, handoff: Handoff, result: str) -> None:
    """Tell the dialplan."""
    if result == HANGUP:
        handoff.done()
        return
    try:
        await agi.set_variable(RESULT_VARIABLE, result)
        handoff.done()
    except OffhookError:
        handoff.refuse(Reason.INTERNAL)  # then the launcher sets it
