"""A stream of text, cut into clauses that can be spoken while the rest is written.

The first clause is short, because the caller waits for it; later ones are sentences,
because those sound better and the caller is listening already.  A number, a price, a
time, an address or an abbreviation is never torn apart.

Languages without spaces between words are cut at their own punctuation, and where that is rare, after so
many characters (:data:`_FIRST_MAX_CHARS`): words are counted by characters there.  Abbreviations and joints
are the language's (:class:`~offhook.languages.turns.base.Clauses`).

The cuts depend on the text alone, not on the pieces it comes in: a cut is made only
once everything that it depends on is there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterable

from offhook.languages.turns import TurnLanguage, turn_language

_FIRST_MIN_WORDS = 3
_FIRST_SOFT_WORDS = 6
_FIRST_HARD_WORDS = 12
_LATER_COMMA_WORDS = 10
_LATER_SOFT_WORDS = 22
_LATER_HARD_WORDS = 40

_ALPHABETS = "\u0e01-\u0e5b\u0e81-\u0edf\u1000-\u109f\u1780-\u17e9"
"""Thai, Lao, Burmese, Khmer."""
_UNSPACED = _ALPHABETS + "\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts that put no spaces between words."""
_NOT_FIRST = (
    "\u0e30-\u0e3a\u0e45-\u0e4e\u0eb0-\u0ebc\u0ec6-\u0ece\u102b-\u103e\u17b6-\u17d3\u3041\u3043\u3045\u3047"
    "\u3049\u3063\u3083\u3085\u3087\u30a1\u30a3\u30a5\u30a7\u30a9\u30c3\u30e3\u30e5\u30e7\u30fc"
)
"""Vowels, tones and small kana: part of what stands before them."""
_NOT_LAST = "\u0e40-\u0e44\u0ec0-\u0ec4"
"""Vowels that are written before their consonant."""
_CHARS_PER_WORD = 2
"""Of a Chinese word, most of them; Thai ones have more, and its speakers breathe at its spaces anyway."""
_FIRST_MAX_CHARS = 24
"""A first clause without punctuation: as long to say as a dozen words.  Twice as many letters of an"
" alphabet."""
_LATER_MAX_CHARS = 80

_STRIPPED = str.maketrans(dict.fromkeys("`|<>^\\️") | {"\u2014": " \u2014 ", "\u2013": "-"})
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*\))?")
_BULLET = re.compile(r"^\s*(?:[-+*\u2022]|#{1,6}|>)\s+")
_SIGNS = re.compile(r"(?<!press )(?<!dial )(?<!hit )(?:[#~](?!\d)|\*)", re.IGNORECASE)
"""Marks that are markup unless they stand for a key, or before a number: "press #", "#12", "~20 minutes"."""
_UNDERSCORES = re.compile(r"(?<![^\W_])_+|_+(?![^\W_])")
_KEPT_SYMBOLS = frozenset("\u00b0\u2122\u00a9\u00ae\u2116")
_CLOSERS = "\"')]*_`\u201d\u2019\u300d\u300f\uff09"
_STOPS = ".?!\u2026\u0964\u061f\u06d4\u0589\u17d4"
"""End a sentence where white space follows: also of Hindi, Arabic, Urdu, Armenian, Khmer."""
_WIDE_STOPS = "\u3002\uff01\uff1f\uff61"
_WIDE_COMMAS = "\uff0c\u3001\uff1b\uff1a"
"""Full-width ones need no white space."""


def _candidates(max_chars: int) -> re.Pattern[str]:
    closers = rf"[{re.escape(_CLOSERS)}]*"
    return re.compile(
        rf"[{_STOPS}]+{closers}(?=\s)|[,;:\u060c\u061b]{closers}(?=\s)|[{_WIDE_STOPS}]+{closers}"
        rf"|[{_WIDE_COMMAS}]{closers}|\u2014|\n|\s+"
        rf"|(?:[{_UNSPACED}]{{{max_chars},}}?(?<![{_ALPHABETS}])|[{_UNSPACED}]{{{2 * max_chars},}}?)"
        rf"(?<![{_NOT_LAST}])(?=[{_UNSPACED}])(?![{_NOT_FIRST}])"
    )


_FIRST_CANDIDATE, _LATER_CANDIDATE = _candidates(_FIRST_MAX_CHARS), _candidates(_LATER_MAX_CHARS)
_UNSPACED_CHAR = re.compile(rf"[{_UNSPACED}]")


class ClauseSplitter:
    """One answer's clauses.  Pure: text in, clauses out."""

    def __init__(self, language: str) -> None:
        """``language``: the text's, a tag such as "en" or "de-AT"."""
        self._language = turn_language(language)
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
        while (cut := _find_cut(self._rest, self._language, first=self._first)) is not None:
            clause = clean(self._rest[:cut], line_start=self._line_start)
            self._line_start = "\n" in self._rest[:cut][len(self._rest[:cut].rstrip()) :]
            self._rest = self._rest[cut:]
            self._first = False
            clauses.append(clause)
        return clauses


def split(text: str, language: str) -> list[str]:
    """A whole text's clauses."""
    splitter = ClauseSplitter(language)
    return [*splitter.push(text), *splitter.flush()]


async def split_all(texts: AsyncIterable[str], language: str) -> AsyncGenerator[str, None]:
    """The clauses of whole texts, each as soon as it comes."""
    async for text in texts:
        for clause in split(text, language):
            yield clause


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


def _find_cut(text: str, language: TurnLanguage, *, first: bool) -> int | None:
    """Where the first clause of ``text`` ends, the white space after it included; None: not known yet."""
    words = 0
    begin = 0
    for match in (_FIRST_CANDIDATE if first else _LATER_CANDIDATE).finditer(text):
        token, end = match.group(), match.end()
        before = text[begin : match.start() if token.isspace() else end]
        if token.isspace() or token == "\u2014":
            words += _count_words(text[begin : match.start()])
            begin = end
            count = words
        else:
            count = words + _count_words(before)
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
            if _may_breathe(text, match.start(), after, count, language, first=first):
                return after
        elif _UNSPACED_CHAR.match(token) or _is_break(
            text[: match.start()], token, text[after], count, language, first=first
        ):
            return after
    return None


def _is_break(
    before: str, mark: str, following: str, words: int, language: TurnLanguage, *, first: bool
) -> bool:
    """True when the punctuation ``mark`` after ``before`` ends a clause."""
    if mark[0] in _STOPS + _WIDE_STOPS:
        return mark[0] != "." or _ends_sentence(before, mark, following, language)
    return words >= (_FIRST_MIN_WORDS if first else _LATER_COMMA_WORDS)


def _ends_sentence(before: str, mark: str, following: str, language: TurnLanguage) -> bool:
    """True when a full stop is one, and not part of an abbreviation, an initial or a list number."""
    if mark.startswith(".."):
        return True
    word = before.split()[-1] if before.split() else ""
    bare = word.lower().lstrip("\"'([*_\u201c\u2018\u00bf\u00a1\u00ab\u201e")
    known = language.clauses
    if bare in known.never_last:
        return False
    if len(bare) == 1 and bare.isalpha() and bare != "i":
        return False
    if bare in known.sometimes_last:
        return following.isupper()
    if known.ordinal_stop and bare.isdigit() and len(bare) <= 2:
        return False  # "am 3. Mai": a sentence that ends in a small figure is cut at its line's end
    return not (bare.isdigit() and len(bare) <= 2 and len(before.split()) == 1)


def _may_breathe(text: str, end: int, after: int, words: int, language: TurnLanguage, *, first: bool) -> bool:
    """True when a long clause may be cut at the white space from ``end`` to ``after``."""
    if words < (_FIRST_SOFT_WORDS if first else _LATER_SOFT_WORDS):
        return False
    if _UNSPACED_CHAR.match(text[end - 1]) and _UNSPACED_CHAR.match(text[after]):
        return True  # spaces stand between phrases there
    following = re.match(r"\S+(?=\s)", text[after:])
    if following is None:  # the next word is not whole yet, or the last one
        return False
    left = text[:end].split()[-1].lower()
    right = following.group().lower()
    known = language.clauses
    if left[-1] in _STOPS + ",;:\u060c\u061b":
        return False  # punctuation has decided already
    if (
        any(char.isdigit() for char in left + right)
        or left.strip(".") in known.never_last
        or left in known.joints | known.bound
    ):
        return False
    return right in known.joints or words >= (_FIRST_HARD_WORDS if first else _LATER_HARD_WORDS)


def _in_brackets(text: str) -> bool:
    return text.rfind("[") > text.rfind("]")


def _has_words(text: str) -> bool:
    return any(char.isalnum() for char in text)


def _count_words(text: str) -> int:
    """Of what stands between two white spaces: 1 if it has any, more in scripts without spaces."""
    unspaced = len(_UNSPACED_CHAR.findall(text))
    return max(int(_has_words(text)), unspaced // _CHARS_PER_WORD)
