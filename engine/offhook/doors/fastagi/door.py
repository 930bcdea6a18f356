"""``AGI(agi://HOST/offer)`` before a call, ``AGI(agi://HOST/result,UUID)`` behind it.

``offer`` sets ``OFFHOOK_UUID``, which the call has to bring; or, where it would be declined, nothing but
``OFFHOOK_RESULT``, and the dialplan knows that before the caller is answered.  ``result`` sets what a call
that came by EAGI would have set.
"""

from __future__ import annotations

import hmac
import logging
import os
import uuid
from collections.abc import Callable

from offhook.doors.agi.agi import AgiChannel
from offhook.doors.agi.agi_text import AgiEnvironment
from offhook.doors.agi.offer import offer_of
from offhook.doors.announced import Announced
from offhook.doors.base import RESULT_VARIABLE, CallOffer
from offhook.doors.network import HELLO_TIMEOUT_S, Connection
from offhook.errors import BusyError, ConfigError, ProtocolError

_log = logging.getLogger("offhook.doors.fastagi")

UUID_VARIABLE = "OFFHOOK_UUID"
OFFER, RESULT = "offer", "result"
RESULT_WITHIN_S = 5.0
"""For a call to be over whose audio has ended already."""
_TOKEN, _RATE = "token=", "rate="
_MOST_ARGUMENTS = 32

Check = Callable[[CallOffer], str | None]
"""What would become of a call: None, or the result of one that is refused.  Raises BusyError, ConfigError."""


class FastAgiDoor:
    """One daemon's.  Lives on the event loop."""

    def __init__(self, token: str | None, announced: Announced, check: Check) -> None:
        """``token``: what every step has to bring as ``token=``; None where only this machine can connect."""
        self._token = token
        self._announced = announced
        self._check = check

    async def serve(self, connection: Connection) -> None:
        """One step.  Raises ProtocolError when it is none."""
        fd = connection.sock.fileno()
        agi = AgiChannel(os.dup(fd), os.dup(fd))
        try:
            header = await agi.read_header(HELLO_TIMEOUT_S)
            connection.known()
            arguments = _arguments(header)
            if not self._may_come(arguments):
                await agi.set_variable(RESULT_VARIABLE, "failed")
                raise ProtocolError(
                    "it does not bring the token of doors.fastagi: AGI(agi://.../offer,token=...)"
                )
            arguments = tuple(each for each in arguments if not each.startswith(_TOKEN))
            match header.get("network_script"):
                case "offer":
                    variables = self._offer(header, arguments)
                case "result":
                    variables = await self._result(arguments)
                case other:
                    raise ProtocolError(
                        f"there is no step {(other or '')[:40]!r}: write /{OFFER} or /{RESULT}"
                    )
            for name, value in variables.items():
                await agi.set_variable(name, value)
        finally:
            agi.close()

    def _may_come(self, arguments: tuple[str, ...]) -> bool:
        if self._token is None:
            return True
        given = next((each.removeprefix(_TOKEN) for each in arguments if each.startswith(_TOKEN)), "")
        return hmac.compare_digest(given.encode(), self._token.encode())

    def _offer(self, header: AgiEnvironment, arguments: tuple[str, ...]) -> dict[str, str]:
        rate_hz = 16_000 if f"{_RATE}16000" in arguments else 8_000
        offer = offer_of("fastagi", header, arguments, rate_hz)
        try:
            refusal = self._check(offer)
            if refusal is not None:
                return {UUID_VARIABLE: "", RESULT_VARIABLE: refusal}
            return {UUID_VARIABLE: str(self._announced.announce(offer)), RESULT_VARIABLE: ""}
        except BusyError as error:
            _log.info("call=%s declined: %s", offer.call_id, error)
            return {UUID_VARIABLE: "", RESULT_VARIABLE: "busy"}
        except ConfigError as error:
            _log.error("call=%s refused: %s", offer.call_id, error)
            return {UUID_VARIABLE: "", RESULT_VARIABLE: "failed"}

    async def _result(self, arguments: tuple[str, ...]) -> dict[str, str]:
        try:
            key = uuid.UUID(arguments[0] if arguments else "")
        except ValueError:
            return {RESULT_VARIABLE: "unavailable"}  # there was no offer
        return dict(await self._announced.variables(key, RESULT_WITHIN_S))


def _arguments(header: AgiEnvironment) -> tuple[str, ...]:
    found = []
    for number in range(1, _MOST_ARGUMENTS + 1):
        argument = header.variables.get(f"agi_arg_{number}")
        if argument is None:
            break
        found.append(argument)
    return tuple(found)
