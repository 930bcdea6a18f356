"""Keys that a caller presses, collected into what they meant to enter.  Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

TERMINATOR = "#"
MAX_DIGITS = 64
MS = 1_000_000


@dataclass(slots=True)
class DigitCollector:
    """An entry is over when it has its length, at the terminator, or when nothing follows for a while.

    The same three ends as AGI's GET DATA has.
    """

    timeout_ms: int = 3_000
    """Allowed between two keys."""
    _digits: str = ""
    _last_ns: int = 0

    @property
    def open(self) -> bool:
        """An entry has begun."""
        return bool(self._digits)

    def press(self, key: str, now_ns: int, length: int | None = None) -> str | None:
        """One more key; the entry, when that completes it.

        ``length`` is how many are expected, None when that is not known.  The terminator is not
        part of the entry; alone, it enters nothing.
        """
        self._last_ns = now_ns
        if key == TERMINATOR:
            return self._take()
        self._digits += key
        if len(self._digits) >= (length or MAX_DIGITS):
            return self._take()
        return None

    def tick(self, now_ns: int, *, speaking: bool = False) -> str | None:
        """Time has passed; the entry, when nothing has followed for too long.

        Who is ``speaking`` may still be entering something and is given twice the time, not for ever: what
        speaks may be a television.
        """
        if self._digits and now_ns - self._last_ns >= self.timeout_ms * MS * (2 if speaking else 1):
            return self._take()
        return None

    def _take(self) -> str | None:
        digits, self._digits = self._digits, ""
        return digits or None
