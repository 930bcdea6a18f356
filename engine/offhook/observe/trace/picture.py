"""A turn as a picture: SVG for a page or a file, and a page of its own.  Pure functions from values to text.

Colours are attributes, not styles, so that a page with a strict content security policy shows them; what is
written takes the page's own colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, log10

from offhook.config import BudgetConfig
from offhook.observe.trace.record import STAGES, TurnTrace
from offhook.observe.trace.waterfall import headline, printable, waterfall

WIDTH = 760
_LABELS = 150
_FIGURES = 110
_ROW = 24
_TOP = 26
_NAMES = {
    "endpoint": "waiting for more",
    "stt": "recognition",
    "llm_first_token": "first token",
    "clause": "first clause",
    "tts_first_audio": "first sound",
    "commit": "start of playback",
    "playback": "playback",
}
_COLOURS = {
    "endpoint": "#8a8f98",
    "stt": "#2f7ed8",
    "llm_first_token": "#8b5cf6",
    "clause": "#a78bfa",
    "tts_first_audio": "#0d9488",
    "commit": "#d97706",
    "playback": "#65a30d",
}
_LATE = "#dc2626"


def svg(turn: TurnTrace, budgets: BudgetConfig | None = None, *, alone: bool = False) -> str:
    """Bars over time: 0 is the end of the caller's speech, and playback is cut shortly after its start.

    ``alone``: a file of its own, with a white ground; else part of a page whose colour it takes.
    """
    spans = turn.stage_spans_ns()
    begins = [begin for begin, _ in spans.values()]
    zero_ns = turn.speech_end_ns if turn.speech_end_ns is not None else min(begins, default=0)
    shown = [(stage, *spans[stage]) for stage in STAGES if stage in spans]
    last_ns = max([end for stage, _, end in shown if stage != "playback"], default=max(begins, default=0))
    scale_ms = max(1.0, (last_ns - zero_ns) / 1e6) / 0.9
    height = _TOP + _ROW * max(1, len(shown)) + 8
    room = WIDTH - _LABELS - _FIGURES
    late = turn.over_budget(budgets) if budgets is not None else ()
    title = escape(printable(headline(turn, budgets)))
    ground = f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>' if alone else ""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' font-family="system-ui, sans-serif" font-size="13" fill="{"#111" if alone else "currentColor"}">',
        f"<title>{title}</title>{ground}",
        *_scale(scale_ms, room, height),
    ]
    for row, (stage, begin_ns, end_ns) in enumerate(shown):
        y = _TOP + row * _ROW
        begin_ms, length_ms = (begin_ns - zero_ns) / 1e6, (end_ns - begin_ns) / 1e6
        x = min(max(0.0, begin_ms / scale_ms), 1.0) * room
        width = max(2.0, min(length_ms / scale_ms * room, room - x))
        colour = _LATE if stage in late else _COLOURS[stage]
        mark = " !" if stage in late else ""
        parts.append(f'<text x="{_LABELS - 8}" y="{y + 16}" text-anchor="end">{_NAMES[stage]}{mark}</text>')
        parts.append(
            f'<rect x="{_LABELS + x:.1f}" y="{y + 4}" width="{width:.1f}" height="{_ROW - 8}" rx="2"'
            f' fill="{colour}"><title>{_NAMES[stage]}: {begin_ms:.0f} ms,'
            f" for {length_ms:.0f} ms</title></rect>"
        )
        parts.append(
            f'<text x="{WIDTH - 4}" y="{y + 16}" text-anchor="end">{begin_ms:.0f} +{length_ms:.0f} ms</text>'
        )
    if not shown:
        parts.append(f'<text x="{_LABELS}" y="{_TOP + 16}">no stages recorded</text>')
    return "".join([*parts, "</svg>"])


def page(turns: Sequence[TurnTrace], budgets: BudgetConfig | None = None) -> str:
    """A whole page with a picture of each turn, and the same as text for who does not see it."""
    parts = [
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>offhook: turns</title>'
        '<meta name="viewport" content="width=device-width"><style>body{font-family:system-ui,sans-serif;'
        "max-width:800px;margin:2em auto;padding:0 1em}svg{width:100%;height:auto}</style>"
    ]
    call = None
    for turn in turns:
        if turn.call_id != call:
            call = turn.call_id
            parts.append(f"<h1>call {escape(printable(call))}</h1>")
        parts.append(f"<h2>{escape(printable(headline(turn, budgets)))}</h2>{svg(turn, budgets)}")
        text = escape(waterfall(turn, budgets, unicode=False))
        parts.append(f"<details><summary>as text</summary><pre>{text}</pre></details>")
    return "".join([*parts, "</html>\n"])


def _scale(scale_ms: float, room: int, height: int) -> list[str]:
    """Lines at round times."""
    step = 10 ** ceil(log10(scale_ms / 5))
    for divisor in (5, 2):
        if scale_ms / (step / divisor) <= 6:
            step /= divisor
            break
    parts = []
    at = 0.0
    while at <= scale_ms:
        x = _LABELS + at / scale_ms * room
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 4}" y2="{height - 4}" stroke="#8884"/>'
            f'<text x="{x:.1f}" y="{_TOP - 9}" text-anchor="middle" font-size="11">{at:g}</text>'
        )
        at += step
    return parts
