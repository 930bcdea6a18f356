"""ARI against a scripted Asterisk: what is asked, and what a broken connection costs."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from offhook.doors.announced import Announced
from offhook.doors.ari.calls import MediaWay
from offhook.doors.ari.dialled_in import PATH, DialledIn
from offhook.doors.ari.door import AriDoor
from offhook.doors.ari.link import Broken, Link
from offhook.doors.ari.messages import Event, Request, Response, parse
from offhook.doors.base import RESULT_VARIABLE, CallOffer, Line
from offhook.errors import AriError, BusyError, ConfigError, DeadlineError, ProtocolError
from tests.support.door_peers import listening
from tests.support.waiting import eventually

Answer = Callable[[Request], Response]
WAY = MediaWay("slin", "audiosocket", "127.0.0.1:9092")
CHANNEL = {
    "id": "1795.1",
    "state": "Ring",
    "caller": {"number": "+12125550123", "name": "Ann"},
    "dialplan": {
        "context": "offhook-ari",
        "exten": "703",
        "app_name": "Stasis",
        "app_data": "offhook,agent=x",
    },
    "language": "en",
}


class ScriptedAsterisk:
    """Answers requests as ``answer`` says, and keeps what was asked."""

    def __init__(self, answer: Answer = lambda request: Response(200, "OK", None)) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.requests: list[Request] = []

    async def request(self, request: Request) -> Response:
        self.asked.append(str(request))
        self.requests.append(request)
        return self.answer(request)

    def variables(self) -> dict[str, str]:
        return {
            each.query["variable"]: each.query["value"]
            for each in self.requests
            if each.method == "POST" and each.path.endswith("/variable")
        }


def door_of(asterisk: ScriptedAsterisk, check: Callable[[CallOffer], str | None]) -> AriDoor:
    async def take(line: Line) -> None:
        raise AssertionError("no audio comes in these tests")

    door = AriDoor("offhook", WAY, Announced(), take, check, "offhook-actions")
    door.link.use(asterisk)
    return door


def start(channel: dict[str, Any] = CHANNEL, *args: str) -> Event:
    return Event("StasisStart", {"channel": channel, "args": list(args)})


def refuses(error: Exception | str | None) -> Callable[[CallOffer], str | None]:
    def check(offer: CallOffer) -> str | None:
        if isinstance(error, Exception):
            raise error
        return error

    return check


@pytest.mark.parametrize(
    ("refusal", "result"),
    [("unknown", "unknown"), (BusyError("full"), "busy"), (ConfigError("no such agent"), "failed")],
)
async def test_a_call_that_is_not_taken_goes_on_in_the_dialplan(
    refusal: Exception | str, result: str
) -> None:
    asterisk = ScriptedAsterisk()
    offers: list[CallOffer] = []

    def check(offer: CallOffer) -> str | None:
        offers.append(offer)
        return refuses(refusal)(offer)

    door = door_of(asterisk, check)
    door.told(start(CHANNEL, "agent=x"))
    await door.drained()
    assert asterisk.variables() == {RESULT_VARIABLE: result}
    assert asterisk.asked[-1] == "POST channels/1795.1/continue"
    (offer,) = offers
    assert (offer.dialled, offer.caller, offer.arguments) == ("703", "+12125550123", ("agent=x",))
    assert offer.is_ringing, "the dialplan has not answered"
    await door.close()


async def test_audio_that_does_not_come_is_a_failed_call_and_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("offhook.doors.ari.calls.MEDIA_WITHIN_S", 0.01)
    asterisk = ScriptedAsterisk()
    door = door_of(asterisk, refuses(None))
    door.told(start())
    await door.drained()
    assert asterisk.variables() == {RESULT_VARIABLE: "failed"}
    made = [each for each in asterisk.asked if each.startswith("POST bridges/") and "/add" not in each]
    destroyed = [each for each in asterisk.asked if each.startswith("DELETE bridges/")]
    assert len(made) == len(destroyed) == 1
    assert asterisk.asked[-1] == "POST channels/1795.1/continue"


async def test_what_a_dead_daemon_has_left_goes_on_and_what_lives_is_left_alone() -> None:
    inside = CHANNEL["dialplan"]
    channels = [
        {**CHANNEL, "id": "orphan", "state": "Up"},
        {**CHANNEL, "id": "others", "state": "Up"},
        {**CHANNEL, "id": "offhook-media-2", "dialplan": inside},
        {**CHANNEL, "id": "offhook-call-9", "state": "Up"},
        {**CHANNEL, "id": "elsewhere", "dialplan": {"app_name": "Dial", "app_data": ""}},
        {**CHANNEL, "id": "came-meanwhile"},
    ]
    bridges = [
        {"id": "offhook-bridge-1", "channels": ["orphan"]},
        {"id": "offhook-bridge-2", "channels": ["others", "offhook-media-2"]},
        {"id": "offhook-bridge-3", "channels": ["offhook-call-9"]},
    ]

    def answer(request: Request) -> Response:
        found = (
            {"channels": channels, "bridges": bridges}.get(request.path) if request.method == "GET" else None
        )
        return Response(200, "OK", found)

    asterisk = ScriptedAsterisk(answer)
    door = door_of(asterisk, refuses("busy"))
    door._connected()
    await door.drained()
    gone_on = {each.path.split("/")[1] for each in asterisk.requests if each.path.endswith("/continue")}
    assert gone_on == {"orphan", "came-meanwhile"}
    assert "DELETE channels/offhook-call-9" in asterisk.asked, "one that was placed has no dialplan"
    assert {each for each in asterisk.asked if each.startswith("DELETE bridges")} == {
        "DELETE bridges/offhook-bridge-1",
        "DELETE bridges/offhook-bridge-3",
    }


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (Event("ChannelDestroyed", {"cause": 17}), 17),
        (Event("ChannelDestroyed", {"cause": 19}), 19),
    ],
)
async def test_nobody_answers_a_placed_call(event: Event, cause: int) -> None:
    asterisk = ScriptedAsterisk()
    door = door_of(asterisk, refuses(None))

    async def take(line: Line) -> None:
        raise AssertionError("nobody has answered")

    dialling = asyncio.create_task(door.dial("PJSIP/1", CallOffer("ari", "x"), take, ring_s=20))
    await eventually(lambda: bool(asterisk.requests), "it is originated")
    (placed,) = asterisk.requests
    assert placed.query["appArgs"] == "dialled"
    event.values["channel"] = {"id": placed.path.split("/")[1]}
    door.told(event)
    dialled = await dialling
    assert (dialled.answered, dialled.cause) == (False, cause)
    await door.drained()


class Cut:
    """A socket that breaks when it is told to."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.coming: asyncio.Queue[str | None] = asyncio.Queue()

    async def send(self, text: str, /) -> None:
        self.sent.append(json.loads(text))

    async def messages(self) -> AsyncIterator[str | bytes]:
        while (message := await self.coming.get()) is not None:
            yield message
        raise Broken


async def test_a_request_whose_connection_breaks_is_asked_again_on_the_next_one() -> None:
    link, ups = Link(lambda event: None, lambda: ups.append(1)), []  # type: ignore[var-annotated]
    first, second = Cut(), Cut()
    serving = asyncio.create_task(link.serve(first))
    asking = asyncio.create_task(link.request(Request("POST", "bridges/b", {"type": "mixing"})))
    await eventually(lambda: len(first.sent) == 1, "it is sent")
    await first.coming.put(None)
    await serving
    assert not asking.done(), "it waits for a connection"
    serving = asyncio.create_task(link.serve(second))
    await eventually(lambda: len(second.sent) == 1, "it is sent again")
    answer = {
        "type": "RESTResponse",
        "request_id": second.sent[0]["request_id"],
        "status_code": 409,
        "reason_phrase": "Conflict",
    }
    await second.coming.put(json.dumps(answer))
    assert await asking is None, "it was done the first time"
    assert len(ups) == 2
    await second.coming.put(None)
    await serving
    with pytest.raises(DeadlineError, match="no answer"):
        await link.request(Request("GET", "channels"), within_s=0.01)


async def test_a_refusal_is_told_with_its_reason_and_no_number() -> None:
    asterisk = ScriptedAsterisk(lambda request: Response(404, "Not Found", {"message": "Channel not found"}))
    link = Link(lambda event: None, lambda: None)
    link.use(asterisk)
    with pytest.raises(AriError, match="404 Channel not found") as caught:
        await link.request(Request("POST", "channels/c", {"callerId": "+12125550123"}))
    assert "2125550123" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "x", "[]", '{"a": 1}', '{"type": "RESTResponse"}', "[" * 100_000])
def test_what_is_no_ari_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError):
        parse(text)


async def test_asterisk_connects_with_the_password_and_nobody_without() -> None:
    seen: list[str] = []
    link = Link(lambda event: seen.append(event.type), lambda: None)
    async with listening("ari", DialledIn(link, ("offhook", "secret")).serve) as listener:
        url = f"ws://{listener.where}{PATH}"
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
        assert refused.value.response.status_code == 401
        signed = url.replace("ws://", "ws://offhook:secret@")
        async with connect(signed, subprotocols=["ari"], proxy=None) as peer:  # type: ignore[list-item]
            assert peer.subprotocol == "ari"
            await peer.send(json.dumps({"type": "Dial", "text": "x" * 70_000}))
            asking = asyncio.create_task(link.request(Request("GET", "channels")))
            request = json.loads(await peer.recv())
            assert (request["method"], request["uri"]) == ("GET", "channels")
            body = {"status_code": 200, "reason_phrase": "OK", "message_body": "[]"}
            await peer.send(json.dumps({"type": "RESTResponse", "request_id": request["request_id"], **body}))
            assert await asking == []
            assert seen == ["Dial"]
            await peer.ping()
        await eventually(lambda: not link.is_up, "it is noticed that it has gone")


async def test_asterisk_is_woken_as_soon_as_it_has_connected() -> None:
    """It looks for what came together with the handshake only when more comes."""
    link = Link(lambda event: None, lambda: None)
    async with listening("ari", DialledIn(link, None).serve) as listener:
        host, _, port = str(listener.where).rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = base64.b64encode(bytes(16)).decode()
        headers = f"Host: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        more = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ari\r\n\r\n"
        writer.write(f"GET {PATH} HTTP/1.1\r\n{headers}{more}".encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(30):
            assert await reader.readexactly(2) == b"\x89\x00", "a ping"
        writer.close()
