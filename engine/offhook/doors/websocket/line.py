"""A call that came by chan_websocket, as a line.

Asterisk plays what we send from a queue, a frame every 20 ms, and silence when the queue is empty.  So frames
go out LEAD_MS ahead, which hides a stumble of either side, and none while nothing is said: the queue is empty
before each answer, and no delay can stay in it (asterisk#2115).  A mark behind an answer tells when the
caller has heard all of it; a flush throws away what they have not, and just before it Asterisk says how much
that is.
"""

from __future__ import annotations

import asyncio
import logging
import uuid

from offhook.core import Sender, Stream
from offhook.doors.announced import Announced
from offhook.doors.base import CallOffer, Listening, OnEvent, OnKey, PlaybackEnd
from offhook.doors.media import Media
from offhook.doors.network import Connection
from offhook.doors.paced import FRAMES_PER_S, PacedPlayer, SentTrack
from offhook.doors.socket_line import KEYS, SocketLine
from offhook.doors.websocket.control import OP_CLOSE, OP_PING, OP_PONG, OP_TEXT, Control, parse_event
from offhook.errors import ProtocolError

_log = logging.getLogger("offhook.doors.websocket")

LEAD_MS = 200
"""Ten frames: some 40 ms more than this thread was seen to wake up late beside busy programs, twice."""
MARK_WITHIN_S = 3.0
"""For the mark behind an answer, once it should have been heard; then one is not waited for any longer."""
STATUS_WITHIN_S = 0.2
"""For Asterisk to say what is in its queue; meanwhile nothing more is sent."""
_NORMAL_CLOSURE = (1000).to_bytes(2)


class WebSocketPlayer(PacedPlayer):
    """See :class:`offhook.doors.base.Player`."""

    def __init__(self, sender: Sender, rate_hz: int, on_key: OnKey, line: WebSocketLine) -> None:
        super().__init__(sender, rate_hz, on_key)
        self._line = line
        self._marks = 0
        self._marked: asyncio.Future[PlaybackEnd] | None = None
        self._status: asyncio.Future[int] | None = None

    def sent_all(self, over: asyncio.Future[PlaybackEnd]) -> None:
        """By our clock it is over; Asterisk says when it is by its own."""
        self._marks += 1
        self._marked = over
        if self._line.command("MARK_MEDIA", str(self._marks)):
            loop = asyncio.get_running_loop()
            loop.call_later(MARK_WITHIN_S, self._mark_missing, self._marks)
        else:
            self.mark_processed(str(self._marks))

    def mark_processed(self, correlation_id: str) -> None:
        over = self._marked
        if correlation_id == str(self._marks) and over is not None:
            self._marked = None
            if not over.done():
                super().sent_all(over)

    async def throw_away(self, track: SentTrack) -> None:
        """Asterisk says how many frames are in its queue, then forgets them."""
        status = self._status = asyncio.get_running_loop().create_future()
        asked = self._line.command("GET_STATUS")
        if not (self._line.command("FLUSH_MEDIA") and asked):
            return
        try:
            queued = await asyncio.wait_for(status, STATUS_WITHIN_S)
        except TimeoutError:
            return  # then what was heard is told by the clock
        track.played_all_but(queued * (self._rate_hz // FRAMES_PER_S))

    def status(self, queue_length: str) -> None:
        if self._status is not None and not self._status.done() and queue_length.isdecimal():
            self._status.set_result(int(queue_length))

    def _mark_missing(self, number: int) -> None:
        if number == self._marks and self._marked is not None and not self._marked.done():
            _log.warning("call=%s a mark did not come back", self._line.offer.call_id)
            self.mark_processed(str(number))


class WebSocketLine(SocketLine):
    """See :class:`offhook.doors.base.Line`."""

    framing = "websocket"
    lead_ms = LEAD_MS

    def __init__(
        self,
        connection: Connection,
        offer: CallOffer,
        media: Media,
        key: uuid.UUID,
        announced: Announced,
        control: Control,
    ) -> None:
        self._control = control
        self._answered = False
        self._websocket_player: WebSocketPlayer | None = None
        super().__init__(connection, offer, media, key, announced)

    async def answer(self) -> None:
        """With the dial string's option ``n`` the caller is answered now and not before."""
        self._answer()

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        stream = super().hear(on_event, listening)
        self._answer()  # else nobody would be heard
        return stream

    def _answer(self) -> None:
        if not self._answered:
            self._answered = True
            self.command("ANSWER")

    def command(self, name: str, correlation_id: str = "") -> bool:
        """Ask something of chan_websocket.  False when the line is broken."""
        return self.send(OP_TEXT, self._control.command(name, correlation_id))

    def make_player(self, on_key: OnKey) -> WebSocketPlayer:
        self._websocket_player = WebSocketPlayer(self._sender, self._offer.rate_hz, on_key, self)
        return self._websocket_player

    def hang_up(self) -> None:
        self.command("HANGUP")
        self.send(OP_CLOSE, _NORMAL_CLOSURE)

    def told(self, code: int, payload: bytes) -> None:
        if code == OP_PING:
            self.send(OP_PONG, payload)
        if code != OP_TEXT:
            return
        try:
            event = parse_event(payload)
        except ProtocolError as error:
            _log.warning("call=%s %s", self._offer.call_id, error)
            return
        player = self._websocket_player
        match event.name:
            case "DTMF_END" if player is not None and event.get("digit") in KEYS:
                player.key_pressed(event.get("digit"))
            case "STATUS" if player is not None:
                player.status(event.get("queue_length"))
            case "MEDIA_MARK_PROCESSED" if player is not None:
                player.mark_processed(event.get("correlation_id"))
            case "ERROR" | "MEDIA_XOFF":
                # With a lead of ten frames its queue, of 1,000, does not fill up.
                why = event.get("error_text")
                _log.warning("call=%s Asterisk says %s %s", self._offer.call_id, event.name, why)
