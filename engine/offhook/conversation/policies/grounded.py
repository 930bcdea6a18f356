"""The policy for models too small to converse: every answer is made of what the agent knows.

The matcher chooses among the facts, or none of them, and what is said is the chosen fact's own
words, cut to the part that was asked for.  The language model never writes a word of it; it tells how
finished the caller's words sound.  So nothing is invented, and the answer is known as soon as the words are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from offhook.agents.loader import Agent
from offhook.conversation.answer_filter import AnswerFilter
from offhook.conversation.base import FINAL, Act, Template, Turn, plain
from offhook.conversation.calling import Called, Step
from offhook.conversation.details import details
from offhook.conversation.farewell import has_asked, is_farewell
from offhook.conversation.forms.acting import Acting
from offhook.conversation.forms.request import Request
from offhook.conversation.grounding import unsupported
from offhook.conversation.history import Exchange, History
from offhook.conversation.lookup import look_up, off_the_loop
from offhook.conversation.mishearing import likeliest
from offhook.engines.llm.base import Grammar, ToolCall, ToolOffer
from offhook.engines.stt.base import nothing_else
from offhook.knowledge.base import PLAIN
from offhook.knowledge.items import Item
from offhook.knowledge.notes import assemble
from offhook.knowledge.store import Candidate, Knowledge, Ranking
from offhook.languages import language
from offhook.languages.turns import turn_language
from offhook.languages.wording import words
from offhook.tools.base import ToolResult
from offhook.tools.executor import Toolbox
from offhook.workers import Workers

FLOOR = 0.5
"""Log-odds from which a fact is said."""
SHORT = 25
"""Words of a fact that is then said as a whole."""
NEAR = 1.5
"""A second fact that is no further behind the best is said as well: nobody can tell then which is meant."""
SURE = 3.0
"""Log-odds from which a fact goes before what the words seem to ask otherwise, such as to hear it again."""
ABOUT, APART = 10.0, 6.0
"""So sure a fact about what is being booked has to be, and so much surer than without knowing that, to
answer a question that names nothing: "how much is that".  Below, the one fact of it answers anything."""
LIKELY = 0.6
"""Probability from which an act is taken for what the caller does."""
CERTAIN = 0.95
"""The same where what they ask has an answer: below, it is a question."""

# What the language model is shown in front of the caller's words: only that callers speak in whole sentences.
_SYSTEM = "You answer the telephone. The caller's words are in quotation marks. Answer in one short sentence."
_EXCHANGES = (
    ("Hello, I'd like to know what time you close today.", "We close at eight in the evening."),
    ("How much is a ticket for two adults?", "A ticket for two costs thirty dollars."),
    ("I left my umbrella at your place yesterday.", "Lost things are kept at the front desk."),
    ("Okay. And do you have a car park?", "Yes, behind the building."),
    ("My name is Anna Berger and my number is 212 555 0149.", "Thank you, I have noted that."),
)


_COURTEOUS = ("thanks", "greeting", "farewell")
SECOND_FLOOR = -1.0
"""The same for the second of two facts that are compared."""


class Grounded:
    """See :class:`~offhook.conversation.base.Policy`."""

    name = "grounded"
    remembers = False

    def __init__(
        self,
        agent: Agent,
        template: Template,
        knowledge: Knowledge,
        worker: Workers | None = None,
        toolbox: Toolbox | None = None,
    ) -> None:
        """``worker`` runs the searches; None: the event loop's own.  ``toolbox``: what the agent can do."""
        self.agent = agent
        self.toolbox = toolbox
        self._acting = Acting(agent, toolbox, worker) if toolbox else None
        self._template = template
        self._knowledge = knowledge
        self._worker = worker
        self._language = language(agent.language)
        self._question_words = turn_language(agent.language).sentences.asking_first

    def prepare(self) -> None:
        self._knowledge.prepare()
        if self._acting is not None:
            self._acting.prepare(self._knowledge.networks)

    # --- the model's conversation --------------------------------------------------------------

    def prefix(self) -> tuple[str, ...]:
        """The same for all agents, so that they share its computation."""
        return self._template.prefix(_SYSTEM, [(_quoted(said), answer) for said, answer in _EXCHANGES])

    def opening(self, words: str) -> tuple[str, ...]:
        user_open, text, _ = self._template.user(_quoted(words))
        return user_open, text.removesuffix('"')

    def prompt(self, text: str, *, first: bool) -> tuple[str, ...]:
        """Nothing: the model is not asked what comes next."""
        return ()

    def past(self, exchange: Exchange) -> tuple[str, ...]:
        """Nothing, for the same reason."""
        return ()

    def filter(self) -> AnswerFilter:
        return AnswerFilter()

    def written(self) -> Iterator[str]:
        phrases = self._language.phrases
        yield from (self.agent.unknown, self.agent.unsure, self.agent.otherwise)
        yield from (phrases.not_given, phrases.no_action)
        # Most answers are a whole fact, or one part of it.
        for item in self._knowledge.items:
            yield assemble(item.text, list(item.parts))
        for item in self._knowledge.items:
            if len(item.parts) > 1:
                yield from (assemble(item.text, [part]) for part in item.parts)

    def close_answer(self) -> tuple[str, ...]:
        return (self._template.assistant_close,)

    def cut_answer(self, audible_text: str) -> tuple[str, ...]:
        return (audible_text, self._template.assistant_close)

    # --- answers -------------------------------------------------------------------------------

    async def turn(self, caller_text: str, history: History) -> Turn:
        text = plain(caller_text)
        ranking = await self._behind_courtesies(text, await self._search(text, history), history)
        text, ranking, reading = await self._meant(text, ranking, history)
        each = [ranking]
        questions = self._language.next_question.split(text)
        if self._language.compares.search(text):
            questions = self._language.alternatives.split(text)
        if len(questions) > 1:
            each = [await self._search(one, history, text) for one in questions if len(one.split()) > 1]
        act, say, facts = self._answer(text, ranking, each, history)
        say = say or self.agent.unclear  # an agent's own phrase may be empty, an answer may not
        pieces = self._template.user(_quoted(text))
        mood = history.sounds(ranking.mood, ranking.anger)
        by_voice = history.angry_by_voice(ranking.mood, ranking.anger)
        said, anger = text.rstrip(FINAL), ranking.anger
        turn = Turn(text, said, pieces, act, say, facts, mood=mood, anger=anger, by_voice=by_voice)
        turn = replace(turn, reading=reading)
        if self._acting is not None and history.tools is not None:
            return await self._acting.turn(turn, ranking, history, history.tools)
        return turn

    def offers(self) -> Sequence[ToolOffer]:
        return ()

    async def grammar(self, history: History) -> Grammar | None:
        return None

    def calls(self, written: str, called: Sequence[ToolCall]) -> Sequence[Called]:
        return ()

    async def called(self, calls: Sequence[Called], history: History) -> Step:
        return Step()

    def results(self, texts: Sequence[str]) -> tuple[str, ...]:
        return ()

    def told(self, request: Request, result: ToolResult, history: History) -> str:
        assert self._acting is not None
        assert history.tools is not None
        return self._acting.told(request, result, history.tools)

    async def anticipate(self, words: str, history: History) -> None:
        await self._search(plain(words), history)

    async def _behind_courtesies(self, text: str, found: Ranking, history: History) -> Ranking:
        """What the question behind them finds, where the whole turn finds nothing: "Grand, ta. And ...?"."""
        first, *rest = re.split(r"(?<=[.!?])\s+", text, maxsplit=1)
        if (
            found.exact is not None
            or _answers(found.best)
            or not rest
            or not self._language.asks.search(rest[0])
        ):
            return found
        act = (await self._search(first, history)).act
        if act.act not in _COURTEOUS or act.probability < LIKELY:
            return found
        behind = await self._search(rest[0], history)
        return behind if _answers(behind.best) else found

    async def _meant(self, text: str, found: Ranking, history: History) -> tuple[str, Ranking, int]:
        """What was said as far as the facts can tell, what it finds, and which reading it is; 0: as heard."""
        if (
            history.otherwise is nothing_else
            or history.form is not None
            or (found.act.act != "other" and found.act.probability >= LIKELY)
        ):
            return text, found, 0
        others = partial(off_the_loop, self._worker, history.otherwise)
        search = partial(self._search, history=history)
        meant, number, found = await likeliest(others, found, search, plain=PLAIN, sure=SURE)
        return plain(meant) or text, found, number

    async def _search(self, text: str, history: History, whole: str = "") -> Ranking:
        """``whole``: the turn of which ``text`` is one question.

        Such a one may lean on the other or not: the surer of both readings counts.
        """
        last = history.last_answer
        before = whole or ("" if last is None else last.caller_text)
        answered: Sequence[int] = () if last is None else last.facts
        look = partial(look_up, self._knowledge, self._worker, text, history)
        found = await look(before=before, answered=answered)
        if whole and self._asks(text):
            alone = await look(answered=answered)
            return max(found, alone, key=lambda one: one.best.log_odds if one.best else -math.inf)
        topic = "" if whole else self._topic(text, history)
        if not topic:
            return found
        about = await look(before=topic)
        plain = found.best.log_odds if found.best is not None else 0.0
        if about.best is None or about.best.log_odds < max(ABOUT, plain + APART):
            return found
        return replace(about, exact=None)

    def _asks(self, text: str) -> bool:
        first = words(text)[:1]
        return self._language.asks.search(text) is not None or not self._question_words.isdisjoint(first)

    def _topic(self, text: str, history: History) -> str:
        """What is being booked or ordered, where a question comes just behind: "how much is that"."""
        form, tools = history.form, history.tools
        asks = self._language.asks.search(text) is not None
        if not asks or form is None or tools is None or form.tool not in tools.tools:
            return ""
        if history.exchanges[-1].facts:
            return ""  # then it follows the question before
        properties = tools.tools[form.tool].spec.properties
        return " ".join(
            label for name, label in form.labels.items() if label and properties.get(name, {}).get("enum")
        )

    def _answer(
        self, text: str, ranking: Ranking, each: Sequence[Ranking], history: History
    ) -> tuple[Act, str, tuple[int, ...]]:
        """What kind of answer, its words, and the facts they are made of.

        ``each`` has a ranking for every question, where there are several in one turn.
        """
        agent, known, best = self.agent, self._language, ranking.best
        last, again = history.last, history.last_answer
        asked = last is not None and has_asked(last.audible_text, known)
        doing = ranking.act.act if ranking.act.probability >= LIKELY else "other"
        if is_farewell(text, known, asked=asked, guess=ranking.act):
            return "farewell", agent.goodbye, ()
        if ranking.exact is not None:
            return "facts", ranking.exact.text, (ranking.exact.number,)
        sure = best is not None and best.log_odds >= SURE
        # What they were just told fits what they say next; that alone does not make it their question.
        news = sure and best is not None and (again is None or best.item.number not in again.facts)
        asks = known.asks.search(text) or known.wants.search(text)
        # "Are you open?" sounds like "are you there?": what it asks for is known, and says which it is.
        found = _answers(best) and bool(asks) and ranking.act.probability < CERTAIN
        if doing == "repeat":
            # Who names what they missed gets that; mostly it is what was said last.
            if again is None and not sure:
                return "repeat", agent.greeting, ()
            if again is not None and not news:
                return "repeat", again.whole_text, again.facts
        elif doing == "readback":
            detail = self._told(text, history)
            if detail:
                return "readback", known.phrases.you_said.format(detail=detail), ()
            if best is None or best.log_odds < FLOOR:
                return "unknown", known.phrases.not_given, ()
        elif doing == "wait" and not news:
            return "wait", agent.take_your_time, ()
        elif doing == "thanks":
            return "courtesy", known.phrases.welcome, ()
        elif doing == "greeting" and not (found or news):
            return "greeted", known.phrases.greeted, ()
        elif doing == "machine" and not news:
            return "courtesy", known.phrases.machine.format(name=agent.name), ()
        chosen = self._chosen(text, ranking, each, told=() if again is None else again.facts)
        if chosen:
            return self._from_facts(chosen)
        if doing == "person":
            return "otherwise", known.phrases.no_transfer, ()
        requests = known.request.search(" ".join(words(text))) is not None
        opens = not self._question_words.isdisjoint(words(text))
        if asks and (opens or not (requests and "?" not in text)):
            return "unknown", agent.unknown, ()
        if requests:
            return "otherwise", known.phrases.no_action, ()
        return "otherwise", agent.otherwise, ()

    def _chosen(
        self, text: str, ranking: Ranking, each: Sequence[Ranking], told: Sequence[int]
    ) -> _Chosen | None:
        """The facts that answer, with what of each is said; ``told``: those of the answer before."""
        if self._language.compares.search(text):
            compared = _compared(ranking, [one.best for one in each])
            return _Chosen([(one.item, one.compared()) for one in compared]) if compared else None
        found = [one for question in each for one in _likely(question)] or _likely(ranking)
        if not found:
            return None
        wanted: dict[int, Candidate] = {}
        for one in found:
            held = wanted.get(one.item.number)
            wanted[one.item.number] = one if held is None else held.joined(one)
        # Who was just told about something goes on about that: there is little doubt then.
        plain = max(one.log_odds for one in found) >= PLAIN or not wanted.keys().isdisjoint(told)
        said = [(one.item, one.answer() if plain else _whole(one)) for one in wanted.values()]
        return _Chosen(said, plain)

    def _from_facts(self, chosen: _Chosen) -> tuple[Act, str, tuple[int, ...]]:
        say = " ".join(words for _, words in chosen.facts if words)
        if not say or unsupported(say, [item.text for item, _ in chosen.facts], self._language):
            return "unknown", self.agent.unknown, ()
        numbers = tuple(item.number for item, _ in chosen.facts)
        if chosen.plain or not self.agent.unsure:
            return "facts", say, numbers
        return "unsure", f"{self.agent.unsure} {say}", numbers

    def _told(self, text: str, history: History) -> str:
        """What the caller has told of the kind that they ask for; empty for nothing."""
        said = " ".join(words(text))
        told = [details(each.caller_text, self._language) for each in history.exchanges]
        for kind, named in self._language.details:
            if named.search(said):
                values = [each.value for one in told for each in one if each.kind == kind]
                return values[-1] if values else ""
        latest = next((one for one in reversed(told) if one), [])
        return ", ".join(each.value for each in latest)


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Facts, and what of each is said."""

    facts: Sequence[tuple[Item, str]]
    plain: bool = True
    """Said as the answer; else as what may be one."""


def _answers(best: Candidate | None) -> bool:
    return best is not None and best.log_odds >= FLOOR


def _whole(one: Candidate) -> str:
    """All of a fact that is not long, unless the question names a part of it.

    Where nobody is sure that the fact answers, nobody is of its part.
    """
    whole = assemble(one.item.text, list(one.item.parts))
    return one.answer() if any(one.named) or len(whole.split()) > SHORT else whole


def _likely(ranking: Ranking) -> list[Candidate]:
    """The best fact, if it may be an answer, and the second where it may as well be that one."""
    best, *others = ranking.candidates or (None,)
    if best is None or not _answers(best):
        return []
    near = [one for one in others[:1] if _answers(one) and best.log_odds - one.log_odds <= NEAR]
    return [best, *near]


def _compared(ranking: Ranking, best: Sequence[Candidate | None]) -> list[Candidate]:
    """One fact that has both things that are compared, or a fact for each; ``best`` are each one's."""
    first = ranking.best
    if first is None:
        return []
    if sum(first.named) > 1:
        return [first]
    others = [one for one in (*best, *ranking.candidates[1:2]) if one is not None and one.item != first.item]
    second = [one for one in others if one.log_odds >= SECOND_FLOOR][:1]
    return [first, *second] if first.log_odds >= FLOOR or second else []


def _quoted(said: str) -> str:
    words = said.replace('"', "'")
    return f'Caller: "{words}"'
