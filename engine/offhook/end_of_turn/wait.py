"""When the caller's turn is over: a wait that depends on how finished it sounds.

A fixed silence is either slow or rude.  Here the wait after the caller's last sound is a
smooth function of what is known: how complete the words are, what had been asked, how
long this caller has paused inside their turns so far, and one dial::

    wait = shortest + (longest - shortest) / (1 + (odds(complete) / odds(half)) ** steepness)

so half of the way at ``half``.  A delay that falls smoothly with the probability of being finished
is what products have converged on; a logistic one was better than a power on the tuned phrases of
``bench/end_of_turn.toml``.

A statement has to sound surer (:data:`STATEMENT_LOG_ODDS`), because complete words go on in statements much
more often than in questions; not where one short thing was asked for and this is it.  With pauses evenly
spread over 300 to 700 ms, the held-out half of those phrases gives at the balanced dial after an open
question (``bench/bench_end_of_turn.py``)::

                     wait when finished         answered in the pause
                     p50      p95
    questions        120 ms   135 ms             9.6 %
    short replies    122 ms   848 ms             6.5 %
    statements       560 ms   648 ms            16.2 %   (35.5 % when treated like questions, p50 151 ms)

Words that cannot end there are answered in none of their pauses, all kinds together; the rest are words
that can.  Waiting up to 700 ms after statements gives 5.4 % there, which is ``statement_ms``; 560 keeps
most of them below 600 ms.  After 427 questions that other writers' callers ask businesses, p95 is 291 ms
(``--callers``).
What callers get of it, ``python -m bench.turnaround`` measures.

Pure: no clock, no I/O.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from offhook import languages
from offhook.end_of_turn.dictation import (
    Missing,
    missing_digits,
    missing_letters,
    missing_of_birth,
    missing_of_email,
    missing_unasked,
)
from offhook.end_of_turn.expectation import DICTATED, Asked, Expected, expectation, gives_time
from offhook.languages.turns import TurnLanguage, turn_language
from offhook.languages.wording import (
    ends_in_digits,
    ends_in_letters,
    ends_in_time,
    is_preface,
    is_statement,
    is_yes_or_no,
    words,
)

__all__ = [
    "DIAL",
    "DICTATED",
    "SHORTEST_PAUSE_MS",
    "Asked",
    "EndpointingSettings",
    "Expected",
    "PauseHabit",
    "ProsodyModel",
    "combined",
    "expectation",
    "gives_time",
    "log_odds",
    "probability",
    "wait_ms",
]


SHORTEST_PAUSE_MS = 200
"""Shorter silences belong to articulation (Campione and Veronis 2002; Goldman-Eisler 1968 drew it at 250)."""


@dataclass(frozen=True, slots=True)
class PauseHabit:
    """How long this caller pauses inside their turns, learnt from pauses that they went on after."""

    pauses: int = 0
    mean_ms: float = 0.0
    spread_ms: float = 0.0
    """Mean absolute deviation."""

    def learnt(self, pause_ms: float) -> PauseHabit:
        """The habit after one more inner pause: moving averages, as TCP's timers estimate a round
        trip and its spread (Jacobson 1988), with weights of 1/4.  The closure of a consonant is no pause."""
        if pause_ms < SHORTEST_PAUSE_MS:
            return self
        if not self.pauses:
            return PauseHabit(1, pause_ms, pause_ms / 4)
        error = pause_ms - self.mean_ms
        return PauseHabit(
            self.pauses + 1, self.mean_ms + error / 4, self.spread_ms + (abs(error) - self.spread_ms) / 4
        )

    @property
    def usual_ms(self) -> float:
        """Pauses longer than this are not usual for the caller; 0 before any was seen."""
        return self.mean_ms + 2 * self.spread_ms


@dataclass(frozen=True, slots=True)
class EndpointingSettings:
    """The curve. [ms]"""

    shortest_ms: int = 120
    """After words that are certainly complete."""
    longest_ms: int = 860
    """After words that certainly are not; also the cap of everything else here but what is dictated."""
    half: float = 0.75
    """The probability of being finished at which half of the way between them is waited."""
    steepness: float = 1.5
    """Above 1, the wait makes up its mind faster around ``half``."""
    asked_ms: int = 700
    """At least this after words that open something, and after digits or letters that may be all."""
    dictated_ms: int = 1_700
    """At least this while digits, letters or an address are dictated and not all have come: people who read
    from a card pause for up to 1.5 s between its groups."""
    statement_ms: int = 560
    """At most this after a statement whose words are complete."""


ANSWER_WORDS = 5
"""As many words as the answer to a question for something short has: "My last name is Miller"."""
PLEASE_MS = 220
"""After "yes", "no", "great, thank you" and nothing else, whatever was asked: "please" begins with a closure
of 110 ms, which looks like a pause, and "no" and "thank you", "thank you" and "goodbye" are said with a short
one between them."""
HABIT_WEIGHT = 2.5
"""Doubt of 0.4 and more gives a caller all of their usual pause, certainty none of it."""
STATEMENT_LOG_ODDS = 4.8
"""So much surer a statement has to sound than a question to be answered as soon.

"I want to book an appointment" is a whole sentence, and its caller goes on, "for next Monday", where
"Do you have parking?" is over: words cannot tell, so they are not trusted unless they are certain.
"""
TIMED_STATEMENT_LOG_ODDS = 3.3
"""The same for a statement that has come to when: less often does something follow."""
_LEAST = 1e-6
"""Nothing is more certain than that."""
DIAL = {
    "patient": EndpointingSettings(350, 1000, half=0.9, asked_ms=950, statement_ms=800, dictated_ms=2_000),
    "balanced": EndpointingSettings(),
    "snappy": EndpointingSettings(
        80, 700, half=0.5, steepness=2.0, asked_ms=550, statement_ms=400, dictated_ms=1_600
    ),
}
"""What ``turn.responsiveness`` chooses from."""


class ProsodyModel(Protocol):
    """A model that hears from melody and rhythm whether a turn is over.  None is shipped."""

    def turn_over(self, audio: NDArray[np.int16]) -> float:
        """The probability, from a turn's last seconds (silence included): ``[samples]`` int16 at 16 kHz."""
        ...


def wait_ms(
    text: str,
    complete: float,
    expected: Expected,
    habit: PauseHabit,
    settings: EndpointingSettings,
    language: str,
) -> int:
    """Silence after the caller's last sound until the turn is theirs no more. [ms]

    ``complete`` is the probability, from words (and prosody), that the turn ends here.
    ``language``: the caller's; where nothing is known of it, at least ``asked_ms`` is waited.
    """
    complete = min(1.0, max(0.0, complete))
    known = turn_language(language)
    missing = _missing(text, expected, known)
    if missing is Missing.MORE:
        return max(settings.dictated_ms, settings.longest_ms)
    at_least = 0.0 if known.known else float(settings.asked_ms)
    courteous = expected.asked is not Asked.YES_NO and _is_courtesy(text, language)
    if courteous or (is_yes_or_no(text, known) and len(text.split()) == 1):
        at_least = min(PLEASE_MS, settings.shortest_ms + 100)
    if missing is Missing.NOTHING or (expected.asked is Asked.YES_NO and is_yes_or_no(text, known)):
        complete = 1.0
    elif missing is Missing.PERHAPS:
        return min(settings.asked_ms, settings.longest_ms)
    elif missing is Missing.A_GROUP:
        usual_ms = min(habit.usual_ms, settings.dictated_ms)
        return round(max(settings.asked_ms, usual_ms, settings.longest_ms if not habit.pauses else 0))
    elif expected.asked is Asked.SPELLING or is_preface(text, known, named=expected.asked is Asked.FACT):
        at_least = settings.asked_ms
    elif ends_in_digits(text, known) or ends_in_letters(text):
        # Both are said in groups, whatever was asked: "two oh two ... five five five ...".
        at_least = max(at_least, settings.asked_ms * 0.75)
    doubt = _doubt(complete, settings)
    span = settings.longest_ms - settings.shortest_ms
    wait = settings.shortest_ms + span * doubt
    # Who was asked for a name or one of two, and says a whole sentence, says something else than that.
    answers = expected.asked not in (Asked.OPEN, Asked.YES_NO) and len(text.split()) <= ANSWER_WORDS
    wants_more = not answers and wait < settings.statement_ms
    if wants_more and is_statement(text, known):
        handicap = TIMED_STATEMENT_LOG_ODDS if ends_in_time(text, known) else STATEMENT_LOG_ODDS
        doubt = _doubt(complete, settings, handicap)
        wait = min(settings.shortest_ms + span * doubt, settings.statement_ms)
    # A caller who pauses long pauses long again; the surer their words are complete, the less it matters.
    wait = max(wait, habit.usual_ms * min(1.0, HABIT_WEIGHT * doubt), at_least)
    return round(min(wait, settings.longest_ms))


def _is_courtesy(text: str, code: str) -> bool:
    known, said = languages.language(code), " ".join(words(text))
    return bool(said) and known.fillers.issuperset(known.courtesies.sub(" ", said).split())


def _missing(text: str, expected: Expected, language: TurnLanguage) -> Missing | None:
    """How much of what is being dictated is still to come; None: nothing is."""
    asked, found = expected.asked, None
    if asked is Asked.DIGITS:
        found = missing_digits(text, expected.digits, language)
    elif asked is Asked.SPELLING:
        found = missing_letters(text, language)
    elif asked is Asked.BIRTH:
        found = missing_of_birth(text, language)
    if asked is Asked.EMAIL or found is None:
        found = missing_of_email(text, language, asked=asked is Asked.EMAIL)
    return (
        missing_unasked(text, language)
        if found is None and asked not in (Asked.DIGITS, Asked.BIRTH)
        else found
    )


def _doubt(complete: float, settings: EndpointingSettings, handicap: float = 0.0) -> float:
    """The share of the curve's span that is waited: 0 to 1."""
    return probability(settings.steepness * (log_odds(settings.half) - log_odds(complete) + handicap))


def log_odds(probability: float) -> float:
    """log(p / (1 - p)), with p kept off 0 and 1."""
    probability = min(max(probability, _LEAST), 1.0 - _LEAST)
    return math.log(probability / (1.0 - probability))


def probability(log_odds: float) -> float:
    """The inverse of :func:`log_odds`: between 0 and 1."""
    return 1.0 / (1.0 + math.exp(-log_odds))


def combined(complete: float, prosody: float | None) -> float:
    """Two opinions of one thing as one: the mean of their log-odds."""
    if prosody is None:
        return complete
    return probability((log_odds(complete) + log_odds(prosody)) / 2)
