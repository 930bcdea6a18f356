"""ONNX Runtime as on another machine, in every Python process below: for ``make test-kernels`` alone.

Python imports a module of this name when it starts, if one lies on its path; ``.ci/test-kernels`` puts this
folder there, so that a daemon that a test starts computes as the test itself does.  Which other machine it
is, the environment says:

* ``OFFHOOK_TEST_CPU`` and ``OFFHOOK_TEST_CPU_LIBRARY``: see other_cpu.c, and where it was compiled to; the
  copy of ONNX Runtime that patch.py made has to come before the installed one on Python's path
* ``OFFHOOK_TEST_ORT_LEVEL``: ``disable``, ``basic`` or ``extended`` - the graph is rewritten less than
  usual, so sums are made in another order
* ``OFFHOOK_TEST_ORT_THREADS``: threads of each network; they cut the work elsewhere

Without them nothing is changed.
"""

from __future__ import annotations

import ctypes
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

LEVEL = os.environ.get("OFFHOOK_TEST_ORT_LEVEL")
THREADS = os.environ.get("OFFHOOK_TEST_ORT_THREADS")


def _alter(runtime: ModuleType) -> None:
    """Every session of ``runtime`` that is made from now on has the options of the environment."""
    usual = runtime.InferenceSession
    levels = runtime.GraphOptimizationLevel

    class InferenceSession(usual):  # type: ignore[misc, valid-type]
        def __init__(self, model: Any, sess_options: Any = None, *rest: Any, **options: Any) -> None:
            wanted = runtime.SessionOptions() if sess_options is None else sess_options
            if LEVEL:
                wanted.graph_optimization_level = getattr(
                    levels, "ORT_DISABLE_ALL" if LEVEL == "disable" else f"ORT_ENABLE_{LEVEL.upper()}"
                )
            if THREADS:
                wanted.intra_op_num_threads = int(THREADS)
            super().__init__(model, wanted, *rest, **options)

    runtime.InferenceSession = InferenceSession  # type: ignore[attr-defined]


class _Loader(importlib.abc.Loader):
    """Loads as usual, and alters what was loaded."""

    def __init__(self, usual: importlib.abc.Loader) -> None:
        self._usual = usual

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._usual.exec_module(module)
        _alter(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Stands before the others, for one package."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "onnxruntime":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader)
        return spec


if os.environ.get("OFFHOOK_TEST_CPU"):
    ctypes.CDLL(os.environ["OFFHOOK_TEST_CPU_LIBRARY"])  # answers from now on
if LEVEL or THREADS:
    sys.meta_path.insert(0, _Finder())
