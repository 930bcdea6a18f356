"""The agent's language reaches what a call decides about turns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from offhook.config import TurnConfig
from offhook.end_of_turn.wait import Asked, Expected
from offhook.turn_taking import Commit, Expecting, Tick, WordsHeard, configured
from tests.call.test_pipeline import Bench, benches, whole
from tests.support.turns import SETTINGS, Script, paused, play, started

__all__ = ["benches"]


async def answered(bench: Bench, language: str) -> Bench:
    bench.pipeline._language = language
    await whole(bench.prepare())
    return bench


async def test_words_and_answers_are_judged_in_the_agents_language(benches: Any) -> None:
    heard, answer = "Ja, alles klar", ["Passt Ihnen ", "der Dienstag?"]
    german = await answered(benches([heard], [answer]), "de")
    other = await answered(benches([heard], [answer]), "ja")
    first, second = german.events[0], other.events[0]
    assert isinstance(first, WordsHeard)
    assert isinstance(second, WordsHeard)
    assert (first.backchannel, second.backchannel) == (True, False)
    assert first.complete > second.complete == 0.5
    assert german.events[-1] == Expecting(Expected(Asked.YES_NO), revision=1)
    assert other.events[-1] == Expecting(Expected(), revision=1)


@pytest.mark.parametrize(("language", "commits"), [("en", True), ("de", True), ("ja", False)])
def test_only_where_words_are_known_the_short_wait_is_taken(language: str, commits: bool) -> None:
    script: Script = [(100, started(60)), (1100, paused(1000)), (1150, WordsHeard(1, "okay", 1.0))]
    _, actions = play([*script, (1240, Tick())], None, replace(SETTINGS, language=language))
    assert (Commit(1) in actions) is commits


def test_the_settings_of_a_call_have_its_agents_language() -> None:
    assert configured(TurnConfig(), language="de-AT").language == "de-AT"
