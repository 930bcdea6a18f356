"""Loads the compiled module, and libllama before it: the one place that names it."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from pathlib import Path


def llama_folder() -> Path:
    """What was built of llama.cpp: its libraries in ``lib``, and ``llama_grammar.py``.

    Our wheels bring it; a source tree uses what the package llama-cpp-python has, without importing it.
    Raises ImportError.
    """
    own = Path(__file__).parents[1] / "llama"
    if own.is_dir():
        return own
    found = importlib.util.find_spec("llama_cpp")
    if found is None or found.origin is None:
        raise ImportError("libllama is missing; run: pip install llama-cpp-python==0.3.36")
    return Path(found.origin).parent


def _load_libllama() -> None:
    """Load the library that this installation has, before the compiled core asks for it by name.

    llama-cpp-python installs two copies, and it may be there beside our own.  The loader knows a library by
    its name, so the first one serves everybody.  Not RTLD_GLOBAL: whisper.cpp brings an older ggml, which
    must not find these symbols.
    """
    # Between two layers OpenMP's threads spin while they wait for each other.  With the default spin a
    # missing core costs seconds (30 tokens took 45 ms on two free cores, up to 7.8 s on contended
    # ones); sleeping at once costs a third more on free cores.  Read when libgomp is loaded, so: now.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    folder = os.environ.get("LLAMA_CPP_LIB_PATH")
    if folder is None:
        folder = str(llama_folder() / "lib")
    try:
        # A wheel has it by its versioned name alone, since a wheel holds no links.
        libraries = sorted(Path(folder).glob("libllama.so*"))
        ctypes.CDLL(str(libraries[0] if libraries else Path(folder) / "libllama.so"))
    except OSError as error:
        raise ImportError(f"libllama cannot be loaded: {error}") from error


try:
    _load_libllama()
    from offhook import _core
except ImportError as error:
    raise ImportError(f"offhook's compiled core cannot be loaded; run `make build` ({error})") from error

__all__ = ["_core", "llama_folder"]
