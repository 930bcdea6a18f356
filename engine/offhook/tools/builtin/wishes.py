"""How callers ask for what the tools of the house do: sentences that a wish is compared with, as data."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from offhook.languages.codes import base_language

_FOLDER = Path(__file__).parents[2] / "assets" / "wishes"


def asked_for(kind: str, language: str) -> tuple[str, ...]:
    """For one ``kind`` of wish, such as "book"; none, where offhook has none of the language."""
    return _sentences(base_language(language)).get(kind, ())


@cache
def _sentences(language: str) -> dict[str, tuple[str, ...]]:
    path = _FOLDER / f"{language}.toml"
    if not path.is_file():
        return {}
    return {kind: tuple(said) for kind, said in tomllib.loads(path.read_text("utf-8")).items()}
