"""What is asked of Asterisk: the dozen and a half requests of ARI that calls need.

Each raises AriError when Asterisk refuses, and DeadlineError when nobody answers.  Ids of channels, bridges
and recordings that are made are ours, so that they are known before the answer is, and asking twice is no
harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from offhook.doors.ari.link import Link
from offhook.doors.ari.messages import Json, Request

_SHORT_S = 3.0
"""For what is only worth anything at once."""


class Operations:
    """One Asterisk's."""

    def __init__(self, link: Link, app: str) -> None:
        self._link = link
        self._app = app

    # --- channels --------------------------------------------------------------------------

    async def answer(self, channel: str) -> None:
        await self._ask("POST", _channel(channel, "answer"))

    async def ring(self, channel: str) -> None:
        """Let the caller hear that it rings."""
        await self._ask("POST", _channel(channel, "ring"))

    async def hang_up(self, channel: str, cause: int | None = None) -> None:
        """``cause``: of Q.850, such as 21 for "rejected"; None: an ordinary end."""
        await self._ask("DELETE", _channel(channel), {} if cause is None else {"reason_code": str(cause)})

    async def get_variable(self, channel: str, name: str) -> str | None:
        found = await self._ask("GET", _channel(channel, "variable"), {"variable": name}, within_s=_SHORT_S)
        value = found.get("value") if isinstance(found, dict) else None
        return value if isinstance(value, str) and value else None

    async def set_variable(self, channel: str, name: str, value: str) -> None:
        await self._ask("POST", _channel(channel, "variable"), {"variable": name, "value": value})

    async def go_on(self, channel: str, context: str = "", extension: str = "", priority: int = 1) -> None:
        """The dialplan goes on: behind ``Stasis()``, or there."""
        where = {"context": context, "extension": extension, "priority": str(priority)} if context else {}
        await self._ask("POST", _channel(channel, "continue"), where)

    async def redirect(self, channel: str, endpoint: str) -> None:
        """The call leaves our box: SIP's REFER, or 302 before the answer."""
        await self._ask("POST", _channel(channel, "redirect"), {"endpoint": endpoint})

    async def hold(self, channel: str, *, on: bool, music: bool = True) -> None:
        method = "POST" if on else "DELETE"
        await self._ask(method, _channel(channel, "hold"))
        if music:
            await self._ask(method, _channel(channel, "moh"))

    async def snoop(self, channel: str, snoop: str, *, spy: str = "both", whisper: str = "none") -> None:
        """A channel ``snoop`` that hears ``channel`` (``in``, ``out``, ``both``), and may speak to it."""
        query = {"spy": spy, "whisper": whisper, "app": self._app}
        await self._ask("POST", _channel(channel, f"snoop/{quote(snoop, safe='')}"), query)

    async def record(self, channel: str, name: str, form: str = "wav", *, most_s: int = 3600) -> None:
        """Record what the channel says, into Asterisk's folder of recordings; a name is used once."""
        query = {"name": name, "format": form, "maxDurationSeconds": str(most_s), "ifExists": "fail"}
        await self._ask("POST", _channel(channel, "record"), query)

    async def stop_recording(self, name: str) -> None:
        await self._ask("POST", f"recordings/live/{quote(name, safe='')}/stop")

    async def originate(
        self,
        channel: str,
        endpoint: str,
        *,
        arguments: str,
        caller_id: str = "",
        ring_s: int = 30,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Call ``endpoint``, such as ``PJSIP/+12125550123@trunk``; it is in our application once it is Up."""
        query = {"endpoint": endpoint, "app": self._app, "appArgs": arguments, "timeout": str(ring_s)}
        if caller_id:
            query["callerId"] = caller_id
        await self._ask("POST", _channel(channel), query, variables or {})

    async def external_media(
        self, channel: str, form: str, how: Mapping[str, str], variables: Mapping[str, str] | None = None
    ) -> None:
        """A channel whose audio comes to us; ``how``: where to and in which framing."""
        query = {"channelId": channel, "app": self._app, "format": form, **how}
        await self._ask("POST", "channels/externalMedia", query, variables or {})

    # --- bridges -----------------------------------------------------------------------------

    async def bridge(self, bridge: str) -> None:
        await self._ask("POST", _bridge(bridge), {"type": "mixing", "name": bridge})

    async def join(self, bridge: str, channel: str) -> None:
        await self._ask("POST", _bridge(bridge, "addChannel"), {"channel": channel})

    async def part(self, bridge: str, channel: str) -> None:
        await self._ask("POST", _bridge(bridge, "removeChannel"), {"channel": channel})

    async def destroy(self, bridge: str) -> None:
        await self._ask("DELETE", _bridge(bridge))

    # --- what there is -------------------------------------------------------------------------

    async def channels(self) -> list[Json]:
        """All channels, of others as well."""
        found = await self._ask("GET", "channels")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    async def bridges(self) -> list[Json]:
        found = await self._ask("GET", "bridges")
        return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []

    async def application(self) -> Json:
        """What is subscribed: the channels and bridges that are in our application."""
        found = await self._ask("GET", f"applications/{quote(self._app, safe='')}")
        return found if isinstance(found, dict) else {}

    async def version(self) -> str:
        found = await self._ask("GET", "asterisk/info", {"only": "system"})
        return str(found.get("system", {}).get("version", "")) if isinstance(found, dict) else ""

    async def _ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        *,
        within_s: float | None = None,
    ) -> Any:
        request = Request(method, path, query or {}, variables)
        if within_s is None:
            return await self._link.request(request)
        return await self._link.request(request, within_s=within_s)


def _channel(channel: str, verb: str = "") -> str:
    return f"channels/{quote(channel, safe='')}" + (f"/{verb}" if verb else "")


def _bridge(bridge: str, verb: str = "") -> str:
    return f"bridges/{quote(bridge, safe='')}" + (f"/{verb}" if verb else "")
