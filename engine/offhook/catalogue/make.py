"""What is made of fetched files: the form in which an engine reads them fastest."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from offhook.catalogue.ctranslate2 import read_whisper
from offhook.catalogue.entries import Make
from offhook.catalogue.ggml_whisper import Form, write_whisper
from offhook.errors import ModelError


def make(kind: Make, sources: Sequence[Path], target: Path) -> None:
    """Write ``target`` from ``sources``: folders with the files, or a GGUF itself.

    Raises ModelError with one line; OSError when ``target`` cannot be written.
    """
    if kind == "gguf-q4_0":
        found = [
            one for each in sources for one in ([each] if each.is_file() else sorted(each.glob("*.gguf")))
        ]
        if not found:
            raise ModelError(f"{sources[0]}: there is no GGUF file in it")
        requantise(found[0], target)
    else:
        write_whisper(read_whisper(sources), target, cast(Form, kind.removeprefix("whisper-")))


def requantise(source: Path, target: Path) -> None:
    """A Q4_0 copy of a GGUF: llama.cpp reads prompts with it three times as fast as with Q4_1, because it has
    repacked CPU kernels for it."""
    from offhook.core import llm_requantise  # loads the native core, which most of the catalogue does without

    llm_requantise(str(source), str(target), threads=min(4, len(os.sched_getaffinity(0))))
