"""Webhooks: signed as receivers check it, and delivered although they were down for an hour."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from offhook.after_call.runner import JobError
from offhook.after_call.webhooks import MOST_BYTES, Secret, deliver, payload
from offhook.errors import ConfigError

KEY = "whsec_" + base64.b64encode(b"a key of two and thirty bytes 32").decode()
OTHER = "whsec_" + base64.b64encode(b"another key of four and twenty..").decode()
URL = "https://crm.example/calls"


class Receiver:
    """Answers with ``status`` and keeps what came."""

    def __init__(self, status: int = 204, headers: dict[str, str] | None = None) -> None:
        self.status, self.headers = status, headers or {}
        self.requests: list[httpx.Request] = []

    @property
    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(self.status, headers=self.headers)


async def test_receivers_own_check_takes_our_signature_and_no_changed_one() -> None:
    receiver = Receiver()
    body = payload("call.completed", datetime(2026, 12, 3, tzinfo=UTC), {"call": "1", "words": "Grüß Gott"})
    async with receiver.client as client:
        await deliver(client, URL, [Secret(KEY)], "msg_1", body)
    (request,) = receiver.requests
    headers = {name: request.headers[name] for name in request.headers if name.startswith("webhook-")}
    assert Webhook(KEY).verify(request.content, headers)["data"]["words"] == "Grüß Gott"
    for changed, secret in ((request.content + b" ", KEY), (request.content, OTHER)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(changed, headers)


async def test_while_a_secret_is_exchanged_either_is_taken() -> None:
    receiver = Receiver()
    async with receiver.client as client:
        await deliver(client, URL, [Secret(OTHER), Secret(KEY)], "msg_1", b"{}")
    headers = dict(receiver.requests[0].headers)
    for secret in (KEY, OTHER):
        assert Webhook(secret).verify(b"{}", headers) == {}


@pytest.mark.parametrize(
    ("status", "headers", "lasting", "after_s"),
    [
        (500, {}, False, None),
        (302, {"location": "https://elsewhere.example"}, False, None),
        (429, {"retry-after": "120"}, False, 120.0),
        (410, {}, True, None),
    ],
)
async def test_what_is_not_taken_is_an_error_that_says_whether_to_try_again(
    status: int, headers: dict[str, str], lasting: bool, after_s: float | None
) -> None:
    receiver = Receiver(status, headers)
    async with receiver.client as client:
        with pytest.raises(JobError, match=rf"crm\.example .*{status}") as caught:
            await deliver(client, URL, [Secret(KEY)], "msg_1", b"{}")
    assert (caught.value.lasting, caught.value.after_s) == (lasting, after_s)
    assert len(receiver.requests) == 1, "redirects are not followed"


def test_a_body_stays_small_and_is_still_json() -> None:
    moment = datetime(2026, 12, 3, tzinfo=UTC)
    turns = [{"role": "caller", "text": "ä" * 500} for _ in range(100)]
    body = payload("call.completed", moment, {"call": "1", "turns": turns, "tools": ["book"]})
    assert len(body) <= MOST_BYTES
    data = json.loads(body)["data"]
    assert data["shortened"]
    assert data["tools"] == ["book"]
    assert 5 < len(data["turns"]) < 100
    assert "shortened" not in json.loads(payload("x", moment, {"turns": turns[:3]}))["data"]


@pytest.mark.parametrize("written", ["", "hunter2", "whsec_c2hvcnQ=", "whsec_" + "A" * 200])
def test_a_secret_that_is_none_gets_one_line_without_it(written: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand") as caught:
        Secret(written)
    assert not written or written not in str(caught.value)
    assert "two and thirty" not in repr(Secret(KEY))
