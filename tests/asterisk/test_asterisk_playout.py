"""Growing files on a real Asterisk.  What the caller received is the evidence; no daemon takes part."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.core import PlayoutThread
from offhook.doors.agi.agi import AgiChannel, PlaybackResult
from offhook.doors.eagi.listener import Handoff, Listener
from offhook.playout.folder import GrowingClip, PlaybackFolder, Shelf
from tests.support.agi_program import agi_program
from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.kit import PlaceCall
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually

WAIT_S = 60.0
PER_MS = 8
NEAR_SAMPLES = 40 * PER_MS

Audio = NDArray[np.int16]
Part = Callable[[AgiChannel, SipCall], Awaitable[None]]


@pytest.fixture
def thread() -> Iterator[PlayoutThread]:
    with PlayoutThread() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> PlaybackFolder:
    return PlaybackFolder(tmp_path / "playback")


@pytest.fixture
def shelf(folder: PlaybackFolder) -> Shelf:
    return folder.shelf("call")


@pytest.fixture
def play(
    asterisk: AsteriskServer, place_call: PlaceCall, tmp_path: Path
) -> Callable[[Part], Awaitable[None]]:
    """Places a call, runs a part as its AGI program, hangs up."""

    async def run(part: Part) -> None:
        loop = asyncio.get_running_loop()
        placed: asyncio.Future[SipCall] = loop.create_future()
        over: asyncio.Future[None] = loop.create_future()

        async def on_call(handoff: Handoff) -> None:
            async with agi_program(handoff, over) as channel:
                await channel.read_header()
                await part(channel, await placed)

        socket_path = tmp_path / "offhook.sock"
        async with Listener(socket_path, on_call):
            asterisk.use_daemon(socket_path)
            async with await place_call() as call:
                placed.set_result(call)
                await asyncio.wait_for(over, WAIT_S)

    return run


def words(duration_ms: int, rate_hz: int = 8_000) -> Audio:
    """Noise, never silent: every part of it can be told from every other."""
    random = np.random.default_rng(4)
    samples = rate_hz * duration_ms // 1000
    signs = random.choice([-1, 1], samples)
    return (signs * random.integers(1_000, 8_000, samples)).astype(np.int16)


def begin(channel: AgiChannel, clip: GrowingClip, offset_samples: int = 0) -> asyncio.Task[PlaybackResult]:
    clip.start(time.monotonic_ns(), offset_samples)
    return asyncio.ensure_future(channel.stream_file(clip.name, "", offset_samples))


class Heard:
    """What the caller receives from now on."""

    def __init__(self, call: SipCall) -> None:
        self._received = call.media.received
        self._first = len(self._received.arrivals)
        self._lost = self._received.lost_packets

    async def at_least(self, duration_ms: int) -> None:
        """Waits until that much has come."""

        def come() -> bool:
            packets = self._received.arrivals[self._first :]
            return sum(len(each.samples) for each in packets) >= duration_ms * PER_MS

        await eventually(come, f"{duration_ms} ms of RTP")

    def audio(self) -> Audio:
        """All of it, and not a packet is missing: none lost, none skipped by the sender's clock."""
        packets = self._received.arrivals[self._first :]
        assert self._received.lost_packets == self._lost
        for before, after in itertools.pairwise(packets):
            step = (after.packet.timestamp - before.packet.timestamp) & 0xFFFFFFFF
            assert step == len(before.samples), "a gap in what Asterisk sent"
        return np.concatenate([each.samples for each in packets])


def same(heard: Audio, said: Audio) -> bool:
    """The same samples, as far as µ-law can tell."""
    if len(heard) != len(said):
        return False
    off = np.abs(heard.astype(np.int32) - said)
    return bool(np.all(off <= 40 + np.abs(said.astype(np.int32)) // 16))


def longest_silence_ms(audio: Audio) -> float:
    loud = np.flatnonzero(np.abs(audio.astype(np.int32)) > 200)
    return float(np.max(np.diff(loud))) / PER_MS


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
async def test_an_answer_that_grows_is_heard_without_a_gap(
    play: Callable[[Part], Awaitable[None]], shelf: Shelf, thread: PlayoutThread, rate_hz: int
) -> None:
    said = words(3_000, rate_hz)
    block = rate_hz // 10

    async def part(channel: AgiChannel, call: SipCall) -> None:
        clip, heard = shelf.grow(thread, rate_hz), Heard(call)
        clip.write(said[: 3 * block])
        playing = begin(channel, clip)
        for at in range(3 * block, len(said), block):
            await asyncio.sleep(0.04)  # the voice: 2.5 times faster than real time
            clip.write(said[at : at + block])
        clip.finish()
        assert not (await playing).interrupted
        ended_ns = time.monotonic_ns()
        assert clip.over(ended_ns)
        clip.stop(ended_ns)
        assert (clip.underruns, clip.padded_samples) == (0, 0)
        audio = heard.audio()
        assert len(audio) == 3_000 * PER_MS
        assert longest_silence_ms(audio) < 40
        assert rate_hz != 8_000 or same(audio, said)
        clip.drop()

    await play(part)


async def test_a_voice_that_falls_behind_makes_one_gap_in_one_playback(
    play: Callable[[Part], Awaitable[None]], shelf: Shelf, thread: PlayoutThread
) -> None:
    said = words(1_200)

    async def part(channel: AgiChannel, call: SipCall) -> None:
        clip, heard = shelf.grow(thread, 8_000), Heard(call)
        clip.write(said[: 400 * PER_MS])
        playing = begin(channel, clip)
        started_ns = time.monotonic_ns()
        await eventually(lambda: clip.padded_samples >= 500 * PER_MS, "half a second of padding")
        clip.write(said[400 * PER_MS :])
        clip.finish()
        assert not (await playing).interrupted, "one STREAM FILE for all of it"
        assert clip.over(time.monotonic_ns())
        assert clip.underruns == 1
        audio = heard.audio()
        gap = np.zeros(clip.padded_samples, np.int16)
        assert same(audio, np.concatenate([said[: 400 * PER_MS], gap, said[400 * PER_MS :]]))
        # And that is what we know was in the air: the echo's reference.
        known = clip.played(started_ns, started_ns + len(audio) * 125_000)
        late = clip.position(started_ns)
        assert late < NEAR_SAMPLES
        assert same(audio[late:], known[: len(audio) - late])

    await play(part)


async def test_a_cut_is_where_the_caller_stopped_hearing_and_the_rest_follows(
    play: Callable[[Part], Awaitable[None]], shelf: Shelf, thread: PlayoutThread
) -> None:
    said = words(2_000)

    async def part(channel: AgiChannel, call: SipCall) -> None:
        clip, heard = shelf.grow(thread, 8_000), Heard(call)
        clip.write(said)
        playing = begin(channel, clip)
        await heard.at_least(1_000)
        cut_ns = time.monotonic_ns()
        assert await channel.stop_playback()
        assert (await playing).interrupted
        clip.stop(cut_ns)
        await channel.noop()
        position = clip.position(time.monotonic_ns())
        before = heard.audio()
        assert same(before, said[: len(before)])
        assert abs(position - len(before)) < NEAR_SAMPLES

        rest = Heard(call)
        offset = clip.offset_samples(position)
        assert position - 20 * PER_MS < offset <= position
        playing = begin(channel, clip, offset)
        clip.finish()
        assert not (await playing).interrupted
        assert clip.over(time.monotonic_ns())
        assert same(rest.audio(), said[offset:])
        clip.drop()
        assert not clip.file.exists()

    await play(part)


async def test_a_file_that_ran_out_is_played_on_from_its_end(
    play: Callable[[Part], Awaitable[None]], shelf: Shelf, thread: PlayoutThread
) -> None:
    said = words(1_000)

    async def part(channel: AgiChannel, call: SipCall) -> None:
        clip, heard = shelf.grow(thread, 8_000), Heard(call)
        clip.write(said[: 300 * PER_MS])
        # Nobody keeps it ahead: as if the machine had stood still.
        playing = asyncio.ensure_future(channel.stream_file(clip.name))
        await heard.at_least(1)
        clip.write(said[300 * PER_MS : 500 * PER_MS])
        result = await playing
        assert same(heard.audio(), said[: 500 * PER_MS])
        assert result == PlaybackResult(None, 300 * PER_MS), "endpos is the length at the start"
        clip.write(said[500 * PER_MS :])
        rest = Heard(call)
        playing = begin(channel, clip, 500 * PER_MS)
        clip.finish()
        await playing
        assert clip.over(time.monotonic_ns())
        assert same(rest.audio(), said[500 * PER_MS :])

    await play(part)


async def test_silence_keeps_rtp_flowing_and_catches_keys(
    play: Callable[[Part], Awaitable[None]], folder: PlaybackFolder, asterisk: AsteriskServer
) -> None:
    silence = folder.silence(8_000)

    async def part(channel: AgiChannel, call: SipCall) -> None:
        for key in "5#":
            heard = Heard(call)
            listening = asyncio.ensure_future(channel.stream_file(silence.name, "0123456789*#"))
            await heard.at_least(400)
            assert not np.any(np.abs(heard.audio()) > 16)
            await call.media.press(key)
            assert (await listening).digit == key
        heard = Heard(call)
        listening = asyncio.ensure_future(channel.stream_file(silence.name, "0123456789*#"))
        await heard.at_least(1)
        assert await channel.stop_playback()
        assert (await listening).interrupted

    mark = asterisk.log_mark()
    await play(part)
    assert not [line for line in complaints(asterisk.log(mark)) if "fallback" not in line]
