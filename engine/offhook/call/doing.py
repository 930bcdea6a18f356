"""What a call can do, and what of it the dialplan is told."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from typing import Any

from offhook.call.profile import CallProfile
from offhook.conversation.history import SUBSTANCE, History
from offhook.doors.base import CallOffer
from offhook.errors import OffhookError
from offhook.languages import language
from offhook.moments.zones import now_in
from offhook.observe.transcript import TranscriptWriter
from offhook.tools.base import Action, Context, ToolResult
from offhook.tools.executor import Executor, Took, Toolbox

_log = logging.getLogger("offhook.call.doing")

SUMMARY_CHARACTERS = 200
BRIEFING_S = 300.0
"""So long the recording for whoever is rung lies there: longer than anybody rings."""
BRIEFING_WAIT_S = 4.0
"""Its making is waited for no longer: then they are rung without."""


def executor_for(
    toolbox: Toolbox,
    profile: CallProfile,
    offer: CallOffer,
    took: Took,
    transcript: TranscriptWriter | None = None,
) -> Executor:
    """One call's tools; ``took`` is told how long they take."""
    agent = profile.agent
    context = Context(
        offer.call_id,
        agent.name,
        agent.language,
        tenant=profile.tenant,
        caller=offer.caller,
        now=now_in(agent.timezone),
    )

    def told(tool: str, arguments: Mapping[str, Any], result: ToolResult) -> None:
        if profile.on_done is not None:
            profile.on_done(tool, arguments, result)
        if transcript is not None and profile.transcribed and result.ok:
            transcript.did(offer.call_id, tool, arguments)

    return Executor(toolbox, context, told=told, took=took)


def left_by(action: Action) -> dict[str, str]:
    """The variables in which the dialplan finds where the line goes: nothing that could be dialplan
    itself."""
    target = re.sub(r"[^\w+*#.-]", "", action.target)
    summary = re.sub(r"[^\w .,:;!?'@+-]", " ", action.summary)
    return {
        "OFFHOOK_TARGET": target,
        "OFFHOOK_NUMBER": re.sub(r"[^0-9+*#]", "", action.number),
        "OFFHOOK_SUMMARY": " ".join(summary.split())[:SUMMARY_CHARACTERS],
        "OFFHOOK_BRIEFING": "",
    }


async def briefed(action: Action, history: History, profile: CallProfile, offer: CallOffer) -> dict[str, str]:
    """What :func:`left_by` says, and for an attended transfer a recording of who calls, about what."""
    left = left_by(action)
    if action.kind != "attended" or not offer.files:
        return left
    try:
        async with asyncio.timeout(BRIEFING_WAIT_S):
            clip = await profile.phrases.file(briefing(action, history, profile), BRIEFING_S)
    except (TimeoutError, OffhookError) as error:
        _log.warning("call=%s rings without a briefing: %s", offer.call_id, error or "it took too long")
        return left
    return {**left, "OFFHOOK_BRIEFING": clip.name}


def said_last(history: History) -> str:
    """What the caller wants, as far as their own words say: the last of substance."""
    said = [
        each.caller_text
        for each in history.exchanges
        if each.act in SUBSTANCE and each.caller_text and not each.wants_person
    ]
    return said[-1] if said else ""


def briefing(action: Action, history: History, profile: CallProfile) -> str:
    """What whoever is rung hears: for whom we speak, what the caller has said, and what to press."""
    phrases = language(profile.agent.language).phrases
    words = " ".join((action.summary or said_last(history)).split())[:SUMMARY_CHARACTERS]
    about = phrases.briefing_about.format(words=words) if words else ""
    return " ".join(phrases.briefing.format(name=profile.agent.name, about=about).split())
