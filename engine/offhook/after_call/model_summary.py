"""A summary that the agent's own language model writes, in a form that a grammar holds it to."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from offhook.after_call.record import OUTCOMES, FinishedCall, Summary
from offhook.after_call.runner import JobError
from offhook.engines.llm.base import Grammar, LanguageModel, Limits
from offhook.errors import BusyError, OffhookError

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "summary": {"type": "string", "maxLength": 400},
        "intent": {"type": "string", "maxLength": 60},
        "outcome": {"type": "string", "enum": list(OUTCOMES)},
        "sentiment": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        "follow_up": {"type": "boolean"},
    },
    "required": ["summary", "intent", "outcome", "sentiment", "follow_up"],
    "additionalProperties": False,
}
_SYSTEM = (
    "You write the note about a telephone call that is over, for the people of the business. Use only what is"
    " in the call. Write the summary in the language of the call, in one to three sentences. intent: what the"
    " caller wanted, in a few words. outcome: how it ended. sentiment: the caller's mood, from 1 (angry) to 5"
    " (delighted). follow_up: whether somebody has to do something now. Answer with JSON."
)
_LIMITS = Limits(max_tokens=320)
_CHARACTERS_PER_TOKEN = 3
_ROOM_TOKENS = 600
"""For the instruction, the note and the markup."""


async def summarise_by_model(model: LanguageModel, call: FinishedCall, by_rules: Summary) -> Summary:
    """``by_rules`` says what is known for certain: what was done, and that a call has failed.

    Raises JobError when it has to wait or cannot be.
    """
    try:
        grammar = await asyncio.to_thread(Grammar.from_json_schema, SCHEMA)
        conversation = await model.conversation(model.template.prefix(_SYSTEM))
    except BusyError as error:
        raise JobError(f"no place in the language model: {error}", after_s=60) from error
    except (OffhookError, ValueError) as error:
        raise JobError(f"no summary: {type(error).__name__}") from error
    try:
        conversation.speculative = True  # calls that go on come first
        room = max(200, (conversation.tokens_limit - _ROOM_TOKENS) * _CHARACTERS_PER_TOKEN)
        await conversation.append(*model.template.user(_as_text(call, by_rules, room)))
        text = "".join([piece async for piece in conversation.generate(_LIMITS, grammar=grammar)])
    except OffhookError as error:
        raise JobError(f"no summary: {type(error).__name__}") from error
    finally:
        await conversation.close()
    return _read(text, by_rules)


def _as_text(call: FinishedCall, by_rules: Summary, room: int) -> str:
    """The end of a call that is longer than there is room says more than its beginning."""
    lines = [f"{one['role']}: {one['text']}" for one in call.words()]
    while len(lines) > 2 and sum(map(len, lines)) > room:
        lines.pop(0)
    done = [f"{one.tool}: {'done' if one.ok else 'failed'}" for one in call.done]
    return "\n".join([*lines, "", f"ended: {by_rules.outcome}", *done])[-room - 200 :]


def _read(text: str, by_rules: Summary) -> Summary:
    try:
        found = json.loads(text)
        made = Summary(
            str(found["summary"])[:600],
            str(found["intent"])[:80],
            str(found["outcome"]),
            bool(found["follow_up"]),
            int(found["sentiment"]),
            "model",
        )
    except (ValueError, KeyError, TypeError) as error:
        # The rest of a note that was cut off is no note: the one by rules is whole.
        raise JobError("the model's note is no JSON of that form", lasting=True) from error
    if by_rules.outcome in ("done", "transferred", "failed", "nobody"):
        made = replace(made, outcome=by_rules.outcome)  # that is known, whatever a model reads into it
    return replace(made, follow_up=made.follow_up or by_rules.follow_up)
