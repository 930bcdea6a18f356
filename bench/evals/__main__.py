"""One table with the definitions of others: ``python -m bench.evals [--report]`` (``make evals``).

Calls are placed by bench/turnaround, on a real Asterisk, and judged once more by the rules of

* eot-bench (LiveKit): false cut-offs at a latency of 300 and 600 ms, latency at 5 and 10 % of cut-offs;
* tau-voice (Sierra): response, yield, interruptions, selectivity for hums, coughs and words to somebody else;
* EVA (ServiceNow): the turn-taking score, which rewards nobody for answering within 500 ms;
* Full-Duplex-Bench v1: takeovers in pauses, and smooth turn taking.

What they publish stands beside ours where it was to be read; theirs is of other tasks, voices and languages,
so that a row says in which order of magnitude a system is, and not who is better.  What is measured already
with the same code is not measured again; it takes about a quarter of an hour on a quiet machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.about import REPORTS, about
from bench.bench_end_of_turn import PAUSES_MS, ask, phrases
from bench.evals.scores import (
    Rate,
    Silence,
    eot_frontier,
    eva_turn_taking,
    fdb_pause_takeover,
    fdb_smooth,
    tau_panel,
)
from bench.turnaround import parts
from bench.turnaround.__main__ import measure, shortened
from bench.turnaround.figures import Group, figures, group_of
from bench.turnaround.scenarios import BY_NAME, DEFAULT_DIAL
from offhook.end_of_turn.completeness import completeness
from offhook.engines.llm.embedded import embedded_model

REPORT = REPORTS / "evals.json"
TURNS = ("open", "closed", "hesitation", "noise_15")
INTO = ("barge_in", "backchannels", "noises", "side_talk")
PUBLISHED = {
    "turnaround": "people 208 ms (p50); the best measured local system 508 (RTX 5090, no telephony);"
    " an Asterisk agent on an RTX 4090 1,700-3,500",
    "eot": "LiveKit v1 9.9 %, 4.5 %, 543, 295 ms; Smart Turn v3.2 35.2, 14.8, 1,051, 739;"
    " silence alone 55.6, 21.7, 1,600, 1,000",
    "tau": "responds after 1.15-3.15 s; gpt-realtime goes on through 1-4 % of backchannels,"
    " Gemini through 90-94 % and yields to 50 % of interruptions",
    "eva": "ElevenAgents 0.882, grok 0.862, gpt-realtime-1.5 0.815; local on four H100 0.308",
    "fdb": "takeovers in pauses: GPT-Realtime 0.12, Gemini 0.31, Moshi 0.98; smooth turns 1.47, 1.30, 0.27 s",
}


DIFFERS = {
    "eot-bench": "theirs are silences of recorded callers; ours ends of phrases, and pauses of 300 to 700 ms"
    " in phrases that stop short, scored by their words and the model",
    "turnaround": "people's is of talk face to face; ours from the last sample sent to the first received,"
    " endpointing included",
    "tau-voice": "theirs looks at ticks of 200 ms, and callers have tasks; ours at samples; tics are coughs",
    "EVA": "theirs takes the overlap's length off; here a turn that was answered in its midst has 0",
    "Full-Duplex-Bench": "theirs are recorded conversations of two people; ours voices on a telephone line",
}
"""In what ours is not theirs, by row of the table."""


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.evals",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--report", action="store_true", help=f"write {REPORT.name} into bench/reports")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--text-only", action="store_true", help="only what needs no calls: eot-bench")
    parser.add_argument(
        "--quick", action="store_true", help="three minutes that touch everything; no figures"
    )
    args = parser.parse_args(words)
    if args.report and (args.quick or args.text_only):
        parser.error("a report is of all calls")
    made: dict[str, Any] = {
        "about": about(".venv/bin/python -m bench.evals --report"),
        "eot": asdict(eot_frontier(asyncio.run(silences()))),
    }
    if not args.text_only:
        names = (*TURNS, *INTO)
        wanted = [shortened(BY_NAME[name]) if args.quick else BY_NAME[name] for name in names]
        folder = parts.FOLDER.with_name("quick") if args.quick else parts.FOLDER
        measure([(DEFAULT_DIAL, each) for each in wanted], folder, fresh=args.quick)
        made |= of_calls(group(TURNS, folder), group(INTO, folder))
    print(json.dumps(made, indent=1) if args.json else table(made))
    if args.report:
        REPORT.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


async def silences() -> list[Silence]:
    """The held-out phrases of bench/end_of_turn.toml: their ends, and pauses spread over 300 to 700 ms.

    The score is the engine's own: the words, and the embedded model's probability that the message ends.
    """
    asked, _ = await ask(embedded_model(), phrases())
    shortest, longest = PAUSES_MS
    held = [phrase for phrase in asked if phrase.half == "held_out"]
    inner = [phrase for phrase in held if not phrase.finished]
    found = [Silence(completeness(one.text, one.end_probability, "en"), None) for one in held if one.finished]
    for one in inner:
        score = completeness(one.text, one.end_probability, "en")
        found += [Silence(score, pause) for pause in range(shortest, longest + 1, 50)]
    return found


def group(names: Sequence[str], folder: Path = parts.FOLDER) -> Group:
    """All that was measured in these scenarios, judged."""
    together = Group()
    for name in names:
        part = parts.load(DEFAULT_DIAL, name, folder)
        assert part is not None, f"{name} was measured just now"
        together.extend(group_of(BY_NAME[name], part.calls))
    return together


def of_calls(turns: Group, into: Group) -> dict[str, Any]:
    """The figures of everything that was said on the telephone."""
    taken, smooth_s = fdb_smooth(turns.turns)
    interruptions = [one for one in into.interjections if one.said.kind == "interrupt"]
    return {
        "turnaround": {key: figures(turns)[key] for key in ("timed_turns", "p50_ms", "p95_ms", "p99_ms")},
        "tau": asdict(tau_panel(turns.turns, into.interjections)),
        "eva": asdict(eva_turn_taking(turns.turns, interruptions)),
        "fdb": {
            "pause_takeover": asdict(fdb_pause_takeover(turns.turns)),
            "smooth_taken": asdict(taken),
            "smooth_s": smooth_s,
        },
        "void_interjections": into.void_interjections,
    }


def table(made: dict[str, Any]) -> str:
    """For people."""
    eot = made["eot"]
    rows = [
        (
            "eot-bench",
            f"cut-offs at 300 / 600 ms: {eot['cutoffs_at_300']:.1%}, {eot['cutoffs_at_600']:.1%};"
            f" latency at 5 / 10 %: {eot['latency_at_5']:.0f}, {eot['latency_at_10']:.0f} ms",
            PUBLISHED["eot"],
        )
    ]
    if "tau" in made:
        tau, fdb, took = made["tau"], made["fdb"], made["turnaround"]
        rows += [
            (
                "turnaround",
                f"p50 {took['p50_ms']}, p95 {took['p95_ms']}, p99 {took['p99_ms']} ms"
                f" of {took['timed_turns']} turns",
                PUBLISHED["turnaround"],
            ),
            (
                "tau-voice",
                f"responds after {tau['response_latency_s']} s ({_rate(tau['response'])}), yields after"
                f" {tau['yield_latency_s']} s ({_rate(tau['yields'])}),"
                f" interrupts {_rate(tau['interrupts'])};"
                f" goes on through hums {_rate(tau['backchannel'])}, coughs {_rate(tau['vocal_tic'])},"
                f" words to somebody else {_rate(tau['non_directed'])}",
                PUBLISHED["tau"],
            ),
            ("EVA", f"turn taking {made['eva']['value']} of {made['eva']['of']} turns", PUBLISHED["eva"]),
            (
                "Full-Duplex-Bench",
                f"takes over in pauses {_rate(fdb['pause_takeover'])};"
                f" takes smooth turns {_rate(fdb['smooth_taken'])} after {fdb['smooth_s']} s",
                PUBLISHED["fdb"],
            ),
        ]
    where = made["about"]
    lines = [
        f"{where['processor']}, {where['cores']} cores, commit {where['commit']}, load {where['load_before']}"
    ]
    for name, ours, theirs in rows:
        lines += [
            "",
            f"{name}",
            f"  ours       {ours}",
            f"  published  {theirs}",
            f"  differs    {DIFFERS[name]}",
        ]
    return "\n".join(lines)


def _rate(rate: dict[str, Any]) -> str:
    found = Rate(**rate)
    return f"{found.value:.1%} of {found.of}" if found.value is not None else "nothing measured"


if __name__ == "__main__":
    main()
