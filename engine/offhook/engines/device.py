"""Where a model of this machine is computed: ``device = "auto" | "cpu" | "cuda"`` of ``[stt]`` and ``[tts]``.

auto takes a GPU where the library was built for one and finds it, else the processor.  cuda says that there
is one: where it cannot be used after all, a warning says why, and the processor takes over, because a slow
agent is better than none.  Either way a line says what was taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import onnxruntime

from offhook.config import Device

_log = logging.getLogger("offhook.engines.device")

T = TypeVar("T")

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_NOT_BUILT = "onnxruntime is the one for processors: pip install 'offhook[gpu]' brings the other one"


def onnx_session(
    what: str,
    device: Device,
    make: Callable[[Sequence[Any]], onnxruntime.InferenceSession],
    *,
    memory_mb: int | None = None,
    available: Callable[[], list[str]] = onnxruntime.get_available_providers,
) -> onnxruntime.InferenceSession:
    """What ``make`` loads with these providers; ``what`` is its name in the log.

    ``memory_mb`` is the most that it may take of the GPU's memory.  Raises what ``make`` raises on the
    processor.
    """

    def on_gpu() -> onnxruntime.InferenceSession:
        if CUDA not in available():
            raise LookupError(_NOT_BUILT)
        limit = {} if memory_mb is None else {"gpu_mem_limit": str(memory_mb << 20)}
        session = make([(CUDA, {"arena_extend_strategy": "kSameAsRequested", **limit}), CPU])
        if session.get_providers()[0] != CUDA:  # it says why in its own log, and goes on without
            raise LookupError("onnxruntime finds no GPU that it can use")
        return session

    return chosen(what, device, on_gpu, lambda: make([CPU]))


def chosen(what: str, device: Device, on_gpu: Callable[[], T], on_cpu: Callable[[], T]) -> T:
    """``on_gpu()`` where that is wanted and can be, else ``on_cpu()``; a line says which, and why not."""
    if device == "cpu":
        return on_cpu()
    try:
        made = on_gpu()
    except Exception as error:  # the libraries' exceptions have no common base of their own
        why = " ".join(str(error).split())[:200] or type(error).__name__
        level = logging.WARNING if device == "cuda" else logging.INFO
        _log.log(level, "%s is computed on the processor: %s", what, why)
        return on_cpu()
    _log.info("%s is computed on the GPU", what)
    return made
