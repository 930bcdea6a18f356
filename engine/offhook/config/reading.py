"""Configuration and agent files as they lie on disk: found, read, checked as a whole."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from offhook.config.problems import problem_in_words, problems_in_words
from offhook.config.sections import DEFAULT_PATH, Config
from offhook.config.values import FILE, FOLDER, Section
from offhook.errors import ConfigError, FieldsError
from offhook.files import at_home, folder_of, named, read_text


def load_config(path: Path | None = None) -> Config:
    """Read the configuration.

    ``path`` None means ``$OFFHOOK_CONFIG``, then ``/etc/offhook/offhook.toml``, then
    the defaults.  Raises :class:`ConfigError` with one line: file, key, what is wrong.
    """
    found = find_config(path)
    return Config() if found is None else parse_toml(found, Config)


def find_config(path: Path | None = None) -> Path | None:
    """The file that :func:`load_config` reads; None: there is none, and the defaults hold."""
    if path is not None:
        return path
    variable = os.environ.get("OFFHOOK_CONFIG")
    if variable:
        return Path(variable)
    return DEFAULT_PATH if named(DEFAULT_PATH) else None


SectionT = TypeVar("SectionT", bound=Section)


def parse_toml(path: Path, kind: type[SectionT]) -> SectionT:
    """Read ``path`` as TOML into ``kind``; every failure is one ConfigError line."""
    try:
        path = at_home(path)
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from error
    text = read_text(path)
    try:
        return parse_text(text, kind, folder_of(path), path)
    except FieldsError as error:
        raise FieldsError(f"{path}: {error}", error.problems) from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def parse_text(
    text: str, kind: type[SectionT], folder: Path | None = None, file: Path | None = None
) -> SectionT:
    """TOML as ``kind``; what it names beside itself lies in ``folder``.  Raises ConfigError, one line.

    ``file`` is how lines about it call it that are no errors.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"not valid TOML: {error}{_toml_hint(str(error), text)}") from error
    except RecursionError as error:
        raise ConfigError("not valid TOML: brackets are nested too deeply") from error
    try:
        return kind.model_validate(data, context={FOLDER: folder, FILE: file})
    except ValidationError as error:
        raise FieldsError(problem_in_words(error, kind), problems_in_words(error, kind)) from error


def _toml_hint(problem: str, text: str) -> str:
    """What people mean who get this error of the TOML parser."""
    if "immutable namespace" in problem:
        return ": write a list as key = [...] or as [[key]] tables, not as both"
    at = re.search(r"at line (\d+)", problem)
    line = text.split("\n")[int(at[1]) - 1] if at else ""
    if re.search(r"[=\[,]\s*[\u2018-\u201f\u00ab]", line):
        return ': its quotes are typographic, TOML wants straight ones (")'
    return ""
