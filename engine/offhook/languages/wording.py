"""How a caller's words read: numbers, yes and no, what opens something, what is stated.

English, by closed classes of words and the order in which they stand.  Pure.
"""

from __future__ import annotations

import re
from itertools import pairwise

COUNTING = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"),
    *("twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
"""Each at the place of its value."""
DIGITS = frozenset({*COUNTING[:10], "oh", "o"})
TEENS = frozenset(COUNTING[10:])
TENS = frozenset({"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"})
TIMES = {"double": 2, "triple": 3}
"""What is said before a digit that comes more than once."""
NUMBER_WORDS = DIGITS | TEENS | TENS | TIMES.keys() | {"hundred", "thousand"}

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """The words and numbers of ``text`` in lower case, with inner apostrophes, without hyphens."""
    return _WORD.findall(text.lower().replace("\u2019", "'"))


# --- numbers and letters -------------------------------------------------------------------------


def count_digits(text: str) -> int:
    """How many digits were said: "4 2, seven one" are four, "double five" two, "ninety three" two."""
    count, more = 0, 0
    for word, following in pairwise([*words(text), ""]):
        if word.isdigit():
            count += len(word) + more
        elif word in DIGITS:
            count += 1 + more
        elif word in TEENS:
            count += 2
        elif word in TENS:
            count += 1 if following in DIGITS else 2
        more = TIMES.get(word, 1) - 1
    return count


def ends_in_digits(text: str) -> bool:
    """True when the last words are two digits or more: part of a number that may go on."""
    spoken = 0
    for word in reversed(words(text)):
        if word.isdigit():
            spoken += len(word)
        elif word in DIGITS:
            spoken += 1
        else:
            break
    return spoken >= 2


def ends_in_letters(text: str) -> bool:
    """True when the last words are two single letters or more: a name that is being spelt."""
    last = words(text)[-2:]
    return len(last) == 2 and all(len(word) == 1 and word.isalpha() for word in last)


# --- short answers and openings ------------------------------------------------------------------

_YES_NO_TEXT = """
yes|no|yeah|yep|yup|nope|nah|sure|correct|right|exactly|ok|okay|of course|absolutely|definitely|please
|mm hm|mhm|mm hmm|uh huh|that is right|that's right|that is correct|that's correct|not really|no thanks
|no thank you|yes please|please do|i do|i don't|i would|it is|it isn't|certainly|not at all|why not
"""
_YES_NO_ONE = "|".join(re.escape(answer.strip()) for answer in _YES_NO_TEXT.replace("\n", "").split("|"))
_YES_NO = re.compile(rf"(?:(?:{_YES_NO_ONE})(?: |$)){{1,3}}")
_PREFACE = re.compile(
    r"(?:(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|excuse me|sorry|okay|ok|so|well|um|uh"
    r"|yes|yeah|no|listen|look|please|there) )*"
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|excuse me|sorry|so|well|um|uh|listen|look"
    r"|(?:i have|i've got|i got) (?:a|an|another|one more|two|some) (?:\w+ )?questions?"
    r"|(?:can|could|may) i (?:just )?ask (?:you )?(?:something|a question|one thing)"
    r"|i(?:'d| would) like to ask (?:you )?(?:something|a question)"
    r"|let me (?:see|think)|just a (?:moment|second)|one (?:moment|second)|hang on|hold on|here's the thing"
    r"|(?P<name>my name is \w+(?: \w+)?|this is \w+(?: \w+)? speaking))"
)


def is_yes_or_no(text: str) -> bool:
    """True when all that was said is a yes or a no."""
    return bool(_YES_NO.fullmatch(" ".join(words(text))))


def is_preface(text: str, *, named: bool = False) -> bool:
    """True when what was said opens something: a greeting, "I have a question", a name.

    ``named``: a name is what was asked for, and opens nothing.
    """
    found = _PREFACE.fullmatch(" ".join(words(text)))
    return found is not None and not (named and found["name"])


# --- statements ----------------------------------------------------------------------------------

_SENTENCE = re.compile(r"(?:[^\s.!?]|[.!?](?=\w))(?:[^.!?]|[.!](?=\w))*\??")
_BEFORE_A_CLAUSE = frozenset(
    "hi hello hey good morning afternoon evening day yes yeah yep no nope okay ok so well and but or because"  # noqa: SIM905
    " actually basically sorry please um uh erm hmm oh then now also maybe".split()
)
_SUBJECT = frozenset(
    "i i'm i'd i've i'll we we're we'd we've we'll it it's it'll he he's she she's they they're they've there"  # noqa: SIM905
    " there's this my our your his her their the a an some someone somebody something".split()
)
_ORDER = frozenset("send put give cancel make let call take bring change book order add remove".split())  # noqa: SIM905
_ASKING_FIRST = [[word] for word in ("what", "who", "whose", "which", "where", "when", "why", "how")]
_TIME = frozenset(
    "today tomorrow tonight yesterday morning afternoon evening night noon midnight o'clock ago day days week"  # noqa: SIM905
    " weeks weekend month months year years monday tuesday wednesday thursday friday saturday sunday january"
    " february march april may june july august september october november december".split()
)
_AUXILIARY = r"(?:do|does|did|is|are|was|were|can|could|will|would|shall|should|may|have|has|am)(?:n't)?"
_NOUN_PHRASE = r"(?:you|i|we|it|they|he|she|there|this|that|the|my|our|your|his|her|any\w*|some\w*)"
_ASKING = re.compile(
    # "what time do you close", "and is there parking": the verb stands before its subject ...
    r"(?:^|[,;]|\b(?:and|but|or|so|then|well|please|hi|hello|okay|yes|no|where|when|why|who|how(?: \w+){0,2}"
    rf"|what(?: \w+)?|which \w+))\W*\b{_AUXILIARY} {_NOUN_PHRASE}\b"
    # ... or the question is part of a sentence that says that it is one.
    r"|\b(?:(?:like|want|wanted|need) to (?:know|ask|find out|hear)|wonder(?:ing|ed)|tell me)\b"
)


def is_question(text: str) -> bool:
    """True when the last sentence asks, be it inside another one: "I'd like to know when you close"."""
    last = _last_sentence(text)
    return _asks(last) or words(last)[:1] in _ASKING_FIRST


def is_statement(text: str) -> bool:
    """True when the last sentence states or orders something: it has a subject, or is a command.

    Questions, short replies, thanks and farewells are none.
    """
    last = _last_sentence(text)
    clause = words(last)
    while clause and clause[0] in _BEFORE_A_CLAUSE:
        clause.pop(0)
    opens = len(clause) >= 2 and (clause[0] in _SUBJECT or clause[0] in _ORDER)
    return opens and not _asks(last)


def _asks(sentence: str) -> bool:
    return sentence.endswith("?") or _ASKING.search(sentence) is not None


def ends_in_time(text: str) -> bool:
    """True when the last word is a day, a month or a time of day: English says when at the end."""
    return not _TIME.isdisjoint(words(text)[-1:])


def _last_sentence(text: str) -> str:
    """In lower case; a question mark stays."""
    sentences = _SENTENCE.findall(text.lower().replace("\u2019", "'"))
    return sentences[-1].strip() if sentences else ""
