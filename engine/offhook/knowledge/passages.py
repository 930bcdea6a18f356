"""Pieces of documents beside an agent's facts."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from offhook.agents.loader import Agent
from offhook.documents.chunks import SEPARATOR, chunks
from offhook.documents.reading import files_in, read_file
from offhook.errors import ConfigError, DocumentError

_log = logging.getLogger("offhook.knowledge")
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
    """As :mod:`.vectors` packs them; None: not computed yet."""
    model: str | None = None
    """What computed them."""

    @property
    def about(self) -> str:
        """The nearest headings, without the document's own title."""
        return ", ".join(self.heading.split(SEPARATOR)[1:][-_NEAREST:])


def read_passages(agent: Agent) -> list[Passage]:
    """What the documents say that the agent's file names.  Blocks for as long as reading takes.

    A document that cannot be read is left out, with one line in the log; the others go on.
    """
    found: list[Passage] = []
    for named in agent.knowledge:
        try:
            for path in files_in(named):
                try:
                    document, _ = read_file(path)
                except (DocumentError, ConfigError) as error:
                    _log.warning("a document is left out: %s", error)
                    continue
                found += [
                    Passage(each.text, each.heading, str(path)) for each in chunks(document, agent.language)
                ]
        except ConfigError as error:
            _log.warning("documents are left out: %s", error)
    return found
