"""Calls that go on: who has the floor, what is said, how long answers take; ending and handing over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from urllib.parse import quote

import anyio
import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from offhook.web.guard import form, session_of
from offhook.web.house import House, back

_log = logging.getLogger("offhook.web")

LISTEN = "listen"
"""The stream of a call's sound, where the daemon has one."""


def routes(house: House) -> list[Route]:
    async def show(request: Request) -> Response:
        calls = (await house.control.get("/v1/calls"))["calls"]
        known = await house.control.get("/v1/commands")
        return house.page(
            request,
            "live.html",
            title="Live calls",
            calls=calls,
            state=await house.control.get("/v1/state"),
            listens=any(each["name"] == LISTEN for each in known["streams"]),
        )

    async def state(request: Request) -> Response:
        return JSONResponse(await house.control.get("/v1/state"))

    async def events(request: Request) -> Response:
        return _passed_on(house, await house.control.open("/v1/events?words=1"))

    async def listen(request: Request) -> Response:
        call = quote(request.path_params["call"], safe="")
        _log.info("user=%s listens to call=%s", session_of(request).user, request.path_params["call"])
        return _passed_on(house, await house.control.open(f"/v1/calls/{call}/streams/{LISTEN}"))

    async def tell(request: Request) -> Response:
        call, command = request.path_params["call"], request.path_params["command"]
        arguments: dict[str, object] = {}
        if command == "hangup":
            arguments["goodbye"] = "goodbye" in form(request)
        else:
            arguments["target"] = form(request).get("target", "")
        _log.info("user=%s call=%s %s", session_of(request).user, call, command)
        await house.control.tell(command, arguments, call=call)
        return back("/")

    return [
        Route("/", show),
        Route("/state.json", state),
        Route("/events", events),
        Route("/live/{call}/listen", listen),
        Route("/live/{call}/{command:str}", tell, methods=["POST"]),
    ]


def _passed_on(house: House, response: httpx.Response) -> Response:
    """What the daemon streams, as it comes; closed when the browser has gone, or the pages end."""

    async def content() -> AsyncIterator[bytes]:
        blocks = response.aiter_raw()
        ending, block = asyncio.ensure_future(house.ending.wait()), asyncio.ensure_future(anext(blocks, b""))
        try:
            while True:
                await asyncio.wait({block, ending}, return_when=asyncio.FIRST_COMPLETED)
                if not block.done() or block.exception() is not None or not block.result():
                    return  # the pages end, or the daemon, or the call
                yield block.result()
                block = asyncio.ensure_future(anext(blocks, b""))
        finally:
            for each in (ending, block):
                each.cancel()
            with anyio.CancelScope(shield=True):  # a browser that has gone cancels every await but these
                await asyncio.gather(ending, block, return_exceptions=True)
                await response.aclose()

    return StreamingResponse(content(), media_type=response.headers.get("content-type"))
