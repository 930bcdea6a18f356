"""An owner's notes, taken apart: which of their parts can be said alone, and how.

``Single kayak $12, double kayak $19`` holds two answers; whoever asks for one shall not hear
both.  Nothing is added to what was written, and no word of a part is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TITLE = re.compile(
    r"(?<![\w.])(?:dra?|mr|mrs|ms|mx|st|sta|sto|prof|rev|e\.g|i\.e|vs|hon"
    r"|sra?|srta|sres|mme|mmes|mlle|mlles|mgr|lic|arq|ing|gral"
    r"|inkl|exkl|zzgl|bzw|ggf|evtl|sog|z|z\.\s?b|u\.\s?a|d\.\s?h|(?-i:ca)|nr|t[e\u00e9]l|telf|n\u00fam|n[\u00ba\u00b0]"
    r"|av|avda|bd|bvd|pza|dpto|ej|p\.\s?ej|p\.\s?ex|r\u00e9f)$",
    re.IGNORECASE,
)
"""Abbreviations whose full stop never ends a sentence, of every language whose facts are known here: a
document does not say in which it is written."""
_MONTH = re.compile(
    r"\s*(?:(?:jan|j\u00e4n|feb|m\u00e4rz|apr|mai|jun|jul|aug|sep|okt|nov|dez)[a-z]*|(?-i:bis|und|oder))\b",
    re.IGNORECASE,
)
"""What makes a figure with a full stop before it a German ordinal: "4. bis 22. August"."""
_ORDINAL = re.compile(r"(?<![\d.:\u2013-])\d{1,2}$")
_FIGURE = re.compile(r"(?<![\d.:])\d+$")
_OR_SO_MANY = re.compile(r"(\d+)(?:,\s+\d+)*\s+(?:or|and|oder|und|o|u|y|e|ou|et)\s+\d")
"""The rest of a list of figures that are one thing: "over 6, 12 or 24 months"."""
_AMOUNT = re.compile(r"\s*(?:[$\u00a3\u20ac]|[A-Z]{3}\s?\d)")
"""What goes on in spite of its capital letters: "30 Min. CHF 720"."""
_ABBREVIATION = re.compile(
    r"\b(?:ave|rd|no|approx|incl|excl|max|min|std|ext|a\.m|p\.m|mon|tue|wed|thu|fri|sat|sun|jan|feb|mar"
    r"|apr|jun|jul|aug|sep|sept|oct|nov|dec|hrs?)$",
    re.IGNORECASE,
)
"""Others: theirs does before a capital letter."""
_SENTENCE_END = re.compile(
    r"[.!?;](?=\s+\S)|\n+"
    r"|\s[-\u2013\u2014]\s(?!\d|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w* \d)",
    re.IGNORECASE,
)
_WEEKDAY = r"(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:days?)?\b"
_CUT = re.compile(
    rf",\s+(?:and\s+)?|(?<=[\d.%]{2})\s+/\s+|(?<=\d\w)\s+/\s+|\s+and\s+(?=(?:on\s+)?{_WEEKDAY})",
    re.IGNORECASE,
)
"""Where an item may end: a comma, a stroke behind a figure, an "and" before a day of the week."""
_NUMBER = re.compile(r"(?<![^\W\d_])\d|\bfree\b|\b(?:noon|midnight)\b", re.IGNORECASE)
_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|has|have|do|does|did|can|can't|cannot|will|runs?|costs?|takes?|needs?|must|may"
    r"|we|you|they|it)\b",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^[^:]{2,40}:\s+(?=\S)")
_NO_TOPIC = re.compile(rf"\d|\b{_WEEKDAY}|\b(?:weekdays|weekends?|daily|today|tomorrow)\b", re.IGNORECASE)
"""Labels that say when something is, not what: they hold for the item behind them alone."""
_BRACKETED = re.compile(r"\([^()]{2,}\)")
_ELLIPTIC = re.compile(r"^(?:not|only|except|but|or|otherwise|unless|plus|until)\b", re.IGNORECASE)
"""How a sentence begins that means nothing without the one before ("Not on Sundays.")."""
ELLIPTIC_WORDS = 5
"""Longer sentences have what they need with them."""
_GOES_ON = re.compile(
    r"^(?:or|and|but|with|on|in|at|for|by|from|to|until|if|when|which|who|that|not|no|only|whichever"
    r"|behind|next|opposite|so|because|then|otherwise|per|each|incl\w*|plus|except)\b",
    re.IGNORECASE,
)


_CONDITION = re.compile(
    r"^(?:if|when|whenever|unless|after|before|once|while|although|because|since|until|as|in case|provided"
    r"|wenn|falls|sobald|solange|weil|bevor|nachdem|obwohl"
    r"|si|cuando|aunque|porque|antes de|despu\u00e9s de|quand|lorsque|comme|puisque|avant|apr\u00e8s)\b",
    re.IGNORECASE,
)
"""How a clause begins that says when the next one holds ("If you are late, ..."): neither is said alone."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a note that says something by itself."""

    start: int
    stop: int


def parts(note: str) -> list[Part]:
    """The parts of ``note``, in order; together they hold all of its words."""
    found: list[Part] = []
    for start, stop in _sentences(note):
        found += _items(note, start, stop)
    return found


def assemble(note: str, chosen: list[Part]) -> str:
    """The text of ``chosen`` parts of ``note``: one or more sentences, each with a full stop.

    Parts of one sentence that follow each other are said as they were written.  An item from the middle
    of a list that has a title is said with it: "Pepper plants: large 4.50".
    """
    titles = titles_of(note)
    runs: list[Part] = []
    for part in chosen:
        # An item begins with what separates it from the one before; a sentence does not.
        if runs and runs[-1].stop == part.start and _CUT.match(note, part.start):
            runs[-1] = Part(runs[-1].start, part.stop)
        elif note[part.start : part.stop].strip(" ,;/\n"):
            runs.append(part)
    said = [titles.get(run.start, "") + _item(note, run) for run in runs]
    return " ".join(_as_sentence(text) for text in said if any(char.isalnum() for char in text))


def titles_of(note: str) -> dict[int, str]:
    """The list's title for each part that begins behind the first of its list, by where the part begins."""
    found: dict[int, str] = {}
    for start, stop in _sentences(note):
        label = _LABEL.match(note[start:stop].lstrip())
        if label is not None and not _NO_TOPIC.search(label[0]):
            found |= {part.start: label[0] for part in _items(note, start, stop)[1:]}
    return found


def _item(note: str, part: Part) -> str:
    """Without the comma or the "and" that joins it to the item before."""
    text = note[part.start : part.stop]
    joint = _CUT.match(text) if part.start else None
    return (text[joint.end() :] if joint else text).strip(" ,;/\n")


def _as_sentence(text: str) -> str:
    text = re.sub(r"\s+/\s+", ", ", text.strip(" ,;:-\u2013\u2014"))  # a stroke between words is a pause
    text = text[:1].upper() + text[1:] if not re.match(r"^\S*[@.]\S", text) else text
    return text if text[-1:] in ".!?" else f"{text}."


def _sentences(note: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start = 0
    for match in _SENTENCE_END.finditer(note):
        if match.group() == "." and _is_abbreviation(note[start : match.start()], note[match.end() :]):
            continue
        if _open_bracket(note[start : match.start()]):
            continue
        stop = match.end() if match.group() in ".!?" else match.start()
        if note[start:stop].strip():
            found.append((start, stop))
        start = match.end()
    if note[start:].strip():
        found.append((start, len(note)))
    return _joined(note, found)


def _joined(note: str, sentences: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Short sentences that lean on the one before are one with it."""
    found: list[tuple[int, int]] = []
    for start, stop in sentences:
        text = note[start:stop].strip(" ,;-\u2013\u2014\n")
        if found and len(text.split()) < ELLIPTIC_WORDS and _ELLIPTIC.match(text):
            found[-1] = found[-1][0], stop
        else:
            found.append((start, stop))
    return found


def _is_abbreviation(before: str, after: str) -> bool:
    if _TITLE.search(before) or (_ORDINAL.search(before) and _MONTH.match(after)):
        return True
    if _ABBREVIATION.search(before) is None:
        return False
    return not after.lstrip()[:1].isupper() or _AMOUNT.match(after) is not None


def _items(note: str, start: int, stop: int) -> list[Part]:
    """The parts of one sentence: each item of a list that has a figure or a verb of its own."""
    label = _LABEL.match(note[start:stop])
    cuts: list[int] = []
    for match in _CUT.finditer(note, start, stop):
        if not note[start : match.start()].strip() or _open_bracket(note[start : match.start()]):
            continue
        if re.match(r"\d{3}\b", note[match.end() : match.end() + 4]) and match.group() == ",":
            continue
        if _are_one(note[start : match.start()], note[match.end() :]):
            continue
        cuts.append(match.start())
    edges = [start, *cuts, stop]
    pieces = [(edges[n], edges[n + 1]) for n in range(len(edges) - 1)]
    texts = [_item(note, Part(a, b)) for a, b in pieces]
    carries = [bool(_NUMBER.search(text) or _CLAUSE.search(text)) for text in texts]
    if sum(_BRACKETED.search(text) is not None for text in texts) > 1:
        # Names with what there is to say of each: "Ana (nights), Bo (deliveries), Cy".
        carries = [re.search(r"[^\W\d_]{2,}", text) is not None for text in texts]
    if len(pieces) < 2 or sum(carries) < 2 or (label is not None and sum(carries) < len(carries)):
        return [Part(start, stop)]
    found: list[Part] = []
    for (a, b), text, own in zip(pieces, texts, carries, strict=True):
        names_something = re.search(r"[^\W\d_]{3,}", text) is not None
        if found and not (own and names_something and not _GOES_ON.match(text)):
            found[-1] = Part(found[-1].start, b)  # it goes on from the part before
        elif len(found) == 1 and found[0].stop == pieces[0][1] and _CONDITION.match(texts[0]):
            found[0] = Part(found[0].start, b)
        else:
            found.append(Part(a, b))
    return found


def _are_one(before: str, after: str) -> bool:
    """Whether the figures around a comma belong to one list of nothing but figures, which go up."""
    last, next_ = _FIGURE.search(before), _OR_SO_MANY.match(after)
    return last is not None and next_ is not None and int(last[0]) < int(next_[1])


def _open_bracket(text: str) -> bool:
    return text.count("(") > text.count(")")
