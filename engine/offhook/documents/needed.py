"""Libraries of the extra ``documents``: imported when a file of their kind is read."""

from __future__ import annotations

import importlib
from typing import Any

from offhook.errors import DocumentError


def needed(module: str) -> Any:
    """The module.  Raises DocumentError that says how to get it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = (error.name or module).split(".")[0]
        raise DocumentError(f"{name} is not installed: pip install 'offhook[documents]'") from error
