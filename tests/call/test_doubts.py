"""Words that the recogniser is too unsure of are asked for again, once, instead of being answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.engines.stt.base import Transcript
from tests.support.clock import Clock
from tests.support.scripted_call import AGENT, scripted_call


def unsure(text: str) -> Transcript:
    return Transcript(text, 1_000, 0.0, confidence=-1.5, doubtful=True)


async def test_doubtful_words_are_asked_for_again_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [["We open at nine."], ["On Sundays, too."], ["Yes, we do."]]
    async with scripted_call(tmp_path, Clock(monkeypatch), answers) as call:
        await call.says(unsure("Can you hoping the morning?"))
        assert call.exchanges == []
        assert AGENT.unclear in call.line.said[-1]
        await call.says(unsure("Men do you open?"))
        assert call.exchanges == [("Men do you open?", "We open at nine.")], "then they have to do"
        await call.says(Transcript("And on Sundays?", 1_000, 0.0, confidence=-0.1))
        await call.says(unsure("Do use hell bread?"))
        assert len(call.exchanges) == 2
        await call.says("Do you sell bread?")
        assert call.spoken == ["We open at nine.", "On Sundays, too.", "Yes, we do."]
