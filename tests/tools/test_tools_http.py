"""HTTP tools against a real server on the loopback, and who may be called at all."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from offhook.agents.loader import Agent
from offhook.config import ToolsConfig
from offhook.tools.base import Context
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.http import KEY_HEADER
from offhook.tools.ledger import Ledger, request_key
from offhook.tools.outbound import Reach, client, fetch
from offhook.tools.registry import HERE, Origin, make_tools


@dataclass
class Site:
    """Answers each path with what is set for it; requests are kept."""

    url: str = ""
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """First line, headers in small letters, body."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.seen.append((head[0].removesuffix(" HTTP/1.1"), headers, body.decode()))
        status, text = self.answers.get(head[0].split(" ")[1].split("?")[0], (404, "{}"))
        if status:
            writer.write(
                f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nlocation: /elsewhere\r\n"
                f"content-length: {len(text)}\r\nconnection: close\r\n\r\n{text}".encode()
            )
        writer.close()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    found = Site()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield found
    server.close()
    await server.wait_closed()


def agent(**tools: dict[str, Any]) -> Agent:
    return Agent.model_validate({"name": "Shop", "greeting": "Hello.", "tools": tools})


async def run(
    tools: dict[str, dict[str, Any]], name: str, arguments: dict[str, Any], origin: Origin = HERE
) -> Any:
    made = make_tools(agent(**tools), origin)
    assert made.problems == {}
    mine = Executor(Toolbox(made.tools, Ledger.in_file(None)), Context("c1", "Shop", caller="555 0100"))
    try:
        return await mine.run(name, arguments, committed=True)
    finally:
        await made.close()


async def test_templates_and_results(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    site.answers["/orders/a%2Fb%3F/lines"] = (201, json.dumps({"data": {"lines": [{"no": 8}]}}))
    order = {
        "source": "http",
        "url": site.url + "/orders/{shop}/lines",
        "headers": {"Authorization": "Bearer {secret}", "X-Note": "{note}"},
        "secret_env": "SHOP_TOKEN",
        "body": {"count": "{count}", "text": "{note} from {caller}", "colour": "{colour}", "fixed": [1]},
        "result": "$.data.lines[0].no",
        "parameters": {
            "shop": {},
            "note": {},
            "count": {"type": "integer"},
            "colour": {"optional": True},
        },
    }
    arguments = {"shop": "a/b?", "note": "two\r\nEvil: 1", "count": 2}
    result = await run({"order": order}, "order", arguments)
    assert (result.ok, result.value) == (True, 8)
    ((line, headers, body),) = site.seen
    assert line == "POST /orders/a%2Fb%3F/lines"
    assert headers["authorization"] == "Bearer s3cret"
    assert (headers["x-note"], "evil" in headers) == ("two Evil: 1", False)
    assert headers[KEY_HEADER.lower()] == request_key("c1", "order", arguments)
    assert json.loads(body) == {"count": 2, "text": "two\r\nEvil: 1 from 555 0100", "fixed": [1]}


async def test_values_of_a_look_up_go_into_its_query(site: Site) -> None:
    site.answers["/stock"] = (200, '{"left": 3}')
    look = {"source": "http", "url": site.url + "/stock?v=2", "method": "GET", "parameters": {"item": {}}}
    result = await run({"stock": look}, "stock", {"item": "a&b=c"})
    assert result.value == {"left": 3}
    assert site.seen[0][0] == "GET /stock?v=2&item=a%26b%3Dc"


@pytest.mark.parametrize(
    ("status", "body", "tries", "ok", "unsure"),
    [
        (409, '{"error": "taken"}', 1, False, False),
        (503, "", 2, False, False),
        (500, "", 1, False, True),
        (303, "", 1, False, True),
        (200, "{broken", 1, False, True),
        (200, "[" + "1," * 600_000 + "1]", 1, False, True),
        (0, "", 1, False, True),
    ],
)
async def test_what_a_server_may_do_wrong(
    site: Site, status: int, body: str, tries: int, ok: bool, unsure: bool
) -> None:
    site.answers["/order"] = (status, body)
    result = await run({"order": {"source": "http", "url": site.url + "/order"}}, "order", {})
    assert (len(site.seen), result.ok, result.unsure) == (tries, ok, unsure)


async def test_a_tenants_tools_reach_nobody_in_the_house(site: Site) -> None:
    tools = {"order": {"source": "http", "url": site.url + "/order"}}
    result = await run(tools, "order", {}, Origin(tenant="t1"))
    assert (result.ok, result.unsure, site.seen) == (False, False, [])
    site.answers["/order"] = (200, "{}")
    made = make_tools(agent(**tools), Origin(tenant="t1"), ToolsConfig(tenants_may_reach=("127.0.0.0/8",)))
    mine = Executor(Toolbox(made.tools, Ledger.in_file(None)), Context("c1", "Shop"))
    assert (await mine.run("order", {}, committed=True)).ok
    await made.close()


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("10.0.0.7", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("::ffff:10.0.0.7", False),
        ("2002:7f00:1::", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("192.168.4.9", True),
    ],
)
def test_who_may_be_called(address: str, allowed: bool) -> None:
    assert Reach(["192.168.4.0/24"]).allows("a.example", address) is allowed
    assert Reach(anywhere=True).allows("a.example", address)
    assert Reach(["a.example"]).allows("A.example", address)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"url": "ftp://a.example/"}, "url begins with https"),
        ({"url": "https://{host}/x", "parameters": {"host": {}}}, "the host is fixed"),
        ({"url": "https://me:pw@a.example/"}, "must not hold a user"),
        ({"url": "https://a.example/{no}"}, "{no} is none of its values"),
        ({"url": "https://a.example/?t={secret}"}, "{secret} may stand in headers only"),
        ({"url": "https://a.example/", "body": {"x": ["{no}"]}}, "{no} is none of its values"),
        ({"url": "https://a.example/", "headers": {"Authorization": "Bearer abc"}}, "holds a secret"),
        ({"url": "https://a.example/", "headers": {"X": "{secret}"}}, "set secret_env"),
        ({"url": "https://a.example/", "secret_env": "NOT_SET_AT_ALL"}, "NOT_SET_AT_ALL"),
        ({"url": "https://a.example/", "secret_file": "none"}, "secret_file cannot be read"),
        ({"url": "https://a.example/", "result": "$.["}, "is no JSONPath"),
    ],
)
def test_what_an_owner_may_write_wrong(entry: dict[str, Any], says: str, tmp_path: Path) -> None:
    made = make_tools(
        agent(order={"source": "http", **entry}, other={"source": "http", "url": "https://a.example/"}),
        Origin(tmp_path),
    )
    assert says in made.problems["order"]
    assert "\n" not in made.problems["order"]
    assert list(made.tools) == ["other"], "nothing else is lost"


DOCUMENT = {
    "openapi": "3.1.0",
    "servers": [{"url": "{scheme}://a.example/v1", "variables": {"scheme": {"default": "https"}}}],
    "components": {
        "schemas": {
            "Base": {"type": "object", "properties": {"who": {"type": "string"}}, "required": ["who"]},
            "Visit": {
                "allOf": [{"$ref": "#/components/schemas/Base"}],
                "properties": {
                    "startDay": {"type": "string", "format": "date"},
                    "kind": {"type": "string", "enum": ["short", "long"]},
                    "extra": {"type": "object"},
                },
                "required": ["startDay"],
            },
        }
    },
    "paths": {
        "/places/{placeId}/visits": {
            "parameters": [
                {"name": "placeId", "in": "path", "required": True, "schema": {"type": "integer"}}
            ],
            "get": {
                "operationId": "listVisits",
                "summary": "Which visits there are",
                "parameters": [{"name": "maxCount", "in": "query", "schema": {"type": "integer"}}],
            },
            "post": {
                "operationId": "addVisit",
                "description": "Adds a visit",
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Visit"}}}
                },
            },
        }
    },
}


async def test_operations_of_an_openapi_document(site: Site, tmp_path: Path) -> None:
    (tmp_path / "api.yaml").write_text(json.dumps(DOCUMENT))
    both = {
        name: {"source": "openapi", "document": "api.yaml", "operation": operation, "url": site.url}
        for name, operation in (("add", "addVisit"), ("visits", "listVisits"))
    }
    made = make_tools(agent(**both), Origin(tmp_path))
    assert made.problems == {}
    add, visits = made.tools["add"].spec, made.tools["visits"].spec
    assert (add.effect, visits.effect) == ("writes", "reads")
    assert (add.description, visits.description) == ("Adds a visit", "Which visits there are")
    assert set(add.required) == {"placeid", "who", "startday"}
    assert "extra" not in add.properties
    site.answers["/places/7/visits"] = (200, "{}")
    mine = Executor(Toolbox(made.tools, Ledger.in_file(None)), Context("c1", "Shop"))
    await mine.run("add", {"placeid": 7, "who": "Ann", "startday": "2026-04-09"}, committed=True)
    await mine.run("visits", {"placeid": 7, "maxcount": 2}, committed=True)
    assert json.loads(site.seen[0][2]) == {"who": "Ann", "startDay": "2026-04-09"}
    assert site.seen[1][0] == "GET /places/7/visits?maxCount=2"
    await made.close()


def test_what_a_document_may_lack(tmp_path: Path) -> None:
    (tmp_path / "api.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "bad.json").write_text("{")
    for document, operation, says in (
        ("api.json", "addVisits", "there is: addVisit, listVisits"),
        ("bad.json", "x", "is no JSON"),
        ("none.json", "x", "No such file"),
        ("https://a.example/api.json", "x", "fetch it and name the file"),
    ):
        entry = {"source": "openapi", "document": document, "operation": operation}
        assert says in make_tools(agent(add=entry), Origin(tmp_path)).problems["add"]


async def test_no_address_that_is_asked_gets_into_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """A caller's number stands in it."""
    caplog.set_level(logging.DEBUG)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={})

    async with client(Reach(anywhere=True), httpx.MockTransport(answer)) as http:
        await fetch(http, http.build_request("GET", "http://127.0.0.1/callers?phone=5550100"))
    assert "5550100" in asked[0]
    assert "5550100" not in caplog.text
