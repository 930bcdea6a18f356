"""Pieces of documents beside an agent's facts."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from offhook.agents.loader import Agent
from offhook.documents.chunks import chunks
from offhook.documents.passage import Passage
from offhook.documents.reading import files_in, read_file
from offhook.errors import ConfigError, DocumentError
from offhook.knowledge.base import FactMatcher
from offhook.knowledge.items import Item, pack_items
from offhook.knowledge.notes import parts
from offhook.knowledge.vectors import Progress, VectorCache

_log = logging.getLogger("offhook.knowledge")


def with_vectors(
    passages: Sequence[Passage],
    matcher: FactMatcher,
    cache: VectorCache | None = None,
    progress: Progress | None = None,
    *,
    language: str = "en",
) -> list[Passage]:
    """The same with the vectors by which ``matcher`` finds them: some 5 ms each, unless they are kept.

    ``language``: what they are written in.
    """
    items = [
        Item(n, one.text, tuple(parts(one.text)), (), one.about, language=language)
        for n, one in enumerate(passages)
    ]
    packed = pack_items(items, matcher, cache, progress=progress)
    return [
        replace(one, vectors=vectors, model=matcher.key)
        for one, vectors in zip(passages, packed, strict=True)
    ]


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
