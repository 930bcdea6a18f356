"""A call in our Stasis application, as a line: its audio comes through another door, all else by ARI."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping

from offhook.core import Stream
from offhook.doors.ari.operations import Operations
from offhook.doors.base import CallOffer, Line, Listening, OnEvent, OnKey, Player
from offhook.errors import OffhookError


class AriLine:
    """See :class:`offhook.doors.base.Line`."""

    def __init__(
        self, media: Line, offer: CallOffer, channel: str, operations: Operations, told: dict[str, str]
    ) -> None:
        """``media``: the line that hears and speaks; it is closed with this one.  ``told`` gets variables."""
        self._told = told
        self._media = media
        self._offer = offer
        self._channel = channel
        self._operations = operations

    @property
    def offer(self) -> CallOffer:
        return self._offer

    @property
    def ended(self) -> asyncio.Event:
        return self._media.ended

    def accept(self) -> None:
        self._media.accept()

    async def answer(self) -> None:
        if self._offer.is_ringing:
            with contextlib.suppress(OffhookError):  # one who has hung up meanwhile is told by `ended`
                await self._operations.answer(self._channel)

    def hear(self, on_event: OnEvent, listening: Listening) -> Stream:
        return self._media.hear(on_event, listening)

    def player(self, on_key: OnKey) -> Player:
        return self._media.player(on_key)

    async def gone(self) -> None:
        await self._media.gone()

    async def get_variable(self, name: str) -> str | None:
        try:
            return await self._operations.get_variable(self._channel, name)
        except OffhookError:
            return None  # as where a door has none: nobody waits for Asterisk in a call

    async def set_variable(self, name: str, value: str) -> None:
        self._told[name] = value
        with contextlib.suppress(OffhookError):
            await self._operations.set_variable(self._channel, name, value)

    async def finish(self, result: str, variables: Mapping[str, str] | None = None) -> None:
        await self._media.finish(result, variables)

    def close(self) -> None:
        self._media.close()
