"""How long a real Asterisk's dialplan waits for a dialled number to be looked up, through ODBC in PostgreSQL.

    python -m bench.bench_lookup [--lookups 200] [--tenants 1000]

The shipped ``res_odbc.conf`` and ``func_odbc.conf`` in the tests' Asterisk, the tests' PostgreSQL, a thousand
tenants with a number each.  One call runs a loop in the dialplan: the clock, ``OFFHOOK_DID`` of another
tenant's number into a hash as in ``offhook-tenants.conf``, the clock; Asterisk's log is read afterwards.  So
what is measured is what a call waits for, parsing of the row included.  Every look-up must find its row.

clock    the same loop with a constant in place of the look-up [ms]
lookup   p50, p95 and the longest [ms]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import tempfile
from pathlib import Path

import numpy as np

from bench.bench_tenants import fill_database, number_of
from offhook.tenants.database import Database
from tests.support.asterisk.asterisk_server import TRUNK_HOST, AsteriskServer
from tests.support.asterisk.of_tenants import asterisk_of_tenants
from tests.support.postgresql import PrivateCluster, programs
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually

EXTENSION = "0998"
DIALPLAN = """[offhook-tenants](+)
exten => {extension},1,Answer()
 same => n,Set(tenant={last})
 same => n(next),Set(did={prefix}${{tenant}})
 same => n,Set(first=${{STRFTIME(,,%s%6q)}})
 same => n,Set(HASH(offhook)=constant)
 same => n,Set(second=${{STRFTIME(,,%s%6q)}})
 same => n,Set(HASH(offhook)=${{OFFHOOK_DID(${{did}})}})
 same => n,Set(third=${{STRFTIME(,,%s%6q)}})
 same => n,Verbose(1,looked up ${{first}} ${{second}} ${{third}} ${{ODBCROWS}} ${{HASH(offhook,tenant)}})
 same => n,Set(tenant=$[${{tenant}} - 1])
 same => n,GotoIf($[${{tenant}} >= {first}]?next)
 same => n,Verbose(1,looked up all)
 same => n,Hangup()
"""
FIRST, LAST = 100, 999
"""Of these tenants numbers are looked up: they differ in three digits."""
_SEEN = re.compile(r"(?<!,)looked up (\d+) (\d+) (\d+) (-?\d+) (\S+)")


async def looked_up(asterisk: AsteriskServer) -> str:
    """What Asterisk has logged of one call's look-ups."""
    mark = asterisk.log_mark()
    async with await SipCall.place(asterisk.address, EXTENSION, local_host=TRUNK_HOST):
        await eventually(lambda: "looked up all" in asterisk.log(mark), "all are looked up", timeout_s=120)
    return asterisk.log(mark)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--lookups", type=int, default=200)
    parser.add_argument("--tenants", type=int, default=1_000)
    options = parser.parse_args()
    found = programs()
    if found is None:
        parser.error("PostgreSQL is not installed: tests/tenants/install-postgresql.sh")
    most = min(options.tenants, LAST + 1) - FIRST
    if not 0 < options.lookups <= most:
        parser.error(f"--lookups must be 1 to {most}, where --tenants is {options.tenants}")
    cluster = PrivateCluster(found)
    try:
        with tempfile.TemporaryDirectory() as folder:
            odbc = Path(folder)
            odbc.chmod(0o755)
            database = Database(cluster.clean_url())
            fill_database(database, options.tenants)
            dialplan = odbc / "lookup.conf"
            last = FIRST + options.lookups - 1
            prefix = number_of(FIRST).removesuffix(str(FIRST))
            dialplan.write_text(DIALPLAN.format(extension=EXTENSION, first=FIRST, last=last, prefix=prefix))
            with asterisk_of_tenants(cluster, odbc, more=(dialplan,)) as asterisk:
                asyncio.run(looked_up(asterisk))  # connections are made, pages are read
                log = asyncio.run(looked_up(asterisk))
            database.forget()
    finally:
        cluster.close()
    rows = _SEEN.findall(log)
    tenants = {row[4] for row in rows if row[3] == "1"}
    assert len(tenants) == options.lookups, f"{len(tenants)} of {options.lookups} numbers were found"
    times = np.array([[int(each) for each in row[:3]] for row in rows]) / 1e3
    clock, lookup = times[:, 1] - times[:, 0], times[:, 2] - times[:, 1]
    print(
        f"{options.lookups} look-ups among {options.tenants} tenants, load average {os.getloadavg()[0]:.1f}"
    )
    print(f"clock:  p50 {np.median(clock):.2f}, p95 {np.percentile(clock, 95):.2f} ms")
    p50, p95 = np.median(lookup), np.percentile(lookup, 95)
    print(f"lookup: p50 {p50:.2f}, p95 {p95:.2f}, longest {lookup.max():.2f} ms")


if __name__ == "__main__":
    main()
