"""Merges parts into ``bench/reports/turnaround.json``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.about import about
from bench.turnaround import parts
from bench.turnaround.figures import Figures, Group, figures, flat, group_of, median_turn
from bench.turnaround.judge import Undisturbed, undisturbed_answers
from bench.turnaround.parts import Part
from bench.turnaround.scenarios import BY_NAME, CLEAN, CURVE, DEFAULT_DIAL, DIALS, ONE_CALL, SCENARIOS
from bench.turnaround.systems import REFERENCES, dial_named, has_dial

REPORT = parts.ROOT / "bench/reports/turnaround.json"
METHOD = """
A SIP client on a real Asterisk with the shipped dialplan: PCMU, 20 ms frames, loopback; client, Asterisk
and system share the machine. Caller phrases by flite and espeak-ng, 8 kHz, known first and last audible
samples (audible: -45 dBFS over 5 ms). All figures are from the RTP that the client sent and received; words
are from the system's transcript, waits and compute from its trace.

Turnaround: the caller's last audible sample to the first audible sample of the answer, endpointing
included. Premature, unfinished and missed (5 s) turns have none; they are counted in their rates. The
headline is over all turns of all scenarios with one call at a time, good lines and bad ones; each scenario
stands by itself too.

Premature: the agent took the floor before the caller's last audible sample. Unfinished: premature, or
decided more than 300 ms before that sample though heard after it (a slow system answers half a phrase
without talking into it). paused_*: phrases with inner pauses of 300-700 ms (hesitation, digits, spelling).

Barge-in: onset of the interrupting phrase to the last audible agent sample before 400 ms of silence. False
stop: a backchannel, cough, slam, crackle, burst or our own echo (120 ms late) made an answer silent for
more than 400 ms beyond its own pauses, or cut it below 85 % of its voiced time undisturbed.

Gap: silence inside an undisturbed answer that exceeds the pause of the same voice speaking the whole text
in one go, at the same place in voiced time, by more than 40 ms.

Overhead = turnaround - waited (trace: speech_end to committed) - late compute (committed to
tts_first_audio, when that is later); negative when the system dates the end of speech before the last
audible sample. commit_to_ear: from the decision, or the answer's readiness when that is later, to the first
audible sample at the client.

WER: edits per word over all phrases but spelling, backchannels and sounds; digits are words, um and uh are
not. Right: the answer contains what was asked for.

Loss: packets never sent, Gilbert-Elliott, bursts of 3 frames on average. Noise: half white, half babble, at
the given SNR to the speech's audible parts.

References, in the same run, on the same conversations: fixed_silence is our own parts with 500 ms of
silence, nothing speculative, the whole answer synthesised before it is played; guides is a process per
utterance that loads its recogniser, HTTP without streaming to llama-cpp-python's server on the same model,
a process that writes the speech to a file, then STREAM FILE, after the same 500 ms (guides use one to two
seconds).
"""


def build(folder: Path = parts.FOLDER) -> dict[str, Any]:
    """The report, from the parts that are there.

    Parts that another state of the code was measured with are left out and named in ``left_out``: the
    newest part decides which state counts.  Raises FileNotFoundError when there are no parts.
    """
    systems = [*(dial.name for dial in DIALS), *REFERENCES]
    present = [part for system in systems for name in BY_NAME if (part := parts.load(system, name, folder))]
    if not present:
        raise FileNotFoundError(f"no parts in {folder}: run python -m bench.turnaround")
    code = max(present, key=lambda part: part.measured_at_s).code
    by_system = {
        system: [part for part in present if part.system == system and part.code == code]
        for system in systems
    }
    groups = {system: _groups(found) for system, found in by_system.items()}
    main = groups[DEFAULT_DIAL]
    headline = _merged(main[name] for name in ONE_CALL if name in main)
    every = [part for found in by_system.values() for part in found]
    return {
        "dial": DEFAULT_DIAL,
        **figures(headline),
        "clean": figures(
            _merged(
                main[one.name]
                for one in SCENARIOS
                if one.name in main and one.condition == CLEAN and one.at_once == 1
            )
        ),
        "turn_30_against_1": flat(main["thirty_turns"].turns) if "thirty_turns" in main else {},
        "median_turn": median_turn(headline.turns),
        "scenarios": {name: figures(group) for name, group in main.items()},
        "dials": _curve(groups, [dial.name for dial in DIALS]),
        "references": _curve(groups, REFERENCES),
        "dial_settings": {
            dial.name: (dial.settings if has_dial() else dial.legacy) or "the daemon's defaults"
            for dial in map(dial_named, groups.keys() & {dial.name for dial in DIALS})
        },
        "method": [" ".join(part.split()) for part in METHOD.strip().split("\n\n")],
        "models": "Moonshine tiny-en, SmolLM2-135M-Instruct Q4_0, espeak-ng en-us (the embedded ones)",
        "about": about("make turnaround && .venv/bin/python -m bench.turnaround --report"),
        "left_out": [f"{part.system} {part.scenario}" for part in present if part.code != code],
        "load_before_parts": [round(part.load_before, 2) for part in every],
        "measuring_minutes": round(sum(part.seconds for part in every) / 60, 1),
    }


def write(report: dict[str, Any], file: Path = REPORT) -> None:
    """As JSON that a diff can show."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table(report: dict[str, Any]) -> str:
    """The comparison, for people."""
    rows = [
        (
            "",
            "turns",
            "p50",
            "p95",
            "premature*",
            "unfinished*",
            "missed",
            "right",
            "WER",
            "greeting",
            "barge-in p95",
        )
    ]
    named: list[tuple[str, Figures]] = [("all, one call", report), ("clean lines", report["clean"])]
    named += [(f"  {name}", one) for name, one in report["scenarios"].items()]
    named += [(f"dial {name}", one) for name, one in report["dials"].items()]
    named += [(f"reference {name}", one) for name, one in report["references"].items()]
    for name, one in named:
        rows.append(
            (
                name,
                str(one["turns"]),
                _whole(one["p50_ms"]),
                _whole(one["p95_ms"]),
                f"{one['premature']}/{one['turns']} ({one['paused_premature']}/{one['paused_turns']})",
                f"{one['unfinished']}/{one['turns']} ({one['paused_unfinished']}/{one['paused_turns']})",
                str(one["missed"]),
                f"{one['right']}/{one['right_of']}",
                "-" if one["wer"] is None else f"{100 * one['wer']:.1f} %",
                _whole(one["greeting_p50_ms"]),
                _whole(one["barge_in_p95_ms"]),
            )
        )
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.append("* in brackets: of the phrases with inner pauses.  Times in ms.")
    stops = report["false_stops_by_stimulus"]
    if stops:
        lines.append("false stops: " + ", ".join(f"{name} {count}" for name, count in stops.items()))
    lines.append(f"overhead p50 / p95: {report['overhead_p50_ms']} / {report['overhead_p95_ms']} ms")
    lines.append(f"answers with gaps: {report['answers_with_gaps']} of {report['answers_checked_for_gaps']}")
    if report["left_out"]:
        lines.append(f"left out, measured with other code: {', '.join(report['left_out'])}")
    if report["turn_30_against_1"]:
        lines.append(f"turn 30 against turn 1: {report['turn_30_against_1']['last_to_first']}")
    return "\n".join(lines)


def _groups(found: Sequence[Part]) -> dict[str, Group]:
    """Each scenario's group; answers over clean lines are known to the judgement of bad ones."""
    clean: dict[str, Undisturbed] = {}
    for part in found:
        scenario = BY_NAME[part.scenario]
        if scenario.condition == CLEAN and scenario.at_once == 1:
            turns = group_of(scenario, part.calls).turns
            for phrase, answer in undisturbed_answers(turns).items():
                if phrase not in clean or answer.voiced_ms > clean[phrase].voiced_ms:
                    clean[phrase] = answer
    return {part.scenario: group_of(BY_NAME[part.scenario], part.calls, clean) for part in found}


def _curve(groups: dict[str, dict[str, Group]], systems: Iterable[str]) -> dict[str, Figures]:
    """The same scenarios for each system, so that their figures can stand side by side."""
    return {
        system: figures(_merged(groups[system][name] for name in CURVE if name in groups[system]))
        for system in systems
        if any(name in groups[system] for name in CURVE)
    }


def _merged(groups: Iterable[Group]) -> Group:
    whole = Group()
    for group in groups:
        whole.extend(group)
    return whole


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
