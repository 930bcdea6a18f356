"""How the daemon and this machine are, and what today's calls have cost."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.errors import OffhookError
from offhook.processes import how_it_ended
from offhook.web.house import House

CHECKED_WITHIN_S = 120.0


def routes(house: House) -> list[Route]:
    async def show(request: Request, findings: list[dict[str, str]] | None = None) -> Response:
        state: dict[str, Any] | None = None
        problem = ""
        try:
            state = await house.control.get("/v1/state")
        except OffhookError as error:
            problem = str(error)
        return house.page(
            request, "health.html", title="Health", state=state, problem=problem, findings=findings
        )

    async def examine(request: Request) -> Response:
        return await show(request, await doctor(house))

    async def show_plain(request: Request) -> Response:
        return await show(request)

    return [Route("/health", show_plain), Route("/health", examine, methods=["POST"])]


async def doctor(house: House) -> list[dict[str, str]]:
    """What ``offhook doctor`` finds, asking no server.  In a process of its own: it loads libraries."""
    ended, out, err = await house.offhook("doctor", "--offline", "--json", within_s=CHECKED_WITHIN_S)
    try:
        findings: list[dict[str, str]] = json.loads(out)["findings"]
    except (ValueError, KeyError):
        how = "took too long" if ended is None else how_it_ended(ended)
        said = err.strip().splitlines()[-1:] or ["it said nothing"]
        return [{"level": "fail", "what": f"offhook doctor {how}: {said[0]}", "remedy": ""}]
    return findings
