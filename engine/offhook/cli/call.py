"""``offhook call``: call a running daemon from a simulated Asterisk channel."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from offhook.cli.trace import show_turns
from offhook.config import Config, clipped, load_config
from offhook.doors.eagi.probe import ask, starts
from offhook.doors.eagi.unix_socket import require_short
from offhook.engines.pool import load_recognizer, load_synthesizer
from offhook.engines.stt.base import STT_RATE_HZ, recognised
from offhook.errors import ConfigError
from offhook.files import unwritable
from offhook.observe.trace.waterfall import printable
from offhook.simulator import (
    CallEnd,
    CallRecord,
    ChannelOptions,
    HangUp,
    Say,
    SimulatedCall,
    WhenSilent,
    WhenSpeaking,
    complete,
    new_uniqueid,
)
from offhook.simulator.audible import Samples, audible_stretches
from offhook.simulator.launcher import INSTALLED
from offhook.simulator.recording import save_stereo
from offhook.simulator.script import Step, When
from offhook.simulator.speech import (
    FLITE_VOICE,
    Voice,
    engine_voice,
    find_flite,
    flite_voice,
    read_wav,
    resample,
)
from offhook.tenants.admission import Refusal
from offhook.tenants.numbers import Home, readings

_LISTEN_S = 300.0
"""For one stretch of a recording to be understood, on whatever machine."""
_LISTEN_BLOCK_S = 20
_WAIT_FOR_DAEMON_S = 2.0
_REFUSED: dict[str, str] = {
    Refusal.UNKNOWN: ": that number is nobody's; `offhook numbers list` has those that are somebody's",
    Refusal.INACTIVE: ": its tenant takes no calls; `offhook tenants enable` lets it",
}
"""What to do about it, where that is clear."""


class _Speak(argparse.Action):
    """Keeps --say and --wav in the order they were given."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        spoken = [*(getattr(namespace, self.dest, None) or []), (option_string, values)]
        setattr(namespace, self.dest, spoken)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "call",
        help="call the daemon from a simulated Asterisk channel",
        description="Speaks into a running daemon as a caller would, in real time, and measures "
        "what the caller hears. --say and --wav are spoken in the order given, each after the "
        "agent's answer to the one before.",
    )
    add = parser.add_argument
    add("--say", action=_Speak, dest="spoken", metavar="TEXT", help="speak TEXT; may be repeated")
    add("--wav", action=_Speak, dest="spoken", metavar="FILE", help="speak a PCM WAV file; may be repeated")
    add("--barge-in", type=milliseconds, metavar="MS", help="interrupt each answer after MS")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--agent", metavar="NAME", help="the agent to talk to (default: the daemon's)")
    who.add_argument(
        "--number", type=_number, metavar="NUMBER", help="dial a tenant's number, as a trunk would"
    )
    add_report_options(parser)
    add("--transcript", type=Path, metavar="FILE", help="what the daemon was given as --transcript")
    add("--trace", type=Path, metavar="FILE", help="default: daemon.trace_file")
    add("--socket", type=Path, metavar="PATH", help="default: daemon.socket")
    add("--launcher", type=Path, default=INSTALLED, metavar="PATH", help="another offhook-eagi, or its twin")
    add("--wideband", action="store_true", help="16 kHz audio (EAGI_AUDIO_FORMAT=slin16)")
    add("--timeout", type=seconds, default=180.0, metavar="S", help="hang up after this long (180)")
    add("--config", type=Path, metavar="FILE", help="default: /etc/offhook/offhook.toml")


def add_report_options(parser: argparse.ArgumentParser) -> None:
    """The options that :func:`report` reads."""
    add = parser.add_argument
    add("--save", type=Path, metavar="FILE", help="stereo WAV: left the caller, right the agent")
    add("--listen", action="store_true", help="transcribe what the caller heard, by our recogniser")
    add("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    config = load_config(args.config)
    rate_hz = 16_000 if args.wideband else 8_000
    socket_path = args.socket or config.daemon.socket
    require_daemon(socket_path)
    says = _utterances(args.spoken or [], config, rate_hz)
    uniqueid = new_uniqueid()
    named = {"agent": args.agent, "did": args.number}  # what EAGI() is given in asterisk/*.conf
    options = ChannelOptions(
        args=[uniqueid, *(f"{key}={value}" for key, value in named.items() if value)],
        header={"dnid": args.number, "extension": args.number} if args.number else {},
        uniqueid=uniqueid,
        launcher=args.launcher,
        socket=socket_path,
        rate_hz=rate_hz,
        deadline_s=args.timeout,
    )
    record = asyncio.run(SimulatedCall(script(says, args.barge_in), options).run())
    return report(record, config, args, args.transcript, args.trace or _readable(config.daemon.trace_file))


def report(
    record: CallRecord, config: Config, args: argparse.Namespace, transcript: Path | None, trace: Path | None
) -> int:
    """Complete, judge, save and print a finished call; the exit status.

    ``args`` has what :func:`add_report_options` added.
    """
    judge(record)
    complete(record, transcript, trace, timeout_s=_WAIT_FOR_DAEMON_S)
    if args.save is not None:
        try:
            save_stereo(args.save, record.stereo(), record.rate_hz)
        except OSError as error:
            raise ConfigError(f"{args.save}: cannot be written: {unwritable(args.save, error)}") from error
    received = asyncio.run(listen(record, config)) if args.listen else None
    if args.json:
        print(_as_json(record, received))
    else:
        print(describe(record, received))
        traces = [turn.trace for turn in record.turns if turn.trace is not None]
        if traces:
            print("\n" + show_turns(traces, config.budgets, sys.stdout))
    return 1 if record.errors else 0


def require_daemon(path: Path) -> None:
    """Raises ConfigError unless a daemon listens at ``path`` that has loaded its models."""
    require_short(path)
    try:
        if starts(ask(path)):
            raise ConfigError(f"the daemon at {path} is still starting: try again when its models are loaded")
    except PermissionError as error:
        raise ConfigError(f"no permission for {path}: run as a member of the socket's group") from error
    except OSError as error:
        raise ConfigError(
            f"no daemon at {path}: start one with `offhook serve`, or try `offhook demo`"
        ) from error


def script(says: Sequence[Say], barge_in_ms: int | None) -> list[Step]:
    """The steps of a call: after the greeting, or into each answer when ``barge_in_ms`` is given."""
    if not says:
        return [HangUp(WhenSilent())]
    later: When = WhenSilent() if barge_in_ms is None else WhenSpeaking(barge_in_ms)
    steps: list[Step] = []
    for number, say in enumerate(says):
        steps.append(Say(say.audio, WhenSilent() if number == 0 else later, say.text))
    return [*steps, HangUp(WhenSilent())]


def judge(record: CallRecord) -> None:
    """Add what only the outcome shows to ``record.errors``."""
    if record.end is CallEnd.DIALPLAN and record.result != "ok":
        why = _REFUSED.get(record.result or "", "")
        record.errors.append(
            f"the daemon did not hold the call: OFFHOOK_RESULT={record.result or 'unset'}{why}"
        )
    if record.unspoken:
        noun = "utterance was" if record.unspoken == 1 else "utterances were"
        record.errors.append(f"the call ended early: {record.unspoken} {noun} never spoken")
    for number, turn in enumerate(record.turns, 1):
        if turn.answer_start_samples is None:
            record.errors.append(f"turn {number} was not answered")


async def listen(record: CallRecord, config: Config) -> list[str]:
    """What a person in the caller's place heard: the greeting, then each answer, transcribed."""
    # Whole minutes are understood here, and nobody waits on a telephone.
    recognizer = load_recognizer(config.stt.model_copy(update={"timeout_s": _LISTEN_S}))
    try:
        heard = []
        for audio in (record.greeting_audio(), *(record.answer_audio(turn) for turn in record.turns)):
            words = []
            wide = resample(audio, record.rate_hz, STT_RATE_HZ)
            for block in _at_silences(wide):
                transcript = await recognised(
                    recognizer, block, STT_RATE_HZ, len(block) * 1000 // STT_RATE_HZ
                )
                words.append(transcript.text)
            heard.append(" ".join(word for word in words if word))
        return heard
    finally:
        recognizer.close()


def describe(record: CallRecord, received: Sequence[str] | None) -> str:
    """The call as lines for people."""
    lines = []
    if record.greeting_ms is None:
        lines.append("(the agent did not greet)")
    else:
        heard = f"  {printable(received[0])}" if received else ""
        lines.append(f"agent   [{record.greeting_ms:.0f} ms after answer]{heard}")
    for number, turn in enumerate(record.turns, 1):
        lines.append(f"caller  {printable(turn.said or '(a recording)')}")
        if turn.heard is not None:
            lines.append(f"heard   {printable(turn.heard)}")
        if turn.turnaround_ms is None:
            lines.append("agent   (no answer)")
        else:
            words = f"  {printable(turn.answer)}" if turn.answer is not None else ""
            early = ", before the caller had finished" if turn.premature else ""
            lines.append(f"agent   [{turn.turnaround_ms:.0f} ms{early}]{words}")
        if received is not None and turn.turnaround_ms is not None:
            lines.append(f"        received: {printable(received[number])}")
    ending = f"ended: {record.end.value}"
    if record.result is not None:
        ending += f", OFFHOOK_RESULT={printable(record.result)}"
    lines.append(ending)
    if record.latest_frame_ms > 20:
        late = f"{record.latest_frame_ms:.0f} ms"
        lines.append(f"note: this machine was busy (a frame was {late} late); the figures suffer from it")
    lines += [f"error: {printable(error)}" for error in record.errors]
    return "\n".join(lines)


def _as_json(record: CallRecord, received: Sequence[str] | None) -> str:
    shown = json.loads(record.to_json())
    if received is not None:
        shown["greeting_received"] = received[0]
        for turn, words in zip(shown["turns"], received[1:], strict=True):
            turn["received"] = words
    return json.dumps(shown)


def _utterances(spoken: Sequence[tuple[str, str]], config: Config, rate_hz: int) -> list[Say]:
    """Read and synthesise everything before the call begins: nothing may disturb its timing."""
    voice = _voice(config) if any(option == "--say" for option, _ in spoken) else None
    says = []
    for option, value in spoken:
        if option == "--wav" or voice is None:
            says.append(Say(read_wav(Path(value), rate_hz)))
            continue
        audio = voice(value, rate_hz)
        if not len(audio):
            raise ConfigError(f"--say {value!r}: there is nothing in it to speak")
        says.append(Say(audio, text=value))
    for number, say in enumerate(says, 1):
        if not audible_stretches(say.audio, rate_hz):
            raise ConfigError(f"utterance {number} is not audible: nothing in it is above -45 dBFS")
    return says


def _voice(config: Config) -> Voice:
    program = find_flite()
    if program is not None:
        print(f"caller's voice: flite ({FLITE_VOICE})", file=sys.stderr)
        return flite_voice(program)
    synthesizer = load_synthesizer(config.tts)
    print(f"caller's voice: {synthesizer.name} (flite, if installed, is understood better)", file=sys.stderr)
    return engine_voice(synthesizer)


def _at_silences(audio: Samples) -> list[Samples]:
    """Pieces of at most 20 s, each cut where nothing is heard when that is possible."""
    limit = _LISTEN_BLOCK_S * STT_RATE_HZ
    pieces = []
    while len(audio) > limit:
        speech = audible_stretches(audio[:limit], STT_RATE_HZ)
        cut = speech[-1].start_samples if len(speech) > 1 else limit
        pieces.append(audio[:cut])
        audio = audio[cut:]
    return [*pieces, audio] if len(audio) else pieces


def _readable(path: Path | None) -> Path | None:
    """``path`` where it can be read: the daemon's trace may be closed to whoever calls it."""
    return path if path is not None and os.access(path, os.R_OK) else None


def _number(text: str) -> str:
    """As the dialplan filters it: digits, and perhaps a plus in front."""
    found = readings(text, Home())
    if not found:
        raise argparse.ArgumentTypeError(
            f"{clipped(text)}: only digits, spaces and a leading + make a number"
        )
    return found[0]


def milliseconds(text: str) -> int:
    """An option's value; the name is what argparse complains with."""
    value = int(text)
    if not 0 <= value <= 60_000:
        raise argparse.ArgumentTypeError(f"{text} ms is not between 0 and 60000")
    return value


def seconds(text: str) -> float:
    """An option's value."""
    value = float(text)
    if not 1 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} s is not between 1 and 86400")
    return value
