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
NAMES = (
    "handoff", "agi", "websocket_control", "model_stream", "wyoming", "agent_file", "suite_file",
    "gguf_header", "model_files", "answer",
)  # fmt: skip
NATIVE = ("frame_decoder",)
"""Of ``native/``: built by clang, with AddressSanitizer and UndefinedBehaviorSanitizer."""
SEED = int(os.environ.get("FUZZ_SEED", "1"))
"""The same everywhere unless told: a change is blamed for what it did, and longer runs look elsewhere."""
SOURCES = {"frame_decoder": ("csrc/audio/frame_decoder.cpp",)}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", metavar="TARGET", nargs="*", default=[*NATIVE, *NAMES], help=", ".join((*NATIVE, *NAMES))
    )
    parser.add_argument("--seconds", type=int, default=30, help="for each target (default: 30)")
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


def _run(name: str, seconds: int) -> bool:
    """One target in a process of its own; prints how it went."""
    command = [sys.executable, "-m", "tests.fuzz", "--one", "--seconds", str(seconds), name]
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    if name in NATIVE:
        command = [str(_built(name)), *_options(name, seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = done.stderr.strip().splitlines()
    last = next((line for line in reversed(lines) if line.startswith(("Done ", "#"))), "")
    if done.returncode == 0:
        print(f"{name:18} {last}", flush=True)
        return True
    print(f"{name:18} FOUND SOMETHING\n" + "\n".join(lines[-40:]), flush=True)
    return False


def _options(name: str, seconds: int) -> list[str]:
    """libFuzzer's, and the folders of inputs: the first is the one that it writes to."""
    limits = [f"-max_total_time={seconds}", f"-seed={SEED}", "-timeout=10", "-rss_limit_mb=4096"]
    return [*limits, f"-artifact_prefix={FOUND / name}/found-", str(FOUND / name), str(CORPUS / name)]


def _built(name: str) -> Path:
    program = FOUND / f"{name}.bin"
    sources = [f"tests/fuzz/native/{name}.cpp", *SOURCES[name]]
    sanitizers = ["-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=undefined"]
    command = ["clang++", "-std=c++20", "-O1", "-g", *sanitizers, "-Icsrc", *sources, "-o", str(program)]
    subprocess.run(command, cwd=ROOT, check=True)
    return program


def _fuzz(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["offhook"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup(["tests.fuzz", *_options(name, seconds)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
