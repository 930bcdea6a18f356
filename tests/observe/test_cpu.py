"""Where the cores' time goes: threads told by their names, counters that never go back."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from offhook.config import BudgetConfig
from offhook.observe.cpu import ThreadTimes
from offhook.observe.metrics import Metrics
from offhook.observe.trace import TurnTrace
from offhook.workers import name_thread, threads_named

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def thread(folder: Path, number: int, name: str, user: int, system: int = 0) -> None:
    """A thread as proc(5) shows it; its name may hold anything."""
    (folder / str(number)).mkdir(exist_ok=True)
    fields = ["S", "1", "1", "0", "0", "-1", "0", "0", "0", "0", "0", str(user), str(system), "0"]
    (folder / str(number) / "stat").write_text(f"{number} ({name}) {' '.join(fields)}\n")


def test_time_by_what_threads_are_for(tmp_path: Path) -> None:
    times = ThreadTimes(tmp_path)
    thread(tmp_path, 1, "python (3) x", 5)
    thread(tmp_path, 2, "offhook-stt", 10, 2)
    thread(tmp_path, 3, "offhook-stt", 1)
    thread(tmp_path, 4, "offhook-knowled", 7)
    (tmp_path / "5").mkdir()  # it has just ended
    ticks = {stage: round(seconds / TICK_S) for stage, seconds in times.seconds().items()}
    assert ticks == {"other": 5, "stt": 13, "knowledge": 7}
    thread(tmp_path, 2, "offhook-stt", 20, 2)
    (tmp_path / "3" / "stat").unlink()
    thread(tmp_path, 4, "offhook-voice", 1)  # another thread has got the number
    ticks = {stage: round(seconds / TICK_S) for stage, seconds in times.seconds().items()}
    assert ticks == {"other": 5, "stt": 23, "knowledge": 7, "voice": 1}, "what has ended stays counted"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="no /proc")
def test_threads_of_our_own_are_found_by_name_and_hand_it_on() -> None:
    done = threading.Event()

    def work() -> None:
        began_s = time.thread_time()
        while time.thread_time() - began_s < 3 * TICK_S:
            pass
        done.wait(60)

    def begin() -> None:
        name_thread("loader")
        with threads_named("offhook-test"):
            inner.start()
        named.append(Path(f"/proc/self/task/{threading.get_native_id()}/comm").read_text().strip())

    named: list[str] = []
    inner = threading.Thread(target=work)
    outer = threading.Thread(target=begin)
    outer.start()
    outer.join()
    times = ThreadTimes()
    try:
        while times.seconds().get("test", 0.0) < 2 * TICK_S:
            pass
    finally:
        done.set()
        inner.join()
    assert named == ["loader"], "the name is for others only"


def test_the_metrics_have_all_of_it_and_what_answers_took() -> None:
    metrics = Metrics()
    metrics.turn_ended(TurnTrace("call", 1, cpu_ms={"stt": 120.0, "voice": 30.0}), BudgetConfig())
    page = metrics.page().decode()
    assert 'offhook_answer_cpu_seconds_total{stage="stt"} 0.12' in page
    assert 'offhook_cpu_seconds_total{stage="other"}' in page
