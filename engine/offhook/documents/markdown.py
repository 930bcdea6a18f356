"""Markdown and plain text."""

from __future__ import annotations

import itertools
import re

from offhook.documents.blocks import Block, Document, Heading, Listing, Paragraph, plain, table

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*$")
_UNDERLINE = re.compile(r"(=+|-{2,})\s*$")
_ITEM = re.compile(r"\s*(?:[-*+\u2022\u2023\u25cf\u25e6\u2013]|\d{1,3}[.)])\s+(?=\S)")
_RULE = re.compile(r"\s*(?:[-*_]\s*){3,}$")
_ROW = re.compile(r"\s*\|?(.*\|.*?)\|?\s*$")
_UNDER_TITLES = re.compile(r"\s*\|?\s*:?-{1,}:?\s*(?:\|\s*:?-{1,}:?\s*)*\|?\s*$")
_SHOUTED_WORDS = 8
_FENCE = re.compile(r"\s*(?:```|~~~)")
_WRAPPED_FROM = 50
"""Lines of so many characters are broken by an editor; shorter ones were ended by whoever wrote them."""


def read_markdown(text: str, title: str) -> Document:
    """``title`` is used where the text has no heading of the first level."""
    blocks = tuple(_blocks(_body(text).split("\n"), wrapped=True))
    first = next((one.text for one in blocks if isinstance(one, Heading) and one.level == 1), "")
    return Document(first or title, blocks)


def read_plain(text: str, title: str) -> Document:
    """Text without markup, though its lists are seen; a line is a statement unless an editor broke it."""
    return Document(title, tuple(_blocks(text.split("\n"), wrapped=False)))


def _body(text: str) -> str:
    """Without front matter and comments."""
    text = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def _blocks(lines: list[str], *, wrapped: bool) -> list[Block]:
    found: list[Block] = []
    paragraph: list[str] = []
    items: list[str] = []

    def close() -> None:
        if items:
            found.append(Listing(tuple(items)))
        for text in _statements(paragraph, wrapped=wrapped):
            found.append(Paragraph(text))
        items.clear()
        paragraph.clear()

    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        heading = _HEADING.match(line) if wrapped else None
        if _FENCE.match(line) and wrapped:
            close()
            while at < len(lines) and not _FENCE.match(lines[at]):
                at += 1
            at += 1
        elif not line.strip():
            # A list goes on behind an empty line; text behind one does not belong to it.
            following = lines[at] if at < len(lines) else ""
            if not (items and _ITEM.match(following)):
                close()
        elif heading:
            close()
            found.append(Heading(len(heading[1]), _inline(heading[2])))
        elif paragraph and not items and _UNDERLINE.match(line) and len(paragraph) == 1:
            text, level = paragraph.pop(), 1 if line.startswith("=") else 2
            close()
            found.append(Heading(level, text))
        elif not wrapped and line.isupper() and not items and _is_shouted(line):
            close()
            found.append(Heading(2, plain(line)))
        elif _RULE.match(line):
            close()
        elif "|" in line and at < len(lines) and _UNDER_TITLES.match(lines[at]):
            close()
            rows = []
            titles, at = _cells(line), at + 1
            while at < len(lines) and (row := _ROW.match(lines[at])):
                rows.append(_cells(row[0]))
                at += 1
            made = table(rows, titles)
            if made is not None:
                found.append(made)
        elif _ITEM.match(line) and not (paragraph and not items and line[:1].isdigit()):
            if paragraph:
                close()
            items.append(_inline(_ITEM.sub("", line, count=1)))
        elif items and line.startswith((" ", "\t")):
            items[-1] = f"{items[-1]} {_inline(line)}"
        else:
            if items:
                close()
            paragraph.append(_inline(line))
    close()
    return found


def _is_shouted(line: str) -> bool:
    """A heading, in text that knows no other: "OPENING TIMES"."""
    return (
        len(line.split()) <= _SHOUTED_WORDS
        and line.rstrip()[-1] not in ".!,;"
        and sum(map(str.isalpha, line)) > 3
    )


def _statements(lines: list[str], *, wrapped: bool) -> list[str]:
    lines = [line for line in lines if line]
    if wrapped or not lines:
        return [" ".join(lines)] if lines else []
    longest = max(map(len, lines))
    found = [lines[0]]
    for before, line in itertools.pairwise(lines):
        broken = longest >= _WRAPPED_FROM and len(before) > 0.7 * longest and before[-1] not in ".:!?"
        broken = broken or line[:1].islower()
        if broken:
            found[-1] = f"{found[-1]} {line}"
        else:
            found.append(line)
    return found


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [_inline(cell.replace(r"\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]


def _inline(text: str) -> str:
    """Without the marks for emphasis, links and code."""
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    text = re.sub(r"<(https?://|mailto:)?([^<>\s]+)>", lambda found: found[2] if found[1] else "", text)
    text = re.sub(r"(?<!\\)(\*\*|__|~~|`+)(?=\S)(.+?)(?<=\S)\1", r"\2", text)
    text = re.sub(r"(?<![\\\w*])([*_])(?=\S)(.+?)(?<=\S)\1(?![\w*])", r"\2", text)
    return plain(re.sub(r"\\([\\`*_{}\[\]()#+.!|>~-])", r"\1", text.removeprefix(">")))
