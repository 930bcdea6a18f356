"""What the registry knows of an engine, without importing it: its name, how it is loaded, what it needs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from offhook.catalogue.embedded import is_here
from offhook.errors import ConfigError, ModelError, OffhookError

Stage = Literal["stt", "llm", "tts"]
"""Also the section of ``offhook.toml`` that configures it."""
STAGES: dict[Stage, str] = {"stt": "recogniser", "llm": "language model", "tts": "voice"}
"""Each with its word for people."""
Progress = Callable[[str], None]


def silent(line: str) -> None:
    """A start that nobody watches."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What a loader is told beside its settings."""

    max_calls: int = 1
    progress: Progress = silent
    """Takes a line for whoever waits, from any thread."""


@dataclass(frozen=True, slots=True)
class Package:
    """A Python package that an engine cannot do without."""

    module: str
    """As it is imported; it is only looked up here."""
    install: str
    """The command that brings it."""
    what: str
    """For people: "whisper.cpp"."""
    entry: str = ""
    """The model of the catalogue that does as well, pulled."""

    def is_there(self) -> bool:
        """Whether it could be imported, or its model was pulled; never raises."""
        if self.entry and is_here(self.entry):
            return True
        try:
            return importlib.util.find_spec(self.module) is not None
        except (ImportError, ValueError):
            return False


WEBSOCKETS = Package("websockets", "pip install 'offhook[websocket]'", "the package websockets")
"""For services that are asked over a WebSocket."""


@dataclass(frozen=True, slots=True)
class Files:
    """What a model of an engine is on the disk."""

    kind: str
    """For people: "a ggml Whisper file"."""
    magic: bytes = b""
    """What the file begins with."""
    inside: tuple[str, ...] = ()
    """The model is a folder that holds these."""
    beside: tuple[str, ...] = ()
    """Suffixes of the files that lie beside it: ".json"."""

    def of(self, model: Path) -> list[Path]:
        """Every file that the engine reads of ``model``."""
        if self.inside:
            return [model / name for name in self.inside]
        return [model, *(model.with_name(model.name + suffix) for suffix in self.beside)]


@dataclass(frozen=True, slots=True)
class Engine:
    """One way to hear, think or speak.

    ``loader`` is "module:function".  The function takes the section's settings, the model that they name
    (:class:`~offhook.engines.chosen.Chosen`) and a :class:`Loading`; it may block for seconds, and raises
    ConfigError or ModelError with one line that says what to do.
    """

    name: str
    stage: Stage
    loader: str
    files: Files | None = None
    """None: its models are no files of this machine, and ``model`` is a name for the engine alone."""
    packages: tuple[Package, ...] = ()
    embedded: Package | None = None
    """The package with the model that it has where none is named."""
    wants: str = ""
    """What to do where no model is named, for an engine that has none of its own."""
    remote: bool = False
    """What callers say, or what is answered, leaves this machine, or may."""

    @property
    def names_models(self) -> bool:
        """``model`` is a name for the engine alone: neither a file nor one of the catalogue."""
        return self.remote or (self.files is None and self.name != "espeak")  # a path there means Piper

    def load(self, settings: Any, model: Any, loading: Loading) -> Any:
        """The loaded engine.  Raises ConfigError or ModelError."""
        module, _, function = self.loader.partition(":")
        try:
            load = getattr(importlib.import_module(module), function)
        except ImportError as error:
            missing = next((each for each in self.packages if not each.is_there()), None)
            remedy = missing.install if missing is not None else "install offhook again"
            raise ConfigError(f"{self.stage}.engine {self.name}: {error}: {remedy}") from error
        except AttributeError as error:
            raise ConfigError(f"{self.stage}.engine {self.name}: {error}: its package is broken") from error
        try:
            loaded = load(settings, model, loading)
        except OffhookError:
            raise
        except Exception as error:  # a stranger's
            line = f"{self.stage}.engine {self.name}: {type(error).__name__}: {error}"
            raise ModelError(" ".join(line.split())) from error
        if loaded is None:
            raise ModelError(
                f"{self.stage}.engine {self.name}: {self.loader} gave nothing: its package is broken"
            )
        return loaded
