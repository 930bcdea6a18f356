"""A folder of models of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `offhook models` keeps what it brings; empty."""
    folder = tmp_path / "models"
    monkeypatch.setenv("OFFHOOK_MODELS", str(folder))
    return folder
