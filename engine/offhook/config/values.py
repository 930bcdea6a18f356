"""What settings are made of: tables, paths that begin at their file's folder, names of models."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    model_validator,
)

from offhook.files import at_home, named, placed

_log = logging.getLogger("offhook.config.values")

FOLDER = "folder"
"""In a validation's context: the folder of the file that is read."""
FILE = "file"
"""In a validation's context: the file that is read."""


def beside(path: Path, info: ValidationInfo) -> Path:
    """A relative path lies beside the file that names it (:func:`parse_toml`)."""
    return placed(path, (info.context or {}).get(FOLDER))


def _as_text(model: object) -> object:
    return str(model) if isinstance(model, Path) else model


def _not_empty(path: object) -> object:
    """An empty path would be the folder that the file lies in."""
    if isinstance(path, str) and not path.strip():
        raise ValueError("is empty: name a file or a folder, or leave the key out")
    return path


_MODEL_FILES = (".bin", ".gguf", ".onnx")


_ON_DISK = frozenset({"moonshine", "whisper", "llama", "espeak", "piper"})
"""Engines whose models are files here.  For any other a model's name is left as it is written."""


def model_name(model: str, info: ValidationInfo) -> str:
    """A path lies beside the file that names it; what neither is there nor looks like one is a name."""
    if info.data.get("engine", "llama") not in _ON_DISK:
        return model
    path = beside(Path(model), info)
    is_file = "/" in model or model.startswith("~") or model.endswith(_MODEL_FILES) or named(path)
    return str(path) if is_file else model


ConfigPath = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(beside)]
ModelName = Annotated[str, BeforeValidator(_as_text), AfterValidator(model_name)]
"""A name of `offhook models list`, or a path."""
KeyPath = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(at_home)]
"""Stays relative, and is refused then: what stands there may be the key itself, which no line may show."""


class Section(BaseModel):
    """A table of settings: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    RENAMED: ClassVar[Mapping[str, str]] = {}
    """Keys by the names that they had: still understood, with a line that says the new one."""

    @model_validator(mode="before")
    @classmethod
    def _by_new_names(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping) or not cls.RENAMED.keys() & data.keys():
            return data
        file = (info.context or {}).get(FILE)
        named = dict(data)
        for old, new in cls.RENAMED.items():
            if old not in named:
                continue
            if new in named:
                raise ValueError(f"{old} is the old name of {new}, which is there, too: leave {old} out")
            _log.warning("%s%s is called %s now", "" if file is None else f"{file}: ", old, new)
            named[new] = named.pop(old)
        return named
