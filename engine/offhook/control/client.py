"""Talking to a running daemon through its control socket."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx

from offhook.config import Config
from offhook.errors import ConfigError, OffhookError
from offhook.files import user_name

ANSWERED_WITHIN_S = 20.0
Answer = dict[str, Any]


def control_path(config: Config) -> Path:
    """Where the daemon of ``config`` is controlled."""
    return config.control.socket or config.daemon.socket.with_suffix(".ctl")


class Control:
    """One daemon's socket.  Raises ConfigError, in one line, when nobody answers there or a request is
    refused.
    """

    def __init__(self, path: Path, *, answered_within_s: float = ANSWERED_WITHIN_S) -> None:
        self.path = path
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(path)), base_url="http://offhook", timeout=answered_within_s
        )

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def get(self, page: str) -> Answer:
        """``page`` is such as ``/v1/calls``."""
        with said_plainly(self.path):
            return answer_of(self._client.get(page))

    def tell(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, call: str | None = None
    ) -> Answer:
        """Have the daemon, or one of its calls, do something."""
        with said_plainly(self.path):
            return answer_of(self._client.post(command_page(command, call), json=dict(arguments or {})))

    @contextmanager
    def events(self, *, words: bool = False) -> Iterator[Iterator[Answer]]:
        """What happens from now on; the first event has the calls that go on."""
        with (
            said_plainly(self.path),
            self._client.stream(
                "GET", "/v1/events", params={"words": "1"} if words else {}, timeout=httpx.Timeout(60)
            ) as response,
        ):
            if response.is_error:
                response.read()
                answer_of(response)
            yield (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))

    @contextmanager
    def stream(self, name: str, call: str) -> Iterator[Iterator[bytes]]:
        """What a call gives as long as it goes on, such as its sound."""
        page = f"/v1/calls/{quote(call, safe='')}/streams/{name}"
        with (
            said_plainly(self.path),
            self._client.stream("GET", page, timeout=httpx.Timeout(60)) as response,
        ):
            if response.is_error:
                response.read()
                answer_of(response)
            yield response.iter_bytes()


class AsyncControl:
    """The same on an event loop, for whoever follows many calls at once.  Raises as :class:`Control` does."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(uds=str(path), limits=httpx.Limits(max_connections=64)),
            base_url="http://offhook",
            timeout=ANSWERED_WITHIN_S,
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def get(self, page: str) -> Answer:
        with said_plainly(self.path):
            return answer_of(await self._client.get(page))

    async def tell(
        self, command: str, arguments: Mapping[str, Any] | None = None, *, call: str | None = None
    ) -> Answer:
        with said_plainly(self.path):
            return answer_of(await self._client.post(command_page(command, call), json=dict(arguments or {})))

    async def ask(self, command: str, given: object) -> tuple[int, Answer]:
        """The daemon's answer to a command as it is, with its status: for whoever hands both on."""
        with said_plainly(self.path):
            response = await self._client.post(command_page(command, None), json=given)
        return response.status_code, cast(Answer, response.json())

    async def open(self, page: str) -> httpx.Response:
        """A stream of bytes, such as ``/v1/events``: read it by ``aiter_raw``, and close it."""
        with said_plainly(self.path):
            request = self._client.build_request(
                "GET", page, timeout=httpx.Timeout(ANSWERED_WITHIN_S, read=60)
            )
            response = await self._client.send(request, stream=True)
            if response.is_error:
                await response.aread()
                answer_of(response)
            return response


def command_page(command: str, call: str | None) -> str:
    """Where a command is posted to."""
    return f"/v1/daemon/{command}" if call is None else f"/v1/calls/{quote(call, safe='')}/{command}"


def answer_of(response: httpx.Response) -> Answer:
    """The JSON object.  Raises OffhookError with the daemon's own line."""
    try:
        answer = response.json()
    except ValueError:
        answer = {"error": f"the daemon answered with {response.status_code}"}
    if response.is_error:
        raise OffhookError(str(answer.get("error", response.status_code)))
    return cast(Answer, answer)


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """What goes wrong on the way, as one line that says what to do.  Raises ConfigError."""
    try:
        yield
    except httpx.ConnectError as error:
        why = str(error)
        if "Permission" in why:
            raise ConfigError(
                f"{path}: user {user_name()!r} may not control the daemon: use sudo, or control.group"
            ) from error
        raise ConfigError(
            f"{path}: no daemon answers there: is `offhook serve` running, with this configuration?"
        ) from error
    except httpx.TimeoutException as error:
        raise ConfigError(f"{path}: the daemon did not answer in time; see its log") from error
    except httpx.HTTPError as error:
        raise ConfigError(f"{path}: the connection to the daemon broke: {error}") from error
