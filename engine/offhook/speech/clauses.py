"""A stream of text, cut into clauses that can be spoken while the rest is written.

The first clause is short, because the caller waits for it; later ones are sentences,
because those sound better and the caller is listening already.  A number, a price, a
time, an address or an abbreviation is never torn apart.

The cuts depend on the text alone, not on the pieces it comes in: a cut is made only
once everything that it depends on is there.
"""

from __future__ import annotations

import re
import unicodedata

_FIRST_MIN_WORDS = 3
_FIRST_SOFT_WORDS = 6
_FIRST_HARD_WORDS = 12
_LATER_COMMA_WORDS = 10
_LATER_SOFT_WORDS = 22
_LATER_HARD_WORDS = 40

_NEVER_LAST_TEXT = """
dr mr mrs ms mx prof rev hon gen st mt ft no nr ext tel fig vs e.g i.e approx dept appt jan feb mar
apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun
"""
_NEVER_LAST = frozenset(_NEVER_LAST_TEXT.split())
"""Abbreviations that something follows: their full stop ends no sentence."""
_SOMETIMES_LAST_TEXT = """
a.m p.m etc inc ltd co corp jr sr ave rd blvd u.s u.k ph.d b.c a.d
"""
_SOMETIMES_LAST = frozenset(_SOMETIMES_LAST_TEXT.split())
"""Abbreviations that may end a sentence: they do when a capital letter follows."""
_JOINTS_TEXT = """
and but or so because since although though while which who where when whether if unless until
before after from with without for at on in by near between during through
"""
_JOINTS = frozenset(_JOINTS_TEXT.split())
"""Words before which a speaker may breathe."""

_STRIPPED = str.maketrans(dict.fromkeys("`|<>^\\️") | {"\u2014": " \u2014 ", "\u2013": "-"})
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*\))?")
_BULLET = re.compile(r"^\s*(?:[-+*\u2022]|#{1,6}|>)\s+")
_SIGNS = re.compile(r"(?<!press )(?<!dial )(?<!hit )(?:[#~](?!\d)|\*)", re.IGNORECASE)
"""Marks that are markup unless they stand for a key, or before a number: "press #", "#12", "~20 minutes"."""
_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_KEPT_SYMBOLS = frozenset("\u00b0\u2122\u00a9\u00ae\u2116")
_CLOSERS = "\"')]*_`\u201d\u2019"
_CANDIDATE = re.compile(
    rf"[.?!\u2026]+[{re.escape(_CLOSERS)}]*(?=\s)|[,;:][{re.escape(_CLOSERS)}]*(?=\s)|\u2014|\n|\s+"
)


class ClauseSplitter:
    """One answer's clauses.  Pure: text in, clauses out."""

    def __init__(self) -> None:
        self._rest = ""
        self._first = True
        self._line_start = True

    def push(self, piece: str) -> list[str]:
        """Add a piece of text; the clauses that are complete now."""
        self._rest += piece
        return self._take()

    def flush(self) -> list[str]:
        """The text has ended; what is left, cut as before."""
        clauses = self._take()
        clause = clean(self._rest, line_start=self._line_start)
        self._rest = ""
        return [*clauses, clause] if _has_words(clause) else clauses

    def _take(self) -> list[str]:
        clauses: list[str] = []
        while (cut := _find_cut(self._rest, first=self._first)) is not None:
            clause = clean(self._rest[:cut], line_start=self._line_start)
            self._line_start = "\n" in self._rest[:cut][len(self._rest[:cut].rstrip()) :]
            self._rest = self._rest[cut:]
            self._first = False
            clauses.append(clause)
        return clauses


def split(text: str) -> list[str]:
    """A whole text's clauses."""
    splitter = ClauseSplitter()
    return [*splitter.push(text), *splitter.flush()]


def clean(text: str, *, line_start: bool = True) -> str:
    """``text`` as it is spoken: no markup, emoji or control characters, single spaces."""
    lines = text.replace("\r", "\n").split("\n")
    lines = [_BULLET.sub("", line) if line_start or number else line for number, line in enumerate(lines)]
    spoken = _LINK.sub(r"\1", "\n".join(lines)).translate(_STRIPPED)
    spoken = _UNDERSCORES.sub("", _SIGNS.sub("", spoken))
    return " ".join("".join(_spoken(char) for char in spoken).split())


def _spoken(char: str) -> str:
    if char.isascii():
        return char if char.isprintable() else " "
    category = unicodedata.category(char)
    if category in ("So", "Sk", "Cf", "Co", "Cn", "Cs") and char not in _KEPT_SYMBOLS:
        return ""
    return " " if category in ("Cc", "Zl", "Zp", "Zs") else char


def _find_cut(text: str, *, first: bool) -> int | None:
    """Where the first clause of ``text`` ends, the white space after it included; None: not known yet."""
    words = 0
    begin = 0
    for match in _CANDIDATE.finditer(text):
        token, end = match.group(), match.end()
        before = text[begin : match.start() if token.isspace() else end]
        if token.isspace() or token == "\u2014":
            words += _has_words(text[begin : match.start()])
            begin = end
            count = words
        else:
            count = words + _has_words(before)
        if not count or _in_brackets(text[:end]):
            continue
        space = re.match(r"\s*", text[end:])
        assert space is not None
        after = end + space.end()
        if "\n" in token or "\n" in space.group():
            # A line has ended.  The white space may go on: it belongs to this clause.
            if after < len(text):
                return after
            return None
        if after >= len(text):
            return None
        if token.isspace():
            if _may_breathe(text, match.start(), after, count, first=first):
                return after
        elif _is_break(text[: match.start()], token, text[after], count, first=first):
            return after
    return None


def _is_break(before: str, mark: str, following: str, words: int, *, first: bool) -> bool:
    """True when the punctuation ``mark`` after ``before`` ends a clause."""
    if mark[0] in ".?!\u2026":
        return mark[0] != "." or _ends_sentence(before, mark, following)
    return words >= (_FIRST_MIN_WORDS if first else _LATER_COMMA_WORDS)


def _ends_sentence(before: str, mark: str, following: str) -> bool:
    """True when a full stop is one, and not part of an abbreviation, an initial or a list number."""
    if mark.startswith(".."):
        return True
    word = before.split()[-1] if before.split() else ""
    bare = word.lower().lstrip("\"'([*_\u201c\u2018")
    if bare in _NEVER_LAST:
        return False
    if len(bare) == 1 and bare.isalpha() and bare != "i":
        return False
    if bare in _SOMETIMES_LAST:
        return following.isupper()
    return not (bare.isdigit() and len(bare) <= 2 and len(before.split()) == 1)


def _may_breathe(text: str, end: int, after: int, words: int, *, first: bool) -> bool:
    """True when a long clause may be cut at the white space from ``end`` to ``after``."""
    if words < (_FIRST_SOFT_WORDS if first else _LATER_SOFT_WORDS):
        return False
    following = re.match(r"\S+(?=\s)", text[after:])
    if following is None:  # the next word is not whole yet, or the last one
        return False
    left = text[:end].split()[-1].lower()
    right = following.group().lower()
    if left[-1] in ".,;:?!\u2026":
        return False  # punctuation has decided already
    if (
        any(char.isdigit() for char in left + right)
        or left.strip(".") in _NEVER_LAST
        or left in _JOINTS | _BOUND
    ):
        return False
    return right in _JOINTS or words >= (_FIRST_HARD_WORDS if first else _LATER_HARD_WORDS)


_BOUND_TEXT = """
a an the to of our your my his her its their this that is are was be am not no very
"""
_BOUND = frozenset(_BOUND_TEXT.split())
"""Words that belong to the next one."""


def _in_brackets(text: str) -> bool:
    return text.rfind("[") > text.rfind("]")


def _has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)
