"""How a caller's words read: numbers, yes and no, what opens something, what is stated.

By closed classes of words and the order in which they stand, which
:class:`~offhook.languages.turns.base.TurnLanguage` has for each language.  Pure.
"""

from __future__ import annotations

import re
from itertools import pairwise

from offhook.languages.turns.base import Numbers, TurnLanguage
from offhook.languages.turns.en import COUNTING, DIGITS, ENGLISH, TENS, TIMES
from offhook.languages.words import words

__all__ = [
    "COUNTING",
    "DIGITS",
    "TENS",
    "TIMES",
    "count_digits",
    "ends_in_digits",
    "ends_in_letters",
    "ends_in_time",
    "is_preface",
    "is_question",
    "is_statement",
    "is_yes_or_no",
    "leans",
    "number_at",
    "words",
]

# --- numbers and letters -------------------------------------------------------------------------


def number_at(said: list[str], index: int, numbers: Numbers) -> tuple[int, str]:
    """How many words from ``index`` on say a number of the language's table, and its digits: (0, "")."""
    for length in range(min(_LONGEST_NUMBER, len(said) - index), 0, -1):
        digits = numbers.phrases.get(tuple(said[index : index + length]))
        if digits is not None:
            return length, digits
    return 0, ""


_LONGEST_NUMBER = 7
"""Words of "neuf cent quatre-vingt-dix-neuf", and one more."""


def count_digits(text: str, language: TurnLanguage) -> int:
    """How many digits were said: "4 2, seven one" are four, "double five" two, "ninety three" two."""
    numbers, said = language.numbers, words(text)
    count, more, skip = 0, 0, 0
    for index, (word, following) in enumerate(pairwise([*said, ""])):
        if skip:
            skip -= 1
            continue
        length, digits = number_at(said, index, numbers)
        if length:
            count, skip = count + len(digits) + (more if len(digits) == 1 else 0), length - 1
        elif word.isdigit():
            count += len(word) + more
        elif word in numbers.digits:
            count += 1 + more
        elif word in numbers.teens:
            count += 2
        elif word in numbers.tens:
            count += 1 if following in numbers.digits else 2
        more = numbers.times.get(word, 1) - 1
    return count


def ends_in_digits(text: str, language: TurnLanguage) -> bool:
    """True when the last words are two digits or more: part of a number that may go on."""
    numbers, spoken = language.numbers, 0
    for word in reversed(words(text)):
        if word.isdigit():
            spoken += len(word)
        elif word in numbers.digits or len(numbers.phrases.get((word,), "")) == 1:
            spoken += 1
        else:
            break
    return spoken >= 2


def ends_in_letters(text: str) -> bool:
    """True when the last words are two single letters or more: a name that is being spelt."""
    last = words(text)[-2:]
    return len(last) == 2 and all(len(word) == 1 and word.isalpha() for word in last)


# --- short answers and openings ------------------------------------------------------------------


def is_yes_or_no(text: str, language: TurnLanguage = ENGLISH) -> bool:
    """True when all that was said is a yes or a no."""
    return bool(language.sentences.yes_no.fullmatch(" ".join(words(text))))


def is_preface(text: str, language: TurnLanguage, *, named: bool = False) -> bool:
    """True when what was said opens something: a greeting, "I have a question", a name.

    ``named``: a name is what was asked for, and opens nothing.
    """
    found = language.sentences.preface.fullmatch(" ".join(words(text)))
    return found is not None and not (named and found["name"])


# --- statements ----------------------------------------------------------------------------------

_SENTENCE = re.compile(r"(?:[^\s.!?]|[.!?](?=\w))(?:[^.!?]|[.!](?=\w))*\??")


def is_question(text: str, language: TurnLanguage) -> bool:
    """True when the last sentence asks, be it inside another one: "I'd like to know when you close"."""
    last = _last_sentence(text)
    return _asks(last, language) or not language.sentences.asking_first.isdisjoint(words(last)[:1])


def is_statement(text: str, language: TurnLanguage) -> bool:
    """True when the last sentence states or orders something: it has a subject, or is a command.

    Questions, also those that lean on the one before, short replies, thanks and farewells are none.
    """
    known, last = language.sentences, _last_sentence(text)
    clause = words(last)
    if leans(text, language):
        return False
    while clause and clause[0] in known.before_a_clause:
        clause.pop(0)
    if known.statement_words is not None:
        states = len(clause) >= known.statement_words and not is_yes_or_no(text, language)
        return states and not is_question(text, language)
    opens = len(clause) >= 2 and (clause[0] in known.subjects or clause[0] in known.orders)
    return opens and not _asks(last, language)


LEANING_WORDS = 5
"""More of them than that behind "and" are a clause, whatever their verb is."""


def leans(text: str, language: TurnLanguage) -> bool:
    """True when the last sentence is a question that leans on the one before: "And on Sundays", "what about
    the small one".  It has no verb; it ends where its noun does.
    """
    found = language.sentences.leaning.fullmatch(" ".join(words(_last_sentence(text))))
    rest = found["rest"].split() if found else []
    return 0 < len(rest) <= LEANING_WORDS and language.sentences.clausal.isdisjoint(rest)


def _asks(sentence: str, language: TurnLanguage) -> bool:
    return sentence.endswith("?") or language.sentences.asking.search(sentence) is not None


def ends_in_time(text: str, language: TurnLanguage) -> bool:
    """True when the last word is a day, a month or a time of day: where a language says when at the end."""
    return not language.sentences.time.isdisjoint(words(text)[-1:])


def _last_sentence(text: str) -> str:
    """In lower case; a question mark stays."""
    sentences = _SENTENCE.findall(text.lower().replace("\u2019", "'"))
    return sentences[-1].strip() if sentences else ""
