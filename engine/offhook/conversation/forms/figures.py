"""Numbers in callers' words: counts, telephone numbers, and what is read digit by digit.  Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from offhook.conversation.details import numbers
from offhook.conversation.forms.slots import Found, Hearing, Slot, Value, corrected, stem
from offhook.languages import Language
from offhook.tools.schema import kind_of

_PHONE_DIGITS = 6
"""A number with fewer is none of a telephone."""
_GROUPS = re.compile(r"(?:(?<![\w'\u2019])[A-Za-z](?![^\W\d_'])[ ,.-]*){0,3}\d[\d ,.-]*")


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


def number(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
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
    least, most = schema.get("minimum", value), schema.get("maximum", value)
    return bool(least <= value <= most)


def phone(hearing: Hearing, *, asked: bool) -> Found | None:
    found = [each for each in numbers(hearing.text, hearing.language) if _count(each) >= _PHONE_DIGITS]
    if not found and asked:
        found = [each for each in numbers(hearing.text, hearing.language) if _count(each) >= 3]
    if not found:
        return None
    plus = "+" if found[-1].lstrip().startswith("+") else ""
    return Value(plus + re.sub(r"\D", "", found[-1]), hearing.form.number.format(value=found[-1].strip()))


def _count(number: str) -> int:
    return len(re.sub(r"\D", "", number))


def digits(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    """Digits that are no telephone number, with the letters before them: "Q, four four, oh seven one"."""
    written = hearing.text
    if asked or _cue_place(slot, written) is not None:
        written = _in_figures(written, hearing.language)
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
        chosen = max((value for _, value in candidates), key=len)
    return Value(chosen, hearing.form.number.format(value=" ".join(chosen)))


def _in_figures(text: str, language: Language) -> str:
    """Words for digits as digits: "four four, oh seven" is "4 4, 0 7"."""
    figures = language.telling.figures
    names = "|".join(map(re.escape, sorted(figures, key=len, reverse=True)))
    return re.sub(rf"\b(?:{names})\b", lambda found: figures[found[0].lower()], text, flags=re.IGNORECASE)


def _cue_place(slot: Slot, text: str) -> int | None:
    for match in re.finditer(r"[^\W\d_]+", text):
        if stem(match[0]) in slot.cues:
            return match.end()
    return None
