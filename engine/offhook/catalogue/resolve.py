"""What a configuration names: a model of the catalogue, one that was imported, or a path."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from offhook.catalogue.entries import Task, catalogue, nearest
from offhook.catalogue.folder import models_folder, stored, stored_models
from offhook.errors import ConfigError, ModelError


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for."""

    engine: str | None
    """Which engine runs it; None where a path was named, which does not tell."""
    path: Path


def resolve(value: str | Path, task: Task, key: str, folder: Path | None = None) -> Named:
    """The model that ``key`` (such as ``stt.model``) names by ``value``.

    With a slash, or where there is such a file, it is a path and taken as it is.  Raises ConfigError or
    ModelError with one line that says what to do, also for a model that has to be pulled first.
    """
    text = str(value)
    if "/" in text or text.startswith("~"):
        return Named(None, Path(text).expanduser())
    entry = catalogue().get(text)
    here = stored(text, folder)
    if entry is None and here is None:
        if Path(text).exists():
            return Named(None, Path(text))
        known = nearest(text, tuple(stored_models(folder)))
        raise ConfigError(
            f"{key} = {text!r}: neither a file nor a model that offhook knows{known};"
            " `offhook models list` shows what there is"
        )
    found = here.task if here is not None else entry.task if entry is not None else task
    if found != task:
        raise ConfigError(f"{key} = {text!r} is a model for {found}, not for {task}")
    if here is None:
        raise ModelError(
            f"{key} = {text!r} is not on this machine (in {models_folder() if folder is None else folder}):"
            f" offhook models pull {text}"
        )
    if not here.path.exists():
        raise ModelError(
            f"{here.path} is missing: offhook models remove {text} && offhook models pull {text}"
        )
    return Named(here.engine, here.path)
