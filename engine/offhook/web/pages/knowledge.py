"""What a tenant's agents know: documents added and removed, and an answer to what nothing answered."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path

import sqlalchemy as sa
from pydantic import ValidationError
from starlette.requests import Request
from starlette.routing import Route

from offhook.agents.loader import Agent
from offhook.config import problem_in_words
from offhook.documents.reading import SUFFIXES
from offhook.errors import ConfigError, DocumentError
from offhook.tenants.agent_versions import Put, get_agent, put_agent
from offhook.tenants.documents import remove_document
from offhook.tenants.registry import get_tenant
from offhook.web.guard import files, form, session_of
from offhook.web.house import House
from offhook.web.pages.changes import Change, changed

_log = logging.getLogger("offhook.web")

ADDED_WITHIN_S = 300.0
"""The longest document there may be has some thousand passages, at some 5 ms each."""
MOST_KEYWORD = 60
"""Characters: as an agent's file has it."""


def routes(house: House) -> list[Route]:
    async def add(request: Request) -> str:
        """A file, or a text with a title."""
        slug, sent = request.path_params["tenant"], form(request)
        title, text = sent.get("title", "").strip(), sent.get("text", "").strip()
        name, content = files(request).get("file", ("", b""))
        if not name and not text:
            raise ConfigError("Choose a file, or write a text.")
        if not name and not title:
            raise ConfigError("Give the text a title: it is listed by it, and the same title replaces it.")
        suffix = Path(name).suffix.lower() if name else ".txt"
        if suffix not in SUFFIXES:
            raise DocumentError(
                f"{name}: {suffix or 'no ending'} is not known: there are {', '.join(SUFFIXES)}"
            )
        await house.read(lambda connection: get_tenant(connection, slug))
        listed = name or title
        with tempfile.TemporaryDirectory(prefix="offhook-web-") as folder:
            path = Path(folder) / f"{_file_name(Path(listed).stem if name else title)}{suffix}"
            path.write_bytes(content if name else text.encode())
            words = ["kb", "add", slug, str(path), f"--as={listed}", "--json"]
            ended, out, err = await house.offhook(*words, within_s=ADDED_WITHIN_S)
        try:
            (added,) = json.loads(out)["added"]
        except (ValueError, KeyError):
            lines = [line for line in err.splitlines() if line.strip()]
            last = lines[-1] if lines else f"`offhook kb add` ended with {ended}"
            raise ConfigError(last.removeprefix("offhook: error: ")) from None
        if added["problem"]:
            raise DocumentError(added["problem"].replace(str(path), listed))
        who = session_of(request).user
        _log.info("user=%s tenant=%s document %s passages=%d", who, slug, added["state"], added["passages"])
        return f"{listed}: {added['passages']} passages, {added['state']}."

    async def remove(request: Request) -> str:
        slug, source = request.path_params["tenant"], form(request).get("source", "")
        removed = await house.write(
            lambda connection: remove_document(connection, get_tenant(connection, slug), source)
        )
        who = session_of(request).user
        _log.info("user=%s tenant=%s document removed passages=%d", who, slug, removed.passages)
        return f"{removed.source} is removed, with its {removed.passages} passages."

    async def answer(request: Request) -> str:
        """A new version of an agent, which knows one fact more."""
        slug, sent = request.path_params["tenant"], form(request)
        question, fact, name = (
            sent.get("question", "").strip(),
            sent.get("fact", "").strip(),
            sent.get("agent", ""),
        )
        if not fact:
            raise ConfigError("Write what the agent says to it.")

        def put(connection: sa.Connection) -> Put:
            tenant = get_tenant(connection, slug)
            known = get_agent(connection, tenant, name).read()
            return put_agent(connection, tenant, name, with_fact(known, fact, question))

        done = await house.write(put)
        who = session_of(request).user
        _log.info("user=%s tenant=%s agent=%s version=%d fact added", who, slug, name, done.version)
        return f"{done.agent} knows it now: version {done.version} answers."

    def route(path: str, change: Change) -> Route:
        return Route(f"/tenants/{{tenant}}/{path}", changed(house, change), methods=["POST"])

    return [route("documents", add), route("documents/remove", remove), route("answers", answer)]


def with_fact(agent: Agent, fact: str, question: str) -> Agent:
    """``agent``, knowing also ``fact``; ``question`` finds it where a keyword may be so long.

    Raises ConfigError.
    """
    entry: dict[str, object] = {"text": fact}
    if question and len(question) <= MOST_KEYWORD:
        entry["keywords"] = [question]
    body = agent.model_dump(mode="json", exclude_unset=True)
    body["facts"] = [*body.get("facts", []), entry]
    try:
        return Agent.model_validate(body)
    except ValidationError as error:
        raise ConfigError(f"this cannot be a fact: {problem_in_words(error, Agent)}") from error


def _file_name(title: str) -> str:
    """A document's title is made of its file's name: letters and digits, a few dozen."""
    return "".join(each if each.isalnum() else " " for each in title).strip()[:80] or "document"
