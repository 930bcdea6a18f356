"""Numbers, spelt names and e-mail addresses, which callers say in groups: is all of it there?

Whoever reads a number from a card pauses for up to a second and a half between its groups, and nothing in
the words "two one two" says that more will come.  What is known is how long such things are: the number of
digits that was asked for, the length of telephone numbers, the domain of an address, the word that was
spelt.  By each language's closed classes of words.  Pure.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from offhook.languages.turns import TurnLanguage
from offhook.languages.turns.base import Numbers
from offhook.languages.wording import number_at, words


class Missing(enum.Enum):
    """How much of what is dictated is still to come."""

    NOTHING = "nothing"
    PERHAPS = "perhaps"
    """It may be all: as long as such things are at least."""
    A_GROUP = "a group"
    """It may be all, or one more group: by how this caller pauses between theirs."""
    MORE = "more"
    """It cannot be all, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class Run:
    """Digits and letters said one after the other."""

    characters: str
    """In lower case, "2b0"."""
    at_end: bool
    """Nothing has been said after them."""
    plain: bool
    """Single digits or letters only: no "thirty", which is more often a time or a quantity."""
    in_pairs: bool = False
    """The last digits are a pair, "34" or "thirty four", as telephone numbers are said in Spain or France."""

    @property
    def digits(self) -> int:
        """How many digits."""
        return sum(char.isdigit() for char in self.characters)


TELEPHONE_DIGITS = 7
"""The fewest of a telephone number, said without its area code (E.164 sets only the most, 15)."""
AREA_DIGITS = 10
"""Of one with its area code, where that does not begin with a 0: North America."""
TRUNK_DIGITS = 11
"""Of one that begins with a 0 (Britain) or a 1 (North America)."""
_TRUNK_LEAST = 10
CARD_DIGITS = 16
"""Of most payment cards; telephone numbers have 15 at most."""
_NO_DICTATION = re.compile(
    r"\d+[:/]\d+(?:/\d+)?|[$\u00a3\u20ac]\s?[\d.,]+|(?<![.,\d])\d+[.,]\d{1,2}\b(?![.,\d])|\b\d+(?:st|nd|rd|th)\b"
)
"""Times, dates, prices and ordinals as recognisers write them."""
_LETTER_CHARS = 3
"""No letter's name is written with more: "are", "see", "you"."""
_MISHEARD_WORDS = 4
"""So many words a group of digits becomes, if it becomes any."""
_SPELT_WORDS = 5
_BIRTH_WORDS = 10
"""Of more words the answer to a question for letters, or for a day, is a sentence about something else."""
_YEAR = re.compile(r"(?:18|19|20)\d\d$")
_LAST_DAY = 31
_POSTCODE = re.compile(r"[a-z]{1,2}\d[a-z\d]?\d[a-z]{2}")
"""Britain's, whole."""


def runs(text: str, language: TurnLanguage) -> list[Run]:
    """The runs of digits and letters in ``text``, in order: "double five" is 55, "eight hundred" 800."""
    numbers = language.numbers
    said = words(text)
    found: list[Run] = []
    characters, plain, in_pairs, times, index = "", True, False, 1, 0

    def close(at_end: bool) -> None:
        nonlocal characters, plain, in_pairs, times
        if characters.strip("ai"):  # alone, these are words
            found.append(Run(characters, at_end, plain, in_pairs))
        characters, plain, in_pairs, times = "", True, False, 1

    while index < len(said):
        word, following = said[index], said[index + 1] if index + 1 < len(said) else ""
        length, group = number_at(said, index, numbers)
        if length:
            index += length
            characters += group * (times if len(group) == 1 else 1)
            plain, in_pairs, times = plain and len(group) == 1, len(group) == 2, 1
            continue
        index += 1
        if word in numbers.times and _is_one_digit(following, numbers):
            times = numbers.times[word]
        elif word in numbers.digits or (len(word) == 1 and word.isalnum()):
            in_pairs = in_pairs and said[index - 2] in numbers.tens
            digit = "0" if word == "o" and characters[-1:].isdigit() else numbers.values.get(word, word)
            characters += digit * times
            times = 1
            index += _words_of_spelling(word, said[index:], numbers)
        elif word.isdigit():
            characters, in_pairs = characters + word, len(word) == 2
        elif word in numbers.teens:
            characters, plain, in_pairs = characters + numbers.values[word], False, True
        elif word in numbers.tens:
            no_second = following not in numbers.digits or following in ("oh", "o")
            characters += numbers.tens[word] + ("0" if no_second else "")
            plain, in_pairs = False, True
        elif word in numbers.rounds and characters[-1:].isdigit():
            # "nine hundred": its zeros are said, or filled
            characters += "" if following in numbers.fills else numbers.rounds[word]
            plain = plain and following not in numbers.fills
        elif word in numbers.between and characters:
            continue
        else:
            close(at_end=False)
    close(at_end=True)
    return found


def _is_one_digit(word: str, numbers: Numbers) -> bool:
    return word in numbers.digits or len(word) == 1 or len(numbers.phrases.get((word,), "")) == 1


def _words_of_spelling(letter: str, following: list[str], numbers: Numbers) -> int:
    """How many of the words after ``letter`` make it clear: "as in bravo", "for bravo", "wie Berta"."""
    for phrase in numbers.as_in:
        if tuple(following[: len(phrase)]) == phrase:
            return len(phrase) + 1
    if following[:1] and following[0] in numbers.for_a_word and following[1:2]:
        return 2 if following[1].startswith(letter) else 0
    return 0


def missing_digits(text: str, wanted: int | None, language: TurnLanguage) -> Missing | None:
    """How much is missing of a number that was asked for; None: ``text`` has none and opens none.

    ``wanted`` is how many digits it has, None when that is not known: then telephone numbers are the measure.
    """
    heard_as = language.numbers.heard_as
    said = runs(" ".join(heard_as.get(word, word) for word in words(text)), language)
    numbers = [run for run in said if run.digits]
    if not numbers:
        # A recogniser may have made words of a group: "nine oh six" becomes "I know, Vic."
        few = 1 < len(words(text)) <= _MISHEARD_WORDS
        misheard = few and language.numbers.refuses.isdisjoint(words(text))
        return Missing.MORE if misheard or _opens(text, language) else None
    if wanted is not None:
        return Missing.NOTHING if any(run.digits >= wanted for run in numbers) else Missing.MORE
    last = numbers[-1]
    if last.digits == 1 and not language.numbers.refuses.isdisjoint(words(text)):
        return None  # "I don't have one"
    if not last.at_end:
        # Too short for a number: what followed it may be digits that were misheard.
        return None if last.digits >= TELEPHONE_DIGITS else Missing.MORE
    return _missing_of_telephone(last, language.numbers)


def missing_letters(text: str, language: TurnLanguage) -> Missing | None:
    """The same of something that was to be spelt: a name, a postcode."""
    said = words(text)
    if not said:
        return None
    joined = "".join(said)
    last = runs(text, language)[-1:]
    if _POSTCODE.fullmatch(joined) or (last and _POSTCODE.fullmatch(last[0].characters)):
        return Missing.NOTHING
    if last and last[0].at_end:
        spelt = last[0].characters
        return Missing.NOTHING if len(spelt) >= 2 and spelt in said else Missing.MORE
    # A recogniser may have made words of the letters: "Bar", "Be a are", "Emma, then, like".
    letters = len(said) <= _SPELT_WORDS or all(len(word) <= _LETTER_CHARS for word in said)
    return (
        Missing.MORE
        if (letters and language.numbers.refuses.isdisjoint(said)) or _opens(text, language)
        else None
    )


def missing_of_email(text: str, language: TurnLanguage, *, asked: bool) -> Missing | None:
    """The same of an e-mail address; ``asked`` False: only where the words show that it is one."""
    numbers = language.numbers
    at, dot = min(numbers.at), min(numbers.dot)
    plain = re.sub(r"(?<=\w)\.(?=\w)", f" {dot} ", text.replace("@", f" {at} "))
    said = [at if word in numbers.at else dot if word in numbers.dot else word for word in words(plain)]
    joins = {dot, *numbers.dash}
    named = asked or "@" in text or "email" in said or ("mail" in said and "e" in said)
    if at in said and (named or dot in said):
        domain = said[len(said) - said[::-1].index(at) :]
        if not domain or domain[-1] in joins or dot not in domain:
            # "Call me at nine" is none; neither is "at your office", whose words are a sentence's.
            return Missing.MORE if asked or not domain or len(domain) == 1 else None
        top = domain[-1]
        return Missing.PERHAPS if top in ("co", "org", "ac", "c") else Missing.NOTHING
    ends_open = {*joins, *numbers.underscore, *numbers.mail_is}
    if named and said and (said[-1] in ends_open or _opens(text, language)):
        return Missing.MORE
    if asked and said and len(said) <= 6 and language.numbers.refuses.isdisjoint(said):
        return Missing.MORE
    return None


def missing_of_birth(text: str, language: TurnLanguage) -> Missing | None:
    """The same of the day on which somebody was born: it ends with the year in most countries.

    A pair of figures is a year where it cannot be a day: "86".
    """
    said = words(text)
    if not said or len(said) > _BIRTH_WORDS or not language.numbers.refuses.isdisjoint(said):
        return None
    numbers, found = language.numbers, runs(text, language)
    last = found[-1].characters if found and found[-1].at_end else ""
    figures = sum(run.digits for run in found)
    named = any(not (word.isdigit() or word in numbers.openers or word in numbers.all) for word in said)
    if _YEAR.search(last):
        # "two thousand ... and five"; or the year comes first
        begun = last.endswith("2000") or (figures == 4 and not named)
        return Missing.PERHAPS if begun else Missing.NOTHING
    pair = last[-2:] if len(last) % 2 == 0 else ""
    is_year = pair.isdigit() and int(pair) > _LAST_DAY and (named or figures > 2)
    return Missing.NOTHING if is_year else Missing.MORE


def missing_unasked(text: str, language: TurnLanguage) -> Missing | None:
    """The same of a number or a word spelt that nobody asked for: "my number is two one two"."""
    text = _NO_DICTATION.sub(" amount ", text)
    said = runs(text, language)
    if not said or not said[-1].at_end:
        return None
    last, named = said[-1], language.numbers.named.search(text.lower()) is not None
    if last.digits:
        alone = all(word in language.numbers.openers or runs(word, language) for word in words(text))
        # Where a zero begins telephone numbers, pairs behind one are part of one: "zéro sept vingt".
        one_of_them = language.numbers.with_zero is not None and last.characters.startswith("0")
        if named or (alone and (last.plain or one_of_them) and last.digits >= 3):
            return _missing_of_telephone(last, language.numbers)
        return None
    if len(last.characters) < 3:
        return None
    return Missing.NOTHING if last.characters in words(text) else Missing.MORE


def _missing_of_telephone(run: Run, numbers: Numbers) -> Missing:
    """By the lengths that telephone numbers have; other numbers are mostly shorter, or in groups."""
    digits = "".join(char for char in run.characters if char.isdigit())
    count = len(digits)
    lengths = numbers.with_zero if digits[:1] == "0" else numbers.without_zero
    if lengths is not None:
        fewest, most = lengths
        if count < fewest:
            return Missing.MORE
        if count <= most:
            return Missing.NOTHING if count == most else Missing.PERHAPS
        return Missing.NOTHING if count == CARD_DIGITS else Missing.A_GROUP
    if digits[:1] == "0":
        if count < _TRUNK_LEAST:
            return Missing.MORE
        return {_TRUNK_LEAST: Missing.PERHAPS, TRUNK_DIGITS: Missing.NOTHING}.get(count, Missing.A_GROUP)
    if count < TELEPHONE_DIGITS:
        return Missing.MORE
    if digits[:1] == "1":
        return Missing.MORE if count < TRUNK_DIGITS else Missing.NOTHING
    if run.in_pairs and count < AREA_DIGITS:
        return Missing.A_GROUP
    known = {TELEPHONE_DIGITS: Missing.PERHAPS, AREA_DIGITS: Missing.NOTHING, CARD_DIGITS: Missing.NOTHING}
    return known.get(count, Missing.A_GROUP)


def _opens(text: str, language: TurnLanguage) -> bool:
    """Whether nothing has been said yet but what comes before the first group."""
    said = words(text)
    return bool(said) and all(word in language.numbers.openers for word in said)
