"""Voices over HTTP: second tries, refusals, whom we trust with the key, and the forms that audio comes in."""

from __future__ import annotations

import asyncio
import ssl
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offhook.config import TtsConfig
from offhook.engines.tts import servers
from offhook.engines.tts.remote import RemoteVoice
from offhook.engines.tts.stream_format import AudioReader
from offhook.errors import BusyError, ConfigError, ModelError, OffhookError
from tests.support.engines.model_server import Behaviour, ModelServer, Request, Wire, reset, status
from tests.support.engines.speech_servers import SECRET, sound, wav

CERTIFICATE = Path(__file__).parents[1] / "data" / "localhost.pem"
RATE_HZ = 24_000
TEXT = "Keys are cut while you wait."
AUDIO = sound(TEXT, RATE_HZ)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_KEY", SECRET)


def answers(body: bytes, kind: str = "audio/pcm") -> Behaviour:
    """A body of that kind."""

    async def behave(request: Request, wire: Wire) -> None:
        await wire.head(content_type=kind, content_length=str(len(body)))
        await wire.send(body)
        wire.complete = True

    return behave


SPEAKS = answers(AUDIO.tobytes())


def voice_at(url: str, **settings: Any) -> RemoteVoice:
    usual: dict[str, Any] = {
        "engine": "openai",
        "base_url": f"{url}/v1",
        "api_key_env": "VOICE_KEY",
        "voice": "mara",
    }
    usual |= {"first_audio_timeout_s": 30.0, "connect_timeout_s": 30.0}
    return servers.load(TtsConfig.model_validate(usual | settings))


async def say(voice: RemoteVoice) -> np.ndarray[Any, np.dtype[np.int16]]:
    """What it says to :data:`TEXT`; the voice is closed then."""

    def work() -> np.ndarray[Any, np.dtype[np.int16]]:
        try:
            return np.concatenate(list(voice.synthesize(TEXT)))
        finally:
            voice.close()

    return await asyncio.to_thread(work)


@pytest.mark.parametrize(
    "first",
    [reset, status(429, "", retry_after="0"), status(503, {"error": "starting"}), status(502, "<html>")],
)
async def test_what_may_pass_is_tried_once_more(first: Behaviour) -> None:
    async with ModelServer() as server:
        server.will(first, SPEAKS)
        np.testing.assert_array_equal(await say(voice_at(server.url)), AUDIO)
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("behaviour", "kind", "says", "requests"),
    [
        (status(401, {"error": f"wrong {SECRET}"}), ModelError, r"\(401\): check \$VOICE_KEY$", 1),
        (status(403, {"error": "no"}), ModelError, r"\(403\)", 1),
        (status(404, "<html>"), ModelError, r"answers 404: tts.base_url should end", 1),
        (status(429, "", retry_after="600"), BusyError, r"\(429\); it asks to wait 600 s", 1),
        (status(429, {"error": {"code": "insufficient_quota"}}), ModelError, "quota is used up", 1),
        (status(500, {"error": "no memory"}), ModelError, r"failed \(500\): no memory", 2),
        (status(302, "", location="http://127.0.0.1:9/"), ModelError, r"set tts.base_url to where", 1),
        (status(200, "<html>"), ModelError, "answers with text/html instead of audio", 1),
        (answers(b""), ModelError, "answers without audio", 1),
        (answers(wav(AUDIO[:0], RATE_HZ), "audio/wav"), ModelError, "answers without audio", 1),
        (answers(b"x", "audio/mpeg"), ModelError, "audio/mpeg instead of raw PCM or WAV", 1),
    ],
)
async def test_refusals(behaviour: Behaviour, kind: type[Exception], says: str, requests: int) -> None:
    async with ModelServer() as server:
        server.will(behaviour)
        with pytest.raises(OffhookError, match=says) as caught:
            await say(voice_at(server.url))
        assert isinstance(caught.value, kind)
        assert SECRET not in str(caught.value)
        assert len(server.requests) == requests


@pytest.mark.parametrize(
    ("host", "ca_file", "says"),
    [
        ("127.0.0.1", CERTIFICATE, None),
        ("127.0.0.1", None, "certificate is not trusted: self-signed"),
        ("127.0.0.2", CERTIFICATE, "certificate is not trusted: .*127.0.0.2"),
    ],
)
@pytest.mark.parametrize("engine", ["openai", "elevenlabs"])
async def test_the_key_goes_only_to_whom_the_certificate_names(
    engine: str, host: str, ca_file: Path | None, says: str | None
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    async with ModelServer(tls, host) as server:
        server.will(SPEAKS if engine == "openai" else status(401, ""))
        voice = voice_at(server.url, engine=engine, ca_file=ca_file)
        if says is None and engine == "openai":
            np.testing.assert_array_equal(await say(voice), AUDIO)
        else:
            with pytest.raises(ModelError, match=says or r"\(401\)"):
                await say(voice)
        assert len(server.requests) == (says is None)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"engine": "azure", "base_url": None}, "tts.base_url must say where"),
        ({"engine": "azure", "sample_rate_hz": 22_050}, "azure has 8000, 16000, 24000, 48000"),
        ({"engine": "xtts", "path": "/speak"}, "one of /tts, /tts_to_audio/, /tts_stream"),
        (
            {"engine": "wyoming", "base_url": "http://127.0.0.1:1", "api_key_env": None},
            "write it with tcp://",
        ),
        ({"engine": "wyoming", "base_url": "tcp://127.0.0.1:1"}, "tts.api_key_env is of no use"),
        ({"path": "/speech"}, "tts.path is for xtts and piper-http: leave it out for openai"),
        ({"base_url": "http://me:secret@127.0.0.1"}, "must not hold a user or password"),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE is not set"),
        ({"api_key_env": "sk-pasted-key"}, "must be the NAME"),
        ({"ca_file": "/nowhere/ca.pem", "base_url": "https://127.0.0.1"}, "check tts.ca_file"),
    ],
)
def test_settings_are_checked_as_a_whole(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        voice_at("http://127.0.0.1:1", **settings)
    assert "secret" not in str(caught.value)
    assert "pasted" not in str(caught.value)


def test_a_key_is_read_without_being_named_only_for_the_services_own_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set"):
        voice_at("", base_url=None, api_key_env=None)
    voice_at("http://127.0.0.1:1", api_key_env=None).close()


class TestAudioReader:
    @staticmethod
    def read(data: bytes, step: int, rate_hz: int = RATE_HZ) -> np.ndarray[Any, np.dtype[np.int16]]:
        reader = AudioReader("the server", rate_hz)
        parts = [reader.feed(data[at : at + step]) for at in range(0, len(data), step)]
        return np.concatenate([*parts, reader.end()])

    @pytest.mark.parametrize("step", [1, 7, 1000, 1 << 20])
    @pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF])
    def test_wav_whatever_the_chunks_and_the_claimed_length(self, step: int, size: int | None) -> None:
        np.testing.assert_array_equal(self.read(wav(AUDIO, RATE_HZ, size=size), step), AUDIO)

    def test_what_follows_the_samples_is_no_sound(self) -> None:
        data = wav(AUDIO, RATE_HZ) + b"LIST" + struct.pack("<I", 4) + b"abcd"
        np.testing.assert_array_equal(self.read(data, 100), AUDIO)

    def test_other_forms_become_ours(self) -> None:
        level = np.full(4800, 8_000, np.int16)
        stereo = np.column_stack([np.full(4800, 6_000), np.full(4800, 10_000)]).astype("<i2").tobytes()
        floats = (level / 32_767).astype("<f4").tobytes()
        for channels, tag, bits, data in ((2, 1, 16, stereo), (1, 3, 32, floats)):
            form = struct.pack("<HHIIHH", tag, channels, RATE_HZ, 0, 0, bits)
            head = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 16) + form + b"data\xff\xff\xff\xff"
            np.testing.assert_array_equal(self.read(head + data, 777), level)
        slower = self.read(wav(level, 16_000), 777)
        assert len(slower) == pytest.approx(7200, abs=2)
        assert int(np.median(slower)) == pytest.approx(8_000, abs=20)

    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"OggS" + bytes(90), "compressed audio"),
            (b"RI", "ended within its first 2 bytes"),
            (b"RIFF\0\0\0\0WAVE" + b"data\0\0\0\0", "without a format"),
            (b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\0\0" + bytes(70_000), "without samples"),
            (
                b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"
                + struct.pack("<HHIIHH", 7, 1, 8000, 0, 0, 8)
                + b"data\0\0\0\0",
                "WAV of format 7 with 8 bits",
            ),
        ],
    )
    def test_no_audio_is_said_so(self, data: bytes, says: str) -> None:
        with pytest.raises(ModelError, match=says):
            self.read(data, 64)
