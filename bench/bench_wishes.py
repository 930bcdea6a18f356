"""Which of the tools of the house callers want, by the grounded policy, in four languages.

    python -m bench.bench_wishes [-v] [LANGUAGE ...]

``bench/tools/wishes.*.json``: sixteen businesses by four writers, each with appointments, messages and calls
back, and some forty first sentences of callers.  A wish is right when its tool begins (asks, looks up, or
says that there is none of the caller's), and "nothing" when none does.  Every other business was looked at
while weights were chosen (half A); of the others only totals were (half B).  ``-v`` prints what went wrong in
half A.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from offhook.agents.loader import Agent
from offhook.config import Config
from offhook.conversation.forms.acting import Acting
from offhook.conversation.forms.filler import FormFiller
from offhook.evaluation.sessions import SessionFactory, Sessions

HERE = Path(__file__).parent / "tools"
LANGUAGES = ("en", "de", "es", "fr")
ZONES = {"en": "Europe/London", "de": "Europe/Berlin", "es": "Europe/Madrid", "fr": "Europe/Paris"}
TOOLS = {
    "book_appointment": "book",
    "find_free_times": "find",
    "move_appointment": "move",
    "cancel_appointment": "cancel",
    "message": "message",
    "callback": "callback",
}


def agent_of(business: dict[str, Any], language: str) -> Agent:
    """With the tools of the house."""
    settings = {
        "time_zone": ZONES[language],
        "hours": {"mon-sat": "9:00-18:00"},
        "services": [{"name": name, "minutes": 60} for name in business["services"]],
        "resources": [{"name": business["people"][0]}],
    }
    return Agent.model_validate(
        {
            "name": business["name"],
            "language": language,
            "greeting": "Hello.",
            "facts": business["facts"],
            "tools": {
                "appointments": {"settings": settings},
                "message": {"settings": {"people": business["people"]}},
                "callback": {},
            },
        }
    )


async def begun(factory: SessionFactory, said: str) -> tuple[str | None, str]:
    """The kind of the tool that what was said begins, None where none does; and the answer."""
    opened: list[tuple[Any, str]] = []
    taken: list[str] = []
    open_, turn_ = FormFiller.open, Acting._turn

    async def opens(self: FormFiller, *args: Any, **named: Any) -> Any:
        step = await open_(self, *args, **named)
        opened.append((step, self._spec.name))
        return step

    def takes(self: Acting, turn: Any, step: Any, executor: Any) -> Any:
        names = [name for one, name in opened if one is step]
        taken.append(step.form.tool if step.form is not None else names[0])
        return turn_(self, turn, step, executor)

    session = factory()
    with patch.object(FormFiller, "open", opens), patch.object(Acting, "_turn", takes):
        await session.open()
        answer = await session.say(said)
        await session.close()
    return (TOOLS.get(taken[-1]) if taken else None), answer.text


async def measure(languages: list[str], *, verbose: bool) -> None:
    """Print a line for each language and half."""
    sessions = Sessions(Config())
    counts: dict[tuple[str, str], Counter[str]] = {}
    for language in languages:
        businesses = json.loads((HERE / f"wishes.{language}.json").read_text("utf-8"))["businesses"]
        for number, business in enumerate(businesses):
            half = "AB"[number % 2]
            factory = await sessions.agent(agent_of(business, language))
            for one in business["said"]:
                found, answer = await begun(factory, one["say"])
                wants = one["wants"]
                what = (
                    "right"
                    if found == wants
                    else "missed"
                    if found is None
                    else "unasked"
                    if wants is None
                    else "another"
                )
                for key in ((language, half), ("all", half)):
                    counts.setdefault(key, Counter()).update({what: 1, "n": 1, "nothing": int(wants is None)})
                if verbose and half == "A" and what != "right":
                    print(f"{what:8} {one['say']}  wanted {wants}, begun {found}: {answer[:80]}")
    sessions.close()
    for (language, half), count in sorted(counts.items()):
        right, wrong = count["right"] / count["n"], f"missed {count['missed']}, another {count['another']}"
        unasked = f"unasked {count['unasked']} of {count['nothing']}"
        print(f"{language:4}{half}  {count['n']} said, right {right:.2f}, {wrong}, {unasked}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("languages", nargs="*", metavar="LANGUAGE", help="en, de, es, fr (default: all)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what went wrong in half A")
    options = parser.parse_args()
    if unknown := set(options.languages) - set(LANGUAGES):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(LANGUAGES)}")
    asyncio.run(measure(options.languages or list(LANGUAGES), verbose=options.verbose))
    return 0


if __name__ == "__main__":
    sys.exit(main())
