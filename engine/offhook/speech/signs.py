"""Signs: one form for each before the rules, words or pauses for those that are left after them.  Pure."""

from __future__ import annotations

import re
import unicodedata

from offhook.speech.rules import Rule, apply, rule

_ONE_FORM = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201b\u2032\u02bc", "'"),
        **dict.fromkeys("“”„‟″«»\u2039\u203a", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2212﹣\uff0d", "-"),
        **dict.fromkeys("—―", " -- "),
        **dict.fromkeys("•·●◦▪", " -- "),
        **dict.fromkeys("™©®¶†‡¿¡\ufe0f", " "),
        "\u2013": "-",
        "\u00d7": "x",
        "℃": "°C",
        "℉": "°F",
        "№": "No. ",
        "\u2044": "/",
        "±": " plus or minus ",
        "÷": " divided by ",
        "≈": "~",
        "≤": "<=",
        "≥": ">=",
        "²": " squared ",
        "³": " cubed ",
        "§": " section ",
        "\uff05": "%",
        "\uff0b": "+",
        "\uff03": "#",
        "﹩": "$",
        "\uff04": "$",
        "￡": "£",
        "µ": "μ",
    }
)
_DROPPED = frozenset({"So", "Sk", "Sm"})
"""Pictures and symbols; the sign for degrees is one of them, and stays."""
_WIDE = re.compile(r"(\d\s?)(mm|cm|m|km|in|ft|yd|mi)([²³])")


def fold(text: str) -> str:
    """One form for signs that are written in several: quotation marks, dashes, digits, fractions."""
    text = _WIDE.sub(lambda match: f"{match[1]}{'sq' if match[3] == '²' else 'cu'} {match[2]}", text)
    if text.isascii():
        return text
    text = text.translate(_ONE_FORM)
    return "".join(char if char.isascii() else _plain(char) for char in text)


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Nd", "No", "Nl"):
        digit = unicodedata.digit(char, None)
        if digit is not None:
            return str(digit)
        plain = unicodedata.normalize("NFKC", char).replace("\u2044", "/")
        return f" {plain}" if plain.isascii() else char
    return " " if category in _DROPPED and char != "°" else char


_PRESSED = r"\b(?:press|dial|hit|push|enter|key|then|or|and|the|by)"
BEFORE: tuple[Rule, ...] = (
    # Before what stands between angle brackets is taken for markup, and signs without words are dropped.
    rule(r"<=\s?(?=[$£€]?\d)", " up to "),
    rule(r">=\s?(?=[$£€]?\d)", " at least "),
    rule(r"(?<![<\w-])<\s?(?=[$£€]?\d)", " under "),
    rule(r"(?<![>\w/\"'-])>\s?(?=[$£€]?\d)", " over "),
    rule(r"(?<!\w)'([^'\"]+)'(?!\w)", r"\1"),
    rule('"', " "),
    rule(r"[\[{]", "("),
    rule(r"[\]}]", ")"),
    rule(r"\(\s*[*#]?\s*\)", " "),
    # Of brackets, only those of a telephone number mean something.
    rule(r"\(([^()]*)\)(?=\s*$)", r", \1"),
    rule(r"\((?!\+?\d{1,5}\)[\s-]?\d)([^()]*)\)", r", \1, "),
)
"""After :func:`fold` and the rules for feet and inches."""

KEYS: tuple[Rule, ...] = (
    rule(rf"({_PRESSED}|\d)(\s?)#(?=\W|$)(?!\s\d)", r"\1 pound", re.IGNORECASE),
    rule(rf"({_PRESSED})\s\*(?=\W|\d|$)", r"\1 star ", re.IGNORECASE),
    rule(r"(?<![\w*])\*(?=\d)", "star "),
    rule(r"(?<=\d)\s?\*\s?(?=\d)", " times "),
    rule(r"#\s?(?=\d)", "number "),
    rule(r"~\s?(?=[\d$£€])", "about "),
    rule(r"</?[a-zA-Z][^<>]{0,60}>", " "),
    rule(r"[#*`^~<>\\_]+", " "),
    rule(r"\|", ", "),
)

_TIMES = "(?:hour|day|week|month|year|night|person|head)"
AFTER: tuple[Rule, ...] = (
    rule(r"\s?&\s?", " and "),
    rule(r"=+", " equals "),
    rule(r"\+", " plus "),
    rule(r"\s?@\s?", " at "),
    rule(r"%", " percent "),
    rule(r"[$]", " dollars "),
    rule(r"€", " euros "),
    rule(r"£", " pounds "),
    rule(r"[¥₹¢₿¤]|[₠-⃏]", " "),
    rule(r"°", " degrees "),
    rule(r"(?<=\b[A-Z])/(?=[A-Z]\b)|(?<=\b[A-Z]{2})/(?=[A-Z]{2}\b)|(?<=\b[A-Z]{3})/(?=[A-Z]{2,3}\b)", " "),
    rule(
        r"\b(s?he|his|hers?|him|yes|in|on|pass|buy)/(she|he|hers?|him|his|no|out|off|fail|sell)\b",
        r"\1 or \2",
        re.IGNORECASE,
    ),
    rule(rf"(?<!day)(?<!night)(?<!week)(?<!month)(?<!year)(?<!hour)/(?={_TIMES}\b)", " per "),
    rule(r"\s?/+\s?", ", "),
    rule(r"\s-+\s|--+", ", "),
    rule(r"(?<![\w])-+|-+(?!\w)", " "),
    rule(r"[()]", ", "),
    rule(r"\b([A-Z])-([A-Z])\b", r"\1 to \2"),
    rule(r":(?=\w)", ", "),
)


def tidy(text: str) -> str:
    """Single spaces, and one pause where several marks have come together."""
    text = " ".join(re.sub(r",(?=[^\s\d])", ", ", text).split())
    text = re.sub(r"\s+(?=[,;:!?…](?:\s|$|[,.;:!?…])|\.(?!\.))", "", text)
    text = re.sub(r",(?:\s*,)+", ",", text)
    text = re.sub(r"([;:!?.…]),+", r"\1", text)
    text = re.sub(r",+(?=[;:!?.…])", "", text)
    return re.sub(r"^[\s,;:]+", "", text).strip()


def words_for_signs(text: str) -> str:
    """``text`` without signs that a voice would name, skip or stumble over."""
    return tidy(apply(AFTER, text))
