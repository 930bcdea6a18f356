"""``use = "ticket"``, ``"message"``, ``"callback"``: what a caller leaves for people.

It is written down in the tenant's database (or the box's own file), where it has a number; from there it goes
by mail, if the agent's file names addresses.  A ticket may go into somebody else's system instead
(:mod:`offhook.tools.recipes`), which then gives the number.
"""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

import httpx
from pydantic import Field, ValidationError, field_validator

from offhook.agents.tools import ToolEntry, ToolParameter, checked_names
from offhook.config import Section
from offhook.errors import ConfigError, DatabaseError, RegistryError, ToolError
from offhook.mail import address
from offhook.moments.reader import listen
from offhook.moments.wish import settle
from offhook.tenants.jobs import NewJob
from offhook.tenants.own import opened
from offhook.tenants.tickets import Ticket, Tickets
from offhook.tools.base import BaseTool, Context, Tool, ToolResult, ToolSpec
from offhook.tools.builtin import Surroundings
from offhook.tools.builtin.ticket_words import say, text
from offhook.tools.builtin.wishes import asked_for
from offhook.tools.recipes import Recipe, follow, known_of, load_recipe

Kind = Literal["ticket", "message", "callback"]


class NotedSettings(Section):
    """What all have that is written down for people."""

    asked_already: ClassVar[frozenset[str]] = frozenset()
    """What no question of the owner's can be called."""
    questions: dict[str, ToolParameter] = Field({})
    """What is asked besides, by name: ``day = { format = "date", ask = "For which day?" }``."""
    mail: tuple[str, ...] = Field((), max_length=10)
    """Addresses that get it."""

    @field_validator("questions")
    @classmethod
    def _names(cls, questions: dict[str, ToolParameter]) -> dict[str, ToolParameter]:
        taken = cls.asked_already & set(questions)
        if taken:
            raise ValueError(f"{', '.join(sorted(taken))} is asked already")
        return checked_names(questions, "a question")

    @field_validator("mail")
    @classmethod
    def _mail(cls, mail: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(address(one) for one in mail)


class TicketSettings(NotedSettings):
    """What an agent's table says of its tickets, messages or calls back; ``questions`` are for tickets."""

    asked_already = frozenset({"problem", "name", "phone", "email", "subject", "text"})
    people: tuple[str, ...] = ()
    """message: for whom one can be left; none: for the house."""
    recipe: str | None = None
    """ticket: whose system gets it: zammad, glpi, osticket, jira."""
    url: str = ""
    secret_env: str | None = None
    secret_file: str | None = None
    with_: dict[str, Any] = Field({}, alias="with")
    """The recipe's own settings."""


def ticket(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "ticket"``: a problem, with what has to be known of it."""
    settings = _settings(entry)
    properties: dict[str, Any] = {"problem": _words(text("problem", around.language))}
    properties |= {name: one.schema_of() for name, one in settings.questions.items()}
    required = ["problem", *(name for name, one in settings.questions.items() if not one.optional)]
    recipe = None if settings.recipe is None else load_recipe(settings.recipe)
    if recipe is not None and "email" in recipe.wants:
        properties["email"] = {"type": "string", "format": "email", "x-ask": text("email", around.language)}
        required.append("email")
    described = _described(
        spec,
        "ticket",
        properties,
        required,
        around,
        "Open a ticket about a problem",
        heeds_key=recipe is None,  # the systems that recipes are for make a second ticket
    )
    if recipe is None:
        return [Noted(described, "ticket", settings, around)]
    return [Elsewhere(described, settings, recipe, around)]


def message(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "message"``: words for somebody."""
    settings = _settings(entry)
    properties: dict[str, Any] = {}
    if settings.people:
        properties["to"] = {
            "type": "string",
            "enum": list(settings.people),
            "x-ask": text("to", around.language),
        }
    properties["message"] = _words(text("message", around.language))
    required = [*properties]
    described = _described(spec, "message", properties, required, around, "Take a message for somebody")
    return [Noted(described, "message", settings, around)]


def callback(entry: ToolEntry, spec: ToolSpec, around: Surroundings) -> Sequence[Tool]:
    """``use = "callback"``: somebody shall call back, perhaps not before some time."""
    settings = _settings(entry)
    properties = {
        "about": _words(text("about", around.language)),
        "when": {
            "type": "string",
            "format": "words",
            "description": "The caller's own words for when, if they say so",
        },
    }
    described = _described(spec, "callback", properties, ["about"], around, "Have somebody call back")
    return [Noted(described, "callback", settings, around)]


class Noted(BaseTool):
    """Written down with us."""

    def __init__(self, spec: ToolSpec, kind: Kind, settings: TicketSettings, around: Surroundings) -> None:
        super().__init__(spec)
        self._kind = kind
        self._settings = settings
        self._around = around
        self._store: Tickets | None = None

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        made = self.noted(arguments, context)
        jobs = _jobs(self._settings, made, self._around.agent, context)
        try:
            number = await asyncio.to_thread(self._add, made, context, jobs)
        except (DatabaseError, RegistryError) as error:
            raise ToolError(str(error)) from error
        return self.told(number, context)

    def noted(self, arguments: Mapping[str, Any], context: Context) -> Ticket:
        """What is written down."""
        return _ticket(self._kind, self._settings, arguments, context)

    def told(self, number: str, context: Context) -> ToolResult:
        """What is said of it."""
        return ToolResult({"number": number}, say(f"{self._kind}_done", context.language, number=number))

    async def warm(self) -> None:
        """Open what it is written into."""
        await asyncio.to_thread(self._opened)

    def _opened(self) -> Tickets:
        if self._store is None:
            self._store = Tickets(*opened(self._around.database, self._around.tenant))
        return self._store

    def _add(self, made: Ticket, context: Context, jobs: Sequence[NewJob]) -> str:
        return self._opened().add(made, context.key, context.now, jobs)


class Elsewhere(BaseTool):
    """In somebody else's system."""

    def __init__(
        self, spec: ToolSpec, settings: TicketSettings, recipe: Recipe, around: Surroundings
    ) -> None:
        """Raises ConfigError."""
        super().__init__(spec)
        self._settings = settings
        self._recipe = recipe
        self._http: httpx.AsyncClient = around.http
        self._agent = around.agent
        if not settings.url.startswith(("https://", "http://")):
            raise ConfigError(f"settings.url: the address of your {recipe.title} is wanted")
        self._known = known_of(recipe, settings.with_)
        secret = _secret(settings, around)
        if recipe.secret == "basic":
            user = str(self._known.get("user", ""))
            secret = base64.b64encode(f"{user}:{secret}".encode()).decode()
        self._secret = secret

    async def run(self, arguments: Mapping[str, Any], context: Context) -> ToolResult:
        made = _ticket("ticket", self._settings, arguments, context)
        values = {
            **self._known,
            "secret": self._secret,
            "subject": made.subject,
            "text": _whole(made, self._agent),
            "name": made.name,
            "phone": made.phone,
            "email": arguments.get("email", ""),
            "key": context.key,
        }
        number = await follow(self._recipe, self._settings.url, values, self._http)
        said = say("ticket_done" if number else "ticket_made", context.language, number=number)
        return ToolResult({"number": number}, said)


# --- what all have ---------------------------------------------------------------------------------------


def _settings(entry: ToolEntry) -> TicketSettings:
    try:
        return TicketSettings.model_validate(entry.settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"settings.{where}: {first['msg'].removeprefix('Value error, ')}") from None


def _words(ask: str) -> dict[str, Any]:
    return {"type": "string", "format": "words", "x-ask": ask}


def _described(
    spec: ToolSpec,
    kind: Kind,
    properties: dict[str, Any],
    required: list[str],
    around: Surroundings,
    description: str,
    *,
    heeds_key: bool = True,
) -> ToolSpec:
    language = around.language
    properties = {
        **properties,
        "name": {"type": "string", "format": "name", "x-ask": text("name", language)},
        "phone": {
            "type": "string",
            "format": "phone",
            "x-from": "caller",
            "x-ask": text("phone", language),
        },
    }
    wanted = [*required, "name", "phone"]
    return replace(
        spec,
        description=spec.description or description,
        parameters={"type": "object", "properties": properties, "required": wanted},
        effect="writes",
        heeds_key=heeds_key,
        when=spec.when or asked_for(kind, language),
        kind="" if spec.when else kind,
        phrases=replace(spec.phrases, confirm=spec.phrases.confirm or text(f"{kind}_confirm", language)),
    )


def _ticket(kind: Kind, settings: TicketSettings, arguments: Mapping[str, Any], context: Context) -> Ticket:
    words = str(arguments.get("problem") or arguments.get("message") or arguments.get("about") or "")
    fields = {
        name: arguments[name] for name in (*settings.questions, "to", "when", "email") if name in arguments
    }
    named = fields.get("to") or (next(iter(fields.values()), "") if kind == "ticket" else "")
    subject = " ".join(words.split())[:80]
    if named and kind != "callback":
        subject = f"{named}: {subject}"
    return Ticket(
        kind,
        str(arguments.get("name", "")),
        _dialled(str(arguments.get("phone") or context.caller)),
        subject,
        words,
        fields,
        _due(fields.get("when"), context),
    )


def _dialled(phone: str) -> str:
    """A plus and digits, as whoever erases a caller looks for them."""
    return "".join(one for n, one in enumerate(phone.strip()) if one.isdigit() or (one == "+" and n == 0))


def _due(wanted: Any, context: Context) -> datetime | None:
    """Not before: what the caller's words say, where they leave nothing open."""
    said = listen(str(wanted), context.language) if wanted else None
    if said is None or not hasattr(context.now.tzinfo, "key"):
        return None
    wish = settle(said, context.now, context.language)
    return wish.windows[0].start if wish.windows and wish.doubt is None else None


def _whole(made: Ticket, agent: str) -> str:
    """All that is known, for people to read."""
    lines = [made.text, ""]
    lines += [f"{name}: {value}" for name, value in made.fields.items()]
    lines += [f"name: {made.name}", f"phone: {made.phone}", "", f"({agent}, by telephone)"]
    return "\n".join(lines)


def _jobs(settings: TicketSettings, made: Ticket, agent: str, context: Context) -> list[NewJob]:
    if not settings.mail:
        return []
    body = {
        "to": list(settings.mail),
        "subject": f"[{made.kind}] {made.subject}",
        "text": _whole(made, agent),
    }
    return [NewJob(f"mail {context.key}", "mail", body)]


def _secret(settings: TicketSettings, around: Surroundings) -> str:
    if around.tenant is not None and (settings.secret_env or settings.secret_file):
        raise ConfigError("secret_file and secret_env name things of this machine: a tenant's agent may not")
    if settings.secret_env is not None:
        secret = os.environ.get(settings.secret_env, "").strip()
        where = f"the environment variable {settings.secret_env}"
    elif settings.secret_file is not None:
        path = Path(settings.secret_file).expanduser()
        path = path if path.is_absolute() or around.folder is None else around.folder / path
        where = str(path)
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not a text"
            raise ConfigError(f"settings.secret_file {path} cannot be read: {why}") from None
    else:
        raise ConfigError("settings: a recipe wants secret_env or secret_file")
    if not secret:
        raise ConfigError(f"settings: {where} holds no secret")
    return secret
