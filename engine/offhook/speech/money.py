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
    **dict.fromkeys(("Rs", "Rs."), ("rupee", "rupees", "paisa", "paise")),
    **dict.fromkeys(("R", "ZAR"), ("rand", "rand", "cent", "cents")),
    **dict.fromkeys(("KSh", "Ksh", "KES"), ("shilling", "shillings", "cent", "cents")),
    **dict.fromkeys(("₦", "NGN"), ("naira", "naira", "kobo", "kobo")),
    **dict.fromkeys(("₱", "PHP"), ("peso", "pesos", "centavo", "centavos")),
    **dict.fromkeys(("GH₵", "GHS"), ("cedi", "cedis", "pesewa", "pesewas")),
    **{
        sign: (f"{whose} dollar", f"{whose} dollars", "cent", "cents")
        for whose, signs in (
            ("Canadian", "C$ CA$ CAD"), ("Australian", "A$ AU$ AUD"), ("New Zealand", "NZ$ NZD"),
            ("Hong Kong", "HK$ HKD"), ("Singapore", "S$ SG$ SGD"),
        )
        for sign in signs.split()
    },
}  # fmt: skip
_WORDS = ("dollars", "dollar", "bucks", "euros", "euro", "R")
"""Currencies that need more around them than an amount to be told."""
_SYMBOL = "(?:{})".format(
    "|".join(
        re.escape(sign)
        for sign in sorted(_CURRENCIES, key=len, reverse=True)
        if sign not in _WORDS and not re.fullmatch("[A-Z]{3}", sign)
    )
)
_CODE = "|".join(sign for sign in _CURRENCIES if re.fullmatch("[A-Z]{3}", sign))
_RAND = r"R(?=\s?(?:\d{1,3}(?:,\d{3})+(?:\.\d\d)?|\d+(?:\.\d\d|(?=\s?/|\s(?:per|each|an?)\b)))(?!\w))"
"""The rand's letter is one of roads and classes, too: here with cents, thousands, or what it is for."""
RAND: Rule = rule(
    r"(?<!\bthe )(?<!\bon )(?<!\btake )(?<!\bvia )\bR\s?(?=\d[\d ,.]*(?:[kKmM]\b|(?!\w)))", "ZAR "
)
"""Where prices are in rand."""
_SCALES = {"k": "thousand", "m": "million", "bn": "billion", "b": "billion"}
_SCALE = r"(?:(?P<short>k|K|m|M|bn|B)\b|[\s-](?P<scale>thousand|million|billion|trillion)\b)?"
_RENT = {"pcm": "calendar month", "pw": "week", "pn": "night", "pa": "year"}
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
    # Rupees are divided by hundreds ("1,50,000"), rand by spaces.
    rule(
        r"(?<![\d,.])\d{1,2}(?:,\d\d)+,\d{3}(?![\d,])",
        lambda match: f"{int(match.group().replace(',', '')):,}",
    ),
    rule(
        r"(?:[$£€¥₹]|\b(?:R|ZAR) ?)\d{1,3}(?: \d{3})+(?!\d)",
        lambda match: re.sub(r"(?<=\d) ", ",", match.group()),
    ),
    rule(rf"\b(\d{{1,2}})/(?={_SYMBOL}\d)", r"\1 for "),
    rule(r"(?<=\d)\s?(?:pppn|p\.p\.p\.n\.)(?!\w)", " per person per night"),
    rule(r"(?<=\d)\s?(?:pp\b|p\.p\.(?!\w))", "/pp"),
    rule(r"(?<=[$£€]\d)([\d,.]*)\s?(pcm|pw|pn|pa)\b", lambda match: f"{match[1]} per {_RENT[match[2]]}"),
    rule(
        rf"(?<![\w.,])(?P<minus>-\s?)?(?P<symbol>{_SYMBOL}|(?:{_CODE})(?=\s?\d)|{_RAND})\s?(?P<first>{_SUM})"
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
