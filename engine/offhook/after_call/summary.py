"""A summary by rules: what was asked, what was done, what is left to do.  Pure.

Nothing is written that was not said or done: callers' words are quoted, and counted where they may not be
kept.
"""

from __future__ import annotations

from collections.abc import Mapping

from offhook.after_call.record import Done, FinishedCall, Summary, Turn
from offhook.languages.codes import base_language

_MAX_QUOTE = 160
_MAX_QUOTES = 3
_LEFT = ("ticket", "message", "callback", "voicemail")
"""Tools that leave work to people."""
_HANDED_OVER = frozenset(("transfer", "attended", "queue", "voicemail", "takeover"))
_FAILED = ("failed", "busy", "unavailable")
_WORDS = {
    "en": {
        "asked": "Asked: {quotes}.",
        "unknown": "Not answered: {quotes}.",
        "done": "Done: {done}",
        "not_done": "Not done: {tools}.",
        "count": "{count} turns.",
        "nothing": "The caller said nothing.",
        "result": {
            "transferred": "Put through.",
            "failed": "The call broke down.",
            "nobody": "Nobody spoke.",
        },
    },
    "de": {
        "asked": "Gefragt: {quotes}.",
        "unknown": "Nicht beantwortet: {quotes}.",
        "done": "Erledigt: {done}",
        "not_done": "Nicht erledigt: {tools}.",
        "count": "{count} Wortwechsel.",
        "nothing": "Es wurde nichts gesagt.",
        "result": {
            "transferred": "Verbunden.",
            "failed": "Der Anruf ist abgebrochen.",
            "nobody": "Niemand hat gesprochen.",
        },
    },
    "es": {
        "asked": "Preguntó: {quotes}.",
        "unknown": "Sin respuesta: {quotes}.",
        "done": "Hecho: {done}",
        "not_done": "No se hizo: {tools}.",
        "count": "{count} turnos.",
        "nothing": "No dijo nada.",
        "result": {
            "transferred": "Transferida.",
            "failed": "La llamada falló.",
            "nobody": "No habló nadie.",
        },
    },
    "fr": {
        "asked": "Demandé : {quotes}.",
        "unknown": "Sans réponse : {quotes}.",
        "done": "Fait : {done}",
        "not_done": "Pas fait : {tools}.",
        "count": "{count} échanges.",
        "nothing": "Rien n'a été dit.",
        "result": {
            "transferred": "Transféré.",
            "failed": "L'appel a échoué.",
            "nobody": "Personne n'a parlé.",
        },
    },
}


def summarise(call: FinishedCall, *, quote: bool, sentiment: int | None = None) -> Summary:
    """``quote``: callers' words may be kept."""
    outcome = _outcome(call)
    open_questions = [turn for turn in call.turns if not turn.answered]
    left = any(one.ok and one.tool in _LEFT for one in call.done)
    failed = any(not one.ok for one in call.done) and outcome != "done"
    return Summary(
        _text(call, outcome, open_questions, quote=quote),
        _intent(call),
        outcome,
        bool(open_questions) or left or failed or outcome == "failed",
        _sentiment(call.turns) if sentiment is None else sentiment,
    )


def _sentiment(turns: tuple[Turn, ...]) -> int | None:
    """From 1, angry more than once, over 3 to 5, pleased more than once; None: nothing could tell.

    Whoever was angry and is pleased in the end was helped, and is no 1.
    """
    moods = [turn.mood for turn in turns if turn.mood]
    if not moods:
        return None
    angry, pleased = moods.count("angry"), moods.count("pleased")
    if angry:
        return 1 if angry > 1 and moods[-1] != "pleased" else 2
    return 3 + min(pleased, 2)


def _outcome(call: FinishedCall) -> str:
    if call.result in _FAILED:
        return "failed"
    if call.result in _HANDED_OVER:
        return "transferred"
    if any(one.ok for one in call.done):
        return "done"
    if not any(turn.caller_text for turn in call.turns):
        return "nobody"
    return "answered" if any(turn.answered for turn in call.turns) else "unanswered"


def _intent(call: FinishedCall) -> str:
    if call.done:
        return next((one.tool for one in call.done if one.ok), call.done[0].tool)
    return "question" if any(turn.caller_text for turn in call.turns) else "none"


def _text(call: FinishedCall, outcome: str, open_questions: list[Turn], *, quote: bool) -> str:
    words = _WORDS.get(base_language(call.language), _WORDS["en"])
    lines: list[str] = []
    spoken = [turn for turn in call.turns if turn.caller_text]
    if not spoken:
        lines.append(str(words["nothing"]))
    elif quote:
        answered = [turn for turn in spoken if turn.answered]
        if answered:
            lines.append(str(words["asked"]).format(quotes=_quotes(answered)))
        if open_questions:
            lines.append(str(words["unknown"]).format(quotes=_quotes(open_questions)))
    else:
        lines.append(str(words["count"]).format(count=len(spoken)))
    lines += _done(call.done, words)
    result = words["result"]
    assert isinstance(result, dict)
    if outcome in result and spoken:
        lines.append(str(result[outcome]))
    return " ".join(lines)


def _done(done: tuple[Done, ...], words: Mapping[str, object]) -> list[str]:
    lines = []
    succeeded = [one.say or f"{one.tool}." for one in done if one.ok]
    if succeeded:
        lines.append(str(words["done"]).format(done=" ".join(succeeded)))
    failed = list(dict.fromkeys(one.tool for one in done if not one.ok))
    if failed:
        lines.append(str(words["not_done"]).format(tools=", ".join(failed)))
    return lines


def _quotes(turns: list[Turn]) -> str:
    """The longest ones say most; in the order in which they were said."""
    chosen = sorted(turns, key=lambda turn: -len(turn.caller_text))[:_MAX_QUOTES]
    quoted = []
    for turn in turns:
        if any(turn is one for one in chosen):
            text = " ".join(turn.caller_text.split()).rstrip(".")
            if len(text) > _MAX_QUOTE:
                text = text[: _MAX_QUOTE - 1].rsplit(" ", 1)[0] + "\u2026"
            quoted.append(f"\u201c{text}\u201d")
    return ", ".join(quoted)
