"""Measures: amounts with a unit, temperatures, percentages, dimensions.  Pure."""

from __future__ import annotations

import re

from offhook.speech.numbers import AMOUNT, BEGIN, NUMBER, amount, is_one
from offhook.speech.rules import Rule, full_stop, rule

_PLURALS = {"foot": "feet", "inch": "inches", "horsepower": "horsepower"}
_UNITS_TEXT = """
g gram|kg kilogram|mg milligram|lb pound|lbs pound|oz ounce|pt pint|pts pint|doz dozen
|ml milliliter|mL milliliter|l liter|L liter
|cl centiliter|gal gallon|qt quart|fl oz fluid ounce|tbsp tablespoon|tsp teaspoon|mm millimeter
|cm centimeter|m meter|km kilometer|in inch|ft foot|yd yard|yds yard|mi mile|sq ft square foot
|sq. ft square foot|sqft square foot|sq in square inch|sq yd square yard|sq mi square mile
|sq m square meter|sqm square meter|sq km square kilometer|sq cm square centimeter|cu ft cubic foot
|cu m cubic meter|cu cm cubic centimeter|cc cubic centimeter|mph mile per hour|km/h kilometer per hour
|kph kilometer per hour|mpg mile per gallon|m/s meter per second|ms millisecond|sec second|secs second
|min minute|mins minute|h hour|hr hour|hrs hour|wk week|wks week|mo month|mos month|yr year|yrs year
|KB kilobyte|kB kilobyte|MB megabyte|GB gigabyte|TB terabyte|Mbps megabit per second
|Gbps gigabit per second|Mbit/s megabit per second|W watt|kW kilowatt|kWh kilowatt hour|V volt
|mA milliamp|Ah amp hour|mAh milliamp hour|Hz hertz|kHz kilohertz|MHz megahertz|GHz gigahertz
|hp horsepower|kcal kilocalorie|cal calorie|psi pound per square inch|dB decibel|pcs piece|pc piece
|pax person|ppl person
"""
_UNITS = {}
for _entry in _UNITS_TEXT.replace("\n", "").split("|"):
    _short = re.match(r"(?:(?:sq\.?|cu|fl) )?\S+", _entry)
    assert _short is not None
    _UNITS[_short.group()] = _entry[_short.end() + 1 :]
_UNIT = "|".join(sorted((re.escape(unit) for unit in _UNITS), key=len, reverse=True))
_LENGTH = r"(?:mm|cm|m|km|in|ft|yd|mi|feet|foot|inch|inches|meters|yards)"
_PERS = {"mo": "month", "ea": "piece", "pp": "person", "pers": "person", "d": "day"}
PER = r"(?:\s?/\s?(?P<per>sq\.? ?ft|(?!or\b|and\b)[A-Za-z]+)(?:\.(?=\s[a-z]))?)?"
"""What an amount is for: "/day", "/kg"."""
_ARTICLE = re.compile(r"\b(?:an?|A|An)\s$")
_NO_NOUN = (
    r"(?:a|an|per|each|for|to|and|or|in|on|at|is|are|was|if|but|when|with|from|by|off|of|plus|extra"
    r"|more|less)\b"
)
_NOUN = re.compile(rf"\s(?!{_NO_NOUN})[A-Za-z]")


def is_adjective(match: re.Match[str]) -> bool:
    """True where the amount describes what follows: "a $50 deposit", "a 5 km run"."""
    if match.groupdict().get("last"):
        return False
    before = match.string[max(0, match.start() - 4) : match.start()]
    return bool(_ARTICLE.search(before) and _NOUN.match(match.string, match.end()))


def per(written: str | None) -> str:
    """ " per day" for "day", " per kilogram" for "kg"; nothing for nothing."""
    if not written:
        return ""
    return f" per {_UNITS.get(written) or _PERS.get(written, written)}"


def _plural(unit: str) -> str:
    if unit == "person":
        return "people"
    first, *rest = unit.split(" per ")
    words = first.split()
    if not words[-1].endswith("hertz"):
        words[-1] = _PLURALS.get(words[-1], f"{words[-1]}s")
    return " per ".join([" ".join(words), *rest])


def _range(match: re.Match[str]) -> str:
    given = match.groupdict()
    minus = "minus " if given.get("minus") else ""
    last = f" to {amount(match['last'])}" if given.get("last") else ""
    return f"{minus}{amount(match['first'])}{last}"


def _measure(match: re.Match[str]) -> str:
    one = _UNITS[match["unit"]]
    joined = "-" if match["joint"] == "-" else " "
    singular = not match["last"] and is_one(match["first"])
    unit = one if joined == "-" or singular or is_adjective(match) else _plural(one)
    return f"{_range(match)}{joined}{unit}{per(match['per'])}{full_stop(match)}"


_SEAT = re.compile(
    r"\b(?:seat|apartment|suite|unit|flat|room|gate|building|section|row|level|grade|class)s?\s$", re.I
)


def _degrees(match: re.Match[str]) -> str:
    if not match["sign"] and _SEAT.search(match.string[: match.start()]):
        return match.group()
    scale = {"C": " Celsius", "F": " Fahrenheit"}.get(match["scale"], "")
    one = not match["last"] and match["first"] == "1"
    return f"{_range(match)} {'degree' if one else 'degrees'}{scale}"


def _percent(match: re.Match[str]) -> str:
    return f"{_range(match)} percent"


def _feet(match: re.Match[str]) -> str:
    """ "6'" and "5'10", unless the sign closes a quotation."""
    if not match["inches"] and _OPENED.search(match.string, 0, match.start()):
        return match.group()
    inches = f" {amount(match['inches'])}" if match["inches"] else ""
    feet = "foot" if inches or match["first"] == "1" or is_adjective(match) else "feet"
    return f"{amount(match['first'])} {feet}{inches}"


def _inches(match: re.Match[str]) -> str:
    """'12"', unless the sign closes a quotation."""
    if len(_QUOTE.findall(match.string, 0, match.start())) % 2:
        return match.group()
    one = is_one(match["first"]) or is_adjective(match)
    return f"{amount(match['first'])} {'inch' if one else 'inches'}"


_QUOTE = re.compile(r'(?<!\d)"')
_OPENED = re.compile(r"(?<!\w)'")
_DIMENSIONS = re.compile(rf"(?:\d[\d.]*\s?(?:{_LENGTH})?\s?[x\u00d7]\s?)*\d[\d.]*\s?-?{_LENGTH}\b")


def _times(match: re.Match[str]) -> str:
    """The "x" between two numbers: "by" between the sides of something, else "times"."""
    sides = match["unit"] or not match["space"] or _DIMENSIONS.match(match.string, match.end())
    unit = f"{match['blank']}{match['unit']}" if match["unit"] else ""
    return f"{match['first']}{unit} {'by' if sides else 'times'} "


FEET_AND_INCHES: tuple[Rule, ...] = (
    rule(r"(?<=\d['\"])\s?[x\u00d7]\s?(?=\d)", " by "),
    rule(rf"{BEGIN}(?P<first>\d{{1,2}})\s?'(?:\s?(?P<inches>\d{{1,2}}(?:\.\d+)?)\s?\"|(?![\w']))", _feet),
    rule(rf"{BEGIN}(?P<first>{AMOUNT})\"(?!\w)", _inches),
)
"""Before quotation marks are taken out."""

_SIGNED = rf"{BEGIN}(?P<minus>-(?=[\d.]))?(?P<first>{AMOUNT})"
UNITS: tuple[Rule, ...] = (
    rule(
        r"\b(?P<hours>\d{1,2})\s?(?:h|hr|hrs)\s?(?P<minutes>[0-5]?\d)\s?(?:m|min|mins)?\b(?![.,:/-]\d)",
        lambda match: f"{match['hours']} h {match['minutes']} min",
    ),
    rule(
        rf"(?P<first>\d)(?:(?P<blank>\s?)(?P<unit>{_LENGTH}))?(?P<space>\s?)[x\u00d7]\s?(?=\d)",
        _times,
    ),
    rule(
        rf"{BEGIN}(?P<first>{NUMBER})(?:-(?P<last>{NUMBER}))?[x\u00d7](?!\w){PER}",
        lambda match: f"{_range(match)} times{per(match['per'])}",
    ),
    rule(rf"{_SIGNED}(?:\s?%?\s?-\s?(?P<last>{NUMBER}))?\s?(?:%|percent\b)", _percent),
    rule(
        rf"{_SIGNED}(?:\s?°?[CF]?\s?-\s?(?P<last>{NUMBER}))?\s?(?P<sign>°\s?)?"
        r"(?P<scale>(?<=[°\s])[CF]\b(?![-+#'])|(?<=°)|(?<=°\s))",
        _degrees,
    ),
    rule(
        rf"{_SIGNED}(?:\s?-\s?(?P<last>{AMOUNT}))?(?P<joint>[\s-]?)(?P<unit>{_UNIT})(?![\w'])"
        # "in" is a word too.
        rf"(?!(?<= in)\s(?!by\b|x\b|wide|long|tall|deep|high|thick)\w)\.?(?!\w){PER}",
        _measure,
    ),
)
