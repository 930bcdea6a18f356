"""What a call can do, and what of it the dialplan is told."""

from __future__ import annotations

import re

from offhook.call.profile import CallProfile
from offhook.doors.base import CallOffer
from offhook.moments.zones import now_in
from offhook.tools.base import Action, Context
from offhook.tools.executor import Executor, Toolbox

SUMMARY_CHARACTERS = 200


def executor_for(toolbox: Toolbox, profile: CallProfile, offer: CallOffer) -> Executor:
    """One call's tools."""
    agent = profile.agent
    context = Context(
        offer.call_id,
        agent.name,
        agent.language,
        tenant=profile.tenant,
        caller=offer.caller,
        now=now_in(agent.timezone),
    )
    return Executor(toolbox, context, told=profile.on_done)


def left_by(action: Action) -> dict[str, str]:
    """The variables in which the dialplan finds where the line goes: nothing that could be dialplan
    itself."""
    target = re.sub(r"[^\w+*#.-]", "", action.target)
    summary = re.sub(r"[^\w .,:;!?'@+-]", " ", action.summary)
    return {"OFFHOOK_TARGET": target, "OFFHOOK_SUMMARY": " ".join(summary.split())[:SUMMARY_CHARACTERS]}
