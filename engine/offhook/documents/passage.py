"""What is known of a document in a call."""

from __future__ import annotations

from dataclasses import dataclass, field

from offhook.documents.chunks import SEPARATOR

_NEAREST = 2
"""Headings that help to find a passage; those further up are about all of the document."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Something that a document says."""

    text: str
    heading: str = ""
    """What stands above it, the highest first (:data:`offhook.documents.chunks.SEPARATOR`)."""
    source: str = ""
    """Which document."""
    vectors: bytes | None = field(default=None, repr=False)
    """As ``offhook.knowledge.vectors`` packs them; None: not computed yet."""
    model: str | None = None
    """What computed them."""

    @property
    def about(self) -> str:
        """The nearest headings, without the document's own title."""
        return ", ".join(self.heading.split(SEPARATOR)[1:][-_NEAREST:])
