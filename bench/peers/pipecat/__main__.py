"""Pipecat and offhook with the same models on the same phrases: ``python -m bench.peers.pipecat``.

Both hear with Moonshine tiny, think with SmolLM2-135M (Q4_0, libllama, temperature 0) and speak with the
same voice of Piper, one after the other on this machine, in real time.  Measured is turnaround: the caller's
last audible sample to the first audible one of the answer, by the same judge (``offhook.simulator.audible``).

* ours: ``offhook serve`` with ``conversation.policy = "chat"``, everything else as it comes, behind the real
  launcher and a simulated channel at 8 kHz;
* theirs: Pipecat's own Moonshine, OpenAI and Piper services in a pipeline, everything else as it comes:
  Silero with 0.2 s of silence, then Smart Turn v3, then its wait for a recogniser that it has no figures of.
  Its model answers through llama-cpp-python's OpenAI-style server.  Its line is a pair of transports in
  memory: no sound card and no network, which its users have.  It knows the facts by its instruction; ours
  finds them for each question.

Who answers before the caller has finished has no turnaround and is counted.  What is said is not compared.
Pipecat lives in an environment of its own (``build/peers/pipecat``), made on the first run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.about import about
from bench.turnaround.measure import percentile
from bench.turnaround.phrases import LINES, ROOT, spoken
from bench.turnaround.scenarios import AGENTS
from offhook.agents.loader import load_agent
from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.engines.llm.embedded import embedded_model
from offhook.engines.stt.moonshine import embedded_folder
from offhook.simulator import ChannelOptions, HangUp, Say, SimulatedCall, WhenSilent, new_uniqueid
from offhook.simulator.audible import audible_stretches
from offhook.simulator.launcher import INSTALLED
from offhook.simulator.speech import resample
from tests.support.audio.audio import RATE_HZ, Phrase
from tests.support.daemon_process import DaemonProcess

REPORT = Path(__file__).parents[2] / "reports" / "peers.json"
ENVIRONMENT = ROOT / "build/peers/pipecat"
VERSION = "1.14.0"
WANTED = f"pipecat-ai[moonshine,openai,piper,silero]=={VERSION}"
AGENT = "practice"
VOICE = "piper-en_US-joe-medium"
MAX_TOKENS = 60
_TURN_S = 8.0
"""What a turn takes each, roughly."""
_STARTS_WITHIN_S = 120.0


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers.pipecat",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--phrases", type=int, default=20, metavar="N", help="how many are spoken (20)")
    parser.add_argument("--report", action="store_true", help=f"write {REPORT.name} into bench/reports")
    args = parser.parse_args(words)
    lines = [line.name for line in LINES if line.kind in ("open", "long")][: args.phrases]
    phrases = [spoken(name).phrase for name in lines]
    environment()
    print(f"{len(phrases)} phrases, twice: about {2 * len(phrases) * _TURN_S / 60:.0f} minutes", flush=True)
    made: dict[str, Any] = {
        "about": about(".venv/bin/python -m bench.peers.pipecat --report"),
        "pipecat": VERSION,
        "phrases": lines,
    }
    with tempfile.TemporaryDirectory(prefix="offhook-peers-") as folder:
        made["ours"] = figures(asyncio.run(ours(phrases)))
        times, heard = theirs(phrases, Path(folder))
        made["theirs"] = figures(times) | {"heard": heard}
    made["about"]["load_after"] = round(os.getloadavg()[0], 2)
    print(table(made))
    if args.report:
        REPORT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def figures(times: Sequence[float | None]) -> dict[str, Any]:
    """Of turnarounds; negative: before the caller had finished, None: not answered."""
    timed = [one for one in times if one is not None and one >= 0]
    return {
        "timed": len(timed),
        "p50_ms": percentile(timed, 50),
        "p95_ms": percentile(timed, 95),
        "premature": sum(one is not None and one < 0 for one in times),
        "missed": sum(one is None for one in times),
        "ms": list(times),
    }


def table(made: dict[str, Any]) -> str:
    where = made["about"]
    lines = [
        f"{where['processor']}, {where['cores']} cores, commit {where['commit']},"
        f" load {where['load_before']} before and {where['load_after']} after"
    ]
    for name, who in (("ours", "offhook"), ("theirs", f"Pipecat {made['pipecat']}")):
        one = made[name]
        lines.append(
            f"{who:15} p50 {one['p50_ms']} ms, p95 {one['p95_ms']} ms of {one['timed']} turns;"
            f" premature {one['premature']}, missed {one['missed']}"
        )
    pair = made["ours"]["p50_ms"], made["theirs"]["p50_ms"]
    if all(pair):
        lines.append(f"theirs / ours at p50: {pair[1] / pair[0]:.1f}")
    return "\n".join(lines)


# --- ours ------------------------------------------------------------------------------------------------


async def ours(phrases: Sequence[Phrase]) -> list[float | None]:
    """Turnarounds, one for each phrase."""
    settings = (
        f"[agent]\ndefault = {json.dumps(str(AGENTS / f'{AGENT}.toml'))}\n"
        '[conversation]\npolicy = "chat"\n'
        f"[llm]\nmax_tokens = {MAX_TOKENS}\ntemperature = 0\n"
        f'[tts]\nengine = "piper"\nvoice = {json.dumps(str(voice_file()))}\n'
    )
    with DaemonProcess(settings) as daemon:
        name = new_uniqueid()
        options = ChannelOptions(
            args=[name],
            uniqueid=name,
            launcher=INSTALLED,
            socket=daemon.socket,
            rate_hz=RATE_HZ,
            deadline_s=120 + 30.0 * len(phrases),
        )
        says = [Say(one.samples, WhenSilent(), one.text) for one in phrases]
        record = await SimulatedCall([*says, HangUp(WhenSilent())], options).run()
    if record.errors:
        print("\n".join(record.errors), file=sys.stderr)
    found: list[float | None] = [turn.turnaround_ms for turn in record.turns]
    return [*found, *([None] * (len(phrases) - len(found)))][: len(phrases)]


# --- theirs ----------------------------------------------------------------------------------------------


def theirs(phrases: Sequence[Phrase], folder: Path) -> tuple[list[float | None], list[str]]:
    """The same of Pipecat's, and what it has understood."""
    agent = load_agent(str(AGENTS / f"{AGENT}.toml"))
    files = []
    for number, one in enumerate(phrases):
        files.append(folder / f"{number}.npy")
        np.save(files[-1], resample(one.samples, RATE_HZ, 2 * RATE_HZ))
    out = folder / "heard.npz"
    with llm_server() as address:
        job = {
            "moonshine": str(embedded_folder()),
            "llm": address,
            "voice": str(voice_file()),
            "max_tokens": MAX_TOKENS,
            "instruction": "\n".join([agent.persona, *(fact.text for fact in agent.facts)]),
            "phrases": list(map(str, files)),
            "out": str(out),
        }
        (folder / "job.json").write_text(json.dumps(job))
        worker = [str(ENVIRONMENT / "bin/python"), str(Path(__file__).with_name("worker.py"))]
        with open(folder / "log", "w") as log:
            done = subprocess.run(
                [*worker, str(folder / "job.json")],
                stdout=log,
                stderr=log,
                check=False,
                timeout=120 + 40 * len(phrases),
            )
        if done.returncode or not out.exists():
            sys.exit(f"Pipecat's side ended with {done.returncode}:\n{(folder / 'log').read_text()[-4_000:]}")
    heard = np.load(out)
    words: list[str] = json.loads(out.with_suffix(".json").read_text())["heard"]
    return judged(phrases, heard["track"], [int(one) // 2 for one in heard["spoken"]]), words


def judged(phrases: Sequence[Phrase], track: Any, begun: Sequence[int]) -> list[float | None]:
    """Turnarounds from what was heard; ``begun``: the sample at which each phrase began, at 8 kHz."""
    stretches = audible_stretches(track, RATE_HZ)
    found: list[float | None] = []
    ends = [*begun[1:], len(track)]
    for one, start, until in zip(phrases, begun, ends, strict=True):
        answers = [each.start_samples for each in stretches if start < each.start_samples < until]
        last = start + one.last_audible
        found.append(round((answers[0] - last) * 1000 / RATE_HZ, 1) if answers else None)
    return found


def voice_file() -> Path:
    return pull(find(VOICE), print)[0].path


@contextlib.contextmanager
def llm_server() -> Iterator[str]:
    """llama-cpp-python's server with the embedded model; the address of its OpenAI-style API."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(embedded_model())]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "4096", "--n_threads", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/v1"
    try:
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while True:
            try:
                with urllib.request.urlopen(f"{address}/models", timeout=2):
                    break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(
                        "llama-cpp-python's server does not start: pip install 'llama-cpp-python[server]'"
                    )
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait()


def environment() -> None:
    """Pipecat in an environment of its own; made where it is missing or another version."""
    python = ENVIRONMENT / "bin/python"
    asked = f"import importlib.metadata as m, sys; sys.exit(m.version('pipecat-ai') != {VERSION!r})"
    if python.exists() and not subprocess.run([python, "-c", asked], check=False).returncode:
        return
    print(f"{ENVIRONMENT}: {WANTED} ...", flush=True)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    subprocess.run([ENVIRONMENT / "bin/pip", "install", "-q", WANTED], check=True)


if __name__ == "__main__":
    main()
