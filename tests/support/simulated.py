"""One simulated call, and the stand-in for the daemon that it talks to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from offhook.simulator import CallRecord, ChannelOptions, SimulatedCall
from offhook.simulator.script import Step
from tests.support.engines.peer import Line, Peer


def place(
    tmp_path: Path,
    launcher: Path,
    part: Callable[[Line], object],
    steps: list[Step],
    **more: object,
) -> tuple[CallRecord, object]:
    """One call in which the agent's side does ``part``."""
    socket = tmp_path / "d.sock"
    peer = Peer(socket, part)
    options = ChannelOptions(launcher=launcher, socket=socket, **{"deadline_s": 20.0, **more})  # type: ignore[arg-type]
    record = SimulatedCall(steps, options).run_blocking()
    return record, peer.result()
