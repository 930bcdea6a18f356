"""What lines share whose audio goes both ways over one socket, and is heard and sent natively."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import uuid
from collections.abc import Mapping

from offhook.core import Framing, Stream
from offhook.doors.announced import Announced
from offhook.doors.base import CallOffer, Listening, OnEvent, OnKey
from offhook.doors.media import Media
from offhook.doors.network import Connection
from offhook.doors.paced import PacedPlayer
from offhook.events import AudioEnded, SpeechEvent

_log = logging.getLogger("offhook.doors.socket_line")

KEYS = frozenset("0123456789*#")
_ORDERLY = ("hang-up", "end of file")
"""Ends of a stream that are the caller's right."""


class SocketLine:
    """See :class:`offhook.doors.base.Line`; what is left out here belongs to one door."""

    framing: Framing
    lead_ms = 0
    """How far ahead frames are sent; see csrc/audio/sender.h."""

    def __init__(
        self, connection: Connection, offer: CallOffer, media: Media, key: uuid.UUID, announced: Announced
    ) -> None:
        """Begins to send.  ``key``: what the dialplan asks for how it went.  Raises OSError."""
        assert media.sending is not None, "a door that sends is open"
        self._connection = connection
        self._offer = offer
        self._hearing = media.hearing
        self._sending = media.sending
        self._key = key
        self._announced = announced
        self._ended = asyncio.Event()
        self._stream: Stream | None = None
        self._player: PacedPlayer | None = None
        self._sender = self._sending.add(
            connection.sock.fileno(),
            offer.rate_hz,
            self._sending_ended,
            framing=self.framing,
            lead_ms=self.lead_ms,
        )

    @property
    def offer(self) -> CallOffer:
        return self._offer

    @property
    def ended(self) -> asyncio.Event:
        return self._ended

    def accept(self) -> None:
        """The dialplan learns nothing of it before the call is over."""

    async def answer(self) -> None:
        """Asterisk has answered the channel by itself, when it dialled."""

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        def noticed(event: SpeechEvent) -> None:
            if isinstance(event, AudioEnded):
                self._audio_ended()
            on_event(event)

        fd = os.dup(self._connection.sock.fileno())
        try:
            self._stream = self._hearing.add(
                fd, self._offer.rate_hz, noticed, listening, framing=self.framing, on_message=self.told
            )
        except BaseException:
            os.close(fd)
            raise
        return self._stream

    def player(self, on_key: OnKey) -> PacedPlayer:
        assert self._player is None
        self._player = self.make_player(on_key)
        return self._player

    async def gone(self) -> None:
        await self._ended.wait()

    async def get_variable(self, name: str) -> str | None:
        return None

    async def set_variable(self, name: str, value: str) -> None:
        """There are none; what is to last goes to :meth:`finish`."""

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        self._announced.leave(self._key, result, variables)

    def close(self) -> None:
        if not self._ended.is_set():
            self.hang_up()
            self._ended.set()
        self._sending.remove(self._sender)
        if self._stream is not None:
            self._hearing.remove(self._stream)
            self._stream = None

    def send(self, code: int, payload: bytes = b"") -> bool:
        """Send a message between two frames.  False when the line is broken."""
        with contextlib.suppress(OSError, ValueError):
            self._sender.send_message(code, payload)
            return True
        return False

    # --- a door's own -----------------------------------------------------------------------------

    def make_player(self, on_key: OnKey) -> PacedPlayer:
        return PacedPlayer(self._sender, self._offer.rate_hz, on_key)

    def told(self, code: int, payload: bytes) -> None:
        """What the other side has sent beside audio."""
        raise NotImplementedError

    def hang_up(self) -> None:
        """Say that the call is over, for us."""
        raise NotImplementedError

    # --- within -----------------------------------------------------------------------------------

    def _audio_ended(self) -> None:
        reason = "" if self._stream is None else self._stream.end_reason
        if reason and reason not in _ORDERLY and not self._ended.is_set():
            _log.warning("call=%s its connection ended: %s", self._offer.call_id, reason)
        self._ended.set()

    def _sending_ended(self, playback: int, broken: bool) -> None:
        if self._player is not None:
            self._player.ended(playback, broken)
        if broken:
            self._ended.set()
