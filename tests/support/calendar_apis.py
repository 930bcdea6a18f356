"""Google's and Microsoft's calendars, as their documentation says they answer; what stands in them is in
memory.

Google: Calendar API v3 (events insert, update, delete, list).  Microsoft: Graph v1.0 (events, calendarView,
transactionId, extended properties).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import httpx


def _when(item: dict[str, str]) -> datetime:
    written = item.get("dateTime") or f"{item['date']}T00:00:00"
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Api:
    """What both have: events by id, requests that are counted, a token that is wanted."""

    def __init__(self, token: str = "access") -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.token = token
        self.requests: list[httpx.Request] = []
        self.tokens_given = 0
        self.status: int | None = None
        """What it answers to everything; None: as it should."""

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if "token" in request.url.path:
            self.tokens_given += 1
            self.token = f"access {self.tokens_given}"
            return httpx.Response(200, json={"access_token": self.token, "expires_in": 3600})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"error": {"code": 401}})
        if self.status is not None:
            return httpx.Response(self.status, json={})
        return self.answer(request, json.loads(request.content or b"null"))

    def answer(self, request: httpx.Request, body: Any) -> httpx.Response:
        raise NotImplementedError

    def within(self, start: str, end: str) -> list[dict[str, Any]]:
        first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
        return [
            one
            for one in self.events.values()
            if _when(one["start"]) < last and _when(one["end"]) > first
        ]  # fmt: skip


class Google(Api):
    """``/calendars/ID/events``; a page has two events, so that there are several."""

    page_size = 2

    def answer(self, request: httpx.Request, body: Any) -> httpx.Response:
        _, _, tail = request.url.path.partition("/events")
        identifier = tail.strip("/")
        if request.method == "POST":
            if body["id"] in self.events:
                return httpx.Response(409, json={"error": {"errors": [{"reason": "duplicate"}]}})
            self.events[body["id"]] = body
            return httpx.Response(200, json=body)
        if request.method == "GET":
            query = request.url.params
            found = self.within(query["timeMin"], query["timeMax"])
            found = [one for one in found if one.get("status") != "cancelled"]
            begin = int(query.get("pageToken", "0"))
            page: dict[str, Any] = {"items": found[begin : begin + self.page_size]}
            if begin + self.page_size < len(found):
                page["nextPageToken"] = str(begin + self.page_size)
            return httpx.Response(200, json=page)
        if identifier not in self.events:
            return httpx.Response(404, json={})
        if request.method == "PUT":
            self.events[identifier] = body
            return httpx.Response(200, json=body)
        if self.events[identifier].get("status") == "cancelled":
            return httpx.Response(410, json={})
        self.events[identifier]["status"] = "cancelled"  # it keeps the id for ever
        return httpx.Response(204)


class Microsoft(Api):
    """``/users/ID/events`` and ``/calendarView``."""

    def answer(self, request: httpx.Request, body: Any) -> httpx.Response:
        path = request.url.path
        if path.endswith("/calendarView"):
            assert request.headers["Prefer"] == 'outlook.timezone="UTC"'
            query = request.url.params
            return httpx.Response(
                200, json={"value": self.within(query["startDateTime"], query["endDateTime"])}
            )
        if path.endswith("/events") and request.method == "GET":
            wanted = request.url.params["$filter"].rsplit("'", 2)[1]
            found = [
                {"id": key}
                for key, one in self.events.items()
                if any(each["value"] == wanted for each in one.get("singleValueExtendedProperties", []))
            ]
            return httpx.Response(200, json={"value": found})
        if path.endswith("/events"):
            for key, one in self.events.items():
                if one.get("transactionId") == body["transactionId"]:
                    return httpx.Response(200, json={**one, "id": key})
            key = f"AAMk/{len(self.events) + 1}="
            self.events[key] = body
            return httpx.Response(201, json={**body, "id": key})
        key = unquote(request.url.raw_path.decode().rsplit("/", 1)[1])
        if key not in self.events:
            return httpx.Response(404, json={})
        if request.method == "PATCH":
            self.events[key] |= body
            return httpx.Response(200, json=self.events[key])
        del self.events[key]
        return httpx.Response(204)
