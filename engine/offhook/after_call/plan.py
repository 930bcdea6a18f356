"""Which jobs follow a call, by what its agent's file says.  Pure.

The words of a call get into a job only where they may be kept; otherwise everything that needs them is made
before the job is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from offhook.after_call.record import FinishedCall, Summary
from offhook.after_call.summary import summarise
from offhook.agents.after_call import AfterCall, EventName, WebhookSettings
from offhook.tenants.jobs import NewJob

_CREATED: dict[str, EventName] = {
    "book_appointment": "booking.created",
    "ticket": "ticket.created",
    "order": "ticket.created",
}


def jobs_of(
    call: FinishedCall,
    settings: AfterCall,
    *,
    keep_words: bool,
    by_model: bool,
    folder: Path | None = None,
    sentiment: int | None = None,
) -> list[NewJob]:
    """What follows ``call``.

    ``keep_words``: what was said may be written down.  ``by_model``: the agent's model may write the note;
    without the words there is nothing that it could read.  ``folder``: of the agent's file.
    """
    if not settings:
        return []
    by_rules = summarise(call, quote=keep_words, sentiment=sentiment)
    if by_model and keep_words and call.turns and settings.summary != "rules":
        body = {
            "call": call.to_json(),
            "rules": asdict(by_rules),
            "settings": _dumped(settings),
            "folder": str(folder) if folder else "",
        }
        return [NewJob(f"summary {call.id}", "summary", body)]
    return list(deliveries(call, by_rules, settings, folder, keep_words=keep_words))


def deliveries(
    call: FinishedCall, summary: Summary, settings: AfterCall, folder: Path | None, *, keep_words: bool
) -> Iterator[NewJob]:
    """Webhooks and mail, each a job of its own: one that is down holds up no other."""
    data = _data(call, summary)
    for n, webhook in enumerate(settings.webhooks):
        for event in _events(call, summary):
            if event in webhook.events:
                body = {
                    "webhook": _dumped(webhook),
                    "folder": str(folder) if folder else "",
                    "event": event,
                    "at": call.ended_at.isoformat(),
                    "data": data | ({"turns": call.words()} if webhook.transcript and keep_words else {}),
                }
                yield NewJob(f"webhook {n} {event} {call.id}", "webhook", body)
    mail = settings.mail
    if mail is not None and (mail.when == "always" or summary.follow_up):
        text = _letter(call, summary, transcript=mail.transcript and keep_words)
        who = call.caller or "?"
        subject = f"{call.agent}: {who} ({summary.outcome})"
        yield NewJob(f"mail {call.id}", "mail", {"to": list(mail.to), "subject": subject, "text": text})


def _events(call: FinishedCall, summary: Summary) -> list[EventName]:
    found: list[EventName] = ["call.completed"]
    if summary.outcome == "transferred":
        found.append("call.transferred")
    created = [_CREATED[one.tool] for one in call.done if one.ok and one.tool in _CREATED]
    return [*found, *dict.fromkeys(created)]


def _data(call: FinishedCall, summary: Summary) -> dict[str, Any]:
    return {
        "call_id": call.id,
        "number": call.number,
        "caller": call.caller,
        "agent": call.agent,
        "language": call.language,
        "started_at": call.started_at.isoformat(),
        "ended_at": call.ended_at.isoformat(),
        "duration_s": round(call.seconds, 1),
        "result": call.result,
        "done": [{"tool": one.tool, "ok": one.ok} for one in call.done],
        **asdict(summary),
    }


def _letter(call: FinishedCall, summary: Summary, *, transcript: bool) -> str:
    lines = [
        summary.summary,
        "",
        f"caller: {call.caller or '-'}",
        f"number: {call.number or '-'}",
        f"at: {call.started_at.isoformat(timespec='seconds')}, {call.seconds:.0f} s",
        f"outcome: {summary.outcome}, intent: {summary.intent}",
        f"call: {call.id}",
    ]
    if transcript:
        lines += ["", *(f"{one['role']}: {one['text']}" for one in call.words())]
    return "\n".join(lines)


def _dumped(settings: AfterCall | WebhookSettings) -> dict[str, Any]:
    """As JSON; a tenant's own secret stays readable in it: it lies in the same database already."""
    dumped = settings.model_dump(mode="json")
    hooks = dumped.get("webhooks", [dumped]) if isinstance(settings, AfterCall) else [dumped]
    given = settings.webhooks if isinstance(settings, AfterCall) else (settings,)
    for hook, one in zip(hooks, given, strict=True):
        hook["secret"] = None if one.secret is None else one.secret.get_secret_value()
    return dumped
