"""Fuzzing with libFuzzer, and Atheris where it is Python: ``python -m tests.fuzz [TARGET...]``.

Each target starts from what is committed in ``corpus/TARGET`` and keeps what it learns in ``build/fuzz``.
An input that breaks a promise is written there, and its path is printed: once it is mended, put it into the
corpus, which ``test_fuzz_corpus.py`` replays with every run of the tests.  Exit status 1 when there was one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
FOUND = ROOT / "build" / "fuzz"
INPUTS = {
    "frame_decoder": 600_000, "handoff": 3_000_000, "agi": 110_000, "websocket_control": 1_800_000,
    "model_stream": 20_000, "wyoming": 900_000, "agent_file": 360_000, "suite_file": 600_000,
    "gguf_header": 170_000, "ggml_header": 150_000, "onnx_network": 14_000, "model_files": 60_000,
    "answer": 9_000,
}  # fmt: skip
"""How many are tried of each unless seconds are told: some 30 seconds' worth on one core of 2.5 GHz.

A number, and no time: with the same seed every machine tries the same ones, so a change is blamed for what it
did and not for how fast the machine was.
"""
NATIVE = ("frame_decoder",)
"""Of ``native/``: built by clang, with AddressSanitizer and UndefinedBehaviorSanitizer."""
NAMES = tuple(name for name in INPUTS if name not in NATIVE)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
"""The same everywhere unless told; longer runs look elsewhere."""
SOURCES = {"frame_decoder": ("csrc/audio/frame_decoder.cpp",)}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", metavar="TARGET", nargs="*", default=[*NATIVE, *NAMES], help=", ".join((*NATIVE, *NAMES))
    )
    parser.add_argument("--seconds", type=int, help="for each target (default: the same inputs everywhere)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    unknown = sorted(set(args.targets) - {*NATIVE, *NAMES})
    if unknown:
        parser.error(f"no target is called {unknown[0]!r}: there are {', '.join((*NATIVE, *NAMES))}")
    if set(args.targets) & set(NATIVE) and shutil.which("clang++") is None:
        parser.error("the native targets need clang++: apt install clang")
    if args.one:
        _fuzz(args.targets[0], args.seconds)
        return 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        done = list(pool.map(lambda name: _run(name, args.seconds), args.targets))
    return 0 if all(done) else 1


def _run(name: str, seconds: int | None) -> bool:
    """One target in a process of its own; prints how it went."""
    command = [sys.executable, "-m", "tests.fuzz", "--one", name]
    if seconds is not None:
        command += ["--seconds", str(seconds)]
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    if name in NATIVE:
        command = [str(_built(name)), *_options(name, seconds)]
    same_order = os.environ | {"PYTHONHASHSEED": "0"}  # of sets and dictionaries: it decides what is reached
    done = subprocess.run(command, cwd=ROOT, env=same_order, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    last = next((line for line in reversed(lines) if line.startswith(("Done ", "#"))), "")
    if done.returncode == 0:
        print(f"{name:18} {last}", flush=True)
        return True
    print(f"{name:18} FOUND SOMETHING\n" + "\n".join(lines[-40:]), flush=True)
    return False


def _options(name: str, seconds: int | None) -> list[str]:
    """libFuzzer's, and the folders of inputs: the first is the one that it writes to."""
    end = f"-runs={INPUTS[name]}" if seconds is None else f"-max_total_time={seconds}"
    return [
        end,
        f"-seed={SEED}",
        "-timeout=60",
        "-rss_limit_mb=4096",
        f"-artifact_prefix={FOUND / name}/found-",
        str(FOUND / name),
        str(CORPUS / name),
    ]


def _built(name: str) -> Path:
    program = FOUND / f"{name}.bin"
    sources = [f"tests/fuzz/native/{name}.cpp", *SOURCES[name]]
    sanitizers = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]
    command = ["clang++", "-std=c++20", "-O1", "-g", *sanitizers, "-Icsrc", *sources, "-o", str(program)]
    subprocess.run(command, cwd=ROOT, check=True)
    return program


def _fuzz(name: str, seconds: int | None) -> None:
    import atheris

    with atheris.instrument_imports(include=["offhook"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup(["tests.fuzz", *_options(name, seconds)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
