"""What of a line stays when another agent goes on with the call: the caller's audio, our one voice, the tap.

A call has one wire; the agents who talk on it come one after the other, each as a
:class:`~offhook.call.call.Call` of its own.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping

from offhook.call.output import CallOutput
from offhook.call.tap import Tap
from offhook.call.tasks import Tasks
from offhook.core import Stream
from offhook.doors.base import Line, Listening
from offhook.events import SpeechEvent

_log = logging.getLogger("offhook.call.wire")

MOST_HELD = 64
"""Between two agents; a moment's worth is a few."""


class Wire:
    """One line's.  Lives on the event loop."""

    def __init__(self, line: Line) -> None:
        """``line`` is accepted, and the wire's from now on."""
        self.line = line
        self.output = CallOutput(line.player(self._tell), line.offer.rate_hz)
        self.tap: Tap | None = None
        """What both sides hear; None before the caller is heard."""
        self.opened = False
        """Somebody talks, or has talked, on it."""
        self._stream: Stream | None = None
        self.turns = 0
        """Answers that the caller began to hear, of all agents before the present one."""
        self._post: Callable[[SpeechEvent], None] | None = None
        self._pressed: Callable[[str], None] | None = None
        self._held: deque[SpeechEvent | str] = deque(maxlen=MOST_HELD)
        """What the caller did between two agents: events of their voice, and keys."""
        self._tasks = Tasks(_failed)

    def attach(self, post: Callable[[SpeechEvent], None], pressed: Callable[[str], None]) -> None:
        """What the caller does is told to these from now on: their voice, and the keys that they press."""
        self._post, self._pressed = post, pressed
        while self._held:
            self._tell(self._held.popleft())

    def hear(self, listening: Listening) -> tuple[Stream, Tap]:
        """The caller's audio; from the second time on it is the same, with another patience.

        Raises as :meth:`Line.hear` does.
        """
        if self._stream is None or self.tap is None:
            self._stream = self.line.hear(self._tell, listening)
            self.tap = Tap(self._stream, self.output, self._tasks.spawn)
        else:
            self._stream.set_endpointing_ms(listening.endpointing_ms)
        self.opened = True
        return self._stream, self.tap

    async def leave(self, result: str, variables: Mapping[str, str], *, turns: int, stays: bool) -> None:
        """An agent talks no more.  Unless the line ``stays`` for another one, the dialplan is told, once all
        that was said has been heard.
        """
        self.turns = turns
        self._post = self._pressed = None
        if stays:
            return
        await self.output.close()
        if self.tap is not None:
            self.tap.close()
        await self._tasks.close()
        await self.line.finish(result, variables)

    def _tell(self, what: SpeechEvent | str) -> None:
        if self._post is None or self._pressed is None:
            self._held.append(what)
        elif isinstance(what, str):
            self._pressed(what)
        else:
            self._post(what)


def _failed(error: BaseException, name: str) -> None:
    _log.error("%s has failed, and the call goes on without it", name, exc_info=error)
