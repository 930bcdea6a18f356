"""What pages are made from: the daemon by its control socket, the tenants' database, this machine's files.

Nothing here waits on the event loop: databases and files are read in threads.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import jinja2
import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from offhook import __version__
from offhook.config import Config
from offhook.control.client import AsyncControl, control_path
from offhook.errors import ConfigError
from offhook.tenants.database import DEFAULT_FILE, Database
from offhook.web.guard import session_of

T = TypeVar("T")

FILES = files("offhook.web")
_DATABASE = "OFFHOOK_DATABASE"
"""The variable by which commands are told a database."""


class House:
    """One server's."""

    def __init__(self, config: Config, config_path: Path | None, database: str | None = None) -> None:
        """``database``: in place of the configuration's."""
        self.config = config
        self.config_path = config_path
        self.control = AsyncControl(control_path(config))
        url = database or config.tenants.database or f"sqlite:///{DEFAULT_FILE}"
        self.database = Database(url)
        self._database_url = url
        self.ending = asyncio.Event()
        """No page is served any more: what streams, ends."""
        self._templates = jinja2.Environment(
            loader=jinja2.FunctionLoader(_template), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._templates.filters.update(moment=_moment, ms=_ms, duration=_duration)
        self._templates.globals["version"] = __version__

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """A page for somebody who is logged in."""
        session = session_of(request)
        shown = self.render(template, path=request.url.path, user=session.user, csrf=session.csrf, **values)
        return HTMLResponse(shown, status)

    def render(self, template: str, **values: Any) -> str:
        return self._templates.get_template(template).render(**values)

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What ``work`` finds in the database.  Raises DatabaseError, ConfigError, RegistryError."""

        def run() -> T:
            if self.database.is_missing():
                raise ConfigError(
                    f"database {self.database}: there is none yet; the first tenant makes it"
                    " (page Tenants, or `offhook tenants add`)"
                )
            with self.database.reading() as connection:
                self.database.require_schema(connection)
                return work(connection)

        return await asyncio.to_thread(run)

    async def write(self, work: Callable[[sa.Connection], T], *, make: bool = False) -> T:
        """Raises as :meth:`read` does.  ``make``: a database that is not there is made."""

        def run() -> T:
            if make:
                self.database.prepare()
            with self.database.writing() as connection:
                return work(connection)

        return await asyncio.to_thread(run)

    async def offhook(self, *words: str, within_s: float, given: str = "") -> tuple[int | None, str, str]:
        """``offhook WORDS`` with this configuration and database, in a process of its own: it loads models.

        Its exit status (None: it took too long and was ended), and what it printed.  It reads ``given``.
        """
        command = [sys.executable, "-m", "offhook.cli.main", *words]
        if self.config_path is not None:
            command += ["--config", str(self.config_path)]
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, _DATABASE: self._database_url},  # its password must not be in a command line
        )
        try:
            async with asyncio.timeout(within_s):
                out, err = await process.communicate(given.encode())
        except TimeoutError:
            return None, "", f"not within {within_s:.0f} s"
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


def back(page: str) -> Response:
    """To ``page``, after a form."""
    return RedirectResponse(page, 303)


def _template(name: str) -> str | None:
    found = FILES / "templates" / name
    return found.read_text(encoding="utf-8") if found.is_file() else None


def _moment(value: datetime | float | int | None) -> str:
    """UTC, to the second; numbers are Unix milliseconds."""
    if value is None:
        return "-"
    if isinstance(value, int | float):
        value = datetime.fromtimestamp(value / 1000, UTC)
    return value.strftime("%Y-%m-%d %H:%M:%S")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"
