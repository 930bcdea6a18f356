"""``offhook agents``: which agents there are, a new one, and what is wrong with one."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offhook.agents.check import Finding, Severity
from offhook.agents.loader import SHIPPED, agent_files, check_name, find_agent, load_agent
from offhook.agents.starter import starter
from offhook.cli import try_agent
from offhook.config import Config, load_config
from offhook.engines.examine import examine
from offhook.errors import ConfigError, FieldsError
from offhook.files import at_home, read_text
from offhook.observe.trace.waterfall import printable


@dataclass(frozen=True, slots=True)
class Action:
    """One word after ``offhook agents``."""

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("agents", help="list, begin or check the files of agents")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, action in ACTIONS.items():
        own = actions.add_parser(name, help=action.help)
        action.add_options(own)
        own.add_argument("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def run(args: argparse.Namespace) -> int:
    return ACTIONS[args.action].run(args)


# --- list ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listed:
    """One agent file; ``error`` says why it cannot be used, and the agent's own fields are empty then."""

    agent: str
    name: str
    language: str
    facts: int
    default: bool
    path: str
    error: str | None = None


def _list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _list(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    files = agent_files(config.agent.search)
    if config.agent.default not in files and "/" in config.agent.default:
        files[config.agent.default] = find_agent(config.agent.default)
    listed = [_listed(name, path, config) for name, path in files.items()]
    if args.json:
        print(json.dumps({"agents": [asdict(one) for one in listed]}))
    else:
        print(_table(listed))
    return 1 if any(one.error for one in listed) else 0


def _listed(name: str, path: Path, config: Config) -> Listed:
    default = name == config.agent.default
    try:
        agent = load_agent(str(path))
    except ConfigError as error:
        return Listed(name, "", "", 0, default, str(path), str(error))
    return Listed(name, agent.name, agent.language, len(agent.facts), default, str(path))


def _table(listed: Sequence[Listed]) -> str:
    rows = [("agent", "name", "language", "facts", "where")]
    for one in listed:
        where = f"error: {one.error}" if one.error else one.path + (" (default)" if one.default else "")
        rows.append((one.agent, one.name, one.language, "" if one.error else str(one.facts), where))
    shown = [tuple(map(printable, row)) for row in rows]
    widths = [max(len(row[column]) for row in shown) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in shown
    )


# --- new -----------------------------------------------------------------------------------------

_NEXT = ("offhook agents check {agent}", 'offhook call --agent {agent} --say "When are you open?"')
"""What to do with a new file; a daemon has to run for the second."""


def _new_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="what the dialplan calls it: letters, digits, '-' and '_'"
    )
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="default: the first of agent.search (/etc/offhook/agents)"
    )
    parser.add_argument(
        "--from",
        dest="model",
        metavar="AGENT",
        help="a copy of another: receptionist (books), helpdesk (opens tickets), shop (orders), or yours",
    )


def _new(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    check_name(args.name)
    folder = _folder(args.folder, config)
    path = folder / f"{args.name}.toml"
    text = starter(args.name) if args.model is None else _copy(args.model, folder, config)
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
        if path.exists():
            raise ConfigError(f"{path} is there already: edit it, or choose another name")
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; name a folder where you may write with --folder"
        ) from error
    named = any(folder.resolve() == one.resolve() for one in config.agent.search)
    agent = args.name if named else str(path.absolute())
    print(f"{path} is written. Change what it says, then:")
    for command in _NEXT:
        print("  " + command.format(agent=agent))
    return 0


def _copy(model: str, folder: Path, config: Config) -> str:
    """The text of another agent's file, as it stands.  Raises ConfigError where it could not be used."""
    path = find_agent(model, config.agent.search)
    load_agent(str(path))
    text = read_text(path)
    if path.parent.resolve() != folder.resolve() and path.parent.resolve() != SHIPPED.resolve():
        return f"# A copy of {path}: files that it names beside itself have to be copied, too.\n{text}"
    return text


def _folder(named: Path | None, config: Config) -> Path:
    if named is not None:
        try:
            return at_home(named)
        except ValueError as error:
            raise ConfigError(f"--folder {named}: {error}") from error
    if not config.agent.search:
        raise ConfigError("agent.search names no folder: name one with --folder")
    return config.agent.search[0]


# --- check ---------------------------------------------------------------------------------------


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Exit status 1 when callers would be told something wrong, or the file cannot be used."
    )
    parser.add_argument("agent", metavar="FILE|NAME", help="the path of an agent file, or an agent's name")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _check(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    path, findings = args.agent, []
    try:
        path = str(find_agent(args.agent, config.agent.search))
        agent = load_agent(path)
        findings = examine(agent, config)
    except FieldsError as error:
        findings = [Finding(Severity.ERROR, "file", problem) for problem in error.problems]
    except ConfigError as error:
        findings = [Finding(Severity.ERROR, "file", str(error).removeprefix(f"{path}: "))]
    if args.json:
        print(json.dumps({"path": path, "findings": [asdict(finding) for finding in findings]}))
    else:
        print(_report(path, findings))
    return 1 if any(finding.severity is Severity.ERROR for finding in findings) else 0


def _report(path: str, findings: Sequence[Finding]) -> str:
    lines = [printable(f"{one.severity:<7}  {one.where}: {one.what}") for one in findings]
    counts = {severity: sum(one.severity is severity for one in findings) for severity in Severity}
    total = ", ".join(f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items())
    return "\n".join([*lines, f"{path}: {total}"])


ACTIONS = {
    "list": Action("the agents there are, and where", _list_options, _list),
    "new": Action("write a file to begin with", _new_options, _new),
    "check": Action("what is wrong with a file, or will be answered badly", _check_options, _check),
    "try": Action("talk to an agent in writing", try_agent.add_options, try_agent.run),
}
