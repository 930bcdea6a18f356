"""Marks within a line: emphasis, links, stage directions, entities.

Each rule looks at the characters that are held and says how many of them are decided.
"""

from __future__ import annotations

import html
import re

from offhook.conversation.asides import is_aside, may_be_aside
from offhook.conversation.findings import GAP, SEAM, Findings
from offhook.conversation.marker_names import words
from offhook.conversation.spoken import Spoken

Step = tuple[int, str]
"""Characters that are decided, and what is said for them; 0 characters: not decided yet."""
MORE: Step = (0, "")

_MAX_ASIDE_CHARS = 80
_MAX_URL_CHARS = 500
_MAX_CITATION_CHARS = 60
_DIGITS = re.compile(r"\[\^?[\d, ]+\]|\[\^\w{1,20}\]|\[[ xX]\]")
_DIGITS_BEGUN = re.compile(r"\[(?:\^?[\d, ]*|\^\w{0,20}|[xX])")
_NUMBER_WORDS = words("press dial option key number hit button")
_IMAGE = re.compile(r"!\[[^\]\n]*\]\([^)\n]*\)")
_IMAGE_BEGUN = re.compile(r"!\[[^\]\n]*(?:\](?:\([^)\n]*)?)?")
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[0-9a-f]{1,5}|[a-z]{2,8});", re.IGNORECASE)
_ENTITY_BEGUN = re.compile(r"&(?:#(?:\d{0,6}|x[0-9a-f]{0,5})|[a-z]{0,8})", re.IGNORECASE)
_CLOSING = {"(": ")", "[": "]", "*": "*", "_": "_"}
_SPECIAL = frozenset("*_[]()|&!~\u3010")


class Inline:
    """The rules for one answer; what is said goes to ``out``."""

    def __init__(self, findings: Findings, out: Spoken) -> None:
        self._findings = findings
        self._out = out

    def step(self, held: str, final: bool) -> Step:
        """Decide about the first of the characters held; ``final``: no more will come."""
        char = held[0]
        if char not in _SPECIAL:
            return 1, self._out.put(char)
        if char in "*_":
            return self._emphasis(held, final)
        if char == "(":
            return self._aside(held, final, keep="(")
        if char == "[":
            return self._bracket(held, final)
        if char == "]":
            return self._closing(held, final)
        if char == "!":
            return self._image(held, final)
        if char == "&":
            return self._entity(held, final)
        if char == "|":
            return self.drop(1, gap=True)
        if char == "\u3010":
            return self._citation(held, final)
        return 1, self._out.put(char)

    def mark(self, size: int) -> Step:
        """``size`` characters are marks at words that stay."""
        self._findings.note("markup")
        return size, ""

    def drop(self, size: int, kind: str = "markup", *, gap: bool = False) -> Step:
        """``size`` characters stand for themselves and go, with the white space at one side."""
        self._findings.note(kind)
        self._out.cut(gap=gap)
        return size, ""

    def _emphasis(self, held: str, final: bool) -> Step:
        run = len(held) - len(held.lstrip(held[0]))
        if run == len(held) and not final:
            return MORE
        after = held[run : run + 1]
        if run == 1 and self._out.last.isdigit() and after.isdigit():
            return 1, self._out.put(held[0])
        if held[0] == "_" and not self._out.spaced and self._out.last.isalnum() and after.isalnum():
            return run, self._out.put(held[:run])
        if not after or after.isspace():
            lonely = self._out.spaced and held[0] == "*"
            return (run, self._out.put(held[:run])) if lonely else self.mark(run)
        if run < 3 and (self._out.spaced or not self._out.last.isalnum()):
            return self._aside(held, final, run=run)
        return self.mark(run)

    def _bracket(self, held: str, final: bool) -> Step:
        if _DIGITS.match(held):
            size = held.index("]") + 1
            inside = held[1 : size - 1]
            return (size, self._out.put(inside)) if self._out.word in _NUMBER_WORDS else self.drop(size)
        if _DIGITS_BEGUN.fullmatch(held) and not final:
            return MORE
        return self._aside(held, final)

    def _closing(self, held: str, final: bool) -> Step:
        """``]`` of a link's text, with the address after it."""
        if len(held) < 2 and not final:
            return MORE
        if held[1:2] != "(":
            return self.mark(1)
        end = held.find(")")
        if end > 0:
            return self.mark(end + 1)
        if final or len(held) > _MAX_URL_CHARS or re.search(r"\s", held):
            return self.mark(1)
        return MORE

    def _image(self, held: str, final: bool) -> Step:
        if not final and held == "!":
            return MORE
        found = _IMAGE.match(held)
        if found:
            return self.drop(found.end())
        if not final and len(held) < _MAX_URL_CHARS and _IMAGE_BEGUN.fullmatch(held):
            return MORE
        return 1, self._out.put("!")

    def _aside(self, held: str, final: bool, *, run: int = 1, keep: str = "") -> Step:
        """A bracket that may hold a stage direction; ``keep`` is said for it when it does not.

        ``run``: of so many characters it consists.
        """
        end = held.find(_CLOSING[held[0]] * run, run)
        if end > 0:
            empty = not held[run:end].strip(" " + GAP + SEAM)
            if empty or is_aside(held[run:end], alone=self._out.alone, bracket=held[0]):
                return self.drop(end + run, "aside", gap=True)
        elif (
            not final
            and len(held) < _MAX_ASIDE_CHARS
            and may_be_aside(held[run:].lstrip(GAP + SEAM), held[0])
        ):
            return MORE
        return (run, self._out.put(keep)) if keep else self.mark(run)

    def _entity(self, held: str, final: bool) -> Step:
        found = _ENTITY.match(held)
        if found:
            self._findings.note("markup")
            return found.end(), self._out.put(html.unescape(found.group()))
        return MORE if not final and _ENTITY_BEGUN.fullmatch(held) else (1, self._out.put("&"))

    def _citation(self, held: str, final: bool) -> Step:
        end = held.find("\u3011")
        if end > 0:
            return self.drop(end + 1)
        if final or len(held) > _MAX_CITATION_CHARS or "\n" in held:
            return 1, self._out.put(held[0])
        return MORE
