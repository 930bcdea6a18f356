"""Where engines are computed: a GPU where one can be used, else the processor, and a line that says why."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from offhook.config import Device
from offhook.engines.device import CPU, CUDA, onnx_session


class Library:
    """onnxruntime, as far as it matters; ``breaks`` is raised where CUDA is asked for."""

    def __init__(self, providers: list[str], *, works: bool = True, breaks: Exception | None = None) -> None:
        self.providers, self.works, self.breaks = providers, works, breaks
        self.asked: list[list[Any]] = []

    def make(self, providers: Sequence[Any]) -> Any:
        self.asked.append(list(providers))
        wants_gpu = providers[0] != CPU
        if wants_gpu and self.breaks is not None:
            raise self.breaks
        taken = [CUDA, CPU] if wants_gpu and self.works else [CPU]
        return SimpleNamespace(get_providers=lambda: taken)


@pytest.mark.parametrize(
    ("device", "library", "taken", "level", "says"),
    [
        ("auto", Library([CUDA, CPU]), CUDA, logging.INFO, "the ear is computed on the GPU"),
        ("cuda", Library([CUDA, CPU]), CUDA, logging.INFO, "the ear is computed on the GPU"),
        ("cpu", Library([CUDA, CPU]), CPU, None, ""),
        (
            "auto",
            Library([CPU]),
            CPU,
            logging.INFO,
            "on the processor: onnxruntime is the one for processors",
        ),
        ("cuda", Library([CPU]), CPU, logging.WARNING, "pip install 'offhook[gpu]'"),
        ("cuda", Library([CUDA, CPU], works=False), CPU, logging.WARNING, "finds no GPU that it can use"),
        (
            "auto",
            Library([CUDA, CPU], breaks=RuntimeError("CUDA failure 2:\n out of memory")),
            CPU,
            logging.INFO,
            "CUDA failure 2: out of memory",
        ),
    ],
)
def test_which_is_taken_and_why(
    device: Device,
    library: Library,
    taken: str,
    level: int | None,
    says: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    session = onnx_session(
        "the ear", device, library.make, memory_mb=512, available=lambda: library.providers
    )
    assert session.get_providers()[0] == taken
    assert [record.levelno for record in caplog.records] == ([] if level is None else [level])
    assert says in caplog.text
    if taken == CUDA:
        (name, options), second = library.asked[0]
        assert (name, second, options["gpu_mem_limit"]) == (CUDA, CPU, str(512 << 20))


def test_what_no_processor_can_load_is_an_error() -> None:
    def broken(_providers: Sequence[Any]) -> Any:
        raise ValueError("no protobuf")

    with pytest.raises(ValueError, match="no protobuf"):
        onnx_session("the ear", "cuda", broken, available=lambda: [CUDA, CPU])
