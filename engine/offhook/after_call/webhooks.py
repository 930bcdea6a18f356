"""Webhooks by the rules of Standard Webhooks: signed, with an id that stays the same however often they come.

Headers ``webhook-id``, ``webhook-timestamp`` (of this try, in seconds) and ``webhook-signature``:
``v1,`` and the base64 of HMAC-SHA256 over ``id.timestamp.body``.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx

from offhook.after_call.runner import JobError, utc_now
from offhook.errors import ConfigError, OffhookError

TIMEOUT_S = 20.0
"""What Standard Webhooks wants receivers to keep to: 15 to 30 s."""
MOST_BYTES = 20_000
"""Of a body, which the rules keep small."""
_PREFIX = "whsec_"


class Secret:
    """What a receiver and we sign with: ``whsec_`` and base64 of 24 to 64 bytes.  Never shown."""

    __slots__ = ("_key",)

    def __init__(self, written: str) -> None:
        """Raises ConfigError."""
        try:
            self._key = base64.b64decode(written.strip().removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            self._key = b""
        if not 24 <= len(self._key) <= 64:
            raise ConfigError(
                "a webhook's secret is whsec_ and 24 to 64 bytes in base64:"
                " echo whsec_$(openssl rand -base64 32) makes one"
            )

    def __repr__(self) -> str:
        return "Secret()"

    def sign(self, identifier: str, timestamp: int, body: bytes) -> str:
        """The value of ``webhook-signature``."""
        signed = b".".join((identifier.encode(), str(timestamp).encode(), body))
        return "v1," + base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()


def payload(kind: str, moment: datetime, data: Mapping[str, Any]) -> bytes:
    """The body; what is too long of it is left out from the end of its lists."""
    trimmed = dict(data)
    while True:
        content = {"type": kind, "timestamp": moment.isoformat(), "data": trimmed}
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        lists = [key for key, value in trimmed.items() if isinstance(value, list) and value]
        if len(body) <= MOST_BYTES or not lists:
            return body
        longest = max(lists, key=lambda key: len(json.dumps(trimmed[key])))
        trimmed[longest] = trimmed[longest][: len(trimmed[longest]) // 2]
        trimmed["shortened"] = True


async def deliver(
    http: httpx.AsyncClient,
    url: str,
    secrets: Sequence[Secret],
    identifier: str,
    body: bytes,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """One try.  With several secrets a receiver may take any: that is how one is exchanged.

    Raises JobError.
    """
    timestamp = int(clock().timestamp())
    headers = {
        "content-type": "application/json",
        "webhook-id": identifier,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(one.sign(identifier, timestamp, body) for one in secrets),
    }
    request = http.build_request("POST", url, content=body, headers=headers)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            response = await http.send(request, stream=True, follow_redirects=False)
            await response.aclose()  # what it says besides its status is nobody's business
    except (httpx.HTTPError, TimeoutError) as error:
        raise JobError(f"{request.url.host} does not answer: {type(error).__name__}") from error
    except OffhookError as error:  # an address that may not be called
        raise JobError(str(error)) from error
    if 200 <= response.status_code < 300:
        return
    if response.status_code == 410:
        raise JobError(f"{request.url.host} wants no more of these (410)", lasting=True)
    after = response.headers.get("retry-after", "")
    after_s = float(after) if after.isdigit() else None
    raise JobError(f"{request.url.host} answers {response.status_code}", after_s=after_s)
