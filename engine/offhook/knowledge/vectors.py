"""Vectors of facts, kept: they depend on text and network alone, and take milliseconds each to compute.

Packed, a fact of 20 tokens takes 16 KB; tokens are kept with 16 bits each, which changes no answer, and are
packed and opened again also where nothing is kept, so that no answer depends on where vectors come from.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from offhook.files import cache_folder
from offhook.knowledge.base import Encoded, FactMatcher
from offhook.knowledge.multilingual import stems

_log = logging.getLogger("offhook.knowledge.vectors")
_HEADER = struct.Struct("<4sHHH")
_MAGIC = b"ofv1"
_MOST_BYTES = 2_000_000_000
"""Of a cache; beyond that what was not used for longest goes."""
_AT_ONCE = 256
"""Facts that are computed between two looks at whether anybody still wants them, and written together."""
_ASKED_AT_ONCE = 500
_BUSY_S = 5.0
Progress = Callable[[int, int], None]
"""Called with how many are done, and of how many."""


def pack(encoded: Encoded) -> bytes:
    """The vectors of a fact as bytes; its stems are its text's and are not among them."""
    tokens, parts = encoded.tokens, encoded.parts
    count = 0 if parts is None else len(parts)
    return b"".join(
        (
            _HEADER.pack(_MAGIC, len(encoded.vector), len(tokens), count),
            encoded.vector.astype("<f4").tobytes(),
            tokens.astype("<f2").tobytes(),
            np.array(encoded.spans, "<u2").tobytes(),
            b"" if parts is None else parts.astype("<f4").tobytes(),
        )
    )


def fits(packed: bytes, parts: int) -> bool:
    """Whether packed vectors are those of a fact that is cut into so many parts, as far as they have any.

    Those that are kept in a database may be older than the rules by which facts are cut.
    """
    return len(packed) >= _HEADER.size and _HEADER.unpack_from(packed)[3] in (0, parts)


def unpack(packed: bytes, text: str) -> Encoded:
    """What :func:`pack` made of the vectors of ``text``.  Raises ValueError when it is something else."""
    if len(packed) < _HEADER.size:
        raise ValueError("no vectors")
    magic, width, count, part_count = _HEADER.unpack_from(packed)
    sizes = (4 * width, 2 * count * width, 4 * count, 4 * part_count * width)
    if magic != _MAGIC or len(packed) != _HEADER.size + sum(sizes):
        raise ValueError("no vectors")
    at = _HEADER.size
    vector = np.frombuffer(packed, "<f4", width, at)
    tokens = np.frombuffer(packed, "<f2", count * width, at + sizes[0]).reshape(count, width)
    flat = np.frombuffer(packed, "<u2", 2 * count, at + sizes[0] + sizes[1]).tolist()
    spans = tuple(zip(flat[::2], flat[1::2], strict=True))
    parts = np.frombuffer(packed, "<f4", part_count * width, at + sum(sizes[:3])).reshape(part_count, width)
    known = stems(text) if not count else frozenset()  # compared where there are no tokens
    return Encoded(vector, tokens, spans, parts if part_count else None, known)


class VectorCache:
    """Packed vectors in one SQLite file, by text and network.  Thread-safe; what fails here is computed anew.

    Holds nothing but numbers, and nothing of callers: texts are facts, and are told by their hash.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def read(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those of ``keys`` that are known."""
        found: dict[bytes, bytes] = {}
        try:
            with self._lock, contextlib.closing(self._open()) as connection, connection:
                for begin in range(0, len(keys), _ASKED_AT_ONCE):
                    some = keys[begin : begin + _ASKED_AT_ONCE]
                    marks = ",".join("?" * len(some))
                    query = f"SELECT key, vectors FROM vectors WHERE key IN ({marks})"
                    found |= dict(connection.execute(query, some).fetchall())
                connection.executemany(_USE, [(key,) for key in found])
        except (sqlite3.Error, OSError) as error:
            _log.info("%s: vectors are computed anew: %s", self._path, error)
        return found

    def write(self, entries: Mapping[bytes, bytes]) -> None:
        """Keep ``entries``, as far as that is possible."""
        try:
            with self._lock, contextlib.closing(self._open()) as connection, connection:
                connection.executemany(_ADD, entries.items())
                (held,) = connection.execute(
                    "SELECT coalesce(sum(length(vectors)), 0) FROM vectors"
                ).fetchone()
                if held > _MOST_BYTES:
                    connection.execute(_FORGET)
        except (sqlite3.Error, OSError) as error:
            _log.info("%s: vectors are not kept: %s", self._path, error)

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=_BUSY_S)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_MAKE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection


_MAKE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vectors BLOB NOT NULL, used INTEGER)"
_NOW = "CAST(strftime('%s', 'now') AS INTEGER)"
_ADD = f"INSERT OR REPLACE INTO vectors (key, vectors, used) VALUES (?, ?, {_NOW})"
_USE = f"UPDATE vectors SET used = {_NOW} WHERE key = ? AND used < {_NOW} - 86400"
_FORGET = (
    "DELETE FROM vectors WHERE key IN"
    " (SELECT key FROM vectors ORDER BY used LIMIT (SELECT count(*) / 4 FROM vectors))"
)


def default_cache() -> VectorCache:
    """In offhook's cache."""
    return VectorCache(cache_folder() / "vectors.db")


def key_of(model: str, text: str, parts: Sequence[str]) -> bytes:
    """What vectors depend on."""
    return hashlib.sha256("\0".join((model, text, *parts)).encode("utf-8", "surrogatepass")).digest()


def encode_facts(
    matcher: FactMatcher,
    cache: VectorCache | None,
    texts: Sequence[str],
    parts: Sequence[Sequence[str]],
    known: Mapping[int, bytes] | None = None,
    progress: Progress | None = None,
) -> list[bytes]:
    """The packed vectors of ``texts``: those that are ``known`` by their place, or kept, or else computed."""
    found: dict[int, bytes] = dict(known or {})
    keys = [key_of(matcher.key, text, each) for text, each in zip(texts, parts, strict=True)]
    wanted = [place for place in range(len(texts)) if place not in found]
    if cache is not None and wanted:
        held = cache.read([keys[place] for place in wanted])
        found |= {place: held[keys[place]] for place in wanted if keys[place] in held}
        wanted = [place for place in wanted if place not in found]
    for begin in range(0, len(wanted), _AT_ONCE):
        places = wanted[begin : begin + _AT_ONCE]
        computed = matcher.encode_facts(
            [texts[place] for place in places], [parts[place] for place in places]
        )
        packed = {place: pack(each) for place, each in zip(places, computed, strict=True)}
        found |= packed
        if cache is not None:
            cache.write({keys[place]: each for place, each in packed.items()})
        if progress is not None:
            progress(begin + len(places), len(wanted))
    return [found[place] for place in range(len(texts))]
