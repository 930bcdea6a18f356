"""The doctor's look at ARI."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from offhook.cli.checks.ari import check_ari
from offhook.config import Config

Answer = Callable[[httpx.Request], httpx.Response]


def _asterisk(request: httpx.Request) -> httpx.Response:
    if request.headers["authorization"] != "Basic " + b64encode(b"offhook:right").decode():
        return httpx.Response(401)
    if request.url.path.endswith("asterisk/info"):
        return httpx.Response(200, json={"system": {"version": "22.10.1"}})
    return httpx.Response(404 if "chan_audiosocket" in request.url.path else 200, json={})


def _complete(request: httpx.Request) -> httpx.Response:
    found = _asterisk(request)
    return httpx.Response(200, json={}) if found.status_code == 404 else found


def _gone(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("password", "answer", "expected"),
    [
        ("right", _complete, "ARI of Asterisk 22.10.1"),
        ("right", _asterisk, "not loaded chan_audiosocket.so"),
        ("wrong", _complete, "refuses user 'offhook'"),
        ("right", _gone, "does not answer"),
        ("right", lambda request: httpx.Response(404), "answers 404"),
    ],
)
def test_what_is_wrong_with_ari_is_told(tmp_path: Path, password: str, answer: Answer, expected: str) -> None:
    (tmp_path / "password").write_text(password)
    ari = {"url": "http://127.0.0.1:8088/ari", "password_file": str(tmp_path / "password")}
    config = Config.model_validate({"doors": {"ari": ari}})
    (finding,) = check_ari(config, httpx.MockTransport(answer))
    assert expected in str(finding)


def test_calls_that_are_to_be_placed_need_ari() -> None:
    (finding,) = check_ari(Config.model_validate({"outbound": {"allow": ["+1"]}}))
    assert "doors.ari is not set up" in str(finding)
    assert list(check_ari(Config())) == []
