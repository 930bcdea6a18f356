"""The stages of a turn, one benchmark each, every one with a check of its answer.

Run by ``python -m bench.gate`` (``make bench-gate``).  Everything is on one thread, takes a few
milliseconds a round, and is repeated with a calibration loop in between (see ``gauge``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.gate.gauge import gauge
from offhook.barge_in import JudgeSettings, Verdict, judge
from offhook.core import Endpointer, PlayoutThread, SileroBatch, SileroModel, resample
from offhook.doors.agi.agi_text import AgiEnvironment, parse_reply, quote
from offhook.end_of_turn.wait import Expected, PauseHabit, expectation, wait_ms
from offhook.engines.llm.base import Limits
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.native import NativeConversation, NativeModel
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.tts.espeak import Espeak
from offhook.engines.tts.piper import Piper
from offhook.engines.tts.slin import to_slin
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.speech.clauses import ClauseSplitter
from offhook.turn_taking import (
    MS,
    Commit,
    Listening,
    PlaybackFinished,
    PlaybackStarted,
    Tick,
    TurnEvent,
    TurnSettings,
    TurnState,
    WordsHeard,
    step,
)
from tests.support.engines.silero import as_floats, recording
from tests.support.engines.tiny_vits import HOP, MEDIUM, write_tiny_vits
from tests.support.words import recall

T = TypeVar("T")
Benchmark = Any
"""pytest-benchmark's fixture, whose methods have no annotations."""

pytestmark = pytest.mark.benchmark(timer=time.process_time, disable_gc=True)

READER = "two_cities"
"""A person who reads: "It was the best of times, it was the worst of times ..."."""


@pytest.fixture(scope="module")
def silero() -> SileroModel:
    return SileroModel()


# --- hearing -------------------------------------------------------------------------------------


def test_vad(benchmark: Benchmark, silero: SileroModel) -> None:
    """16 calls, one second of each."""
    windows = as_floats(recording("endgame_nagg_nell"))
    streams = np.stack([windows[13 * call :][:31] for call in range(16)], axis=1)
    network = SileroBatch(silero, 16)

    def second() -> NDArray[np.float32]:
        for call in range(16):
            network.reset(call)
        return np.array([network.process(window) for window in streams])

    speech = gauge(benchmark, "float", second, rounds=150)
    assert speech.shape == (31, 16)
    assert speech.max() > 0.9
    assert speech.min() < 0.2


def test_resample(benchmark: Benchmark) -> None:
    """30 s from 8 to 16 kHz."""
    at = np.arange(240_000) / 8_000
    tone = np.rint(10_000 * np.sin(2 * np.pi * 700 * at)).astype(np.int16)
    wide = gauge(benchmark, "float", lambda: resample(tone, 8_000, 16_000), rounds=150)
    expected = 10_000 * np.sin(2 * np.pi * 700 * np.arange(480_000) / 16_000)
    assert len(wide) == 480_000
    assert np.abs(wide[400:-400] - expected[400:-400]).max() < 30


def test_endpointer(benchmark: Benchmark, silero: SileroModel) -> None:
    """10 s of reading and a second of silence at 8 kHz, in frames of 20 ms."""
    speech = resample(recording(READER).reshape(-1)[: 10 * 16_000], 16_000, 8_000)
    frames = np.concatenate([speech, np.zeros(8_000, np.int16)]).reshape(-1, 160)

    def listen() -> list[object]:
        endpointer = Endpointer(silero, 8_000)
        return [event for frame in frames for event in endpointer.process(frame)]

    noticed = gauge(benchmark, "float", listen, rounds=60)
    assert isinstance(noticed[0], SpeechStarted)
    assert isinstance(noticed[-1], SpeechStopped)
    assert 9_000 * 8 < noticed[-1].position_samples < 10_100 * 8


def test_moonshine(benchmark: Benchmark) -> None:
    """2 s of speech."""
    model = Moonshine(threads=1)
    audio = recording(READER).reshape(-1)[:32_000]
    transcript = gauge(benchmark, "float", lambda: model.transcribe(audio), rounds=40)
    assert recall("it was the best", transcript.text) == 1
    model.close()


def test_barge_in(benchmark: Benchmark) -> None:
    """Ten judgements of a caller who speaks over our echo, 60 to 240 ms after they began."""
    milli = 8
    played = resample(recording(READER).reshape(-1)[3 * 16_000 : 5 * 16_000], 16_000, 8_000)
    echo = np.concatenate([np.zeros(120 * milli), played * 0.1])[: len(played)]
    echo += np.random.default_rng(3).normal(0, 10, len(played))
    caller = resample(recording("beckett").reshape(-1), 16_000, 8_000)
    caller = caller[np.flatnonzero(np.abs(caller.astype(int)) > 1_500)[0] :]
    both, onset = echo.copy(), 1_000 * milli
    both[onset:] += caller[: len(both) - onset]
    settings = JudgeSettings()

    def ask(line: NDArray[np.float64]) -> list[Verdict]:
        heard = np.clip(line, -32768, 32767).astype(np.int16)
        return [
            judge(
                heard[onset - 500 * milli : onset + at * milli],
                500 * milli,
                played[: onset + at * milli],
                settings,
            ).verdict
            for at in range(60, 260, 20)
        ]

    verdicts = gauge(benchmark, "float", lambda: ask(both), rounds=100)
    assert verdicts[-1] is Verdict.SPEECH
    assert Verdict.SPEECH not in ask(echo), "our own voice stops nothing"


# --- thinking ------------------------------------------------------------------------------------


class Brain:
    """The embedded model on a loop of its own, in a conversation with a prefix."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.model = NativeModel(
            embedded_model(), n_ctx=2048, n_ctx_call=1024, max_conversations=1, threads=1, threads_batch=1
        )
        self.talk = self.do(self._begin())

    async def _begin(self) -> NativeConversation:
        prefix = self.model.template.prefix("You are a helpful AI assistant. Answer in one short sentence.")
        await self.model.preload(prefix)
        return await self.model.conversation(prefix)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def close(self) -> None:
        self.do(self.talk.close())
        self.model.close()
        self.loop.close()


@pytest.fixture(scope="module")
def brain() -> Iterator[Brain]:
    brain = Brain()
    yield brain
    brain.close()


QUESTION = (
    "What is the capital of France? I would like to know it, please, because I want to go there in May."
)


def test_llm_prefill(benchmark: Benchmark, brain: Brain) -> None:
    """Reading a question of about 40 tokens behind a cached prefix."""
    start = brain.talk.start

    async def read() -> tuple[int, int]:
        await brain.talk.rollback(start)
        await brain.talk.append(*brain.model.template.user(QUESTION))
        await brain.talk.computed()
        return brain.talk.tokens_computed, brain.talk.tokens_used

    computed, used = gauge(benchmark, "float", lambda: brain.do(read()), rounds=30)
    assert computed == used
    assert 25 < used - start.tokens < 60


def test_llm_first_token(benchmark: Benchmark, brain: Brain) -> None:
    """The last word of a question that was read while it was spoken, and the first token of the answer."""
    template = brain.model.template

    async def prepare() -> None:
        await brain.talk.rollback(brain.talk.start)
        await brain.talk.append(template.user_open, "What is the capital of")
        await brain.talk.computed()

    brain.do(prepare())
    before = brain.do(brain.talk.mark())

    async def begin() -> str:
        await brain.talk.rollback(before)
        await brain.talk.append(" France?", template.user_close)
        return "".join([piece async for piece in brain.talk.generate(Limits(max_tokens=1))])

    assert gauge(benchmark, "float", lambda: brain.do(begin()), rounds=60).strip() == "The"


def test_llm_decode(benchmark: Benchmark, brain: Brain) -> None:
    """Eight tokens of an answer."""

    async def prepare() -> None:
        await brain.talk.rollback(brain.talk.start)
        await brain.talk.append(*brain.model.template.user("What is the capital of France?"))
        await brain.talk.computed()

    brain.do(prepare())
    before = brain.do(brain.talk.mark())

    async def answer() -> str:
        await brain.talk.rollback(before)
        return "".join([piece async for piece in brain.talk.generate(Limits(max_tokens=8))])

    assert "capital of France is Paris" in gauge(benchmark, "memory", lambda: brain.do(answer()), rounds=40)


def test_sentence(benchmark: Benchmark) -> None:
    """An answer of 40 sentences in pieces of a token."""
    answer = "We are open Monday to Friday, from 9 a.m. to 5 p.m. Dr. Smith costs 12.50 an hour. " * 20
    pieces = [answer[at : at + 4] for at in range(0, len(answer), 4)]

    def cut() -> list[str]:
        splitter = ClauseSplitter("en")
        clauses = [clause for piece in pieces for clause in splitter.push(piece)]
        return clauses + splitter.flush()

    clauses = gauge(benchmark, "interpreter", cut, rounds=100)
    assert " ".join(clauses) == answer.strip()
    assert clauses[0] == "We are open Monday to Friday,"
    assert clauses[-1] == "Dr. Smith costs 12.50 an hour."


# --- speaking ------------------------------------------------------------------------------------


def test_espeak(benchmark: Benchmark) -> None:
    """A clause at 8 kHz."""
    voice = Espeak()

    def speak() -> NDArray[np.int16]:
        blocks = voice.synthesize("We are open Monday to Friday, from nine to five,")
        return np.concatenate(list(to_slin(blocks, voice.sample_rate_hz, 8_000)))

    audio = gauge(benchmark, "interpreter", speak, rounds=100)
    assert 1.5 < len(audio) / 8_000 < 5
    assert np.abs(audio.astype(int)).max() > 2_000


def test_piper_first_block(benchmark: Benchmark, tmp_path: Path) -> None:
    """160 ms of a sentence of 2.6 s, with a network of a real one's size."""
    voice = Piper(write_tiny_vits(tmp_path, shape=MEDIUM))
    block = gauge(
        benchmark, "float", lambda: next(iter(voice.synthesize("we are open Monday to Friday,"))), rounds=30
    )
    assert len(block) == 14 * HOP
    assert np.abs(block.astype(int)).max() > 2_000
    voice.close()


def test_playout(benchmark: Benchmark, tmp_path: Path) -> None:
    """An answer of 20 s, written in frames of 20 ms."""
    audio = np.random.default_rng(5).integers(-9_000, 9_000, (1_000, 160), np.int16)
    with PlayoutThread() as thread:

        def write() -> Path:
            path = tmp_path / "answer.sln"
            with thread.open(path, 8_000) as file:
                for frame in audio:
                    file.write(frame)
                file.finish()
            return path

        path = gauge(benchmark, "interpreter", write, rounds=100)
    assert path.read_bytes() == audio.astype("<i2").tobytes()


# --- deciding ------------------------------------------------------------------------------------


def conversation(turns: int) -> list[tuple[int, TurnEvent]]:
    """Turns of 4 s with a pause inside, and the times [ms] of what happens."""
    script: list[tuple[int, TurnEvent]] = []
    revision = 0
    for turn in range(turns):
        begin = 4_000 * turn

        def at(ms: int, begin: int = begin) -> tuple[int, int]:
            return (begin + ms) * 8, (begin + ms) * MS

        script += [
            (begin + 200, SpeechStarted(*at(150))),
            (begin + 700, SpeechPaused(*at(600), 450)),
            (begin + 760, WordsHeard(revision + 1, "I would like to", 0.01)),
            (begin + 900, SpeechResumed(*at(850))),
            (begin + 1_700, SpeechPaused(*at(1_600), 1_200)),
            (begin + 1_780, WordsHeard(revision + 2, "I would like to know your opening hours.", 0.9)),
            *((begin + ms, Tick()) for ms in range(1_800, 2_200, 20)),
            (begin + 2_210, SpeechStopped(*at(1_600), 1_200)),
            (begin + 2_220, PlaybackStarted(revision + 2)),
            *((begin + ms, Tick()) for ms in range(2_240, 3_800, 20)),
            (begin + 3_800, PlaybackFinished(revision + 2)),
        ]
        revision += 2
    return script


def test_turn(benchmark: Benchmark) -> None:
    """Twelve turns, 1,300 events."""
    script = conversation(12)
    settings = TurnSettings()

    def play() -> tuple[TurnState, list[int]]:
        state, committed = TurnState(), []
        for now_ms, event in script:
            state, actions = step(state, event, now_ms * MS, settings)
            committed += [action.revision for action in actions if isinstance(action, Commit)]
        return state, committed

    state, committed = gauge(benchmark, "interpreter", play, rounds=100)
    assert committed == list(range(2, 25, 2))
    assert isinstance(state.floor, Listening)


def test_endpointing(benchmark: Benchmark) -> None:
    """How long to wait, for 300 utterances and what was asked before."""
    asked = ["May I help you?", "What is your phone number?", "Is that right?", "How do you spell that?"]
    said = ["yes please", "two oh two five", "I would like to", "my number is 4 2 7 1", "B E A"]
    cases = [(ask, say, share / 15) for ask in asked for say in said for share in range(15)]
    settings, habit = TurnSettings().endpointing, PauseHabit().learnt(400)

    def decide() -> list[int]:
        return [
            wait_ms(say, complete, expectation(ask, "en"), habit, settings, "en")
            for ask, say, complete in cases
        ]

    waits = gauge(benchmark, "interpreter", decide, rounds=100)
    assert len(waits) == 300
    assert min(waits) == settings.shortest_ms
    assert max(waits) == settings.dictated_ms
    assert (
        wait_ms("yes please", 0.1, expectation(asked[2], "en"), habit, settings, "en") == settings.shortest_ms
    )
    assert wait_ms("yes", 0.1, Expected(), habit, settings, "en") > settings.shortest_ms


def test_agi(benchmark: Benchmark) -> None:
    """A header, 600 commands and their replies."""
    header = [
        f"agi_{name}: value of {name}" for name in ("request", "channel", "language", "type", "uniqueid")
    ]
    header += ["agi_callerid: unknown", "agi_enhanced: 1.0", "agi_arg_1: first", "agi_arg_2: second"]
    replies = ["200 result=0", "200 result=49 endpos=8000", "200 result=1 (some (value))", "511 Command gone"]

    def parse() -> tuple[AgiEnvironment, int, str]:
        environment = AgiEnvironment.parse(header)
        found = [parse_reply(reply) for _ in range(150) for reply in replies]
        names = "".join(quote(f'answer "{number}"\n') for number in range(600))
        return environment, sum(reply.endpos_samples or 0 for reply in found), names

    environment, endpos, names = gauge(benchmark, "interpreter", parse, rounds=100)
    assert environment.enhanced
    assert environment.callerid is None
    assert environment.args == ("first", "second")
    assert endpos == 150 * 8_000
    assert names.startswith('"answer \\"0\\" ""answer')
