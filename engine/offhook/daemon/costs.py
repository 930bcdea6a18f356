"""What tenants' calls may cost in a day, and what they have cost already."""

from __future__ import annotations

import asyncio
import logging

from offhook.config.services import CostsConfig
from offhook.daemon.tenancy import Tenancy
from offhook.errors import BusyError, DatabaseError
from offhook.observe.bill import Ledger

_log = logging.getLogger("offhook.daemon.costs")


async def recall_costs(ledger: Ledger, tenancy: Tenancy, costs: CostsConfig) -> None:
    """A limit for a day holds over a restart: tell ``ledger`` what is written down of today's calls."""
    if costs.per_day is None:
        return
    try:
        spent = await asyncio.to_thread(tenancy.spent, costs.currency)
    except DatabaseError as error:
        _log.warning("what today's calls have cost is not known, and counted from now on: %s", error)
        return
    for tenant, cost in spent.items():
        ledger.add(tenant, cost)


def check_costs(ledger: Ledger, tenant: str | None, costs: CostsConfig) -> None:
    """Raise BusyError when a tenant's calls, or those of the box's own agents (None), cost enough today."""
    if costs.per_day is not None and ledger.spent(tenant) >= costs.per_day:
        whose = "the box's own agents" if tenant is None else tenant
        raise BusyError(f"today's calls of {whose} have cost {costs.per_day:g} {costs.currency}")
