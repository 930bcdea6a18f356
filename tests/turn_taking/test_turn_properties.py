"""Turn-taking under any sequence of events: what must never happen, and what always has to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.end_of_turn.wait import Asked, EndpointingSettings, Expected
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn_taking import (
    MS,
    Action,
    Answering,
    CallEnded,
    CallerDismissed,
    CallerJudged,
    CallerWaits,
    CallOverdue,
    Cancel,
    Commit,
    DigitPressed,
    DigitsEntered,
    Doubting,
    Ended,
    Expecting,
    Hearing,
    Leave,
    Leaving,
    LineLoud,
    Listening,
    MachineBusy,
    NothingHeard,
    OwnVoiceEnds,
    PlaybackFinished,
    PlaybackStarted,
    Prepare,
    PrepareCorrected,
    PrepareDigits,
    Preparing,
    PromptStarted,
    Repeated,
    ResumePlayback,
    Settle,
    Speaking,
    StopPlayback,
    Tick,
    TurnEvent,
    TurnSettings,
    TurnState,
    Waiting,
    WordsChanged,
    WordsCorrected,
    WordsHeard,
    WordsSoFar,
    step,
)

SETTINGS = TurnSettings(endpointing=EndpointingSettings(shortest_ms=100, longest_ms=800))
ANY_SETTINGS = st.builds(
    lambda barge_in, speculate, silence_ms, holding_ms: replace(
        SETTINGS, barge_in=barge_in, speculate=speculate, max_silence_ms=silence_ms, holding_ms=holding_ms
    ),
    st.booleans(),
    st.booleans(),
    st.sampled_from([1_000, 10_000]),
    st.sampled_from([None, 500]),
)
NO_DIGITS = str.maketrans("0123456789", "xabcdefghi")
KINDS = st.sampled_from(
    """speak pause stop words_done words_unsure hum same nothing doubted began finished judged dismissed
    prompt closed_prompt key keys tick busy free loud changed corrected corrected_late waits asks
    asks_digits ends_soon ended repeated so_far overdue""".split()  # noqa: SIM905
)


@dataclass
class World:
    """Everything around turn-taking, played fair: an endpointer that keeps to its grammar, revisions
    that tell of their words once they are begun, a speaker that plays one thing."""

    state: TurnState = field(default_factory=TurnState)
    turn_settings: TurnSettings = SETTINGS
    now_ms: int = 0
    voice: str = "silent"
    """silent, speaking or paused: the endpointer's three states."""
    alive: set[int] = field(default_factory=set)
    """Revisions that were begun and have no end yet."""
    committed: set[int] = field(default_factory=set)
    latest: int = 0
    """The revision that was committed last."""
    audible: int | None = None
    suspended: int | None = None
    may_be_overdue: bool = False
    ending: bool = False
    """The call ends with what is said now."""
    closed: bool = False
    """The prompt that is heard has to be heard in full."""
    keyed: dict[int, str] = field(default_factory=dict)
    """What revisions on keys are for."""
    entered: str = ""
    answered_keys: str = ""
    """Keys whose answers were heard, at least in part."""
    log: list[tuple[TurnEvent, tuple[Action, ...]]] = field(default_factory=list)

    def tell(self, event: TurnEvent) -> None:
        was_ended = isinstance(self.state.floor, Ended)
        self.state, actions = step(self.state, event, self.now_ms * MS, self.turn_settings)
        self.log.append((event, actions))
        assert not (was_ended and actions), self.log
        for action in actions:
            self.carry_out(action)
        self.check()

    def carry_out(self, action: Action) -> None:
        if isinstance(action, PrepareDigits):
            self.keyed[action.revision] = action.digits
        if isinstance(action, PrepareCorrected):
            assert action.instead_of == self.latest, self.log
        match action:
            case (
                Prepare(revision=revision)
                | PrepareDigits(revision=revision)
                | PrepareCorrected(revision=revision)
            ):
                assert revision not in self.alive, self.log
                assert all(revision > other for other in self.alive), self.log
                self.alive.add(revision)
            case Cancel(revision=revision):
                assert revision in self.alive, self.log
                assert revision != self.audible, self.log
                self.end(revision)
            case Commit(revision=revision):
                assert revision in self.alive, self.log
                assert self.audible is None, self.log
                assert not self.committed - {self.suspended}, self.log
                self.committed.add(revision)
                self.latest = revision
            case StopPlayback(revision=revision, premature=premature):
                assert revision == self.audible, self.log
                self.audible = None
                self.suspended = revision
                if premature:
                    self.end(revision)
            case ResumePlayback(revision=revision):
                assert self.suspended == revision, self.log
                assert self.audible is None, self.log
                self.suspended, self.audible = None, revision
            case Settle(revision=revision):
                assert self.suspended == revision, self.log
                self.end(revision)

            case Leave():
                assert self.audible is None, self.log
                assert not self.alive, self.log
                self.ending, self.closed, self.audible = True, True, 0

    def end(self, revision: int) -> None:
        self.alive.discard(revision)
        self.committed.discard(revision)
        if self.suspended == revision:
            self.suspended = None

    def check(self) -> None:
        state = self.state
        waiting_to_be_heard = self.committed - {self.audible, self.suspended}
        assert len(waiting_to_be_heard) + (self.audible is not None) <= 1, self.log
        match state.floor:
            case Speaking(revision=revision):
                assert self.audible == revision, self.log
            case Leaving():
                assert self.audible == 0, self.log
            case _:
                assert self.audible is None, self.log
        if isinstance(state.floor, Hearing | Waiting | Preparing | Doubting):
            assert state.voice.start_samples is not None, self.log
        held = self.alive - self.committed
        match state.floor:
            case Preparing():
                assert held == {state.revision}, self.log
            case Speaking(overlap=overlap):
                assert held == (set() if overlap is None else {overlap}), self.log
            case _:
                assert not held, self.log
        if isinstance(state.floor, Ended):
            assert not self.alive, self.log

    # --- what may happen -------------------------------------------------------------------------

    def do(self, kind: str) -> None:
        at_ns, position = self.now_ms * MS, self.now_ms * 8
        newest = max(self.alive - self.committed, default=None)
        match kind:
            case "speak" if self.voice == "silent":
                self.voice = "speaking"
                self.tell(SpeechStarted(position, at_ns))
            case "speak" if self.voice == "paused":
                self.voice = "speaking"
                self.tell(SpeechResumed(position, at_ns))
            case "pause" if self.voice == "speaking":
                self.voice = "paused"
                self.tell(SpeechPaused(position, at_ns, 400))
            case "stop" if self.voice == "paused":
                self.voice = "silent"
                self.tell(SpeechStopped(position, at_ns, 400))
            case "words_done" | "words_unsure" | "hum" | "same" if newest is not None:
                text = f"words at {self.now_ms}".translate(NO_DIGITS)
                if kind == "same":
                    floor = self.state.floor
                    text = floor.words if isinstance(floor, Answering) else ""
                complete = 0.0 if kind == "words_unsure" else 1.0
                self.tell(WordsHeard(newest, text or "words", complete, backchannel=kind == "hum"))
            case "nothing" if newest is not None:
                self.tell(NothingHeard(newest, 400))
            case "doubted" if newest is not None:
                self.tell(NothingHeard(newest, 400, "my number is two one two"))
            case "began":
                waiting = self.committed - {self.audible, self.suspended}
                if waiting:
                    self.audible = waiting.pop()
                    self.answered_keys += self.keyed.get(self.audible, "")
                    self.tell(PlaybackStarted(self.audible))
            case "finished" if self.ending:
                self.tell(CallEnded())
            case "finished" if self.audible is not None:
                done, self.audible = self.audible, None
                self.end(done)
                self.tell(PlaybackFinished(done))
            case "repeated" if newest is not None:
                self.tell(Repeated(newest))
            case "so_far" if self.voice == "speaking":
                self.tell(WordsSoFar())
            case "overdue" if self.may_be_overdue:
                self.tell(CallOverdue())
            case "judged" if self.voice == "speaking":
                self.tell(CallerJudged())
            case "dismissed" if self.voice == "speaking":
                self.tell(CallerDismissed())
            case "changed" if newest is not None:
                self.tell(WordsChanged(newest, position))
            case "corrected" if newest is not None:
                self.tell(WordsCorrected(newest, position))
            case "corrected_late" if self.latest and self.latest not in self.keyed:
                self.tell(WordsCorrected(self.latest, position, empty=self.now_ms % 3 == 0))
            case "loud":
                self.tell(LineLoud())
            case "prompt" | "closed_prompt" if isinstance(self.state.floor, Listening):
                self.audible = 0
                self.closed = kind == "closed_prompt"
                self.tell(PromptStarted(interruptible=not self.closed))
            case "waits" if self.committed:
                self.tell(CallerWaits(max(self.committed)))
            case "asks" | "asks_digits" if self.audible is not None:
                asked = Asked.OPEN if kind == "asks" else Asked.DIGITS
                self.tell(Expecting(Expected(asked, question=True), self.audible))
            case "ends_soon" | "ended" if self.audible is not None:
                self.tell(OwnVoiceEnds(at_ns + (200 * MS if kind == "ends_soon" else 0)))
            case "key":
                self.press()
            case "keys":
                self.press()
                self.entered += "12"
                self.tell(DigitsEntered("12"))
            case "busy" | "free":
                self.tell(MachineBusy(kind == "busy"))
            case _:
                self.tell(Tick())

    def press(self) -> None:
        """The speaker ends what may be interrupted by itself, and leaves the rest to turn-taking."""
        playing = self.audible
        cut = self.turn_settings.barge_in and not (playing == 0 and self.closed)
        self.tell(DigitPressed())
        if playing is not None:
            assert (self.audible is None) is cut, self.log

    def settle_down(self) -> None:
        """Everybody finishes what they are doing, and nobody begins anything."""
        if self.voice == "speaking":
            self.do("pause")
        for _ in range(12):
            self.now_ms += 900
            for kind in ("words_done", "tick", "began", "finished", "stop"):
                self.do(kind)


SCRIPTS = st.lists(st.tuples(KINDS, st.integers(1, 1200)), max_size=80)


@settings(max_examples=1000, deadline=None)
@given(SCRIPTS, ANY_SETTINGS, st.booleans())
def test_whatever_happens(script: list[tuple[str, int]], drawn: TurnSettings, hangs_up: bool) -> None:
    """One answer at a time, only prepared ones, each with one end; none after hang-up; no stuck state;
    no key is lost."""
    world = World(turn_settings=drawn, may_be_overdue=True)
    for kind, wait_ms in script:
        world.now_ms += wait_ms
        world.do(kind)
    if hangs_up:
        world.tell(CallEnded())
        world.audible = world.suspended = None
        world.settle_down()
        assert isinstance(world.state.floor, Ended), world.log
        assert not world.alive
    else:
        world.settle_down()
        assert isinstance(world.state.floor, Listening | Ended), (world.state, world.log)
        assert not world.alive, world.log
        if world.ending:
            assert isinstance(world.state.floor, Ended), world.log
        else:
            assert Counter(world.answered_keys) == Counter(world.entered), world.log


@settings(max_examples=500, deadline=None)
@given(SCRIPTS, ANY_SETTINGS)
def test_no_utterance_is_lost(script: list[tuple[str, int]], drawn: TurnSettings) -> None:
    """Whatever went before: words spoken into silence are answered, and all of them."""
    world = World(turn_settings=drawn)
    for kind, wait_ms in script:
        world.now_ms += wait_ms
        world.do(kind)
    world.settle_down()
    if world.audible is not None:
        world.do("finished")
    if world.ending:
        return
    world.now_ms += 1000
    began_ms = world.now_ms
    marked = len(world.log)
    world.do("speak")
    world.now_ms += 1000
    world.do("pause")
    # A busy machine begins later; and what may be a misheard group of digits is waited behind.
    for kind in ("words_done", "tick", "words_done", "tick", "tick", "tick", "tick"):
        world.now_ms += 400
        world.do(kind)
    actions = [action for _, found in world.log[marked:] for action in found]
    prepared = [action for action in actions if isinstance(action, Prepare)]
    committed = [action for action in actions if isinstance(action, Commit)]
    assert len(committed) == 1, world.log
    assert prepared[-1].revision == committed[0].revision
    assert prepared[-1].start_samples <= began_ms * 8
