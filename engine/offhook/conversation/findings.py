"""What the parts of the answer filter find in one answer, and the marks that they leave each other."""

from __future__ import annotations

GAP = "\ue000"
"""Something was taken out here: what stood before and after it stays apart, by one space."""
SEAM = "\ue001"
"""Something was taken out here that separated nothing."""


class Findings:
    """Shared by the parts of one filter."""

    def __init__(self) -> None:
        self.finished = False
        """No more of this answer is wanted."""
        self.ends_call = False
        """The model has decided to end the call."""
        self._removed: dict[str, None] = {}

    @property
    def removed(self) -> tuple[str, ...]:
        """The kinds of things that were taken out or rewritten, in the order they were found."""
        return tuple(self._removed)

    def note(self, kind: str) -> None:
        """Something of this kind was taken out or rewritten."""
        self._removed.setdefault(kind)

    def finish(self, kind: str) -> None:
        """The answer ends here, because of something of this kind."""
        self.note(kind)
        self.finished = True

    def end_call(self) -> None:
        """The model asks for the end of the call."""
        self.note("end_call")
        self.ends_call = True
