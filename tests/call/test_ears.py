"""Words ahead of the turn's end: which of them are sure.  Who may take the floor on a line with an echo."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.barge_in import LATEST_ECHO_MS, Judgement, JudgeSettings, LineEcho, Verdict
from offhook.barge_in.line import ECHO_SHARE, ECHOES, UNKNOWN_EVIDENCE_MS
from offhook.call import ears
from offhook.call.caller_audio import CallerAudio
from offhook.call.ears import LATEST_MS, Ears


class Line:
    """A second of silence on both sides, as Ears asks for it; what it sounds like is said by the test."""

    rate_hz = 8_000
    written_samples = 8_000

    def read(self, start: int, stop: int) -> tuple[int, NDArray[np.int16]]:
        return start, np.zeros(stop - start, np.int16)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        return np.zeros((stop_ns - start_ns) * self.rate_hz // 10**9, np.int16)


class ByHand(Executor):
    """A worker that works when it is told to: :meth:`work` does what was asked first, and no more."""

    def __init__(self) -> None:
        self.asked: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, work: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.asked.append((future, lambda: work(*args, **more)))
        return future

    def work(self) -> None:
        future, work = self.asked.pop(0)
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(work())
        except ArithmeticError as error:
            future.set_exception(error)


class Listening:
    """Ears whose judge says what the test says, and when."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *judged: Judgement | Exception) -> None:
        self.onsets: list[int] = []
        """Of what was judged, from the onset to now, in samples."""
        self.heard_samples: list[int] = []
        self.woken = 0
        line: Any = Line()
        self.line = line
        self.worker = ByHand()
        self.tasks: list[asyncio.Task[None]] = []
        self._told = iter(judged)
        monkeypatch.setattr(ears, "judge", self._judge)
        self.ears = Ears(
            line,
            line,
            JudgeSettings(),
            worker=self.worker,
            spawn=self._spawn,
            wake=self._wake,
        )

    def _judge(self, heard: Any, onset_samples: int, *args: Any, **more: Any) -> Judgement:
        self.onsets.append(len(heard) - onset_samples)
        self.heard_samples.append(len(heard))
        told = next(self._told)
        if isinstance(told, Exception):
            raise told
        return told

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work))

    def _wake(self) -> None:
        self.woken += 1

    async def ask(self, times: int = 1) -> bool:
        """As a call that looks around so many times; what it was told the last time."""
        wanted = False
        for _ in range(times):
            wanted = self.ears.wants_the_floor(True)
            await asyncio.sleep(0)  # a task that was begun gets as far as the worker
        return wanted

    async def answer(self) -> None:
        """The worker has done what it was asked first, and the loop knows."""
        self.worker.work()
        await self.tasks[-1]


def judgement(verdict: Verdict, evidence_ms: int = 200, share: float = 0.0) -> Judgement:
    return Judgement(verdict, evidence_ms, evidence_ms, evidence_ms, share, 120.0)


SPEECH, ECHO = Verdict.SPEECH, Verdict.ECHO


@pytest.mark.parametrize(
    ("before", "verdict", "evidence_ms", "share", "wants", "too_little"),
    [
        pytest.param([], SPEECH, 70, 0.0, True, False, id="a clear line"),
        pytest.param([], SPEECH, 70, ECHO_SHARE, False, True, id="partly ours"),
        pytest.param([], SPEECH, UNKNOWN_EVIDENCE_MS, 0.5, True, False, id="spoken over our echo"),
        pytest.param([40] * (ECHOES - 1), SPEECH, 70, 0.1, True, False, id="some that may have been chance"),
        pytest.param([0] * ECHOES, SPEECH, 70, 0.5, True, False, id="an echo that never looked like speech"),
        pytest.param([40] * ECHOES, SPEECH, 70, 0.1, False, True, id="an echo that did"),
        pytest.param([40] * ECHOES, SPEECH, 140, 0.1, True, False, id="spoken on such a line"),
        pytest.param([40] * ECHOES, ECHO, 300, 0.9, False, False, id="ours"),
    ],
)
def test_who_wants_the_floor(
    monkeypatch: pytest.MonkeyPatch,
    before: list[int],
    verdict: Verdict,
    evidence_ms: int,
    share: float,
    wants: bool,
    too_little: bool,
) -> None:
    judgements = [Judgement(ECHO, shown_ms, 0, 0, 0.9, 120.0) for shown_ms in before]
    judgements.append(Judgement(verdict, evidence_ms, evidence_ms, evidence_ms, share, 120.0))
    listening = Listening(monkeypatch, *judgements)
    asked = []
    for _ in judgements:  # a sound each
        listening.ears.began(4_000, 10**9)
        asked.append(listening.ears.learn(listening.ears.question()()))
    assert asked == [*([False] * len(before)), wants]
    assert listening.ears.too_little is too_little
    assert listening.ears.not_for_us is (verdict is ECHO)


def test_a_closure_inside_a_word_begins_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch, *[judgement(Verdict.WAIT, 0)] * 3)
    for position, at_ms, ended_ms in ((4_000, 1_000, None), (6_000, 1_250, 1_130), (7_000, 1_375, 1_100)):
        listening.ears.began(position, at_ms * 10**6, None if ended_ms is None else ended_ms * 10**6)
        listening.ears.question()()
    assert listening.onsets == [4_000, 4_000, 1_000], "from the onset to now, in samples"


def test_of_a_long_sound_only_what_is_looked_at_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch, judgement(Verdict.WAIT, 0))
    listening.ears.began(4_000, 10**9)
    listening.line.written_samples = 400_000
    listening.ears.question()()
    assert listening.onsets == [396_000]
    assert listening.heard_samples == [LATEST_MS * 8]


# --- judged elsewhere, while the loop goes on --------------------------------------------------------


async def test_one_judgement_at_a_time_however_often_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch, judgement(Verdict.WAIT), judgement(SPEECH))
    listening.ears.began(4_000, 10**9)
    assert not await listening.ask(5)
    assert len(listening.worker.asked) == 1
    await listening.answer()
    assert listening.woken == 0, "that says nothing yet"
    assert not await listening.ask(5)
    assert len(listening.worker.asked) == 1, "the next one"
    await listening.answer()
    assert listening.woken == 1
    assert await listening.ask()
    assert not listening.worker.asked, "what is known need not be asked again"


async def test_a_judgement_of_a_sound_that_is_over_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch, judgement(SPEECH), judgement(ECHO, share=0.9))
    listening.ears.began(4_000, 10**9)
    await listening.ask()
    listening.ears.began(7_000, 2 * 10**9)
    await listening.answer()
    assert listening.woken == 0
    assert not await listening.ask()
    assert not listening.ears.not_for_us
    listening.ears.began(7_500, 3 * 10**9)
    await listening.answer()
    assert not listening.ears.not_for_us, "nor is one that says: our own echo"


async def test_a_judgement_that_comes_when_one_of_us_is_silent_stops_nothing_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listening = Listening(monkeypatch, judgement(SPEECH), judgement(Verdict.WAIT))
    listening.ears.began(4_000, 10**9)
    await listening.ask()
    await listening.answer()
    assert listening.woken == 1
    assert not listening.ears.wants_the_floor(False), "the answer has ended meanwhile"
    assert not await listening.ask(), "into the next one, the caller has said nothing yet"
    await listening.answer()
    assert not await listening.ask()


async def test_across_a_closure_inside_a_word_a_judgement_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch, judgement(SPEECH))
    listening.ears.began(4_000, 10**9)
    await listening.ask()
    listening.ears.began(6_000, 1_250 * 10**6, 1_130 * 10**6)
    await listening.answer()
    assert await listening.ask()


async def test_what_is_learned_meanwhile_does_not_change_what_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    delays: list[float | None] = []
    listening = Listening(monkeypatch)

    def judged(*args: Any, line: LineEcho, **more: Any) -> Judgement:
        delays.append(line.delay_ms)
        return judgement(Verdict.WAIT)

    monkeypatch.setattr(ears, "judge", judged)
    listening.ears.began(4_000, 10**9)
    await listening.ask()
    listening.ears.learn(judgement(ECHO))
    await listening.answer()
    assert delays == [None]


async def test_a_judge_that_fails_is_heard_of_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    listening = Listening(monkeypatch, ZeroDivisionError(), judgement(SPEECH))
    listening.ears.began(4_000, 10**9)
    await listening.ask()
    with pytest.raises(ZeroDivisionError):
        await listening.answer()
    await listening.ask()
    await listening.answer()
    assert await listening.ask()


@pytest.mark.parametrize(
    ("delay_ms", "silent_ms", "ours"),
    [(None, 400, True), (None, 600, False), (900.0, 600, True), (900.0, 1_200, False)],
)
def test_what_we_said_last_may_be_in_the_callers_words_as_long_as_their_line_gives_it_back(
    delay_ms: float | None, silent_ms: int, ours: bool
) -> None:
    """We fell silent so long before them; words without it need not be recognised by themselves."""

    class Output(Line):
        def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
            sent = np.full((stop_ns - start_ns) * 8 // 10**6, 1_000, np.int16)
            sent[-(4_000 + silent_ms * 8) :] = 0
            return sent

    both: Any = Output()
    audio, played = CallerAudio(both, both, LineEcho(delay_ms=delay_ms)).read(4_000, 8_000)
    assert len(audio) == 4_000
    assert played.any() == ours
    assert len(played) in (0, 4_000 + LATEST_ECHO_MS * 8)
