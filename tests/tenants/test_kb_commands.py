"""``offhook kb`` as scripts and people use it."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from offhook.cli import main as cli
from offhook.documents.pages import read_page
from offhook.errors import DocumentError
from offhook.knowledge.store import Models, Networks
from offhook.tenants.database import Database
from tests.support.documents import pdf
from tests.support.knowledge import Letters
from tests.support.tenants import fill

Run = Callable[..., Any]
PAGE = "<title>Tours</title><h1>Tours</h1><p>The castle tour starts at noon.</p>"


@pytest.fixture
def offhook(database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command on the database and gives its JSON, or what it prints, and its errors."""
    monkeypatch.setenv("OFFHOOK_DATABASE", database.url.render_as_string(hide_password=False))
    networks = Networks(Letters(), Letters())  # type: ignore[arg-type]
    models = Models(networks, lambda: networks)
    monkeypatch.setattr("offhook.cli.kb.load_knowledge_models", lambda: models)
    fill(database, leeds="700", york="701")

    def run(*words: str, status: int = 0, plain: bool = False) -> Any:
        assert cli.main(["kb", *words, *([] if plain else ["--json"])]) == status
        printed = capsys.readouterr()
        if status == 2:
            assert printed.err.count("\n") == 1, "one line"
            return printed.err
        return (printed.out, printed.err) if plain else json.loads(printed.out)

    return run


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "boats.md").write_text("# Boats\n## Prices\nA canoe is $9 an hour.\n## Dogs\nThey ride free.\n")
    (folder / "rules.pdf").write_bytes(pdf([["Fires are not allowed anywhere."]]))
    (folder / "scan.pdf").write_bytes(pdf([[]]))
    return folder


def test_a_folder_is_added_and_what_cannot_be_read_is_one_line(offhook: Run, docs: Path) -> None:
    out, err = offhook("add", "leeds", str(docs), status=1, plain=True)
    assert out == f"{docs}/boats.md: 2 passages, added\n{docs}/rules.pdf: 1 passage, added\n"
    assert err.startswith(f"offhook: error: {docs}/scan.pdf: has no text, only pictures of pages")
    assert err.count("\n") == 1
    (docs / "scan.pdf").unlink()
    (docs / "boats.md").write_text("# Boats\nA canoe is $10 an hour.\n")
    states = [(one["source"], one["state"]) for one in offhook("add", "leeds", str(docs))["added"]]
    assert states == [(f"{docs}/boats.md", "replaced"), (f"{docs}/rules.pdf", "unchanged")]
    listed = offhook("list", "leeds")["documents"]
    assert [(one["title"], one["passages"]) for one in listed] == [("Boats", 1), ("rules", 1)]
    shown = offhook("show", "leeds", "boats.md")["passages"]
    assert [one["text"] for one in shown] == ["A canoe is $10 an hour."]
    assert offhook("list", "york") == {"documents": []}
    assert offhook("remove", "leeds", "boats.md")["removed"]["passages"] == 1
    assert "none of that name" in offhook("remove", "leeds", "boats.md", status=2)
    assert "there is none of that name" in offhook("add", "leed", str(docs), status=2)
    assert offhook("add", "leeds", "/nowhere.md", status=1)["added"][0]["state"] == "failed"


def test_a_search_shows_what_would_be_said_and_why(offhook: Run, docs: Path) -> None:
    offhook("add", "leeds", str(docs / "boats.md"))
    found = offhook("search", "leeds", "They", "ride", "free", "dogs?")["found"]
    assert (found[0]["text"], found[0]["about"], found[0]["said"]) == ("They ride free.", "Dogs", True)
    assert found[0]["source"] == f"{docs}/boats.md"
    assert found[0]["covered"] == 1.0
    assert found[0]["log_odds"] > found[1]["log_odds"]
    out, _ = offhook("search", "leeds", "They ride free dogs?", plain=True)
    assert out.startswith("Callers hear: They ride free.\n")
    out, _ = offhook("search", "leeds", "zzzz", plain=True)
    assert out.startswith("Nothing is sure enough: callers hear ")
    out, _ = offhook("misses", "leeds", plain=True)
    assert out == "times  last (UTC)  question\n"


@pytest.fixture
def site() -> Iterator[str]:
    """A web server of this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = {
                "/tours": (200, {"content-type": "text/html; charset=utf-8"}, PAGE.encode()),
                "/old": (302, {"location": "/tours"}, b""),
                "/round": (302, {"location": "/round"}, b""),
                "/menu.pdf": (200, {"content-type": "application/octet-stream"}, pdf([["Soup is $4."]])),
            }.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_pages_are_fetched_and_none_of_the_own_network_unless_it_is_meant(offhook: Run, site: str) -> None:
    added = offhook("add", "leeds", f"{site}/old", f"{site}/menu.pdf", f"{site}/gone", "--private", status=1)
    assert [(one["passages"], one["state"]) for one in added["added"]] == [(1, "added")] * 2 + [(0, "failed")]
    assert "answers 404" in added["added"][2]["problem"]
    problem = offhook("add", "leeds", f"{site}/tours", status=1)["added"][0]["problem"]
    assert "inside your own network: say --private" in problem


def test_a_page_does_not_lead_into_the_own_network(site: str) -> None:
    def addresses(host: str) -> list[str]:
        return ["93.184.215.14"] if host == "outside.example" else ["127.0.0.1"]

    with pytest.raises(DocumentError, match="inside your own network"):
        read_page(f"{site}/tours", addresses=addresses)
    with pytest.raises(DocumentError, match="redirects again and again"):
        read_page(f"{site}/round", private=True)
    with pytest.raises(DocumentError, match="http:// or https:// and a host are wanted"):
        read_page("http://", private=True)


def test_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever owns it could answer the second time with an address inside."""
    asked: list[tuple[str, str, object]] = []

    def answer(_self: object, request: httpx.Request) -> httpx.Response:
        asked.append((request.url.host, request.headers["host"], request.extensions["sni_hostname"]))
        if len(asked) == 1:
            raise httpx.ConnectError("unreachable", request=request)
        return httpx.Response(200, html="<p>Soup is $4 today.</p>")

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", answer)
    monkeypatch.setattr("urllib.request.getproxies", dict)
    name = "outside.example"
    document, _ = read_page(f"https://{name}/", addresses=lambda host: ["2606:2800::1", "93.184.215.14"])
    assert len(document.blocks) == 1
    assert asked == [("2606:2800::1", name, name), ("93.184.215.14", name, name)]
