"""When the caller's turn is over: a wait that depends on how finished it sounds.

A fixed silence is either slow or rude.  Here the wait after the caller's last sound is a
smooth function of what is known: how complete the words are, what had been asked, how
long this caller has paused inside their turns so far, and one dial::

    wait = shortest + (longest - shortest) / (1 + (odds(complete) / odds(half)) ** steepness)

so half of the way at ``half``.  A delay that falls smoothly with the probability of being finished
is what products have converged on; a logistic one was better than a power on the tuned phrases of
``bench/end_of_turn.toml`` with pauses of 300 to 700 ms: half of the finished ones wait 123 ms and
95 % less than 504, at 3.8 % answered in the pause (held-out half: 123, 452, 2.9 %; a power of the
same p50 had 7.6 %).  What callers get of it, ``python -m bench.turnaround`` measures.

Pure: no clock, no I/O.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Asked(enum.Enum):
    """What kind of answer the caller was asked for."""

    OPEN = "open"
    YES_NO = "yes_no"
    DIGITS = "digits"
    SPELLING = "spelling"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the caller was asked for last."""

    asked: Asked = Asked.OPEN
    digits: int | None = None
    """How many digits, where that is known."""


@dataclass(frozen=True, slots=True)
class PauseHabit:
    """How long this caller pauses inside their turns, learnt from pauses that they went on after."""

    pauses: int = 0
    mean_ms: float = 0.0
    spread_ms: float = 0.0
    """Mean absolute deviation."""

    def learnt(self, pause_ms: float) -> PauseHabit:
        """The habit after one more inner pause: moving averages, as TCP's timers estimate a round
        trip and its spread (Jacobson 1988), with weights of 1/4."""
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
    """After words that certainly are not; also the cap of everything else here."""
    half: float = 0.75
    """The probability of being finished at which half of the way between them is waited."""
    steepness: float = 1.5
    """Above 1, the wait makes up its mind faster around ``half``."""
    asked_ms: int = 700
    """At least this while digits or letters are expected and not all have come."""


PLEASE_MS = 220
"""After a bare "yes" or "no": "please" begins with a closure of 110 ms, which looks like a pause."""
HABIT_WEIGHT = 2.5
"""Doubt of 0.4 and more gives a caller all of their usual pause, certainty none of it."""
DIAL = {
    "patient": EndpointingSettings(shortest_ms=350, longest_ms=1000, half=0.9, asked_ms=950),
    "balanced": EndpointingSettings(),
    "snappy": EndpointingSettings(shortest_ms=80, longest_ms=700, half=0.5, steepness=2.0, asked_ms=550),
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
) -> int:
    """Silence after the caller's last sound until the turn is theirs no more. [ms]

    ``complete`` is the probability, from words (and prosody), that the turn ends here.
    """
    complete = min(1.0, max(0.0, complete))
    at_least = 0.0
    match expected.asked:
        case Asked.YES_NO if is_yes_or_no(text):
            complete = 1.0
            if len(text.split()) == 1:
                at_least = min(PLEASE_MS, settings.shortest_ms + 100)
        case Asked.DIGITS:
            count = count_digits(_HOMOPHONES.sub(lambda found: _HEARD_AS[found[0].lower()], text))
            if expected.digits is not None and count >= expected.digits:
                complete = 1.0
            elif count:
                at_least = settings.asked_ms if expected.digits is None else settings.longest_ms
        case Asked.SPELLING:
            at_least = settings.asked_ms
        case _:
            if is_preface(text):
                at_least = settings.asked_ms
            elif ends_in_digits(text) or ends_in_letters(text):
                # Both are said in groups, whatever was asked: "two oh two ... five five five ...".
                at_least = settings.asked_ms * 0.75
    doubt: float = 1 / (1 + (_odds(complete) / _odds(settings.half)) ** settings.steepness)
    span = settings.longest_ms - settings.shortest_ms
    wait = settings.shortest_ms + span * doubt
    # A caller who pauses long pauses long again; the surer their words are complete, the less it matters.
    wait = max(wait, habit.usual_ms * min(1.0, HABIT_WEIGHT * doubt), at_least)
    return round(min(wait, settings.longest_ms))


def _odds(probability: float) -> float:
    probability = min(max(probability, 1e-6), 1 - 1e-6)
    return probability / (1 - probability)


def combined(complete: float, prosody: float | None) -> float:
    """Two opinions of one thing as one: the mean of their log-odds."""
    if prosody is None:
        return complete
    odds = [np.log(p / (1 - p)) for p in (min(max(value, 1e-4), 1 - 1e-4) for value in (complete, prosody))]
    return float(1 / (1 + np.exp(-np.mean(odds))))


# --- reading short answers -----------------------------------------------------------------------

_YES_NO_TEXT = """
yes|no|yeah|yep|yup|nope|nah|sure|correct|right|exactly|ok|okay|of course|absolutely|definitely|please
|mm hm|mhm|mm hmm|uh huh|that is right|that's right|that is correct|that's correct|not really|no thanks
|no thank you|yes please|please do|i do|i don't|i would|it is|it isn't|certainly|not at all|why not
"""
_YES_NO_ONE = "|".join(re.escape(answer.strip()) for answer in _YES_NO_TEXT.replace("\n", "").split("|"))
_YES_NO = re.compile(rf"(?:(?:{_YES_NO_ONE})\b[\s,.!]*){{1,3}}")
_DIGIT_WORDS_TEXT = """
zero oh o one two three four five six seven eight nine
"""
_DIGIT_WORDS = frozenset(_DIGIT_WORDS_TEXT.split())
_HEARD_AS = {"to": "two", "too": "two", "for": "four", "ate": "eight", "won": "one"}
"""Where digits are expected, these are digits that a recogniser has spelt otherwise."""
_HOMOPHONES = re.compile(rf"\b(?:{'|'.join(_HEARD_AS)})\b", re.IGNORECASE)
_TIMES = {"double": 1, "triple": 2}
_TWO_DIGITS = frozenset(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()  # noqa: SIM905
)
_TENS = frozenset("twenty thirty forty fifty sixty seventy eighty ninety".split())  # noqa: SIM905


def _words_only(text: str) -> str:
    """Lower case, without digits and punctuation, one space between words."""
    return " ".join(re.findall(r"[a-z']+", text.lower().replace("\u2019", "'").replace("-", " ")))


def is_yes_or_no(text: str) -> bool:
    """True when all that was said is a yes or a no."""
    return bool(_YES_NO.fullmatch(_words_only(text) + " "))


_PREFACE = re.compile(
    r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|excuse me|sorry|okay|ok|so|well|um|uh"
    r"|yes|yeah|no|listen|look|please|there)\W+)*"
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|excuse me|sorry|so|well|um|uh|listen|look"
    r"|(?:i have|i've got|i got) (?:a|an|another|one more|two|some) (?:\w+ )?questions?"
    r"|(?:can|could|may) i (?:just )?ask (?:you )?(?:something|a question|one thing)"
    r"|i(?:'d| would) like to ask (?:you )?(?:something|a question)"
    r"|let me (?:see|think)|just a (?:moment|second)|one (?:moment|second)|hang on|hold on|here's the thing"
    r"|my name is \w+(?: \w+)?|this is \w+(?: \w+)? speaking)"
)


def is_preface(text: str) -> bool:
    """True when what was said opens something: a greeting, "I have a question", a name."""
    return bool(_PREFACE.fullmatch(_words_only(text)))


def count_digits(text: str) -> int:
    """How many digits were said: "4 2, seven one" are four, "double five" two, "ninety three" two."""
    count, more = 0, 0
    words = re.findall(r"[a-z]+|\d+", text.lower())
    for word, following in pairwise([*words, ""]):
        if word.isdigit():
            count += len(word) + more
        elif word in _DIGIT_WORDS:
            count += 1 + more
        elif word in _TWO_DIGITS:
            count += 2
        elif word in _TENS:
            count += 1 if following in _DIGIT_WORDS else 2
        more = _TIMES.get(word, 0)
    return count


def ends_in_digits(text: str) -> bool:
    """True when the last words are two digits or more: part of a number that may go on."""
    words = re.findall(r"[a-z']+|\d+", text.lower())
    spoken = 0
    for word in reversed(words):
        if word.isdigit():
            spoken += len(word)
        elif word in _DIGIT_WORDS:
            spoken += 1
        else:
            break
    return spoken >= 2


def ends_in_letters(text: str) -> bool:
    """True when the last words are two single letters or more: a name that is being spelt."""
    words = re.findall(r"[a-z0-9']+", text.lower())
    return len(words) >= 2 and all(len(word) == 1 and word.isalpha() for word in words[-2:])


_SPELL = re.compile(r"\b(?:spell|letter by letter)\b", re.IGNORECASE)
_NUMBER_TEXT = r"(?:phone|telephone|customer|account|order|invoice|case|reference|card|pin|zip|postal|post)"
_NUMBERS = {
    word: n
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
    )
}
_SO_MANY_DIGITS = re.compile(rf"\b(?P<n>\d{{1,2}}|{'|'.join(_NUMBERS)})[- ]digits?\b", re.IGNORECASE)
_SOME_DIGITS = re.compile(rf"\b(?:{_NUMBER_TEXT}(?:\s\w+)?\s(?:number|code)\b|digits\b)", re.IGNORECASE)
_YES_NO_QUESTION = re.compile(
    r"(?:^|[.!?,;:]\s+|\b(?:and|so|or|then|okay|well)\s+)"
    r"(?:do|does|did|is|are|was|were|will|would|can|could|shall|should|may|have|has|am)\s(?:[^.!?]*)\?$",
    re.IGNORECASE,
)
_OPEN_INSIDE = re.compile(
    r"\b(?:what|which|who|whom|whose|when|where|why|how)\b|\bor\b|\bhelp you\b|\btell me\b|\banything else\b",
    re.IGNORECASE,
)


def expectation(said: str) -> Expected:
    """What a caller who has just heard ``said`` will answer, judged by its last sentence."""
    sentences = re.split(r"(?<=[.!?])\s+", said.strip())
    last = sentences[-1] if sentences else ""
    asks = last.endswith("?") or re.match(r"(?:please|now|and)\b", last, re.IGNORECASE)
    if asks and _SPELL.search(last):
        return Expected(Asked.SPELLING)
    if asks and (digits := _SO_MANY_DIGITS.search(last)):
        n = digits["n"]
        return Expected(Asked.DIGITS, int(n) if n.isdigit() else _NUMBERS[n.lower()])
    if asks and _SOME_DIGITS.search(last):
        return Expected(Asked.DIGITS)
    if _YES_NO_QUESTION.search(last) and not _OPEN_INSIDE.search(last):
        return Expected(Asked.YES_NO)
    return Expected()
