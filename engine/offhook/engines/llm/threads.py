"""How many threads are fastest, measured once per machine and model.

More is not better: on two virtual cores one thread often decodes single tokens faster
than two, while prompts want both.  So both are measured when a model is first loaded,
for about a second, and remembered in the cache folder.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from offhook import core
from offhook.engines.llm.embedded import cache_folder

logger = logging.getLogger(__name__)

_ROUNDS = 5
_MAX_THREADS = 32
_QUICK_NS = 400_000_000
"""A round that takes longer is not repeated: a large model on a slow machine would take minutes."""
_BUSY = 0.6
"""Load per core above which a measurement is not worth remembering: with others at work, one thread wins."""
_WORTH_A_THREAD = 1.4
"""What decoding by more threads has to gain: on a busy machine they wait for each other at every layer."""
_TIE = 1.05
"""Fewer threads win when they are no slower than this: the other cores hear and speak."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The fastest numbers of threads, and what they cost when they were measured."""

    decode: int
    batch: int
    decode_ns: int
    """One token of one call."""
    prefill_token_ns: int
    """One token of a prompt."""


def tuned_threads(
    model: core.LlmModel,
    *,
    n_gpu_layers: int = 0,
    reproducible: bool = False,
    file: Path | None = None,
    max_threads: int | None = None,
) -> Tuned:
    """What was measured for this machine and model, measured now when it never was.

    ``file`` None is ``llm-threads.json`` in the cache folder; one that cannot be read or
    written is only a warning.
    """
    file = cache_folder().parent / "llm-threads.json" if file is None else file
    cores = min(len(os.sched_getaffinity(0)), _MAX_THREADS)
    max_threads = cores if max_threads is None else max_threads
    key = _key(model, n_gpu_layers, max_threads, reproducible)
    known = _read(file)
    if (tuned := known.get(key)) is not None:
        return tuned
    busy = os.getloadavg()[0] > _BUSY * cores
    timings = _measure(model, max_threads, reproducible)
    decode = _fastest([(threads, decode_ns) for threads, decode_ns, _ in timings], _WORTH_A_THREAD)
    batch = _fastest([(threads, prefill_ns) for threads, _, prefill_ns in timings], _TIE)
    tuned = Tuned(decode[0], batch[0], decode[1], batch[1])
    logger.info("measured %s: %s", model.description, tuned)
    if busy:
        logger.info("the machine was busy while threads were measured; they are measured again next time")
    else:
        _write(file, {**known, key: tuned})
    return tuned


def _measure(model: core.LlmModel, max_threads: int, reproducible: bool) -> list[tuple[int, int, int]]:
    timings = model.tune_threads(max_threads, 1, reproducible)
    spent_ns = sum(4 * decode_ns + 64 * prefill_ns for _, decode_ns, prefill_ns in timings)
    return (
        timings
        if spent_ns > _QUICK_NS * len(timings)
        else model.tune_threads(max_threads, _ROUNDS, reproducible)
    )


def _fastest(timings: list[tuple[int, int]], worth: float) -> tuple[int, int]:
    """The fewest threads that are not more than ``worth`` times slower than the fastest number."""
    best = min(ns for _, ns in timings)
    return next((threads, ns) for threads, ns in sorted(timings) if ns <= best * worth)


def _key(model: core.LlmModel, n_gpu_layers: int, max_threads: int, reproducible: bool) -> str:
    parts = (
        _processor(),
        max_threads,
        model.description,
        model.size_bytes,
        n_gpu_layers,
        reproducible,
        core.llm_library()[1],
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line
    except OSError:
        pass
    return platform.machine()


def _read(file: Path) -> dict[str, Tuned]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        return {
            key: Tuned(**{name: int(number) for name, number in entry.items()}) for key, entry in data.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("%s: cannot be read (%s); threads are measured again", file, error)
        return {}


def _write(file: Path, known: dict[str, Tuned]) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=file.parent, prefix=".threads-", delete=False, encoding="utf-8"
        ) as made:
            json.dump({key: asdict(tuned) for key, tuned in known.items()}, made, indent=1)
        Path(made.name).replace(file)
    except OSError as error:
        logger.warning("%s: cannot be written (%s); threads are measured at every start", file, error)
