"""Values out of callers' words: days, times, numbers, names, one of several, or just words.  Pure.

A value is read where it was asked for, or where the words leave no doubt about its kind.  What is left open
is asked (:class:`Open`), never guessed; what was said first and corrected in the same breath does not count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from difflib import SequenceMatcher
from typing import Any

from offhook.conversation.details import details, numbers
from offhook.conversation.forms.words import FormWords
from offhook.knowledge.words import content_words
from offhook.languages import Language
from offhook.moments.naming import join, name_day, name_time
from offhook.moments.questions import question as which_question
from offhook.moments.reader import listen
from offhook.moments.said import DayRange, Said
from offhook.moments.wish import Window, Wish, narrow, settle
from offhook.tools.base import Option
from offhook.tools.schema import kind_of

LIKE = 0.55
"""So like a name has to be, by meaning, that means what the caller says, with nothing else nearly as like."""
APART = 0.08
_PHONE_DIGITS = 6
"""A number with fewer is none of a telephone."""
_SPELT = re.compile(r"\b[^\W\d_](?:[ .,-]+[^\W\d_]){2,}\b")
_GROUPS = re.compile(r"(?:(?<![^\W\d_])[A-Za-z](?![^\W\d_])[ ,.-]*){0,3}\d[\d ,.-]*")


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that a form wants."""

    name: str
    schema: Mapping[str, Any]
    options: tuple[Option, ...] = ()
    """The only values; empty: any that fits the schema."""
    also: Mapping[str, tuple[str, ...]] | None = None
    """More names of the options, by what they are said as."""

    @property
    def kind(self) -> str:
        """choice, date, time, date-time, phone, email, name, digits, words, number, yes, text."""
        if self.options:
            return "choice"
        form = self.schema.get("format")
        if form:
            return str(form)
        return {"integer": "number", "number": "number", "boolean": "yes"}.get(kind_of(self.schema), "text")

    @property
    def cues(self) -> frozenset[str]:
        """The beginnings of words that name it: "nights", "room_number"."""
        said = f"{self.name.replace('_', ' ')} {self.schema.get('title', '')}"
        return frozenset(stem(word) for word in content_words(said))


@dataclass(frozen=True, slots=True)
class Value:
    """What was said, and how it is said back."""

    value: Any
    label: str


@dataclass(frozen=True, slots=True)
class Open:
    """What was said leaves something open."""

    question: str
    wish: Wish | None = None
    """Its readings: an answer to the question is held against them."""


Found = Value | Open


@dataclass(frozen=True, slots=True)
class Hearing:
    """One utterance, and what is needed to read it."""

    text: str
    language: Language
    form: FormWords
    now: datetime
    code: str
    """The language's, with its country."""
    near: Callable[[str, Sequence[str]], Sequence[float]] | None = None
    """How like words are to each of a few names, by meaning; None: by their words alone."""


def stem(word: str) -> str:
    """Enough of a word to know it again in another form."""
    word = word.lower()
    return word[: max(3, len(word) - 2)] if len(word) > 4 else word.removesuffix("s")


def bare(text: str, form: FormWords) -> str:
    """Without what stands before and behind a value: "It's Olive, please." is "Olive"."""
    found = form.lead.sub("", text.strip(), count=1)
    return form.trail.sub("", found).strip(" ,.;:!?\u2026\"'")


def corrected(text: str, form: FormWords) -> str:
    """The part behind the last correction, where there is anything behind it."""
    last = None
    for last in form.corrects.finditer(text):
        pass
    if last is None:
        return text
    behind = text[last.end() :].strip(" ,.;:-\u2026")
    return behind or text


def read(
    slot: Slot, hearing: Hearing, *, asked: bool, known: Mapping[str, Any], wish: Wish | None = None
) -> Found | None:
    """The value of ``slot`` in what was said; None: there is none.

    ``asked``: it was asked for.  ``known`` are the values so far.  ``wish``: what was open about it.
    """
    match slot.kind:
        case "date":
            return _day(slot, hearing, asked=asked, wish=wish)
        case "time":
            return _time(slot, hearing, asked=asked, known=known, wish=wish)
        case "date-time":
            return _moment(hearing, asked=asked, wish=wish)
        case "choice":
            return _choice(slot, hearing, asked=asked)
        case "number":
            return _number(slot, hearing, asked=asked)
        case "phone":
            return _phone(hearing, asked=asked)
        case "digits":
            return _digits(slot, hearing, asked=asked)
        case "email":
            return _email(hearing)
        case "name":
            return _name(hearing, asked=asked)
        case "yes":
            return _yes(hearing) if asked else None
        case "words":
            return _own_words(hearing, asked=asked)
        case _:
            return _text(slot, hearing, asked=asked)


# --- days and times ------------------------------------------------------------------------------


def days(hearing: Hearing) -> tuple[date, date] | None:
    """The two ends of a stretch of days: "from Friday until Sunday"."""
    said = listen(hearing.text, hearing.code)
    if said is None or len(said.days) != 1 or not isinstance(said.days[0], DayRange):
        return None
    stretch = said.days[0]
    first = settle(Said(days=(stretch.first,)), hearing.now, hearing.code)
    if first.doubt is not None or not first.windows:
        return None
    begins = first.windows[0].start
    last = settle(Said(days=(stretch.last,)), begins, hearing.code)
    if last.doubt is not None or not last.windows:
        return None
    return begins.date(), last.windows[0].start.date()


def day_value(day: date, hearing: Hearing) -> Value:
    return Value(day.isoformat(), name_day(day, hearing.now.date(), hearing.code))


def _day(slot: Slot, hearing: Hearing, *, asked: bool, wish: Wish | None) -> Found | None:
    said = listen(hearing.text, hearing.code, "day" if asked else None)
    if said is None or not (said.days or said.offset):
        return None
    if isinstance(said.days[0] if said.days else None, DayRange) and not asked:
        return None
    found = _settled(replace(said, times=()), hearing, wish)
    if found.doubt is not None:
        return Open(which_question(found, hearing.now, hearing.code) or "", found)
    suitable = sorted({window.start.date() for window in found.windows})
    if len(suitable) > 1:
        # A week, a weekend: one of its days is meant, and it is not for us to say which.
        return Open(_ask_again(slot, hearing)) if asked else None
    return day_value(suitable[0], hearing)


def _time(
    slot: Slot, hearing: Hearing, *, asked: bool, known: Mapping[str, Any], wish: Wish | None
) -> Found | None:
    said = listen(hearing.text, hearing.code, "time" if asked else None)
    if said is None or not said.times:
        return None
    clocks = [one.clock for one in said.times if one.clock is not None]
    if not clocks:
        return Open(_ask_again(slot, hearing)) if asked else None
    if wish is not None and said.times[0].clock is None:
        return None
    tz = hearing.now.tzinfo
    day = _known_day(known, hearing.now)
    moments = [datetime.combine(day, each, tz) for each in clocks[-1].times()]
    within = [each for each in moments if _in_hours(each.time(), slot.schema)]
    moments = within or moments
    if len(moments) > 1:
        windows = tuple(Window(each, each.replace(minute=each.minute, second=59)) for each in moments)
        names = [name_time(each, hearing.code) for each in moments]
        return Open(_which(names, hearing), Wish(windows, True, False, True, False, None))
    return Value(f"{moments[0]:%H:%M}", name_time(moments[0], hearing.code))


def narrowed_time(wish: Wish, hearing: Hearing) -> Value | None:
    """ "In the afternoon", after "do you mean three in the morning or in the afternoon?"."""
    found = narrow(wish, listen(hearing.text, hearing.code, "time"))
    if len(found.windows) != 1:
        return None
    start = found.windows[0].start
    return Value(f"{start:%H:%M}", name_time(start, hearing.code))


def _moment(hearing: Hearing, *, asked: bool, wish: Wish | None) -> Found | None:
    said = listen(hearing.text, hearing.code, "time" if asked else None)
    if said is None or not (said.days or said.times or said.offset):
        return None
    found = _settled(said, hearing, wish)
    if found.doubt is not None:
        return Open(which_question(found, hearing.now, hearing.code) or "", found)
    if not (found.exact and found.has_day and len(found.windows) == 1):
        return None
    start = found.windows[0].start
    label = f"{name_day(start.date(), hearing.now.date(), hearing.code)}, {name_time(start, hearing.code)}"
    return Value(start.isoformat(timespec="minutes"), label)


def _settled(said: Said, hearing: Hearing, wish: Wish | None) -> Wish:
    if wish is not None:
        closer = narrow(wish, said)
        if closer.doubt is None and closer.windows:
            return closer
    return settle(said, hearing.now, hearing.code)


def _known_day(known: Mapping[str, Any], now: datetime) -> date:
    for value in known.values():
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    return now.date()


def _in_hours(moment: time, schema: Mapping[str, Any]) -> bool:
    """Within ``x-hours``, "08:00-18:00", where an owner wrote them."""
    hours = schema.get("x-hours")
    if not isinstance(hours, str):
        return True
    first, _, last = hours.partition("-")
    return first.strip() <= f"{moment:%H:%M}" <= last.strip()


def _which(names: Sequence[str], hearing: Hearing) -> str:
    from offhook.moments.naming import phrase

    return phrase("which", hearing.code, choices=join(list(names), hearing.code))


def _ask_again(slot: Slot, hearing: Hearing) -> str:
    return question_of(slot, hearing.form, hearing.code)


def question_of(slot: Slot, form: FormWords, code: str) -> str:
    """The question by which a value is asked for."""
    ask = slot.schema.get("x-ask")
    if ask:
        return str(ask)
    name = str(slot.schema.get("title") or slot.schema.get("description") or slot.name.replace("_", " "))
    found = form.ask.format(name=name[:1].lower() + name[1:].rstrip("."))
    if 0 < len(slot.options) <= 5:
        found += " " + form.options.format(options=join([each.said for each in slot.options], code))
    return found


# --- one of several ------------------------------------------------------------------------------


def _choice(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    text = corrected(hearing.text, hearing.form)
    found = _by_words(slot, text) or (_by_words(slot, hearing.text) if text != hearing.text else None)
    if found is not None:
        return Value(found.value, found.said)
    if not asked:
        return None
    place = _by_place(slot, hearing)
    if place is not None:
        return Value(place.value, place.said)
    if hearing.near is None:
        return None
    names = [each.said for each in slot.options]
    likeness = hearing.near(bare(text, hearing.form), names)
    order = sorted(range(len(names)), key=lambda number: -likeness[number])
    best = order[0]
    second = likeness[order[1]] if len(order) > 1 else -1.0
    if likeness[best] >= LIKE and likeness[best] - second >= APART:
        return Value(slot.options[best].value, names[best])
    return None


def _by_words(slot: Slot, text: str) -> Option | None:
    """The option that is named: all of its words, or those that no other option has."""
    heard = {stem(word) for word in re.findall(r"[^\W_]+", text.lower())}
    found: list[tuple[int, int, Option]] = []
    stems = {}
    for option in slot.options:
        names = (option.said, str(option.value), *((slot.also or {}).get(option.said, ())))
        stems[option.said] = [
            {stem(word) for word in re.findall(r"[^\W_]+", name.lower())} - _ARTICLES for name in names
        ]
    for number, option in enumerate(slot.options):
        others = set().union(*(one for said, sets in stems.items() if said != option.said for one in sets))
        for words_ in stems[option.said]:
            own = words_ - others
            if words_ and words_ <= heard:
                found.append((2 * len(words_), -number, option))
            elif own and own & heard and any(len(word) > 2 for word in own & heard):
                found.append((len(own & heard), -number, option))
    if not found:
        return None
    best = max(found, key=lambda each: each[:2])
    rivals = {each[2].said for each in found if each[0] == best[0]}
    return best[2] if len(rivals) == 1 else _named_last(slot, text, rivals)


def _named_last(slot: Slot, text: str, rivals: set[str]) -> Option | None:
    """Of several that are named the last: the first one was taken back, or nobody knows."""
    lowered = text.lower()
    places = {said: lowered.rfind(said.lower()) for said in rivals}
    best = max(places, key=lambda said: places[said])
    if places[best] < 0:
        return None
    return next(each for each in slot.options if each.said == best)


_ARTICLES = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "to",
        "and",
        "or",
        "in",
        "on",
        "der",
        "die",
        "das",
        "dem",
        "den",
        "ein",
        "eine",
        "und",
        "oder",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "y",
        "o",
        "le",
        "les",
        "une",
        "et",
        "ou",
    ]
)


def _by_place(slot: Slot, hearing: Hearing) -> Option | None:
    """ "The first one"."""
    said = hearing.text.lower()
    for number, pattern in enumerate(hearing.form.ordinals):
        if re.search(rf"\b{pattern}\b", said):
            at = len(slot.options) - 1 if number == len(hearing.form.ordinals) - 1 else number
            return slot.options[at] if at < len(slot.options) else None
    return None


# --- numbers -------------------------------------------------------------------------------------


def digits_in(text: str, language: Language) -> list[str]:
    """Every number in ``text`` as its digits, said one by one or together: "two one four", "three twelve"."""
    telling = language.telling
    found: list[str] = []
    current = ""
    tens = False
    repeat = 1
    for token in [*re.findall(r"\d+|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*|[^\w\s]", text.lower()), "."]:
        parts = token.split("-") if "-" in token and token not in telling.figures else [token]
        for part in parts:
            value = part if part.isdigit() else telling.figures.get(part)
            if value is not None and not (part in ("o", "a") and not current):
                if tens and len(value) == 1 and value != "0":
                    current = current[:-1]
                current, tens, repeat = current + value * repeat, part in telling.tens, 1
            elif part in telling.times:
                repeat = telling.times[part]
            elif part in (",", "-"):
                tens = False
            elif current:
                found.append(current)
                current, tens, repeat = "", False, 1
            else:
                repeat = 1
    return found


def _number(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    text = corrected(hearing.text, hearing.form)
    cued = _near_cue(slot, text, hearing.language)
    if cued is None and text != hearing.text:
        cued = _near_cue(slot, hearing.text, hearing.language)
    given = [cued] if cued is not None else (digits_in(text, hearing.language) if asked else [])
    fitting = [each for each in given if _fits(each, slot.schema)]
    if len(set(fitting)) != 1:
        return None
    value: int | float = int(fitting[0])
    if kind_of(slot.schema) == "number" and (found := re.search(r"\d+[.,]\d+", text)) is not None:
        value = float(found[0].replace(",", "."))
    return Value(value, str(value))


def _near_cue(slot: Slot, text: str, language: Language) -> str | None:
    """A number with a word beside it that names what is counted: "three nights", "room 118"."""
    pieces = re.split(r"(?<=[.!?;])\s|,\s", text)
    for piece in reversed(pieces):
        words_ = re.findall(r"\d+|[^\W\d_]+(?:['\u2019-][^\W\d_]+)*", piece)
        for number, word in enumerate(words_):
            if stem(word) not in slot.cues:
                continue
            before = digits_in(" ".join(words_[max(0, number - 1) : number]), language)
            behind = digits_in(" ".join(words_[number + 1 : number + 6]), language)
            close = words_[number + 1 : number + 3]
            if before:
                return before[-1]
            if behind and digits_in(" ".join(close), language):
                return behind[0]
    return None


def _fits(digits: str, schema: Mapping[str, Any]) -> bool:
    if len(digits) > 12:
        return False
    value = int(digits)
    return schema.get("minimum", value) <= value <= schema.get("maximum", value)


def _phone(hearing: Hearing, *, asked: bool) -> Found | None:
    found = [each for each in numbers(hearing.text, hearing.language) if _count(each) >= _PHONE_DIGITS]
    if not found and asked:
        found = [each for each in numbers(hearing.text, hearing.language) if _count(each) >= 3]
    if not found:
        return None
    plus = "+" if found[-1].lstrip().startswith("+") else ""
    return Value(plus + re.sub(r"\D", "", found[-1]), hearing.form.number.format(value=found[-1].strip()))


def _count(number: str) -> int:
    return len(re.sub(r"\D", "", number))


def _digits(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    """Digits that are no telephone number, with the letters before them: "Q, four four, oh seven one"."""
    text = hearing.text
    written = (
        re.sub(
            r"\b(?:"
            + "|".join(map(re.escape, sorted(hearing.language.telling.figures, key=len, reverse=True)))
            + r")\b",
            lambda m: (
                hearing.language.telling.figures[m[0].lower()]
                if m[0].lower() not in ("a", "o") or asked
                else m[0]
            ),
            text,
            flags=re.IGNORECASE,
        )
        if asked or _named(slot, text)
        else text
    )
    candidates = []
    for match in _GROUPS.finditer(written):
        value = re.sub(r"[^0-9A-Za-z]", "", match[0]).upper()
        if len(re.sub(r"\D", "", value)) >= (2 if asked else 4):
            candidates.append((match.start(), value))
    if not candidates:
        return None
    if not asked:
        cue = _cue_place(slot, written)
        if cue is None:
            return None
        behind = [value for place, value in candidates if place >= cue and place - cue < 40]
        if not behind:
            return None
        chosen = behind[0]
    else:
        chosen = (
            candidates[-1][1] if len(candidates) == 1 else max((value for _, value in candidates), key=len)
        )
    return Value(chosen, hearing.form.number.format(value=" ".join(chosen)))


def _named(slot: Slot, text: str) -> bool:
    return _cue_place(slot, text) is not None


def _cue_place(slot: Slot, text: str) -> int | None:
    for match in re.finditer(r"[^\W\d_]+", text):
        if stem(match[0]) in slot.cues:
            return match.end()
    return None


# --- names and words -----------------------------------------------------------------------------


def _email(hearing: Hearing) -> Found | None:
    found = [each.value for each in details(hearing.text, hearing.language) if each.kind == "email"]
    if not found:
        return None
    written = found[-1].lower()
    for said, sign in (
        (" dot ", "."),
        (" at ", "@"),
        (" underscore ", "_"),
        (" dash ", "-"),
        (" hyphen ", "-"),
    ):
        written = written.replace(said, sign)
    if "@" not in written:
        return None
    local, _, host = written.partition("@")
    return Value(f"{local.replace(' ', '')}@{host.replace(' ', '')}", found[-1])


def _name(hearing: Hearing, *, asked: bool) -> Found | None:
    text = hearing.text
    spelt = _SPELT.search(text)
    said = text if spelt is None else f"{text[: spelt.start()].rstrip(' ,')}. {text[spelt.end() :]}"
    named = [each.value for each in details(said, hearing.language) if each.kind == "name"]
    name = named[-1] if named else None
    if name is None:
        alone = [sentence.strip() for sentence in re.split(r"[.!?;]\s*|,\s", said)]
        alone = [one for one in alone if _is_name(one, hearing)]
        if asked or len(alone) == 1:
            name = alone[-1] if alone else None
    if name is None and asked:
        rest = bare(said, hearing.form)
        if (
            rest
            and len(rest.split()) <= 5
            and not re.search(r"\d", rest)
            and not hearing.language.asks.search(text)
        ):
            name = rest if rest[:1].isupper() else rest.title()
    if name is None and spelt is not None and asked:
        name = ""
    if name is None:
        return None
    name = name.strip(" ,.")
    if spelt is not None:
        name = _spelt_into(name, re.sub(r"[^\w]|[\d_]", "", spelt[0]).title())
    return Value(name, name) if name else None


def _is_name(sentence: str, hearing: Hearing) -> bool:
    """Capital words alone, that the language does not use for anything else."""
    parts = sentence.split()
    if not 1 < len(parts) <= 3 or hearing.language.telling.nouns_are_capital:
        return False
    if not all(re.fullmatch(r"[A-Z][\w'\u2019-]+", part) for part in parts):
        return False
    return listen(sentence, hearing.code) is None and not any(
        part.lower() in hearing.language.fillers for part in parts
    )


def _spelt_into(name: str, letters: str) -> str:
    """The name with the word that the letters spell; letters alone where no word is like them."""
    parts = name.split()
    likeness = [SequenceMatcher(None, part.lower(), letters.lower()).ratio() for part in parts]
    if not parts or max(likeness) < 0.5:
        return f"{name} {letters}".strip() if not parts else name
    parts[likeness.index(max(likeness))] = letters
    return " ".join(parts)


def _yes(hearing: Hearing) -> Found | None:
    said = hearing.text.lower()
    no, yes = hearing.form.no.search(said), hearing.form.yes.search(said)
    if (no is None) == (yes is None):
        return None
    return Value(yes is not None, bare(hearing.text, hearing.form))


def _own_words(hearing: Hearing, *, asked: bool) -> Found | None:
    """The caller's own words.  Unasked only where they say what it is about."""
    words_ = hearing.text.split()
    if not asked and not (len(words_) >= 6 and hearing.form.about.search(hearing.text)) and len(words_) < 9:
        return None
    text = " ".join(words_)[:500]
    return Value(text, "") if text else None


def _text(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    for kind, named in hearing.language.details:
        if kind == "address" and named.search(slot.name.replace("_", " ")):
            found = [each.value for each in details(hearing.text, hearing.language) if each.kind == "address"]
            if found:
                return Value(found[-1], found[-1])
    if not asked:
        return None
    text = bare(hearing.text, hearing.form)[: int(slot.schema.get("maxLength", 500))]
    return Value(text, text) if text else None
