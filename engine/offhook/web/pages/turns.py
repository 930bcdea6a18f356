"""Where the time of each turn went."""

from __future__ import annotations

import asyncio
from statistics import median

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.errors import ConfigError, RegistryError
from offhook.observe.trace import TraceLog, TurnTrace, read_traces
from offhook.observe.trace.picture import svg
from offhook.observe.trace.waterfall import headline, waterfall
from offhook.web.house import House

NEWEST_BYTES = 4 * 2**20
"""Of the trace file: some thousand turns."""
MOST_CALLS = 200


def routes(house: House) -> list[Route]:
    budgets = house.config.budgets

    async def show_calls(request: Request) -> Response:
        log = await newest(house)
        by_call: dict[str, list[TurnTrace]] = {}
        for turn in log.turns:
            by_call.setdefault(turn.call_id, []).append(turn)
        rows = []
        for call, turns in list(by_call.items())[: -MOST_CALLS - 1 : -1]:
            known = [ms for turn in turns if (ms := turn.turnaround_ms()) is not None]
            late = sum(bool(turn.over_budget(budgets)) for turn in turns)
            middle, worst = (median(known), max(known)) if known else (None, None)
            rows.append((call, turns[-1].at_ms, len(turns), middle, worst, late))
        return house.page(
            request, "turns.html", title="Turns", rows=rows, file=house.config.daemon.trace_file
        )

    async def show_call(request: Request) -> Response:
        call = request.path_params["call"]
        turns = (await newest(house)).of_call(call)
        if not turns:
            raise RegistryError(f"no turn of call {call!r} is in the newest part of the trace file")
        return house.page(
            request, "call_turns.html", title=f"Call {call}", call=call, turns=drawn(house, turns)
        )

    return [Route("/turns", show_calls), Route("/turns/{call}", show_call)]


def drawn(house: House, turns: list[TurnTrace]) -> list[dict[str, object]]:
    """Each turn's headline, picture, and the same as text."""
    budgets = house.config.budgets
    return [
        {
            "headline": headline(turn, budgets),
            "picture": Markup(svg(turn, budgets)),
            "text": waterfall(turn, budgets, unicode=False),
            "late": bool(turn.over_budget(budgets)),
        }
        for turn in turns
    ]


async def newest(house: House) -> TraceLog:
    """The end of the trace file.  Raises ConfigError where there is none."""
    path = house.config.daemon.trace_file
    if path is None:
        raise ConfigError(
            "No trace is written: set daemon.trace_file in offhook.toml, and restart the daemon."
        )
    return await asyncio.to_thread(read_traces, path, last_bytes=NEWEST_BYTES)
