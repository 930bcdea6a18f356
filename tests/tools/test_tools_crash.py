"""A daemon that is killed between an effect and its confirmation: what was done is not done again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from offhook.tenants.own import opened
from offhook.tenants.tickets import Tickets

_PROCESS = """
import asyncio, json, os, signal, sys
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from offhook.agents.loader import Agent
from offhook.tools.base import Context
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import Origin, make_tools

folder, tools, tool, arguments, dies = json.loads(sys.argv[1])
if dies:  # the effect is there, and nobody has written down that it is
    Ledger.done = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
for table in tools.values():
    table["timeout_s"] = 60  # nothing here is about time


async def main():
    agent = Agent.model_validate({"name": "Desk", "greeting": "Hello.", "tools": tools})
    made = make_tools(agent, Origin(database=f"sqlite:///{folder}/box.db"))
    assert not made.problems, made.problems
    now = datetime(2026, 11, 25, 9, 30, tzinfo=ZoneInfo("Europe/Vienna"))
    context = Context("call-1", "Desk", caller="5550123", now=now)
    ledger = Ledger.in_file(Path(folder, "tools.db"))
    executor = Executor(Toolbox(made.tools, ledger), context)
    result = await executor.run(tool, arguments, committed=True)
    print(json.dumps([result.ok, result.unsure, result.value]))
    await made.close()


asyncio.run(main())
"""
BOOK: dict[str, Any] = {
    "appointments": {
        "settings": {
            "time_zone": "Europe/Vienna",
            "hours": {"mon-fri": "9:00-17:00"},
            "services": [{"name": "check-up", "minutes": 30}],
        }
    }
}
VISIT = {"day": "2026-11-26", "time": "10:00", "name": "Noor", "phone": "5550123"}
ORDER = {"order": {"settings": {"articles": [{"name": "pan", "price": 85}]}}}
PAN = {"article": "pan", "quantity": 1, "name": "Noor", "phone": "5550123"}


def process(folder: Path, *job: Any, dies: bool) -> subprocess.CompletedProcess[str]:
    words = json.dumps([str(folder), *job, dies])
    return subprocess.run(
        [sys.executable, "-c", _PROCESS, words], capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize(
    ("tools", "tool", "arguments"),
    [(ORDER, "order", PAN), (BOOK, "book_appointment", VISIT)],
)
def test_what_was_done_before_the_kill_is_found_and_not_done_again(
    tools: dict[str, Any], tool: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    killed = process(tmp_path, tools, tool, arguments, dies=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    told = process(tmp_path, tools, tool, arguments, dies=False)
    assert told.returncode == 0, told.stderr
    ok, unsure, value = json.loads(told.stdout)
    assert (ok, unsure) == (True, False)
    if tool == "book_appointment":
        assert value["start"] == "2026-11-26T10:00+01:00"
    else:
        assert [
            one["reference"] for one in Tickets(*opened(f"sqlite:///{tmp_path}/box.db", None)).open()
        ] == [value["number"]]
