"""Which of several values a caller means: by their words, by their place, by their meaning.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from offhook.conversation.forms.slots import Found, Hearing, Slot, Value, bare, corrected, stem
from offhook.tools.base import Option

LIKE = 0.55
"""So like a name has to be, by meaning, that means what the caller says, with nothing else nearly as like."""
APART = 0.08


def choice(slot: Slot, hearing: Hearing, *, asked: bool) -> Found | None:
    text = corrected(hearing.text, hearing.form)
    small = hearing.form.small
    found = _by_words(slot, text, small)
    if found is None and text != hearing.text:
        found = _by_words(slot, hearing.text, small)
    if found is not None:
        return Value(found.value, found.said)
    if not asked:
        return None
    place = placed(slot, hearing)
    if place is not None:
        return place
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


def placed(slot: Slot, hearing: Hearing) -> Value | None:
    """ "The first one"."""
    place = _by_place(slot, hearing)
    return None if place is None else Value(place.value, place.said)


def _by_words(slot: Slot, text: str, small: frozenset[str]) -> Option | None:
    """The option that is named: all of its words but ``small`` ones, or those that no other option has."""
    heard = {stem(word) for word in re.findall(r"[^\W_]+", text.lower())}
    found: list[tuple[int, int, Option]] = []
    stems = {}
    for option in slot.options:
        names = (option.said, str(option.value), *((slot.also or {}).get(option.said, ())))
        stems[option.said] = [
            {stem(word) for word in re.findall(r"[^\W_]+", name.lower())} - small for name in names
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


def _by_place(slot: Slot, hearing: Hearing) -> Option | None:
    """ "The first one"."""
    said = hearing.text.lower()
    for number, pattern in enumerate(hearing.form.ordinals):
        if re.search(rf"\b{pattern}\b", said):
            at = len(slot.options) - 1 if number == len(hearing.form.ordinals) - 1 else number
            return slot.options[at] if at < len(slot.options) else None
    return None


def led_to(slots: Iterable[Slot], asked: str, hearing: Hearing) -> tuple[str, Value] | None:
    """ "With Doctor Chen" is no name of the caller's: a word leads to another value than was asked for."""
    for slot in slots:
        lead = slot.schema.get("x-lead")
        if lead and slot.name != asked and re.match(rf"\W*(?:{lead})\b", hearing.text, re.IGNORECASE):
            found = choice(slot, hearing, asked=False)
            if isinstance(found, Value):
                return slot.name, found
    return None
