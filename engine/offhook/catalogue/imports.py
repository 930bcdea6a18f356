"""Models that somebody has already: looked at, converted where need be, and kept under a name."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from offhook.catalogue.bundle import is_bundle, read_bundle
from offhook.catalogue.ctranslate2 import is_whisper_folder
from offhook.catalogue.entries import Make, Task, check_name
from offhook.catalogue.folder import Report, Stored, locked, models_folder, store, workshop, writing
from offhook.catalogue.make import make
from offhook.errors import ConfigError, ModelError

ACCEPTED = (
    "a bundle of `offhook models bundle`, a CTranslate2 (faster-whisper) folder, a ggml Whisper file, a GGUF"
    " or a Piper voice (NAME.onnx with NAME.onnx.json beside it)"
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What was recognised."""

    task: Task
    engine: str
    file: str
    """What the file is called in the model's folder."""
    sources: tuple[Path, ...]
    make: Make | None = None


def import_models(
    paths: Sequence[Path],
    report: Report,
    *,
    name: str | None = None,
    quantise: bool = False,
    folder: Path | None = None,
) -> list[Stored]:
    """Keep what lies in ``paths`` (several only for a model cut into parts) and return it.

    ``name`` None is made from the file's.  ``quantise`` makes the smaller and faster form: q8_0 of a
    CTranslate2 folder, Q4_0 of a GGUF.  Raises ModelError or ConfigError with one line that says what to do.
    """
    folder = models_folder() if folder is None else folder
    for path in paths:
        if not path.exists():
            raise ModelError(f"{path}: there is no such file or folder")
    if len(paths) == 1 and is_bundle(paths[0]):
        if name is not None or quantise:
            raise ConfigError(f"{paths[0]} is a bundle: its models keep their names and forms")
        return read_bundle(paths[0], folder, report)
    kind = _kind(paths, quantise)
    name = _name(paths[0]) if name is None else name
    check_name(name)
    with locked(name, folder, report), workshop(name, folder) as made, writing(folder):
        model = made / "model"
        model.mkdir()
        if kind.make is None:
            report(f"{name}: copying")
            for source in kind.sources:
                shutil.copyfile(source, model / source.name)
        else:
            report(f"{name}: converting")
            make(kind.make, kind.sources, model / kind.file)
        described = Stored(
            name, kind.task, kind.engine, (), "unknown", f"imported from {paths[0]}", kind.file, {}, folder
        )
        return [store(model, described, folder)]


def _kind(paths: Sequence[Path], quantise: bool) -> _Kind:
    first = paths[0]
    if all(path.is_dir() for path in paths):
        if not any(is_whisper_folder(path) for path in paths):
            raise ModelError(f"{first}: there is no model.bin in it; what can be imported is {ACCEPTED}")
        form: Make = "whisper-q8_0" if quantise else "whisper-f16"
        file = f"ggml-{_name(first)}{'-q8_0' if quantise else ''}.bin"
        return _Kind("stt", "whisper", file, tuple(paths), form)
    if len(paths) > 1:
        raise ConfigError("several paths are one model only when they are its folders")
    head = _head(first)
    if head == b"GGUF":
        if quantise:
            return _Kind("llm", "llama", f"{first.stem}.Q4_0.gguf", (first,), "gguf-q4_0")
        return _Kind("llm", "llama", first.name, (first,))
    if quantise:
        raise ConfigError(
            f"{first}: --quantise makes q8_0 of a CTranslate2 folder and Q4_0 of a GGUF, nothing else"
        )
    if head == b"lmgg":
        return _Kind("stt", "whisper", first.name, (first,))
    if first.suffix == ".onnx":
        settings = first.with_name(first.name + ".json")
        if not settings.is_file():
            raise ModelError(f"{settings} is missing: a Piper voice is both files")
        return _Kind("tts", "piper", first.name, (first, settings))
    raise ModelError(f"{first}: not known what this is; what can be imported is {ACCEPTED}")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error


def _name(path: Path) -> str:
    """A model's name from its file's: ``ggml-base.bin`` is ``base``, ``de voice.onnx`` is ``de-voice``."""
    base = path.resolve().name
    for ending in (".onnx", ".gguf", ".bin"):
        base = base.removesuffix(ending)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", base.removeprefix("ggml-")).strip("-._")[:60] or "model"
