"""One channel in our application, from its arrival to the dialplan's going on: a bridge, and audio to us."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from offhook.doors.announced import Announced
from offhook.doors.ari.line import AriLine
from offhook.doors.ari.messages import Json
from offhook.doors.ari.operations import Operations
from offhook.doors.base import RESULT_VARIABLE, CallOffer, Line
from offhook.errors import BusyError, DeadlineError, OffhookError

_log = logging.getLogger("offhook.doors.ari")

PREFIX = "offhook-"
"""Of the ids of bridges and channels that we make."""
MEDIA_WITHIN_S = 5.0
"""For the audio to come, once it was asked for."""

Take = Callable[[Line], Awaitable[None]]
Variables = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class MediaWay:
    """How the audio of a channel comes to us."""

    form: str
    """``slin`` or ``slin16``."""
    door: str
    """``audiosocket`` or ``websocket``."""
    host: str
    """AudioSocket: where we listen, as Asterisk sees it.  chan_websocket: a section of
    websocket_client.conf."""

    @property
    def rate_hz(self) -> int:
        return 16_000 if self.form == "slin16" else 8_000

    def asked(self, key: uuid.UUID) -> Variables:
        """What of an external medium says where it goes."""
        if self.door == "audiosocket":
            return {
                "external_host": self.host,
                "encapsulation": "audiosocket",
                "transport": "tcp",
                "connection_type": "client",
                "data": str(key),
            }
        return {
            "external_host": self.host,
            "encapsulation": "none",
            "transport": "websocket",
            "connection_type": "client",
            "transport_data": f"v(uuid={key})",
        }


@dataclass(slots=True)
class StasisCall:
    """One channel of somebody's, and what we have put beside it."""

    channel: str
    offer: CallOffer
    media: str = field(default_factory=lambda: f"{PREFIX}media-{uuid.uuid4()}")
    bridge: str = field(default_factory=lambda: f"{PREFIX}bridge-{uuid.uuid4()}")
    media_in: asyncio.Event = field(default_factory=asyncio.Event)
    """The channel that carries the audio is in our application."""
    joined: asyncio.Event = field(default_factory=asyncio.Event)
    """Both are in the bridge: from now on we are heard."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The channel has been hung up, or is somewhere else."""
    line: Line | None = None
    told: dict[str, str] = field(default_factory=dict)
    """Variables that were set while it went on."""

    def leave(self) -> None:
        """It is there no more."""
        self.gone.set()
        if self.line is not None:
            self.line.ended.set()


async def hold(
    call: StasisCall, operations: Operations, announced: Announced, way: MediaWay, take: Take
) -> Variables:
    """Connect ``call`` with ``take`` and return what it has left, when it is over.

    Empty: the caller has hung up.  Never raises but CancelledError; all that was made is taken away.
    """

    async def take_line(media: Line) -> None:
        line = call.line = AriLine(media, call.offer, call.channel, operations, call.told)
        if call.gone.is_set():
            line.ended.set()
        await asyncio.wait_for(call.joined.wait(), MEDIA_WITHIN_S)
        await take(line)

    try:
        key = announced.announce(call.offer, take_line)
        connecting = asyncio.create_task(_connect(call, operations, way, key), name="ari-connect")
        over = asyncio.create_task(_over(call, announced, key), name="ari-over")
        try:
            await asyncio.wait({connecting, over}, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                connecting.result()
            return await over
        finally:
            for each in (connecting, over):
                each.cancel()
            await asyncio.gather(connecting, over, return_exceptions=True)
    except BusyError as error:
        _log.info("call=%s declined: %s", call.offer.call_id, error)
        return {RESULT_VARIABLE: "busy"}
    except OffhookError as error:
        if call.gone.is_set():
            return {}
        _log.error("call=%s its audio does not come: %s", call.offer.call_id, error)
        return {RESULT_VARIABLE: "failed"}
    finally:
        await asyncio.shield(_clear(call, operations))


async def _connect(call: StasisCall, operations: Operations, way: MediaWay, key: uuid.UUID) -> None:
    await operations.bridge(call.bridge)
    await operations.join(call.bridge, call.channel)
    await operations.external_media(call.media, way.form, way.asked(key))
    try:
        await asyncio.wait_for(call.media_in.wait(), MEDIA_WITHIN_S)
    except TimeoutError:
        raise DeadlineError(
            f"no audio from {way.host} within {MEDIA_WITHIN_S:g} s: can Asterisk reach the door there?"
            " (doors.ari.media_host)"
        ) from None
    await operations.join(call.bridge, call.media)
    call.joined.set()


async def _over(call: StasisCall, announced: Announced, key: uuid.UUID) -> Variables:
    """What the call has left, once it is over, or was never begun."""
    joined = asyncio.ensure_future(call.joined.wait())
    gone = asyncio.ensure_future(call.gone.wait())
    try:
        await asyncio.wait({joined, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not joined.done():
            return {}
        found = await announced.variables(key, None)
        return {} if call.gone.is_set() else found
    finally:
        for each in (joined, gone):
            each.cancel()
        await asyncio.gather(joined, gone, return_exceptions=True)


async def _clear(call: StasisCall, operations: Operations) -> None:
    for undo in (operations.hang_up(call.media), operations.destroy(call.bridge)):
        with contextlib.suppress(OffhookError):  # gone with the caller
            await undo


def offer_of(channel: Json, arguments: tuple[str, ...], dialled: str, rate_hz: int) -> CallOffer:
    """What ARI says of a channel.  ``dialled``: ``CALLERID(dnid)``, which lasts; else the extension."""

    def said(part: str, name: str) -> str:
        found = channel.get(part)
        return str(found.get(name) or "") if isinstance(found, dict) else ""

    return CallOffer(
        door="ari",
        call_id=str(channel.get("id") or ""),
        dialled=dialled or said("dialplan", "exten"),
        caller=said("caller", "number"),
        caller_name=said("caller", "name"),
        account=str(channel.get("accountcode") or ""),
        language=str(channel.get("language") or ""),
        context=said("dialplan", "context"),
        extension=said("dialplan", "exten"),
        arguments=arguments,
        rate_hz=rate_hz,
        is_ringing=channel.get("state") != "Up",
    )
