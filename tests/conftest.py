"""Fixtures that several test files share: what may be left behind, launchers, language models."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from offhook import core
from offhook.engines.llm import exchange
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.llm.native import NativeModel
from tests.support.engines.llm_engine import engine
from tests.support.engines.remote_models import Side, both
from tests.support.launchers import (
    WAIT_S,
    Script,
    Starter,
    c_launcher,
    open_descriptors,
    python_launcher,
    start,
)
from tests.support.waiting import until

# The same examples everywhere, and as much time for each as the machine wants.  --hypothesis-seed=N looks for
# others.
settings.register_profile(
    "offhook", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("offhook")

# -- what may be left behind ----------------------------------------------------------------------


@pytest.fixture
async def nothing_left_open() -> AsyncIterator[None]:
    """After the test this process has the descriptors open that it had before, no more and no fewer."""
    before = open_descriptors()
    yield
    assert open_descriptors() == before


@pytest.fixture
def nothing_keeps_running() -> Iterator[None]:
    """Soon after the test no descriptor and no thread is left over; threads take a moment to end."""
    descriptors, threads = len(open_descriptors()), threading.active_count()
    yield
    until(lambda: len(open_descriptors()) <= descriptors, "the descriptors are closed")
    until(lambda: threading.active_count() <= threads, "the threads have ended")


# -- launchers --------------------------------------------------------------------------------------


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    """Where the daemon's socket shall be; its folder does not exist yet."""
    return tmp_path / "run" / "offhook.sock"


@pytest.fixture(scope="session")
def compiled_launcher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The launcher that the build installed, or one compiled from this checkout."""
    (path,) = c_launcher(tmp_path_factory.mktemp("launcher"))
    return Path(path)


@pytest.fixture(params=["c", "python"])
def launcher(request: pytest.FixtureRequest, compiled_launcher: Path) -> list[str]:
    """The command of each launcher in turn."""
    return [str(compiled_launcher)] if request.param == "c" else python_launcher()


@pytest.fixture
def run(launcher: list[str], socket_path: Path) -> Iterator[Starter]:
    """Starts the launcher with the given arguments, as Asterisk would."""
    scripts: list[Script] = []

    def starter(*args: str | bytes, wrapper: tuple[str, ...] = (), **how: object) -> Script:
        script = start([*wrapper, *launcher, *args], how.pop("at", socket_path), **how)  # type: ignore[arg-type]
        scripts.append(script)
        return script

    yield starter
    for script in scripts:
        script.close()


@pytest.fixture
def door(socket_path: Path) -> Iterator[socket.socket]:
    """The daemon's listening socket, when the test is the daemon."""
    socket_path.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(socket_path))
        listening.listen(8)
        listening.settimeout(WAIT_S)
        yield listening


# -- remote models ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def tries_follow_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote model that failed is tried again as often as ever, and nobody waits for it."""
    monkeypatch.setattr(exchange, "RETRIES_S", (0.0,) * len(exchange.RETRIES_S))


@pytest.fixture(params=["openai", "ollama"])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    """A remote model beside its server, in each protocol."""
    async with both(request.param) as side:
        yield side


@pytest.fixture
async def openai() -> AsyncIterator[Side]:
    """The same where only OpenAI's protocol has it."""
    async with both("openai") as side:
        yield side


@pytest.fixture
async def ollama() -> AsyncIterator[Side]:
    """The same where only Ollama's protocol has it."""
    async with both("ollama") as side:
        yield side


# -- the language model's engine --------------------------------------------------------------------


@pytest.fixture(scope="session")
def llm_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded language model, requantised as the daemon does."""
    return embedded_model(folder=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def llm(llm_file: Path) -> Iterator[NativeModel]:
    """A file's engine; the file leaves nothing of it behind."""
    kinds = ("llm_conversations", "llm_generations", "llm_prefixes")
    gc.collect()  # what an earlier file left to the collector is not ours
    before = core.live_objects()

    def left() -> list[str]:
        gc.collect()
        live = core.live_objects()
        return [kind for kind in kinds if live[kind] > before[kind]]

    with engine(llm_file) as model:
        yield model
    del model
    # Fixtures of pytest may still hold the object; its native parts must be gone all the same.
    until(lambda: not left(), "the model's conversations, generations and prefixes are freed")
