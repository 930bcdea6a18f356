"""Whether one more call would make answers slow: what is measured, and what `offhook bench-box` has found.

Pure arithmetic on the time that answers took, from the caller's last word on, silence that was waited for
included, as the operator's limit is meant.  What calls of the last minute say counts most; how much one more
adds is the table's word where it reaches so far, and else in proportion: twice the calls, twice the work.
"""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offhook.config import Config
from offhook.files import cache_folder

_log = logging.getLogger("offhook.daemon.pace")

WINDOW_S = 60.0
ENOUGH = 20
"""Answers: of fewer, the slowest of twenty is nobody."""
MOST = 4096
_FILE = "box.json"


@dataclass(frozen=True, slots=True)
class Row:
    """So many calls at once, tried."""

    calls: int
    answers: int
    p50_ms: float
    p95_ms: float
    unanswered: int = 0


@dataclass(frozen=True, slots=True)
class Box:
    """What this machine can do, with these engines."""

    rows: tuple[Row, ...]
    engines: tuple[str, ...]
    """For which it holds: recogniser, model and voice."""
    machine: str = ""

    def p95_ms(self, calls: int) -> float | None:
        """Between rows it is in proportion; None: so many were not tried."""
        below = [row for row in self.rows if row.calls <= calls]
        above = [row for row in self.rows if row.calls >= calls]
        if not below or not above:
            return None
        a, b = below[-1], above[0]
        share = 0.0 if a.calls == b.calls else (calls - a.calls) / (b.calls - a.calls)
        return a.p95_ms + share * (b.p95_ms - a.p95_ms)

    def fits(self, limit_ms: float) -> int:
        """Most calls at once of which all rows up to there keep ``limit_ms``; 0: not even the first."""
        most = 0
        for row in self.rows:
            if row.p95_ms > limit_ms or row.unanswered:
                break
            most = row.calls
        return most


def engines_of(config: Config) -> tuple[str, ...]:
    """What a table holds for."""
    return tuple(f"{each.engine} {each.model or '-'}" for each in (config.stt, config.llm, config.tts))


def table_path(config: Config) -> Path:
    return config.admission.table or cache_folder() / _FILE


def save(box: Box, path: Path) -> None:
    """Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(asdict(box), indent=1) + "\n", encoding="utf-8")
    beside.replace(path)


def load(config: Config) -> Box | None:
    """The table for these engines; None where there is none, with a line where it is of others."""
    path = table_path(config)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        box = Box(tuple(Row(**row) for row in plain["rows"]), tuple(plain["engines"]), plain["machine"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s is no table of `offhook bench-box`: %s", path, error)
        return None
    if box.engines != engines_of(config):
        _log.warning("%s was measured with other engines: run `offhook bench-box --save` again", path)
        return None
    return box


class Pace:
    """One daemon's.  Lives on the event loop."""

    def __init__(
        self, limit_ms: float | None, box: Box | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``limit_ms`` None: no call is declined for it."""
        self.limit_ms = limit_ms
        self._box = box
        self._clock = clock
        self._answers: deque[tuple[float, float]] = deque(maxlen=MOST)

    def answered(self, turnaround_ms: float) -> None:
        """A caller has begun to hear an answer, so long after their last word."""
        self._answers.append((self._clock(), turnaround_ms))

    def p95_ms(self) -> float | None:
        """Of the last minute; None: there were too few answers to say."""
        since = self._clock() - WINDOW_S
        while self._answers and self._answers[0][0] < since:
            self._answers.popleft()
        return _p95([ms for _, ms in self._answers]) if len(self._answers) >= ENOUGH else None

    def problem(self, calls: int) -> str | None:
        """Why there should be no other call beside so many, in one line; None: there may."""
        if self.limit_ms is None or calls == 0:
            return None
        box, now_ms = self._box, self.p95_ms()
        here = None if box is None else box.p95_ms(calls)
        then = None if box is None else box.p95_ms(calls + 1)
        if now_ms is not None:
            more = then / here if here and then else (calls + 1) / calls
            then = now_ms * more
        if then is None or then <= self.limit_ms:
            return None
        measured = "by the table of this box" if now_ms is None else f"{now_ms:.0f} ms now"
        return (
            f"with one more than {calls} calls 95 of 100 answers would take {then:.0f} ms ({measured}), more"
            f" than admission.p95_ms {self.limit_ms:g}"
        )


def reserved_for_others(
    reserved: Mapping[str, int], running: Mapping[str | None, int], tenant: str | None
) -> int:
    """Places that have to stay free when ``tenant`` (None: the box's own agents) gets one."""
    return sum(max(0, most - running.get(whose, 0)) for whose, most in reserved.items() if whose != tenant)


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.95 * len(values)))]
