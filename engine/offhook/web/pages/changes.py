"""Forms that change something of a tenant's: what came of it stands on its page, with what was typed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.errors import ConfigError, DocumentError, RegistryError
from offhook.tenants.agent_versions import agent_names
from offhook.tenants.documents import list_documents, list_misses
from offhook.tenants.number_registry import (
    add_number,
    change_number,
    list_numbers,
    move_number,
    remove_number,
)
from offhook.tenants.registry import add_tenant, change_tenant, get_tenant, list_tenants
from offhook.web.guard import form, session_of
from offhook.web.house import House, back

_log = logging.getLogger("offhook.web")

MOST_MISSES = 50
SWITCHES = ("transcripts", "recordings", "misses", "disclosure")

Change = Callable[[Request], Awaitable[str]]
"""Carries a form out and says in a sentence what was done.  Raises what is wrong with it, in one line."""


async def tenant_page(house: House, request: Request, status: int = 200, **told: str) -> Response:
    """The page of the tenant in the path; ``told``: problem, done."""

    def find(connection: sa.Connection) -> dict[str, Any]:
        tenant = get_tenant(connection, request.path_params["tenant"])
        return {
            "tenant": tenant,
            "numbers": list_numbers(connection, tenant),
            "agents": agent_names(connection, tenant),
            "documents": list_documents(connection, tenant),
            "misses": list_misses(connection, tenant, MOST_MISSES),
        }

    found = await house.read(find)
    typed = form(request) if told.get("problem") else {}
    return house.page(
        request, "tenant.html", status, title=found["tenant"].name, typed=typed, **_told(told), **found
    )


def changed(house: House, change: Change) -> Callable[[Request], Awaitable[Response]]:
    """The tenant's page after a form of it; a form that is refused is filled in as it was."""

    async def carry_out(request: Request) -> Response:
        try:
            done = await change(request)
        except (ConfigError, DocumentError, RegistryError) as error:
            return await tenant_page(house, request, 422, problem=str(error))
        return await tenant_page(house, request, done=done)

    return carry_out


def routes(house: House) -> list[Route]:
    async def show_tenants(request: Request, status: int = 200, **told: str) -> Response:
        tenants = [] if house.database.is_missing() else await house.read(list_tenants)
        typed = form(request) if told.get("problem") else {}
        return house.page(
            request, "tenants.html", status, title="Tenants", tenants=tenants, typed=typed, **_told(told)
        )

    async def add(request: Request) -> Response:
        slug, name = form(request).get("slug", "").strip(), form(request).get("name", "").strip()
        try:
            await house.write(
                lambda connection: add_tenant(connection, slug, name or slug.replace("-", " ").title()),
                make=True,
            )
        except (ConfigError, RegistryError) as error:
            return await show_tenants(request, 422, problem=str(error))
        _log.info("user=%s tenant=%s added", session_of(request).user, slug)
        return back(f"/tenants/{slug}")

    async def show_tenant(request: Request) -> Response:
        return await tenant_page(house, request)

    async def set_tenant(request: Request) -> str:
        slug, settings = request.path_params["tenant"], tenant_settings(form(request))
        await house.write(lambda connection: change_tenant(connection, slug, **settings))
        _log.info("user=%s tenant=%s settings changed", session_of(request).user, slug)
        return "The settings are saved."

    async def switch(request: Request) -> Response:
        slug, active = request.path_params["tenant"], form(request).get("active") == "yes"
        await house.write(lambda connection: change_tenant(connection, slug, active=active))
        _log.info("user=%s tenant=%s active=%s", session_of(request).user, slug, active)
        return back(f"/tenants/{slug}")

    # --- numbers -------------------------------------------------------------------------------------

    async def show_numbers(request: Request, status: int = 200, **told: str) -> Response:
        def find(connection: sa.Connection) -> dict[str, Any]:
            tenants = list_tenants(connection)
            owners = [(each.slug, name) for each in tenants for name in agent_names(connection, each)]
            return {"numbers": list_numbers(connection), "owners": owners}

        found = await house.read(find)
        typed = form(request) if told.get("problem") else {}
        return house.page(
            request, "numbers.html", status, title="Numbers", typed=typed, **_told(told), **found
        )

    async def change_number_(request: Request) -> Response:
        sent = form(request)
        number, do = sent.get("number", ""), request.path_params["do"]
        slug, _, agent = sent.get("owner", "").partition("/")

        def carry_out(connection: sa.Connection) -> str:
            if do == "remove":
                return f"{remove_number(connection, number).number} reaches nobody any more."
            if do == "set":
                return f"{change_number(connection, number, **number_settings(sent)).number} is changed."
            if not slug:
                raise ConfigError(
                    "Choose whom the number reaches; a tenant without an agent cannot be reached."
                )
            tenant = get_tenant(connection, slug)
            if do == "move":
                done = move_number(connection, number, tenant, agent or None)
            else:
                done = add_number(connection, number, tenant, agent or None, **number_settings(sent))
            return f"{done.number} reaches {done.agent} of {done.tenant} now."

        try:
            done = await house.write(carry_out)
        except (ConfigError, RegistryError) as error:
            return await show_numbers(request, 422, problem=str(error))
        _log.info("user=%s number %s tenant=%s", session_of(request).user, do, slug or "-")
        return await show_numbers(request, done=done)

    return [
        Route("/tenants", show_tenants),
        Route("/tenants", add, methods=["POST"]),
        Route("/tenants/{tenant}", show_tenant),
        Route("/tenants/{tenant}/settings", changed(house, set_tenant), methods=["POST"]),
        Route("/tenants/{tenant}/active", switch, methods=["POST"]),
        Route("/numbers", show_numbers),
        Route("/numbers/{do:str}", change_number_, methods=["POST"]),
    ]


def tenant_settings(sent: dict[str, str]) -> dict[str, Any]:
    """As `offhook tenants set` has them, of a form with all of them.  Raises ConfigError."""
    limits = {
        "max_calls": sent.get("max_calls", "").strip(),
        "retention_days": sent.get("retention_days", "").strip(),
    }
    for field, written in limits.items():
        if written and not (written.isascii() and written.isdigit()):
            raise ConfigError(f"{field} {written[:20]!r}: a whole number is wanted")
    if not limits["retention_days"]:
        raise ConfigError("retention_days: say how many days records of calls are kept; 0: none")
    return {
        "name": sent.get("name", ""),
        "max_calls": int(limits["max_calls"]) if limits["max_calls"] else None,
        "retention_days": int(limits["retention_days"]),
        "consent": sent.get("consent", ""),
        **{field: sent.get(field) == "on" for field in SWITCHES},
    }


def number_settings(sent: dict[str, str]) -> dict[str, Any]:
    """As `offhook numbers set` has them; what is empty is the agent's or the dialplan's."""
    return {
        "language": sent.get("language", "").strip() or None,
        "fallback": sent.get("fallback", "").strip() or None,
        "recording": sent.get("recording") == "on",
    }


def _told(told: dict[str, str]) -> dict[str, str]:
    return {"problem": "", "done": "", **told}
