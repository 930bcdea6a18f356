"""What is kept of calls that are over: who called whom, the words where they are kept, recordings."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from offhook.errors import RegistryError
from offhook.recording.places import recordings_of
from offhook.tenants.call_records import get_call, list_calls
from offhook.tenants.registry import get_tenant, list_tenants
from offhook.web.guard import session_of
from offhook.web.house import House
from offhook.web.pages.turns import drawn, newest

_log = logging.getLogger("offhook.web")

MOST_CALLS = 100


def routes(house: House) -> list[Route]:
    async def show_calls(request: Request) -> Response:
        slug, caller = request.query_params.get("tenant") or None, request.query_params.get("caller") or None

        def find(connection: sa.Connection) -> tuple[list[dict[str, Any]], list[str]]:
            slugs = [tenant.slug for tenant in list_tenants(connection)]
            tenant = None if slug is None else get_tenant(connection, slug)
            return list_calls(connection, tenant, caller, MOST_CALLS), slugs

        calls, slugs = await house.read(find)
        return house.page(
            request, "calls.html", title="Calls", calls=calls, slugs=slugs, slug=slug, caller=caller or ""
        )

    async def one(request: Request) -> dict[str, Any]:
        def find(connection: sa.Connection) -> dict[str, Any]:
            tenant = get_tenant(connection, request.path_params["tenant"])
            return get_call(connection, request.path_params["call"], tenant)

        return await house.read(find)

    async def show_call(request: Request) -> Response:
        call = await one(request)
        recordings = await _recordings(house, call["id"])
        turns = []
        if house.config.daemon.trace_file is not None:
            turns = drawn(house, (await newest(house)).of_call(call["id"]))
        title = f"Call {call['id']}"
        return house.page(
            request, "call.html", title=title, call=call, turns=turns, recordings=len(recordings)
        )

    async def recording(request: Request) -> Response:
        call = await one(request)
        found, number = await _recordings(house, call["id"]), request.path_params["number"]
        if number >= len(found):
            raise RegistryError(f"call {call['id']} has no such recording")
        _log.info("user=%s takes a recording of call=%s", session_of(request).user, call["id"])
        return FileResponse(found[number])

    return [
        Route("/calls", show_calls),
        Route("/calls/{tenant}/{call}", show_call),
        Route("/calls/{tenant}/{call}/recordings/{number:int}", recording),
    ]


async def _recordings(house: House, call: str) -> list[Path]:
    return sorted(await asyncio.to_thread(recordings_of, house.config.recordings, [call]))
