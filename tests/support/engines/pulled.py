"""Models of the catalogue for tests: brought once into the cache, as a user would."""

from __future__ import annotations

from pathlib import Path

import pytest

from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.errors import ModelError


def pulled(name: str) -> Path:
    """What the engine is given.  Skips the test, and says why, where the model cannot be had."""
    try:
        return pull(find(name), lambda _line: None)[0].path
    except ModelError as error:
        pytest.skip(f"needs the model {name}: {error}")
