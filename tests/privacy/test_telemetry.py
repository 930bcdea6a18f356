"""Libraries that would tell their makers about this machine do not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import offhook

LOAD = """
from offhook.config import Config
from offhook.engines.pool import load_recognizer

load_recognizer(Config().stt).close()
"""
"""ONNX Runtime has made a session, and has been closed."""


def test_a_network_that_is_loaded_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    """ONNX Runtime keeps a number for this machine there when it is about to send something."""
    environment = {name: text for name, text in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "PYTHONPATH": str(Path(offhook.__file__).parent.parent)}
    environment |= {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", LOAD], env=environment, check=True, timeout=240)
    assert list(tmp_path.rglob("*")) == []
