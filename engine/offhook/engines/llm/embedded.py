"""The embedded language model: SmolLM2-135M-Instruct from its wheel, requantised once.

The wheel holds Q4_1, for which llama.cpp has no repacked CPU kernels.  Q4_0 reads a
prompt three times as fast, so the first start writes a Q4_0 copy into the cache folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from offhook.catalogue.embedded import ADVICE, LANGUAGE_MODEL, in_packages, pulled
from offhook.config import EMBEDDED_LLM
from offhook.core import llm_library, llm_requantise
from offhook.errors import ModelError

NAME = EMBEDDED_LLM


def cache_folder() -> Path:
    """``models`` in ``$OFFHOOK_CACHE``, ``$XDG_CACHE_HOME/offhook`` or ``~/.cache/offhook``."""
    own = os.environ.get("OFFHOOK_CACHE")
    # "~" reaches us as it is where no shell has read the line (systemd); os.path leaves it there when
    # nobody knows the home folder, and writing to such a folder says what to do.
    base = Path(own or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "offhook")
    return Path(os.path.expanduser(base)) / "models"  # noqa: PTH111


def embedded_model(progress: Callable[[str], None] = lambda line: None, folder: Path | None = None) -> Path:
    """The Q4_0 file, made on first use.

    ``folder`` None is :func:`cache_folder`.  A copy that is not what was written is made
    again.  Raises ModelError when the model is missing or the folder cannot be written.
    """
    source = _in_package()
    if source is None:
        made = pulled(LANGUAGE_MODEL)  # requantised when it came
        if made is None:
            raise ModelError(f"the embedded language model is not on this machine: {ADVICE}")
        return made
    folder = cache_folder() if folder is None else folder
    origin = _origin(source)
    key = hashlib.sha256(json.dumps(origin, sort_keys=True).encode()).hexdigest()[:12]
    target = folder / f"{NAME}-q4_0-{key}.gguf"
    record = target.with_suffix(".json")
    if _is_intact(target, record):
        return target
    progress("preparing the language model for this machine, once (about 2 s)")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Its own folder on the same file system: a second daemon that does the same is not disturbed.
        with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as workshop:
            made = Path(workshop) / target.name
            llm_requantise(str(source), str(made), threads=min(4, len(os.sched_getaffinity(0))))
            note = Path(workshop) / record.name
            note.write_text(json.dumps({"origin": origin, **_fingerprint(made)}), encoding="utf-8")
            made.replace(target)
            note.replace(record)
    except OSError as error:
        raise ModelError(
            f"{folder}: the model cache cannot be written: {error.strerror};"
            " set OFFHOOK_CACHE to a folder that can"
        ) from error
    return target


def _in_package() -> Path | None:
    folders = in_packages(LANGUAGE_MODEL)
    files = sorted(folders[0].glob("*.gguf")) if folders else []
    return files[0] if files else None


def _origin(source: Path) -> dict[str, str | int]:
    """What the copy is made of: another wheel or another llama.cpp makes another copy."""
    with open(source, "rb") as file:
        head = hashlib.sha256(file.read(1 << 20)).hexdigest()
    return {
        "source": source.name,
        "size": source.stat().st_size,
        "head_sha256": head,
        "libllama": llm_library()[1],
    }


def _is_intact(target: Path, record: Path) -> bool:
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
        return isinstance(known, dict) and _fingerprint(target).items() <= known.items()
    except (OSError, ValueError):
        return False


def _fingerprint(path: Path) -> dict[str, str | int]:
    with open(path, "rb") as file:
        return {"size": path.stat().st_size, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
