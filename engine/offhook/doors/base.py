"""What every door gives to a call: who calls whom, an ear, a mouth, and a way to leave.

A *door* is one way in which Asterisk brings calls.  Whoever listens there makes of each call a :class:`Line`
and asks the daemon to take it.  Until :meth:`Line.accept` the caller hears nothing from us: what cannot be
taken is declined by an error, and the door says that in its own protocol.  From then on the line is the
call's, which knows of no protocol and leaves through :meth:`Line.finish` and :meth:`Line.close`.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from offhook.core import Stream
from offhook.errors import HangupError
from offhook.events import SpeechEvent
from offhook.playout.folder import Clip
from offhook.playout.utterance import Track, Utterance

T = TypeVar("T")

OnEvent = Callable[[SpeechEvent], None]
OnKey = Callable[[str], None]
"""Gets one key: a digit, ``*`` or ``#``."""

RESULT_VARIABLE = "OFFHOOK_RESULT"
"""Where the dialplan finds how a call went."""
HANGUP = "hangup"
"""The result of a call that the caller has ended: nobody is left who would read it."""


@dataclass(frozen=True, slots=True)
class CallOffer:
    """What is known of a call before it is taken.  Texts are empty where nobody has said anything.

    All of them come from outside: from Asterisk, its dialplan, or the caller's own telephone.
    """

    door: str
    """Which door it came through: "eagi"."""
    call_id: str
    """The channel's unique id, or what the door has instead of it."""
    dialled: str = ""
    """The number that was dialled, as it was delivered."""
    caller: str = ""
    """The caller's number; empty when it is withheld."""
    caller_name: str = ""
    account: str = ""
    """The channel's account code."""
    language: str = ""
    """The channel's language as Asterisk names it, such as "en" or "de_AT"."""
    context: str = ""
    """Where in the dialplan the call is: its context ..."""
    extension: str = ""
    """... and extension."""
    arguments: tuple[str, ...] = ()
    """What the dialplan has given along, such as ``agent=helpdesk``."""
    rate_hz: int = 8_000
    """Of the audio in both directions: signed 16-bit, mono."""
    is_ringing: bool = False
    """Nobody has answered the channel, and the dialplan leaves that to us."""
    is_placed: bool = False
    """We have placed the call: ``caller`` is whom we called, ``dialled`` the number that we call from."""
    files: bool = False
    """Asterisk plays files that this machine writes: it is on the same one."""


@dataclass(frozen=True, slots=True)
class Listening:
    """How a caller is listened to; see ``MediaThread.add``."""

    pause_ms: int
    """Silence after which the caller may be done."""
    endpointing_ms: int
    """Silence after which they are."""
    ring_s: float
    """Audio that is kept."""


class PlaybackEnd(enum.Enum):
    """Why a playback is over."""

    END = "end"
    """The track's end was met, which may be before the utterance's."""
    CUT = "cut"
    """By :meth:`Player.cut`."""
    KEY = "key"
    """By a key, which has been reported."""


class Player(Protocol):
    """What the caller hears: one utterance at a time, and silence, or nothing, in between.

    Lives on the event loop.  The call's output asks for one thing at a time; it alone decides what is played,
    when, and what becomes of it.
    """

    def track(self) -> Track:
        """A new track that this player can play, at the offer's rate.  Raises PlaybackError."""
        ...

    async def play(self, utterance: Utterance, *, keys_cut: bool, started: Callable[[], None]) -> PlaybackEnd:
        """Play ``utterance`` from its ``offset_samples`` on, until it is over, cut, or ended by a key.

        ``started`` is called when the caller begins to hear it.  The player tells the utterance, too, by
        :meth:`Utterance.started` and :meth:`Utterance.stopped`, as exactly as it knows.  ``keys_cut`` False:
        a key is reported and does not end it; where it does so all the same, the utterance is played on.

        Raises PlaybackError, HangupError, DeadlineError.
        """
        ...

    async def play_file(self, clip: Clip) -> None:
        """Play a whole file to its end, which keys do not cut: what can be said when nothing else can.

        Raises PlaybackError, HangupError, DeadlineError.
        """
        ...

    async def cut(self) -> None:
        """End what :meth:`play` plays; returns when nothing of it is sent any more.  Harmless otherwise.

        Raises HangupError, DeadlineError.
        """
        ...

    async def close(self) -> None:
        """Play no more, once what was played last has reached the caller's ear, if they are still there."""
        ...


class Line(Protocol):
    """One call at a door.  Lives on the event loop."""

    @property
    def offer(self) -> CallOffer:
        """Who calls whom."""
        ...

    @property
    def ended(self) -> asyncio.Event:
        """Set when the caller has hung up."""
        ...

    def accept(self) -> None:
        """The call is taken: to be said before anything that takes long."""
        ...

    async def answer(self) -> None:
        """Take the call off the hook, where nobody has yet; :meth:`accept` comes before.

        Raises as :meth:`gone` does.
        """
        ...

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        """Hear the caller from now on; once.  :meth:`close` ends it.

        Raises ConfigError when the audio does not come as it should, and what ``MediaThread.add`` raises.
        """
        ...

    def player(self, on_key: OnKey) -> Player:
        """The caller's ear; once.  ``on_key`` gets each key that they press, whatever is played."""
        ...

    async def gone(self) -> None:
        """Wait for the caller to hang up.

        Raises what ends the call otherwise: HangupError, or AgiError or DeadlineError when nobody can talk
        with Asterisk any more.
        """
        ...

    async def get_variable(self, name: str) -> str | None:
        """A channel variable; None when it is not set, or the door has none.  Raises as :meth:`gone` does."""
        ...

    async def set_variable(self, name: str, value: str) -> None:
        """Set a channel variable, where the door has some.  Raises as :meth:`gone` does."""
        ...

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        """Leave word for the dialplan, which goes on behind the call: ``variables``, then the result.

        Nothing is left when ``result`` is :data:`HANGUP`.  Never raises: what cannot be told is a failed
        call to the dialplan.
        """
        ...

    def close(self) -> None:
        """Give everything back; the dialplan goes on.  Any number of times."""
        ...


async def unless_ended(ended: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` results in; it is cancelled when ``ended`` is set meanwhile.

    Raises HangupError then: whoever makes something ready for a caller does not hold their place on.
    """
    working = asyncio.ensure_future(work)
    closed = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({working, closed}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HangupError("the caller has hung up")
        return working.result()
    finally:
        for each in (working, closed):
            each.cancel()
        await asyncio.wait({working, closed})
