"""Takes out of a text what leads to a person: telephone numbers, e-mail addresses, cards, accounts, codes.

Too much is taken rather than too little: "ten, twenty, thirty" may be three prices and is taken for a
dictated number.  Names and streets stay; no list of ours would find a stranger's.  English, German, Spanish
and French are known by their words; of other languages figures, and words as far as num2words has them.
"""

from __future__ import annotations

from phonenumbers import Leniency, PhoneNumberMatcher

from offhook.languages.codes import base_language
from offhook.languages.turns import turn_language
from offhook.privacy.addresses import emails
from offhook.privacy.identifiers import ibans, is_card
from offhook.privacy.spoken import Run, runs

NUMBER_DIGITS = 7
"""From so many digits on a run is somebody's number: E.164 knows shorter ones only within a town."""
CODE_DIGITS = 4
"""The same where the digits were said one by one, or where their name was ("my PIN is")."""
GROUPS, GROUPED_DIGITS = 3, 6
"""The same where they were said in so many groups: "twenty two, thirty four, fifty six"."""
_NAMED_WITHIN = 60
"""Characters before a run in which its name may stand."""
_REGIONS = {"en": "US", "de": "DE", "es": "ES", "fr": "FR", "it": "IT", "nl": "NL", "pt": "PT", "pl": "PL"}
"""Whose national numbers are meant when only a language is known."""
_MAX_CHARACTERS = 8_000
"""A turn of a minute has about a thousand; what is behind this is left out."""


def redact(text: str, language: str = "en", region: str | None = None) -> str:
    """``text`` with ``[phone]``, ``[e-mail]``, ``[card]``, ``[iban]`` or ``[number]`` for what was found.

    ``language`` as agents have it ("en", "de-AT"); ``region`` is the country whose national telephone numbers
    are meant ("GB"); None: the language's.  Takes some hundred microseconds a sentence: off the event loop.
    """
    text = text[:_MAX_CHARACTERS]
    found: list[tuple[int, int, str]] = [(start, stop, "e-mail") for start, stop in emails(text, language)]
    found += [(start, stop, "iban") for start, stop in ibans(text)]
    said = [run for run in runs(text, language) if _is_number(run, text, language)]
    found += [(run.start, run.stop, "card") for run in said if is_card(run.digits)]
    matches = PhoneNumberMatcher(text, region or _region(language), Leniency.POSSIBLE, max_tries=1_000)
    found += [(each.start, each.end, "phone") for each in matches if _is_long(each.raw_string)]
    found += [(run.start, run.stop, "number") for run in said]
    return _replaced(text, found)


def _is_number(run: Run, text: str, language: str) -> bool:
    count = len(run.digits)
    if len(run.units) == 1 and run.units[0].quantity:
        return False  # "two hundred thousand"
    if count >= NUMBER_DIGITS:
        return not _is_quantity(run)
    if run.misheard:
        return False  # "nine to five and eight to four"
    if count >= CODE_DIGITS and run.single:
        return True
    if count >= GROUPED_DIGITS and len(run.units) >= GROUPS:
        return True
    before = text[max(0, run.start - _NAMED_WITHIN) : run.start].lower()
    return count >= CODE_DIGITS and turn_language(language).numbers.named.search(before) is not None


def _is_long(written: str) -> bool:
    """The numbering plans of some countries know numbers of two digits: prices, to everybody else."""
    return written.startswith("+") or sum(sign.isdigit() for sign in written) >= NUMBER_DIGITS


def _is_quantity(run: Run) -> bool:
    """ "Two thousand three hundred and five": one number, and none that was dictated."""
    first, *rest = run.units
    return first.quantity and not first.written and len(rest) == 1 and not rest[0].quantity


def _region(language: str) -> str | None:
    _, _, country = language.replace("_", "-").partition("-")
    return country.upper() if len(country) == 2 else _REGIONS.get(base_language(language))


def _replaced(text: str, found: list[tuple[int, int, str]]) -> str:
    """Overlapping findings are one, called as the one that comes first in ``found``."""
    merged: list[list[int]] = []  # start, stop, place in found
    for place, (start, stop, _) in sorted(enumerate(found), key=lambda pair: pair[1][:2]):
        if merged and start < merged[-1][1]:
            merged[-1] = [merged[-1][0], max(stop, merged[-1][1]), min(place, merged[-1][2])]
        else:
            merged.append([start, stop, place])
    for start, stop, place in reversed(merged):
        text = f"{text[:start]}[{found[place][2]}]{text[stop:]}"
    return text
