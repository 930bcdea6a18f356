"""How finished the caller's words sound: from the words, and from what a language model expects next.

A pure function of text, a probability and a language.  The words are without the final punctuation of a
recogniser, which ends everything with a full stop; what they say,
:class:`~offhook.languages.turns.base.Endings` has for each language, and what was learnt from how people's
sentences end :mod:`~offhook.end_of_turn.last_words`, of English, and :mod:`~offhook.end_of_turn.other_words`,
of German, Spanish and French.  The probability is
:meth:`~offhook.engines.llm.base.Conversation.end_probability` after these words.
"""

from __future__ import annotations

from typing import NamedTuple

from offhook.end_of_turn.dictation import Missing, missing_unasked, runs
from offhook.end_of_turn.last_words import last_words
from offhook.end_of_turn.other_words import other_words
from offhook.end_of_turn.wait import log_odds, probability
from offhook.languages.turns import TurnLanguage, turn_language
from offhook.languages.wording import leans, words

_SHORT_WORDS = 3
_LEARNT_MOST = 8.0
"""So much is believed of what was learnt, and no more: no run of words outvotes everything else."""
_LEARNT_WORDS = 4
"""From so many words on, all of it is; of fewer, a part: what was learnt from are questions, few of them
shorter, and replies to a question are none of them."""

SURELY_OPEN = 0.1
"""English words that are less complete than that by themselves go on, whatever a model says of them: 26 %
of 1,970 parts and wholes of utterances, tuned on or not, and of untouched callers' pauses 24.5 instead of
24.7 % were answered without it (``bench/README.md``)."""


class _Weights(NamedTuple):
    """Of a logistic function; each weight multiplies 1 where what it is named after applies, else 0."""

    logit: float
    """Multiplies the log-odds of the end probability."""
    open: float
    often_open: float
    number: float
    """Another may follow: nobody knows how long a number is but the one who says it."""
    dictated: float
    """Digits or letters are being said, and not all have come."""
    reply: float
    short: float
    leaning: float
    """A question that leans on the one before has no verb, which a model that reads it alone misses."""
    constant: float
    learnt: float = 0.0
    """Multiplies the log-odds of :func:`learnt`."""


# Of English.  Fitted on the "tune" half of bench/end_of_turn.toml and on callers' utterances that
# last_words.py was not trained on, by bench/bench_end_of_turn.py, which also says how well they do on others;
# not on words that are complete and go on all the same: end_of_turn/wait.py allows for them.  The first with
# SmolLM2-135M and both shipped agents' prompts; with another model, run the program with its file.
_WITH_MODEL = _Weights(1.18, -1.62, 0.36, 0.84, -1.23, 3.05, -0.91, 1.51, 5.45, learnt=0.76)
_TEXT_ONLY = _Weights(0.0, -3.16, -1.42, -0.13, -1.67, 0.15, -2.34, 0.41, 3.11, learnt=1.03)
# By the words alone, German, Spanish and French together: fitted by bench/grounding/train_other_words.py, on
# callers' utterances whose words were learnt without them.  Its constant is for as many pauses inside as
# ends, and here 0.69 more, log 2: half as many pauses have words that cannot end.
_OTHERS_TEXT_ONLY = _Weights(0.0, -2.40, -1.29, -0.67, -0.90, 1.25, 0.54, 1.36, 1.41, learnt=0.61)
# The same with a model, which adds a little where it is mostly English (SmolLM2-135M: of 0.2 to 1, 0.4 of its
# odds was best for most); the constant is 1.4 more, as the model's odds have their middle at -3.5.
_OTHERS_WITH_MODEL = _OTHERS_TEXT_ONLY._replace(logit=0.4, constant=2.81)
# All others, whose words say nothing: as for English without what was learnt, on the half of the toml alone.
_UNKNOWN_WITH_MODEL = _Weights(1.18, -2.69, -1.17, -0.85, 0.0, 2.17, -1.19, 1.38, 5.73)


def make_ready(language: str) -> None:
    """Read what is known of a language.  Blocks for some milliseconds; raises ModelError.

    Need not be called: whoever asks first waits for it.
    """
    code = turn_language(language).code
    if code == "en":
        last_words()
    else:
        other_words(code)


def completeness(text: str, end_probability: float | None, language: str) -> float:
    """How probably a caller who has said ``text`` and pauses has finished: 0 to 1.

    ``end_probability`` None: by the words alone, for a model that cannot tell.  0 for no words.
    0.5 for words of a language that nothing is known of, from a model that cannot tell.
    """
    known = turn_language(language)
    seen = cues(text, known)
    if seen is None:
        return 0.0
    if end_probability is None and not known.known:
        return 0.5
    if known.code == "en":
        weights = _TEXT_ONLY if end_probability is None else _WITH_MODEL
    elif known.known:
        weights = _OTHERS_TEXT_ONLY if end_probability is None else _OTHERS_WITH_MODEL
    else:
        weights = _UNKNOWN_WITH_MODEL
    of_cues = weights[1 : 1 + len(seen)]
    sum_ = weights.constant + sum(weight for weight, is_so in zip(of_cues, seen, strict=True) if is_so)
    if weights.learnt:
        sum_ += weights.learnt * learnt(text, known.code)
    if end_probability is not None:
        sum_ += weights.logit * log_odds(end_probability)
    return probability(sum_)


def says_enough(complete: float, language: str) -> bool:
    """Whether a model need not be asked of words that are so ``complete`` by themselves."""
    return turn_language(language).code == "en" and complete <= SURELY_OPEN


def learnt(text: str, code: str = "en") -> float:
    """What was learnt of such words: log-odds, within bounds.  Raises IndexError for no words.

    0 for the ``code`` of a language that nothing was learnt of.
    """
    if code != "en":
        others = other_words(code)
        return 0.0 if others is None else min(max(others.log_odds(text), -_LEARNT_MOST), _LEARNT_MOST)
    said = words(text)
    bounded = min(max(last_words().log_odds(said), -_LEARNT_MOST), _LEARNT_MOST)
    return bounded * min(1.0, len(said) / _LEARNT_WORDS)


def cues(text: str, language: TurnLanguage) -> tuple[bool, ...] | None:
    """What the words themselves say, as :class:`_Weights` names it from open to leaning; None: no words."""
    said = words(text)
    if not said:
        return None
    endings = language.endings
    last, joined = said[-1], " ".join(said)
    bare = endings.elided.sub("", last)
    closed = endings.closed_end.search(joined) is not None
    is_open = endings.open_end.search(joined) is not None or (
        not closed and (last in endings.open or bare in endings.open)
    )
    often_open = (
        endings.often_open_end.search(joined) is not None
        or endings.noun_missing.search(text.strip()) is not None
        or (not closed and last in endings.often_open)
    )
    is_short = len(said) <= _SHORT_WORDS
    is_reply = is_short and not is_open and all(word in endings.reply for word in said)
    spoken = runs(text, language)[-1:]
    spelt = bool(spoken) and spoken[0].at_end and spoken[0].digits < len(spoken[0].characters)
    dictated = missing_unasked(text, language) is Missing.MORE or (spelt and len(spoken[0].characters) > 1)
    is_number = last in language.numbers.all
    leaning = not is_open and not often_open and leans(text, language)
    return is_open, often_open, is_number, dictated, is_reply, is_short and not is_reply, leaning
