"""How the daemon is, as its status page and its operator are told."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from offhook import __version__
from offhook.config import CostsConfig
from offhook.daemon.reception import Reception


def health(reception: Reception | None, *, stopping: bool) -> dict[str, Any]:
    """For the status page.  Any thread.  ``reception`` is None while the daemon starts."""
    if reception is None:
        return {"problem": "the daemon is starting"}
    state = reception.health()
    return {"problem": "the daemon is stopping"} if stopping else state


def state_for_operator(reception: Reception | None, costs: CostsConfig, *, stopping: bool) -> dict[str, Any]:
    """For the control socket, on the daemon's loop."""
    return {
        "version": __version__,
        "pid": os.getpid(),
        "ready": reception is not None and not stopping,
        "tasks": len(asyncio.all_tasks()),
        "calls": 0,
        "places": 0,
        "load": 0.0,
        "tenants": None,  # until there is a reception
        **health(reception, stopping=stopping),
        "costs": _costs_today(reception, costs),
    }


def _costs_today(reception: Reception | None, costs: CostsConfig) -> dict[str, Any]:
    spent = {} if reception is None else reception.services.ledger.today()
    by_tenant = [{"tenant": tenant, "cost": round(cost, 4)} for tenant, cost in spent.items()]
    return {"currency": costs.currency, "per_day": costs.per_day, "today": by_tenant}
