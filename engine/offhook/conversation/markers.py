"""Characters in; plain text and the marks in it out: tags, special tokens, ``end_call()``.

A mark is held back until it is complete or can no longer be one.  Pure, and fed with one
character at a time, so that the pieces of a stream change nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from offhook.conversation.findings import GAP, SEAM
from offhook.conversation.marker_names import BARE_TOKENS, BRACKETED, END_CALL, LINE_TAGS, SPACE_TAGS

_MAX_MARK_CHARS = 300
_BARS = "|\uff5c"
_ATTRIBUTE = r"""[\w:.-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+)"""
_TAG = re.compile(rf"<(?:/?(?:[a-z][\w:.=-]*|0x[0-9a-f]+)(?:\s+{_ATTRIBUTE})*\s*/?|[!?][a-z][^<>]*)>", re.I)
_TAG_BEGUN = re.compile(
    rf"""<(?:/?(?:[a-z][\w:.=-]*|0(?:x[0-9a-f]*)?)?(?:\s+{_ATTRIBUTE})*\s*"""
    rf"""(?:/|[\w:.-]+(?:\s*=\s*(?:"[^"<>]*|'[^'<>]*|[^\s"'<>]*))?)?"""
    rf"""|[!?](?:[a-z][^<>]*)?|!-{{0,2}})""",
    re.I,
)
_TOKEN = re.compile(rf"<[{_BARS}]/?[\w\u2581.:/ -]{{1,40}}[{_BARS}]?>|</?[\w\u2581.:-]{{1,40}}[{_BARS}]>")
_TOKEN_BEGUN = re.compile(rf"<[{_BARS}]?/?[\w\u2581.:/ -]{{0,40}}[{_BARS}]?")
_SPACED_END_CALL = re.compile(r"</?end call\s*/?>", re.I)
CALL = "end_call"
WRITTEN_CALL = "("
"""The bracket of a :class:`Marker` that is a call written as in a program: "look_up(day='Monday')"."""
_ADDRESSED = re.compile(
    r"(?:commentary |assistant ?)?to=functions\.[\w.-]+(?: ?(?:json|code))?|functions\.[\w.-]+(?::\d+)?"
    r"|(?:print\()?default_api\.\w+\([^()]*\)\)?"
)
"""gpt-oss and Kimi, their tokens stripped (arguments are JSON, which is not said anyway), and Gemini."""
_ADDRESSED_BEGUN = re.compile(
    r"(?:commentary )?(?:to=)?functions\.[\w.:-]*(?: ?[a-z]{0,4})?"
    r"|(?:print\()?default_api\.\w*(?:\([^()]*\)?\)?)?"
)
_ADDRESSED_WORDS = (
    "commentary to=functions.",
    "to=functions.",
    "functions.",
    "print(default_api.",
    "default_api.",
)


_ARGUMENTS = re.compile(r"\s*|\s*(?:\w+\s*[=:].*|[\"'{\[].*)", re.DOTALL)
_ARGUMENTS_BEGUN = re.compile(r"\s*(?:\w*|\w+\s*(?:[=:].*)?|[\"'{\[].*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Marker:
    """One complete mark."""

    raw: str
    name: str
    """In small letters; without brackets, bars, slashes and what follows the name."""
    closes: bool = False
    """``</name>``, ``[/NAME]``, ``<name|>``."""
    token: bool = False
    """A special token of a model rather than a tag of HTML, XML or SSML."""
    bracket: str = "<"


class MarkerScanner:
    """Finds the marks of one answer."""

    def __init__(self, tools: Sequence[str] = ()) -> None:
        """``tools``: names that make a call, with round brackets and arguments behind them."""
        self._tools = tuple(name for name in tools if name and name != CALL)
        self._initials = frozenset("<[\u25c1eE") | {name[0] for name in (*self._tools, *_ADDRESSED_WORDS)}
        self._held = ""
        self._last = ""
        """The character before what is held."""

    def push(self, char: str) -> list[str | Marker]:
        """What is certain with one more character: text and marks, in their order."""
        if not self._held and char not in self._initials:
            self._last = char
            return [char]
        found: list[str | Marker] = []
        self._held += char
        while self._held:
            size, what = self._step()
            if not size:
                break
            self._last = self._held[size - 1]
            self._held = self._held[size:]
            if what:
                found.append(what)
        return found

    def flush(self) -> tuple[str, str]:
        """The text has ended: what was held and is text after all, and the beginning of a mark."""
        held, self._held = self._held, ""
        if held[:1] == "<" and len(held) > 1 and not held[1:2].isspace():
            return "", held
        if held[:1] in ("[", "\u25c1") and len(held) > 3:
            return "", held
        if held.lower().startswith(CALL):
            return "", held
        if _ADDRESSED.fullmatch(held):
            return "", held
        return held, ""

    def _step(self) -> tuple[int, str | Marker]:
        """How many characters are decided, and what they are; 0: not decided yet."""
        held = self._held
        if held[0] == "<":
            return self._angle(held)
        if held[0] == "[":
            return self._bracket(held)
        if held[0] == "\u25c1":
            return self._triangle(held)
        if self._last.isalnum() or self._last in ("_", '"', "'"):
            return 1, held[0]
        size, what = self._word(held) if held[0] in "eE" else (1, held[0])
        if size == 1:
            size, what = self._addressed(held)
        return self._written_call(held) if size == 1 else (size, what)

    def _angle(self, held: str) -> tuple[int, str | Marker]:
        if held == "<!--":
            return 4, Marker(held, "!--")
        if held[-1] == ">" and len(held) > 1:
            if _TOKEN.fullmatch(held):
                return len(held), _token(held)
            if _SPACED_END_CALL.fullmatch(held):
                return len(held), Marker(held, CALL)
            if _TAG.fullmatch(held):
                return len(held), _tag(held)
            return 1, "<"
        if len(held) <= _MAX_MARK_CHARS and (
            _TOKEN_BEGUN.fullmatch(held)
            if held[1:2] in ("|", "\uff5c")
            else (_TAG_BEGUN.fullmatch(held) or re.fullmatch(r"</?[\w\u2581.:-]{0,40}[|\uff5c]", held))
        ):
            return 0, ""
        return 1, "<"

    def _bracket(self, held: str) -> tuple[int, str | Marker]:
        inside = held[1:].lower()
        if inside.endswith("]"):
            name = inside[:-1]
            if name in BRACKETED or re.fullmatch(r"unused_token_\d+", name):
                bare = name.strip(_BARS)
                marker = Marker(held, bare.removeprefix("/"), bare.startswith("/"), True, "[")
                return len(held), marker
            return 1, "["
        if any(name.startswith(inside) for name in BRACKETED):
            return 0, ""
        return (0, "") if re.fullmatch(r"unused_token_\d{0,6}", inside) else (1, "[")

    def _triangle(self, held: str) -> tuple[int, str | Marker]:
        if held.endswith("\u25b7"):
            name = held[1:-1].lower()
            return len(held), Marker(held, name.removeprefix("/"), name.startswith("/"), True, "\u25c1")
        return (0, "") if len(held) < 20 and re.fullmatch(r".[/\w]*", held) else (1, held[0])

    def _word(self, held: str) -> tuple[int, str | Marker]:
        size = len(CALL)
        if held[:size].lower() != CALL[: len(held)]:
            return 1, held[0]
        if len(held) <= size:
            return 0, ""
        if held[size] == "(":
            end = held.find(")")
            if end < 0 and "\n" not in held and len(held) < _MAX_MARK_CHARS:
                return 0, ""
            size = end + 1 or size
        elif held[size].isalnum() or held[size] == "_":
            return 1, held[0]
        return size, Marker(held[:size], CALL, bracket="e")

    def _written_call(self, held: str) -> tuple[int, str | Marker]:
        """A tool's name and what it is given: ``name(...)`` with nothing in it, or "=" or quotation marks."""
        for name in self._tools:
            if name.startswith(held) or held == name:
                return 0, ""
            if not held.startswith(f"{name}("):
                continue
            inside, closed, _ = held[len(name) + 1 :].partition(")")
            if not closed:
                more = len(held) < _MAX_MARK_CHARS and _ARGUMENTS_BEGUN.fullmatch(inside)
                return (0, "") if more else (1, held[0])
            if _ARGUMENTS.fullmatch(inside):
                size = len(name) + len(inside) + 2
                return size, Marker(held[:size], name, bracket=WRITTEN_CALL)
        return 1, held[0]

    def _addressed(self, held: str) -> tuple[int, str | Marker]:
        begun = len(held) < _MAX_MARK_CHARS and _ADDRESSED_BEGUN.fullmatch(held)
        if begun or any(words.startswith(held) for words in _ADDRESSED_WORDS):
            return 0, ""
        found = _ADDRESSED.match(held)
        if found is None:
            return 1, held[0]
        return found.end(), Marker(found.group(), "functions", bracket=WRITTEN_CALL)


def _token(raw: str) -> Marker:
    inside = raw[1:-1].lower()
    opened, closed = inside[:1] in _BARS, inside[-1:] in _BARS
    name = inside.strip(_BARS).strip()
    closes = name.startswith("/") or (closed and not opened)
    return Marker(raw, name.strip("/"), closes, True)


def _tag(raw: str) -> Marker:
    inside = raw[1:-1].lower()
    closes = inside.startswith("/")
    words = inside.strip("/").split()
    name = words[0].partition("=")[0].rpartition(":")[2] if words else ""
    name = CALL if name in END_CALL else name
    return Marker(raw, name, closes, name in BARE_TOKENS or name.startswith("0x"))


def gap_of(marker: Marker) -> str:
    """What a tag that is not said leaves behind."""
    if marker.name in LINE_TAGS:
        return "\n"
    if marker.name == "li":
        return "\n" if marker.closes else "\n- "
    return GAP if marker.name in SPACE_TAGS else SEAM
