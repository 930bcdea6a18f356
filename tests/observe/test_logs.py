"""The log: lines for people or for a collector, each with its call."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from offhook.observe.logs import LogFormat, logged_as, set_up

LOG = logging.getLogger("offhook.test")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def written(format_: LogFormat) -> list[str]:
    """A line that names its call, one that is written for a call, one of nobody's, and an error."""
    stream = io.StringIO()
    set_up(format_, logging.INFO, stream)
    LOG.info("call=%s started agent=%s", "7.1", "ferry")
    with logged_as("7.2"):

        async def begun() -> None:
            await asyncio.create_task(asyncio.sleep(0))
            LOG.warning("late")

        asyncio.run(begun())
        LOG.info("call=%s: not mine", "7.3")
    LOG.info("ready\nforged line")
    try:
        raise ValueError("no")
    except ValueError:
        LOG.exception("it broke")
    LOG.debug("too much")
    return stream.getvalue().splitlines()


def test_text_names_the_call_once() -> None:
    lines = written("text")
    assert lines[0].endswith("INFO offhook.test call=7.1 started agent=ferry")
    assert lines[1].endswith("WARNING offhook.test late call=7.2")
    assert lines[2].endswith("call=7.3: not mine")
    assert "call=" not in lines[3]


def test_json_is_one_object_a_line() -> None:
    lines = [json.loads(line) for line in written("json")]
    assert [(line["level"], line["message"], line.get("call")) for line in lines] == [
        ("info", "call=7.1 started agent=ferry", "7.1"),
        ("warning", "late", "7.2"),
        ("info", "call=7.3: not mine", "7.3"),
        ("info", "ready\nforged line", None),
        ("error", "it broke", None),
    ]
    assert "ValueError: no" in lines[-1]["error"]
    assert lines[0]["at"].endswith("+00:00")
