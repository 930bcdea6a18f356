"""A file of any kind as a document."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from offhook.documents.blocks import Document
from offhook.documents.html import read_html
from offhook.documents.markdown import read_markdown, read_plain
from offhook.documents.pdf import read_pdf
from offhook.documents.tables import read_csv
from offhook.documents.word import read_word
from offhook.errors import ConfigError, DocumentError
from offhook.files import unreadable

MAX_BYTES = 50_000_000
_UNWRITTEN = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\x81\x8d\x8f\x90\x9d\ufffd]")
"""What nobody writes: control characters, and bytes that are nothing in Western Windows."""
Reader = Callable[[bytes, str], Document]


def _text_of(content: bytes) -> str:
    """UTF-8, or else what Western Windows writes, which every byte is something in.

    Raises DocumentError when that makes no text: a picture or a program under a text's name.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            text = content.decode("utf-16", errors="replace")
        else:
            text = content.decode("cp1252", errors="replace")
    if len(_UNWRITTEN.findall(text)) > len(text) / 100:
        raise DocumentError("holds no text, whatever its name says")
    return _UNWRITTEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


_READERS: dict[str, Reader] = {
    ".pdf": read_pdf,
    ".docx": read_word,
    ".html": read_html,
    ".htm": read_html,
    ".md": lambda content, title: read_markdown(_text_of(content), title),
    ".markdown": lambda content, title: read_markdown(_text_of(content), title),
    ".txt": lambda content, title: read_plain(_text_of(content), title),
    ".csv": lambda content, title: read_csv(_text_of(content), title),
    ".tsv": lambda content, title: read_csv(_text_of(content), title),
}
SUFFIXES = tuple(_READERS)
"""The endings of names that are known."""


def read_file(path: Path) -> tuple[Document, str]:
    """What ``path`` says, and the file's SHA-256.  Raises DocumentError or UnreadableError, in one line."""
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DocumentError(f"{path}: {size:,} bytes; {MAX_BYTES:,} are read at most: cut it")
        content = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    return read_content(content, path.suffix, str(path), path.stem), hashlib.sha256(content).hexdigest()


def read_content(content: bytes, suffix: str, named: str, title: str) -> Document:
    """What ``content`` says; ``suffix`` tells the kind, ``named`` stands in errors.  Raises DocumentError."""
    reader = _READERS.get(suffix.lower())
    if reader is None:
        raise DocumentError(f"{named}: {suffix or 'no ending'} is not known: there are {', '.join(SUFFIXES)}")
    try:
        document = reader(content, title.replace("_", " ").replace("-", " ").strip())
    except DocumentError as error:
        raise DocumentError(f"{named}: {error}") from error
    if not document.blocks:
        raise DocumentError(f"{named}: holds no text")
    return document


def files_in(path: Path) -> list[Path]:
    """``path`` itself, or all files of known kinds in that folder and below it, by name.

    Hidden ones are left out, and links are not followed out of it.  Raises ConfigError.
    """
    if not path.is_dir():
        return [path]
    try:
        found = sorted(
            each
            for each in path.rglob("*")
            if each.suffix.lower() in _READERS
            and each.is_file()
            and not any(part.startswith((".", "~$")) for part in each.relative_to(path).parts)
            and each.resolve().is_relative_to(path.resolve())
        )
    except OSError as error:
        raise unreadable(path, error) from error
    if not found:
        raise ConfigError(f"{path}: no documents lie there; known are {', '.join(SUFFIXES)}")
    return found
