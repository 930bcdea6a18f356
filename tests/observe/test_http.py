"""The pages for monitoring: what they say, and whom they let wait."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from offhook.errors import ConfigError
from offhook.observe.http import StatusServer
from offhook.observe.metrics import Metrics


class Pages:
    """A server, what it is to say, and somebody who reads it."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.state: dict[str, Any] = {"problem": None, "calls": 2}
        self.server = StatusServer("127.0.0.1:0", self.metrics.registry, lambda: self.state)
        self.server.begin()

    def get(self, page: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.server.port}{page}", trust_env=False)


@pytest.fixture
def pages() -> Iterator[Pages]:
    opened = Pages()
    yield opened
    opened.server.close()


def test_numbers_are_in_prometheus_format(pages: Pages) -> None:
    pages.metrics.watch_calls(lambda: 3)
    pages.metrics.call_refused("busy")
    pages.metrics.loop_lag(0.0015)
    families = {each.name: each for each in text_string_to_metric_families(pages.get("/metrics").text)}
    assert [each.value for each in families["offhook_calls_running"].samples] == [3]
    refused = families["offhook_admission_refused"].samples
    assert ({"reason": "busy"}, 1.0) in [(each.labels, each.value) for each in refused]
    lag = {each.labels.get("le"): each.value for each in families["offhook_event_loop_lag_seconds"].samples}
    assert (lag["0.001"], lag["0.002"]) == (0, 1)


@pytest.mark.parametrize(("problem", "status"), [(None, 200), ("the model's thread hangs", 503)])
def test_health_says_whether_a_call_can_come(pages: Pages, problem: str | None, status: int) -> None:
    pages.state = {"problem": problem, "calls": 2}
    answer = pages.get("/health")
    assert (answer.status_code, answer.json()) == (status, pages.state)


def test_another_page_says_which_there_are(pages: Pages) -> None:
    answer = pages.get("/")
    assert answer.status_code == 404
    assert "/metrics" in answer.text


def test_who_says_nothing_keeps_nobody_waiting(pages: Pages) -> None:
    with socket.create_connection(("127.0.0.1", pages.server.port)) as silent:
        silent.sendall(b"GET /health HT")
        assert json.loads(pages.get("/health").content)["calls"] == 2


def test_an_address_that_is_taken_is_named(pages: Pages) -> None:
    taken = f"127.0.0.1:{pages.server.port}"
    with pytest.raises(
        ConfigError, match=rf"metrics\.listen: cannot listen on {taken}: Address already in use"
    ):
        StatusServer(taken, pages.metrics.registry, dict)
