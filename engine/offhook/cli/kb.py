"""``offhook kb``: what a tenant's documents say, and whether it is found."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from offhook.cli.database import Action, add_actions, run
from offhook.cli.tables import as_json, as_table
from offhook.conversation.policies.grounded import FLOOR
from offhook.documents.blocks import Document
from offhook.documents.chunks import chunks
from offhook.documents.pages import is_url, read_page
from offhook.documents.passage import Passage
from offhook.documents.reading import SUFFIXES, files_in, read_file
from offhook.engines.pool import load_knowledge_models
from offhook.errors import ConfigError, OffhookError
from offhook.files import placed
from offhook.knowledge.base import PLAIN
from offhook.knowledge.explain import explain
from offhook.knowledge.passages import with_vectors
from offhook.knowledge.store import Knowledge, Models
from offhook.observe.trace.waterfall import printable
from offhook.tenants.agent_versions import agent_names, get_agent
from offhook.tenants.database import Database
from offhook.tenants.documents import (
    Stored,
    list_documents,
    list_misses,
    put_document,
    read_passages,
    remove_document,
)
from offhook.tenants.registry import get_tenant
from offhook.tenants.snapshot import Tenant

__all__ = ["add_parser", "run"]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("kb", help="what tenants' documents say, and whether it is found")
    add_actions(parser, ACTIONS)


def _tenant_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tenant", metavar="TENANT")


# --- add ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Added:
    """What has become of one document."""

    source: str
    passages: int = 0
    state: str = "added"
    """added, replaced, unchanged or failed."""
    problem: str = ""


def _add_options(parser: argparse.ArgumentParser) -> None:
    _tenant_option(parser)
    known = " ".join(SUFFIXES)
    parser.add_argument(
        "sources", nargs="+", metavar="FILE|URL|FOLDER", help=f"{known}; a folder is all of these in it"
    )
    parser.add_argument("--language", metavar="CODE", help="of the documents; default: the tenant's agent's")
    parser.add_argument(
        "--as",
        dest="listed",
        metavar="NAME",
        help="what a document is listed as; default: where it is from",
    )
    parser.add_argument("--private", action="store_true", help="pages inside your own network, too")


def _add(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        tenant = get_tenant(connection, args.tenant)
        language = args.language or _language(connection, tenant)
    if args.listed is not None and (len(args.sources) > 1 or Path(args.sources[0]).is_dir()):
        raise ConfigError("--as names one document: give one FILE or URL with it")
    models = load_knowledge_models()
    done = []
    for found, read in _sources(args):
        source = args.listed or found
        try:
            document, sha256 = read()
            added = _put(database, tenant, source, document, sha256, language, models)
        except OffhookError as error:  # the others go on
            added = Added(source, state="failed", problem=str(error))
        done.append(added)
        if not args.json:
            _tell(added)
    if args.json:
        print(as_json({"added": done}))
    return 1 if any(one.state == "failed" for one in done) else 0


def _sources(args: argparse.Namespace) -> Iterator[tuple[str, Any]]:
    for named in args.sources:
        if is_url(named):
            yield named, lambda url=named: read_page(url, private=args.private)
            continue
        try:
            paths = files_in(placed(Path(named), None).absolute())
        except (ConfigError, ValueError) as error:
            yield named, lambda error=error: _fail(error)
            continue
        for path in paths:
            yield str(path), lambda path=path: read_file(path)


def _fail(error: Exception) -> Any:
    raise ConfigError(str(error))


def _put(
    database: Database,
    tenant: Tenant,
    source: str,
    document: Document,
    sha256: str,
    language: str,
    models: Models | None,
) -> Added:
    passages = [Passage(each.text, each.heading, source) for each in chunks(document, language)]
    if not passages:
        raise ConfigError(f"{source}: holds nothing that could be said")
    networks = None if models is None else models.of(language)
    if networks is not None and models is not None:
        passages = with_vectors(
            passages, networks.matcher, models.cache, _progress(source), language=language
        )
    with database.writing() as connection:
        before = [each for each in read_passages(connection, tenant.id) if each.source == source]
        if [replace(each, vectors=None) for each in before] == [
            replace(each, vectors=None) for each in passages
        ]:
            return Added(source, len(passages), "unchanged")
        put_document(connection, tenant, source, document.title, sha256, passages)
    return Added(source, len(passages), "replaced" if before else "added")


def _progress(source: str) -> Any:
    """A line that is written over, where somebody looks on."""
    if not sys.stderr.isatty():
        return None

    def tell(done: int, of: int) -> None:
        print(f"\r{printable(source)}: {done} of {of}", end="\n" if done == of else "", file=sys.stderr)

    return tell


def _tell(added: Added) -> None:
    if added.problem:
        print(f"offhook: error: {printable(added.problem)}", file=sys.stderr)
    else:
        print(
            printable(f"{added.source}: {added.passages} passage{'s' * (added.passages != 1)}, {added.state}")
        )


def _language(connection: Any, tenant: Tenant) -> str:
    names = agent_names(connection, tenant)
    return get_agent(connection, tenant, names[0]).read().language if names else "en"


# --- list, show, remove ------------------------------------------------------------------------------------


def _list(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        found = list_documents(connection, get_tenant(connection, args.tenant))
    print(as_json({"documents": found}) if args.json else _table(found))
    return 0


def _table(documents: list[Stored]) -> str:
    rows = [(one.source, one.title, one.passages, one.created_at) for one in documents]
    return as_table(("document", "title", "passages", "added (UTC)"), rows)


def _source_options(parser: argparse.ArgumentParser) -> None:
    _tenant_option(parser)
    parser.add_argument("source", metavar="DOCUMENT", help="as it is listed, or the end of it")


def _show_options(parser: argparse.ArgumentParser) -> None:
    _tenant_option(parser)
    parser.add_argument("source", nargs="?", metavar="DOCUMENT", help="default: all")


def _show(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        passages = read_passages(connection, get_tenant(connection, args.tenant).id)
    wanted = args.source
    if wanted is not None:
        passages = [one for one in passages if one.source == wanted or one.source.endswith(f"/{wanted}")]
        if not passages:
            raise ConfigError(f"document {wanted!r}: there is none: offhook kb list {args.tenant} shows them")
    if args.json:
        shown = [{"text": one.text, "heading": one.heading, "source": one.source} for one in passages]
        print(as_json({"passages": shown}))
    else:
        for one in passages:
            print(printable(f"{one.text}  [{one.heading}]"))
    return 0


def _remove(args: argparse.Namespace, database: Database) -> int:
    with database.writing() as connection:
        removed = remove_document(connection, get_tenant(connection, args.tenant), args.source)
    if args.json:
        print(as_json({"removed": removed}))
    else:
        print(printable(f"{removed.source} is removed, with its {removed.passages} passages"))
    return 0


# --- search, misses ----------------------------------------------------------------------------------------


def _search_options(parser: argparse.ArgumentParser) -> None:
    _tenant_option(parser)
    parser.add_argument("question", nargs="+", metavar="QUESTION", help="as a caller would say it")
    parser.add_argument("--agent", metavar="NAME", help="whose facts are known as well; default: the first")


def _search(args: argparse.Namespace, database: Database) -> int:
    question = " ".join(args.question)
    with database.reading() as connection:
        database.require_schema(connection)
        tenant = get_tenant(connection, args.tenant)
        names = agent_names(connection, tenant)
        if not names:
            raise ConfigError(
                f"tenant {tenant.slug!r} has no agent yet: offhook tenants agent put {tenant.slug} FILE"
                " gives it one"
            )
        agent = get_agent(connection, tenant, args.agent or names[0]).read()
        passages = read_passages(connection, tenant.id)
    knowledge = Knowledge(agent, load_knowledge_models(), lambda: passages)
    knowledge.prepare()
    found = explain(knowledge, question)
    if args.json:
        said = [asdict(one) | {"said": (one.log_odds or -1.0) >= FLOOR} for one in found]
        print(as_json({"question": question, "floor": FLOOR, "plain": PLAIN, "found": said}))
        return 0
    best = found[0] if found else None
    if best is None or best.log_odds is None or best.log_odds < FLOOR:
        print(printable(f"Nothing is sure enough: callers hear {agent.unknown!r}"))
    else:
        unsure = f"{agent.unsure} " if agent.unsure and best.log_odds < PLAIN else ""
        print(printable(f"Callers hear: {unsure}{best.answer}"))
    rows = [
        (
            "" if one.log_odds is None else f"{one.log_odds:+.2f}",
            "" if one.cosine is None else f"{one.cosine:.2f}",
            "" if one.words is None else f"{one.words:.1f}",
            one.text if len(one.text) <= _SHOWN else one.text[: _SHOWN - 3] + "...",
            one.about,
            one.source.rpartition("/")[2] or "agent's file",
        )
        for one in found
    ]
    print()
    print(as_table(("log-odds", "cosine", "words", "text", "about", "from"), rows))
    print(
        f"\nlog-odds decide; from {FLOOR:+.1f} on it is said where answers are made of facts, and plainly"
        f" from {PLAIN:+.1f} on."
    )
    return 0


_SHOWN = 70


def _misses_options(parser: argparse.ArgumentParser) -> None:
    _tenant_option(parser)
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="default: 50")


def _misses(args: argparse.Namespace, database: Database) -> int:
    with database.reading() as connection:
        database.require_schema(connection)
        tenant = get_tenant(connection, args.tenant)
        found = list_misses(connection, tenant, args.limit)
    if args.json:
        print(as_json({"misses": found}))
        return 0
    print(as_table(("times", "last (UTC)", "question"), [(one.times, one.last, one.text) for one in found]))
    if found and not (tenant.misses or tenant.transcripts):
        print(f"\nTheir words are not kept: offhook tenants set {tenant.slug} --misses on keeps them.")
    return 0


ACTIONS = {
    "add": Action("add documents, or replace what was added from there before", _add_options, _add),
    "list": Action("a tenant's documents", _tenant_option, _list, writes=False),
    "show": Action("what a document says, as callers would hear it", _show_options, _show, writes=False),
    "remove": Action("delete a document", _source_options, _remove),
    "search": Action("what is found for a question, and why", _search_options, _search, writes=False),
    "misses": Action("what callers asked and nothing answered", _misses_options, _misses, writes=False),
}
