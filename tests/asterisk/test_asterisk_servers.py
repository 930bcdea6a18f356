"""Two calls at once whose recogniser, language model and voice are on servers, of other kinds in each,
each with a daemon of its own; and the servers fail in the middle of them.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.slin import to_slin
from tests.engines.test_llm_dialects import ANSWERS
from tests.simulator.test_call_on_each_engine import ENVIRONMENT, MODEL_KEY, toml, words_so_far
from tests.support.asterisk.asterisk_server import AsteriskServer, complaints
from tests.support.asterisk.received import ALIKE, likeness, sound, spoken
from tests.support.audio.audio import Phrase
from tests.support.daemon_process import DaemonProcess
from tests.support.engines.hearing_servers import HearingServer, hearing_server
from tests.support.engines.model_server import ModelServer, stream
from tests.support.engines.speech_servers import SpeechServer, speech_server
from tests.support.english import split
from tests.support.kit import PlaceCall, greeted, new_lines
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually
from tests.support.words import recall, words

KINDS = (("nova", "anthropic", "elevenlabs"), ("wyoming", "gemini", "xtts-stream"))
ANSWER = ("The ferry leaves at nine, ", "at eleven and at three, ", "every day from April to October.")
LATER = ("A bicycle goes along ", "for two euros more, ", "and a dog goes for nothing.")
BEHIND = {"stt": {"engine": "moonshine", "after_ms": 10_000}, "tts": {"engine": "espeak", "after_ms": 10_000}}
"""So patient that a busy machine is no failure."""
MS = 8


@dataclass
class Servers:
    """Whom one daemon asks."""

    ears: HearingServer
    model: ModelServer
    thinks: str
    voice: SpeechServer


async def talk(call: SipCall, daemon: DaemonProcess, phrases: dict[str, Phrase], servers: Servers) -> None:
    ears, model, voice, thinks = servers.ears, servers.model, servers.voice, ANSWERS[servers.thinks]
    question, whole = phrases["04_parking"], "".join(ANSWER)
    await greeted(call)
    received = call.media.received
    asked = await call.media.say(question)
    await eventually(lambda: len(sound(received, asked.ended_ns)) > 1_000 * MS, "a second of the answer")
    again = await call.ask(question, quiet_ms=1_000)  # into the answer
    cut, answered = await new_lines(daemon, 0, 2)
    assert words(cut.answer) == words(whole)[: len(words(cut.answer))]
    assert len(words(cut.answer)) < len(words(whole)), "it was stopped"
    assert answered.answer == whole
    assert likeness(again.answer, whole) >= ALIKE
    assert recall(question.text, answered.heard) >= 0.6, answered
    # The recogniser refuses, and the voice breaks off in the middle of its first clause.
    ears.mode, voice.mode = "refuse", "cut"
    model.will(stream(*thinks(*LATER)))
    said = len(voice.said)
    failed = await call.ask(question, quiet_ms=1_000)
    (line,) = await new_lines(daemon, 2, 1)
    later = "".join(LATER)
    assert line.answer == later, "nobody was asked to say it again"
    assert recall(question.text, line.heard) >= 0.6, "this machine has heard it"
    assert len(voice.said) > said, "the server was asked, and what it began was heard"
    # Clauses are said side by side: how many have broken off before the server is left alone, nobody knows.
    assert len(sound(received, failed.utterance.ended_ns)) > len(spoken(*split(later))) * 0.9
    last = split(later)[-1]
    tail = received.between(failed.utterance.ended_ns, failed.answer_to_ns)[-len(spoken(last)) :]
    assert likeness(tail, last) >= ALIKE


def has_a_call(daemon: DaemonProcess) -> bool:
    return " started agent=" in daemon.log()


async def test_two_calls_on_servers(
    asterisk: AsteriskServer, place_call: PlaceCall, phrases: dict[str, Phrase],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    espeak = Espeak()

    def says(text: str, rate_hz: int) -> NDArray[np.int16]:
        return np.concatenate(list(to_slin(espeak.synthesize(text), espeak.sample_rate_hz, rate_hz)))

    mark = asterisk.log_mark()
    async with AsyncExitStack() as stack:
        ready: list[tuple[DaemonProcess, Servers]] = []
        for hears, thinks, speaks in KINDS:
            ears = await stack.enter_async_context(hearing_server(hears))
            voice = await stack.enter_async_context(speech_server(speaks))
            model = await stack.enter_async_context(ModelServer())
            ears.understands = words_so_far
            voice.audio = lambda text, voice=voice: says(text, voice.rate_hz)  # type: ignore[misc]
            model.will(stream(*ANSWERS[thinks](*ANSWER)))
            agent = tmp_path_factory.mktemp("agent") / "ferry.toml"
            agent.write_text(
                'name = "Ferry"\ngreeting = "Ferry office."\npersona = "You answer for a ferry."\n'
            )
            sections = {
                "agent": {"default": str(agent)},
                "stt": ears.config(fallback=BEHIND["stt"]).model_dump(exclude_unset=True),
                "llm": {
                    "engine": thinks,
                    "model": "harbour-1",
                    "base_url": f"{model.url}/v1",
                    "api_key_env": "MODEL_KEY",
                },
                "tts": voice.config(fallback=BEHIND["tts"]).model_dump(exclude_unset=True),
            }
            settings = "".join(f"[{name}]\n{toml(values)}" for name, values in sections.items())
            daemon = DaemonProcess(settings, environment=ENVIRONMENT)
            stack.push_async_callback(asyncio.to_thread, daemon.close)
            ready.append((daemon, Servers(ears, model, thinks, voice)))
        await asyncio.gather(*(asyncio.to_thread(daemon.start) for daemon, _ in ready))
        talks = []
        for daemon, servers in ready:
            asterisk.use_daemon(daemon.socket)
            call = await stack.enter_async_context(await place_call())
            # The launcher connects to whoever takes calls then.
            await eventually(partial(has_a_call, daemon), "the daemon has the call")
            talks.append(talk(call, daemon, phrases, servers))
        await asyncio.gather(*talks)
        for daemon, _ in ready:
            assert "says this clause again" in daemon.log()
            assert MODEL_KEY not in daemon.log()
            assert all(secret not in daemon.log() for secret in ENVIRONMENT.values())
            assert "Traceback" not in daemon.log()
    espeak.close()
    assert complaints(asterisk.log(mark)) == []
