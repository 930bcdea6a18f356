"""``python -m bench.recognition``: what recognisers understand on the telephone, clean and in noise.

Method: README.md in this folder.  The table goes to standard output, every transcript to ``--report``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.recognition.material import PROMPTS, Said, gather, on_the_line
from bench.recognition.score import Scored, interval, score, word_error_rate
from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.engines.stt.base import Transcriber
from offhook.engines.stt.moonshine import Moonshine
from offhook.engines.stt.whisper import Whisper
from offhook.errors import OffhookError

CONDITIONS = ("clean", *(f"{noise} {snr}" for noise in ("babble", "pink") for snr in (20, 15, 10, 5)))
_HEAD = "| recogniser | condition | word errors % [95 %] | wholly right % | loops | median ms |"
LINES = ("quiet 20", "quiet 30", "clipped 12", "loss 3", "loss 10", "gsm", "amr 7", "amr 0")
"""With ``--condition``: dB below and above what is usual, packets lost in a hundred, mobile codecs."""
RECOGNISERS = ("moonshine-tiny-en", "whisper-base", "whisper-tiny.en")


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.recognition", description="Word errors by noise.")
    parser.add_argument(
        "--recogniser", nargs="+", default=RECOGNISERS, metavar="NAME", help="models of the catalogue"
    )
    parser.add_argument(
        "--condition", nargs="+", default=CONDITIONS, choices=CONDITIONS + LINES, metavar="WHICH"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="utterances of each voice (default: all)")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, metavar="DIR", help=f"default: {PROMPTS}")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=Path, metavar="FILE", help="write every transcript as JSON")
    return parser.parse_args(words)


def load(name: str, threads: int) -> Transcriber:
    """A recogniser of the catalogue."""
    path = pull(find(name), lambda line: print(line, file=sys.stderr))[0].path
    if name.startswith("moonshine"):
        return Moonshine(path, threads=threads)
    return Whisper(path, threads=threads)


def measure(
    recogniser: Transcriber, material: Sequence[Said], condition: str
) -> tuple[list[Scored], list[dict[str, Any]]]:
    """Every utterance under ``condition``: its score, and what was heard."""
    noise, _, snr = condition.partition(" ")
    scored, heard = [], []
    for number, said in enumerate(material):
        audio = on_the_line(said, noise, float(snr or 0), material, seed=number)
        transcript = recogniser.transcribe(audio)
        one = score(said.text, transcript.text, transcript.compute_ms)
        scored.append(one)
        heard.append({"voice": said.voice, "said": said.text, "heard": transcript.text} | asdict(one))
    return scored, heard


def row(name: str, condition: str, scored: Sequence[Scored]) -> str:
    """One line of the table."""
    low, high = interval(scored)
    right = 100 * sum(one.wrong == 0 for one in scored) / len(scored)
    loops = sum(one.loop for one in scored)
    took = statistics.median(one.compute_ms for one in scored)
    rate = f"{word_error_rate(scored):.1f} [{low:.1f}, {high:.1f}]"
    return f"| {name} | {condition} | {rate} | {right:.0f} | {loops} | {took:.0f} |"


def main() -> int:
    """Run it."""
    args = arguments()
    material = gather(args.prompts, limit=args.limit)
    counts = Counter(one.voice for one in material)
    words = sum(len(one.text.split()) for one in material)
    shown = ", ".join(f"{count} {voice}" for voice, count in counts.items())
    print(f"{len(material)} utterances, {words} words: {shown}\n\n{_HEAD}\n|---|---|---|---|---|---|")
    report: dict[str, Any] = {}
    for name in args.recogniser:
        recogniser = load(name, args.threads)
        for condition in args.condition:
            scored, heard = measure(recogniser, material, condition)
            print(row(name, condition, scored), flush=True)
            report.setdefault(name, {})[condition] = heard
        recogniser.close()
    if args.report:
        args.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OffhookError as error:
        sys.exit(f"bench.recognition: {error}")
