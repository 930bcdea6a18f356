"""What takes seconds at a start: engines and tenants; and how busy the machine is, from then on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from offhook.config import Config
from offhook.engines.engine import Progress
from offhook.engines.pool import EnginePool, load_models
from offhook.observe.load import LoadGauge, Speculation
from offhook.observe.metrics import Metrics

if TYPE_CHECKING:
    from offhook.daemon.tenancy import Tenancy

LOAD_SAMPLE_S = 0.5


async def watch_load(load: LoadGauge, metrics: Metrics, audio_waiting_s: Callable[[], float]) -> None:
    """Until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        load.sample()
        due_s = loop.time() + LOAD_SAMPLE_S
        await asyncio.sleep(LOAD_SAMPLE_S)
        metrics.loop_lag(loop.time() - due_s)
        metrics.audio_waiting(audio_waiting_s())


async def load(
    config: Config, progress: Progress, stack: contextlib.AsyncExitStack
) -> tuple[EnginePool, Tenancy]:
    """All engines that the configuration names, and the tenants; ``stack`` closes them."""
    models, tenancy = await asyncio.gather(
        asyncio.to_thread(load_models, config, progress),
        asyncio.to_thread(_open_tenants, config),
        return_exceptions=True,
    )
    if not isinstance(tenancy, BaseException):
        stack.callback(tenancy.close)
    if isinstance(models, BaseException):
        raise models
    pool = EnginePool(config, models, progress=progress)
    stack.callback(pool.close)
    if isinstance(tenancy, BaseException):
        raise tenancy
    await asyncio.to_thread(pool.load_named)
    return pool, tenancy


def _open_tenants(config: Config) -> Tenancy:
    # Imported here: SQLAlchemy takes a third of a second, while models load beside it.
    from offhook.daemon.tenancy import Tenancy

    others_answered = "default" in config.agent.model_fields_set
    tenancy = Tenancy.of(
        config.tenants,
        config.daemon.trace_file,
        recordings=config.recordings,
        others_answered=others_answered,
    )
    tenancy.start()
    return tenancy


def speculation(config: Config) -> Speculation:
    """How much may be done ahead on a machine that has room."""
    return Speculation.FULL if config.turn.speculation else Speculation.OFF
