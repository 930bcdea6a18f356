"""What a hub of models does with a request for a file: parts, redirects, cuts; for :class:`ModelServer`."""

from __future__ import annotations

import re

from tests.support.engines.model_server import Behaviour, Request, Wire


def a_file(
    content: bytes, *, etag: str | None = '"v1"', cut_after: int | None = None, ranges: bool = True
) -> Behaviour:
    """The whole of it, or the part that is asked for; ``cut_after`` bytes the connection is reset.

    A part is sent only for the version that the client has begun (``If-Range``), as HTTP wants it.
    """

    async def behave(request: Request, wire: Wire) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        same = request.headers.get("if-range", etag) == etag
        begin = int(asked[1]) if asked and ranges and same else 0
        headers = {"content_length": str(len(content) - begin)} | ({"etag": etag} if etag else {})
        if begin:
            span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            await wire.head(206, content_range=span, **headers)
        else:
            await wire.head(200, **headers)
        body = content[begin:]
        if cut_after is not None and cut_after < len(body):
            await wire.send(body[:cut_after])
            return  # the server closes a connection whose answer is not complete
        await wire.send(body)
        wire.complete = True

    return behave


def elsewhere(url: str) -> Behaviour:
    """A redirect, as hubs send them to where their files lie."""

    async def behave(_request: Request, wire: Wire) -> None:
        await wire.head(302, location=url, content_length="0")
        wire.complete = True

    return behave
