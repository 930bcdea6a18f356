"""What README.md, asterisk/README.md and docs/ tell people to type works, and what they name is there.

Every line of their shell blocks is tried or checked by one of the functions below that are marked with
``@line``.  A line that none of them knows fails: teach this file what it does.

Above 400 lines because every kind of line that the documents have needs a function.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from offhook.agents.check import check
from offhook.agents.loader import Agent, load_agent
from offhook.cli import main as cli
from offhook.config import Config, load_config
from offhook.daemon.outbound import ToDial, ToShow
from offhook.evaluation.suite import load_suite
from offhook.web.pages.api import COMMANDS as API_COMMANDS

REPOSITORY = Path(__file__).parents[2]
DOCS = (
    "README.md",
    "asterisk/README.md",
    *sorted(str(page.relative_to(REPOSITORY)) for page in (REPOSITORY / "docs").rglob("*.md")),
)
EXAMPLE = REPOSITORY / "examples" / "agents" / "bakery.toml"
DIALPLAN = "".join(
    (REPOSITORY / "asterisk" / name).read_text(encoding="utf-8")
    for name in (
        "extensions.conf",
        "offhook-doors.conf",
        "offhook-ari.conf",
        "../deploy/kamailio/offhook-box.conf",
    )
)
SHELL = ("", "sh", "bash")
"""Languages of blocks that are typed; the dialplan's lines stand in such blocks too."""
OTHER = ("toml", "cpp", "python", "json", "ini")
GENERATED = "reference/"
"""Pages that are made when the site is built (docs/site/reference.py)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    document: str
    language: str
    text: str


def _text(document: str) -> str:
    return (REPOSITORY / document).read_text(encoding="utf-8")


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks in these languages, or all."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    found = [Block(document, *match) for document in DOCS for match in fence.findall(_text(document))]
    return [block for block in found if not languages or block.language in languages]


def _running(document: str) -> str:
    """Its text without the fenced blocks."""
    return re.sub(r"^```.*?^```$", "", _text(document), flags=re.M | re.S)


def spans() -> list[str]:
    """What stands between backquotes in running text."""
    return [span for document in DOCS for span in re.findall(r"`([^`\n]+)`", _running(document))]


def typed() -> list[tuple[str, str]]:
    """Document and line for everything that is to be typed: joined, without comments."""
    lines = []
    for block in blocks(*SHELL):
        for text in block.text.replace("\\\n", " ").splitlines():
            bare = re.sub(r"(?:^|\s+)#(?!include).*$", "", text).strip()
            if bare:
                lines.append((block.document, " ".join(bare.split())))
    return lines


def test_there_is_something_to_check() -> None:
    assert len(blocks("toml")) >= 2
    assert len(typed()) > 10
    assert {block.language for block in blocks()} <= {*SHELL, *OTHER}, (
        "teach tests/cli/test_docs.py this language"
    )


# --- TOML ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", blocks("toml"), ids=lambda block: block.text.splitlines()[0])
def test_a_block_of_toml_is_an_agent_or_a_configuration(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(block.text, encoding="utf-8")
    tables = tomllib.loads(block.text)
    if "greeting" in tables:
        assert check(load_agent(str(path)), 1024) == []
    elif is_part_of_an_agent(tables):
        path.write_text(f'name = "Acme"\ngreeting = "Hello."\n{block.text}', encoding="utf-8")
        load_agent(str(path))
    else:
        load_config(path)


def is_part_of_an_agent(tables: dict[str, Any]) -> bool:
    """Has tables that only agents have: ``[tools]`` holds settings in a configuration, tools in an agent."""
    only = set(Agent.model_fields) - set(Config.model_fields)
    tools = tables.get("tools", {})
    return bool(only & set(tables)) or any(isinstance(each, dict) for each in tools.values())


@pytest.mark.parametrize("block", [each for each in blocks("json") if '"questions"' in each.text])
def test_a_block_of_a_suite_is_one(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    path.write_text(block.text, encoding="utf-8")
    suite = load_suite(path)
    assert suite.questions
    assert suite.agent().facts


def test_the_readmes_agent_is_the_example() -> None:
    agents = [block.text for block in blocks("toml") if "greeting" in tomllib.loads(block.text)]
    assert EXAMPLE.read_bytes().decode() in agents


def test_every_example_loads_and_has_no_faults() -> None:
    for path in EXAMPLE.parent.glob("*.toml"):
        assert check(load_agent(str(path)), 1024) == [], path


# --- commands and their help -----------------------------------------------------------------------


def commands(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command and subcommand; () is ``offhook`` alone."""
    yield path
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from commands(inner, (*path, name))


COMMANDS = tuple(commands(cli.build_parser()))


def help_of(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        cli.main([*path, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


_WORD = re.compile(r"[a-z]+(?:-[a-z]+)*")
"""Of a command."""


def mentions() -> list[tuple[tuple[str, ...], set[str]]]:
    """Each command that the documents name, with the options that they name for it."""
    found = []
    for text in (*spans(), *(line for _, line in typed())):
        named = re.search(r"(?:^|[\s/])offhook ((?:[a-z-].*)?)$", text)
        if named:
            words = re.findall(r"[^\s\[\]]+", named[1])
            path = tuple(
                words[: next((n for n, word in enumerate(words) if not _WORD.fullmatch(word)), len(words))]
            )
            while path and path not in COMMANDS and len(path) > 1:
                path = path[:-1]
            found.append((path, options(named[1])))
    return found


def options(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_names_every_option_that_the_documents_name(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    shown = help_of(path, capsys)
    assert f"usage: offhook {' '.join(path)}".strip() in shown
    for named, wanted in mentions():
        if named == path:
            assert wanted <= options(shown)


def test_every_command_that_the_documents_name_is_there() -> None:
    assert {path for path, _ in mentions()} <= set(COMMANDS)


def test_options_named_alone_belong_to_some_command(capsys: pytest.CaptureFixture[str]) -> None:
    known = set().union(*(options(help_of(path, capsys)) for path in COMMANDS))
    assert {span for span in spans() if span.startswith("--")} <= known


# --- what is named in running text -----------------------------------------------------------------


def test_keys_are_keys_of_the_configuration() -> None:
    for span in spans():
        section, dot, key = span.split(" ")[0].partition(".")
        field = Config.model_fields.get(section)
        if dot and field is not None and re.fullmatch(r"[a-z_]+", key):
            assert key in type(field.default).model_fields, span


def test_links_and_files_are_there() -> None:
    for document in DOCS:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", _running(document)):
            found = (REPOSITORY / document).parent.joinpath(target)
            assert found.exists() or GENERATED in target, f"{document}: {target}"
    for span in spans():
        if re.fullmatch(r"(?:agi|asterisk|bench|examples|engine|tests|csrc)/[\w./-]*", span):
            assert (REPOSITORY / span).exists(), span


def test_the_tests_that_keep_faults_mended_are_there() -> None:
    here = {path.name for path in (REPOSITORY / "tests").rglob("test_*.*")}
    named = set(re.findall(r"\btest_\w+\.(?:py|cpp)", _text("tests/README.md")))
    assert named
    assert named <= here


def test_extras_are_extras() -> None:
    known = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {extra for document in DOCS for extra in re.findall(r"offhook\[(\w+)\]", _text(document))}
    assert named
    assert named <= set(known)


def test_make_targets_are_targets() -> None:
    named = {found[1] for span in spans() if (found := re.fullmatch(r"make ([a-z-]+)", span))}
    assert named <= targets()


def targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return {
        name for names in re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE) for name in names.split()
    }


def test_dialplan_in_running_text() -> None:
    calls = [span for span in spans() if re.fullmatch(r"[A-Z][A-Za-z]+\(.+\)", span)]
    assert calls
    for call in calls:
        check_application(call)


# --- every line that is typed ----------------------------------------------------------------------

Check = Callable[[re.Match[str], Path], None]
_CHECKS: list[tuple[re.Pattern[str], Check]] = []


def line(pattern: str) -> Callable[[Check], Check]:
    """Marks what checks the lines that ``pattern`` fits as a whole; it gets an empty folder as well."""

    def register(check_line: Check) -> Check:
        _CHECKS.append((re.compile(pattern), check_line))
        return check_line

    return register


def exercise(text: str, root: Path) -> None:
    bare = text.removeprefix("sudo ")
    for pattern, check_line in _CHECKS:
        found = pattern.fullmatch(bare)
        if found:
            check_line(found, root)
            return
    pytest.fail(f"teach tests/cli/test_docs.py this line: {text}")


@pytest.mark.parametrize(("document", "text"), typed(), ids=lambda part: part[:60])
def test_a_line_that_is_typed(document: str, text: str, tmp_path: Path) -> None:
    exercise(text, tmp_path)


def test_a_line_that_nobody_knows_fails(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"teach \S+ this line: sudo frobnicate"):
        exercise("sudo frobnicate --now", tmp_path)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    # Below `make test`, make's own variables would make a part of that run of what is started here.
    quiet = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    return subprocess.run(command, cwd=REPOSITORY, env=quiet, capture_output=True, text=True, timeout=300)


@line(r"make ([a-z-]+)")
def _make(found: re.Match[str], root: Path) -> None:
    assert found[1] in targets()
    if shutil.which("make"):
        done = _run("make", "-n", found[1])
        assert done.returncode == 0, done.stderr


@line(r"(?:cp|install) .+")
def _copy(found: re.Match[str], root: Path) -> None:
    """Done as it stands, with the system's folders below ``root``."""
    command = found[0].replace("/path/to/offhook", str(REPOSITORY))
    command = command.replace("/opt/offhook/bin/python", shlex.quote(sys.executable))
    for place in re.findall(r"(?<=\s)/(?:etc|usr|var)/\S*", command):
        below = root / place.removeprefix("/")
        (below if place.endswith("/") else below.parent).mkdir(parents=True, exist_ok=True)
        command = command.replace(
            f" {place}", f" {shlex.quote(str(below))}/" if place.endswith("/") else f" {below}"
        )
    done = _run("bash", "-euc", command)
    assert done.returncode == 0, done.stderr
    assert any(path.is_file() for path in root.rglob("*")), "something was copied"


@line(r"(?:\S+/)?offhook (.+)")
def _offhook(found: re.Match[str], root: Path) -> None:
    words = shlex.split(found[1])
    args = cli.build_parser().parse_args(words)
    assert args.run is not None, f"`offhook {args.command}` cannot be loaded"
    if words == ["doctor"]:  # the one that ends by itself and changes nothing
        done = _run(sys.executable, "-m", "offhook.cli.main", *words)
        assert done.returncode in (0, 1), done.stderr
        assert re.search(r"^\d+ ok, \d+ to look at, \d+ failed$", done.stdout, re.MULTILINE)


@line(r"python3 -m venv (/\S+)")
def _venv(found: re.Match[str], root: Path) -> None:
    place = root / found[1].removeprefix("/")
    done = _run(sys.executable, "-m", "venv", "--without-pip", str(place))
    assert done.returncode == 0, done.stderr
    assert (place / "bin" / "python").exists()


@line(r"/opt/offhook/bin/pip install (?:--upgrade )?'/path/to/offhook\[\w+\]'")
def _pip(found: re.Match[str], root: Path) -> None:
    assert "/opt/offhook/bin/pip install 'offhook[" in _text("asterisk/offhookd.service"), "the same there"
    test_extras_are_extras()


@line(r"\.ci/wheel /usr/bin/python3\.(\d+)")
def _wheel(found: re.Match[str], root: Path) -> None:
    supported = tomllib.loads(_text("pyproject.toml"))["project"]["classifiers"]
    assert f"Programming Language :: Python :: 3.{found[1]}" in supported
    done = _run("bash", "-n", ".ci/wheel")
    assert done.returncode == 0, done.stderr


@line(r"podman build --file (\S+) --tag offhook \.")
def _image(found: re.Match[str], root: Path) -> None:
    """No builder here; what it copies, installs and makes is what wheel, package and daemon have."""
    recipe = _text(found[1])
    extras = [
        re.findall(r"\.whl\)?\"?\[([\w,]+)\]|\$wheel\[([\w,]+)\]", each)
        for each in (recipe, _text(".ci/deb"))
    ]
    assert len({"".join(found) for each in extras for found in each}) == 1, (
        "the same as in the Debian package"
    )
    assert "dist/offhook-*.whl" in recipe
    daemon = Config().daemon
    for folder in (daemon.socket.parent, daemon.playback_dir):
        assert str(folder) in recipe
    (command,) = re.findall(r'^CMD \["(.+)"\]$', recipe, re.MULTILINE)
    assert cli.build_parser().parse_args([command]).run is not None


@line(r"curl -H \"Authorization: Bearer \$\(cat /\S+\)\" http://(\S+)/api/v1/([a-z-]+) -d '(.+)'")
def _api(found: re.Match[str], root: Path) -> None:
    """To where the pages are served, with arguments of that command."""
    arguments: dict[str, type[BaseModel]] = {"dial": ToDial, "dialled": ToShow}
    assert found[1] == Config().web.listen
    assert arguments.keys() <= API_COMMANDS
    assert arguments[found[2]].model_validate_json(found[3])


@line(r"apt-get install ([a-z0-9 -]+)")
def _apt(found: re.Match[str], root: Path) -> None:
    """No network here; but the tests' Asterisk comes from the same packages."""
    known = _text("tests/asterisk/install.sh") + _text("tests/scale/install-kamailio.sh")
    assert all(package in known for package in found[1].split())


@line(r"kamailio -c|kamcmd (dispatcher\.set_state [ad]p 1 sip:[0-9.]+:5060)")
def _kamailio(found: re.Match[str], root: Path) -> None:
    """tests/scale does both with the real one; here that the file lies where it looks, and says the same."""
    shipped = _text("deploy/kamailio/kamailio.cfg")
    assert "kamailio -c" in shipped
    if found[1]:
        assert re.sub(r" [ad]p ", " dp ", found[1]) in shipped


@line(r"systemd-tmpfiles --create")
def _tmpfiles(found: re.Match[str], root: Path) -> None:
    rules = [
        rule.split() for rule in _text("asterisk/offhook.tmpfiles").splitlines() if rule[:1] not in ("", "#")
    ]
    assert rules
    for kind, path, mode, *_ in rules:
        assert kind == "d"
        assert int(mode, 8)
        assert Path(path) in (Config().daemon.playback_dir, Config().daemon.socket.parent)


@line(
    r"systemctl (?:daemon-reload|(?:enable --now|restart|reload|stop) (offhookd)|restart (asterisk|kamailio))"
)
def _systemctl(found: re.Match[str], root: Path) -> None:
    unit = _text("asterisk/offhookd.service")
    if found[1]:
        (command,) = re.findall(r"^ExecStart=/opt/offhook/bin/offhook (.+)$", unit, re.MULTILINE)
        cli.build_parser().parse_args(shlex.split(command))
    elif found[2] == "asterisk":
        assert re.search(rf"^Before={found[2]}\.service$", unit, re.MULTILINE)


@line(r"(?:exten => [^,]+,[^,]+|same => [^,]+),(.+)")
def _dialplan(found: re.Match[str], root: Path) -> None:
    check_application(found[1])


@line(r'#include "(\S+)"')
def _include(found: re.Match[str], root: Path) -> None:
    assert f'#include "{found[1]}"' in DIALPLAN


def check_application(call: str) -> None:
    """An application, its variables and its arguments, against the dialplan that the tests place calls on."""
    found = re.fullmatch(r"(\w+)\((.*)\)", call)
    assert found, call
    assert re.search(rf",{found[1]}\(", DIALPLAN), f"{call}: asterisk/extensions.conf has no {found[1]}()"
    for variable in re.findall(r"\$\{(\w+)\}", found[2]):
        assert re.search(rf"\b{variable}\b", DIALPLAN), f"{call}: ${{{variable}}}"
    first, *rest = found[2].split(",")
    if found[1] == "Set":
        assert first in DIALPLAN, call
    elif found[1] == "Goto":
        assert f"[{first}]" in DIALPLAN, call
    elif found[1] == "EAGI":
        assert first in ("offhook-eagi", "offhook_eagi.py", "${OFFHOOK_AGI}"), call
        assert rest[0] == "${UNIQUEID}", "the launcher's first argument"
        assert all(re.fullmatch(r"(?:agent|record)=[\w-]+", argument) for argument in rest[1:]), call
