"""What an AGI header says of a call."""

from __future__ import annotations

from offhook.doors.agi.agi_text import AgiEnvironment
from offhook.doors.base import CallOffer


def offer_of(door: str, header: AgiEnvironment, arguments: tuple[str, ...], rate_hz: int) -> CallOffer:
    """What Asterisk says of a call.

    The dialled number is ``CALLERID(dnid)``, which lasts when the dialplan sends the call somewhere else; on
    channels without one it is the extension.
    """

    def said(name: str) -> str:
        return header.get(name) or ""

    return CallOffer(
        door=door,
        call_id=header.uniqueid,
        dialled=said("dnid") or said("extension"),
        caller=said("callerid"),
        caller_name=said("calleridname"),
        account=said("accountcode"),
        language=said("language"),
        context=said("context"),
        extension=said("extension"),
        arguments=arguments,
        rate_hz=rate_hz,
    )
