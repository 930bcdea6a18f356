"""How finished the caller's words sound: from the words, and from what a language model expects next.

A pure function of text and a probability.  The words are English, without the final
punctuation of a recogniser, which ends everything with a full stop.  The probability is
:meth:`~offhook.engines.llm.base.Conversation.end_probability` after these words.
"""

from __future__ import annotations

from typing import NamedTuple

from offhook.end_of_turn.wait import log_odds, probability
from offhook.languages.wording import NUMBER_WORDS, words


def _class_of(lines: str) -> frozenset[str]:
    return frozenset(lines.split())


# Closed classes of words.  The first three are looked up for the last word of a phrase only.
_OPEN = _class_of(
    # articles, determiners, possessives
    "a an the my your his our their every each its"
    # conjunctions
    " and or but because if whether unless although since so than nor"
    # prepositions, without those that English leaves at the end of questions
    " of from into between during per via regarding at to"
    # verbs that want a complement
    " is are am was were do does did can could will would shall should may might must has have want need"
    " gonna wanna i'm it's there's he's she's that's we're they're you're i've i'll i'd"
    # subjects and question words
    " i he she we they who which what whose when where why how"
    # fillers
    " um uh erm er hmm like basically actually well maybe very really"
)
"""Something has to follow."""
_OFTEN_OPEN = _class_of("for about with on in by as that this until after before around please another")
_REPLY = _class_of(
    "yes yeah yep yup no nope okay ok sure right correct exactly absolutely definitely perfect great fine"
    " good thanks hello hi hey bye goodbye sorry pardon never none nothing nobody everything anytime today"
    " tomorrow tonight yesterday monday tuesday wednesday thursday friday saturday sunday morning afternoon"
    " evening noon midnight week month year please thank you of course not all one two both neither either"
    " at on in the next"
)
"""Short replies consist of these; a model that expects sentences thinks them unfinished."""
_SHORT_WORDS = 3


class _Weights(NamedTuple):
    """Of a logistic function; each weight multiplies 1 where what it is named after applies, else 0."""

    logit: float
    """Multiplies the log-odds of the end probability."""
    open: float
    often_open: float
    number: float
    """Another may follow: nobody knows how long a number is but the one who says it."""
    reply: float
    short: float
    constant: float


# Fitted on the "tune" half of bench/end_of_turn.toml by bench/bench_end_of_turn.py, which also says how well
# they do on the other half; not on words that are complete and go on all the same: end_of_turn/wait.py
# allows for them.  The first with SmolLM2-135M and both shipped agents' prompts; with another model, run the
# program with its file.
_WITH_MODEL = _Weights(1.18, -2.69, -1.17, -0.85, 2.17, -1.19, 5.73)
_TEXT_ONLY = _Weights(0.0, -5.67, -2.91, -1.46, 0.69, -2.37, 2.65)


def completeness(text: str, end_probability: float | None) -> float:
    """How probably a caller who has said ``text`` and pauses has finished: 0 to 1.

    ``end_probability`` None: by the words alone, for a model that cannot tell.  0 for no words.
    """
    seen = cues(text)
    if seen is None:
        return 0.0
    weights = _TEXT_ONLY if end_probability is None else _WITH_MODEL
    sum_ = weights.constant + sum(weight for weight, is_so in zip(weights[1:-1], seen, strict=True) if is_so)
    if end_probability is not None:
        sum_ += weights.logit * log_odds(end_probability)
    return probability(sum_)


def cues(text: str) -> tuple[bool, bool, bool, bool, bool] | None:
    """What the words themselves say, as :class:`_Weights` names it from open to short; None: no words."""
    said = words(text)
    if not said:
        return None
    last = said[-1]
    is_open = last in _OPEN
    is_short = len(said) <= _SHORT_WORDS
    is_reply = is_short and not is_open and all(word in _REPLY for word in said)
    return is_open, last in _OFTEN_OPEN, last in NUMBER_WORDS, is_reply, is_short and not is_reply
