"""A suite's questions asked by telephone: real calls from a simulated channel, one after the other.

What the agent said is in the daemon's transcript; when it was heard, in the channel's recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from offhook.agents.loader import Agent
from offhook.call.resumption import HANDED_OVER
from offhook.errors import ConfigError, ModelError
from offhook.evaluation.judge import OVER, Reply, Result, judge_chain
from offhook.evaluation.line import NoisyChannel
from offhook.evaluation.own_daemon import OwnDaemon
from offhook.evaluation.suite import Chain
from offhook.evaluation.text_run import Tell
from offhook.evaluation.voices import RATE_HZ, CallersVoice
from offhook.evaluation.wants import Effect
from offhook.languages.codes import base_language
from offhook.observe.trace import TurnTrace, read_traces
from offhook.simulator import (
    CallEnd,
    CallRecord,
    ChannelOptions,
    HangUp,
    Say,
    WhenSilent,
    complete,
    new_uniqueid,
    read_done,
    read_transcript,
    script,
)
from offhook.simulator.audible import Stretch, audible_stretches
from offhook.simulator.channel import Outcome, SimulatedChannel, Spoken
from offhook.simulator.record import account, audible_playbacks

_QUIET = WhenSilent(ms=1_500)
"""An agent that has been silent for so long has finished; a busy machine pauses between two sentences."""
_CALL_S, _QUESTION_S = 40.0, 60.0
"""A call may take so long, and so much longer for each question."""
_WRITTEN_S = 2.0
_NOTHING = "nothing was heard of the agent"
_PHRASE = "the agent said a phrase of its own only, such as to ask again"


@dataclass(frozen=True, slots=True)
class Telephone:
    """What calls are made with."""

    daemon: OwnDaemon
    voice: CallersVoice
    snr_db: float | None = None
    """None: a clean line."""


def run_calls(
    suite: str,
    agent: Agent,
    chains: Sequence[Chain],
    telephone: Telephone,
    tell: Tell = lambda asked: None,
    tools: Sequence[str] = (),
    went_on: Mapping[int, Sequence[str]] | None = None,
) -> list[Result]:
    """Ask everything; the results in the suite's order.  The daemon knows the agent by the suite's id.

    ``tools``: the agent's.  ``went_on``: what the caller says after a question, by its number, until what
    they want is done.
    """
    results: list[Result] = []
    for chain in chains:
        replies = call(suite, chain, telephone, went_on or {})
        results += judge_chain(suite, chain, replies, agent, tools)
        tell(len(results))
    return sorted(results, key=lambda result: result.number)


def call(
    agent: str,
    chain: Chain,
    telephone: Telephone,
    went_on: Mapping[int, Sequence[str]] = MappingProxyType({}),
) -> list[Reply]:
    """One call with the questions of ``chain``: a reply for each that was spoken."""
    texts = [[step.question.say, *went_on.get(step.number, ())] for step in chain]
    says, problem = _spoken([text for several in texts for text in several], telephone.voice)
    if not says:
        return [Reply(problem=problem)]
    uniqueid, daemon = new_uniqueid(), telephone.daemon
    options = ChannelOptions(
        args=[uniqueid, f"agent={agent}"],
        uniqueid=uniqueid,
        socket=daemon.socket,
        rate_hz=RATE_HZ,
        deadline_s=_CALL_S + _QUESTION_S * len(says),
    )
    steps: list[script.Step] = [*says, HangUp(_QUIET)]
    if telephone.snr_db is None:
        outcome = SimulatedChannel(steps, options).run()
    else:
        outcome = NoisyChannel(steps, options, telephone.snr_db).run()
    record = account(outcome)
    complete(record, daemon.transcript, daemon.trace, timeout_s=_WRITTEN_S)
    replies = _joined(_replies(outcome, record, daemon), texts)
    if len(replies) < len(chain):
        # What was not spoken any more is not lost: it was not answered.
        ended = bool(replies) and replies[-1].ended
        why = OVER if ended else problem or "; ".join(outcome.errors) or daemon.problem() or OVER
        replies += [Reply(problem=why)] * (len(chain) - len(replies))
    return replies


def _joined(replies: Sequence[Reply], texts: Sequence[Sequence[str]]) -> list[Reply]:
    """A reply for each question, of those to all that the caller said for it."""
    found, rest = [], list(replies)
    for several in texts:
        mine, rest = rest[: len(several)], rest[len(several) :]
        if not mine:
            break
        heard = [each.heard for each in mine if each.heard]
        answers = [each.answer for each in mine if each.answer]
        found.append(
            replace(
                mine[0],
                answer=" ".join(answers) or None,
                heard=" ".join(heard) or None,
                ended=mine[-1].ended,
                handed_over=mine[-1].handed_over,
                premature=any(each.premature for each in mine),
                done=tuple(done for each in mine for done in each.done),
                went_on=tuple(several[1:]),
            )
        )
    return found


def _spoken(texts: Sequence[str], voice: CallersVoice) -> tuple[list[Say], str]:
    """All that can be spoken, made before the call begins: nothing may disturb its timing."""
    says = []
    for text in texts:
        try:
            says.append(Say(voice(text), _QUIET, text))
        except ModelError as error:
            return says, str(error)
    return says, ""


def _replies(outcome: Outcome, record: CallRecord, daemon: OwnDaemon) -> list[Reply]:
    """A reply for each utterance that was spoken."""
    words = read_transcript(daemon.transcript, record.uniqueid)
    done = read_done(daemon.transcript, record.uniqueid)
    traces = read_traces(daemon.trace).of_call(record.uniqueid)
    utterances = [_where(spoken) for spoken in outcome.spoken]
    audible = audible_playbacks(outcome, record.agent_audio)
    handed_over = record.result in HANDED_OVER
    ended = record.end in (CallEnd.AGENT, CallEnd.DIALPLAN) and (record.result == "ok" or handed_over)
    replies = []
    for number, utterance in enumerate(utterances):
        until = utterances[number + 1].start_samples if number + 1 < len(utterances) else None
        ours = [one for one in audible if _within(one.playback_samples, utterance.start_samples, until)]
        early = any(one.start_samples < utterance.stop_samples for one in ours)
        after = next((one for one in ours if one.start_samples >= utterance.stop_samples), None)
        mine = [trace for trace in traces if _asked(trace, utterances, record) == number]
        said = [words[trace.turn] for trace in mine if trace.turn in words]
        why = "" if said else "; ".join(outcome.errors) or daemon.problem() or (_PHRASE if ours else _NOTHING)
        replies.append(
            Reply(
                " ".join(answer for _, answer in said) if said else None,
                mine[-1].act if mine else "",
                ended and number == len(utterances) - 1,
                turnaround_ms=None if after is None else _gap_ms(utterance, after.start_samples),
                premature=early,
                traced_ms=mine[-1].turnaround_ms() if mine else None,
                heard=" ".join(caller_text for caller_text, _ in said) if said else None,
                problem=why,
                done=tuple(Effect(*each) for trace in mine for each in done.get(trace.turn, ())),
                handed_over=handed_over and number == len(utterances) - 1,
            )
        )
    return replies


def _where(spoken: Spoken) -> Stretch:
    """From an utterance's first audible sample to its last, in the call."""
    speech = audible_stretches(spoken.say.audio, RATE_HZ)
    start = spoken.start_samples
    return Stretch(start + speech[0].start_samples, start + speech[-1].stop_samples)


def _within(at_samples: int, first_samples: int, until_samples: int | None) -> bool:
    return at_samples >= first_samples and (until_samples is None or at_samples < until_samples)


def _gap_ms(utterance: Stretch, answer_samples: int) -> float:
    return round((answer_samples - (utterance.stop_samples - 1)) * 1000 / RATE_HZ, 1)


def _asked(trace: TurnTrace, utterances: Sequence[Stretch], record: CallRecord) -> int:
    """The utterance that a turn answers: the last that had begun when the daemon heard the end of one."""
    at_ns = trace.speech_end_ns if trace.speech_end_ns is not None else trace.playback_started_ns
    if at_ns is None:
        return -1
    at_samples = (at_ns - record.began_ns) * RATE_HZ // 1_000_000_000
    return sum(one.start_samples <= at_samples for one in utterances) - 1


def check_language(config_language: str, suite: str, language: str) -> None:
    """Raises ConfigError when the recogniser would not understand the suite's callers."""
    if base_language(language) != base_language(config_language):
        raise ConfigError(
            f"suite {suite} is in {language!r}, but stt.language is {config_language!r}: calls to it need a"
            " configuration with a recogniser and a voice for that language (--config)"
        )
