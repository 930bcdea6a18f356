"""Counters of everything that calls do, for a metrics page.

prometheus_client keeps them: it is what people who run Prometheus expect, threads included.
A registry of our own, so that two daemons in one process (tests) do not meet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from offhook.config import BudgetConfig
from offhook.observe.bill import Bill
from offhook.observe.caches import ModelCaches
from offhook.observe.cpu import CPU_STAGES, ThreadTimes
from offhook.observe.trace import STAGES, TurnTrace

_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.335, 0.5, 0.65, 0.8, 1.0, 1.5, 2.5, 5.0)
"""Seconds; finest where a person on the telephone begins to notice, with the goals as limits."""
_WAITING_BUCKETS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
_LAG_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5)
_TOOL_BUCKETS = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
REFUSALS = ("busy", "slow", "failed", "unknown", "inactive", "unavailable")
"""Why a call was not taken: no place, answers would be slow, the agent cannot be made; the others are about
the number that was dialled."""
_MOST_TENANTS = 500
_MOST_TOOLS = 64
"""Names of tools among the labels; businesses bring their own, and what comes later is "other"."""


class Metrics:
    """One daemon's counters.  All may be changed from any thread."""

    def __init__(self, *, by_tenant: bool = False) -> None:
        """``by_tenant``: calls and turnaround have the tenant as a label (none for the box's own agents)."""
        self.registry = registry = CollectorRegistry()
        tenant = ["tenant"] if by_tenant else []
        self._by_tenant = by_tenant
        self._tenants: set[str] = set()
        self._calls = Counter(
            "offhook_calls", "Calls that have ended", ["result", *tenant], registry=registry
        )
        self._running = Gauge("offhook_calls_running", "Calls that go on now", registry=registry)
        self._refused = Counter(
            "offhook_admission_refused", "Calls that were not taken", ["reason"], registry=registry
        )
        for reason in REFUSALS:  # there from the start: the first one is an increase, too
            self._refused.labels(reason)
        self._lag = Histogram(
            "offhook_event_loop_lag_seconds",
            "How late the event loop wakes who has waited",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._audio_waiting = Histogram(
            "offhook_audio_pipe_seconds",
            "Callers' audio that has arrived and is not read yet: the most of any call, twice a second",
            buckets=_WAITING_BUCKETS,
            registry=registry,
        )
        self.on_answer: Callable[[float], None] = lambda turnaround_ms: None
        """Told of every answer that a caller has begun to hear, on the event loop."""
        self._turns = Counter("offhook_turns", "Answers that a caller began to hear", registry=registry)
        self._turnaround = Histogram(
            "offhook_turnaround_seconds",
            "Caller's last speech to the start of the answer, as the daemon sees it",
            tenant,
            buckets=_BUCKETS,
            registry=registry,
        )
        self._stage = Histogram(
            "offhook_stage_seconds", "Duration of one stage", ["stage"], buckets=_BUCKETS, registry=registry
        )
        self._interim = Counter(
            "offhook_interim_answers",
            "Answers begun before the caller's final words, by what these made of them (stt.commit)",
            ["words"],
            registry=registry,
        )
        self._late = Counter(
            "offhook_over_budget", "Turns in which this stage was late", ["stage"], registry=registry
        )
        for stage in STAGES:  # there from the start, so that a rate can be taken
            self._stage.labels(stage)
        self.revisions = Counter("offhook_revisions", "Answers begun", registry=registry)
        self._wasted = Counter("offhook_revisions_wasted", "Answers begun for nothing", registry=registry)
        self._wasted_s = Counter(
            "offhook_wasted_seconds", "Time spent on answers begun for nothing", registry=registry
        )
        self._cpu = Counter(
            "offhook_answer_cpu_seconds",
            "Processor time of engine threads for answers that were heard; offhook_cpu_seconds has all of it",
            ["stage"],
            registry=registry,
        )
        for stage in CPU_STAGES:
            self._cpu.labels(stage)
        registry.register(ThreadTimes())
        self._underruns = Counter(
            "offhook_playout_underruns", "Times that an answer's audio ran dry", registry=registry
        )
        self.stops = Counter("offhook_barge_in_stops", "Answers stopped by the caller", registry=registry)
        self.false_alarms = Counter(
            "offhook_barge_in_false_alarms",
            "Answers that went on after a stop for nothing",
            registry=registry,
        )
        self._barge_in = Histogram(
            "offhook_barge_in_seconds",
            "A caller's first sound into an answer to its last one that was sent, as the daemon sees it",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._tool = Histogram(
            "offhook_tool_seconds",
            "What a tool's attempts took",
            ["tool", "outcome"],
            buckets=_TOOL_BUCKETS,
            registry=registry,
        )
        self._moods = Counter(
            "offhook_turn_moods",
            "Turns by how the caller sounded; by is words, or voice where those would not have been enough",
            ["mood", "by"],
            registry=registry,
        )
        self._tools: set[str] = set()
        self.premature = Counter(
            "offhook_premature_answers", "Answers begun before the caller had finished", registry=registry
        )
        self.failed_turns = Counter(
            "offhook_failed_turns",
            "Turns that failed, and that the caller got an excuse for",
            registry=registry,
        )
        self._units = Counter(
            "offhook_billed_units", "What servers of others were sent, and wrote", ["unit"], registry=registry
        )
        self._cost = Counter(
            "offhook_billed_cost", "What calls have cost, in costs.currency", registry=registry
        )
        self._recordings = Counter(
            "offhook_recordings", "Recordings that have ended", ["how"], registry=registry
        )
        self._drafted = Counter(
            "offhook_draft_tokens",
            "Guessed tokens of answers that were heard",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("right", "wrong"):
            self._drafted.labels(outcome)
        self.holding = Counter(
            "offhook_holding_phrases", "Answers that had to be announced", registry=registry
        )

    def call_ended(self, result: str, tenant: str | None = None) -> None:
        """A call is over; ``result`` is what the dialplan is told."""
        self._calls.labels(result, *self._of(tenant)).inc()

    def _of(self, tenant: str | None) -> tuple[str, ...]:
        """The label, where there is one; businesses beyond the first five hundred share theirs."""
        if not self._by_tenant:
            return ()
        name = tenant or ""
        if name in self._tenants or len(self._tenants) < _MOST_TENANTS:
            self._tenants.add(name)
            return (name,)
        return ("other",)

    def watch_calls(self, running: Callable[[], int]) -> None:
        """``running`` is asked whenever the page is read, on any thread."""
        self._running.set_function(running)

    def watch_models(self, models: Iterable[object]) -> None:
        """What the caches of language models of this machine hold is asked whenever the page is read."""
        self.registry.register(ModelCaches(models))

    def call_refused(self, reason: str) -> None:
        """A call was not taken; ``reason`` is one of :data:`REFUSALS`."""
        self._refused.labels(reason).inc()

    def barged_in(self, seconds: float) -> None:
        """So long after a caller had begun to speak into it nothing of an answer was sent any more."""
        self._barge_in.observe(max(0.0, seconds))

    def tool_took(self, name: str, seconds: float, *, ok: bool) -> None:
        """A tool was used, with its second attempt where there was one."""
        if name in self._tools or len(self._tools) < _MOST_TOOLS:
            self._tools.add(name)
        else:
            name = "other"
        self._tool.labels(name, "ok" if ok else "failed").observe(max(0.0, seconds))

    def recorded(self, how: str) -> None:
        """A recording has ended: it is ``kept``, ``cut`` or ``failed``."""
        self._recordings.labels(how).inc()

    def loop_lag(self, seconds: float) -> None:
        """The event loop woke somebody so late."""
        self._lag.observe(max(0.0, seconds))

    def audio_waiting(self, seconds: float) -> None:
        """So much audio has arrived, and was not read yet."""
        self._audio_waiting.observe(seconds)

    def billed(self, bill: Bill) -> None:
        """A call is over, and this is what it has cost."""
        for unit, count in bill.units.items():
            self._units.labels(unit).inc(count)
        self._cost.inc(bill.cost)

    def turn_ended(self, trace: TurnTrace, budgets: BudgetConfig, tenant: str | None = None) -> None:
        """An answer was heard, to its end or not."""
        self._turns.inc()
        self._underruns.inc(trace.underruns)
        turnaround_ms = trace.turnaround_ms()
        if turnaround_ms is not None:
            whose = self._of(tenant)
            (self._turnaround.labels(*whose) if whose else self._turnaround).observe(turnaround_ms / 1000)
            self.on_answer(turnaround_ms)
        for stage, duration_ms in trace.stages_ms().items():
            self._stage.labels(stage).observe(duration_ms / 1000)
        self._drafted.labels("right").inc(trace.tokens_accepted)
        self._drafted.labels("wrong").inc(max(0, trace.tokens_drafted - trace.tokens_accepted))
        if trace.mood:
            self._moods.labels(trace.mood, "voice" if trace.by_voice else "words").inc()
        if trace.interim:
            self._interim.labels(trace.interim).inc()
        for stage, cpu_ms in trace.cpu_ms.items():
            self._cpu.labels(stage).inc(cpu_ms / 1000)
        for stage in trace.over_budget(budgets):
            self._late.labels(stage).inc()

    def wasted(self, trace: TurnTrace) -> None:
        """A revision was given up; its stages so far were for nothing."""
        self._wasted.inc()
        stamps = (trace.stt_done_ns, trace.clause_ready_ns, trace.tts_first_audio_ns)
        last = max((at for at in stamps if at is not None), default=0)
        if trace.maybe_done_ns is not None and last > trace.maybe_done_ns:
            self._wasted_s.inc((last - trace.maybe_done_ns) / 1e9)

    def page(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
