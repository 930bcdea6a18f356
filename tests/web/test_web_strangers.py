"""Whoever connects to the pages' port and does not say what they want, or not all of it."""

from __future__ import annotations

import contextlib
import functools
import logging
import socket
from pathlib import Path

import httpx
import pytest

from offhook.web import server
from offhook.web.unfinished import MOST, patient_protocol
from tests.support.web import house_in, served

HALF = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nuser="
)


def closed(peer: socket.socket) -> bool:
    """Waits for it, or for the other side's word."""
    try:
        while peer.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.mark.parametrize("said", [b"", b"GET / HT", HALF])
def test_a_crowd_keeps_nobody_out(tmp_path: Path, caplog: pytest.LogCaptureFixture, said: bytes) -> None:
    """More than are served at once."""
    with served(house_in(tmp_path)) as pages, contextlib.ExitStack() as stack:
        where = ("127.0.0.1", int(pages.rsplit(":", 1)[1]))
        crowd = []
        for _ in range(200 + MOST):
            peer = stack.enter_context(socket.create_connection(where, timeout=60))
            peer.sendall(said)
            crowd.append(peer)
        assert httpx.get(f"{pages}/login", timeout=60).status_code == 200
        assert closed(crowd[0])
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.ERROR] == []


@pytest.mark.parametrize(
    "said", [b"", b"GET / HT", HALF, b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET"]
)
def test_who_does_not_come_to_the_point_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(server, "patient_protocol", functools.partial(patient_protocol, 0.05))
    with served(house_in(tmp_path)) as pages:
        where = ("127.0.0.1", int(pages.rsplit(":", 1)[1]))
        with socket.create_connection(where, timeout=60) as peer:
            peer.sendall(said)
            assert closed(peer)
