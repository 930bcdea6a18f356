"""Web pages, and what Word documents are turned into.

What stands around a page (menus, banners, forms, lists of links) is left out; a footer's text stays, because
addresses and hours are there.
"""

from __future__ import annotations

from typing import Any

from offhook.documents.blocks import Block, Document, Heading, Listing, Paragraph, Table, plain, table
from offhook.documents.needed import needed
from offhook.languages.turns.base import word_set

_SKIPPED = word_set("""
    script style noscript template svg nav form button select iframe dialog object embed canvas video audio
    menu head
""")
_ROLES = word_set("navigation dialog alertdialog search menu menubar tablist")
_BLOCKS = word_set("""
    address article aside blockquote body center details div dd dl dt fieldset figcaption figure footer h1 h2
    h3 h4 h5 h6 header hr li main ol p pre section summary table td th tr ul
""")
_HEADINGS = {f"h{level}": level for level in range(1, 7)} | {"dt": 7, "summary": 7}
_LINKED = 0.6
"""From this share of its characters on, a text of links leads elsewhere and says nothing."""
_NAME_WORDS = 8
_DEEPEST = 200
"""Elements inside each other; pages that have more are broken."""


def read_html(content: bytes | str, title: str) -> Document:
    """``title`` is used where the page has none.  Any bytes are some page; nothing is raised for them."""
    parser = needed("selectolax.lexbor").LexborHTMLParser(content)
    blocks: list[Block] = []
    _Walk(blocks).down(parser.body, 0)
    named = parser.css_first("title")
    first = next((one.text for one in blocks if isinstance(one, Heading)), "")
    return Document((plain(named.text()) if named is not None else "") or first or title, tuple(blocks))


class _Walk:
    """Goes through the elements in order; text gathers until a block begins or ends."""

    def __init__(self, blocks: list[Block]) -> None:
        self._blocks = blocks
        self._text: list[str] = []
        self._linked = 0

    def down(self, node: Any, depth: int, *, in_link: bool = False) -> None:
        if node is None or depth > _DEEPEST or _is_hidden(node):
            return
        tag = node.tag
        if tag == "table" and not node.css("table table"):
            self._close()
            self._table(node)
            return
        if tag in ("ul", "ol"):
            self._close()
            self._list(node, depth)
            return
        if tag in _HEADINGS:
            self._close()
            text = _visible(node)
            if text:
                self._blocks.append(Heading(_HEADINGS[tag], text))
            return
        if tag in _BLOCKS:
            self._close()
        if tag == "footer":
            self._blocks.append(Heading(1, ""))  # what the page ended with is not what it is about
        for child in node.iter(include_text=True):
            if child.tag == "-text":
                text = child.text(deep=False)
                self._text.append(text)
                self._linked += len(plain(text)) if in_link else 0
            elif child.tag == "br":
                if plain("".join(self._text))[-1:] not in ("", ",", ".", ":", ";", "!", "?"):
                    self._text.append(", ")
            else:
                self.down(child, depth + 1, in_link=in_link or child.tag == "a")
        if tag in _BLOCKS:
            self._close()

    def _close(self) -> None:
        text = plain("".join(self._text)).rstrip(",")
        if text and self._linked <= _LINKED * len(text):
            self._blocks.append(Paragraph(text))
        self._text, self._linked = [], 0

    def _list(self, node: Any, depth: int) -> None:
        items: list[str] = []
        links = 0
        inner: list[Block] = []
        for child in node.iter():
            before = len(inner)
            _Walk(inner).down(child, depth + 1)
            own = inner[before:]
            if len(own) > 1 or not all(isinstance(one, Paragraph) for one in own):
                # An item with a life of its own: its blocks stand for themselves.
                if items:
                    self._blocks.append(Listing(tuple(items)))
                    items = []
                self._blocks += _introduced(own)
            items += [one.text for one in own if isinstance(one, Paragraph) and len(own) == 1]
            links += child.css_first("a") is not None and not own
        if items and links <= len(items):
            self._blocks.append(Listing(tuple(items)))

    def _table(self, node: Any) -> None:
        titles: list[str] | None = None
        rows: list[list[str]] = []
        for row in node.css("tr"):
            cells = [cell for cell in row.iter() if cell.tag in ("td", "th")]
            texts = [_visible(cell) for cell in cells]
            if len(cells) > 1 and all(cell.tag == "th" for cell in cells) and not rows and titles is None:
                titles = texts
            else:
                rows.append(texts)
        made = table(rows, titles)
        if made is not None:
            self._blocks.append(made)


def _visible(node: Any) -> str:
    """What a reader sees of a heading or a cell: no scripts, nothing hidden (an old price, a template)."""
    found: list[str] = []

    def down(node: Any, depth: int) -> None:
        if depth > _DEEPEST or _is_hidden(node):
            return
        for child in node.iter(include_text=True):
            if child.tag == "-text":
                found.append(child.text(deep=False))
            else:
                found.append(" " if child.tag in _BLOCKS or child.tag == "br" else "")
                down(child, depth + 1)

    down(node, 0)
    return plain("".join(found))


def _introduced(own: list[Block]) -> list[Block]:
    """An item that names what the list inside it is about: "Hire", with a list of boats."""
    first = own[0] if len(own) > 1 and isinstance(own[1], Listing | Table) else None
    if (
        isinstance(first, Paragraph)
        and len(first.text.split()) <= _NAME_WORDS
        and first.text[-1] not in ".!?:"
    ):
        return [Paragraph(f"{first.text}:"), *own[1:]]
    return own


def _is_hidden(node: Any) -> bool:
    attributes = node.attributes or {}
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        node.tag in _SKIPPED
        or (attributes.get("role") or "") in _ROLES
        or "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or "display:none" in style
    )
