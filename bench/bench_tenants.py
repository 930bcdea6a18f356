"""Many businesses on one box: what idle ones cost, what called ones cost, and how soon the daemon is ready.

A thousand tenants, each with a number and an agent of some twenty facts (the businesses of bench/suites in
turn), lie in a SQLite file.  Measured, each in processes of its own, medians of ``--runs``:

* ``snapshot``: reading all of it into memory, in ms, and what the process grows by, in KB for each tenant;
* ``lookup``: finding a dialled number and admitting its call, in µs;
* ``ready``: from starting ``offhook serve`` to its line, without tenants and with all of them, in turns:
  in s, and in s of processor time, which others on the machine change less;
* ``active``: twenty of them made ready as for calls, with the real engines: time and memory for each, and
  how many prompts the language model's cache holds for them (idle tenants: none).

Run it as ``python -m bench.bench_tenants``.  On a machine that does something else times mean little.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from offhook.agents.loader import Agent
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.database import Database
from offhook.tenants.number_registry import add_number, set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import add_tenant

SUITES = Path(__file__).parent / "suites"
LOOKUPS = 20_000


def businesses() -> list[dict[str, Any]]:
    """What an agent's file has of each of bench/suites."""
    wanted = ("name", "language", "greeting", "persona", "facts")
    read = (json.loads(path.read_text("utf-8")) for path in sorted(SUITES.glob("*.json")))
    return [{key: each[key] for key in wanted if key in each} for each in read]


def number_of(tenant: int) -> str:
    return f"+44209{tenant:07}"


def fill(file: Path, tenants: int) -> None:
    """A database with so many of them."""
    database = Database(f"sqlite:///{file}")
    database.migrate()
    fill_database(database, tenants)
    database.forget()


def fill_database(database: Database, tenants: int) -> None:
    """The same where the tables are there already."""
    kinds = [Agent.model_validate(each) for each in businesses()]
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        for each in range(tenants):
            tenant = add_tenant(connection, f"t{each}", f"Tenant {each}")
            kind = kinds[each % len(kinds)]
            own = kind.model_copy(update={"name": f"{kind.name} {each}"})
            put_agent(connection, tenant, "main", own)
            add_number(connection, number_of(each), tenant)


def rss_kb() -> int:
    """What this process has in memory, after everything that can be freed was."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


# --- in processes of their own -----------------------------------------------------------------------------


def snapshot(file: Path, tenants: int) -> dict[str, float]:
    from offhook.tenants.admission import admit
    from offhook.tenants.directory import Directory
    from offhook.tenants.snapshot import Number

    with tempfile.TemporaryDirectory() as folder:  # what the first query imports is nobody's tenant
        fill(Path(folder) / "empty.db", 0)
        assert Directory(Database(f"sqlite:///{folder}/empty.db")).refresh()
    directory = Directory(Database(f"sqlite:///{file}"))
    before = rss_kb()
    began = time.perf_counter()
    assert directory.refresh()
    read_ms = (time.perf_counter() - began) * 1e3
    held = rss_kb() - before
    assert len(directory.snapshot.tenants) == tenants
    took: list[float] = []
    for each in range(LOOKUPS):
        dialled = "0" + number_of(each % tenants)[3:]
        began = time.perf_counter()
        found = admit(directory.snapshot, directory.health(), dialled, {})
        took.append((time.perf_counter() - began) * 1e6)
        assert isinstance(found, Number)
    took.sort()
    return {
        "read_ms": read_ms,
        "kb_each": held / tenants,
        "lookup_p50_us": took[len(took) // 2],
        "lookup_p95_us": took[int(len(took) * 0.95)],
    }


def active(file: Path, tenants: int) -> dict[str, float]:
    return asyncio.run(_active(file, min(20, tenants)))


async def _active(file: Path, count: int) -> dict[str, float]:
    from offhook.call.prompts import ReadyPhrases
    from offhook.config import Config
    from offhook.conversation.lookup import search_workers
    from offhook.daemon.profiles import Profiles
    from offhook.engines.pool import EnginePool, load_models
    from offhook.playout.folder import PlaybackFolder
    from offhook.tenants.directory import Directory

    config = Config()
    pool = EnginePool(config, await asyncio.to_thread(load_models, config))
    directory = Directory(Database(f"sqlite:///{file}"))
    directory.refresh()
    tasks: set[asyncio.Task[None]] = set()

    def spawn(work: Any, _name: str) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    with tempfile.TemporaryDirectory() as folder:
        profiles = Profiles(config, pool, ReadyPhrases(PlaybackFolder(Path(folder))), search_workers(), spawn)
        model: Any = pool.language_models()[0]
        idle = model.stats().get("prefixes", 0)

        async def ready(tenant: int) -> float:
            number = directory.find(number_of(tenant))
            assert number is not None
            began = time.perf_counter()
            prepared = await profiles.make(
                ("t", str(tenant)), number.agent.read(), of_tenant=True, warm=False
            )
            await profiles.warm(prepared)
            return (time.perf_counter() - began) * 1e3

        for each in range(len(businesses())):  # whatever is loaded once, other languages' networks included
            await ready(count + each)
        before = rss_kb()
        took = [await ready(each) for each in range(count)]
        held = rss_kb() - before
        stats = model.stats()
        while tasks:
            await asyncio.gather(*tasks)
        profiles.close()
    pool.close()
    return {
        "ready_ms": statistics.median(took),
        "kb_each": held / count,
        "prompts_idle": idle,
        "prompts": stats.get("prefixes", float("nan")),
    }


IN_PROCESS: dict[str, Callable[[Path, int], dict[str, float]]] = {"snapshot": snapshot, "active": active}


def apart(what: str, file: Path, tenants: int) -> dict[str, float]:
    """``what``, in a process that has done nothing else."""
    command = [sys.executable, "-m", "bench.bench_tenants", "--only", what, "--file", str(file)]
    done = subprocess.run(
        [*command, "--tenants", str(tenants)], capture_output=True, text=True, check=True, timeout=600
    )
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def ready(file: Path | None) -> tuple[float, float]:
    """From the start of a daemon to its readiness: [s], and [s] of processor time."""
    from tests.support.daemon_process import DaemonProcess

    missing = Path(tempfile.gettempdir()) / "no-such-folder" / "tenants.db"
    database = f"sqlite:///{missing if file is None else file}"
    settings = f"[tenants]\ndatabase = {database!r}\nsnapshot = '{database[10:]}.snapshot'\n"
    began = time.monotonic()
    with DaemonProcess(settings) as daemon:
        took = time.monotonic() - began
        ticks = Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return took, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description="what many businesses on one box cost")
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", choices=sorted(IN_PROCESS), help="one of these, in this process")
    parser.add_argument("--file", type=Path, help="a database that is there already")
    args = parser.parse_args()
    if args.only is not None:
        print(json.dumps(IN_PROCESS[args.only](args.file, args.tenants)))
        return
    with tempfile.TemporaryDirectory() as folder:
        file = args.file or Path(folder) / "tenants.db"
        if args.file is None:
            fill(file, args.tenants)
        print(f"{args.tenants} tenants, {file.stat().st_size / 2**20:.1f} MB; medians of {args.runs}")
        for what in IN_PROCESS:
            print(what, medians([apart(what, file, args.tenants) for _ in range(args.runs)]), flush=True)
        starts = []
        for _ in range(args.runs):
            (none_s, none_cpu_s), (all_s, all_cpu_s) = ready(None), ready(file)
            starts.append(
                {"none_s": none_s, "all_s": all_s, "none_cpu_s": none_cpu_s, "all_cpu_s": all_cpu_s}
            )
        print("ready", medians(starts))


if __name__ == "__main__":
    main()
