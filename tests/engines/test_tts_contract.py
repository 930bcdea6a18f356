"""What every voice promises, local or on somebody else's server; and servers that misbehave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.tts.base import Multilingual, Synthesizer
from offhook.engines.tts.voice import Voice
from offhook.errors import DeadlineError, ModelError, OffhookError
from tests.support.engines.speech_servers import KINDS, SECRET, SpeechServer, speech_server

LOCAL = ("espeak", "piper")
TEXT = "The florist opens at nine, and closes at noon."


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_KEY", SECRET)


@asynccontextmanager
async def any_voice(kind: str, folder: Path) -> AsyncIterator[Synthesizer]:
    """A voice of one kind, closed afterwards."""
    if kind == "espeak":
        from offhook.engines.tts.espeak import Espeak

        voice: Synthesizer = Espeak()
        yield voice
        voice.close()
    elif kind == "piper":
        from offhook.engines.tts.piper import Piper
        from tests.support.engines.tiny_piper import write_tiny_piper

        voice = Piper(write_tiny_piper(folder))
        yield voice
        voice.close()
    else:
        async with speech_server(kind) as server, closing(server.voice()) as voice:
            yield voice


@asynccontextmanager
async def closing(voice: Synthesizer) -> AsyncIterator[Synthesizer]:
    """``voice``, closed off the event loop: its server lives there."""
    try:
        yield voice
    finally:
        await asyncio.to_thread(voice.close)


async def spoken(voice: Synthesizer, text: str, cancelled: Callable[[], bool] = bool) -> NDArray[np.int16]:
    """All that a voice says, as a worker thread gets it."""

    def work() -> NDArray[np.int16]:
        blocks = list(voice.synthesize(text, cancelled=cancelled))
        assert all(block.dtype == np.int16 and block.ndim == 1 and len(block) for block in blocks)
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    return await asyncio.to_thread(work)


def check_same(kind: str, audio: NDArray[np.int16], other: NDArray[np.int16]) -> None:
    """Both say the same: to the sample, but that a local voice need not say it twice in the same way."""
    if kind in LOCAL:
        assert len(audio) == pytest.approx(len(other), rel=0.05)
    else:
        np.testing.assert_array_equal(audio, other)


@pytest.mark.parametrize("kind", [*LOCAL, *KINDS])
class TestEveryVoice:
    async def test_speaks_and_speaks_again_the_same(self, kind: str, tmp_path: Path) -> None:
        async with any_voice(kind, tmp_path) as voice:
            first, again = await spoken(voice, TEXT), await spoken(voice, TEXT)
            assert 0.5 < len(first) / voice.sample_rate_hz < 10
            check_same(kind, first, again)

    async def test_any_text_is_safe_and_none_is_silence(self, kind: str, tmp_path: Path) -> None:
        async with any_voice(kind, tmp_path) as voice:
            for nothing in ("", "  \n", "... -- !", "\x00\x1b"):
                assert len(await spoken(voice, nothing)) == 0
            assert len(await spoken(voice, 'a "<b>\x00\r\n& \ud800 \N{SNOWMAN} c')) > 0

    async def test_what_nobody_wants_is_not_begun(self, kind: str, tmp_path: Path) -> None:
        async with any_voice(kind, tmp_path) as voice:
            assert len(await spoken(voice, TEXT, lambda: True)) == 0

    async def test_two_at_once_do_not_mix(self, kind: str, tmp_path: Path) -> None:
        async with any_voice(kind, tmp_path) as voice:
            one, other = TEXT, "Roses cost four euros."
            alone = [await spoken(voice, one), await spoken(voice, other)]
            together = await asyncio.gather(*(spoken(voice, text) for text in (one, other) * 3))
            for index, audio in enumerate(together):
                check_same(kind, audio, alone[index % 2])

    async def test_another_language_has_the_same_rate(self, kind: str, tmp_path: Path) -> None:
        async with any_voice(kind, tmp_path) as voice:
            if isinstance(voice, Multilingual):
                german = voice.speaking("de-AT")
                assert german.sample_rate_hz == voice.sample_rate_hz
                assert len(await spoken(german, "Guten Tag.")) > 0


@pytest.fixture(params=KINDS)
async def server(request: pytest.FixtureRequest) -> AsyncIterator[SpeechServer]:
    async with speech_server(request.param) as server:
        yield server


class TestServers:
    async def test_every_sample_arrives_and_connections_are_used_again(self, server: SpeechServer) -> None:
        async with closing(server.voice()) as voice:
            for text in (TEXT, "Tulips."):
                np.testing.assert_array_equal(await spoken(voice, text), server.audio(text))
        assert [said.text for said in server.said] == [TEXT, "Tulips."]
        assert server.said[0].voice == "mara"
        assert server.connections == 1

    async def test_a_barge_in_reaches_the_server(self, server: SpeechServer) -> None:
        server.mode = "hold"
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()
        async with closing(server.voice()) as synthesizer:
            voice = Voice(synthesizer)
            stream = voice.stream(TEXT, 8_000)
            async for _ in stream:
                loop.call_soon(begun.set)
                break
            await stream.aclose()
            await asyncio.wait_for(server.gone.wait(), 30)
            assert await asyncio.to_thread(voice.close)

    @pytest.mark.parametrize(
        ("mode", "kind", "says"),
        [
            ("hang", DeadlineError, r"within 0\.3 s \(tts\.first_audio_timeout_s\)"),
            ("cut", ModelError, "connection broke"),
            ("refuse", ModelError, r"refuses the (request|text).*\[key\]"),
            ("garbage", ModelError, "compressed audio|not base64|not speak Wyoming"),
        ],
    )
    async def test_misbehaviour_is_one_line(
        self, server: SpeechServer, mode: str, kind: type[Exception], says: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        caplog.set_level(logging.DEBUG)
        server.mode = mode
        settings = {"first_audio_timeout_s": 0.3} if mode == "hang" else {}
        async with closing(server.voice(**settings)) as voice:
            with pytest.raises(OffhookError, match=says) as caught:
                await spoken(voice, TEXT)
            assert isinstance(caught.value, kind)
            check_line(str(caught.value), server)
            if mode != "hang":  # whose patience is too short for a busy machine
                server.mode = "speak"  # and the next clause is spoken
                np.testing.assert_array_equal(await spoken(voice, "Tulips."), server.audio("Tulips."))
        assert SECRET not in caplog.text
        assert TEXT not in caplog.text

    async def test_nothing_listens(self, server: SpeechServer) -> None:
        url = server.url.rpartition(":")[0] + ":9"  # discard: nobody has it any more
        async with closing(server.voice(base_url=url)) as voice:
            with pytest.raises(ModelError, match=r"refused"):
                await spoken(voice, TEXT)

    async def test_a_closed_voice_says_so(self, server: SpeechServer) -> None:
        voice = server.voice()
        await asyncio.to_thread(voice.close)
        await asyncio.to_thread(voice.close)
        with pytest.raises(ModelError, match="closed"):
            await spoken(voice, TEXT)


def check_line(line: str, server: SpeechServer) -> None:
    """One line that names the server and no secret, nor what was to be said."""
    assert line.startswith(server.url)
    assert "\n" not in line
    assert SECRET not in line
    assert TEXT[:10] not in line
