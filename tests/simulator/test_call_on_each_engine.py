"""A whole call on each engine that is on a server: every recogniser, language model and voice, at once.

One daemon has an agent for each voice, and gives it a recogniser and a model of other kinds; all are called
at the same time.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.slin import to_slin
from offhook.observe.bill import CHARACTERS, NEW_TOKENS, SECONDS
from offhook.simulator import CallRecord, ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent, complete
from offhook.simulator.script import Step
from offhook.simulator.speech import read_wav
from tests.engines.test_llm_dialects import ANSWERS
from tests.simulator.test_call_on_servers import SPEECH
from tests.support.asterisk.received import ALIKE, likeness
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import hearing_servers, speech_servers
from tests.support.engines.hearing_servers import HearingServer, hearing_server
from tests.support.engines.model_server import Behaviour, ModelServer, ollama_answer, openai_answer, stream
from tests.support.engines.speech_servers import SpeechServer, speech_server

ANSWER = ("The ferry ", "leaves at nine, ", "every day.")
QUESTION = "do you have parking"
SAID = SPEECH / "04_parking.wav"
PATIENTLY = WhenSilent(ms=2500)
MODELS: dict[str, Behaviour] = {
    "openai": openai_answer(*ANSWER),
    "ollama": ollama_answer(*ANSWER),
    **{name: stream(*answer(*ANSWER)) for name, answer in ANSWERS.items()},
}
MODEL_KEY = "sk-model-secret-0123456789"
ENVIRONMENT = {
    "HEARING_KEY": hearing_servers.SECRET,
    "VOICE_KEY": speech_servers.SECRET,
    "MODEL_KEY": MODEL_KEY,
}
PRICES = {
    "recognisers": {"price_per_minute": 0.6},
    "models": {"price_per_million_new": 1e4},
    "voices": {"price_per_million_characters": 1e4},
}
pytestmark = pytest.mark.timeout(900)


def words_so_far(samples: NDArray[np.int16], rate_hz: int) -> str:
    """The question, as much of it as has been said; costs nothing, as there are many."""
    whole = read_wav(SAID, 8_000)
    spoken_s = np.count_nonzero(np.abs(samples) > 500) / rate_hz
    part = spoken_s / (np.count_nonzero(np.abs(whole) > 500) / 8_000)
    words = QUESTION.split()
    return " ".join(words[: len(words) if part > 0.9 else int(part * len(words))])


@dataclass
class Agent:
    """One of the daemon's, and whom it asks."""

    name: str
    ears: HearingServer
    model: ModelServer
    voice: SpeechServer


@asynccontextmanager
async def agents(
    folder: Path, says: Callable[[str, int], NDArray[np.int16]]
) -> AsyncIterator[tuple[list[Agent], str]]:
    """An agent's file in ``folder`` for each kind of voice, and the daemon's settings."""
    made, settings = [], ""
    async with AsyncExitStack() as stack:
        for index, kind in enumerate(speech_servers.KINDS):
            hears = hearing_servers.KINDS[index % len(hearing_servers.KINDS)]
            thinks = list(MODELS)[index % len(MODELS)]
            ears = await stack.enter_async_context(hearing_server(hears))
            voice = await stack.enter_async_context(speech_server(kind))
            model = await stack.enter_async_context(ModelServer())
            ears.understands = words_so_far
            voice.audio = lambda text, voice=voice: says(text, voice.rate_hz)  # type: ignore[misc]
            model.will(MODELS[thinks])
            name = f"ferry-{index}"
            of_model = {"engine": thinks, "model": "harbour-1", "api_key_env": "MODEL_KEY"}
            of_model["base_url"] = model.url + ("" if thinks == "ollama" else "/v1")
            sections = {
                "recognisers": ears.config(price_per_minute=0.6).model_dump(exclude_unset=True),
                "models": of_model,
                "voices": voice.config().model_dump(exclude_unset=True),
            }
            for section, values in sections.items():
                settings += f"\n[{section}.{name}]\n{toml({**values, **PRICES[section]})}"
            (folder / f"{name}.toml").write_text(
                f'name = "Ferry"\ngreeting = "Ferry office."\npersona = "You answer for a ferry."\n'
                f'recogniser = "{name}"\nmodel = "{name}"\nvoice = "{name}"\npolicy = "chat"\n'
            )
            made.append(Agent(name, ears, model, voice))
        settings += f'\n[agent]\ndefault = "ferry-0"\nsearch = [{json.dumps(str(folder))}]\n'
        yield made, settings


def toml(values: dict[str, object]) -> str:
    """``key = value`` lines of what JSON and TOML write alike, and of tables."""

    def value(each: object) -> str:
        if isinstance(each, dict):
            return "{ " + ", ".join(f"{name} = {value(inner)}" for name, inner in each.items()) + " }"
        return json.dumps(each, default=str)

    return "".join(f"{key} = {value(each)}\n" for key, each in values.items())


async def call(daemon: DaemonProcess, agent: Agent) -> CallRecord:
    steps: list[Step] = [Say(read_wav(SAID, 8_000), PATIENTLY, "parking"), HangUp(PATIENTLY)]
    options = ChannelOptions(socket=daemon.socket, deadline_s=240, args=[f"agent={agent.name}"])
    return await SimulatedCall(steps, options).run()


async def test_a_call_on_each_engine(tmp_path: Path) -> None:
    espeak = Espeak()

    def says(text: str, rate_hz: int) -> NDArray[np.int16]:
        return np.concatenate(list(to_slin(espeak.synthesize(text), espeak.sample_rate_hz, rate_hz)))

    async with agents(tmp_path, says) as (called, settings):
        daemon = DaemonProcess(settings, environment=ENVIRONMENT, max_calls=len(called))
        try:
            await asyncio.to_thread(daemon.start)
            records = await asyncio.gather(*(call(daemon, agent) for agent in called))
            for record, agent in zip(records, called, strict=True):
                await asyncio.to_thread(
                    complete, record, daemon.transcript_file, daemon.trace_file, timeout_s=120
                )
                kinds = f"{agent.ears.kind}, {agent.voice.kind}"
                assert record.errors == [], kinds
                (turn,) = record.turns
                # Where the box is slow a service may be asked in mid-question, and of each piece is told what
                # its share of the sound is: words may be missing.  What was said is not at issue here.
                assert turn.heard, kinds
                assert set(turn.heard.split()) <= set(QUESTION.split()), kinds
                assert turn.answer == "".join(ANSWER), kinds
                assert likeness(record.answer_audio(turn), turn.answer) >= ALIKE, kinds
                assert agent.voice.said[-1].text, kinds
                assert turn.trace is not None
                assert turn.trace.cost > 0, kinds
                # A caller pauses; what is sent again there is charged for, and a cloud hears nothing twice.
                said_s = len(read_wav(SAID, 8_000)) / 8_000
                assert 0 < agent.ears.seconds < 2 * said_s + 2.0, kinds
            log = daemon.log()
            bills = [line for line in log.splitlines() if " billed cost=" in line]
            assert len(bills) == len(called)
            for unit in (SECONDS, CHARACTERS, NEW_TOKENS):
                assert all(f" {unit}=" in line for line in bills), bills
            written = log + daemon.trace_file.read_text() + daemon.transcript_file.read_text()
            for secret in ENVIRONMENT.values():
                assert secret not in written
            assert QUESTION not in log
        finally:
            await asyncio.to_thread(daemon.close)
            espeak.close()
