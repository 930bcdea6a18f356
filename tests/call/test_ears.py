"""Words ahead of the turn's end: which of them are sure.  Who may take the floor on a line with an echo."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.barge_in import Judgement, JudgeSettings, Verdict
from offhook.barge_in.line import ECHO_SHARE, ECHOES, UNKNOWN_EVIDENCE_MS
from offhook.call import ears
from offhook.call.ears import Ears, common


@pytest.mark.parametrize(
    ("before", "now", "sure"),
    [
        ("", "", ""),
        ("", "What", ""),
        ("What", "What are", "What"),
        ("What are", "What are your opening", "What are"),
        ("What are your open", "What are your opening hours", "What are your"),
        ("What are your.", "What are your opening", "What are"),
        ("I would like,", "I would like, to book", "I would like"),
        ("Where is", "There is a", ""),
        ("What are you", "What are you", "What are"),
    ],
)
def test_sure_words(before: str, now: str, sure: str) -> None:
    assert " ".join(common(before.split(), now.split())) == sure


class Line:
    """A second of silence on both sides, as Ears asks for it; what it sounds like is said by the test."""

    rate_hz = 8_000
    written_samples = 8_000

    def read(self, start: int, stop: int) -> tuple[int, NDArray[np.int16]]:
        return start, np.zeros(stop - start, np.int16)

    def played(self, start_ns: int, stop_ns: int, rate_hz: int) -> NDArray[np.int16]:
        return np.zeros((stop_ns - start_ns) * rate_hz // 10**9, np.int16)


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
    told = iter(judgements)
    monkeypatch.setattr(ears, "judge", lambda *args, **more: next(told))
    line: Any = Line()
    listening = Ears(line, line, line, JudgeSettings())
    asked = []
    for _ in judgements:  # a sound each
        listening.began(4_000, 10**9)
        asked.append(listening.wants_the_floor())
    assert asked == [*([False] * len(before)), wants]
    assert listening.too_little is too_little
    assert listening.not_for_us is (verdict is ECHO)


def test_a_closure_inside_a_word_begins_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    onsets: list[int] = []

    def judged(heard: Any, onset_samples: int, *args: Any, **more: Any) -> Judgement:
        onsets.append(len(heard) - onset_samples)
        return Judgement(Verdict.WAIT, 0, 0, 0, 0.0, None)

    monkeypatch.setattr(ears, "judge", judged)
    line: Any = Line()
    listening = Ears(line, line, line, JudgeSettings())
    for position, at_ms, ended_ms in ((4_000, 1_000, None), (6_000, 1_250, 1_130), (7_000, 1_375, 1_100)):
        listening.began(position, at_ms * 10**6, None if ended_ms is None else ended_ms * 10**6)
        listening.wants_the_floor()
    assert onsets == [4_000, 4_000, 1_000], "from the onset to now, in samples"
