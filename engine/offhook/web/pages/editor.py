"""Agents' files in the browser: checked, tried and saved; a tenant's as a new version."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.agents.check import Finding, Severity
from offhook.agents.loader import Agent, agent_files, check_name, find_agent
from offhook.agents.own_files import earlier, save_agent
from offhook.agents.starter import starter
from offhook.agents.writing import as_toml, line_of
from offhook.config import parse_text
from offhook.engines.examine import examine
from offhook.errors import BusyError, ConfigError, RegistryError
from offhook.files import read_text
from offhook.tenants.agent_versions import agent_names, get_agent, put_agent
from offhook.tenants.registry import get_tenant
from offhook.web.guard import form, session_of
from offhook.web.house import House, back

_log = logging.getLogger("offhook.web")

MOST_CHARACTERS = 1_000_000
MOST_SAID = 2_000
"""Characters that a caller says in a trial."""
TRIED_WITHIN_S = 180.0
"""A model may have to be loaded first."""


@dataclass(slots=True)
class Draft:
    """A file as it stands in the browser."""

    text: str
    base: str = ""
    """What it was made from: a version, or nothing."""
    said: str = ""
    """What a caller says in a trial, a line each."""
    problem: str = ""
    done: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200

    def refuse(self, problem: str, status: int = 422) -> None:
        self.problem, self.status = problem, status


def routes(house: House) -> list[Route]:
    trying = asyncio.Lock()

    def page(request: Request, draft: Draft, **values: Any) -> Response:
        return house.page(request, "editor.html", draft.status, draft=draft, **values)

    # --- a tenant's ----------------------------------------------------------------------------------

    async def edit_tenants(request: Request) -> Response:
        slug, name = request.path_params["tenant"], request.path_params["agent"]
        wanted = request.query_params.get("version", "")

        def find(connection: sa.Connection) -> Draft:
            tenant = get_tenant(connection, slug)
            if name not in agent_names(connection, tenant):
                check_name(name)
                return Draft(starter(tenant.name), "0")
            now = get_agent(connection, tenant, name)
            version = int(wanted) if wanted.isdecimal() else None
            shown = now if version is None else get_agent(connection, tenant, name, version)
            return Draft(as_toml(json.loads(shown.body)), str(now.version))

        draft = await house.read(find)
        await check_draft(house, draft)
        return page(request, draft, **_of_tenant(slug, name))

    async def change_tenants(request: Request) -> Response:
        slug, name = request.path_params["tenant"], request.path_params["agent"]
        draft = _sent(request)
        agent = await check_draft(house, draft)
        if agent is not None and form(request).get("do") == "save":

            def save(connection: sa.Connection) -> int | None:
                tenant = get_tenant(connection, slug)
                known = name in agent_names(connection, tenant)
                current = get_agent(connection, tenant, name).version if known else 0
                if str(current) != draft.base:
                    draft.base = str(current)
                    return None
                return put_agent(connection, tenant, name, agent).version

            try:
                version = await house.write(save)
            except ConfigError as error:
                draft.refuse(str(error))
            else:
                if version is not None:
                    who = session_of(request).user
                    _log.info("user=%s tenant=%s agent=%s version=%d", who, slug, name, version)
                    return back(f"/tenants/{slug}/agents/{name}")
                draft.refuse(
                    f"Meanwhile version {draft.base} was saved by somebody else: what you have written is"
                    " still below. Saving it once more lets it answer in place of theirs.",
                    409,
                )
        elif agent is not None and form(request).get("do") == "try":
            await try_draft(house, draft, trying, slug)
        return page(request, draft, **_of_tenant(slug, name))

    async def begin(request: Request) -> Response:
        name = request.query_params.get("name", "").strip()
        check_name(name)
        return back(f"/tenants/{request.path_params['tenant']}/agents/{name}/edit")

    # --- the box's own -------------------------------------------------------------------------------

    async def edit_own(request: Request) -> Response:
        name = request.path_params["agent"]
        check_name(name)
        number = request.query_params.get("earlier", "")
        draft = Draft(await asyncio.to_thread(_own_text, house, name, number))
        await check_draft(house, draft, _own_folder(house))
        return page(request, draft, **_of_house(house, name))

    async def change_own(request: Request) -> Response:
        name = request.path_params["agent"]
        check_name(name)
        draft = _sent(request)
        agent = await check_draft(house, draft, _own_folder(house))
        if agent is not None and form(request).get("do") == "save":
            try:
                kept = await asyncio.to_thread(save_agent, _own_folder(house), name, draft.text)
            except ConfigError as error:
                draft.refuse(str(error))
            else:
                _log.info("user=%s agent=%s saved", session_of(request).user, name)
                draft.done = "Saved; `offhook` takes it when it is told to: systemctl reload offhook."
                if kept is not None:
                    draft.done += f" What it was before is {kept}."
        elif agent is not None and form(request).get("do") == "try":
            await try_draft(house, draft, trying)
        return page(request, draft, **_of_house(house, name))

    return [
        Route("/tenants/{tenant}/new-agent", begin),
        Route("/tenants/{tenant}/agents/{agent}/edit", edit_tenants),
        Route("/tenants/{tenant}/agents/{agent}/edit", change_tenants, methods=["POST"]),
        Route("/agents/{agent}/edit", edit_own),
        Route("/agents/{agent}/edit", change_own, methods=["POST"]),
    ]


def _of_tenant(slug: str, name: str) -> dict[str, str]:
    return {"title": f"{name} of {slug}", "action": f"/tenants/{slug}/agents/{name}/edit", "where": ""}


def _of_house(house: House, name: str) -> dict[str, str]:
    where = str(_own_folder(house) / f"{name}.toml") if house.config.agent.search else ""
    return {"title": name, "action": f"/agents/{name}/edit", "where": where}


def _own_folder(house: House) -> Path:
    """Where the box's own agents are saved.  Raises ConfigError."""
    if not house.config.agent.search:
        raise ConfigError("agent.search names no folder: agents of the box's own cannot be saved")
    return house.config.agent.search[0]


def _own_text(house: House, name: str, number: str) -> str:
    """Of the file that there is, of an earlier one, or of one to begin with."""
    if number:
        path = earlier(_own_folder(house), name).get(int(number) if number.isdecimal() else 0)
        if path is None:
            raise RegistryError(f"agent {name!r}: no earlier file {number[:9]} of it is kept")
        return read_text(path)
    if name not in agent_files(house.config.agent.search):
        return starter(name)
    return read_text(find_agent(name, house.config.agent.search))


def _sent(request: Request) -> Draft:
    sent = form(request)
    text = sent.get("text", "").replace("\r\n", "\n")
    return Draft(text, sent.get("base", ""), sent.get("said", "").replace("\r\n", "\n"))


# --- checked ---------------------------------------------------------------------------------------------


async def check_draft(house: House, draft: Draft, folder: Path | None = None) -> Agent | None:
    """What `offhook agents check` says, at its lines; None: callers cannot be answered by it.

    ``folder``: where files that it names beside itself lie; None: a tenant's has none.
    """

    def examined() -> tuple[Agent | None, list[Finding]]:
        try:
            agent = parse_text(draft.text, Agent, folder)
        except ConfigError as error:
            return None, [Finding(Severity.ERROR, "", str(error))]
        return agent, examine(agent, house.config)

    def placed(findings: Sequence[Finding]) -> list[dict[str, Any]]:
        found = []
        for each in findings:
            place = each.where.partition(" ")[0] or _place_in(each.what)
            found.append(
                {
                    "severity": str(each.severity),
                    "what": f"{each.where}: {each.what}" if each.where else each.what,
                    "line": line_of(draft.text, place),
                }
            )
        return found

    def work() -> tuple[Agent | None, list[dict[str, Any]], bool]:
        agent, findings = examined()
        return agent, placed(findings), any(each.severity is Severity.ERROR for each in findings)

    if len(draft.text) > MOST_CHARACTERS:
        draft.refuse(f"{len(draft.text):,} characters are too long for an agent: {MOST_CHARACTERS:,} at most")
        return None
    agent, draft.findings, wrong = await asyncio.to_thread(work)
    if wrong:
        draft.refuse("This cannot answer calls yet: correct what is marked as an error. Nothing was saved.")
        return None
    return agent


def _place_in(problem: str) -> str:
    """Where one line of the parser's says that something is: ``facts.3.text: is empty``."""
    if "(at line " in problem:
        return problem
    head = problem.partition(": ")[0]
    return head.removeprefix("unknown key ").partition(";")[0].strip("'\"")


# --- tried -----------------------------------------------------------------------------------------------


async def try_draft(house: House, draft: Draft, trying: asyncio.Lock, tenant: str | None = None) -> None:
    """Answer what a caller says in writing, as `offhook agents try` does, with ``tenant``'s documents."""
    said = [line.strip() for line in draft.said.split("\n") if line.strip()]
    if not said or len(draft.said) > MOST_SAID:
        draft.refuse(f"What the caller says has 1 to {MOST_SAID:,} characters.")
        return
    if trying.locked():
        raise BusyError("Somebody tries an agent already; it takes a minute at most.")
    async with trying:
        with _written(draft.text) as path:
            words = ["agents", "try", str(path), "--json"]
            words += ["--tenant", tenant] if tenant is not None else []
            given = "".join(f"{line}\n" for line in said)
            ended, out, err = await house.offhook(*words, within_s=TRIED_WITHIN_S, given=given)
    with contextlib.suppress(ValueError):  # what follows says why a line is none
        answers = [json.loads(line) for line in out.splitlines()]
        draft.answers = [
            {"said": one, **answer} for one, answer in zip(said, answers, strict=False) if "answer" in answer
        ]
    if ended != 0:
        lines = [line for line in err.splitlines() if line.strip()]
        last = lines[-1] if lines else f"`offhook agents try` ended with {ended}"
        if ended == -signal.SIGKILL:
            last = "It was killed, probably for its memory: the unit's MemoryMax has to hold the model, too."
        draft.refuse(last.removeprefix("offhook: error: "), 503)


@contextlib.contextmanager
def _written(text: str) -> Any:
    """``text`` as a file that its owner alone reads."""
    with tempfile.TemporaryDirectory(prefix="offhook-web-") as folder:
        path = Path(folder) / "agent.toml"
        path.write_text(text, encoding="utf-8")
        yield path
