"""What stands before every page: the host that is asked for, who asks, whether a form is our own, headers.

A page of another site can neither read ours nor send our forms: cookies are ``SameSite=Strict``, every POST
brings its session's token and names this host as its origin, and no page runs or loads anything but our own
files.
"""

from __future__ import annotations

import asyncio
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from offhook.web.sessions import Session, Sessions
from offhook.web.tokens import PREFIX, Keeper
from offhook.web.unfinished import known

COOKIE = "offhook_session"
OPEN_PAGES = ("/login", "/static/")
"""Without a session."""
MOST_FORM_BYTES = 65_536
"""Of somebody who has not logged in."""
MOST_UPLOAD_BYTES = 10_000_000
"""Of somebody who has: documents and agents' files."""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " media-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


class Guard:
    """ASGI middleware."""

    def __init__(
        self, app: ASGIApp, sessions: Sessions, hosts: frozenset[str], keeper: Keeper, *, https: bool
    ) -> None:
        """``hosts``: names that may be asked for, without a port; ``keeper`` minds what programs ask for."""
        self._app = app
        self._sessions = sessions
        self._hosts = hosts
        self._keeper = keeper
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add_headers(MutableHeaders(scope=message), request.url.path)
            await send(message)

        refused = self._refused(request)
        if refused is None:
            most = MOST_FORM_BYTES
            if scope["offhook.session"] is not None:
                most = MOST_UPLOAD_BYTES
                known(scope)
            try:
                body = await _whole_body(request, most)
            except ClientDisconnect:
                return  # in the middle of it: nobody waits for an answer
            if body is None:
                refused = PlainTextResponse(f"the form is too long: {most:,} bytes at most\n", 413)
            else:
                scope["offhook.body"] = body
                kind = request.headers.get("content-type", "")
                scope["offhook.form"], scope["offhook.files"] = await asyncio.to_thread(_fields, body, kind)
                refused = self._not_own(request)
        await (self._app if refused is None else refused)(scope, receive, send_guarded)

    def _refused(self, request: Request) -> Response | None:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        if host not in self._hosts:
            return PlainTextResponse(f"{host!r} is no name of this server; web.hosts adds it\n", 421)
        if request.url.path.startswith(PREFIX):
            request.scope["offhook.session"] = None
            return self._keeper.refused(request)
        session = self._sessions.find(request.cookies.get(COOKIE, ""))
        request.scope["offhook.session"] = session
        path = request.url.path
        if session is None and not path.startswith(OPEN_PAGES):
            if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
                return RedirectResponse("/login", 303)
            return PlainTextResponse("log in first\n", 401)
        return None

    def _not_own(self, request: Request) -> Response | None:
        """Why a POST is not carried out; None: it is one of our own forms'."""
        if request.method in ("GET", "HEAD") or request.url.path.startswith(PREFIX):
            return None  # a program's token is in no browser
        origin = request.headers.get("origin")
        site = request.headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
        if foreign or site not in ("same-origin", "none"):
            return PlainTextResponse("this form is another site's\n", 403)
        session: Session | None = request.scope["offhook.session"]
        if session is not None and not session.is_own(request.scope["offhook.form"].get("csrf", "")):
            return PlainTextResponse("this form is too old: go back, load the page again\n", 403)
        return None

    def _add_headers(self, headers: MutableHeaders, path: str) -> None:
        headers["Content-Security-Policy"] = POLICY
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"  # without one, forms have no origin
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if self._https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if not path.startswith("/static/"):
            headers["Cache-Control"] = "no-store"


def form(request: Request) -> dict[str, str]:
    """The fields of a POST."""
    fields: dict[str, str] = request.scope["offhook.form"]
    return fields


def files(request: Request) -> dict[str, tuple[str, bytes]]:
    """The files that came with a POST: each one's name, without a folder, and its bytes."""
    found: dict[str, tuple[str, bytes]] = request.scope["offhook.files"]
    return found


def session_of(request: Request) -> Session:
    """Of a page that needs one."""
    session: Any = request.scope["offhook.session"]
    assert isinstance(session, Session)
    return session


async def _whole_body(request: Request, most: int) -> bytes | None:
    """None: it is longer than any form of ours."""
    if request.method in ("GET", "HEAD"):
        return b""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > most:
            return None
    return bytes(raw)


_Form = tuple[dict[str, str], dict[str, tuple[str, bytes]]]


def _fields(body: bytes, kind: str) -> _Form:
    """The fields of a form and its files; none of what is malformed."""
    try:
        if kind.lower().startswith("multipart/form-data"):
            return _parts(body, kind)
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100)), {}
    except ValueError:
        return {}, {}


def _parts(body: bytes, kind: str) -> _Form:
    """The same of a form with files, whose parts are written as those of a mail."""
    if "\n" in kind or "\r" in kind:
        raise ValueError("a header has one line")
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
    fields: dict[str, str] = {}
    sent: dict[str, tuple[str, bytes]] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes):
            continue
        file = part.get_filename()
        if file is None:
            fields[name] = content.decode()
        elif file:
            sent[name] = (file.replace("\\", "/").rpartition("/")[2], content)
    return fields, sent
