"""Our voices against servers that others have written: Piper's web server, its server of Wyoming, and
Wyoming's own library."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wyoming.event import Event
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.tts import Synthesize

from offhook.config import TtsConfig
from offhook.engines.tts import servers
from offhook.engines.tts.remote import RemoteVoice
from offhook.errors import ModelError
from tests.support.engines.server_process import running
from tests.support.engines.speech_servers import sound
from tests.support.engines.tiny_piper import write_tiny_piper
from tests.support.ports import free_port


def voice_of(engine: str, url: str) -> RemoteVoice:
    settings = {"engine": engine, "base_url": url, "first_audio_timeout_s": 60.0, "timeout_s": 60.0}
    return servers.load(TtsConfig.model_validate(settings))


@pytest.fixture
def piper_server(tmp_path: Path) -> Iterator[str]:
    """``python -m piper.http_server`` with a small voice; its address."""
    port = free_port()
    write_tiny_piper(tmp_path)
    options = ["-m", "tiny", "--host", "127.0.0.1", "--port", str(port), "--data-dir", str(tmp_path)]
    with running("piper.http_server", *options, port=port, folder=tmp_path):
        yield f"http://127.0.0.1:{port}"


def test_pipers_own_web_server(piper_server: str) -> None:
    voice = voice_of("piper-http", piper_server)
    try:
        audio = np.concatenate(list(voice.synthesize("The bridge is closed.")))
        assert len(audio) > voice.sample_rate_hz // 5
        assert np.abs(audio).max() > 1000
    finally:
        voice.close()


def test_pipers_server_of_wyoming_and_its_restart(tmp_path: Path) -> None:
    """Several sentences are one answer; a clause that nobody wants is given up; after a restart between two
    clauses the connection that was kept is gone, and the caller does not notice."""
    port = free_port()
    write_tiny_piper(tmp_path)
    options = ["--uri", f"tcp://127.0.0.1:{port}", "--voice", "tiny", "--data-dir", str(tmp_path)]
    voice = voice_of("wyoming", f"tcp://127.0.0.1:{port}")
    text = "The bridge is closed. It opens at noon, on Monday."

    def says() -> int:
        return len(np.concatenate(list(voice.synthesize(text))))

    try:
        with running("wyoming_piper", *options, port=port, folder=tmp_path):
            first = says()
            assert first > voice.sample_rate_hz // 2
            given_up: Any = voice.synthesize(text)
            next(given_up)
            given_up.close()
            assert says() == first
        with running("wyoming_piper", *options, port=port, folder=tmp_path):
            assert says() == first
        with pytest.raises(ModelError, match=r"no connection|connection broke"):
            says()
    finally:
        voice.close()


async def test_wyomings_own_library() -> None:
    """Its server parses what we send with its own classes, and answers with them."""
    heard: list[Synthesize] = []

    class Speaker(AsyncEventHandler):
        async def handle_event(self, event: Event) -> bool:
            if Synthesize.is_type(event.type):
                asked = Synthesize.from_event(event)
                heard.append(asked)
                data = sound(asked.text, 22_050).tobytes()
                form = {"rate": 22_050, "width": 2, "channels": 1}
                await self.write_event(Event("audio-start", form))
                for at in range(0, len(data), 2048):
                    await self.write_event(Event("audio-chunk", form, data[at : at + 2048]))
                await self.write_event(Event("audio-stop"))
            return True

    port = free_port()
    server = AsyncTcpServer("127.0.0.1", port)
    await server.start(Speaker)
    voice = voice_of("wyoming", f"tcp://127.0.0.1:{port}")
    try:
        for speaker, text in ((voice, "Two tickets."), (voice.speaking("de-DE"), "Zwei Karten, bitte.")):
            blocks = await asyncio.to_thread(list, speaker.synthesize(text))
            np.testing.assert_array_equal(np.concatenate(blocks), sound(text, 22_050))
        assert [asked.voice.language if asked.voice else None for asked in heard] == ["en", "de-de"]
    finally:
        await asyncio.to_thread(voice.close)
        await server.stop()
