"""Placing calls by HTTP: a program with the token, one without, and what the daemon says to either."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from offhook.errors import ConfigError
from offhook.web.app import build
from offhook.web.passwords import Passwords
from offhook.web.server import prepared
from offhook.web.sessions import MOST_FAILED
from offhook.web.tokens import Token
from tests.support.controlled import controlled
from tests.support.outbound import Network, outbound_of
from tests.support.web import house_in

TOKEN = "0123456789abcdef0123456789abcdef"
DIAL = {"number": "+12125550123", "agent": "garage", "consent": "signed at the desk"}


def test_programs_come_in_where_nobody_has_a_password(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "api.token").write_text(TOKEN)
    web = {"listen": "127.0.0.1:0", "password_file": str(tmp_path / "none")}
    with pytest.raises(ConfigError, match="`offhook web passwd` writes it"):
        prepared(house_in(tmp_path, web=web))
    _, sock = prepared(house_in(tmp_path, web={**web, "token_file": str(tmp_path / "api.token")}))
    sock.close()
    assert "only programs can come in" in caplog.text


def client_of(folder: Path, token: str | None = TOKEN) -> httpx.AsyncClient:
    settings = {}
    if token is not None:
        (folder / "api.token").write_text(f"{token}\n")
        settings = {"token_file": str(folder / "api.token")}
    house = house_in(folder, web=settings)
    app = build(house, Passwords(house.config.web.password_file), frozenset({"127.0.0.1"}), https=False)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1")


async def test_a_program_with_the_token_places_calls_and_asks_what_came_of_them(tmp_path: Path) -> None:
    async with controlled(tmp_path) as daemon, client_of(tmp_path) as http:
        outbound_of(tmp_path, Network(), daemon.commands, daemon.calls.feed)
        http.headers["Authorization"] = f"Bearer {TOKEN}"
        placed = await http.post("/api/v1/dial", json=DIAL)
        assert (placed.status_code, placed.json()["number"]) == (200, "+12125550123")
        told = (await http.post("/api/v1/dialled", json={"call": placed.json()["call"]})).json()
        assert [(call["state"], call["agent"]) for call in told["calls"]] == [("waiting", "garage")]
        assert (await http.post("/api/v1/dial-stop")).json() == {"dropped": 1}
        for command, body, status, said in (
            ("dial", {"number": "+12125550123"}, 400, "no consent is noted"),
            ("dial", {"number": "+491711234567", "consent": "yes"}, 400, "may not be dialled"),
            ("dial", {"digits": "1"}, 400, "digits"),
            ("hangup", {}, 404, "there are: dial, dial-block, dial-stop, dialled"),
        ):
            refused = await http.post(f"/api/v1/{command}", json=body)
            assert refused.status_code == status, command
            assert said in refused.json()["error"]
        for asked, page, status in (("GET", "/api/v1/dial", 405), ("POST", "/api/v2/dial/now", 404)):
            nothing = await http.request(asked, page)
            assert (nothing.status_code, nothing.json()) == (
                status,
                {"error": f"no page {asked} {page}; commands are posted to /api/v1/"},
            )
        assert (await http.post("/api/v1/dial", content=b"{")).json() == {"error": "the request is no JSON"}
        assert (await http.get("/calls", headers={"accept": "text/html"})).headers["location"] == "/login", (
            "the token opens no page"
        )


async def test_nobody_else_does(tmp_path: Path) -> None:
    async with controlled(tmp_path) as daemon:
        network = Network()
        outbound_of(tmp_path, network, daemon.commands, daemon.calls.feed)
        async with client_of(tmp_path, None) as http:
            answer = await http.post("/api/v1/dial", json=DIAL, headers={"Authorization": "Bearer "})
            assert (answer.status_code, answer.json()) == (
                404,
                {"error": "no program may place calls here: set web.token_file"},
            )
        async with client_of(tmp_path) as http:
            for value in (None, "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \u00e9"):
                headers = (
                    {} if value is None else {"Authorization": value.encode("latin-1").decode("latin-1")}
                )
                answer = await http.post("/api/v1/dial", json=DIAL, headers=httpx.Headers(headers, "latin-1"))
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), value
            right = {"Authorization": f"Bearer {TOKEN}"}
            for _ in range(MOST_FAILED):
                await http.post("/api/v1/dial", json=DIAL, headers={"Authorization": "Bearer guess"})
            answer = await http.post("/api/v1/dial", json=DIAL, headers=right)
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) > 0
        async with client_of(tmp_path) as http:
            answer = await http.post("/api/v1/dial", json=DIAL, headers={**right, "Host": "evil.example"})
            assert answer.status_code == 421
            assert (await http.post("/api/v1/dialled", headers=right)).json()["calls"] == []


async def test_a_daemon_that_does_not_run_is_said(tmp_path: Path) -> None:
    async with client_of(tmp_path) as http:
        answer = await http.post("/api/v1/dial", json=DIAL, headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 503
        assert "no daemon answers there" in answer.json()["error"]


@pytest.mark.parametrize(
    "text", ["", "short", "two words of twenty-four letters", "x" * 30 + "\n" + "y" * 30]
)
def test_a_token_that_can_be_guessed_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    with pytest.raises(ConfigError, match="openssl rand -hex 16") as caught:
        Token(path)
    assert not text or text not in str(caught.value)
