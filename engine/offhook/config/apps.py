"""``[apps.NAME]``: Python functions that the dialplan runs as AGI scripts."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator

from offhook.config.values import Section, beside


class AppConfig(Section):
    """One of them: ``AGI(offhook-eagi,${UNIQUEID},app=NAME)``."""

    function: str = Field(examples=['function = "menu.py:main"'])
    """``file.py:name``, beside the configuration, or ``package.module:name``."""
    limit_s: float = Field(3600.0, gt=0, le=86_400)
    """A call in it lasts no longer."""

    @field_validator("function")
    @classmethod
    def _place(cls, function: str, info: ValidationInfo) -> str:
        where, colon, name = function.rpartition(":")
        if not where or not name.isidentifier():
            raise ValueError('write "file.py:name" or "package.module:name"')
        return f"{beside(Path(where), info)}{colon}{name}" if where.endswith(".py") else function
