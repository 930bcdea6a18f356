"""The AudioSocket door: real sockets, the native threads, and a call that does what the test says."""

from __future__ import annotations

import asyncio
import struct
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import numpy as np
import pytest

from offhook.doors.announced import Announced
from offhook.doors.audiosocket.door import AudioSocketDoor
from offhook.doors.base import CallOffer, PlaybackEnd
from offhook.doors.media import Media
from offhook.doors.network import MAX_UNKNOWN, NetworkListener
from offhook.errors import BusyError, ConfigError
from offhook.playout.folder import Clip
from tests.support.door_peers import HeldLine, Peer, listening, media_of
from tests.support.lives import Left, check_all_freed
from tests.support.waiting import eventually

KEY = uuid.UUID("5f0c7d1e-8a51-4c3a-9a0e-6f6f1f0a7b11")


def frame(kind: int, payload: bytes = b"") -> bytes:
    return struct.pack(">BH", kind, len(payload)) + payload


def hello(key: uuid.UUID = KEY) -> bytes:
    return frame(0x01, key.bytes)


def counting(samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    return np.arange(1, samples + 1).astype(np.int16)


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
    opened = AudioSocketDoor({str(KEY): "helpdesk"}, announced, media, held.take, local=True)
    async with listening("audiosocket", opened.serve) as listener:
        yield listener


@pytest.mark.parametrize(("kind", "rate_hz"), [(0x10, 8_000), (0x12, 16_000)])
async def test_a_call_is_heard_spoken_to_and_ended_by_the_caller(
    door: NetworkListener, held: HeldLine, kind: int, rate_hz: int
) -> None:
    peer = await Peer.connect(door.where)
    samples = rate_hz // 50
    await peer.send(hello() + frame(kind, counting(samples).tobytes()))
    await asyncio.wait_for(held.taken.wait(), 60)
    assert held.offers == [CallOffer("audiosocket", str(KEY), arguments=("agent=helpdesk",), rate_hz=rate_hz)]
    utterance, end = await held.say(counting(3 * samples))
    assert end is PlaybackEnd.END
    assert utterance.all_audible
    assert utterance.audible_text(0) == "something"
    np.testing.assert_array_equal(await peer.sounds(3 * samples), counting(3 * samples))
    await peer.send(frame(0x03, b"5") + frame(0x03, b"A") + frame(0x03, b"#"))
    await eventually(lambda: held.keys == ["5", "#"], "the keys")
    np.testing.assert_array_equal(await held.heard(samples), counting(samples))
    await peer.send(frame(0x00))
    await eventually(lambda: not door.active, "the call's end")
    peer.close()


@pytest.mark.parametrize(("kind", "rate_hz"), [(0x10, 8_000), (0x12, 16_000)])
async def test_a_ready_made_file_is_as_long_on_every_line(
    door: NetworkListener, held: HeldLine, tmp_path: Path, kind: int, rate_hz: int
) -> None:
    peer = await Peer.connect(door.where)
    await peer.send(hello() + frame(kind, counting(rate_hz // 50).tobytes()))
    await asyncio.wait_for(held.taken.wait(), 60)
    apology = Clip(tmp_path / "apology.sln", 800, 8_000)
    np.full(800, 1_000, np.int16).tofile(apology.file)
    await held.player.play_file(apology)
    assert len(await peer.sounds(rate_hz // 10)) == rate_hz // 10
    peer.close()


async def test_we_send_before_anything_comes(door: NetworkListener, held: HeldLine) -> None:
    """Asterisk waits for our first frame in the thread that would send us the caller's (asterisk#2089)."""
    peer = await Peer.connect(door.where)
    await peer.send(hello())
    for _ in range(20):
        kind, payload = await peer.frame()
        assert (kind, payload) == (0x10, bytes(320))
    await asyncio.wait_for(held.taken.wait(), 60)
    held.let_go.set()
    rest = await peer.closed()
    assert rest.endswith(frame(0x00)), "the line is hung up by a frame, too"
    peer.close()


async def test_an_answer_is_cut_by_us_and_by_keys_and_goes_on_where_it_was(
    door: NetworkListener, held: HeldLine
) -> None:
    peer = await Peer.connect(door.where)
    await peer.send(hello() + frame(0x10, bytes(320)))
    await asyncio.wait_for(held.taken.wait(), 60)
    whole = counting(16_000)
    saying = asyncio.ensure_future(held.say(whole, keys_cut=True))
    heard = await peer.sounds(800)
    await held.player.cut()
    utterance, end = await saying
    assert end is PlaybackEnd.CUT
    going_on = asyncio.ensure_future(held.player.play(utterance, keys_cut=True, started=lambda: None))
    heard = np.concatenate([heard, await peer.sounds(1_600)])
    await peer.send(frame(0x03, b"1"))
    assert await going_on is PlaybackEnd.KEY
    assert held.keys == ["1"]
    last = asyncio.ensure_future(held.player.play(utterance, keys_cut=False, started=lambda: None))
    await peer.send(frame(0x03, b"2"))
    heard = np.concatenate([heard, await peer.sounds(len(whole) - len(heard))])
    assert await last is PlaybackEnd.END, "a key that is not to cut it does not"
    np.testing.assert_array_equal(heard, whole, "each sample once, in order")
    assert utterance.all_audible
    held.let_go.set()
    await peer.closed()
    peer.close()


async def test_the_dialplan_announces_a_call_and_learns_how_it_went(
    door: NetworkListener, held: HeldLine, announced: Announced
) -> None:
    offer = CallOffer("fastagi", "170.1", dialled="+4930555", caller="+491", rate_hz=16_000)
    key = announced.announce(offer)
    assert (await announced.variables(key, 0.0))["OFFHOOK_RESULT"] == "unavailable", "it has not come yet"
    peer = await Peer.connect(door.where)
    await peer.send(hello(key))
    await asyncio.wait_for(held.taken.wait(), 60)
    assert held.offers[0].dialled == "+4930555"
    assert held.offers[0].door == "audiosocket"
    assert held.offers[0].rate_hz == 16_000, "nobody has waited for the first frame"
    held.let_go.set()
    await peer.closed()
    assert await announced.variables(key, 5.0) == {"OFFHOOK_RESULT": "ok", "OFFHOOK_ACTION": "none"}
    assert (await announced.variables(key, 0.0))["OFFHOOK_RESULT"] == "unavailable", "it is told once"
    assert await announced.claim(key) is None, "and serves once"
    peer.close()


async def test_an_announced_call_is_nobody_elses_when_its_uuid_serves_no_more(
    door: NetworkListener, held: HeldLine, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the default agent's, either, whom every other UUID means on a local door."""
    claimed = announced.announce(CallOffer("fastagi", "170.1", dialled="123"))
    assert await announced.claim(claimed) is not None
    of_another_daemon = Announced().announce(CallOffer("fastagi", "170.2"))
    monkeypatch.setattr("offhook.doors.announced.CLAIM_WITHIN_S", -1.0)
    late = announced.announce(CallOffer("fastagi", "170.3"))
    for key in (claimed, of_another_daemon, late):
        peer = await Peer.connect(door.where)
        await peer.send(hello(key) + frame(0x10, bytes(320)))
        await peer.closed()
        peer.close()
    assert not held.offers


@pytest.mark.parametrize(("refusal", "result"), [(BusyError, "busy"), (ConfigError, "failed")])
async def test_a_call_that_is_not_taken_is_hung_up_and_said_why(
    door: NetworkListener, held: HeldLine, announced: Announced, refusal: type[Exception], result: str
) -> None:
    held.refusal = refusal("not now")
    key = announced.announce(CallOffer("fastagi", "170.1"))
    peer = await Peer.connect(door.where)
    await peer.send(hello(key) + frame(0x10, bytes(320)))
    assert (await peer.closed()).endswith(frame(0x00))
    assert await announced.variables(key, 5.0) == {"OFFHOOK_RESULT": result}
    peer.close()


async def test_strangers_are_refused_and_others_notice_nothing(
    media: Media, held: HeldLine, announced: Announced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.doors.audiosocket.door.HELLO_TIMEOUT_S", 0.5)
    opened = AudioSocketDoor({}, announced, media, held.take, local=False)
    key = announced.announce(CallOffer("fastagi", "170.1"))
    async with listening("audiosocket", opened.serve) as door:
        caller = await Peer.connect(door.where)
        await caller.send(hello(key) + frame(0x10, bytes(320)))
        await asyncio.wait_for(held.taken.wait(), 60)
        for said in (
            b"GET / HTTP/1.1\r\n\r\n",
            frame(0x10, bytes(320)),
            hello(uuid.uuid4()),  # that nobody has announced
            hello(key),  # that serves once
            hello()[:9],
            b"",
        ):
            stranger = await Peer.connect(door.where)
            await stranger.send(said)
            assert await stranger.closed() == b"", said
            stranger.close()
        crowd = [await Peer.connect(door.where) for _ in range(MAX_UNKNOWN + 8)]
        await eventually(lambda: door.active <= MAX_UNKNOWN + 1, "the oldest of a crowd are let go")
        _, end = await held.say(counting(800))
        assert end is PlaybackEnd.END
        np.testing.assert_array_equal(await caller.sounds(800), counting(800))
        for each in crowd:
            each.close()
        caller.close()
        await eventually(lambda: not door.active, "everybody has gone")
    assert len(held.offers) == 1


async def test_a_flood_and_half_a_frame_end_their_own_call(door: NetworkListener, held: HeldLine) -> None:
    peer = await Peer.connect(door.where)
    await peer.send(hello())
    await asyncio.wait_for(held.taken.wait(), 60)
    flood = frame(0x10, bytes(32_000)) * 8

    async def ten_gigabytes() -> None:
        for _ in range(10_000_000_000 // len(flood)):
            await peer.send(flood)

    with pytest.raises(ConnectionError):
        await ten_gigabytes()
    assert held.stream.end_reason == "too fast"
    assert held.stream.written_samples < 8_000 * 60
    await eventually(lambda: not door.active, "the call's end")
    held.taken.clear()
    other = await Peer.connect(door.where)
    await other.send(hello() + frame(0x10, bytes(320))[:100])
    await asyncio.wait_for(held.taken.wait(), 60)
    other.close()
    await eventually(lambda: not door.active, "the call's end")
    assert held.stream.end_reason == "cut short"


async def test_a_local_socket_is_a_door_too(
    media: Media, held: HeldLine, announced: Announced, tmp_path: Path
) -> None:
    opened = AudioSocketDoor({}, announced, media, held.take, local=True)
    path = tmp_path / "run" / "audiosocket"
    async with listening("audiosocket", opened.serve, str(path)) as door:
        peer = await Peer.connect(door.where)
        await peer.send(hello() + frame(0x10, bytes(320)))
        await asyncio.wait_for(held.taken.wait(), 60)
        assert (await held.say(counting(800)))[1] is PlaybackEnd.END
        peer.close()
        with pytest.raises(ConfigError, match="a program listens there"):
            NetworkListener("audiosocket", str(path)).bind()
        await eventually(lambda: not door.active, "the call's end")
    assert not path.exists()


async def test_many_calls_leave_nothing_behind(door: NetworkListener, held: HeldLine) -> None:
    held.let_go.set()
    left = Left()
    for _ in range(10):
        peers = [await Peer.connect(door.where) for _ in range(50)]
        for peer in peers:
            await peer.send(hello() + frame(0x10, bytes(320)))
        for peer in peers:
            assert (await peer.closed()).endswith(frame(0x00))
            peer.close()
        await eventually(lambda: not door.active, "all calls have ended")
        await eventually(left.is_no_more, "nothing is left that the first fifty have not left")
    assert len(held.offers) == 500


def test_a_uuid_that_is_none_is_told(announced: Announced) -> None:
    async def take(line: object) -> None: ...

    with pytest.raises(ConfigError, match=r"doors\.audiosocket\.agents: 'reception' is no UUID"):
        AudioSocketDoor({"reception": "x"}, announced, None, take, local=True)  # type: ignore[arg-type]
