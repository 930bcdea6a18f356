"""What an AGI application does with its caller: plays, asks for keys, says, records, looks up, goes on.

An application is a plain function of one argument, run in a thread of its own:

    def main(caller):
        choice = caller.get_data("welcome", digits=1)
        caller.say("digits", choice)
        caller.go_to("sales", "s")

Each method does what AGI's command of that name does and returns when Asterisk has.  A caller who hangs up
ends the next one with HangupError, which an application need not catch.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from offhook.doors.agi.agi import AgiChannel
from offhook.doors.base import CallOffer
from offhook.errors import ConfigError, DeadlineError, HangupError

T = TypeVar("T")


class Caller:
    """One call in an application.  Used by the application's thread alone."""

    def __init__(self, agi: AgiChannel, offer: CallOffer, loop: asyncio.AbstractEventLoop) -> None:
        self._agi = agi
        self._loop = loop
        self._lock = threading.Lock()
        self._open = True
        self._asked: concurrent.futures.Future[Any] | None = None
        self.id = offer.call_id
        self.number = offer.caller
        """Empty when it is withheld."""
        self.name = offer.caller_name
        self.dialled = offer.dialled
        self.language = offer.language
        self.context = offer.context
        self.extension = offer.extension
        self.arguments = offer.arguments
        """What the dialplan has given along, behind the application's name."""

    def answer(self) -> None:
        """Take the call off the hook, where nobody has yet."""
        self._do(self._agi.answer())

    def hang_up(self) -> None:
        self._do(self._agi.hangup())

    def play(self, *sounds: str, keys: str = "") -> str | None:
        """Sounds one after the other, by their names; the key of ``keys`` that ended them."""
        for sound in sounds:
            key = self._do(self._agi.stream_file(sound, keys)).digit
            if key is not None:
                return key
        return None

    def wait_key(self, timeout_s: float = 5.0) -> str | None:
        """The next key; None: there was none."""
        return self._do(self._agi.wait_for_digit(round(timeout_s * 1000)))

    def get_data(
        self, sound: str, *, digits: int = 64, timeout_s: float = 5.0, tries: int = 1, least: int = 0
    ) -> str:
        """Play and collect keys until there are ``digits`` of them, ``#``, or nothing for ``timeout_s``.

        Asked again, ``tries`` times in all, while there are fewer than ``least``.
        """
        entered = ""
        for _ in range(max(1, tries)):
            entered = self._do(self._agi.get_data(sound, round(timeout_s * 1000), digits)).digits
            if len(entered) >= least:
                break
        return entered

    def say(self, kind: str, value: object, *, keys: str = "") -> str | None:
        """``digits``, ``number``, ``alpha``, ``phonetic``, ``date``, ``time``, ``datetime`` (seconds since
        1970) in the channel's language; the key that ended it.
        """
        return self._do(self._agi.say(kind, str(value), keys))

    def record(
        self, path: str, *, most_s: float = 60.0, silence_s: float = 0.0, keys: str = "#", beep: bool = True
    ) -> str | None:
        """The caller as ``path``.wav, which Asterisk writes; the key that ended it."""
        recording = self._agi.record_file(path, keys=keys, most_s=most_s, silence_s=silence_s, beep=beep)
        return self._do(recording)

    def get(self, variable: str) -> str | None:
        """A channel variable; None when it is not set."""
        return self._do(self._agi.get_variable(variable))

    def set(self, variable: str, value: object) -> None:
        self._do(self._agi.set_variable(variable, str(value)))

    def evaluate(self, expression: str) -> str | None:
        """A dialplan expression, such as ``${CALLERID(num)}``.  Never put a caller's words in one."""
        return self._do(self._agi.get_full_variable(expression))

    def database_get(self, family: str, key: str) -> str | None:
        """From Asterisk's own database."""
        return self._do(self._agi.database_get(family, key))

    def database_put(self, family: str, key: str, value: object) -> None:
        self._do(self._agi.database_put(family, key, str(value)))

    def database_delete(self, family: str, key: str) -> None:
        self._do(self._agi.database_delete(family, key))

    def go_to(self, context: str, extension: str = "s", priority: int | str = 1) -> None:
        """Where the dialplan goes on when the application has returned: a transfer is a place that dials."""
        self._do(self._agi.go_to(context, extension, str(priority)))

    def execute(self, application: str, options: str = "") -> int:
        """A dialplan application; below 0 it did not work.  Dial belongs into the dialplan: see
        :meth:`go_to`.
        """
        return self._do(self._agi.exec(application, options))

    def music(self, on: bool = True) -> None:
        """Music while the application thinks."""
        self._do(self._agi.set_music(on))

    def log(self, text: str) -> None:
        """A line on Asterisk's console."""
        self._do(self._agi.verbose(text, 1))

    def close(self) -> None:
        """Nothing more can be asked of Asterisk: an application that goes on is on its own."""
        with self._lock:
            self._open = False
            if self._asked is not None:
                self._asked.cancel()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:  # what is asked is known to whoever closes
            if not self._open:
                work.close()
                raise HangupError("the call is over")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
            self._asked = future
        try:
            return future.result()
        except concurrent.futures.CancelledError as error:
            raise HangupError("the call is over") from error


__all__ = ["Caller", "ConfigError", "DeadlineError", "HangupError"]
