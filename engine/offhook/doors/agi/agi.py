"""AGI commands, typed: what a call asks of Asterisk, and what Asterisk answers.

How commands and replies are kept in step is :mod:`offhook.doors.agi.agi_session`; how they
look is :mod:`offhook.doors.agi.agi_text`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from offhook.doors.agi.agi_session import AgiSession, Interruption, Lost
from offhook.doors.agi.agi_text import AgiEnvironment, Reply, quote, quote_exact
from offhook.errors import AgiError, HangupError, PlaybackError

HEADER_TIMEOUT_S = 5.0
REPLY_TIMEOUT_S = 5.0
_DIGITS = frozenset("0123456789*#ABCD")
_SAID = frozenset(("alpha", "date", "datetime", "digits", "number", "phonetic", "time"))


@dataclass(frozen=True, slots=True)
class PlaybackResult:
    """How a playback ended: at the file's end, by a ``digit``, or ``interrupted`` by us.

    ``endpos_samples`` is where, at the file's rate; None after an interruption (Asterisk
    does not say).
    """

    digit: str | None = None
    endpos_samples: int | None = None
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Digits:
    """Keys that the caller pressed; ``timed_out`` when fewer than were asked for came in time."""

    digits: str
    timed_out: bool = False


class AgiChannel:
    """The session.  Owns both descriptors from the start; :meth:`close` closes them.

    Lives on the running event loop.  Commands of several tasks queue up; a command issued
    while a file plays waits for its end, unless :meth:`stop_playback` ends it or the task
    that started it was cancelled.  Every command raises

    - HangupError when the channel is gone (511, or the pipe closed),
    - DeadlineError when Asterisk does not answer in time.  Late replies could be taken for
      others' then, so the session is over: only :meth:`close` is left,
    - AgiError when Asterisk refuses the command or answers nonsense.

    ``ended`` is set when the channel is known to be gone or the session unusable.
    """

    def __init__(self, read_fd: int, write_fd: int, *, reply_timeout_s: float = REPLY_TIMEOUT_S) -> None:
        self._reply_timeout_s = reply_timeout_s
        self._session = AgiSession(read_fd, write_fd, reply_timeout_s)

    @property
    def ended(self) -> asyncio.Event:
        return self._session.ended

    async def gone(self) -> None:
        """Wait for the session's end, and raise what ended it: HangupError when the channel is gone."""
        await self._session.gone()

    def close(self) -> None:
        """End the session and close the descriptors; a second time is harmless."""
        self._session.close()

    async def read_header(self, timeout_s: float = HEADER_TIMEOUT_S) -> AgiEnvironment:
        """The header Asterisk sends first: once, before any command.

        Raises AgiError when it is malformed or does not end in time.
        """
        return await self._session.read_header(timeout_s)

    async def answer(self) -> None:
        """Answer the call, if it is not yet."""
        if (await self._expect("ANSWER")).number < 0:
            raise HangupError("the channel hung up before it was answered")

    async def hangup(self) -> None:
        """Hang up the channel."""
        await self._expect("HANGUP")

    async def noop(self) -> None:
        """Nothing, answered."""
        await self._expect("NOOP")

    async def channel_status(self) -> int:
        """Asterisk's channel state: 4 ringing here, 6 up.  HangupError tells that it is gone."""
        return (await self._expect("CHANNEL STATUS")).number

    async def stream_file(
        self,
        path: str,
        escape_digits: str = "",
        offset_samples: int = 0,
        *,
        timeout_s: float | None = None,
        started: Callable[[], None] | None = None,
    ) -> PlaybackResult:
        """Play the file at ``path`` (no extension) and wait for its end.

        Raises PlaybackError when Asterisk cannot open or play it.  When the waiting task is
        cancelled, the file plays on until the next command or :meth:`stop_playback`.
        ``timeout_s`` None waits as long as the session lasts.  ``started`` is called when the
        command has been written: the caller hears the file's beginning a moment later.
        """
        name = quote_exact(path, "the file")
        keys = _checked_digits(escape_digits)
        line = f'STREAM FILE {name} "{keys}" {max(0, offset_samples)}'
        reply = await self._session.run(line, Interruption.SILENT, timeout_s, started)
        if isinstance(reply, Lost):
            return PlaybackResult(interrupted=True)
        if reply.number < 0:
            await self.channel_status()  # tells a hang-up from a file
            raise PlaybackError(f"Asterisk cannot play {path}: missing, unreadable, or of an unknown format")
        return PlaybackResult(_digit(reply.number), reply.endpos_samples)

    async def stop_playback(self) -> bool:
        """End the file, prompt or wait that runs now; returns once it is over.

        True when it was cut, False when nothing was running or it had ended by itself.
        It does not stop a file that is started later.
        """
        return await self._session.interrupt()

    async def wait_for_digit(self, timeout_ms: int) -> str | None:
        """The next key within ``timeout_ms``, or None (also when interrupted)."""
        line, limit_s = f"WAIT FOR DIGIT {max(0, timeout_ms)}", timeout_ms / 1000 + self._reply_timeout_s
        reply = await self._session.run(line, Interruption.REPLIES, limit_s)
        if isinstance(reply, Lost):
            return None
        if reply.number < 0:
            raise HangupError("the channel hung up while waiting for a digit")
        return _digit(reply.number)

    async def get_data(self, path: str, timeout_ms: int, max_digits: int) -> Digits:
        """Play a prompt and collect up to ``max_digits`` keys; ``#`` ends early.

        ``timeout_ms`` (at least 1) is allowed before each key.
        """
        line = f"GET DATA {quote_exact(path, 'the file')} {max(1, timeout_ms)} {max(1, max_digits)}"
        reply = await self._session.run(line, Interruption.SILENT, None)
        if isinstance(reply, Lost):
            return Digits("", timed_out=True)
        if reply.result == "-1":
            await self.channel_status()
            raise PlaybackError(f"Asterisk cannot play {path}: missing, unreadable, or of an unknown format")
        return Digits(reply.result, reply.text == "timeout")

    async def say(self, kind: str, value: str, keys: str = "") -> str | None:
        """``digits``, ``number``, ``alpha``, ``phonetic``, ``date``, ``time`` or ``datetime`` (these three:
        seconds since 1970), in the channel's language; the key that ended it.
        """
        if kind not in _SAID:
            raise AgiError(f"say {kind[:40]!r}: there is {', '.join(sorted(_SAID))}")
        line = f'SAY {kind.upper()} {quote_exact(value, "what is said")} "{_checked_digits(keys)}"'
        reply = await self._session.run(line, Interruption.IGNORED, None)
        assert isinstance(reply, Reply)
        if reply.number < 0:
            raise HangupError("the channel hung up, or nothing can be said of that")
        return _digit(reply.number)

    async def record_file(
        self, path: str, *, keys: str = "#", most_s: float = 60.0, silence_s: float = 0.0, beep: bool = True
    ) -> str | None:
        """Record the caller to ``path`` (no extension) as WAV; the key that ended it, None without one."""
        options = (" BEEP" if beep else "") + (f" s={round(silence_s)}" if silence_s else "")
        line = f'RECORD FILE {quote_exact(path, "the file")} wav "{_checked_digits(keys)}"'
        reply = await self._session.run(
            f"{line} {round(most_s * 1000)}{options}", Interruption.IGNORED, most_s + self._reply_timeout_s
        )
        assert isinstance(reply, Reply)
        if reply.number < 0:
            await self.channel_status()  # tells a hang-up from a file
            raise PlaybackError(f"Asterisk cannot record {path}: its folder is not there, or closed to it")
        return _digit(reply.number)

    async def database_get(self, family: str, key: str) -> str | None:
        """A value of Asterisk's own database; None: there is none."""
        reply = await self._expect(f"DATABASE GET {_names(family, key)}")
        return reply.text if reply.number == 1 else None

    async def database_put(self, family: str, key: str, value: str) -> None:
        """Set one."""
        await self._expect(f"DATABASE PUT {_names(family, key)} {quote_exact(value, 'the value')}")

    async def database_delete(self, family: str, key: str) -> None:
        """Remove one; harmless where there is none."""
        await self._expect(f"DATABASE DEL {_names(family, key)}")

    async def go_to(self, context: str, extension: str, priority: str = "1") -> None:
        """Where the dialplan goes on behind the script.  Priority comes last: it is what looks them up."""
        for what, where in (("CONTEXT", context), ("EXTENSION", extension), ("PRIORITY", priority)):
            await self._expect(f"SET {what} {quote_exact(where, 'the dialplan')}")

    async def get_variable(self, name: str) -> str | None:
        """A channel variable, or None when it is not set."""
        reply = await self._expect(f"GET VARIABLE {quote_exact(name, 'the variable')}")
        return reply.text if reply.number == 1 else None

    async def get_full_variable(self, expression: str) -> str | None:
        """The value of a dialplan expression such as ``${CALLERID(num)}``.

        Asterisk evaluates it, functions included: never put a caller's words in one.
        """
        reply = await self._expect(f"GET FULL VARIABLE {quote_exact(expression, 'the expression')}")
        return reply.text if reply.number == 1 else None

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable; ``value`` goes through :func:`quote` and may be shortened."""
        await self._expect(f"SET VARIABLE {quote_exact(name, 'the variable')} {quote(value)}")

    async def set_music(self, on: bool) -> None:
        """Start or stop music on hold."""
        await self._expect(f"SET MUSIC {'ON' if on else 'OFF'}")

    async def verbose(self, text: str, level: int = 3) -> None:
        """Show a line on Asterisk's console at verbosity ``level``."""
        await self._expect(f"VERBOSE {quote(text)} {level}")

    async def exec(self, application: str, options: str = "", *, timeout_s: float | None = None) -> int:
        """Run a dialplan application; -2 when Asterisk has none of that name, -1 on hang-up.

        ``timeout_s`` None waits as long as it takes.
        """
        line = f"EXEC {quote_exact(application, 'the application')} {quote_exact(options, 'the options')}"
        reply = await self._session.run(line, Interruption.IGNORED, timeout_s)
        assert isinstance(reply, Reply)
        return reply.number

    async def _expect(self, line: str) -> Reply:
        """Run a command that answers at once and is not interrupted."""
        reply = await self._session.run(line, Interruption.IGNORED, self._reply_timeout_s)
        assert isinstance(reply, Reply)
        return reply


def _names(family: str, key: str) -> str:
    return f"{quote_exact(family, 'the family')} {quote_exact(key, 'the key')}"


def _digit(number: int) -> str | None:
    """The key of a result: its character code, or 0 (and 1, "interrupted") for none."""
    char = chr(number) if 1 < number < 128 else ""
    return char if char in _DIGITS else None


def _checked_digits(digits: str) -> str:
    if not _DIGITS.issuperset(digits):
        raise AgiError(f"not digits that a caller can press: {digits[:40]!r}")
    return digits
