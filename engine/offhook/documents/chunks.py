"""What of a document can be said in answer to a question: statements, each with the headings above it. Pure.

A caller hears a chunk's text and nothing else of the document; its headings help to find it.  So a chunk is a
sentence or a few that belong together, a row of a table with its columns named, a short list behind what
introduces it; never half a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from offhook.documents.blocks import Document, Heading, Listing, Paragraph, Table, plain
from offhook.languages.codes import base_language
from offhook.languages.turns import turn_language

MAX_WORDS = 40
"""A quarter of a minute; longer ones are cut between sentences."""
MAX_SENTENCES = 3
MAX_CHARACTERS = 1_000
"""Of one sentence: what an agent says in one go at most."""
MAX_CHUNKS = 5_000
"""Of one document."""
SEPARATOR = " > "
_AND = {"en": " and ", "de": " und ", "es": " y ", "fr": " et "}
_SHORT_ITEM_WORDS = 6
_SHORT_LIST_WORDS = 60
_QUESTION = re.compile(r"[?\uff1f\u061f]\s*$")
_SENTENCE_END = re.compile(r"[.!?\u2026]+[\"'\u201d\u00bb)]*\s+|[\u3002\uff01\uff1f]\s*")
_OPENS = re.compile(r"[\"'\u201c\u201e\u00ab\u00bf\u00a1(\s]*[^\W_]|\u00a9")
_COPYRIGHT = re.compile(
    r"(?:copyright\s*)?(?:\u00a9|\(c\))\s*(?:\d{4}(?:\s*[-\u2013]\s*\d{2,4})?)?", re.IGNORECASE
)
_ADDRESS = re.compile(r"\d.*,|,.*\d")
_BOILERPLATE = re.compile(
    r"\u00a9|\(c\) ?\d{4}|\ball rights reserved\b|\balle rechte vorbehalten\b"
    r"|\btous droits r\u00e9serv\u00e9s\b|\btodos los derechos reservados\b"
    r"|\bcookies?\b.*\b(?:accept|consent|settings|akzeptier|zustimm|accepter|aceptar)"
    r"|^(?:page|seite|p\u00e1gina)\s*\d+(?:\s*(?:/|of|von|de|sur)\s*\d+)?$|^[\W\d_]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One thing to be said."""

    text: str
    heading: str = ""
    """The headings above it, the highest first, and what introduces it, ``SEPARATOR`` between; not said."""


def chunks(document: Document, language: str = "en") -> list[Chunk]:
    """What can be said of ``document``, in its order, each once."""
    found: dict[str, Chunk] = {}
    for chunk in _chunks(document, language):
        text = chunk.text.strip()
        if _says_something(text) and len(found) < MAX_CHUNKS:
            found.setdefault(text.casefold(), Chunk(text, chunk.heading))
    return list(found.values())


def _chunks(document: Document, language: str) -> Iterator[Chunk]:
    path: list[Heading] = []
    intro = ""
    for block in document.blocks:
        if isinstance(block, Heading):
            path = [each for each in path if each.level < block.level] + [block]
            intro = ""
            continue
        names = [each.text.rstrip(" :") for each in path]
        if not names or names[0] != document.title:
            names = [document.title, *names]
        heading = SEPARATOR.join(dict.fromkeys(name for name in (*names, intro.rstrip(" :")) if name))
        if isinstance(block, Paragraph):
            # "We accept:" is no statement; what it introduces is found by it, and said behind it.
            if block.text.endswith((":", "\uff1a")):
                intro = block.text
                continue
            yield from _of_text(block.text, heading, language)
        elif isinstance(block, Listing):
            yield from _of_list(block, intro or (path[-1].text if path else ""), heading, language)
        else:
            yield from _of_table(block, heading, language)
        intro = ""


def _of_text(text: str, heading: str, language: str) -> Iterator[Chunk]:
    bare = plain(_COPYRIGHT.sub(" ", text))  # an address behind it is what callers ask for
    text = bare if _ADDRESS.search(bare) else text
    said = [each for each in sentences(text, language) if not _BOILERPLATE.search(each)]
    for group in _groups(said, MAX_SENTENCES):
        yield Chunk(" ".join(group), heading)


def _of_list(listing: Listing, label: str, heading: str, language: str) -> Iterator[Chunk]:
    items = [item.rstrip(" ;,") for item in listing.items if item.strip()]
    words = [len(item.split()) for item in items]
    bare = not any(re.search(r"[,;:]|[.!?]$", item) for item in items)
    if bare and len(items) > 1 and max(words) <= _SHORT_ITEM_WORDS and sum(words) <= _SHORT_LIST_WORDS:
        named = f"{label.rstrip(' :?')}: " if label else ""
        yield Chunk(_sentence(f"{named}{', '.join(items)}"), heading)
        return
    for item in items:
        yield from _of_text(_sentence(item), heading, language)


def _of_table(table: Table, heading: str, language: str) -> Iterator[Chunk]:
    about = SEPARATOR.join(filter(None, (heading, ", ".join(filter(None, table.titles)))))
    if len(table.rows[0]) == 2 and sum(bool(_QUESTION.search(row[0])) for row in table.rows) * 2 > len(
        table.rows
    ):
        for question, answer in table.rows:  # a list of questions and answers
            if answer:
                yield Chunk(_sentence(answer), SEPARATOR.join(filter(None, (heading, question))))
        return
    rows = [_row(row, table.titles, language) for row in table.rows]
    if len(table.rows[0]) > 2:
        for row in rows:
            yield Chunk(row, about)
        return
    for group in _groups(
        rows, len(rows)
    ):  # "Monday: closed. Tuesday: nine to five.": whoever asks gets a part
        yield Chunk(" ".join(group), about)


def _row(cells: Sequence[str], titles: Sequence[str], language: str) -> str:
    first, others = cells[0], list(cells[1:])
    names = list(titles[1:]) if titles else [""] * len(others)
    if len(others) == 1:
        names = [""]  # "Price" says nothing that "espresso: 2.50" does not
    capital = base_language(language) == "de"  # its nouns have one wherever they stand
    said = [
        f"{name if capital else _lower(name)} {cell}" if name else cell
        for name, cell in zip(names, others, strict=True)
        if cell
    ]
    if not said:
        return _sentence(first)
    # Joined so that nobody takes the row apart again: whoever asks for the price may hear the size as well.
    row = _AND.get(base_language(language), ", ").join(said)
    return _sentence(f"{first}: {row}" if first else row)


def _lower(name: str) -> str:
    """A column's title inside a sentence; abbreviations stay."""
    return name if name.isupper() and len(name) > 1 else name[:1].lower() + name[1:]


def _groups(texts: Sequence[str], most: int) -> Iterator[list[str]]:
    group: list[str] = []
    words = 0
    for text in texts:
        count = len(text.split())
        if group and (words + count > MAX_WORDS or len(group) >= most):
            # A question belongs to its answer: "Dogs? On a lead."
            asked = [group.pop()] if len(group) > 1 and _QUESTION.search(group[-1]) else []
            yield group
            group, words = asked, sum(len(each.split()) for each in asked)
        group.append(text)
        words += count
    if group:
        yield group


def sentences(text: str, language: str = "en") -> list[str]:
    """The sentences of ``text``; none is longer than what is said in one go."""
    clauses = turn_language(language).clauses
    found: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(text):
        before = re.search(r"[^\s(]*$", text[start : end.start()])
        last = before[0].casefold().rstrip(".") if before else ""
        following = text[end.end() :]
        if text[end.start()] == "." and (
            last in clauses.never_last
            or (last in clauses.sometimes_last and not following[:1].isupper())
            or (clauses.ordinal_stop and last.isdigit() and len(last) < 3)
            or _is_initial(text[start : end.start()], following)
        ):
            continue
        if not _OPENS.match(following) or following[:1].islower():
            continue
        found.append(text[start : end.end()].strip())
        start = end.end()
    found.append(text[start:].strip())
    return [piece for sentence in found if sentence for piece in _cut(sentence)]


def _is_initial(before: str, following: str) -> bool:
    """ "J. Berg", "z. B."; but not "um 18 h. Danke"."""
    letter = re.search(r"(?<![^\W_])[^\W\d_]$", before)
    return letter is not None and (letter[0].isupper() or re.match(r"[^\W\d_]\.", following) is not None)


def _cut(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_CHARACTERS:
        at = max(sentence.rfind(sign, 0, MAX_CHARACTERS) for sign in ("; ", ", ", " "))
        at = at if at > 0 else MAX_CHARACTERS - 1
        yield sentence[: at + 1].strip(" ,;")
        sentence = sentence[at + 1 :].strip()
    if sentence:
        yield sentence


def _sentence(text: str) -> str:
    text = plain(text)
    return text if text[-1:] in ".!?\u3002\uff01\uff1f\u2026" else f"{text}."


def _says_something(text: str) -> bool:
    if not text or _BOILERPLATE.search(text):
        return False
    words = text.split()
    return len(words) > 1 or any(char.isdigit() for char in text) or len(text) > 8
