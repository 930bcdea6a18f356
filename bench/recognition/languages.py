"""``python -m bench.recognition.languages``: word errors in Spanish, French, Italian, and the language heard.

Prompts of people from Debian's Asterisk sounds (``bench/recognition/install-prompts.sh`` brings them), drawn
evenly among those of three words and more and of 1.2 to 8 s that are no pieces of sentences, on the line of
``material.py``, clean.  Each is recognised as an agent with that one language would, and as one that speaks
all four would, English first:

given    word errors when the language is known
among    word errors when it is chosen among the four, and how many prompts were taken for what they are

Words are compared without accents, because the Spanish texts are written without; and by their sound
(``sounds.py``), as "composez" and "composé" are the same to whoever listens.  The texts say what was to be
read, not what was: where a reader said something else, that counts as an error of the recogniser.  Left out
of those that are drawn, whatever is heard of them, are :func:`no_sentences`: words that are spelt, pieces of
sentences, texts whose letters are damaged, and texts that nobody says in the time that the recording takes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import re
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.recognition.material import Said, levelled, on_the_line
from bench.recognition.score import Scored, interval, plain_words, score, word_error_rate, written_words
from bench.recognition.sounds import errors_by_sound, sounds
from offhook.catalogue.entries import find
from offhook.catalogue.pull import pull
from offhook.end_of_turn.completeness import cues
from offhook.engines.stt.whisper import Whisper
from offhook.errors import OffhookError
from offhook.languages.turns import turn_language
from tests.support.audio.audio import RATE_HZ, read_wav

PROMPTS = Path(os.environ.get("OFFHOOK_CACHE") or Path.home() / ".cache" / "offhook") / "prompts"
VOICES = {"es": "es_MX_f_Allison", "fr": "fr_CA_f_June", "it": "it_IT_m_Carlo"}
AGENTS = ("en", "es", "fr", "it")
LEAST_WORDS = 3
_NO_SENTENCE = re.compile(r"[\[(]|^\s*(?:\.\.|\u2026)|(?:\.\.|\u2026)\s*$")
SECONDS = (1.2, 8.0)
_ONE_LETTER = {"es": "aeouy", "fr": "aàyô", "it": "aeèoi"}
"""Words of one letter; others are letters that are spelt."""
_LETTER = re.compile(r"(?<![\w'\u2019])[^\W\d_](?![\w'\u2019])")
_DAMAGED = re.compile(r"\?\s+[a-zà-ü]|\s\?\s")
_FASTEST = 1.5
"""Letters a second, beside the middle one of the voice: beyond that the text is not what was read."""


def texts(root: Path, language: str) -> dict[str, str]:
    """What each prompt says, by its name; no sounds in brackets, no pieces of sentences."""
    path = root / f"usr/share/doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8-sig").splitlines()
    pairs = [line.partition(": ") for line in lines if not line.startswith(";")]
    return {name: text.strip() for name, _, text in pairs if text and not _NO_SENTENCE.search(text)}


def prompts(root: Path, language: str, limit: int) -> list[Said]:
    """So many of a language's, evenly drawn in the order of their names."""
    found = []
    for name, text in sorted(texts(root, language).items()):
        path = root / "usr/share/asterisk/sounds" / VOICES[language] / f"{name}.wav"
        if len(plain_words(text, language)) < LEAST_WORDS or not path.is_file():
            continue
        audio = read_wav(path)
        if SECONDS[0] <= len(audio) / RATE_HZ <= SECONDS[1]:
            found.append(levelled(language, text, audio))
    drawn = found[:: max(1, len(found) // limit)][:limit]
    out = no_sentences(drawn, language)
    return [one for one in drawn if one.text not in out]


def no_sentences(material: Sequence[Said], language: str) -> set[str]:
    """The texts that are none, or are not what was read, told without any recogniser."""
    known = turn_language(language)
    pace = {one.text: _letters_per_s(one, language) for one in material}
    fastest = _FASTEST * statistics.median(pace.values()) if pace else 0.0
    out = {text for text, letters_per_s in pace.items() if letters_per_s > fastest}
    for text in pace:
        spelt = any(letter.lower() not in _ONE_LETTER[language] for letter in _LETTER.findall(text))
        found = cues(text.rstrip(".?! "), known) if known.known else None
        if spelt or _DAMAGED.search(text) or (found is not None and found[0]):
            out.add(text)
    return out


def _letters_per_s(said: Said, language: str) -> float:
    return sum(map(len, plain_words(said.text, language))) * RATE_HZ / len(said.audio)


def recognised(
    recogniser: Whisper, material: Sequence[Said]
) -> tuple[list[Scored], list[Scored], list[dict[str, Any]]]:
    """Every prompt's score, the same by sound, and what was heard in which language."""
    scored, alike, heard = [], [], []
    for said in material:
        transcript = recogniser.transcribe(on_the_line(said, "clean", 0, material, seed=0))
        one = score(said.text, transcript.text, transcript.compute_ms, said.voice)
        words = [written_words(text, said.voice) for text in (said.text, transcript.text)]
        by_sound = errors_by_sound(words[0], words[1], sounds(said.voice))
        scored.append(one)
        alike.append(replace(one, wrong=by_sound))
        heard.append({"said": said.text, "heard": transcript.text, "language": transcript.language})
    return scored, alike, heard


def rate(scored: Sequence[Scored]) -> str:
    """Word errors with their interval. [%]"""
    low, high = interval(scored)
    return f"{word_error_rate(scored):.1f} [{low:.1f}, {high:.1f}]"


def main(words: Sequence[str] | None = None) -> int:
    """Run it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.recognition.languages", description="Word errors by language."
    )
    parser.add_argument("--model", default="whisper-base", metavar="NAME", help="of the catalogue")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="prompts of each language")
    parser.add_argument("--prompts", type=Path, default=PROMPTS, metavar="DIR", help=str(PROMPTS))
    parser.add_argument("--terms", nargs="+", default=(), metavar="WORD", help="as stt.terms has them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--report", type=Path, metavar="FILE", help="write every transcript as JSON")
    args = parser.parse_args(words)
    if not (args.prompts / "usr/share/asterisk/sounds").is_dir():
        print(f"no prompts in {args.prompts}: run bench/recognition/install-prompts.sh", file=sys.stderr)
        return 0
    model = pull(find(args.model), lambda line: print(line, file=sys.stderr))[0].path
    report: dict[str, Any] = {}
    print(
        "| language | prompts, words | given % [95 %] | by sound | among % [95 %] | by sound | taken for it |"
    )
    print("|---|---|---|---|---|---|---|")
    among = Whisper(model, threads=args.threads, language=AGENTS, terms=args.terms)
    for language in VOICES:
        material = prompts(args.prompts, language, args.limit)
        given = Whisper(model, threads=args.threads, language=language, terms=args.terms)
        known, known_alike, known_heard = recognised(given, material)
        given.close()
        chosen, chosen_alike, chosen_heard = recognised(among, material)
        right = sum(one["language"] == language for one in chosen_heard)
        size = f"{len(material)}, {sum(one.said for one in known)}"
        rates = " | ".join(map(rate, (known, known_alike, chosen, chosen_alike)))
        print(f"| {language} | {size} | {rates} | {right} |", flush=True)
        report[language] = {"given": known_heard, "among": chosen_heard}
    among.close()
    if args.report:
        args.report.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OffhookError as error:
        sys.exit(f"bench.recognition.languages: {error}")
