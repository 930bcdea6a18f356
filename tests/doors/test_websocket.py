"""The door for chan_websocket: real sockets, the native threads, and a call that does what the test says.

Above 400 lines because one far end of the protocol serves all of its tests.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.doors.announced import Announced
from offhook.doors.base import CallOffer, PlaybackEnd
from offhook.doors.media import Media
from offhook.doors.network import NetworkListener, split_address
from offhook.doors.tls import TlsRelay, server_context
from offhook.doors.websocket.control import Control, parse_event
from offhook.doors.websocket.door import WebSocketDoor
from offhook.errors import BusyError, ConfigError, ProtocolError
from tests.support.door_peers import HeldLine, Peer, listening, media_of
from tests.support.lives import Left, check_all_freed
from tests.support.waiting import eventually

LOGIN = ("asterisk", "open sesame")


def counting(samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(1, samples + 1).astype(np.int16)


def started(audio: str = "slin", *, plain: bool = False) -> str:
    if plain:
        return f"MEDIA_START connection_id:offhook channel:WebSocket/1 channel_id:9.1 format:{audio} ptime:20"
    values = {"connection_id": "offhook", "channel_id": "9.1", "format": audio, "optimal_frame_size": 320}
    return json.dumps({"event": "MEDIA_START", **values, "channel_variables": {"A": "x" * 300}})


@pytest.fixture(autouse=True)
def everything_is_freed(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    check_all_freed(request, "streams", "senders", "playout_buffers", "sender_threads", "media_threads")


@pytest.fixture
async def media(tmp_path: Path) -> AsyncIterator[Media]:
    with media_of(tmp_path / "playback") as made:
        yield made


@pytest.fixture
def held() -> HeldLine:
    return HeldLine()


@pytest.fixture
def announced() -> Announced:
    return Announced()


@pytest.fixture
async def door(media: Media, held: HeldLine, announced: Announced) -> AsyncIterator[NetworkListener]:
    opened = WebSocketDoor("/media", LOGIN, announced, media, held.take, held.check)
    async with listening("websocket", opened.serve) as listener:
        yield listener


async def answered(door: NetworkListener, held: HeldLine, query: str = "", **said: object) -> Peer:
    """A call that is taken, and told to be answered."""
    peer = await Peer.connect(door.where)
    assert "101" in await peer.upgrade(f"/media{query}", login=":".join(LOGIN))
    await peer.message(started(**said))  # type: ignore[arg-type]
    await asyncio.wait_for(held.taken.wait(), 60)
    opcode, payload = await peer.received()
    assert (opcode, payload) == (1, b"ANSWER" if said.get("plain") else b'{"command":"ANSWER"}')
    return peer


async def spoken(peer: Peer, samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """So many samples of what is sent."""
    found = np.zeros(0, np.int16)
    while len(found) < samples:
        opcode, payload = await peer.received()
        assert opcode == 2, payload
        found = np.concatenate([found, np.frombuffer(payload, np.int16)])
    return found


@pytest.mark.parametrize(
    ("plain", "audio", "rate_hz"), [(False, "slin", 8_000), (False, "slin16", 16_000), (True, "slin", 8_000)]
)
async def test_a_call(door: NetworkListener, held: HeldLine, plain: bool, audio: str, rate_hz: int) -> None:
    query = "?dialled=%2B4930555&caller=491&language=de&agent=helpdesk&Bad-Name=x"
    peer = await answered(door, held, query, audio=audio, plain=plain)
    offer = CallOffer(
        "websocket",
        "9.1",
        dialled="+4930555",
        caller="491",
        language="de",
        arguments=("agent=helpdesk",),
        rate_hz=rate_hz,
    )
    assert held.offers == [offer]
    frame = rate_hz // 50
    saying = asyncio.ensure_future(held.say(counting(3 * frame)))
    np.testing.assert_array_equal(await spoken(peer, 3 * frame), counting(3 * frame))
    _, mark = await peer.received()
    assert mark == (b"MARK_MEDIA 1" if plain else b'{"command":"MARK_MEDIA","correlation_id":"1"}')
    await asyncio.sleep(0)
    assert not saying.done(), "it is over when Asterisk says so"
    event = {"event": "MEDIA_MARK_PROCESSED", "channel_id": "9.1", "correlation_id": "1"}
    await peer.message("MEDIA_MARK_PROCESSED 1" if plain else json.dumps(event))
    utterance, end = await saying
    assert end is PlaybackEnd.END
    assert utterance.all_audible
    key = {"event": "DTMF_END", "channel_id": "9.1", "digit": "7"}
    await peer.message("DTMF_END digit:7 channel_id:9.1" if plain else json.dumps(key))
    await peer.message(counting(frame).tobytes())
    np.testing.assert_array_equal(await held.heard(frame), counting(frame))
    await eventually(lambda: held.keys == ["7"], "the key")
    await peer.message(b"hello", opcode=9)
    assert await peer.received() == (10, b"hello"), "a ping is answered"
    await peer.message(b"\x03\xe8", opcode=8)
    await eventually(lambda: not door.active, "the call's end")
    peer.close()


@pytest.mark.parametrize("played", [None, 0, 1])
async def test_an_interruption_throws_away_what_asterisk_has_not_played(
    door: NetworkListener, held: HeldLine, played: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``played``: frames, as its queue tells; None: it says nothing, and the clock has to do."""
    if played is None:
        monkeypatch.setattr("offhook.doors.websocket.line.STATUS_WITHIN_S", 0.05)
    peer = await answered(door, held)
    whole = counting(16_000)
    saying = asyncio.ensure_future(held.say(whole))
    sent = len(await spoken(peer, 1_760))  # the lead and a frame
    cutting = asyncio.ensure_future(held.player.cut())
    again = asyncio.ensure_future(held.player.cut())  # twice at once is once
    opcode, payload = await peer.received()
    while opcode == 2:
        sent += 160
        opcode, payload = await peer.received()
    assert payload == b'{"command":"GET_STATUS"}'
    assert (await peer.received())[1] == b'{"command":"FLUSH_MEDIA"}'
    if played is not None:
        queued = sent // 160 - played
        await peer.message(json.dumps({"event": "STATUS", "queue_length": queued, "media_paused": False}))
    utterance, end = await saying
    await cutting
    await again
    assert end is PlaybackEnd.CUT
    at = utterance.offset_samples
    assert 0 < at <= sent if played is None else at == played * 160
    going_on = asyncio.ensure_future(held.player.play(utterance, keys_cut=False, started=lambda: None))
    np.testing.assert_array_equal(await spoken(peer, len(whole) - at), whole[at:])
    await peer.received()
    await peer.message(json.dumps({"event": "MEDIA_MARK_PROCESSED", "correlation_id": "1"}))
    assert await going_on is PlaybackEnd.END
    held.let_go.set()
    rest = await peer.closed()
    assert b'{"command":"HANGUP"}' in rest
    assert rest.endswith(b"\x88\x02\x03\xe8"), "and closed as websockets are"
    peer.close()


async def test_a_mark_that_does_not_come_back_is_not_waited_for(
    door: NetworkListener, held: HeldLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.doors.websocket.line.MARK_WITHIN_S", 0.01)
    peer = await answered(door, held)
    assert (await held.say(counting(320)))[1] is PlaybackEnd.END
    assert (await held.say(counting(320)))[1] is PlaybackEnd.END
    peer.close()
    await eventually(lambda: not door.active, "the call's end")


async def test_an_announced_call_keeps_its_offer(
    door: NetworkListener, held: HeldLine, announced: Announced
) -> None:
    key = announced.announce(CallOffer("fastagi", "170.1", dialled="123"))
    peer = await answered(door, held, f"?uuid={key}&dialled=999")
    assert held.offers == [CallOffer("websocket", "170.1", dialled="123")]
    held.let_go.set()
    await peer.closed()
    assert await announced.variables(key, 5.0) == {"OFFHOOK_RESULT": "ok", "OFFHOOK_ACTION": "none"}
    peer.close()


async def test_an_announced_call_is_nobody_elses_when_its_uuid_serves_no_more(
    door: NetworkListener, held: HeldLine, announced: Announced
) -> None:
    key = announced.announce(CallOffer("fastagi", "170.1", dialled="123"))
    assert await announced.claim(key) is not None
    peer = await Peer.connect(door.where)
    assert "410" in await peer.upgrade(f"/media?uuid={key}", login=":".join(LOGIN))
    await peer.closed()
    peer.close()
    assert not held.offers


async def test_audio_before_media_start_is_left_out(door: NetworkListener, held: HeldLine) -> None:
    """As a busy Asterisk sends it (asterisk#1712)."""
    peer = await Peer.connect(door.where)
    assert "101" in await peer.upgrade("/media", login=":".join(LOGIN))
    for _ in range(50):
        await peer.message(counting(160).tobytes())
    await peer.message(b"hello", opcode=9)
    await peer.message(started())
    await asyncio.wait_for(held.taken.wait(), 60)
    await peer.message((counting(160) + 1_000).astype(np.int16).tobytes())
    np.testing.assert_array_equal(await held.heard(160), counting(160) + 1_000)
    peer.close()
    await eventually(lambda: not door.active, "the call's end")


async def test_audio_without_media_start_is_no_call(door: NetworkListener, held: HeldLine) -> None:
    peer = await Peer.connect(door.where)
    await peer.upgrade("/media", login=":".join(LOGIN))
    with contextlib.suppress(ConnectionError):
        for _ in range(300):
            await peer.message(counting(160).tobytes())
    await eventually(lambda: not door.active, "it is let go")
    peer.close()
    assert not held.offers


async def test_a_call_that_would_be_declined_is_no_websocket(
    door: NetworkListener, held: HeldLine, announced: Announced
) -> None:
    held.refusal = BusyError("full")
    key = announced.announce(CallOffer("fastagi", "170.1"))
    peer = await Peer.connect(door.where)
    assert "503" in await peer.upgrade(f"/media?uuid={key}", login=":".join(LOGIN))
    await peer.closed()
    assert await announced.variables(key, 5.0) == {"OFFHOOK_RESULT": "busy"}
    peer.close()


@pytest.mark.parametrize(
    ("path", "login", "status"),
    [
        ("/media", None, "401"),
        ("/media", "asterisk:wrong", "401"),
        ("/media", "other:open sesame", "401"),
        ("/other", "asterisk:open sesame", "404"),
    ],
)
async def test_who_may_not_come(
    door: NetworkListener, held: HeldLine, path: str, login: str | None, status: str
) -> None:
    peer = await Peer.connect(door.where)
    assert status in await peer.upgrade(path, login=login)
    await peer.closed()
    peer.close()
    assert not held.offers


@pytest.mark.parametrize(
    "first",
    [
        started("ulaw").encode(),
        b'{"event": "DTMF_END"}',
        b"{",
        b'{"event": 1}',
        b"[" * 2_000,
        b"\xff\xfe",
    ],
    ids=["ulaw", "other-event", "half-json", "no-name", "deep", "no-text"],
)
async def test_what_does_not_begin_as_chan_websocket_does(
    door: NetworkListener, held: HeldLine, first: bytes
) -> None:
    peer = await Peer.connect(door.where)
    await peer.upgrade("/media", login=":".join(LOGIN))
    await peer.message(first, opcode=1)
    await peer.closed()
    peer.close()
    assert not held.offers


@pytest.mark.parametrize(
    "said",
    [b"\x01\x00\x10" + bytes(16), b"GET /media HTTP/1.1\r\nHost: x\r\n\r\n", b"x" * 20_000, b""],
    ids=["audiosocket", "no-upgrade", "garbage", "nothing"],
)
async def test_strangers(
    door: NetworkListener, held: HeldLine, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.doors.websocket.door.HELLO_TIMEOUT_S", 0.3)
    peer = await Peer.connect(door.where)
    await peer.send(said)
    await peer.closed()
    await eventually(lambda: not door.active, "it is let go")
    peer.close()
    assert not held.offers


async def test_many_calls_leave_nothing_behind(door: NetworkListener, held: HeldLine) -> None:
    left = Left()
    for _ in range(10):
        peers = []
        for _ in range(50):
            held.taken.clear()
            peers.append(await answered(door, held))
        for number, peer in enumerate(peers):  # they leave politely, without a word, and in half a frame
            if number % 3 == 0:
                await peer.message(b"\x03\xe8", opcode=8)
            elif number % 3 == 1:
                await peer.send(b"\x82\xfe\x01")
            peer.close()
        await eventually(lambda: not door.active, "all calls have ended")
        await eventually(left.is_no_more, "nothing is left that the first ones have not left")
    assert len(held.offers) == 500


async def test_ten_gigabytes_end_their_own_call(door: NetworkListener, held: HeldLine) -> None:
    peer = await answered(door, held)
    flood = (b"\x82\xfe" + (32_000).to_bytes(2) + bytes(4) + bytes(32_000)) * 8

    async def ten_gigabytes() -> None:
        for _ in range(10_000_000_000 // len(flood)):
            await peer.send(flood)

    with pytest.raises(ConnectionError):
        await ten_gigabytes()
    assert held.stream.end_reason == "too fast"
    assert held.stream.written_samples < 8_000 * 60
    peer.close()
    await eventually(lambda: not door.active, "the call's end")


def test_control_messages() -> None:
    event = parse_event(b'{"event":"STATUS","queue_length":3,"queue_full":false,"x":{"deep":1}}')
    assert event.name == "STATUS"
    assert dict(event.values) == {"event": "STATUS", "queue_length": "3", "queue_full": "False"}
    assert parse_event(b"MEDIA_XOFF").name == "MEDIA_XOFF"
    assert parse_event(b"MEDIA_MARK_PROCESSED 12").get("correlation_id") == "12"
    assert parse_event(b"DTMF_END digit:# channel_id:1.2").get("digit") == "#"
    for wrong in (b"", b"1 2", b"\xc3", b"[1]", b'{"event":null}'):
        with pytest.raises(ProtocolError):
            parse_event(wrong)
    assert Control(is_json=False).command("MARK_MEDIA", "4") == b"MARK_MEDIA 4"
    longest = Control(is_json=True).command("MARK_MEDIA", str(uuid.uuid4()))
    assert len(longest) <= 125, "Asterisk takes no longer ones, and they fit into one short frame"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, "-keyout", key, "-out", made], check=True, capture_output=True)
    return made, key


async def test_a_call_by_tls(
    media: Media, held: HeldLine, announced: Announced, certificate: tuple[Path, Path]
) -> None:
    opened = WebSocketDoor("/media", LOGIN, announced, media, held.take, held.check)
    relay = TlsRelay(server_context(*certificate))
    relay.start()
    try:
        async with listening("websocket", opened.serve, tls=relay) as door:
            stranger = await Peer.connect(door.where)  # who speaks no TLS
            await stranger.send(b"GET /media HTTP/1.1\r\n\r\n")
            await stranger.closed()
            stranger.close()
            host, port = split_address(door.where)
            trusted = ssl.create_default_context(cafile=certificate[0])
            peer = Peer(*await asyncio.open_connection(host, port, ssl=trusted))
            assert "101" in await peer.upgrade("/media", login=":".join(LOGIN))
            await peer.message(started())
            await asyncio.wait_for(held.taken.wait(), 60)
            assert (await peer.received())[1] == b'{"command":"ANSWER"}'
            saying = asyncio.ensure_future(held.say(counting(8_000)))
            np.testing.assert_array_equal(await spoken(peer, 8_000), counting(8_000))
            await peer.received()
            await peer.message(json.dumps({"event": "MEDIA_MARK_PROCESSED", "correlation_id": "1"}))
            assert (await saying)[1] is PlaybackEnd.END
            await peer.message(counting(160).tobytes())
            np.testing.assert_array_equal(await held.heard(160), counting(160))
            held.let_go.set()
            assert b"HANGUP" in await peer.closed()
            peer.close()
    finally:
        await asyncio.to_thread(relay.close)


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    with pytest.raises(ConfigError, match=r"doors\.websocket\.certificate .*cert\.pem cannot be used"):
        server_context(file, None)
    file.write_text("no certificate")
    with pytest.raises(ConfigError, match="name PEM files"):
        server_context(file, None)
