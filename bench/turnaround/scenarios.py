"""The table of what is measured: conversations, and the lines they are held over.

A scenario is an agent, a list of steps that one call works through, how many such calls there are, and
a condition.  Adding a row is all that it takes to measure something new.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice
from pathlib import Path

AGENTS = Path(__file__).parent / "agents"

ECHO_DELAY_MS = 120.0
BURST_FRAMES = 3.0


@dataclass(frozen=True, slots=True)
class Step:
    """One turn: a phrase, and perhaps something said into its answer."""

    phrase: str
    during: str | None = None
    """A phrase or sound that begins ``after_ms`` after the answer's first audible sample."""
    after_ms: int = 1_200


@dataclass(frozen=True, slots=True)
class Condition:
    """What lies between the caller and us."""

    level_db: float = 0.0
    snr_db: float | None = None
    """Room noise under everything, so far below the speech; None: digital silence."""
    echo_db: float | None = None
    """Our own audio comes back at this level, 120 ms later."""
    loss: float = 0.0
    """Share of packets that are never sent, in bursts of 3 on average."""


CLEAN = Condition()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table."""

    name: str
    agent: str
    steps: tuple[Step, ...]
    calls: int = 1
    """How often the conversation is held."""
    at_once: int = 1
    """How many of them at the same time."""
    condition: Condition = CLEAN
    weight: float = 1.0
    """0: not shortened or lengthened by ``--turns``."""
    curve_calls: int = 0
    """How many of the calls are held again with every other dial and with the references."""
    curve_steps: int | None = None
    """How many of their steps; None: all."""

    @property
    def agent_file(self) -> Path:
        return AGENTS / f"{self.agent}.toml"

    @property
    def turns(self) -> int:
        return self.calls * len(self.steps)

    def resized(self, factor: float) -> Scenario:
        """With ``factor`` times as many steps, at least 1 a call: the last ones are repeated or left out."""
        if not self.weight or factor == 1:
            return self
        wanted = max(1, round(len(self.steps) * factor))
        return replace(self, steps=tuple(islice(cycle(self.steps), wanted)))

    def for_curve(self) -> Scenario:
        """The part of it that the other dials and the references are measured with."""
        return replace(self, calls=self.curve_calls, steps=self.steps[: self.curve_steps])


def say(*names: str) -> tuple[Step, ...]:
    """Phrases, one turn each."""
    return tuple(Step(name) for name in names)


def into(question: str, *stimuli: str, after_ms: int = 1_200) -> tuple[Step, ...]:
    """The question once undisturbed, then once for each stimulus, which falls into the answer."""
    return (
        Step(question),
        *(Step(question, stimulus, after_ms + 130 * (n % 4)) for n, stimulus in enumerate(stimuli)),
    )


_OPEN = say(
    "hours", "parking_slt", "insurance_awb", "location", "saturday_kal", "emergency_slt", "children_rp",
    "cost", "card_awb", "parking", "insurance_us", "patients_rp", "emergency_kal", "cleaning", "location_gb",
)  # fmt: skip
_SAME = say("hours", "parking_slt", "location", "emergency_slt", "patients_rp")
_CLOSED = say(
    "yes", "four_digits", "no", "seven_digits", "yes_please", "four_digits_kal", "no_thanks", "seven_digits",
)  # fmt: skip
_HESITATION = say(
    "h_like", "h_um", "h_tell", "h_and", "h_twice", "h_do", "h_have", "h_clause", "h_your", "h_whether",
    "h_open",
)  # fmt: skip
_DIGITS = say(
    "yes", "d_four", "no", "d_phone", "yes_please", "d_pairs", "no_thanks", "d_long", "name",
    "s_name", "name", "s_pairs",
)  # fmt: skip
_MIXED = say(
    "hours", "parking_slt", "h_like", "location", "emergency_slt", "h_tell", "cost", "insurance_awb",
)  # fmt: skip
_BACKCHANNELS = (
    "mm_hm", "yeah", "uh_huh", "okay", "mm", "mm_hm_high", "mm_hm_slt", "mm_hm_rms", "mm_awb",
)  # fmt: skip
_SIDE_TALK = ("side_kettle", "side_keys", "side_door", "side_dog", "side_later", "side_shoes")
_NOISES = (
    "cough", "slam", "burst_80", "cough_short", "crackle", "burst_300", "cough_long", "burst_150",
    "cough_soft", "slam_far", "crackle_long",
)  # fmt: skip

SCENARIOS = (
    # The same five questions six times over: turn 30 against turn 1.
    Scenario("thirty_turns", "practice", _SAME * 6, weight=0),
    Scenario("open", "practice", _OPEN, curve_calls=1, curve_steps=8),
    Scenario("long", "practice", say("long_book", "long_pain", "long_pay"), calls=2),
    Scenario("closed", "booking", _CLOSED, calls=2, curve_calls=1),
    Scenario("hesitation", "practice", _HESITATION, calls=2, curve_calls=1),
    Scenario("digits", "booking", _DIGITS, calls=2),
    Scenario("noise_20", "practice", _MIXED, condition=Condition(snr_db=20)),
    Scenario("noise_15", "practice", _MIXED, condition=Condition(snr_db=15)),
    Scenario("noise_10", "practice", _MIXED, condition=Condition(snr_db=10)),
    Scenario("quiet_voice", "practice", _MIXED, condition=Condition(level_db=-20)),
    Scenario("echo_20", "practice", _MIXED, condition=Condition(echo_db=-20)),
    Scenario("echo_12", "practice", _MIXED, condition=Condition(echo_db=-12)),
    Scenario("loss_1", "practice", _MIXED, condition=Condition(loss=0.01)),
    Scenario("loss_3", "practice", _MIXED, condition=Condition(loss=0.03)),
    Scenario("four_calls", "practice", _MIXED, calls=4, at_once=4),
    # Into a long answer.  The first step of each is the same answer undisturbed.
    Scenario(
        "barge_in",
        "practice",
        (
            *into("history", "stop", "what_about", "hold_on", "where_then"),
            *into("whitening", "what_about", "stop", "where_then", "hold_on"),
        ),
        calls=2,
        weight=0,
    ),
    Scenario(
        "backchannels",
        "practice",
        (*into("history", *_BACKCHANNELS), *into("whitening", *_BACKCHANNELS)),
        weight=0,
    ),
    Scenario("noises", "practice", (*into("history", *_NOISES), *into("whitening", *_NOISES)), weight=0),
    Scenario(
        "side_talk", "practice", (*into("history", *_SIDE_TALK), *into("whitening", *_SIDE_TALK)), weight=0
    ),
    Scenario(
        "echo_long",
        "practice",
        (
            *say("history", "whitening"),
            Step("history", "stop"),
            Step("whitening", "what_about"),
            Step("history", "where_then"),
            Step("whitening", "hold_on"),
        ),
        condition=Condition(echo_db=-12),
        weight=0,
    ),
)
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}

ONE_CALL = tuple(one.name for one in SCENARIOS if one.at_once == 1)
"""Scenarios whose turns make the headline: one call at a time, good lines and bad ones."""
CURVE = tuple(one.name for one in SCENARIOS if one.curve_calls)
QUICK = ("open", "closed", "hesitation", "barge_in", "backchannels")
"""For ``--quick``: two minutes that touch every kind of measurement."""


@dataclass(frozen=True, slots=True)
class Dial:
    """One setting of the daemon that is measured."""

    name: str
    settings: str
    """TOML that is added to its configuration."""
    legacy: str = ""
    """The same for a daemon without ``turn.responsiveness``: the fixed silence that comes nearest."""


DIALS = (
    Dial("balanced", 'responsiveness = "balanced"', ""),
    Dial("snappy", 'responsiveness = "snappy"', "endpointing_ms = 250"),
    Dial("patient", 'responsiveness = "patient"', "endpointing_ms = 700"),
)
DEFAULT_DIAL = DIALS[0].name
