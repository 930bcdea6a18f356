"""The caller's phrases: known last samples, pauses as long as they say, and a table without holes."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

from bench.turnaround import phrases
from bench.turnaround.measure import runs_of
from bench.turnaround.phrases import LINES, Line, Spoken, make
from bench.turnaround.scenarios import AGENTS, BY_NAME, CURVE, DIALS, ONE_CALL, QUICK, SCENARIOS
from offhook.agents.loader import load_agent
from tests.support.audio.audio import audible_span, phrase

BROKEN = Line(
    "test", "hesitation", ("I would like to", 450, "know your", 700, "opening hours."), "en-us", 150
)
"""Spoken by espeak-ng, which is always there; flite is only needed to measure."""


def test_inner_pauses_are_as_long_as_they_say() -> None:
    samples = make(BROKEN)
    runs = runs_of(samples, 250_000_000)
    assert len(runs) == 3
    pauses_ms = [(after[0] - before[1]) / 1e6 for before, after in pairwise(runs)]
    assert pauses_ms == pytest.approx([450, 700], abs=2)


def test_the_last_audible_sample_is_known_and_followed_by_silence_only() -> None:
    samples = make(BROKEN)
    one = phrase("test", BROKEN.text, samples)
    assert audible_span(samples[one.last_audible + 1 :]) is None
    assert np.abs(samples[one.last_audible]) > 180
    assert one.last_audible >= len(samples) - 400
    assert np.array_equal(samples, make(BROKEN)), "the same every time"
    assert BROKEN.text == "I would like to know your opening hours."
    assert BROKEN.longest_pause_ms == 700


def test_a_quieter_voice_is_measured_anew() -> None:
    one = Spoken(BROKEN, phrase("test", BROKEN.text, make(BROKEN)))
    quiet = one.at_level(-20)
    assert np.abs(quiet.phrase.samples).max() == pytest.approx(
        np.abs(one.phrase.samples).max() / 10, rel=0.01
    )
    assert quiet.phrase.last_audible <= one.phrase.last_audible
    assert one.at_level(0) is one


def test_every_line_has_what_its_kind_needs() -> None:
    assert len({line.name for line in LINES}) == len(LINES)
    for line in LINES:
        if line.kind == "hesitation":
            pauses = [piece for piece in line.pieces if isinstance(piece, int)]
            assert pauses, line.name
            assert all(300 <= pause <= 700 for pause in pauses), line.name
        if line.kind in ("open", "long", "closed", "hesitation", "digits"):
            assert line.right is not None, line.name
        if line.right is not None:
            re.compile(line.right)
    for kind in ("open", "long", "closed", "hesitation", "digits", "spelling", "interrupt", "backchannel"):
        assert any(line.kind == kind for line in LINES), kind


def test_every_scenario_names_phrases_and_an_agent_that_exist() -> None:
    known = {line.name for line in LINES} | phrases.SOUNDS.keys() | phrases.HUMS.keys()
    for scenario in SCENARIOS:
        load_agent(str(scenario.agent_file))
        for step in scenario.steps:
            assert {step.phrase, step.during or step.phrase} <= known, scenario.name
    assert set(QUICK) <= BY_NAME.keys()
    assert sum(BY_NAME[name].turns for name in ONE_CALL) >= 200, "the percentiles want 200 turns"
    assert {path.stem for path in AGENTS.iterdir()} == {scenario.agent for scenario in SCENARIOS}
    assert CURVE
    assert DIALS[0].name == "balanced"


def test_every_right_answer_can_be_given() -> None:
    """Some fact of the agent, or what it says otherwise, holds what a right answer needs."""
    for scenario in SCENARIOS:
        agent = load_agent(str(scenario.agent_file))
        texts = [fact.text for fact in agent.facts] + [agent.otherwise, agent.unknown]
        for step in scenario.steps:
            for name in filter(None, (step.phrase, step.during)):
                line = next((line for line in LINES if line.name == name), None)
                if line is not None and line.right is not None:
                    assert any(re.search(line.right, text, re.IGNORECASE) for text in texts), (
                        scenario.name,
                        name,
                    )


def test_a_scenario_is_resized_by_whole_steps() -> None:
    open_questions = BY_NAME["open"]
    assert len(open_questions.resized(0.5).steps) == round(len(open_questions.steps) / 2)
    assert len(open_questions.resized(2).steps) == 2 * len(open_questions.steps)
    assert BY_NAME["thirty_turns"].resized(0.5) is BY_NAME["thirty_turns"]
    curve = open_questions.for_curve()
    assert (curve.calls, len(curve.steps)) == (open_questions.curve_calls, open_questions.curve_steps)
