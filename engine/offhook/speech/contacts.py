"""Telephone numbers, codes, e-mail and web addresses, to be written down by who hears them.  Pure."""

from __future__ import annotations

import re

from offhook.speech.numbers import DIGIT_WORDS, digits, grouped, house
from offhook.speech.rules import Rule, rule

_SIGNS = {
    ".": "dot",
    "@": "at",
    "/": "slash",
    "-": "dash",
    "_": "underscore",
    ":": "colon",
    "+": "plus",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    "%": "percent",
    "~": "tilde",
}
_ADDRESS_PARTS = re.compile(r"\d|[^\W\d_]+|[^\w\s]|_")
TOP = (
    "com|org|net|edu|gov|info|biz|app|dev|shop|store|online|example|test"
    "|io|co|uk|us|ca|au|nz|ie|de|at|ch|fr|es|eu"
)

_CUES_TEXT = (
    "code pin passcode password zip postcode id reference ref extension number account acct order"
    " invoice ticket policy confirmation claim tracking serial case booking member membership customer"
    " card part model"
)
_THING = "|".join(_CUES_TEXT.split())
_SURE_CUE = (
    rf"(?:code|pin|passcode|password|zip|postcode|id|reference|ref|(?:{_THING}) (?:number|no|code|id|#))"
)
_ROOMS = (
    "room|suite|apartment|flat|unit|gate|flight|bus|route|highway|interstate|exit|channel|bay|locker|box|track"
    "|platform|building|seat"
)
_DIAL = (
    r"(?:call|dial|phone|telephone|tel|text|fax|ring|reach|number)"
    r"(?: us| me| him| her| them| is)?(?: at| on)?"
)
_NOT_INSIDE = r"(?<![\w$£€])(?<!\d[-.,:/])"
_EXTENSION = r"(?:,?\s*(?:x|ext\.?|extension)\s*(?P<extension>\d{1,6}))?(?![\w-]|[.,:/]\d)"


def _written_out(match: re.Match[str]) -> str:
    """An address, sign by sign; the punctuation of the sentence around it stays."""
    address = match.group()
    bare = address.rstrip(".,;:!?/'-&")
    words = [
        _SIGNS.get(part, part if part.isalpha() else DIGIT_WORDS[int(part)] if part.isdigit() else "")
        for part in _ADDRESS_PARTS.findall(re.sub(r"^\w+://", "", bare))
    ]
    return " ".join(filter(None, words)) + address[len(bare) :].replace("/", "")


def _telephone(match: re.Match[str]) -> str:
    """Digit by digit, a pause where the number is divided, "oh" for zero."""
    written = match["number"]
    groups = re.findall(r"\d+|[A-Z]{3,}", written.replace("(0)", " "))
    if len(groups) <= 2 and len(groups[-1]) >= 7:
        groups[-1:] = _divided(groups[-1], abroad=written.startswith("+") and len(groups) == 1)
    said = [_telephone_group(group, first=at < 2) for at, group in enumerate(groups)]
    plus = "plus " if written.startswith("+") else ""
    return f"{plus}{', '.join(said)}{_extension(match)}"


def _extension(match: re.Match[str]) -> str:
    written = match.groupdict().get("extension")
    return f", extension {digits(written, 'oh')}" if written else ""


def _telephone_group(group: str, *, first: bool) -> str:
    if group.isalpha():
        return group
    if group == "800" and first:
        return "eight hundred"
    return digits(group, "oh")


def _divided(run: str, *, abroad: bool) -> list[str]:
    """A telephone number in one run, divided as people of its country do."""
    if len(run) == 11 and run[0] == "1":
        return [run[0], run[1:4], run[4:7], run[7:]]
    if len(run) == 11 and run[0] == "0":
        return [run[:5], run[5:8], run[8:]]
    if len(run) == 10 and not abroad:
        return [run[:3], run[3:6], run[6:]]
    if len(run) == 7:
        return [run[:3], run[3:]]
    front = [run[:2]] if abroad else []
    rest = run[2:] if abroad else run
    groups = [rest[at : at + 3] for at in range(0, len(rest), 3)]
    if len(groups) > 1 and len(groups[-1]) == 1:
        groups[-2:] = [groups[-2] + groups[-1]]
    return front + groups


def _short_telephone(match: re.Match[str]) -> str:
    """ "555-0171", but not "500-1000 leaflets"."""
    low, high = int(match["low"]), int(match["high"])
    if match["noun"] and low < high and high % 50 == 0:
        return match.group()
    return f"{digits(match['low'], 'oh')}, {digits(match['high'], 'oh')}{_extension(match)}"


def _extension_of(match: re.Match[str]) -> str:
    return f"{match['cue']}{digits(match['run'], 'oh')}"


def _coded(match: re.Match[str]) -> str:
    return f"{match['cue']}{grouped(match['run'])}"


def _housed(match: re.Match[str]) -> str:
    return f"{match['cue']}{house(match['run'])}"


def _divided_code(match: re.Match[str]) -> str:
    groups = re.split("[- ]", match.group())
    if len(match.group()) < 10 and " " in match.group():
        return match.group()
    return (" " if all(len(group) == 1 for group in groups) else ", ").join(digits(group) for group in groups)


def _long_run(match: re.Match[str]) -> str:
    """A run of five digits or more: a quantity when it is round or counts something, else a code."""
    run = match["run"]
    round_or_counted = len(run) <= 6 and (run.endswith("00") or match["counted"])
    if run[0] != "0" and (round_or_counted or (len(run) <= 9 and run.endswith("000"))):
        return match.group()
    if len(run) == 10 or (len(run) == 11 and run[0] in "01"):
        return ", ".join(digits(group, "oh") for group in _divided(run, abroad=False))
    return grouped(run)


ADDRESSES: tuple[Rule, ...] = (
    rule(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", _written_out),
    rule(r"\b(?:https?://|www\.)[^\s<>\"',;]+", _written_out, re.IGNORECASE),
    rule(
        rf"(?<![\w.@-])(?:[a-z0-9-]+\.)+(?:{TOP})\b(?!\.\w)(?:/[^\s<>\"',;]*)?", _written_out, re.IGNORECASE
    ),
)
"""Before everything else: their signs mean nothing else yet."""

NUMBERS: tuple[Rule, ...] = (
    rule(rf"(?<![\w+])(?P<number>\+\d[\d\s().-]{{5,18}}\d){_EXTENSION}", _telephone),
    rule(
        rf"{_NOT_INSIDE}(?P<number>(?:1[-. ])?(?:\(\d{{3}}\)\s?|\d{{3}}[-. ])\d{{3}}[-. ]\d{{4}})"
        rf"{_EXTENSION}",
        _telephone,
    ),
    rule(rf"{_NOT_INSIDE}(?P<number>1[-. ]8\d\d[-. ][A-Z]{{4,9}})\b", _telephone),
    rule(rf"{_NOT_INSIDE}(?P<number>\(?0\d{{1,5}}\)?(?:[ -]\d{{2,8}}){{1,4}}){_EXTENSION}", _telephone),
    rule(
        rf"{_NOT_INSIDE}(?P<low>[2-9]\d\d)-(?P<high>\d{{4}})(?=(?P<noun>\s[a-z]{{3,}})?){_EXTENSION}",
        _short_telephone,
    ),
    rule(
        rf"\b(?P<cue>(?:{_DIAL}):? )(?P<number>\d{{3,5}} \d{{3,6}}(?: \d{{3,5}})?){_EXTENSION}",
        lambda match: match["cue"] + _telephone(match),
        re.IGNORECASE,
    ),
    rule(
        r"\b(?P<cue>(?:extension|ext\.?)(?: number| no)?(?: is|:)? )(?P<run>\d{2,6})\b(?!,\d)",
        _extension_of,
        re.IGNORECASE,
    ),
    rule(
        rf"\b(?P<cue>{_SURE_CUE}(?: is|:)? ?(?:number )?)(?P<run>\d{{3,}})\b(?![,.:/-]\d)",
        _coded,
        re.IGNORECASE,
    ),
    rule(rf"\b(?P<cue>(?:{_THING}) (?:is |number )?)(?P<run>\d{{5,}})\b(?![,.:/-]\d)", _coded, re.IGNORECASE),
    rule(r"\b(?P<cue>number (?:is )?)(?P<run>\d{4,})\b(?![,.:/-]\d)", _coded, re.IGNORECASE),
    rule(rf"\b(?P<cue>(?:{_ROOMS}) )(?P<run>\d{{3,4}})(?![\w%]|[,.:/]\d)", _housed, re.IGNORECASE),
    # ZIP codes after their state.
    rule(
        r"\b(?P<cue>[A-Z]{2} )(?P<run>\d{5})(?:-(?P<plus>\d{4}))?\b(?![,.:/]\d)",
        lambda match: _coded(match) + (f", {digits(match['plus'])}" if match["plus"] else ""),
    ),
    rule(r"\b(?P<cue>(?:call|dial|ring) )(?P<run>[2-9]11|112|988|999)\b", _coded, re.IGNORECASE),
    rule(rf"{_NOT_INSIDE}\d{{1,9}}(?:-\d{{1,9}}){{2,5}}(?![\w-]|[.,:/]\d)", _divided_code),
    rule(rf"{_NOT_INSIDE}\d{{2,5}}(?: \d{{2,5}}){{2,5}}(?![\w-]|[.,:/]\d)", _divided_code),
    rule(rf"{_NOT_INSIDE}\d{{5}}-\d{{4}}(?![\w-]|[.,:/]\d)", _divided_code),
    rule(r"(?<=[A-Z])-(?P<run>\d{4,})(?!\w)", lambda match: f" {grouped(match['run'])}"),
    rule(
        rf"{_NOT_INSIDE}(?P<run>\d{{5,}})(?!\w|[.,:/-]\d)(?=(?P<counted> [a-z]{{2,}}s\b(?<!has)(?<!was))?)",
        _long_run,
    ),
)
"""After dates and prices, before all other numbers."""
