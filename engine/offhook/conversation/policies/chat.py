"""The policy for models that can converse: persona and knowledge in front, the true history, few rules.

The model hears how it has greeted and how far it was heard.  Its answer is cleaned of what must not be spoken
(:mod:`offhook.conversation.answer_filter`) and otherwise said as it is, as long as ``llm.max_tokens`` allows.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from offhook.agents.loader import Agent
from offhook.conversation.answer_filter import AnswerFilter
from offhook.conversation.base import FINAL, Template, Turn, plain
from offhook.conversation.calling import Called, Step, grammar_of, known_values, step
from offhook.conversation.farewell import has_asked, is_farewell
from offhook.conversation.forms.acting import Acting
from offhook.conversation.forms.request import Request
from offhook.conversation.forms.words import form_words
from offhook.conversation.history import Exchange, History
from offhook.conversation.lookup import look_up
from offhook.engines.llm.base import END_CALL, Grammar, ToolCall, ToolOffer
from offhook.engines.llm.messages import ROLES
from offhook.knowledge.items import Item
from offhook.knowledge.store import Knowledge, Ranking
from offhook.languages import language
from offhook.tools.base import ToolResult
from offhook.tools.executor import Toolbox
from offhook.tools.formats import calls_in, described, family_of
from offhook.workers import Workers

CHARACTERS_PER_TOKEN = 4
"""An estimate that holds for English within a quarter; other scripts take more tokens."""
BESIDE = 3
"""Facts put beside a question when not all of them are in the prompt."""
_WORTH = -4.0
"""Log-odds from which a fact is put beside a question: the model tells what it is worth."""
_DRAFTED = 0.0
"""Log-odds from which a fact is tried as the beginning of the answer."""
LIKELY = 0.6
"""Probability from which a caller is taken to ask for time."""
_RULES = (
    "You are on the telephone: whatever you write is spoken aloud. Answer in one or two short sentences of"
    " plain words, without lists, headings, symbols or markup. Say only what you have been told here; if you"
    " do not know something, say so. When the caller has said goodbye and nothing is open, take leave and"
    " write [end_call] at the end."
)
_TONGUES = {
    "de": "German", "es": "Spanish", "fr": "French", "it": "Italian", "pt": "Portuguese", "nl": "Dutch",
    "pl": "Polish", "cs": "Czech", "da": "Danish", "sv": "Swedish", "nb": "Norwegian", "no": "Norwegian",
    "fi": "Finnish", "hu": "Hungarian", "ro": "Romanian", "el": "Greek", "tr": "Turkish", "uk": "Ukrainian",
    "ru": "Russian", "ar": "Arabic", "he": "Hebrew", "hi": "Hindi", "zh": "Chinese", "ja": "Japanese",
    "ko": "Korean", "ca": "Catalan", "vi": "Vietnamese", "th": "Thai",
}  # fmt: skip
_KNOWN = "What you know:"
_BESIDE = "(What you know about this: {facts})"
# Some models' templates want every message of ours to follow one of the caller's.
_CALL_BEGINS = "(The caller is on the line.)"
_SILENCE = "(The caller says nothing.)"


class Chat:
    """See :class:`~offhook.conversation.base.Policy`."""

    name = "chat"
    remembers = True

    def __init__(
        self,
        agent: Agent,
        template: Template,
        knowledge: Knowledge,
        worker: Workers | None = None,
        *,
        knowledge_tokens: int = 1500,
        opened: bool = False,
        toolbox: Toolbox | None = None,
    ) -> None:
        """``knowledge_tokens``: facts that fit into so many stand in the prompt as a whole.

        ``opened``: the model's answers begin inside a thought.  Where its template shows that, it is known;
        of a server's model it is learnt from an answer, at its end.
        """
        self.agent = agent
        self.toolbox = toolbox
        self._acting = Acting(agent, toolbox, worker) if toolbox else None
        self._specs = (
            [tool.spec.shown for tool in toolbox.tools.values() if "during" in tool.spec.phases]
            if toolbox
            else []
        )
        self._family = (
            None
            if template is ROLES
            else family_of("".join(template.prefix("")) + "".join(template.user("")))
        )
        """The form of a model in process; None: a server's, which writes its own."""
        self._template = template
        self._knowledge = knowledge
        self._worker = worker
        self._language = language(agent.language)
        self._grammar: Grammar | None = None
        self._grammar_key = ""
        self._dated = any(
            str(one.get("format", "")).startswith(("date", "time"))
            for spec in self._specs
            for one in spec.properties.values()
        )
        """A tool wants a day: the model has to know which one today is."""
        self._opened = opened or _opens_a_thought(template)
        texts = [fact.text for fact in agent.facts]
        size = sum(len(text) + 3 for text in texts)
        self.knows_all = size <= knowledge_tokens * CHARACTERS_PER_TOKEN
        """Every fact is in the prompt."""

    def prepare(self) -> None:
        self._knowledge.prepare()
        if self._acting is not None:
            self._acting.prepare(self._knowledge.networks)

    def prefix(self) -> tuple[str, ...]:
        """Persona, rules and, where they fit, the facts; then the agent's examples."""
        facts = [fact.text for fact in self.agent.facts]
        known = "\n".join([_KNOWN, *(f"- {text}" for text in facts)]) if facts and self.knows_all else ""
        tools = described(self._specs, self._family) if self._specs and self._family is not None else ""
        rules = _RULES + _in_tongue(self.agent.language)
        system = "\n\n".join(part for part in (self.agent.persona, known, rules, tools) if part)
        examples = [
            (_with_facts(each.caller, [each.note] if each.note else []), each.agent)
            for each in self.agent.examples
        ]
        return self._template.prefix(system, examples)

    def opening(self, words: str) -> tuple[str, ...]:
        user_open, text, _ = self._template.user(words)
        return user_open, text

    def prompt(self, text: str, *, first: bool) -> tuple[str, ...]:
        caller = _CALL_BEGINS if first else _SILENCE
        return (*self._template.user(caller), text, self._template.assistant_close)

    def past(self, exchange: Exchange) -> tuple[str, ...]:
        whole = exchange.audible_text == exchange.whole_text
        said = (exchange.whole_text, *self.close_answer())
        return (
            *self._template.user(exchange.caller_text),
            *(said if whole else self.cut_answer(exchange.audible_text)),
        )

    def offers(self) -> Sequence[ToolOffer]:
        return () if self._family is not None else self._specs

    async def grammar(self, history: History) -> Grammar | None:
        if self._family is None or not self._specs or history.tools is None:
            return None
        values = await known_values(history.tools)
        key = json.dumps(values, sort_keys=True, default=str)
        if key != self._grammar_key:
            self._grammar = await asyncio.to_thread(grammar_of, self._specs, self._family, values)
            self._grammar_key = key
        return self._grammar

    def calls(self, written: str, called: Sequence[ToolCall]) -> Sequence[Called]:
        if self._family is None:
            return [call for call in called if call.name != END_CALL]
        return calls_in(written, [spec.name for spec in self._specs])

    async def called(self, calls: Sequence[Called], history: History) -> Step:
        assert history.tools is not None
        return await step(calls, history.tools, form_words(self.agent.language), self.agent.language)

    def results(self, texts: Sequence[str]) -> tuple[str, ...]:
        return (self._template.assistant_close, *self._template.results(texts))

    def told(self, request: Request, result: ToolResult, history: History) -> str:
        assert self._acting is not None
        assert history.tools is not None
        return self._acting.told(request, result, history.tools)

    def filter(self) -> AnswerFilter:
        return AnswerFilter(
            names=(self.agent.name,),
            opened=self._opened,
            began_inside=self._begins_inside,
            tools=[spec.name for spec in self._specs],
        )

    def _begins_inside(self) -> None:
        """The model's prompt ends inside a thought; that has shown at the end of an answer."""
        self._opened = True

    def written(self) -> Iterator[str]:
        return iter(())

    def close_answer(self) -> tuple[str, ...]:
        return (self._template.assistant_close,)

    def cut_answer(self, audible_text: str) -> tuple[str, ...]:
        said = audible_text.strip()
        return (f"{said} \u2014" if said else "\u2014", self._template.assistant_close)

    async def turn(self, caller_text: str, history: History) -> Turn:
        text = plain(caller_text)
        said = text.rstrip(FINAL)
        ranking = await self._search(text, history)
        # What stands in the prompt already is not said twice; what documents say never does.
        told = self._knowledge.stated if self.knows_all else 0
        beside: Sequence[int] = [
            each.item.number
            for each in ranking.candidates[:BESIDE]
            if each.item.number >= told and each.log_odds > _WORTH
        ]
        shown = [_shown(self._knowledge.items[number]) for number in beside]
        pieces = self._template.user(_with_facts(text, shown))
        last = history.last
        asked = last is not None and has_asked(last.audible_text, self._language)
        made = partial(
            Turn,
            text,
            said,
            pieces,
            mood=history.sounds(ranking.mood, ranking.anger),
            anger=ranking.anger,
            by_voice=history.angry_by_voice(ranking.mood, ranking.anger),
        )
        person = ranking.act.act == "person" and ranking.act.probability >= LIKELY
        if self._acting is not None and history.tools is not None:
            plainly = made("generated", None, tuple(beside), wants_person=person)
            acted = await self._acting.confirm(plainly, ranking, history, history.tools)
            if acted is not None:
                return acted
            if self._dated:
                clock = f"{history.tools.context.now:(Today is %A, %Y-%m-%d, %H:%M.)}"
                pieces = self._template.user(f"{_with_facts(text, shown)}\n{clock}")
        if is_farewell(text, self._language, asked=asked, guess=ranking.act):
            return made("farewell", self.agent.goodbye)
        if ranking.act.act == "wait" and ranking.act.probability >= LIKELY:
            return made("wait", self.agent.take_your_time)
        best = ranking.best
        draft = best.answer() if best is not None and best.log_odds >= _DRAFTED else ""
        turn = replace(made("generated", None, tuple(beside), draft, wants_person=person), pieces=pieces)
        if self._acting is not None and history.tools is not None:
            return self._acting.offers.made(turn, history, history.tools) or turn
        return turn

    async def anticipate(self, words: str, history: History) -> None:
        await self._search(plain(words), history)

    async def _search(self, text: str, history: History) -> Ranking:
        last = history.last_answer
        before = "" if last is None else last.caller_text
        return await look_up(self._knowledge, self._worker, text, history, before=before)


def _opens_a_thought(template: Template) -> bool:
    """The prompt ends with the tag that begins a thought, as those of some reasoning models do."""
    *_, close = template.user("")
    return re.search(r"<(?:think|thinking|thought|reasoning)>\s*$", close) is not None


def _shown(item: Item) -> str:
    """A passage of a document is understood by what stands above it."""
    return f"{item.about}: {item.text}" if item.about else item.text


def _in_tongue(code: str) -> str:
    """The rules are English: of another language a model has to be told."""
    base = code.lower().partition("-")[0]
    if base == "en":
        return ""
    return f" Speak {_TONGUES.get(base, f'the language {code}')} with the caller."


def _with_facts(caller_text: str, facts: Sequence[str]) -> str:
    """The caller's words, and behind them what fits; so the words can be computed while they are spoken."""
    return f"{caller_text}\n{_BESIDE.format(facts=' '.join(facts))}" if facts else caller_text
