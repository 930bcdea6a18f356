"""Steps of the dialplan, as Asterisk takes them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from offhook.doors.announced import Announced
from offhook.doors.base import CallOffer
from offhook.doors.fastagi.door import FastAgiDoor
from offhook.doors.network import NetworkListener
from offhook.errors import BusyError, ConfigError
from tests.support.door_peers import HeldLine, Peer, listening


@pytest.fixture
def announced() -> Announced:
    return Announced()


@pytest.fixture
def held() -> HeldLine:
    return HeldLine()


@pytest.fixture
async def door(announced: Announced, held: HeldLine) -> AsyncIterator[NetworkListener]:
    async with listening("fastagi", FastAgiDoor(None, announced, held.check).serve) as listener:
        yield listener


async def step(door: NetworkListener, script: str, *arguments: str, **said: str) -> dict[str, str]:
    peer = await Peer.connect(door.where)
    try:
        return await peer.step(script, *arguments, **said)
    finally:
        peer.close()


async def test_a_call_is_announced_and_asked_about(door: NetworkListener, announced: Announced) -> None:
    said = {"dnid": "4930555", "callerid": "491", "language": "de", "context": "c", "extension": "701"}
    variables = await step(door, "offer", "rate=16000", "agent=helpdesk", **said)
    assert variables["OFFHOOK_RESULT"] == ""
    key = uuid.UUID(variables["OFFHOOK_UUID"])
    asked = asyncio.ensure_future(step(door, "result", str(key)))
    assert (await asked)["OFFHOOK_RESULT"] == "unavailable", "it has not come"
    offer = await announced.claim(key)
    assert offer is not None
    assert (offer.call_id, offer.dialled, offer.caller, offer.language) == ("170.1", "4930555", "491", "de")
    assert offer.arguments == ("rate=16000", "agent=helpdesk")
    assert offer.rate_hz == 16_000
    asked = asyncio.ensure_future(step(door, "result", str(key)))
    await asyncio.sleep(0)
    announced.leave(key, "ok", {"OFFHOOK_ACTION": "transfer"})
    announced.leave(key, "failed")  # the first word counts
    assert await asked == {"OFFHOOK_ACTION": "transfer", "OFFHOOK_RESULT": "ok"}


@pytest.mark.parametrize(("refusal", "result"), [(BusyError, "busy"), (ConfigError, "failed")])
async def test_a_call_that_would_be_declined(
    door: NetworkListener, held: HeldLine, refusal: type[Exception], result: str
) -> None:
    held.refusal = refusal("not now")
    assert await step(door, "offer") == {"OFFHOOK_UUID": "", "OFFHOOK_RESULT": result}


async def test_who_is_asked_about_nobody(door: NetworkListener) -> None:
    for arguments in ((), ("",), ("no uuid",), (str(uuid.uuid4()),)):
        assert await step(door, "result", *arguments) == {"OFFHOOK_RESULT": "unavailable"}


async def test_steps_that_are_none(door: NetworkListener) -> None:
    assert await step(door, "other") == {}
    peer = await Peer.connect(door.where)
    await peer.send(b"GET / HTTP/1.1\r\n\r\n")
    assert await peer.closed() == b""
    peer.close()


async def test_from_elsewhere_a_token_is_needed(announced: Announced, held: HeldLine) -> None:
    async with listening("fastagi", FastAgiDoor("sesame", announced, held.check).serve) as door:
        for wrong in ((), ("token=",), ("token=other",), ("sesame",)):
            assert await step(door, "offer", *wrong) == {"OFFHOOK_RESULT": "failed"}
        variables = await step(door, "offer", "agent=x", "token=sesame")
        offer = await announced.claim(uuid.UUID(variables["OFFHOOK_UUID"]))
        assert offer is not None
        assert offer.arguments == ("agent=x",), "the token goes no further"


async def test_announcements_do_not_pile_up(announced: Announced, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.doors.announced.MOST", 3)
    offer = CallOffer("fastagi", "1")
    for _ in range(3):
        announced.announce(offer)
    with pytest.raises(BusyError):
        announced.announce(offer)


async def test_an_announcement_lasts_for_a_while(
    announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = CallOffer("fastagi", "1")
    kept = announced.announce(offer)
    monkeypatch.setattr("offhook.doors.announced.CLAIM_WITHIN_S", -1.0)
    late = announced.announce(offer)
    assert (await announced.claim(late)) is None
    assert (await announced.claim(kept)) == offer
