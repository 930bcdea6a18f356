"""What the judge of barge-in (``offhook.barge_in``) makes of speech and of sounds that are none.

Above 400 lines because the scenes, what they must do to an answer and the table stand together.

    python -m bench.bench_barge_in [--set tuned|held-out|both] [--detector] [--json FILE]

Every scene is 1.5 s of line noise, one sound, 1.6 s more, through 300-3400 Hz and µ-law, while
an answer is playing.  The judge is asked every 20 ms, with 500 ms of pre-roll, as a call
asks it.  Without ``--detector`` every sound is a candidate from 60 ms after its true onset (the
hardest case: a detector lets few coughs through); with it the real endpointer opens the
candidates and dates them, an echo's included, and scenes that it does not notice count as not
stopped.  Times are from the true onset to the verdict; the stop itself, a frame and a command, comes on
top.  ``early`` is the share of speech scenes in which our echo stopped us before the caller spoke.

``tuned`` was looked at while the constants were chosen, ``held-out`` (other voices, words and
speakers, another seed) was not.  Speech is flite, espeak-ng and recorded people; hums are flite's recorded
nasals and a formant model; coughs, bangs and crackle are made from noise.  A figure here says how the
judge does on these, not on every caller.  Needs Debian's package flite.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from offhook.barge_in import JudgeSettings, LineEcho, Verdict, judge
from offhook.core import Endpointer, SileroModel
from offhook.events import SpeechResumed, SpeechStarted
from tests.support.audio import sounds
from tests.support.audio.audio import RATE_HZ, Samples
from tests.support.audio.sounds import MS, SPEECH_DBFS, Generator, Signal
from tests.support.endpoints import human_voice, true_spans

LEAD = 1_500 * MS
LENGTH = 3_100 * MS
PRE_ROLL = 500 * MS
EVERY_MS = 20
FIRST_ASKED_MS = 60
"""When a detector without faults would have opened the candidate."""
LAST_ASKED_MS = 1_200
NEVER_MS = 9_999.0
SEED = 7

ANSWERS = (
    "We are open from nine to five on weekdays, and on Saturday morning until noon.",
    "You can park for free behind the building, the entrance is on the left side.",
    "A check up costs eighty pounds, and that includes the x rays if you need them.",
    "Your appointment is on Monday the fourteenth at half past ten with Doctor Miller.",
    "Please bring your insurance card, and arrive ten minutes before your appointment.",
)


@dataclass(frozen=True, slots=True)
class Material:
    """One half of the voices and words."""

    own: tuple[tuple[str, int], ...]
    """espeak-ng voices and rates that we answer with."""
    flite: tuple[str, ...]
    espeak: tuple[str, ...]
    people: tuple[str, ...]
    """Recordings of the moonshine-voice wheel."""
    hums: tuple[str, ...]
    """flite voices made of recordings, whose [m] is a nasal (kal's and espeak-ng's are not)."""
    words: tuple[str, ...]


SETS = {
    "tuned": Material(
        own=(("en-us", 165), ("en-us+f2", 165)),
        flite=("slt", "awb"),
        espeak=("en-us", "en-us+f3", "en-us+m3"),
        people=("two_cities", "clone-test"),
        hums=("slt",),
        words=(
            "Stop, that is not what I asked.", "No, I need it for tomorrow.", "Wait a minute please.",
            "I want to speak to somebody.", "What about the weekend?", "Can you repeat that?",
            "Hello, are you there?", "My name is Anna Brown.", "Excuse me.",
            "Actually, it was the other one.",
        ),
    ),
    "held-out": Material(
        own=(("en-gb", 175), ("en-us+f4", 150)),
        flite=("rms", "kal16"),
        espeak=("en-gb", "en-us+f5", "en-us+m7"),
        people=("endgame_nagg_nell", "beckett"),
        hums=("rms", "awb"),
        words=(
            "Hold on, I have a question.", "Sorry, could you say that again?", "But how much does it cost?",
            "The number is seven four two.", "Please let me talk to a human.",
            "Yes please, that would be great.",
            "Never mind, I will call back.", "Do you have anything earlier?",
            "Not on Friday.", "Okay so where do I go?",
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """A sound on the line while we speak."""

    kind: str
    heard: Samples
    played: Samples
    """Ends with ``heard``, give or take the inaccuracy of the clocks."""
    onset: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the judge said of a scene."""

    stopped_ms: float | None
    """From the true onset to SPEECH."""
    noticed: bool
    """Whether the detector opened a candidate."""
    cpu_ms: tuple[float, ...]


# --- scenes ----------------------------------------------------------------------------------


@cache
def model() -> SileroModel:
    return SileroModel()


@cache
def onsets(name: str) -> list[Samples]:
    """Where a person begins to speak after 250 ms of quiet, and what follows."""
    clean = human_voice(name)
    spans, _ = true_spans(model(), clean)
    found, before = [], 0
    for start, stop in spans:
        if start - before >= 250 * MS and stop - start >= 350 * MS:
            found.append(clean[start - 20 * MS : start + LENGTH - LEAD])
        before = stop
    return found


def answer(rng: Generator, material: Material) -> Samples:
    """What we play, from somewhere in it."""
    voice, rate_wpm = material.own[int(rng.integers(len(material.own)))]
    first = int(rng.integers(len(ANSWERS)))
    parts = [sounds.espeak(voice, ANSWERS[(first + n) % len(ANSWERS)], rate_wpm) for n in range(2)]
    gap = np.zeros(int(rng.uniform(100, 300)) * MS, np.int16)
    spoken = sounds.to_samples(sounds.at_level(np.concatenate([parts[0], gap, parts[1]]), -20))
    spoken = spoken[int(rng.uniform(0, 1_500)) * MS :][:LENGTH]
    return np.pad(spoken, (0, LENGTH - len(spoken)))


def audible_from(signal: Samples | Signal) -> int:
    """First sample whose 5 ms are within 25 dB of the loudest."""
    power = np.convolve(np.asarray(signal, np.float64) ** 2, np.ones(40) / 40, "same")
    return int(np.flatnonzero(power > power.max() * 10**-2.5)[0])


class Studio:
    """Puts scenes together, in one order, from one generator."""

    def __init__(self, name: str, *, rounds: int) -> None:
        self.material = SETS[name]
        self.rng = np.random.default_rng(SEED + list(SETS).index(name))
        self.rounds = rounds

    def scenes(self) -> Iterator[Scene]:
        yield from self._speech()
        yield from self._hums()
        yield from self._noises()
        yield from self._echoes()

    def scene(
        self,
        kind: str,
        sound: Samples | Signal | None,
        *,
        dbfs: float,
        snr_db: float = 45.0,
        played: Samples | None = None,
        echo: Signal | None = None,
        onset: int = LEAD,
    ) -> Scene:
        rng = self.rng
        line = np.zeros(LENGTH)
        if sound is not None:
            levelled = sounds.at_level(sound, dbfs)[: LENGTH - LEAD]
            line[LEAD : LEAD + len(levelled)] = levelled
            onset = LEAD + audible_from(levelled)
        if echo is not None:
            line += echo
        line = sounds.with_noise(rng, line, snr_db, pink=bool(rng.integers(2)), speech_dbfs=dbfs)
        played = answer(rng, self.material) if played is None else played
        inaccurate = np.roll(played, int(rng.integers(-15, 16)) * MS)
        return Scene(kind, sounds.telephone(line), inaccurate, onset)

    def _speech(self) -> Iterator[Scene]:
        rng, voices = self.rng, self.material
        spoken = [("person", sound) for name in voices.people for sound in onsets(name)]
        spoken += [("flite", sounds.flite(v, t)) for v in voices.flite for t in voices.words]
        spoken += [
            ("espeak", sounds.espeak(v, t, 140 + 10 * (n % 5)))
            for v in voices.espeak
            for n, t in enumerate(voices.words)
        ]
        for who, sound in spoken:
            yield self.scene(f"speech, {who}, clean", sound, dbfs=SPEECH_DBFS)
            yield self.scene(
                f"speech, {who}, 10 to 20 dB quieter", sound, dbfs=SPEECH_DBFS - rng.uniform(10, 20)
            )
            yield self.scene(f"speech, {who}, noise at 20 dB", sound, dbfs=SPEECH_DBFS, snr_db=20)
            yield self.scene(
                f"speech, {who}, noise at 10-15 dB", sound, dbfs=SPEECH_DBFS, snr_db=rng.uniform(10, 15)
            )
            played = answer(rng, voices)
            gain_db = float(rng.choice([-12, -20, -30]))
            kind = str(rng.choice(["hybrid", "room"]))
            echo = sounds.echo(rng, played, delay_ms=rng.uniform(20, 350), gain_db=gain_db, kind=kind)
            yield self.scene(f"speech, {who}, over echo", sound, dbfs=SPEECH_DBFS, played=played, echo=echo)

    def _some(self, kind: str, sound: Samples | Signal) -> Scene:
        rng = self.rng
        return self.scene(kind, sound, dbfs=rng.uniform(-34, -20), snr_db=float(rng.choice([45, 20, 15])))

    def _hums(self) -> Iterator[Scene]:
        rng, voices = self.rng, self.material
        for number in range(2 * self.rounds):
            pitch_hz, length_ms = rng.uniform(90, 260), int(rng.uniform(250, 600))
            rise, dip = rng.uniform(-0.1, 0.35), number % 4 != 0
            yield self._some(
                "mm-hm, formants", sounds.hum(rng, pitch_hz=pitch_hz, length_ms=length_ms, rise=rise, dip=dip)
            )
        for voice in voices.hums:
            for phones in ("m hh m", "m m hh m m", "m m", "m m m", "m m hh m", "m hh m m"):
                for _ in range(2):
                    yield self._some("mm-hm, flite", sounds.flite(voice, f"pau {phones} pau", phones=True))
        for _ in range(self.rounds):
            yield self._some(
                "uh-huh",
                sounds.uh_huh(rng, pitch_hz=rng.uniform(90, 260), length_ms=int(rng.uniform(300, 520))),
            )
        for text in ("uh huh", "yeah", "okay", "right"):
            kind = "uh-huh" if text == "uh huh" else "yeah, okay, right"
            for voice in voices.flite:
                yield self._some(kind, sounds.flite(voice, text))
            for voice in voices.espeak:
                yield self._some(kind, sounds.espeak(voice, text))

    def _noises(self) -> Iterator[Scene]:
        rng = self.rng
        for number in range(2 * self.rounds):
            yield self._some("cough", sounds.cough(rng))
            yield self._some(
                "noise burst", sounds.burst(rng, length_ms=int(rng.uniform(20, 600)), pink=bool(number % 2))
            )
        for _ in range(self.rounds):
            yield self._some("bang", sounds.slam(rng))
            yield self._some("crackle", sounds.crackle(rng, length_ms=int(rng.uniform(100, 1_200))))

    def _echoes(self) -> Iterator[Scene]:
        rng = self.rng
        for kind in ("hybrid", "room", "distorted"):
            for gain_db in (-6.0, -12.0, -20.0, -30.0):
                for number in range(max(2, self.rounds // 2)):
                    played = answer(rng, self.material)
                    delay_ms, onset = rng.uniform(20, 350), LEAD
                    if number % 2:  # the answer begins only now
                        played[: LEAD - 10 * MS] = 0
                        onset = audible_from(played) + int(delay_ms * MS)
                    echo = sounds.echo(rng, played, delay_ms=delay_ms, gain_db=gain_db, kind=kind)
                    snr_db = float(rng.choice([45, 30]))
                    yield self.scene(
                        f"echo, {kind}",
                        None,
                        dbfs=SPEECH_DBFS,
                        snr_db=snr_db,
                        played=played,
                        echo=echo,
                        onset=onset,
                    )


# --- asking ----------------------------------------------------------------------------------


def candidates(scene: Scene, detector: bool) -> Iterator[tuple[int, int]]:
    """(sample at which the judge is asked first, onset as it was reported)."""
    if not detector:
        yield scene.onset + FIRST_ASKED_MS * MS, scene.onset
        return
    endpointer = Endpointer(model(), RATE_HZ)
    for start in range(0, len(scene.heard), 160):
        for event in endpointer.process(scene.heard[start : start + 160]):
            if isinstance(event, SpeechStarted | SpeechResumed):
                yield start + 160, event.position_samples


def ask(scene: Scene, settings: JudgeSettings, *, detector: bool) -> Outcome:
    """Every 20 ms from each candidate on, until SPEECH or the next candidate."""
    opened = list(candidates(scene, detector))
    cpu_ms: list[float] = []
    line = LineEcho()
    for number, (now, onset) in enumerate(opened):
        line.next_sound()
        last = opened[number + 1][0] if number + 1 < len(opened) else scene.onset + LAST_ASKED_MS * MS
        for at in range(now, last, EVERY_MS * MS):
            first = max(0, onset - PRE_ROLL)
            began = time.thread_time()
            judgement = judge(
                scene.heard[first:at], onset - first, scene.played[max(0, first - PRE_ROLL) : at], settings,
                line=line,
            )  # fmt: skip
            cpu_ms.append((time.thread_time() - began) * 1e3)
            line.learn(judgement)
            if judgement.verdict is Verdict.SPEECH and not line.has_too_little(judgement, settings):
                return Outcome((at - scene.onset) / MS, True, tuple(cpu_ms))
    return Outcome(None, bool(opened), tuple(cpu_ms))


# --- reporting -------------------------------------------------------------------------------


def summary(outcomes: Sequence[Outcome], *, spoken: bool) -> dict[str, float]:
    """Shares and times; a time that never came counts as 9999 ms."""
    early = [o.stopped_ms is not None and o.stopped_ms < 0 for o in outcomes]
    times = [
        NEVER_MS if o.stopped_ms is None or (before and spoken) else o.stopped_ms
        for o, before in zip(outcomes, early, strict=True)
    ]
    return {
        "early": round(float(np.mean(early)), 4),
        "scenes": len(outcomes),
        "noticed": round(float(np.mean([o.noticed for o in outcomes])), 4),
        "stopped": round(float(np.mean([t < NEVER_MS for t in times])), 4),
        "p50_ms": float(np.percentile(times, 50)),
        "p95_ms": round(float(np.percentile(times, 95)), 1),
        "by_200_ms": round(float(np.mean([t <= 200 for t in times])), 4),
        "by_260_ms": round(float(np.mean([t <= 260 for t in times])), 4),
    }


def grouped(found: list[tuple[str, Outcome]]) -> dict[str, list[Outcome]]:
    """By kind, with sums of what belongs together."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for kind, outcome in found:
        parts = kind.split(", ")
        if parts[0] == "speech":
            groups[f"speech, {parts[2]}"].append(outcome)
            groups[f"speech, {parts[1]}"].append(outcome)
            groups["ALL speech"].append(outcome)
        else:
            groups[kind].append(outcome)
            if parts[0] not in ("uh-huh", "yeah"):
                groups["ALL mm-hm, cough, noise, echo"].append(outcome)
    return dict(sorted(groups.items()))


def report(name: str, settings: JudgeSettings, *, rounds: int, detector: bool) -> dict[str, dict[str, float]]:
    """Run a set, print its table, return it."""
    found = [(s.kind, ask(s, settings, detector=detector)) for s in Studio(name, rounds=rounds).scenes()]
    cpu_ms = [value for _, outcome in found for value in outcome.cpu_ms]
    table = {kind: summary(outcomes, spoken="speech" in kind) for kind, outcomes in grouped(found).items()}
    how = "candidates of the real endpointer" if detector else "every sound is a candidate"
    print(f"\n{name}: {how}; {len(cpu_ms)} judgements, CPU p50 {np.percentile(cpu_ms, 50):.2f} ms, "
          f"p95 {np.percentile(cpu_ms, 95):.2f} ms")  # fmt: skip
    print(
        f"{'':34s}{'scenes':>7s}{'noticed':>9s}{'stopped':>9s}{'p50':>7s}{'p95':>7s}{'<=200':>7s}{'<=260':>7s}{'early':>7s}"
    )
    for kind, row in table.items():
        times = ""
        if kind.startswith(("speech", "ALL speech")):
            times = f"{row['p50_ms']:7.0f}{row['p95_ms']:7.0f}{row['by_200_ms']:7.0%}"
            times += f"{row['by_260_ms']:7.0%}{row['early']:7.1%}"
        print(f"{kind:34s}{row['scenes']:7.0f}{row['noticed']:9.0%}{row['stopped']:9.1%}{times}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables.  Exit status 2 when flite is missing."""
    parser = argparse.ArgumentParser(
        prog="bench_barge_in", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", choices=[*SETS, "both"], default="both", help="which half of the material")
    parser.add_argument("--detector", action="store_true", help="candidates from the real endpointer")
    parser.add_argument("--rounds", type=int, default=20, help="how many of each made sound (default 20)")
    parser.add_argument(
        "--min-speech-ms", type=int, default=JudgeSettings().min_speech_ms, help="evidence wanted"
    )
    parser.add_argument("--json", type=Path, help="write the tables there, too")
    options = parser.parse_args(arguments)
    settings = replace(JudgeSettings(), min_speech_ms=options.min_speech_ms)
    names = list(SETS) if options.set == "both" else [options.set]
    try:
        tables = {n: report(n, settings, rounds=options.rounds, detector=options.detector) for n in names}
    except FileNotFoundError as error:
        print(f"bench_barge_in: {error}; flite is Debian's package flite", file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
