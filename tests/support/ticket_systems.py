"""Ticket systems as their documentation says they answer: Zammad, GLPI, osTicket, Jira."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

SECRET = "s3cret"


class TicketSystem:
    """Takes tickets of one kind of system; ``fails`` is a status that it answers to what makes one."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.tickets: list[dict[str, Any]] = []
        self.sessions: list[str] = []
        self.fails: int | None = None

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content) if request.content else None
        answer: httpx.Response = getattr(self, f"_{self.kind}")(request, request.url.path, body)
        return answer

    def _made(self, body: Any, answer: httpx.Response) -> httpx.Response:
        if self.fails is not None:
            return httpx.Response(self.fails)
        self.tickets.append(body)
        return answer

    def _zammad(self, request: httpx.Request, path: str, body: Any) -> httpx.Response:
        assert (request.method, path) == ("POST", "/api/v1/tickets")
        if request.headers["Authorization"] != f"Token token={SECRET}":
            return httpx.Response(401, json={"error": "Authentication required"})
        assert {"title", "group", "customer_id", "article"} <= set(body)
        return self._made(
            body, httpx.Response(201, json={"id": 7, "number": "10007", "title": body["title"]})
        )

    def _glpi(self, request: httpx.Request, path: str, body: Any) -> httpx.Response:
        assert request.headers["App-Token"] == "app"
        if path == "/apirest.php/initSession":
            if request.headers["Authorization"] != f"user_token {SECRET}":
                return httpx.Response(401, json=["ERROR_GLPI_LOGIN_USER_TOKEN", "..."])
            self.sessions.append("open")
            return httpx.Response(200, json={"session_token": "t0ken"})
        assert request.headers["Session-Token"] == "t0ken"
        if path == "/apirest.php/killSession":
            self.sessions.append("ended")
            return httpx.Response(200)
        assert (request.method, path) == ("POST", "/apirest.php/Ticket")
        assert isinstance(body["input"]["urgency"], int)
        return self._made(body["input"], httpx.Response(201, json={"id": 15, "message": ""}))

    def _osticket(self, request: httpx.Request, path: str, body: Any) -> httpx.Response:
        assert (request.method, path) == ("POST", "/api/tickets.json")
        if request.headers["X-API-Key"] != SECRET:
            return httpx.Response(401, text="Valid API key required")
        if "@" not in body["email"]:
            return httpx.Response(400, text="Unable to create new ticket: validation errors")
        return self._made(body, httpx.Response(201, text="983127"))

    def _jira(self, request: httpx.Request, path: str, body: Any) -> httpx.Response:
        assert (request.method, path) == ("POST", "/rest/api/2/issue")
        wanted = base64.b64encode(f"bot@acme.example:{SECRET}".encode()).decode()
        if request.headers["Authorization"] != f"Basic {wanted}":
            return httpx.Response(401)
        assert isinstance(body["fields"]["description"], str)
        made = {"id": "10000", "key": "HELP-24", "self": "https://acme.example/rest/api/2/issue/10000"}
        return self._made(body["fields"], httpx.Response(201, json=made))
