"""Other people's ticket systems, as data: which requests make a ticket there, and where its number stands.

A recipe is a TOML file: ``settings`` with what an agent's table may or has to give, and one or several
``steps``, each a request whose templates are filled with those settings, the ticket's values and what the
steps before have kept.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import httpx
from pydantic import Field, ValidationError

from offhook.config import Section
from offhook.errors import ConfigError, ToolError
from offhook.tools.outbound import fetch
from offhook.tools.templates import filled_header, filled_json, filled_url

_FOLDER = Path(__file__).parent
_REFERENCE = re.compile(r"[\w./#-]{1,40}")


class Step(Section):
    """One request."""

    method: Literal["GET", "POST"] = "POST"
    path: str
    headers: dict[str, str] = Field({})
    body: Any = None
    keep: dict[str, str] = Field({})
    """Names for later steps, by where they stand in the answer (with points)."""
    always: bool = False
    """Also when a step before has failed: it ends a session."""


class Recipe(Section):
    """How a system takes tickets."""

    title: str
    needs: tuple[str, ...] = ()
    """Settings that have to be given."""
    wants: tuple[str, ...] = ()
    """Values that have to be asked from the caller, besides the problem itself: "email"."""
    settings: dict[str, Any] = Field({})
    """Settings that need not be given, as they are then."""
    secret: Literal["", "plain", "basic"] = "plain"
    """``basic``: user and secret become the value of Basic authentication."""
    reference: str
    """What of what was kept is the ticket's number, as it is told the caller."""
    steps: tuple[Step, ...] = Field(min_length=1)


def recipe_names() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@cache
def load_recipe(name: str) -> Recipe:
    """Raises ConfigError."""
    if name not in recipe_names():
        raise ConfigError(f"there is no recipe {name!r}; there are: {', '.join(recipe_names())}")
    try:
        return Recipe.model_validate(tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise ConfigError(f"recipe {name}: {error}") from error


async def follow(recipe: Recipe, base: str, values: Mapping[str, Any], http: httpx.AsyncClient) -> str:
    """Make the ticket; its number.  ``values`` hold settings, the ticket and the secret.

    Raises ToolError; with ``sent`` False where certainly no ticket was made.
    """
    known = dict(values)
    error: ToolError | None = None
    begun = False
    for step in recipe.steps:
        if error is not None and not (step.always and begun):
            continue
        try:
            known |= await _take(step, base, known, http)
            begun = True
        except ToolError as found:
            # A session that cannot be ended is no reason to say that there is no ticket.
            if not step.always:
                # What only reads makes no ticket, however it ends.
                error = ToolError(str(found), sent=found.sent and step.method == "POST")
    if error is not None:
        raise error
    reference = str(known.get(recipe.reference, ""))
    return reference if _REFERENCE.fullmatch(reference) else ""


async def _take(step: Step, base: str, values: Mapping[str, Any], http: httpx.AsyncClient) -> dict[str, Any]:
    url = base.rstrip("/") + filled_url(step.path, values)
    headers = {name: filled_header(text, values) for name, text in step.headers.items()}
    body = None if step.body is None else filled_json(step.body, values)
    try:
        request = http.build_request(step.method, url, headers=headers, json=body)
    except (httpx.InvalidURL, ValueError) as error:
        raise ToolError(f"not a URL: {error}", sent=False) from error
    status, content, _ = await fetch(http, request)
    if status >= 300:
        # Refused: nothing was made.  A server that fails may have made it before.
        raise ToolError(f"{request.url.host} answers {status}{_why(status)}", sent=status >= 500)
    return {name: _at(content, path) for name, path in step.keep.items()}


def _why(status: int) -> str:
    return ": the secret is not taken" if status in (401, 403) else ""


def _at(content: bytes, path: str) -> Any:
    """``path`` with points into a JSON answer; "." is all of an answer that is text."""
    text = content.decode("utf-8", "replace").strip()
    if path == ".":
        return text.strip('"')
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise ToolError("the answer is no JSON") from error
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def known_of(recipe: Recipe, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with those that were not given.  Raises ConfigError for unknown and missing ones."""
    allowed = {*recipe.needs, *recipe.settings}
    for name in given:
        if name not in allowed:
            raise ConfigError(f"{recipe.title} has no setting {name!r}; it has: {', '.join(sorted(allowed))}")
    missing = [name for name in recipe.needs if not given.get(name)]
    if missing:
        raise ConfigError(f"{recipe.title} wants {', '.join(missing)}")
    return {**recipe.settings, **given}
