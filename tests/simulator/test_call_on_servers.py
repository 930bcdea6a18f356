"""Whole calls whose recogniser and voice are on servers: real words, by a real recogniser and a real voice
behind the servers' protocols; and the same when the servers have stopped answering.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import offhook
from offhook.core import resample
from offhook.engines.remote.breaker import FAILURES
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.slin import to_slin
from offhook.observe.trace import read_traces
from offhook.simulator import CallRecord, ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent, complete
from offhook.simulator.record import read_transcript
from offhook.simulator.speech import read_wav
from offhook.speech.alike import alike
from tests.support.asterisk.received import ALIKE, likeness, spoken
from tests.support.audio.audio import load_phrases
from tests.support.daemon_process import DaemonProcess
from tests.support.engines import hearing_servers, speech_servers
from tests.support.english import split
from tests.support.words import recall

SPEECH = Path(offhook.__file__).parent / "assets" / "demo"
TEXTS = {name: phrase.text for name, phrase in load_phrases(SPEECH).items()}
POLITELY = WhenSilent(ms=2500)
ENVIRONMENT = {"HEARING_KEY": hearing_servers.SECRET, "VOICE_KEY": speech_servers.SECRET}
ON_THEIR_WAY = 2
LATE_S = 1.0
"""Most often the wrong answer is audible by then; whether it is makes no difference to what is remembered."""
pytestmark = pytest.mark.timeout(900)


def ears_settings(url: str, commit: str = "final") -> str:
    return f"""
[stt]
engine = "openai"
base_url = {json.dumps(url)}
api_key_env = "HEARING_KEY"
final_timeout_s = 60
hears_again = false
commit = "{commit}"
fallback = {{ engine = "moonshine", after_ms = 10_000 }}
"""


def voice_settings(url: str) -> str:
    return f"""
[tts]
engine = "elevenlabs"
base_url = {json.dumps(url)}
api_key_env = "VOICE_KEY"
voice = "mara"
first_audio_timeout_s = 60
fallback = {{ engine = "espeak", after_ms = 10_000 }}
"""


async def called(daemon: DaemonProcess, *names: str) -> CallRecord:
    steps = [Say(read_wav(SPEECH / f"{name}.wav", 8000), POLITELY, name) for name in names]
    options = ChannelOptions(socket=daemon.socket, deadline_s=240, args=["agent=receptionist"])
    record = await asyncio.to_thread(SimulatedCall([*steps, HangUp(POLITELY)], options).run_blocking)
    complete(record, daemon.transcript_file, daemon.trace_file, timeout_s=120)
    assert record.errors == []
    for turn in record.turns:
        assert recall(TEXTS[turn.said or ""], turn.heard or "") >= 0.6, turn.heard
        assert turn.answer
        assert turn.trace is not None
    return record


async def test_a_call_on_servers_and_one_without_them() -> None:
    ear, espeak = Moonshine(threads=1), Espeak()

    def understands(samples: NDArray[np.int16], rate_hz: int) -> str:
        return ear.transcribe(resample(samples, rate_hz, 16_000)).text

    def says(text: str) -> NDArray[np.int16]:
        return np.concatenate(list(to_slin(espeak.synthesize(text), espeak.sample_rate_hz, voice.rate_hz)))

    async with (
        hearing_servers.hearing_server("openai") as ears,
        speech_servers.speech_server("elevenlabs") as voice,
    ):
        ears.understands, voice.audio = understands, says
        settings = ears_settings(ears.url) + voice_settings(voice.url)
        daemon = DaemonProcess(settings, environment=ENVIRONMENT)
        try:
            await asyncio.to_thread(daemon.start)
            # Said in one breath: this server recognises what comes behind a pause by itself.
            record = await called(daemon, "04_parking")
            (turn,) = record.turns
            assert likeness(record.answer_audio(turn), turn.answer or "") >= ALIKE, turn.answer
            spoken = " ".join(said.text for said in voice.said)
            assert recall(turn.answer or "", spoken) >= 0.6, "the server spoke the answer"
            said_s = len(read_wav(SPEECH / "04_parking.wav", 8000)) / 8000
            assert 0 < ears.seconds < said_s + 2.0, "what the caller said was uploaded once"
            ears.mode, voice.mode = "refuse", "refuse"
            before = len(voice.said)
            await called(daemon, "03_cost", "04_parking")
            # Clauses are spoken side by side: some requests are on their way when the second one fails.
            assert before < len(voice.said) <= before + FAILURES + ON_THEIR_WAY, "then left alone"
            assert "is left alone for a while" in daemon.log()
            for secret in ENVIRONMENT.values():
                assert secret not in daemon.log()
        finally:
            await asyncio.to_thread(daemon.close)
            ear.close()


async def test_final_words_correct_an_answer_that_was_begun_on_interim_ones() -> None:
    """This machine hears what was said, and the server, late, something else: that is what counts."""
    async with hearing_servers.hearing_server("openai") as ears:
        pieces: list[int] = []

        def understands(samples: NDArray[np.int16], rate_hz: int) -> str:
            """Something else, once: where the caller pauses, what follows may be a piece by itself."""
            pieces.append(len(samples))
            return TEXTS["03_cost"] if len(pieces) == 1 else ""

        ears.delay_s, ears.understands = LATE_S, understands
        settings = ears_settings(ears.url, "interim")
        daemon = DaemonProcess(settings, environment=ENVIRONMENT)
        try:
            await asyncio.to_thread(daemon.start)
            parking = Say(read_wav(SPEECH / "04_parking.wav", 8000), POLITELY, "04_parking")
            options = ChannelOptions(socket=daemon.socket, deadline_s=240, args=["agent=receptionist"])
            record = await asyncio.to_thread(SimulatedCall([parking, HangUp(POLITELY)], options).run_blocking)
            complete(record, daemon.transcript_file, daemon.trace_file, timeout_s=120)
            assert record.errors == []
            said = read_transcript(daemon.transcript_file, record.uniqueid)
            heard, answers = zip(*(said[turn] for turn in sorted(said)), strict=True)
            assert all(alike(words, TEXTS["03_cost"]) for words in heard), "of the car park nobody has asked"
            assert "check-up" in answers[-1], "the caller got the answer to what the server has understood"
            whole = len(spoken(*split(answers[-1])))  # behind what was cut
            assert likeness(record.answer_audio(record.turns[-1])[-whole:], answers[-1]) >= ALIKE
            traces = read_traces(daemon.trace_file).of_call(record.uniqueid)
            assert [trace.interim for trace in traces] == ["corrected"] * (len(traces) - 1) + [""]
            assert traces[-1].revision > 1
            said_s = len(read_wav(SPEECH / "04_parking.wav", 8000)) / 8000
            assert 0 < ears.seconds < said_s + 2.0, "what the caller said was uploaded once"
        finally:
            await asyncio.to_thread(daemon.close)
