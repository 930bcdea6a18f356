"""Checks the businesses that the matcher is trained on: ``python bench/grounding/validate.py FILE...``.

A business is a JSON object: ``name``, ``persona``, ``facts`` (strings) and ``questions``.  A question:
``say`` (what a caller says), ``kind``, ``facts`` (indices of the facts that answer it; empty for none),
``part`` (exact substrings of those facts that a short answer would contain) and, for a follow-up,
``after`` (index of the question asked just before).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

ANSWERED = ("fact", "paraphrase", "two", "followup")
"""Kinds whose answer stands in the facts."""
UNANSWERED = ("unknown", "statement")
"""Kinds to which no fact is the answer."""


def problems(business: dict[str, Any]) -> list[str]:
    """What is wrong with ``business``, a line each; none when it can be used."""
    found: list[str] = []
    facts, questions = business["facts"], business["questions"]
    for number, question in enumerate(questions):
        where = f"question {number} ({question.get('say', '')[:40]!r})"
        kind, chosen, parts = question["kind"], question["facts"], question.get("part", [])
        if kind not in ANSWERED + UNANSWERED:
            found.append(f"{where}: unknown kind {kind!r}")
        if (kind in ANSWERED) != bool(chosen):
            found.append(f"{where}: a {kind} question has {len(chosen)} facts")
        if any(not 0 <= fact < len(facts) for fact in chosen):
            found.append(f"{where}: no such fact")
            continue
        texts = [facts[fact] for fact in chosen]
        found += [
            f"{where}: {part!r} is in none of its facts"
            for part in parts
            if not any(part in t for t in texts)
        ]
        if chosen and not parts:
            found.append(f"{where}: says no part")
        if kind == "followup" and not 0 <= question.get("after", -1) < number:
            found.append(f"{where}: follows nothing")
    if len({q["say"] for q in questions}) < len(questions):
        found.append("a question stands twice")
    return found


def main(paths: list[str]) -> int:
    """Print problems and counts; 1 when there are problems."""
    bad, kinds = 0, Counter[str]()
    for path in paths:
        try:
            business = json.loads(Path(path).read_text(encoding="utf-8"))
            lines = problems(business)
            kinds.update(question["kind"] for question in business["questions"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            lines = [f"{type(error).__name__}: {error}"]
        bad += bool(lines)
        for line in lines:
            print(f"{path}: {line}")
    print(f"{len(paths)} businesses, {bad} with problems; {dict(kinds)}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
