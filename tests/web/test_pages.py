"""The pages, asked for as a browser asks and as a stranger does: against a control socket and a database."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from offhook.config import WebConfig
from offhook.errors import ConfigError
from offhook.observe.trace import TraceWriter
from offhook.tenants.agent_versions import get_agent, put_agent
from offhook.tenants.call_records import CallRecord, TurnRecord, add_call
from offhook.tenants.registry import change_tenant, get_tenant
from offhook.web.app import build
from offhook.web.guard import POLICY
from offhook.web.house import House
from offhook.web.passwords import Passwords
from offhook.web.server import check_place
from offhook.web.sessions import MOST_FAILED
from tests.support.controlled import controlled
from tests.support.tenants import fill, small_agent
from tests.support.traces import turn
from tests.support.web import PASSWORD, USER, house_in

HTML = {"accept": "text/html"}
CALL = "1700000000.7"


def filled(folder: Path) -> House:
    """A house with a tenant, its call, its turns, an agent of the box's own and one that is broken."""
    house = house_in(folder, tenants={"recordings": str(folder / "recordings")})
    (folder / "agents").mkdir()
    (folder / "agents" / "ferry.toml").write_text(
        'name = "Holm Ferries"\ngreeting = "Hello."\nfacts = ["Dogs are <b>free</b>."]\n'
        '[tools.transfer]\ntargets = { quay = { name = "the quay" } }\n'
    )
    (folder / "agents" / "broken.toml").write_text("name = 1\n")
    (folder / "recordings").mkdir()
    (folder / "recordings" / f"{CALL}.wav").write_bytes(b"RIFFsound")
    house.database.prepare()
    fill(house.database, lighthouse="+493022223333")
    now = datetime.now(UTC)
    turns = (
        TurnRecord("caller", "Is <script>alert(1)</script> lit?", missed=True),
        TurnRecord("agent", "I do not know."),
    )
    with house.database.writing() as connection:
        change_tenant(connection, "lighthouse", transcripts=True)
        tenant = get_tenant(connection, "lighthouse")
        put_agent(connection, tenant, "main", small_agent("lighthouse", "A lighthouse."))
        stored = get_agent(connection, tenant, "main")
        add_call(
            connection, CallRecord(CALL, "+493022223333", "+493055556666", stored, now, now, "ok", turns)
        )
    assert house.config.daemon.trace_file is not None
    writer = TraceWriter(house.config.daemon.trace_file)
    writer.write(turn(1, CALL))
    writer.close()
    return house


@contextlib.asynccontextmanager
async def pages(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Nobody is logged in."""
    app = build(house, Passwords(house.config.web.password_file), frozenset({"pages.example"}), https=True)
    transport = httpx.ASGITransport(app=app, client=("192.0.2.7", 5))
    async with httpx.AsyncClient(transport=transport, base_url="https://pages.example") as client:
        yield client
    await house.control.close()


async def log_in(client: httpx.AsyncClient) -> str:
    """The token of the session's forms."""
    answer = await client.post("/login", data={"user": USER, "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure", "path=/"))
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/agents")).text)
    assert found is not None
    return found[1]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with controlled(tmp_path):
        yield filled(tmp_path)


async def test_nobody_sees_anything_before_they_have_logged_in(house: House) -> None:
    async with pages(house) as client:
        for page in (
            "/",
            "/calls",
            f"/calls/lighthouse/{CALL}/recordings/0",
            "/events",
            "/state.json",
            "/nowhere",
        ):
            answer = await client.get(page)
            assert (answer.status_code, answer.text) == (401, "log in first\n"), page
        assert (await client.get("/", headers=HTML)).headers["location"] == "/login"
        assert (await client.post("/tenants/lighthouse/active", data={"active": "no"})).status_code == 401
        assert (await client.post("/login", data={"user": "x" * 70_000})).status_code == 413
        answer = await client.post("/login", data={"user": USER, "password": "wrong"})
        assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        assert (await client.get("/static/app.css")).status_code == 200
        assert (await client.get("/static/..%2fserver.py")).status_code == 404


async def test_every_page_shows_what_there_is_and_runs_nothing_of_it(house: House) -> None:
    async with pages(house) as client:
        await log_in(client)
        for page, words in (
            ("/", ["Nobody calls.", '0</b> of <span data-state="places">8']),
            ("/calls", ["lighthouse", "+493055556666"]),
            ("/calls?tenant=lighthouse&caller=%2B493055556666", ["+493055556666"]),
            (
                f"/calls/lighthouse/{CALL}",
                ["nothing answered this", "&lt;script&gt;", "<svg", "recordings/0"],
            ),
            ("/turns", [CALL, "452 ms"]),
            (f"/turns/{CALL}", ["first token", "as text"]),
            ("/tenants", ["lighthouse"]),
            ("/tenants/lighthouse", ["+493022223333", "nothing answered it", "&lt;script&gt;"]),
            (
                "/tenants/lighthouse/agents/main",
                ["A lighthouse.", "Let version 1 answer", "What the check finds"],
            ),
            ("/numbers", ["+493022223333"]),
            ("/agents", ["Holm Ferries", "broken.toml", "name: "]),
            ("/agents/ferry", ["the quay", "builtin transfer"]),
            ("/costs", ["Of the last"]),
            ("/health", ["Calls are answered."]),
            ("/setup", ["What are your opening hours?"]),
        ):
            answer = await client.get(page, headers=HTML)
            assert answer.status_code == 200, (page, answer.text)
            assert [word for word in words if word not in answer.text] == [], page
            assert "<script>" not in answer.text
            assert " style=" not in answer.text, "the policy would not let it be"
            assert answer.headers["content-security-policy"] == POLICY
            assert answer.headers["cache-control"] == "no-store"
        recording = await client.get(f"/calls/lighthouse/{CALL}/recordings/0", headers={"range": "bytes=4-8"})
        assert (recording.status_code, recording.content) == (206, b"sound")


async def test_a_form_is_carried_out_once_it_is_known_to_be_ours(house: House) -> None:
    page = "/tenants/lighthouse/active"
    async with pages(house) as client:
        csrf = await log_in(client)
        own = {"csrf": csrf, "active": "no"}
        for headers, data, status in (
            ({}, {"active": "no"}, 403),
            ({}, {"active": "no", "csrf": csrf[:-1]}, 403),
            ({"origin": "https://evil.example"}, own, 403),
            ({"origin": "null"}, own, 403),
            ({"sec-fetch-site": "cross-site"}, own, 403),
            ({"host": "evil.example"}, own, 421),
            ({}, {**own, "more": "x" * 10_000_000}, 413),
        ):
            assert (await client.post(page, data=data, headers=headers)).status_code == status, headers
        assert "Switch off" in (await client.get("/tenants/lighthouse")).text, "nothing was done"
        answer = await client.post(page, data=own, headers={"origin": "https://pages.example"})
        assert answer.status_code == 303
        assert "Switch on" in (await client.get("/tenants/lighthouse")).text
        home = "/tenants/lighthouse/agents/main"
        await client.post(f"{home}/rollback", data={"csrf": csrf, "version": "1"})
        assert "Let version 2 answer" in (await client.get(home)).text
        assert (await client.post(f"{home}/rollback", data={"csrf": csrf, "version": "9"})).status_code == 404
        await client.post("/logout", data={"csrf": csrf})
        assert (await client.get("/calls")).status_code == 401


async def test_who_guesses_passwords_has_to_wait(house: House) -> None:
    async with pages(house) as client:
        for _ in range(MOST_FAILED):
            assert (await client.post("/login", data={"user": USER, "password": "guess"})).status_code == 401
        answer = await client.post("/login", data={"user": USER, "password": PASSWORD})
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)


@pytest.mark.parametrize(
    ("page", "status", "said"),
    [
        ("/", 503, "no daemon answers there"),
        (
            "/calls",
            503,
            "there is none yet; the first tenant makes it (page Tenants, or `offhook tenants add`)",
        ),
        ("/turns", 503, "trace.jsonl"),
        ("/turns/7", 503, "trace.jsonl"),
        ("/agents/nobody", 503, "nobody"),
        ("/nowhere", 404, "There is no page /nowhere"),
        ("/health", 200, "no daemon answers there"),
        ("/costs", 200, "no daemon answers there"),
    ],
)
async def test_what_is_not_there_is_said_in_one_line(
    tmp_path: Path, page: str, status: int, said: str
) -> None:
    async with pages(house_in(tmp_path)) as client:
        await log_in(client)
        answer = await client.get(page)
        assert (answer.status_code, said in answer.text) == (status, True), answer.text


@pytest.mark.parametrize(
    ("settings", "may"),
    [
        ({"listen": "127.0.0.1:8470"}, True),
        ({"listen": "[::1]:8470"}, True),
        ({"listen": "0.0.0.0:8470"}, False),
        ({"listen": "192.0.2.1:8470"}, False),
        ({"listen": "pages.example:8470"}, False),
        ({"listen": "0.0.0.0:8470", "behind_proxy": True}, True),
        ({"listen": "0.0.0.0:8470", "certificate": __file__}, True),
        ({"listen": "127.0.0.1:8470", "certificate": "/nowhere/cert.pem"}, None),
    ],
)
def test_pages_do_not_cross_a_network_in_the_clear(settings: dict[str, Any], may: bool | None) -> None:
    web = WebConfig(**settings)
    if may:
        check_place(web, web.listen.rpartition(":")[0].strip("[]"))
        return
    with pytest.raises(ConfigError, match="cannot be read" if may is None else "can be reached from other"):
        check_place(web, web.listen.rpartition(":")[0].strip("[]"))


def test_the_command_without_users_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "offhook.toml"
    path.write_text(f'[web]\npassword_file = "{tmp_path}/none"\n')
    command = [sys.executable, "-m", "offhook.cli.main", "web", "--config", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "`offhook web passwd` writes it" in done.stderr
