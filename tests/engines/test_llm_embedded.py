"""The embedded model's Q4_0 copy: made once, checked, made again when it is broken."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest

from offhook.core import llm_requantise
from offhook.engines.llm.embedded import cache_folder, embedded_model
from offhook.errors import ModelError


def test_it_is_made_once(tmp_path: Path) -> None:
    said: list[str] = []
    first = embedded_model(said.append, tmp_path)
    assert len(said) == 1
    stamp = first.stat().st_mtime_ns
    assert embedded_model(said.append, tmp_path) == first
    assert first.stat().st_mtime_ns == stamp
    assert len(said) == 1
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".gguf", ".json"], "no scraps are left"


@pytest.mark.parametrize("damage", ["one byte", "cut", "empty", "no record", "bad record"])
def test_a_broken_copy_is_made_again(tmp_path: Path, damage: str) -> None:
    path = embedded_model(folder=tmp_path)
    good = path.read_bytes()
    record = path.with_suffix(".json")
    match damage:
        case "one byte":
            path.write_bytes(good[:-100] + bytes([good[-100] ^ 1]) + good[-99:])
        case "cut":
            os.truncate(path, len(good) // 2)
        case "empty":
            os.truncate(path, 0)
        case "no record":
            record.unlink()
        case _:
            record.write_text("[]")
    said: list[str] = []
    assert embedded_model(said.append, tmp_path) == path
    assert len(said) == 1
    assert path.read_bytes() == good


def test_an_unwritable_cache_says_what_to_do(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(ModelError, match="set OFFHOOK_CACHE"):
        embedded_model(folder=blocked / "models")


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "models"
    monkeypatch.delenv("OFFHOOK_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "offhook" / "models"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "offhook" / "models"


def test_a_missing_package_says_what_to_pull(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("OFFHOOK_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="is not on this machine: `offhook models pull embedded`"):
        embedded_model()


def test_requantising_something_else_is_an_error(tmp_path: Path) -> None:
    source = tmp_path / "x.gguf"
    source.write_bytes(b"GGUF" + b"\xff" * 4000)
    with pytest.raises(ModelError, match="cannot be requantised"):
        llm_requantise(str(source), str(tmp_path / "y.gguf"), threads=1)
