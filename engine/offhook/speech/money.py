"""Prices and amounts of money.  Pure."""

from __future__ import annotations

import re

from offhook.speech.numbers import AMOUNT, NUMBER, amount, cardinal, number
from offhook.speech.rules import Rule, rule
from offhook.speech.units import PER, is_adjective, per

_DOLLAR = ("dollar", "dollars", "cent", "cents")
_POUND = ("pound", "pounds", "penny", "pence")
_EURO = ("euro", "euros", "cent", "cents")
_CURRENCIES = {
    "$": _DOLLAR, "US$": _DOLLAR, "USD": _DOLLAR, "dollars": _DOLLAR, "dollar": _DOLLAR, "bucks": _DOLLAR,
    "£": _POUND, "GBP": _POUND, "€": _EURO, "EUR": _EURO, "euros": _EURO, "euro": _EURO,
    "¥": ("yen", "yen", "sen", "sen"), "JPY": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"), "INR": ("rupee", "rupees", "paisa", "paise"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CA$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AU$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
}  # fmt: skip
_SYMBOL = r"(?:US\$|CA\$|AU\$|C\$|A\$|[$£€¥₹])"
_CODE = "USD|GBP|EUR|JPY|INR|CHF|CAD|AUD"
_SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
_SCALE = r"(?:(?P<short>k|K|m|M|bn|B)\b|[\s-](?P<scale>thousand|million|billion|trillion)\b)?"
_COMMA = r"(?:\d{1,3}(?:\.\d{3})+|\d+),\d\d(?![\d,])"
_SUM = rf"(?:{_COMMA}|{AMOUNT})"
"""An amount, or one with a decimal comma: "1.250,50"."""
_END = r"(?![\d]|[.,]\d)"


def _said(written: str, currency: str, *, singular: bool = False) -> str:
    """One sum: "forty-nine dollars and ninety-five cents"."""
    one, many, small_one, small_many = _CURRENCIES[currency]
    if re.fullmatch(_COMMA, written):
        written = written.replace(".", "").replace(",", ".")
    whole, _, cents = written.partition(".")
    if len(cents) != 2 or not whole.replace(",", "").isdigit():
        if whole == "" and len(cents) == 2:
            whole = "0"
        else:
            return f"{amount(written)} {one if singular or written == '1' else many}"
    words = []
    if whole != "0" or cents == "00":
        words.append(f"{number(whole)} {one if singular or whole == '1' else many}")
    if cents != "00":
        words.append(f"{cardinal(int(cents))} {small_one if singular or cents == '01' else small_many}")
    return " and ".join(words)


def _price(match: re.Match[str]) -> str:
    """A price or a range of prices, with what it is for."""
    given = match.groupdict()
    currency = given.get("symbol") or match["after"]
    minus = "minus " if given.get("minus") else ""
    first, last = match["first"], given.get("last")
    scale = _SCALES.get((given.get("short") or "").lower(), given.get("scale")) or ""
    singular = is_adjective(match)
    if scale:
        many = _CURRENCIES[currency][0 if singular else 1]
        both = " to ".join(amount(part) for part in (first, last) if part)
        words = f"{both} {scale} {many}"
    elif last and "." not in first:
        words = f"{amount(first)} to {_said(last, currency)}"
    elif last:
        words = f"{_said(first, currency)} to {_said(last, currency)}"
    else:
        words = _said(first, currency, singular=singular)
    return f"{minus}{words}{per(given.get('per'))}"


def _pence(match: re.Match[str]) -> str:
    one, many = ("penny", "pence") if match["sign"] == "p" else ("cent", "cents")
    return f"{number(match['first'])} {one if match['first'] == '1' else many}"


MONEY: tuple[Rule, ...] = (
    rule(r"(?<=\d)\s?pp\b", "/pp"),
    rule(
        rf"(?<![\w.,])(?P<minus>-\s?)?(?P<symbol>{_SYMBOL}|(?:{_CODE})(?=\s?\d))\s?(?P<first>{_SUM})"
        rf"(?:(?:-|\s?-\s?(?={_SYMBOL})){_SYMBOL}?(?P<last>{_SUM}))?{_SCALE}{_END}{PER}",
        _price,
    ),
    rule(
        rf"(?<![\w.,])(?P<minus>-)?(?P<first>{_SUM})(?:\s?-\s?(?P<last>{_SUM}))?(?:\s(?P<scale>thousand|million|billion))?"
        rf"\s?(?P<after>{_CODE}|[€£$])(?!\w|\s?\d){PER}",
        _price,
    ),
    # A price beside its word: "3.25 dollars".
    rule(rf"(?<![\w.,-])(?P<first>\d[\d,]*\.\d\d) (?P<after>dollars?|euros?|bucks)\b{PER}", _price),
    rule(rf"(?<![\w.,:/-])(?P<first>\d{{1,3}}|{NUMBER}(?=¢))\s?(?P<sign>p|¢)(?!\w|\.\w)", _pence),
)
