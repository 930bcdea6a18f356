"""A value out of a caller's words, of whatever kind.  Pure.

A value is read where it was asked for, or where the words leave no doubt about its kind.  What is left open
is asked (:class:`.Open`), never guessed; what was said first and corrected in the same breath does not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from offhook.conversation.forms import choices, figures, names, whens
from offhook.conversation.forms.keyed import keyed
from offhook.conversation.forms.slots import Found, Hearing, Slot, Value
from offhook.moments.wish import Wish


def read(
    slot: Slot, hearing: Hearing, *, asked: bool, known: Mapping[str, Any], wish: Wish | None = None
) -> Found | None:
    """The value of ``slot`` in what was said; None: there is none.

    ``asked``: it was asked for.  ``known`` are the values so far.  ``wish``: what was open about it.
    """
    match slot.kind:
        case "date":
            return _or_placed(slot, hearing, asked, whens.day(slot, hearing, asked=asked, wish=wish))
        case "time":
            found = whens.clock(slot, hearing, asked=asked, known=known, wish=wish)
            return _or_placed(slot, hearing, asked, found)
        case "date-time":
            return whens.moment(hearing, asked=asked, wish=wish)
        case "choice":
            return choices.choice(slot, hearing, asked=asked)
        case "number":
            return figures.number(slot, hearing, asked=asked)
        case "phone":
            return figures.phone(hearing, asked=asked)
        case "digits":
            return figures.digits(slot, hearing, asked=asked)
        case "keys":
            return keyed(slot, hearing, asked=asked)
        case "email":
            return names.email(hearing, asked=asked)
        case "name":
            return names.name(hearing, asked=asked)
        case "yes":
            return names.yes_or_no(hearing) if asked else None
        case "words":
            return names.own_words(hearing, asked=asked)
        case _:
            return names.text(slot, hearing, asked=asked)


def _or_placed(slot: Slot, hearing: Hearing, asked: bool, found: Found | None) -> Found | None:
    """ "The first one", of days or times that were offered; "the first" may also be a day of the month."""
    offered = [one.value for one in slot.options]
    if not asked or not offered or (isinstance(found, Value) and found.value in offered):
        return found
    return choices.placed(slot, hearing) or found
