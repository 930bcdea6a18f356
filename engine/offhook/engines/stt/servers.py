"""Makes a recogniser of ``[stt]`` for each kind of server.  Nobody is contacted here."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from offhook.config import SttConfig, spoken_languages
from offhook.engines.engine import Loading
from offhook.engines.remote.http import HttpService, Patience
from offhook.engines.remote.service import Service, checked_url, is_near
from offhook.engines.remote.settings import service_of
from offhook.engines.stt.feed import Feed
from offhook.engines.stt.remote import Pieces, RemoteRecognition
from offhook.errors import ConfigError

OPENAI_URL = "https://api.openai.com/v1"
DEEPGRAM_URL = "https://api.deepgram.com"

Made = tuple[Service, Callable[[int], Feed], Callable[[], Awaitable[None]] | None]
"""Where it is; makes a feed for so many Hz; closes what all feeds share."""


def load(stt: SttConfig, model: str | None = None, loading: Loading | None = None) -> RemoteRecognition:
    """The recogniser on the server that ``[stt]`` names.  Raises ConfigError with one line."""
    if stt.path is not None and stt.engine != "openai":
        raise ConfigError(f"stt.path is for openai: leave it out for {stt.engine}")
    service, feed, aclose = _MAKERS[stt.engine](stt)
    pieces = _PIECES.get(stt.engine, Pieces.NONE)
    if stt.hears_again is not None and pieces is not Pieces.AGAIN:
        raise ConfigError(f"stt.hears_again is for openai and wyoming: leave it out for {stt.engine}")
    if pieces is Pieces.AGAIN and not _again(stt, service):
        pieces = Pieces.ONCE
    commits = stt.commit == "interim"
    if commits and stt.engine not in _DECLARES and stt.fallback is None:
        raise ConfigError(
            f'stt.commit = "interim": {stt.engine} tells no words of all that was said before the final ones;'
            ' put fallback = { engine = "moonshine" } into [stt], which hears them here, or leave commit out'
        )
    return RemoteRecognition(
        f"{stt.engine}-{stt.model}" if stt.model else stt.engine,
        service,
        feed,
        final_timeout_s=stt.final_timeout_s,
        min_voiced_ms=stt.min_voiced_ms,
        price_per_minute=stt.price_per_minute,
        pieces=pieces,
        commits=commits,
        aclose=aclose,
    )


def _again(stt: SttConfig, service: Service) -> bool:
    """Whether the server may hear a second of speech more than once: it is one's own, and costs nothing."""
    if stt.hears_again is not None:
        return stt.hears_again
    return not stt.price_per_minute and is_near(service.url)


def _openai(stt: SttConfig) -> Made:
    from offhook.engines.stt.transcriptions import HINTS, TranscriptionFeed

    model = stt.model or "gpt-4o-mini-transcribe"
    service = service_of("stt", stt, model, url=OPENAI_URL, key_env="OPENAI_API_KEY")
    http = HttpService(
        service, HINTS, Patience(stt.final_timeout_s, stt.final_timeout_s, "stt.final_timeout_s")
    )
    path = stt.path or "/audio/transcriptions"

    def feed(rate_hz: int) -> Feed:
        return TranscriptionFeed(http, path, rate_hz, language=stt.language, terms=stt.terms, extra=stt.extra)

    return service, feed, http.aclose


def _realtime(stt: SttConfig) -> Made:
    from offhook.engines.remote.websocket import WebSockets
    from offhook.engines.stt.realtime import HINTS, RealtimeFeed

    model = stt.model or "gpt-4o-mini-transcribe"
    service = service_of("stt", stt, model, url=OPENAI_URL, key_env="OPENAI_API_KEY")
    sockets = WebSockets(service, HINTS)

    def feed(rate_hz: int) -> Feed:
        return RealtimeFeed(
            service, sockets, rate_hz, language=stt.language, terms=stt.terms, extra=stt.extra
        )

    return service, feed, None


def _deepgram(stt: SttConfig) -> Made:
    from offhook.engines.remote.websocket import WebSockets
    from offhook.engines.stt.deepgram import HINTS, FluxFeed, NovaFeed

    model = stt.model or "nova-3"
    service = service_of("stt", stt, model, url=DEEPGRAM_URL, key_env="DEEPGRAM_API_KEY", key_scheme="Token")
    sockets = WebSockets(service, HINTS)
    if model.startswith("flux") and model.endswith("-en") and stt.language.partition("-")[0] != "en":
        raise ConfigError(f"stt.model {model} knows English only, and stt.language is {stt.language!r}")

    def feed(rate_hz: int) -> Feed:
        if model.startswith("flux"):
            return FluxFeed(service, sockets, rate_hz, terms=stt.terms, extra=stt.extra)
        return NovaFeed(service, sockets, rate_hz, language=stt.language, terms=stt.terms, extra=stt.extra)

    return service, feed, None


def _google(stt: SttConfig) -> Made:
    from offhook.engines.stt.google import GoogleFeed, GoogleSpeech, recognizer_of

    recognizer = recognizer_of(stt.extra)
    location = str(stt.extra.get("location", "global"))
    own = (
        "https://speech.googleapis.com"
        if location == "global"
        else f"https://{location}-speech.googleapis.com"
    )
    url = checked_url("stt", stt.base_url or own)
    named = stt.api_key_file or os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named is None and url.startswith("https:"):
        raise ConfigError(
            "stt.engine is google: stt.api_key_file, or $GOOGLE_APPLICATION_CREDENTIALS, must name a service"
            " account's JSON file"
        )
    without_key = stt.model_copy(update={"api_key_file": None, "extra": {}})
    service = service_of("stt", without_key, stt.model or "telephony", url=own)
    speech = GoogleSpeech(service, None if url.startswith("http:") else Path(str(named)), recognizer)
    languages = spoken_languages(stt)

    def feed(rate_hz: int) -> Feed:
        return GoogleFeed(speech, rate_hz, languages=languages, terms=stt.terms)

    return service, feed, speech.aclose


def _wyoming(stt: SttConfig) -> Made:
    from offhook.engines.remote.wyoming import WyomingLines
    from offhook.engines.stt.wyoming import WyomingFeed

    service = service_of("stt", stt, stt.model or "", url="tcp://127.0.0.1:10300", schemes=("tcp",))
    lines = WyomingLines(service)

    async def aclose() -> None:
        lines.close()

    def feed(rate_hz: int) -> Feed:
        return WyomingFeed(service, lines, rate_hz, model=stt.model or "", language=stt.language)

    return service, feed, aclose


_PIECES = {
    "openai": Pieces.AGAIN,
    "realtime": Pieces.ONCE,
    "google": Pieces.ONCE,
    "wyoming": Pieces.AGAIN,
}
"""AGAIN: where the server is one's own."""
_DECLARES = frozenset({"deepgram", "google"})
"""What says of its interim words how far into the speech they go."""
_MAKERS: dict[str, Callable[[SttConfig], Made]] = {
    "openai": _openai,
    "realtime": _realtime,
    "deepgram": _deepgram,
    "google": _google,
    "wyoming": _wyoming,
}
