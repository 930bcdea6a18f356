"""Logging in and out."""

from __future__ import annotations

import asyncio
import logging
import math

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from offhook.web.guard import COOKIE, form
from offhook.web.house import House, back
from offhook.web.passwords import Passwords
from offhook.web.sessions import Sessions, Tries

_log = logging.getLogger("offhook.web")

CHECKED_AT_ONCE = 2
"""Passwords: each takes 32 MiB and a core for a moment, and calls want the cores."""


def routes(
    house: House, passwords: Passwords, sessions: Sessions, tries: Tries, *, https: bool
) -> list[Route]:
    checking = asyncio.Semaphore(CHECKED_AT_ONCE)

    def ask(problem: str = "", status: int = 200) -> Response:
        return HTMLResponse(house.render("login.html", problem=problem, title="Log in"), status)

    async def show(request: Request) -> Response:
        return back("/") if request.scope["offhook.session"] else ask()

    async def enter(request: Request) -> Response:
        address = request.client.host if request.client else "?"
        wait_s = tries.wait_s(address)
        if wait_s > 0:
            asked = ask(f"Too many wrong passwords: try again in {math.ceil(wait_s / 60)} minutes.", 429)
            asked.headers["Retry-After"] = str(math.ceil(wait_s))
            return asked
        user, password = form(request).get("user", ""), form(request).get("password", "")
        tries.failed(address)  # until it is known to fit: tries that come together are counted, too
        async with checking:
            fits = await asyncio.to_thread(passwords.fits, user, password)
        if not fits:
            _log.warning("a wrong name or password from %s", address)
            return ask("That name and password do not belong together.", 401)
        tries.succeeded(address)
        token, _ = sessions.begin(user)
        _log.info("user=%s logged in from %s", user, address)
        answer = back("/")
        answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", secure=https, path="/")
        return answer

    async def leave(request: Request) -> Response:
        sessions.end(request.cookies.get(COOKIE, ""))
        answer = back("/login")
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return [
        Route("/login", show),
        Route("/login", enter, methods=["POST"]),
        Route("/logout", leave, methods=["POST"]),
    ]
