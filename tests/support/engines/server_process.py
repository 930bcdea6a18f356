"""Servers that others have written, each a process of its own on a port of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import until

START_S = 240.0
"""Some import much, and the machine may be busy."""


@contextmanager
def running(module: str, *arguments: str, port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``python -m module``, once it listens at ``port``; its log lies in ``folder``.

    Nothing is fetched from hubs of models, and no more than one core is computed on.
    """
    log = folder / f"{module}.log"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def listens() -> bool:
        assert process.poll() is None, log.read_text(errors="replace")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
            return True
        return False

    try:
        until(listens, f"{module} listens; its log is {log}", timeout_s=START_S)
        yield process
    finally:
        process.kill()
        process.wait()
