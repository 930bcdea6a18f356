"""A call that came by EAGI: the launcher's lifeline, the AGI session and the caller's audio, as one line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from offhook.core import Stream
from offhook.doors.agi.agi import AgiChannel
from offhook.doors.agi.offer import offer_of
from offhook.doors.base import (
    HANGUP,
    RESULT_VARIABLE,
    CallOffer,
    Listening,
    OnEvent,
    OnKey,
    unless_ended,
)
from offhook.doors.eagi import audio_format
from offhook.doors.eagi.handoff import Reason
from offhook.doors.eagi.lifeline import Handoff, HandoffState
from offhook.doors.eagi.player import EagiPlayer
from offhook.doors.media import Media
from offhook.errors import ConfigError, OffhookError

HEADER_TIMEOUT_S = 1.5
"""Asterisk has written the header before the launcher ran; the launcher waits 2 s for us."""


class EagiLine:
    """See :class:`offhook.doors.base.Line`.  Made by :meth:`open`."""

    def __init__(
        self,
        handoff: Handoff,
        agi: AgiChannel,
        offer: CallOffer,
        media: Media,
        problem: ConfigError | None = None,
    ) -> None:
        """``problem`` is why the caller cannot be heard."""
        self._handoff = handoff
        self._agi = agi
        self._offer = offer
        self._media = media
        self._problem = problem
        self._told = False
        """The dialplan knows, or nobody is left who would."""
        self._stream: Stream | None = None
        self._player: EagiPlayer | None = None

    @classmethod
    async def open(cls, handoff: Handoff, media: Media) -> EagiLine:
        """Ask Asterisk who calls; the caller hears nothing of it.

        Raises AgiError (a header that is malformed or does not come), HangupError, DeadlineError.
        """
        agi = AgiChannel(*handoff.descriptors.take_agi())
        try:
            return await unless_ended(handoff.closed, cls._open(handoff, agi, media))
        except BaseException:
            agi.close()
            raise

    @classmethod
    async def _open(cls, handoff: Handoff, agi: AgiChannel, media: Media) -> EagiLine:
        header = await agi.read_header(HEADER_TIMEOUT_S)
        problem, rate_hz = None, 8_000
        try:
            rate_hz = await audio_format.ask_rate_hz(agi, header.uniqueid)
        except ConfigError as error:
            problem = error  # the call is taken, so that the caller hears an apology
        if handoff.descriptors.audio is None:
            problem = ConfigError("no caller's audio: the dialplan has to run EAGI(), not AGI()")
        offer = replace(offer_of("eagi", header, handoff.hello.args, rate_hz), files=True)
        return cls(handoff, agi, offer, media, problem)

    @property
    def offer(self) -> CallOffer:
        return self._offer

    @property
    def ended(self) -> asyncio.Event:
        return self._handoff.closed

    def accept(self) -> None:
        self._handoff.accepted()

    async def answer(self) -> None:
        await self._agi.answer()

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        if self._problem is not None:
            raise self._problem
        descriptors = self._handoff.descriptors
        assert descriptors.audio is not None, "else that is the problem"
        self._stream = self._media.hearing.add(descriptors.audio, self._offer.rate_hz, on_event, listening)
        descriptors.take_audio()  # the media thread's from now on
        return self._stream

    def player(self, on_key: OnKey) -> EagiPlayer:
        assert self._player is None
        self._player = EagiPlayer(
            self._agi, self._media.folder, self._media.playout, self._offer.rate_hz, on_key
        )
        return self._player

    async def gone(self) -> None:
        lifeline = asyncio.ensure_future(self._handoff.closed.wait())
        session = asyncio.ensure_future(self._agi.gone())
        try:
            await asyncio.wait({lifeline, session}, return_when=asyncio.FIRST_COMPLETED)
            if not lifeline.done():
                session.result()  # raises what has ended it
        finally:
            lifeline.cancel()
            session.cancel()
            await asyncio.gather(lifeline, session, return_exceptions=True)

    async def get_variable(self, name: str) -> str | None:
        return await self._agi.get_variable(name)

    async def set_variable(self, name: str, value: str) -> None:
        await self._agi.set_variable(name, value)

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        self._told = True
        if result == HANGUP:
            return
        try:
            for name, value in (variables or {}).items():
                await self._agi.set_variable(name, value)
            await self._agi.set_variable(RESULT_VARIABLE, result)
        except OffhookError:
            self._handoff.refuse(Reason.INTERNAL)  # then the launcher sets it

    def close(self) -> None:
        self._agi.close()
        if self._stream is not None:
            self._media.hearing.remove(self._stream)
            self._stream = None
        if self._player is not None:
            self._player.drop_files()
        if self._told and self._handoff.state is HandoffState.ACCEPTED:
            self._handoff.done()  # else the listener tells the launcher that the call has failed
