"""What calls have cost, by day and tenant; of the box's own agents, what the daemon knows of today."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.errors import OffhookError
from offhook.tenants.costs import costs_by_day
from offhook.web.house import House

DAYS = 14


def routes(house: House) -> list[Route]:
    costs = house.config.costs

    async def show(request: Request) -> Response:
        now = datetime.now(UTC)

        def find(connection: sa.Connection) -> list[dict[str, Any]]:
            return [
                {
                    "day": one.day,
                    "tenant": one.tenant,
                    "calls": one.calls,
                    "cost": one.cost,
                    "money": one.currency,
                }
                for one in costs_by_day(connection, now, DAYS, None)
            ]

        rows = [] if house.database.is_missing() else await house.read(find)
        problem = ""
        try:
            state = await house.control.get("/v1/state")
        except OffhookError as error:
            problem = f"What the box's own agents have cost today is not known: {error}"
        else:
            rows += [
                {
                    "day": now.date(),
                    "tenant": None,
                    "calls": None,
                    "cost": each["cost"],
                    "money": costs.currency,
                }
                for each in state["costs"]["today"]
                if each["tenant"] is None
            ]
        return house.page(
            request, "costs.html", title="Costs", rows=rows, problem=problem, days=DAYS, limits=costs
        )

    return [Route("/costs", show)]
