"""PDF files that hold text.

A PDF knows where letters stand, not what they are: headings, lists and tables are told by their lines.  What
comes again at the edge of most pages (page numbers, the house's address) is left out.
"""

from __future__ import annotations

import io
import logging
import re
from collections import Counter

from offhook.documents.blocks import Block, Document, Heading, Listing, Paragraph, plain, table
from offhook.documents.needed import needed
from offhook.errors import DocumentError

MAX_PAGES = 1_000
_EDGE_LINES = 3
"""At the top and the bottom of a page: there running titles and page numbers stand."""
_RUNNING_PAGES = 3
_COLUMNS = re.compile(r"\s{3,}|\s*(?:\.\s?){4,}\s*|\s*\u2026{2,}\s*|\t+")
"""A gap between cells: spaces, or dots that lead the eye."""
_NARROW = re.compile(r"\s{2,}")
"""Enough between cells where the row above has as many."""
_ITEM = re.compile(r"^(?:[\u2022\u2023\u25cf\u25aa\u25e6*\u2013-]|\d{1,2}[.)])\s+(?=\S)")
_HEADING_WORDS = 9
_END = (".", "!", "?", ":", ";", ",")


def read_pdf(content: bytes, title: str) -> Document:
    """Raises DocumentError when there is no text to be had."""
    pypdf = needed("pypdf")
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # its warnings are about the file's inner order
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError("is locked with a password: save it without one")
        if len(reader.pages) > MAX_PAGES:
            raise DocumentError(f"has {len(reader.pages):,} pages; {MAX_PAGES:,} are read at most: cut it")
        pages = [_lines(page) for page in reader.pages]
        named = reader.metadata.title if reader.metadata else None
    except DocumentError:
        raise
    except Exception as error:  # whatever a broken file makes the library stumble over
        raise DocumentError("is no PDF that can be read: print it to PDF again") from error
    if not any(any(line.strip() for line in page) for page in pages):
        raise DocumentError(
            "has no text, only pictures of pages: run it through text recognition (OCR) first"
        )
    running = _running(pages)
    blocks: list[Block] = []
    for page in pages:
        blocks += _blocks([line for line in page if _key(line) not in running])
    return Document(plain(named or "") or title, tuple(blocks))


def _lines(page: object) -> list[str]:
    """The page's lines, with the gaps between their columns where the library sees them."""
    extract = page.extract_text  # type: ignore[attr-defined]
    try:
        laid_out = str(extract(extraction_mode="layout", layout_mode_space_vertically=False))
    except Exception:  # its view of the page is the younger one, and stumbles over some
        laid_out = ""
    plainly = str(extract())
    # Where letters are turned or overlap the laid-out view loses some; words count more than columns.
    chosen = laid_out if len(_words(laid_out)) >= 0.95 * len(_words(plainly)) else plainly
    return [line.strip() for line in chosen.split("\n")]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def _key(line: str) -> str:
    return re.sub(r"\d+", "#", plain(line).lower())


def _running(pages: list[list[str]]) -> frozenset[str]:
    if len(pages) < _RUNNING_PAGES:
        return frozenset()
    seen: Counter[str] = Counter()
    for page in pages:
        filled = [line for line in page if line.strip()]
        seen.update({_key(line) for line in (*filled[:_EDGE_LINES], *filled[-_EDGE_LINES:])})
    return frozenset(key for key, count in seen.items() if count >= max(_RUNNING_PAGES, len(pages) / 2))


def _blocks(lines: list[str]) -> list[Block]:
    found: list[Block] = []
    text: list[str] = []
    items: list[str] = []
    rows: list[list[str]] = []
    widest = max((len(plain(line)) for line in lines), default=0)
    numbered = False

    def close(following: str = "") -> None:
        if rows:
            found.extend(_tables(list(rows)))
        if len(items) == 1 and _is_numbered_heading(items[0], following):
            found.append(Heading(2, items[0]))
        elif items:
            found.append(Listing(tuple(items)))
        if text:
            found.append(Paragraph(plain(_joined(text))))
        for each in (rows, items, text):
            each.clear()

    for at, line in enumerate(lines):
        following = next((one for one in lines[at + 1 :] if one.strip()), "")
        cells = [cell for cell in _COLUMNS.split(line) if cell.strip()]
        if rows and len(cells) != len(rows[0]):
            near = [cell for cell in _NARROW.split(line) if cell.strip()]
            cells = near if len(near) == len(rows[0]) else cells
        if not line.strip():
            close()
        elif _ITEM.match(line) and (len(cells) < 2 or not line[:1].isdigit()):
            if text or rows:
                close()
            items.append(plain(_ITEM.sub("", line)))
            numbered = line[:1].isdigit()
        elif len(cells) > 1:
            if text or items:
                close()
            rows.append(cells)
        elif (
            items
            and (line[:1].islower() or not items[-1].endswith(_END[:3]))
            and len(items[-1]) > 0.5 * widest
        ):
            items[-1] = plain(_joined([items[-1], line]))
        elif _is_heading(line, text, following, widest):
            close()
            found.append(Heading(2, plain(line)))
        else:
            if rows or items:
                close(line if numbered else "")
            text.append(line)
            if len(plain(line)) < 0.7 * widest and line.rstrip().endswith(_END[:3]):
                close()  # a short last line ends a paragraph
    close()
    return found


def _tables(rows: list[list[str]]) -> list[Block]:
    """The rows as a table; those that lack a cell have no titles: nobody knows which is missing."""
    made = table(rows)
    if made is None or not made.titles or len({len(row) for row in rows}) == 1:
        return [] if made is None else [made]
    whole = [row for row in rows if len(row) == len(rows[0])]
    parts = [table(whole), *(table([row], []) for row in rows if len(row) != len(rows[0]))]
    return [part for part in parts if part is not None]


def _is_numbered_heading(item: str, following: str) -> bool:
    """ "3. Brakes", alone above running text: no list of one."""
    short = len(item.split()) <= _HEADING_WORDS and not item.endswith(_END)
    return short and following[:1].isupper() and len(following.split()) > len(item.split())


def _is_heading(line: str, text: list[str], following: str, widest: int) -> bool:
    words = plain(line).split()
    if not words or len(words) > _HEADING_WORDS or (line.rstrip().endswith(_END) and not line.endswith("?")):
        return False
    if (text and not text[-1].rstrip().endswith(_END)) or not following:
        return False
    begins = words[0][0].isupper() or words[0][0].isdigit()
    return begins and not following[:1].islower() and len(plain(line)) < max(0.7 * widest, 30)


def _joined(lines: list[str]) -> str:
    """Lines as running text; a word that was divided at the end of a line is whole again."""
    found = lines[0]
    for line in lines[1:]:
        divided = re.search(r"[^\W\d_]{2,}[-\u2010]$", found) and line[:1].islower()
        found = found[:-1] + line.lstrip() if divided else f"{found} {line}"
    return found
