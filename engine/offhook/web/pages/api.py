"""Placing calls by HTTP, for programs that are not on the control socket: a few of its commands, by a token.

| | |
|---|---|
| ``POST /api/v1/dial`` | place a call: number, agent, tenant, consent, list |
| ``POST /api/v1/dialled`` | what came of calls: call, or list and limit |
| ``POST /api/v1/dial-block`` | never call a number again: number, why |
| ``POST /api/v1/dial-stop`` | drop what waits: list, or all |

Arguments and answers are JSON objects, as the daemon takes and gives them; what is refused is
``{"error": ...}`` with a status that says whose fault it is.  Nothing else of the daemon can be reached here.
"""

from __future__ import annotations

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from offhook.web.house import House
from offhook.web.tokens import PREFIX, problem

COMMANDS = frozenset({"dial", "dialled", "dial-block", "dial-stop"})


def routes(house: House) -> list[Route]:
    async def tell(request: Request) -> Response:
        command = request.path_params["command"]
        if command not in COMMANDS:
            return problem(f"no command {command!r}; there are: {', '.join(sorted(COMMANDS))}", 404)
        try:
            given = json.loads(request.scope["offhook.body"] or b"{}")
        except ValueError:
            return problem("the request is no JSON", 400)
        status, answer = await house.control.ask(command, given)
        return JSONResponse(answer, status)

    return [Route(PREFIX + "v1/{command}", tell, methods=["POST"])]
