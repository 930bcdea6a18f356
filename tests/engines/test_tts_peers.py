"""Our voices against servers that others have written: Piper's web server, and Wyoming's own library."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from wyoming.event import Event
from wyoming.server import AsyncEventHandler, AsyncTcpServer
from wyoming.tts import Synthesize

from offhook.config import TtsConfig
from offhook.engines.tts import servers
from offhook.engines.tts.remote import RemoteVoice
from tests.support.engines.speech_servers import sound
from tests.support.engines.tiny_piper import write_tiny_piper
from tests.support.waiting import until


def voice_of(engine: str, url: str) -> RemoteVoice:
    settings = {"engine": engine, "base_url": url, "first_audio_timeout_s": 60.0, "timeout_s": 60.0}
    return servers.load(TtsConfig.model_validate(settings))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@pytest.fixture
def piper_server(tmp_path: Path) -> Iterator[str]:
    """``python -m piper.http_server`` with a small voice; its address."""
    port = free_port()
    write_tiny_piper(tmp_path)
    command = [sys.executable, "-m", "piper.http_server", "-m", "tiny", "--host", "127.0.0.1"]
    command += ["--port", str(port), "--data-dir", str(tmp_path)]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answers() -> bool:
        assert process.poll() is None, "Piper's web server has ended"
        try:
            return httpx.get(f"{url}/info", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    try:
        until(answers, "Piper's web server answers")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_pipers_own_web_server(piper_server: str) -> None:
    voice = voice_of("piper-http", piper_server)
    try:
        audio = np.concatenate(list(voice.synthesize("The bridge is closed.")))
        assert len(audio) > voice.sample_rate_hz // 5
        assert np.abs(audio).max() > 1000
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
