"""Downloads from a server that cuts, redirects, changes its mind and lies."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.catalogue.download import download
from offhook.catalogue.progress import Progress
from offhook.errors import ModelError
from tests.support.engines.file_server import a_file, elsewhere
from tests.support.engines.model_server import ModelServer, status

CONTENT = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(CONTENT).hexdigest()
OTHER = CONTENT[::-1]


@pytest.fixture
async def hub(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ModelServer]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with ModelServer() as server:
        yield server


class Fetched:
    """One download and the pauses that it would have made."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "model.bin"
        self.pauses: list[float] = []

    async def __call__(
        self, url: str, *, sha256: str | None = SHA256, progress: Progress | None = None
    ) -> str:
        return await asyncio.to_thread(
            download,
            url,
            self.target,
            size=len(CONTENT),
            sha256=sha256,
            progress=progress,
            pause=self.pauses.append,
        )

    def left(self) -> list[str]:
        return sorted(path.name for path in self.target.parent.iterdir())


@pytest.fixture
def fetched(tmp_path: Path) -> Fetched:
    return Fetched(tmp_path)


async def test_a_file_comes_whole_and_nothing_is_left_beside_it(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(a_file(CONTENT))
    assert await fetched(f"{hub.url}/m") == SHA256
    assert fetched.target.read_bytes() == CONTENT
    assert fetched.left() == ["model.bin"]
    assert hub.requests[0].headers["accept-encoding"] == "identity"


async def test_a_redirect_is_followed(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(elsewhere("/cdn/m"), a_file(CONTENT))
    await fetched(f"{hub.url}/m")
    assert [request.path for request in hub.requests] == ["/m", "/cdn/m"]


async def test_a_cut_connection_is_taken_up_where_it_broke(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(a_file(CONTENT, cut_after=300_000), a_file(CONTENT, cut_after=300_000), a_file(CONTENT))
    await fetched(f"{hub.url}/m")
    assert fetched.target.read_bytes() == CONTENT
    begun = [request.headers.get("range") for request in hub.requests]
    assert begun == [None, "bytes=300000-", "bytes=600000-"]
    assert fetched.pauses == [1.0, 1.0], "each of them had brought something"


async def test_what_has_come_counts_for_the_next_try(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(a_file(CONTENT, cut_after=300_000), status(503, "busy"))
    with pytest.raises(ModelError, match=r"the server answers 503.*try again later"):
        await fetched(f"{hub.url}/m")
    assert fetched.left() == ["model.bin.part", "model.bin.part.etag"]
    assert fetched.pauses == [1.0, 2.0, 4.0, 8.0]
    hub.will(a_file(CONTENT))
    await fetched(f"{hub.url}/m")
    assert hub.requests[-1].headers["range"] == "bytes=300000-"
    assert fetched.target.read_bytes() == CONTENT


async def test_two_versions_are_never_glued_together(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(a_file(OTHER, cut_after=300_000), a_file(CONTENT, etag='"v2"'))
    assert await fetched(f"{hub.url}/m", sha256=None) == SHA256


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
async def test_a_version_that_has_no_name_begins_anew(
    hub: ModelServer, fetched: Fetched, etag: str | None
) -> None:
    hub.will(a_file(OTHER, etag=etag, cut_after=300_000), a_file(CONTENT, etag=etag))
    assert await fetched(f"{hub.url}/m", sha256=None) == SHA256
    assert "range" not in hub.requests[1].headers


async def test_a_server_without_parts_begins_anew(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(a_file(CONTENT, cut_after=300_000), a_file(CONTENT, ranges=False))
    await fetched(f"{hub.url}/m")
    assert fetched.target.read_bytes() == CONTENT


async def test_a_file_with_another_hash_is_refused_and_moved_aside(
    hub: ModelServer, fetched: Fetched
) -> None:
    hub.will(a_file(OTHER))
    with pytest.raises(ModelError, match=f"its SHA-256 is .*, not {SHA256}; it lies in .*model.bin.wrong"):
        await fetched(f"{hub.url}/m")
    assert fetched.left() == ["model.bin.wrong"]


@pytest.mark.parametrize("content", [CONTENT + b"x", CONTENT[:-1]])
async def test_a_file_of_another_length_is_refused_before_it_is_fetched(
    hub: ModelServer, fetched: Fetched, content: bytes
) -> None:
    hub.will(a_file(content))
    with pytest.raises(ModelError, match=r"is not the file that the catalogue knows: it has .* bytes"):
        await fetched(f"{hub.url}/m")
    assert fetched.left() == []


@pytest.mark.parametrize(
    ("code", "said"), [(404, "the server answers 404"), (401, "it wants a login"), (403, "it wants a login")]
)
async def test_a_refusal_is_one_line_and_not_asked_again(
    hub: ModelServer, fetched: Fetched, code: int, said: str
) -> None:
    hub.will(status(code, "no"))
    with pytest.raises(ModelError, match=said) as caught:
        await fetched(f"{hub.url}/m")
    assert "\n" not in str(caught.value)
    assert len(hub.requests) == 1


async def test_nobody_there_is_one_line(hub: ModelServer, fetched: Fetched) -> None:
    url = hub.url
    await hub.stop()
    with pytest.raises(ModelError, match=r"cannot be fetched: ConnectError.*HTTPS_PROXY"):
        await fetched(f"{url}/m")


async def test_a_proxy_of_the_environment_is_used(
    hub: ModelServer, fetched: Fetched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", hub.url)
    hub.will(a_file(CONTENT))
    await fetched("http://models.example/m")
    assert hub.requests[0].path == "http://models.example/m"


async def test_a_full_disk_is_told_by_the_system(hub: ModelServer, fetched: Fetched) -> None:
    hub.will(a_file(CONTENT))
    fetched.target.with_name("model.bin.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        await fetched(f"{hub.url}/m")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_progress_is_a_line_every_few_seconds() -> None:
    clock, out = Clock(), io.StringIO()
    progress = Progress("m.bin", out, clock)
    for second in range(12):
        clock.now = float(second)
        progress.at(second * 1_000_000, 10_000_000)
    progress.close()
    assert out.getvalue() == "m.bin: 5.0 MB of 10.0 MB (50 %)\nm.bin: 10.0 MB of 10.0 MB (100 %)\n"


def test_progress_on_a_terminal_stays_on_its_line() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    clock, out = Clock(), Terminal()
    progress = Progress("m.bin", out, clock)
    for now in (1.0, 1.1, 1.3):
        clock.now = now
        progress.at(500_000, 1_000_000)
    progress.close()
    line = "\rm.bin: 0.5 MB of 1.0 MB (50 %)\x1b[K"
    assert out.getvalue() == f"{line}{line}\r\x1b[K"
