"""Makes a voice of ``[tts]`` for each kind of server.  Nobody is contacted here."""

from __future__ import annotations

from collections.abc import Callable, Collection

from offhook.config import TtsConfig
from offhook.engines.engine import Loading
from offhook.engines.remote.http import Patience
from offhook.engines.remote.service import Service
from offhook.engines.remote.settings import service_of
from offhook.engines.tts.http_source import (
    XTTS_PATHS,
    Azure,
    Form,
    HttpSource,
    OpenAiSpeech,
    PiperHttp,
    Xtts,
    xtts_language,
)
from offhook.engines.tts.remote import RemoteVoice, Source
from offhook.errors import ConfigError

OPENAI_URL = "https://api.openai.com/v1"
ELEVENLABS_URL = "https://api.elevenlabs.io"


def load(tts: TtsConfig, model: str | None = None, loading: Loading | None = None) -> RemoteVoice:
    """The voice on the server that ``[tts]`` names.  Raises ConfigError with one line."""
    if tts.path is not None and tts.engine not in _WITH_PATH:
        raise ConfigError(f"tts.path is for {' and '.join(_WITH_PATH)}: leave it out for {tts.engine}")
    return _MAKERS[tts.engine](tts)


def _openai(tts: TtsConfig) -> RemoteVoice:
    model = tts.model or "gpt-4o-mini-tts"
    service = service_of("tts", tts, model, url=OPENAI_URL, key_env="OPENAI_API_KEY")
    form = OpenAiSpeech(model, tts.sample_rate_hz or 24_000, tts.extra)
    return _by_http(tts, service, form, _voice(tts, "alloy"), speaks=_any)


def _xtts(tts: TtsConfig) -> RemoteVoice:
    if tts.path is not None and tts.path not in XTTS_PATHS:
        raise ConfigError(f"tts.path is {tts.path[:80]!r}: one of {', '.join(XTTS_PATHS)}")
    if "voice" not in tts.model_fields_set:
        raise ConfigError(
            "tts.engine is xtts: tts.voice must name the sample that the server is to speak like"
        )
    service = service_of("tts", tts, "xtts", url="http://127.0.0.1:8020")
    form = Xtts(tts.path or "/tts_to_audio/", tts.sample_rate_hz or 24_000, tts.extra)

    def speaks(language: str) -> bool:
        return language.partition("-")[0] == "en" or xtts_language(language) != "en"

    return _by_http(tts, service, form, tts.voice, speaks=speaks)


def _azure(tts: TtsConfig) -> RemoteVoice:
    rate_hz = _rate(tts, 16_000, (8_000, 16_000, 24_000, 48_000))
    service = service_of("tts", tts, "azure", url=None, key_header="Ocp-Apim-Subscription-Key", key_scheme="")
    return _by_http(tts, service, Azure(rate_hz, tts.extra), _voice(tts, "en-US-AvaMultilingualNeural"))


def _piper_http(tts: TtsConfig) -> RemoteVoice:
    service = service_of("tts", tts, "piper-http", url="http://127.0.0.1:5000")
    form = PiperHttp(tts.path or "/synthesize", tts.sample_rate_hz or 22_050, tts.extra)
    return _by_http(tts, service, form, _voice(tts, ""))


def _elevenlabs(tts: TtsConfig) -> RemoteVoice:
    from offhook.engines.tts.elevenlabs import ElevenLabs

    if "voice" not in tts.model_fields_set:
        raise ConfigError("tts.engine is elevenlabs: tts.voice must be a voice's id, as its page shows it")
    rate_hz = _rate(tts, 16_000, (8_000, 16_000, 22_050, 24_000))
    model = tts.model or "eleven_flash_v2_5"
    service = service_of(
        "tts", tts, model, url=ELEVENLABS_URL, key_env="ELEVENLABS_API_KEY",
        key_header="xi-api-key", key_scheme="",
    )  # fmt: skip
    source = ElevenLabs(service, _patience(tts), rate_hz=rate_hz, model=model, extra=tts.extra)
    return _of(tts, source, tts.voice, speaks=_any)


def _wyoming(tts: TtsConfig) -> RemoteVoice:
    from offhook.engines.tts.wyoming import WyomingSource

    service = service_of("tts", tts, "wyoming", url="tcp://127.0.0.1:10200", schemes=("tcp",))
    source = WyomingSource(service, _patience(tts), rate_hz=tts.sample_rate_hz or 22_050)
    return _of(tts, source, _voice(tts, ""))


_WITH_PATH = ("xtts", "piper-http")
_MAKERS: dict[str, Callable[[TtsConfig], RemoteVoice]] = {
    "openai": _openai,
    "xtts": _xtts,
    "azure": _azure,
    "piper-http": _piper_http,
    "elevenlabs": _elevenlabs,
    "wyoming": _wyoming,
}


def _any(language: str) -> bool:
    return True


def _none(language: str) -> bool:
    return False


def _voice(tts: TtsConfig, usual: str) -> str:
    """``tts.voice`` where it is set: its default is a voice of espeak-ng."""
    return tts.voice if "voice" in tts.model_fields_set else usual


def _rate(tts: TtsConfig, usual: int, known: Collection[int]) -> int:
    if tts.sample_rate_hz is not None and tts.sample_rate_hz not in known:
        rates = ", ".join(map(str, known))
        raise ConfigError(f"tts.sample_rate_hz is {tts.sample_rate_hz}: {tts.engine} has {rates}")
    return tts.sample_rate_hz or usual


def _patience(tts: TtsConfig) -> Patience:
    return Patience(tts.first_audio_timeout_s, tts.timeout_s, "tts.first_audio_timeout_s")


def _by_http(
    tts: TtsConfig, service: Service, form: Form, voice: str, *, speaks: Callable[[str], bool] = _none
) -> RemoteVoice:
    return _of(tts, HttpSource(service, form, _patience(tts)), voice, speaks=speaks)


def _of(tts: TtsConfig, source: Source, voice: str, *, speaks: Callable[[str], bool] = _none) -> RemoteVoice:
    return RemoteVoice(
        source,
        voice,
        voices=tts.voices,
        speaks=speaks,
        price_per_million=tts.price_per_million_characters,
    )
