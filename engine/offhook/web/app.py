"""All pages, and what stands before them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from offhook.config import WebConfig
from offhook.errors import OffhookError, RegistryError
from offhook.web.guard import Guard
from offhook.web.house import FILES, House
from offhook.web.pages import (
    agents,
    api,
    changes,
    costs,
    editor,
    health,
    kept,
    knowledge,
    live,
    login,
    setup,
    tenants,
    turns,
)
from offhook.web.passwords import Passwords
from offhook.web.sessions import Sessions, Tries
from offhook.web.tokens import PREFIX, Keeper, Token
from offhook.web.tokens import problem as refusal

_log = logging.getLogger("offhook.web")

_KINDS = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


def build(house: House, passwords: Passwords, hosts: frozenset[str], *, https: bool) -> Starlette:
    """``hosts``: names by which browsers call it; ``https``: they do so encrypted.  Raises ConfigError."""
    settings: WebConfig = house.config.web
    sessions, tries = Sessions(settings.session_hours), Tries()
    keeper = Keeper(Token(settings.token_file), Tries())

    async def problem(request: Request, error: Exception) -> Response:
        status = 404 if isinstance(error, RegistryError) else 503
        if request.url.path.startswith(PREFIX):
            return refusal(str(error), status)
        if request.scope.get("offhook.session") is None:
            return PlainTextResponse(f"{error}\n", status)
        return house.page(request, "problem.html", status, title="Not possible", problem=str(error))

    async def unknown(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if request.url.path.startswith(PREFIX):
            told = f"no page {request.method} {request.url.path}; commands are posted to {PREFIX}v1/"
            return refusal(told, error.status_code)
        if request.scope.get("offhook.session") is None:
            return PlainTextResponse(f"{error.detail}\n", error.status_code)
        words = f"There is no page {request.url.path}" if error.status_code == 404 else error.detail
        return house.page(request, "problem.html", error.status_code, title="No such page", problem=words)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await house.control.close()

    return Starlette(
        routes=[
            Route("/static/{name}", _static),
            *login.routes(house, passwords, sessions, tries, https=https),
            *live.routes(house),
            *turns.routes(house),
            *kept.routes(house),
            *changes.routes(house),
            *knowledge.routes(house),
            *tenants.routes(house),
            *editor.routes(house),
            *agents.routes(house),
            *costs.routes(house),
            *health.routes(house),
            *setup.routes(house),
            *api.routes(house),
        ],
        middleware=[Middleware(Guard, sessions=sessions, hosts=hosts, keeper=keeper, https=https)],
        exception_handlers={OffhookError: problem, HTTPException: unknown},
        lifespan=lifespan,
    )


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    found = FILES / "static" / name
    kind = _KINDS.get(name.rpartition(".")[2])
    if "/" in name or kind is None or not found.is_file():
        raise HTTPException(404)
    headers = {"Cache-Control": "max-age=300"}
    return Response(found.read_bytes(), media_type=kind, headers=headers)
