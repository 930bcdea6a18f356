"""Whether this processor can run what the engines compute with: each library is tried, in its own process.

A library that was compiled for another processor does not raise: the first instruction that is missing ends
the whole process, without a word.  What is tried last is at fault.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from offhook.cli.checks.finding import INSTALL, Finding, fail, ok, warn
from offhook.processes import how_it_ended

_WITHIN_S = 120.0
"""Two seconds of computing; a machine that pages is given its time."""
_COMMAND = (sys.executable, "-m", "offhook.cli.checks.compute")
_COMPILE = "pip install --force-reinstall --no-deps --no-cache-dir --no-binary :all:"


def check_compute(llama: str | None, command: Sequence[str] = _COMMAND) -> Finding:
    """``llama`` is the version of llama-cpp-python; None where libllama is the wheel's."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return warn(f"the processor cannot be tried: {' '.join(str(error).split())}", "run the doctor again")
    tried = done.stdout.split()
    if done.returncode == 0:
        return ok(f"this processor computes with {', '.join(tried)}")
    if not tried or done.returncode > 0:
        return fail(
            f"{tried[-1] if tried else 'offhook'} does not compute: {_last_line(done.stderr)}", INSTALL
        )
    ended = how_it_ended(done.returncode)
    if done.returncode != -signal.SIGILL:
        return fail(f"{tried[-1]} on this machine: {ended}", "make room, or report it with this line")
    return fail(f"{tried[-1]} on this processor: {ended}", _for_this_processor(tried[-1], llama))


def _for_this_processor(library: str, llama: str | None) -> str:
    if library != "libllama":
        return f"compile it for this processor: {_COMPILE} {library}"
    if llama is not None:
        return f"compile it for this processor: {_COMPILE} llama-cpp-python=={llama}"
    return "install the newest offhook, or name a server in [llm], and report your /proc/cpuinfo"


def _last_line(text: str) -> str:
    return (text.strip().splitlines()[-1:] or ["it said nothing"])[0]


# --- in the other process ------------------------------------------------------------------------


def _numpy() -> None:
    import numpy as np

    square = np.ones((64, 64), np.float32)
    assert float((square @ square).sum()) == 64.0**3


def _onnxruntime() -> None:
    import numpy as np

    from offhook.config import SttConfig
    from offhook.engines.chosen import recogniser
    from offhook.engines.engine import Loading

    stt = SttConfig()
    loaded = recogniser(stt).load(stt, Loading())
    loaded.transcribe(np.zeros(16_000, np.int16))
    loaded.close()


def _libllama() -> None:
    import asyncio

    from offhook.engines.llm.embedded import embedded_model
    from offhook.engines.llm.native import NativeModel

    async def read(model: NativeModel) -> None:
        await model.preload(
            model.template.prefix("Answer the telephone of a bakery, kindly and in few words.")
        )

    with tempfile.TemporaryDirectory() as folder:
        # Made anew: making it computes, too, and this user's cache is not the daemon's.
        model = NativeModel(embedded_model(folder=Path(folder)), threads=1, threads_batch=1)
        try:
            asyncio.run(read(model))
        finally:
            model.close()


def main() -> None:
    """Use each library that is here, and say which before it is used."""
    from offhook.catalogue.embedded import LANGUAGE_MODEL, RECOGNISER, is_here

    parts: dict[str, tuple[bool, Callable[[], None]]] = {
        "numpy": (True, _numpy),
        "onnxruntime": (is_here(RECOGNISER), _onnxruntime),
        "libllama": (is_here(LANGUAGE_MODEL), _libllama),
    }
    for name, (is_there, use) in parts.items():
        if is_there:
            print(name, flush=True)
            use()


if __name__ == "__main__":
    main()
