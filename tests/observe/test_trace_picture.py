"""A turn as a picture: well-formed, to scale, its late stage marked, and nothing carried out."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from offhook.cli.main import main
from offhook.config import BudgetConfig
from offhook.observe.trace import TraceWriter, TurnTrace, read_traces
from offhook.observe.trace.picture import WIDTH, page, svg
from tests.support.traces import turn

SVG = "{http://www.w3.org/2000/svg}"


def bars(picture: str) -> dict[str, tuple[float, float, str]]:
    """Where each stage's bar begins, its width, and its colour."""
    found = {}
    for rect in ElementTree.fromstring(picture).iter(f"{SVG}rect"):
        title = rect.find(f"{SVG}title")
        if title is not None and title.text is not None:
            name = title.text.partition(":")[0]
            found[name] = (float(rect.attrib["x"]), float(rect.attrib["width"]), rect.attrib["fill"])
    return found


def test_bars_stand_where_their_stages_were() -> None:
    drawn = bars(svg(turn()))
    zero, waiting, _ = drawn["waiting for more"]
    per_ms = waiting / 450
    begin, length, _ = drawn["first token"]
    assert begin - zero == pytest.approx(140 * per_ms, abs=0.2)
    assert length == pytest.approx(100 * per_ms, abs=0.2)
    assert all(zero <= begin <= begin + length <= WIDTH for begin, length, _ in drawn.values())


def test_the_late_stage_is_marked() -> None:
    late = turn(1, stt_done=600, llm_first_token=700, clause_ready=800, tts_first_audio=900)
    plain, marked = bars(svg(late)), bars(svg(late, BudgetConfig()))
    assert [name for name in marked if plain[name] != marked[name]] == ["recognition"]
    assert "recognition !" in svg(late, BudgetConfig())


@pytest.mark.parametrize(
    "trace", [TurnTrace("7", 1), turn(1, speech_end=None), turn(1, playback_started=None)]
)
def test_a_turn_that_lacks_stamps_is_drawn_all_the_same(trace: TurnTrace) -> None:
    ElementTree.fromstring(svg(trace, BudgetConfig(), alone=True))


def test_a_call_id_is_shown_and_not_carried_out() -> None:
    shown = page([turn(1, "<script>alert(1)</script>")])
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_the_command_writes_pictures_of_the_newest_turns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, picture, html = (tmp_path / name for name in ("trace.jsonl", "turn.svg", "turns.html"))
    writer = TraceWriter(file)
    for number in range(1, 30):
        writer.write(turn(number))
    writer.close()
    assert main(["trace", "last", "--file", str(file), "--svg", str(picture), "--html", str(html)]) == 0
    ElementTree.parse(picture)
    assert html.read_text().count("<svg") == 29
    assert main(["trace", "last", "--file", str(file), "--svg", str(tmp_path / "no" / "x.svg")]) == 2
    assert "make the folder" in capsys.readouterr().err
    last = read_traces(file, last_bytes=3_000)
    assert last.skipped == 0
    assert [each.turn for each in last.turns] == list(range(30 - len(last.turns), 30))
    assert 0 < len(last.turns) < 29
