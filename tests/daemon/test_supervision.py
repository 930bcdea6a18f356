"""A supervisor, by the control socket: hears a call, takes it over, keeps a number out of its recording."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from offhook.control.live import LiveCall
from offhook.daemon.supervision import wav_header
from tests.support.clock import Clock, reached
from tests.support.controlled import Controlled, begun, controlled
from tests.support.scripted_call import ScriptedCall, scripted_call


@pytest.fixture
async def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Controlled]:
    clock = Clock(monkeypatch)
    async with controlled(tmp_path, words=True) as daemon:
        with ExitStack() as stack:
            lives: list[LiveCall] = []

            def fill(call: ScriptedCall) -> None:
                lives.append(stack.enter_context(daemon.watched(call)))

            folder = tmp_path / "playback"
            async with scripted_call(folder, clock, [["Until six."]], fill=fill, greeted=False) as call:
                await begun(call, lives[0])
                daemon.call, daemon.live = call, lives[0]
                yield daemon


async def test_who_listens_hears_both_sides_until_the_call_is_over(supervised: Controlled) -> None:
    call = supervised.call
    async with supervised.http.stream("GET", "/v1/calls/fake-1/streams/listen") as response:
        assert response.headers["content-type"] == "audio/wav"
        blocks = response.aiter_bytes()
        heard = await anext(blocks)
        await reached(lambda: call.call.tap is not None and bool(call.call.tap._sinks), "somebody listens")
        await call.says("when do you close")
        call.line.time_passes(1.0)
        call.line.hangs_up()
        async for block in blocks:
            heard += block
    with wave.open(io.BytesIO(heard)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8_000, 2)
    audio = np.frombuffer(heard[len(wav_header(8_000)) :], "<i2").reshape(-1, 2)
    assert (audio[:, 1] != 0).sum() >= 80 * len("Until six."), "the answer is in it"
    assert not audio[:, 0].any(), "the scripted caller has no voice"


async def test_a_supervisor_takes_over_and_is_told_what_it_is_about(supervised: Controlled) -> None:
    call = supervised.call
    await call.says("when do you close")
    refused = await supervised.http.post("/v1/calls/fake-1/takeover", json={"extension": "12;dial"})
    assert refused.status_code == 400
    answer = await supervised.http.post("/v1/calls/fake-1/takeover", json={"extension": "601"})
    assert answer.json() == {"call": "fake-1", "extension": "601"}
    assert await call.ended() == "takeover"
    assert call.line.result == "takeover"
    assert call.line.variables["OFFHOOK_TARGET"] == "601"
    assert call.line.variables["OFFHOOK_SUMMARY"] == "when do you close"


async def test_a_number_is_kept_out_of_the_recording(supervised: Controlled) -> None:
    tap = supervised.call.call.tap
    assert tap is not None
    for on in (False, True):
        answer = await supervised.http.post("/v1/calls/fake-1/recording", json={"on": on})
        assert answer.json()["recording_paused"] is not on
        assert tap.paused is not on
        assert (await supervised.get("/v1/calls/fake-1"))["recording_paused"] is not on


async def test_a_call_that_its_agent_has_already_is_not_moved_to_it(supervised: Controlled) -> None:
    answer = await supervised.http.post("/v1/calls/fake-1/move", json={"agent": "bakery"})
    assert answer.status_code == 400
    assert "has it already" in answer.json()["error"]
