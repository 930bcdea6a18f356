"""The commands of docs/ are run, page by page in their order; those that are not are listed with the reason.

What they change is a database and folders of this test.  ``test_docs.py`` holds all of them against the
commands' own options.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from offhook.cli import main as cli
from tests.cli.test_docs import REPOSITORY, typed

PAGES = (
    "README.md",
    "docs/howto/businesses.md",
    "docs/howto/privacy.md",
    "docs/howto/recording.md",
    "docs/tutorial.md",
)
ELSEWHERE = {
    "doctor": "test_docs.py runs it",
    "serve": "tests/daemon: every test of a DaemonProcess",
    "reload": "tests/daemon/test_daemon_process.py",
    "upgrade": "tests/daemon/test_upgrade.py",
    "demo": "make demo, .ci/test-wheel",
    "agents try": "asks a person; tests/cli and tests/evaluation answer for one",
    "agents check examples/agents/seaview.toml": "the page has the file written first",
    "call": "needs a daemon: tests/simulator, tests/daemon/test_daemon_process.py",
    "calls": "needs a call: tests/control/test_control.py, tests/recording",
    "kb add": "fetches a page of the web: tests/documents",
    "models pull": "fetches from the web: tests/catalogue",
    "models import": "tests/catalogue",
    "eval": "takes minutes: tests/evaluation",
    "bench-box": "wants a machine to itself: tests/evaluation",
    "dial": "places calls: tests/outbound, tests/asterisk/test_asterisk_outbound.py",
    "web": "tests/web",
}
"""Commands by how they begin, and who runs them."""
AGENT = 'name = "Leeds Plumbing"\ngreeting = "Hello."\nfacts = ["A visit costs eighty pounds."]\n'


def lines(document: str) -> list[str]:
    """What follows ``offhook`` in the lines of a page, in its order."""
    found = (
        re.fullmatch(r"(?:sudo )?(?:\S+/)?offhook(?: (.+))?", line)
        for page, line in typed()
        if page == document
    )
    return [each[1] or "" for each in found if each]


def elsewhere(line: str) -> bool:
    return any(line == each or line.startswith(f"{each} ") for each in ELSEWHERE)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the pages name, and a database."""
    agents = tmp_path / "agents"
    agents.mkdir()
    (agents / "boiler.toml").write_text(AGENT.replace("Leeds Plumbing", "Boiler Line"))
    (tmp_path / "plumbing.toml").write_text(AGENT)
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    config = tmp_path / "offhook.toml"
    config.write_text(
        f"[tenants]\ndatabase = {json.dumps(f'sqlite:///{tmp_path}/tenants.db')}\n"
        f"[recording]\nfolder = {json.dumps(str(tmp_path / 'recordings'))}\n"
    )
    monkeypatch.setenv("OFFHOOK_CONFIG", str(config))
    monkeypatch.setenv("OFFHOOK_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    status = cli.main(shlex.split(line))
    told = capsys.readouterr()
    assert status == 0, f"offhook {line}: {told.err or told.out}"
    return told.out


BEFORE = {
    # A page may count on what another one has done.
    "docs/howto/privacy.md": ["tenants add leeds-plumbing --name 'Leeds Plumbing'"],
    "docs/howto/recording.md": [
        "tenants add leeds-plumbing --name 'Leeds Plumbing'",
        "tenants agent put leeds-plumbing plumbing.toml",
        "numbers country 44",
        "numbers add '+44 113 496 0000' leeds-plumbing",
    ],
}


@pytest.mark.parametrize("document", PAGES)
def test_a_pages_commands_do_what_it_says(
    document: str, box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in BEFORE.get(document, []):
        run(line, capsys)
    for line in lines(document):
        if elsewhere(line):
            continue
        if line.startswith("tenants agent rollback"):  # there has to be a version before
            (box / "plumbing.toml").write_text(AGENT.replace("eighty", "ninety"))
            run("tenants agent put leeds-plumbing plumbing.toml", capsys)
        run(line.replace("/etc/offhook/agents", str(box / "agents")), capsys)


def test_every_command_is_run_here_or_named_with_who_runs_it() -> None:
    pages = {document for document, _ in typed()} - set(PAGES)
    assert [line for page in pages for line in lines(page) if line and not elsewhere(line)] == []
    for place in re.findall(r"(?:tests|bench)/[\w/.]+\w", " ".join(ELSEWHERE.values())):
        assert (REPOSITORY / place).exists(), place
