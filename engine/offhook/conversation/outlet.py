"""The last part of the filter: quotation marks around the whole answer, and how much of it there may be."""

from __future__ import annotations

from offhook.conversation.findings import Findings

_QUOTES = {'"': '"', "\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb", "'": "'", "\u2018": "\u2019"}
_SENTENCE_ENDS = frozenset(".?!\u2026\u3002\uff01\uff1f\u061f\u0964")
_CLOSERS = frozenset("\"')]\u201d\u2019\u00bb")
_MARGIN_CHARS = 400
"""So near the limit only whole sentences go out."""


class Outlet:
    """Text in, text to be spoken out.  Feed it one character at a time."""

    def __init__(self, findings: Findings, max_characters: int, used: int = 0) -> None:
        """``used`` characters have gone out before this."""
        self._findings = findings
        self._max = max_characters
        self._used = used + 1 if used else 0
        self._lead = "\n" if used else ""
        self._done = False
        self._margin = min(_MARGIN_CHARS, max_characters // 2)
        self._zone = ""
        self._whole = 0
        """So many characters of the zone are whole sentences."""
        self._begun = False
        self._closer = ""
        self._inner = 0
        """Quotations open within the outer one."""
        self._last = ""
        self._held = ""
        """A quotation mark that may be the closing one."""

    @property
    def used(self) -> int:
        """Characters that have gone out."""
        return self._used

    def push(self, char: str) -> str:
        """What may be said of the text up to ``char``."""
        if not self._begun:
            if char.isspace():
                return ""
            if char in _QUOTES and not self._closer:
                self._closer = _QUOTES[char]
                self._findings.note("quotes")
                return ""
            self._begun = True
        out = "".join([self._limit(each) for each in self._unquoted(char)])
        if out and self._lead:
            out, self._lead = self._lead + out, ""
        return out

    def flush(self) -> str:
        """The text has ended: white space and the last quotation mark go."""
        held, self._held = self._held, ""
        zone, self._zone = self._zone, ""
        self._used += len(zone)
        return zone + (held if self._inner and not self._done else "")

    def _unquoted(self, char: str) -> str:
        if not self._closer:
            return char
        held, self._held = self._held, ""
        out = ""
        if held:  # what stands after it tells whether it closes
            closes = not (char.isalnum() and self._closer in "'\u2019")
            if closes and self._inner:
                self._inner -= 1
                out = held
            elif closes:
                self._closer = ""
            else:
                out = held
        if char == self._closer:
            if self._last.isspace() or not self._last:
                self._inner += 1
            else:
                self._held = char
                self._last = char
                return out
        self._last = char
        return out + char

    def _limit(self, char: str) -> str:
        if self._done:
            return ""
        if not self._zone and self._used < self._max - self._margin:
            self._used += 1
            return char
        if char.isspace() and self._zone.rstrip("".join(_CLOSERS))[-1:] in _SENTENCE_ENDS and self._zone:
            self._whole = len(self._zone)
        self._zone += char
        if self._used + len(self._zone) > self._max:
            return self._cut()
        return ""

    def _cut(self) -> str:
        """The limit is reached: what is whole goes out, and the answer is over."""
        self._findings.finish("length")
        self._done = True
        zone, self._zone = self._zone[:-1], ""
        words = len(zone.rstrip()) if zone[-1:].isspace() else zone.rfind(" ")
        text = zone[: self._whole or (words if words > 0 else len(zone))]
        self._used += len(text)
        return text
