"""Abbreviations in full, and capitals that stand for loudness.  Pure."""

from __future__ import annotations

import re

from offhook.speech.rules import Rule, full_stop, rule

_TITLES = {
    "Dr": "Doctor", "Mr": "Mister", "Mrs": "Missus", "Ms": "Miz", "Prof": "Professor", "Rev": "Reverend",
    "Capt": "Captain", "Sgt": "Sergeant", "Lt": "Lieutenant", "Gov": "Governor",
    "Sen": "Senator", "Hon": "Honorable", "St": "Saint", "Ste": "Saint", "Mt": "Mount", "Ft": "Fort",
}  # fmt: skip
_WITH_STOP = {
    "e.g": "for example", "i.e": "that is", "etc": "et cetera", "vs": "versus", "approx": "approximately",
    "incl": "including", "excl": "excluding", "max": "maximum", "min": "minimum", "appt": "appointment",
    "appts": "appointments", "dept": "department", "tel": "telephone", "ext": "extension", "avg": "average",
    "misc": "miscellaneous", "ave": "avenue", "blvd": "boulevard", "bldg": "building", "apt": "apartment",
    "ste": "suite", "inc": "Incorporated", "ltd": "Limited", "corp": "Corporation", "co": "Company",
    "jr": "Junior", "sr": "Senior", "mgr": "manager", "govt": "government", "mins": "minutes", "hrs": "hours",
    "hr": "hour", "yrs": "years", "yr": "year", "mos": "months", "wks": "weeks", "lbs": "pounds",
    "est": "estimated", "attn": "attention", "qty": "quantity", "acct": "account", "fl": "floor",
    "pkg": "package", "temp": "temperature", "vol": "volume",
    "doz": "dozen", "ref": "reference", "sq. ft": "square feet", "sq": "square",
}  # fmt: skip
"""Without the last full stop, which has to be there."""
_GO_ON = frozenset(
    ("e.g", "i.e", "vs", "approx", "incl", "excl", "tel", "ext", "avg", "ref", "attn", "est", "vol")
)
"""What something has to follow: their full stop ends no sentence, unless the text is at its end."""
_NAMED = re.compile(r"\s(?:[A-Z]|\w*\d\w*)\b(?!')")
"""What is called by a letter or a number: "Bldg. C"."""
_NO_STOP = {
    "approx": "approximately", "incl": "including", "excl": "excluding", "appt": "appointment",
    "appts": "appointments", "dept": "department", "vs": "versus", "etc": "et cetera", "hrs": "hours",
    "yrs": "years", "mins": "minutes", "wks": "weeks", "lbs": "pounds", "qty": "quantity", "acct": "account",
    "avg": "average", "bldg": "building", "eg": "for example", "ie": "that is",
    "Blvd": "Boulevard", "Apt": "Apartment", "sq ft": "square feet", "ea": "each", "tel": "telephone",
    "Tel": "Telephone", "w/c": "week commencing", "doz": "dozen",
}  # fmt: skip
"""What is no other word, so that it is known without its full stop."""
_SLASHED = {
    "w/o": "without", "w/": "with", "b/c": "because", "c/o": "care of", "n/a": "not applicable",
    "and/or": "and or", "a/c": "A C", "w/in": "within",
}  # fmt: skip

_LOUD_TEXT = """
a about after again all also always an and any are be been before both but by call can cannot cash close
closed come could daily day days did do does done due each early else enter even ever every extra few
first for free from full get give go great had half has have here hours how if into is its just keep know
last late least less like long look made make many maybe more most much must need never new next no none
not nothing now of off often okay on once one only open or other our out over paid part pay place plus
press ready right same save see send should sorry soon still stop such sure take than thank thanks that
the them then there these they thing this those time to today too twice two until up upon use valid very
visit wait want was we week well were what when where which while whole why will with would yes yet you
your
"""
_LOUD = frozenset(_LOUD_TEXT.split()) - {"a", "us", "it"}
_LONG = 6
"""Capital words from this many letters on are no acronyms that are spelt."""
_COUNTED = re.compile(r"\s[$£€]?[\da-z]")
_VOWEL = re.compile("[AEIOUY]")


_EACH = {"wk": "week", "mo": "month", "yr": "year"}


def _any(words: dict[str, str]) -> str:
    return "|".join(sorted((re.escape(word) for word in words), key=len, reverse=True))


def _title(match: re.Match[str]) -> str:
    return _TITLES[match["title"]]


def _with_stop(match: re.Match[str]) -> str:
    short = match["short"]
    if short in ("Max", "Min") and not _COUNTED.match(match.string, match.end()):
        return match.group()  # somebody's name
    words = _WITH_STOP.get(short) or _WITH_STOP[short.lower()]
    if short[0].isupper():
        words = words[0].upper() + words[1:]
    goes_on = short.lower() in _GO_ON and match.string[match.end() :].strip()
    return words if goes_on or _NAMED.match(match.string, match.end()) else words + full_stop(match)


def _slashed(match: re.Match[str]) -> str:
    words = _SLASHED[match["short"].lower()]
    return f"{words} " if match["short"].endswith("/") else words


def _quieter(match: re.Match[str]) -> str:
    """ "do NOT": loud in writing, but a voice may spell it."""
    word = match.group()
    letters = word.replace("'", "")
    loud = letters.lower() in _LOUD or "'" in word or (len(letters) >= _LONG and _VOWEL.search(letters))
    return word.lower() if loud else word


ABBREVIATIONS: tuple[Rule, ...] = (
    rule(
        rf"\b(?P<title>{_any(_TITLES)})\b\.?(?=\s[A-Z])(?<!\d\s(?:St|Ft|Mt)\.)(?<!\d\s(?:St|Ft|Mt))", _title
    ),
    rule(r"\b(Ste|Apt)\b\.?(?=\s#?\w?\d)", lambda match: {"Ste": "Suite", "Apt": "Apartment"}[match[1]]),
    rule(
        r"\b(Rm|Rte|Hwy)\b\.?(?=\s\d)",
        lambda match: {"Rm": "Room", "Rte": "Route", "Hwy": "Highway"}[match[1]],
    ),
    rule(r"\bpp?\.\s?(?=\d)", lambda match: "pages " if match.group().startswith("pp") else "page "),
    rule(r"\b([Ee])st\.(?=\s\d{4}\b)", r"\1stablished"),
    rule(r"\b([Nn])o(s?)\.\s?(?=\d)", lambda match: f"{'N' if match[1] == 'N' else 'n'}umber{match[2]} "),
    rule(r"\bca?\.\s?(?=[1-9]\d)", "about "),
    rule(r"(?<!\w)\+/-\s?", "plus or minus "),
    rule(
        r"\b(days?|nights?|hours?|weeks?|times?|sessions?|class(?:es)?) ?/ ?"
        r"(wk|week|mo|month|yr|year|day)\b\.?",
        lambda match: f"{match[1]} a {_EACH.get(match[2], match[2])}",
    ),
    rule(r"(?<=[A-Za-z] )no\.(?=\s(?:is|for)\b)", "number"),
    rule(r"\b(?P<title>Mrs|Mr|Ms)\b\.?", _title),
    rule(rf"(?<![\w.@/-])(?<!\d\s)(?P<short>{_any(_WITH_STOP)})\.(?!\w)", _with_stop, re.IGNORECASE),
    rule(
        rf"(?<![\w.@/'-])(?<!\d\s)(?P<short>{_any(_NO_STOP)})(?![\w'-]|\.\w)",
        lambda match: _NO_STOP[match["short"]],
    ),
    rule(r"\b(max|min)(?=\s\$?\d)", lambda match: {"max": "maximum", "min": "minimum"}[match[1]]),
    rule(r"\bext(?=\s\d)", "extension"),
    rule(
        rf"(?<![\w/])(?P<short>{_any(_SLASHED)})(?![\w/])|(?<![\w/])(?P<with>(?-i:w/))(?=\w)",
        lambda match: "with " if match["with"] else _slashed(match),
        re.IGNORECASE,
    ),
)

CAPITALS: tuple[Rule, ...] = (
    rule(r"\bI AM\b", "I am"),
    rule(r"(?<![\w'&.-])[A-Z]{2,}(?:'[A-Z]{1,2})?(?![\w'&-]|\.\w)", _quieter),
)
