"""Engines on servers: whether they answer, how soon, and what leaves this machine for them."""

from __future__ import annotations

import asyncio
import importlib.resources
import statistics
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from offhook.cli.checks.finding import Finding, fail, ok, one_line, warn
from offhook.config import Config, LlmConfig, SttConfig, TtsConfig
from offhook.engines.engine import STAGES, Stage
from offhook.engines.llm.endpoint import fallback_of
from offhook.engines.named import SECTIONS
from offhook.engines.registry import engines
from offhook.engines.remote.connections import trusted
from offhook.engines.remote.service import Service
from offhook.errors import ConfigError, OffhookError
from offhook.turn_taking import configured

TRIES = 10
LEAVES: dict[Stage, str] = {
    "stt": "callers' voices leave this machine",
    "llm": "callers' words, the agent's prompt and what was said before leave this machine",
    "tts": "what is answered leaves this machine",
}
FIRST: dict[Stage, str] = {"stt": "final words", "llm": "first word", "tts": "first audio"}
_TEXT = "One moment, please."
_QUESTION = "Say hello."
_SPEECH = "assets/demo/01_hours.wav"


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds until the first result, of each try."""

    service: Service
    connect_s: float | None
    first_s: list[float]

    @property
    def median_s(self) -> float:
        return statistics.median(self.first_s)

    @property
    def late_s(self) -> float:
        """The 95th percentile; of so few tries, nearly the slowest."""
        return float(np.quantile(self.first_s, 0.95))


def leaves(stage: Stage, service: Service) -> str:
    """What an engine on a server is sent, for people."""
    return "nothing leaves this machine" if service.is_local else LEAVES[stage]


def check_services(config: Config, tries: int = TRIES) -> Iterator[Finding]:
    """One finding for each engine that is on a server, those that only agents name included, and one for
    what everybody's add to a turn."""
    found: list[Measured] = []
    for part, stage, settings in _configured(config):
        engine = engines(stage).get(settings.engine)
        if engine is None or not engine.remote:
            continue
        try:
            measured = asyncio.run(_measure(stage, settings, tries))
        except ConfigError:
            continue  # which is reported on its own
        except OffhookError as error:
            # What stands behind another server is asked only where that one fails.
            tell = warn if settings.fallback is not None or part.endswith(".fallback") else fail
            yield tell(f"{part}: {one_line(error)}", f"correct [{part}], or have that server looked at")
            continue
        if part == stage:
            found.append(measured)
        yield _finding(part, stage, measured)
    if found:
        yield _sum(config, found)


def _configured(config: Config) -> Iterator[tuple[str, Stage, SttConfig | LlmConfig | TtsConfig]]:
    """Every section that describes an engine, by its name in ``offhook.toml``."""
    sections: list[tuple[str, Stage, Any]] = [(stage, stage, getattr(config, stage)) for stage in STAGES]
    for stage, section in SECTIONS.items():
        named = getattr(config, section)
        sections += [(f"{section}.{name}", stage, settings) for name, settings in named.items()]
    for part, stage, settings in sections:
        yield part, stage, settings
        behind = fallback_of(settings) if stage == "llm" else None
        if behind is not None:
            yield f"{part}.fallback", stage, behind


def _finding(part: str, stage: Stage, measured: Measured) -> Finding:
    service, left = measured.service, leaves(stage, measured.service)
    connects = "" if measured.connect_s is None else f"connects in {_ms(measured.connect_s)}, "
    return ok(
        f"{part}: {service.model or STAGES[stage]} at {service.url}: {connects}{FIRST[stage]} after"
        f" {_ms(measured.median_s)}, 95 of 100 within {_ms(measured.late_s)} ({len(measured.first_s)} tries);"
        f" {left}"
    )


def _sum(config: Config, found: list[Measured]) -> Finding:
    usual = {each.service.section: each.median_s for each in found}
    late = {each.service.section: each.late_s for each in found}
    usual_s, late_s = _turnaround(config, usual), _turnaround(config, late)
    what = (
        f"servers add about {_ms(sum(usual.values()))} to each turn, at worst {_ms(sum(late.values()))}:"
        f" expect a turnaround of about {_ms(usual_s)}, at worst {_ms(late_s)}"
    )
    if len(found) < len(STAGES):
        what += ", and what this machine's own engines take (`offhook bench-box`)"
    if late_s <= config.budgets.total_ms / 1000:
        return ok(what)
    remedy = "put an engine of this machine behind them ([stt.fallback], [tts.fallback]), or one nearer"
    return warn(f"{what}; budgets.total_ms is {config.budgets.total_ms:.0f}", remedy)


def _turnaround(config: Config, servers: Mapping[str, float]) -> float:
    """From the end of a plain question to the answer's first sound, by what each server takes [s].

    The recogniser is asked in the pause, while it is waited whether the caller goes on; what stands behind a
    server takes over when it is late.
    """
    wait_s = configured(config.turn, language="en").endpointing.shortest_ms / 1000
    words_s, sound_s = servers.get("stt", 0.0), servers.get("tts", 0.0)
    if config.stt.commit == "interim":
        words_s = 0.0
    elif config.stt.fallback is not None:
        words_s = min(words_s, config.stt.fallback.after_ms / 1000)
    if config.tts.fallback is not None:
        sound_s = min(sound_s, config.tts.fallback.after_ms / 1000)
    return max(wait_s, config.turn.pause_ms / 1000 + words_s) + servers.get("llm", 0.0) + sound_s


async def _measure(stage: Stage, settings: Any, tries: int) -> Measured:
    measures: dict[Stage, Callable[[Any, int], Coroutine[Any, Any, Measured]]] = {
        "stt": _hear, "llm": _think, "tts": _speak,
    }  # fmt: skip
    return await measures[stage](settings, tries)


async def _speak(tts: TtsConfig, tries: int) -> Measured:
    from offhook.engines.chosen import voice
    from offhook.engines.engine import Loading

    server: Any = voice(tts).load(tts, Loading())
    try:

        def once() -> None:
            blocks = server.synthesize(_TEXT)
            with suppress(StopIteration):
                next(blocks)
            blocks.close()

        return await _measured(server.service, tries, lambda: asyncio.to_thread(once))
    finally:
        await asyncio.to_thread(server.close)


async def _hear(stt: SttConfig, tries: int) -> Measured:
    from offhook.engines.chosen import recogniser
    from offhook.engines.engine import Loading

    server: Any = recogniser(stt).load(stt, Loading())
    audio, rate_hz = _speech()
    try:
        sessions: list[Any] = []

        async def say() -> None:
            sessions.append(server.session(rate_hz))
            sessions[-1].push(audio)
            await asyncio.sleep(len(audio) / rate_hz)  # as it would be said: services are told in real time

        async def words() -> None:
            try:
                await sessions[-1].final(len(audio) * 1000 // rate_hz)
            finally:
                sessions[-1].cancel()

        return await _measured(server.service, tries, words, before=say)
    finally:
        await asyncio.to_thread(server.close)


async def _think(llm: LlmConfig, tries: int) -> Measured:
    from offhook.engines.llm.base import Limits
    from offhook.engines.pool import load_language_model

    # What is behind it is measured by itself, and would hide that it is down.
    model: Any = load_language_model(llm.model_copy(update={"fallback": None}), 1)
    try:
        template = model.template
        going: list[Any] = []

        async def ask() -> None:
            talk = await model.conversation(template.prefix("You answer the telephone."))
            await talk.append(*template.user(_QUESTION))
            going.append((talk, aiter(talk.generate(Limits(max_tokens=16)))))
            await anext(going[-1][1], None)

        async def finish() -> None:
            talk, pieces = going.pop()
            async for _ in pieces:  # to its end: a connection that is cut cannot be used again
                pass
            await talk.close()

        return await _measured(model.endpoint, tries, ask, after=finish)
    finally:
        await model.aclose()


async def _measured(
    service: Service,
    tries: int,
    once: Callable[[], Awaitable[None]],
    *,
    before: Callable[[], Awaitable[None]] | None = None,
    after: Callable[[], Awaitable[None]] | None = None,
) -> Measured:
    connect_s = await _connect_s(service)
    first_s = []
    for _ in range(tries):
        if before is not None:
            await before()
        began_s = time.monotonic()
        await once()
        first_s.append(time.monotonic() - began_s)
        if after is not None:
            await after()
    return Measured(service, connect_s, first_s)


async def _connect_s(service: Service) -> float | None:
    """TCP and TLS; None where that cannot be told, as behind a proxy."""
    parts = urlsplit(service.url)
    secure = parts.scheme in ("https", "wss")
    port = parts.port or (443 if secure else 80)
    began_s = time.monotonic()
    try:
        async with asyncio.timeout(service.connect_timeout_s):
            tls = trusted(service) if secure else None
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=tls)
    except (OSError, OffhookError):  # what is wrong shows when it is asked
        return None
    took_s = time.monotonic() - began_s
    writer.transport.abort()
    return took_s


def _speech() -> tuple[np.ndarray[Any, np.dtype[np.int16]], int]:
    import wave

    with (importlib.resources.files("offhook") / _SPEECH).open("rb") as file, wave.open(file) as audio:
        return np.frombuffer(audio.readframes(audio.getnframes()), "<i2"), audio.getframerate()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
