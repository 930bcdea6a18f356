"""What every recognition session promises, over a local recogniser or on somebody else's server.

Above 400 lines because one contract is held against every recogniser.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from numpy.typing import NDArray

from offhook.config import SttConfig
from offhook.engines.stt import servers
from offhook.engines.stt.backed import BackedRecognition
from offhook.engines.stt.base import (
    SESSION_S,
    GoneOnError,
    Guess,
    Guessing,
    Piecewise,
    Recognition,
    RecognitionSession,
    Transcript,
    never,
)
from offhook.engines.stt.gate import Recognizer
from offhook.engines.stt.remote import CUT_MS, Pieces
from offhook.errors import BusyError, ConfigError, DeadlineError, ModelError, OffhookError
from offhook.workers import Claim, Urgency
from tests.engines.test_tts_http import CERTIFICATE
from tests.support.engines.hearing_servers import (
    KINDS,
    SECRET,
    STREAMS,
    HearingServer,
    hearing_server,
    speech,
    understood,
)
from tests.support.waiting import eventually

RATE_HZ = 8_000
LONG_MS = 5_000
"""Enough voice for any words."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARING_KEY", SECRET)


class LocalEar:
    """Understands what the fakes understand."""

    name = "local"

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        return Transcript(understood(audio, 16_000), len(audio) // 16, 0.0)

    def close(self) -> None:
        """Nothing to free."""


@asynccontextmanager
async def recognition(kind: str) -> AsyncIterator[Recognition]:
    if kind == "local":
        local = Recognizer(LocalEar())
        yield local
        local.close()
    else:
        async with hearing_server(kind) as server, closing(server.recognition()) as remote:
            yield remote


@asynccontextmanager
async def closing(remote: Recognition) -> AsyncIterator[Recognition]:
    try:
        yield remote
    finally:
        await asyncio.to_thread(remote.close)


def tell(session: object, words: str, rate_hz: int = RATE_HZ) -> None:
    """Push words as a line does: in frames of 20 ms."""
    audio = speech(words, rate_hz)
    for at in range(0, len(audio), rate_hz // 50):
        session.push(audio[at : at + rate_hz // 50])  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["local", *KINDS])
class TestEverySession:
    async def test_goes_on_after_a_pause(self, kind: str) -> None:
        async with recognition(kind) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table for six")
            first = await session.final(LONG_MS)
            assert (first.text, first.audio_ms) == ("a table for six", 1_200)
            assert await session.final(LONG_MS) == first
            tell(session, "on friday please")
            assert (await session.final(LONG_MS)).text == "a table for six on friday please"
            assert session.audio_s == pytest.approx(2.1)
            session.cancel()
            session.cancel()
            with pytest.raises(ModelError, match="given up"):
                await session.final(LONG_MS)

    async def test_wide_band(self, kind: str) -> None:
        async with recognition(kind) as ear:
            session = ear.session(16_000)
            tell(session, "six people please", 16_000)
            assert (await session.final(LONG_MS)).text == "six people please"
            session.cancel()

    async def test_too_little_voice_is_no_words(self, kind: str) -> None:
        async with recognition(kind) as ear:
            session = ear.session(RATE_HZ)
            assert (await session.final(LONG_MS)).text == ""
            tell(session, "a table")
            assert (await session.final(100)).text == ""
            assert (await session.final(LONG_MS)).text == "a table"
            session.cancel()

    async def test_two_calls_do_not_mix(self, kind: str) -> None:
        async with recognition(kind) as ear:
            sessions = [ear.session(RATE_HZ) for _ in range(3)]
            told = ["a table for six", "six people", "on friday and a chair please"]
            for session, words in zip(sessions, told, strict=True):
                tell(session, words)
            heard = await asyncio.gather(*(session.final(LONG_MS) for session in sessions))
            assert [transcript.text for transcript in heard] == told
            for session in sessions:
                session.cancel()

    async def test_is_bounded(self, kind: str) -> None:
        async with recognition(kind) as ear:
            session = ear.session(RATE_HZ)
            with pytest.raises(BusyError, match=f"more than {SESSION_S} s"):
                session.push(np.zeros(RATE_HZ * SESSION_S + 1, np.int16))
            assert session.audio_s == 0
            session.cancel()

    async def test_giving_up_a_final_leaves_the_session_well(self, kind: str) -> None:
        async with recognition(kind) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table for six")
            waiting = asyncio.create_task(session.final(LONG_MS))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            tell(session, "people")
            assert (await session.final(LONG_MS)).text == "a table for six people"
            session.cancel()


@pytest.fixture(params=KINDS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[HearingServer]:
    async with hearing_server(request.param) as server:
        yield server


class TestServers:
    async def test_each_second_is_sent_once(self, server: HearingServer) -> None:
        """But for the silence that some services need to bring the last word out."""
        async with closing(server.recognition()) as ear:
            session = ear.session(RATE_HZ)
            for words in ("a table for six", "people", "on friday please"):
                tell(session, words)
                await session.final(LONG_MS)
                await session.final(LONG_MS)
            assert session.usage_s == pytest.approx(session.audio_s)
            silence_s = {"wyoming": 3 * 0.1, "flux": 3 * 0.24}.get(server.kind, 0.0)
            assert server.seconds == pytest.approx(session.audio_s + silence_s, abs=0.01)
            session.cancel()

    async def test_words_come_before_the_end(self, server: HearingServer) -> None:
        async with closing(server.recognition()) as ear:
            session = ear.session(RATE_HZ)
            assert await session.interim() == ""
            tell(session, "a table for six")
            if server.kind in STREAMS:
                words = ""

                def are_known() -> bool:
                    return words == "a table for six"

                for _ in range(3_000):
                    words = await session.interim()
                    if are_known():
                        break
                    await asyncio.sleep(0.01)
                assert are_known()
            if server.kind == "flux":
                session.push(np.zeros(RATE_HZ // 4, np.int16))
                await eventually(lambda: (session.turn_over or 0) > 0.5, "Flux takes the turn to be over")
                tell(session, "people")
                await eventually(
                    lambda: session.turn_over is not None and session.turn_over < 0.5, "it goes on"
                )
            session.cancel()

    async def test_a_connection_that_breaks_is_opened_once_more(self, server: HearingServer) -> None:
        server.mode = "cut"
        async with closing(server.recognition()) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table for six")
            assert (await session.final(LONG_MS)).text == "a table for six"
            session.cancel()

    @pytest.mark.parametrize(
        ("mode", "kind", "says"),
        [
            ("hang", DeadlineError, r"within 0\.5 s \(stt\.final_timeout_s\)"),
            ("refuse", ModelError, r"\[key\]"),
            ("garbage", ModelError, r"not JSON|not speak Wyoming|\[key\]"),
        ],
    )
    async def test_misbehaviour_is_one_line(
        self, server: HearingServer, mode: str, kind: type[Exception], says: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        caplog.set_level(logging.DEBUG)
        server.mode = mode
        settings = {"final_timeout_s": 0.5} if mode == "hang" else {}
        async with closing(server.recognition(**settings)) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table for six")
            with pytest.raises(OffhookError, match=says) as caught:
                await session.final(LONG_MS)
            assert isinstance(caught.value, kind)
            assert "\n" not in str(caught.value)
            session.cancel()
        assert SECRET not in str(caught.value) + caplog.text
        assert "table" not in caplog.text

    async def test_closing_ends_what_is_open(self, server: HearingServer) -> None:
        ear = server.recognition()
        session = ear.session(RATE_HZ)
        tell(session, "a table")
        await asyncio.to_thread(ear.close)
        with pytest.raises(ModelError, match="given up"):
            await session.interim()
        with pytest.raises(ModelError, match="closed"):
            ear.session(RATE_HZ)


def in_one_piece(samples: NDArray[np.int16], rate_hz: int) -> str:
    """What is understood with a hyphen between its words: spaces are then between pieces."""
    return understood(samples, rate_hz).replace(" ", "-")


def pieces(session: RecognitionSession) -> Piecewise:
    assert isinstance(session, Piecewise)
    return session


async def given_up(waiting: asyncio.Task[Transcript]) -> bool:
    """It ends with the caller's going on."""
    try:
        await waiting
    except GoneOnError:
        return True
    return False


class TestPieces:
    """A pause in a sentence must not leave the recogniser with two halves of it."""

    @pytest.mark.parametrize("kind", ["openai", "wyoming"])
    @pytest.mark.parametrize(("pause_ms", "heard"), [(120, "a-table-for-six"), (CUT_MS, "a-table for-six")])
    async def test_ones_own_server_hears_a_piece_again(self, kind: str, pause_ms: int, heard: str) -> None:
        async with hearing_server(kind) as server, closing(server.recognition()) as ear:
            server.understands = in_one_piece
            session = ear.session(RATE_HZ)
            tell(session, "a table")
            first = session.audio_s
            assert (await session.final(LONG_MS)).text == "a-table"
            pieces(session).went_on(pause_ms)
            tell(session, "for six")
            assert (await session.final(LONG_MS)).text == heard
            again_s = first if pause_ms < CUT_MS else 0.0
            assert session.usage_s == pytest.approx(session.audio_s + again_s)
            pieces(session).went_on(CUT_MS)
            tell(session, "people")
            assert (await session.final(LONG_MS)).text == f"{heard} people"
            session.cancel()

    @pytest.mark.parametrize("kind", ["openai", "wyoming"])
    async def test_going_on_while_words_are_awaited(self, kind: str) -> None:
        """The request that is of no use any more is given up, and nothing of it is lost."""
        async with hearing_server(kind) as server, closing(server.recognition()) as ear:
            server.understands, server.mode = in_one_piece, "hang"
            session = ear.session(RATE_HZ)
            tell(session, "a table")
            waiting = asyncio.create_task(session.final(LONG_MS))
            await eventually(lambda: server.asked == 1, "the words are asked for")
            pieces(session).went_on(120)
            assert await given_up(waiting)
            server.mode = "hear"
            tell(session, "for six")
            assert (await session.final(LONG_MS)).text == "a-table-for-six"
            session.cancel()

    @pytest.mark.parametrize("kind", ["openai", "wyoming", "realtime", "google"])
    async def test_a_metered_server_is_asked_where_words_can_be_cut(self, kind: str) -> None:
        settings = {"price_per_minute": 0.006} if kind in ("openai", "wyoming") else {}
        async with hearing_server(kind) as server, closing(server.recognition(**settings)) as ear:
            server.understands = in_one_piece
            session = ear.session(RATE_HZ)
            just_now = Claim(Urgency.PREPARED, since_ns=time.monotonic_ns() + 3_600 * 10**9)
            tell(session, "a table")
            waiting = asyncio.create_task(session.final(LONG_MS, just_now))
            await asyncio.sleep(0)
            pieces(session).went_on(120)
            assert await given_up(waiting)
            tell(session, "for six")
            waiting = asyncio.create_task(session.final(LONG_MS, just_now))
            await asyncio.sleep(0)
            pieces(session).probably_over()
            assert (await waiting).text == "a-table-for-six"
            pieces(session).went_on(120)
            tell(session, "people please")
            long_ago = Claim(Urgency.PREPARED, since_ns=time.monotonic_ns() - CUT_MS * 10**6)
            assert (await session.final(LONG_MS, long_ago)).text == "a-table-for-six people-please"
            assert session.usage_s == pytest.approx(session.audio_s)
            session.cancel()

    async def test_a_fallback_does_not_take_a_gone_caller_for_a_late_server(self) -> None:
        async with hearing_server("google") as server:
            local = Recognizer(LocalEar())
            async with closing(BackedRecognition(server.recognition(), local, after_s=60)) as ear:
                server.understands = in_one_piece
                session = ear.session(RATE_HZ)
                tell(session, "a table")
                just_now = Claim(Urgency.PREPARED, since_ns=time.monotonic_ns() + 3_600 * 10**9)
                waiting = asyncio.create_task(session.final(LONG_MS, just_now))
                await asyncio.sleep(0)
                pieces(session).went_on(120)
                assert await given_up(waiting)
                tell(session, "for six")
                assert (await session.final(LONG_MS)).text == "a-table-for-six"
                session.cancel()

    async def test_who_may_hear_again(self) -> None:
        def chosen(**settings: object) -> Pieces:
            ear = servers.load(
                SttConfig.model_validate({"engine": "openai", "api_key_env": "HEARING_KEY"} | settings)
            )
            ear.close()
            return ear.pieces

        assert chosen() is Pieces.ONCE
        assert chosen(base_url="https://speech.example.com/v1") is Pieces.ONCE
        assert chosen(base_url="https://speech.example.com/v1", hears_again=True) is Pieces.AGAIN
        assert chosen(base_url="http://gpu-box:8000/v1") is Pieces.AGAIN
        assert chosen(base_url="http://192.168.2.7/v1") is Pieces.AGAIN
        assert chosen(base_url="http://192.168.2.7/v1", price_per_minute=0.01) is Pieces.ONCE
        with pytest.raises(
            ConfigError, match=r"stt\.hears_again is for openai and wyoming: leave it out for deepgram"
        ):
            chosen(engine="deepgram", hears_again=True)


class TestInterim:
    """Words that an answer may begin on are declared to be of all that was said."""

    async def guessed(self, ear: Recognition, words: str) -> Guess:
        """What is guessed, once it is all of the ``words``."""
        session = ear.session(RATE_HZ)
        tell(session, words)
        session.push(np.zeros(RATE_HZ * 3 // 10, np.int16))  # flux looks ahead
        assert isinstance(session, Guessing)
        try:
            async with asyncio.timeout(60):
                while (guess := await session.guess(LONG_MS)).text != words:
                    assert words.startswith(guess.text)
                    await asyncio.sleep(0)
                return guess
        finally:
            session.cancel()

    @pytest.mark.parametrize("kind", ["nova", "flux", "google"])
    @pytest.mark.parametrize("commit", ["interim", "final"])
    async def test_a_service_that_says_how_far_it_has_listened(self, kind: str, commit: str) -> None:
        async with hearing_server(kind) as server, closing(server.recognition(commit=commit)) as ear:
            assert (await self.guessed(ear, "a table for six")).sure == (commit == "interim")

    async def test_words_that_google_may_change_yet_are_not(self) -> None:
        async with hearing_server("google") as server, closing(server.recognition(commit="interim")) as ear:
            server.stability = 0.01
            assert not (await self.guessed(ear, "a table")).sure
            local = Recognizer(LocalEar())
            async with closing(
                BackedRecognition(server.recognition(), local, after_s=60, commits=True)
            ) as both:
                assert (await self.guessed(both, "a table")).sure, "this machine's are"

    @pytest.mark.parametrize("engine", ["openai", "realtime", "wyoming"])
    async def test_what_says_nothing_before_the_end_needs_one_behind_it(self, engine: str) -> None:
        settings = {"engine": engine, "api_key_env": "HEARING_KEY", "commit": "interim"}
        if engine == "wyoming":
            del settings["api_key_env"]
        with pytest.raises(ConfigError, match=f"{engine} tells no words of all that was said.*fallback"):
            servers.load(SttConfig.model_validate(settings))
        servers.load(SttConfig.model_validate(settings | {"fallback": {}})).close()


@pytest.mark.parametrize("kind", ["realtime", "nova", "flux"])
async def test_a_wrong_key_is_not_tried_again(kind: str) -> None:
    async with hearing_server(kind) as server:
        server.key = "another"
        async with closing(server.recognition()) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table")
            with pytest.raises(ModelError, match=r"\(401\): check \$HEARING_KEY") as caught:
                await session.final(LONG_MS)
            assert caught.value.lasting
            session.cancel()
        assert server.connections == 0


async def test_what_the_services_are_asked_for() -> None:
    expected = {
        "openai": {"language": "de", "model": "small", "prompt": "Kürbis, Möhre"},
        "realtime": {"language": "de", "model": "small", "prompt": "Kürbis, Möhre"},
        "nova": {"language": "de-AT", "model": "small", "keyterm": "Kürbis", "interim_results": "true"},
        "google": {"language": "de-AT", "model": "small"},
        "wyoming": {"language": "de", "name": "small"},
    }
    for kind, wanted in expected.items():
        async with hearing_server(kind) as server:
            settings = {"language": "de-AT", "model": "small", "terms": ["Kürbis", "Möhre"]}
            async with closing(server.recognition(**settings)) as ear:
                session = ear.session(RATE_HZ)
                tell(session, "a table")
                await session.final(LONG_MS)
                session.cancel()
            assert server.queries[0] | wanted == server.queries[0]


@pytest.mark.parametrize("trusted", [True, False])
async def test_google_behind_a_private_authority(
    trusted: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The account's token goes to nobody whose certificate is not trusted, and nowhere into a log."""
    caplog.set_level(logging.DEBUG)
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    secret = key.private_bytes(*form).decode()
    account = {
        "type": "service_account",
        "client_email": "ferry@tavern.example",
        "private_key": secret,
        "token_uri": "https://127.0.0.1:9/token",
    }
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account))
    async with hearing_server("google", CERTIFICATE) as server:
        settings = {"ca_file": str(CERTIFICATE)} if trusted else {}
        async with closing(server.recognition(api_key_file=str(file), **settings)) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table for six")
            if trusted:
                assert (await session.final(LONG_MS)).text == "a table for six"
                assert server.authorised[0].startswith("Bearer ey"), "signed here, without asking anybody"
                assert server.authorised[0].split()[1] not in caplog.text
            else:
                with pytest.raises(OffhookError) as caught:
                    await session.final(LONG_MS)
                assert server.url in str(caught.value)
                assert "\n" not in str(caught.value)
                assert server.authorised == []
            session.cancel()
    assert secret[40:80] not in caplog.text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"engine": "wyoming", "api_key_env": "HEARING_KEY"}, "stt.api_key_env is of no use with"),
        ({"engine": "wyoming", "ca_file": "/nowhere.pem"}, "stt.ca_file is of no use with"),
        (
            {"engine": "google", "extra": {"project": "x", "loaction": "eu"}},
            "stt.extra.loaction is not known",
        ),
        ({"engine": "deepgram", "path": "/listen"}, "stt.path is for openai: leave it out for deepgram"),
    ],
)
def test_settings_that_would_be_passed_over_are_refused(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        servers.load(SttConfig.model_validate(settings))


@pytest.mark.parametrize("engine", ["openai", "deepgram"])
@pytest.mark.parametrize("proxy", ["foo://u:geheim-pw@192.0.2.3", "http://u:geheim-pw@192.0.2.3:no"])
async def test_a_proxy_that_is_none_is_said_in_one_line_without_its_password(
    engine: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    settings = {"engine": engine, "base_url": "https://192.0.2.1", "api_key_env": "HEARING_KEY"}

    async def ask() -> None:
        async with closing(servers.load(SttConfig.model_validate(settings))) as ear:
            session = ear.session(RATE_HZ)
            tell(session, "a table")
            await session.final(LONG_MS)

    with pytest.raises(OffhookError, match=r"the environment names.*write it like") as caught:
        await ask()
    assert "geheim" not in str(caught.value)
