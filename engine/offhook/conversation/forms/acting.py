"""What becomes of a caller's turn where an agent can do things: the form that goes on, or one that begins.

Nothing is done here: a turn that is to do something carries a :class:`.Request`, which is carried out once
the turn is heard.  A question in the middle of a form is answered and the form goes on; "never mind" leaves
it; who asks for a person gets one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from offhook.agents.loader import Agent
from offhook.agents.tools import Target
from offhook.conversation.base import Turn
from offhook.conversation.forms.filler import FormFiller
from offhook.conversation.forms.form import Form, Step
from offhook.conversation.forms.offer import Offer, Offers
from offhook.conversation.forms.request import Request
from offhook.conversation.forms.results import read_out
from offhook.conversation.forms.slots import Hearing
from offhook.conversation.forms.weighing import score
from offhook.conversation.forms.words import form_words
from offhook.conversation.history import Exchange, History, Keyed
from offhook.knowledge.store import Networks, Ranking
from offhook.knowledge.wishes import Wishes, WishFinder
from offhook.languages import language
from offhook.languages.turns import turn_language
from offhook.languages.wording import words
from offhook.tools.base import Tool, ToolResult
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.templates import filled
from offhook.workers import Workers

LIKELY = 0.6
SURE = 3.0
"""Log-odds from which a fact answers what was said in the middle of a form, though it could be a value."""
INSISTS = 3
"""Whoever asks for a person so often gets one, whatever else they could be asked."""
_HEARD = 0.6
"""Of what was said of a result, so much has to have been audible; else it is said again."""
_ANOTHER = 1.5
"""So much has to speak for another wish while a form is open."""
_SURE_KIND = 2.5
"""Log-odds of a kind of wish from which it is one, though it sounds like a word of courtesy, or a moment's
patience: "drop my Wednesday", "give me a ring"."""
_SHARED = 0.6
"""So much less a value counts between two wishes than for either."""
_ANOTHER_WAY = 0.1
"""So much likelier (cosine) one way to a person has to be meant than the first of them."""
_BESIDE_FORM = ("facts", "readback", "wait", "courtesy", "greeted")
"""Answers after which a form goes on."""
_NO_WISH = ("farewell", "repeat", "wait", "thanks", "greeting", "readback", "machine")


class Acting:
    """One agent's.  What differs between calls is the :class:`Executor`, and the form in the history."""

    def __init__(self, agent: Agent, toolbox: Toolbox, worker: Workers | None = None) -> None:
        self._agent = agent
        self._toolbox = toolbox
        self._worker = worker
        self._language = language(agent.language)
        self._words = form_words(agent.language)
        self._question_words = turn_language(agent.language).sentences.asking_first
        self._finder = self._make(None)
        self.offers = Offers(agent)

    def prepare(self, networks: Networks | None) -> None:
        """Compute ahead what finding wishes needs: milliseconds a sentence."""
        finder = self._make(networks)
        finder.prepare()
        self._finder = finder

    def _make(self, networks: Networks | None) -> WishFinder:
        sentences = {
            name: [text for text in (tool.spec.description, *tool.spec.when) if text]
            for name, tool in self._toolbox.tools.items()
            if "during" in tool.spec.phases
        }
        if networks is None:
            return WishFinder(sentences)
        handovers = [name for name, tool in self._toolbox.tools.items() if _hands_over(tool)]
        known = {name: tool.spec.kind for name, tool in self._toolbox.tools.items() if tool.spec.kind}
        return WishFinder(
            sentences,
            networks.matcher,
            networks.requests,
            networks.kinds,
            known_kinds=known,
            kindless=handovers,
        )

    # --- turns -----------------------------------------------------------------------------------

    async def turn(self, turn: Turn, ranking: Ranking, history: History, executor: Executor) -> Turn:
        """``turn`` is what would be answered without tools."""
        acted = await self._turn_of(turn, ranking, history, executor)
        return self.offers.made(acted, history, executor) or acted

    async def _turn_of(self, turn: Turn, ranking: Ranking, history: History, executor: Executor) -> Turn:
        executor.turn_over()
        keyed = history.keyed_as(turn.caller_text)
        hearing = self._hearing(turn.caller_text, executor, keyed)
        form = history.form
        if keyed is not None and keyed.target:
            return self._chosen(turn, keyed.target, executor)
        if isinstance(form, Offer) and form.tool in executor.tools:
            answered = await self._offered(turn, form, hearing, executor)
            if answered is not None:
                return answered
            form = form.before
        if form is not None and form.tool in executor.tools:
            return await self._go_on(turn, form, hearing, ranking, history, executor)
        begun = await self._begin(turn, hearing, ranking, history, executor)
        last = history.last
        if begun is None and _missed(last) and turn.act in ("otherwise", "unsure", "unknown"):
            assert last is not None
            # What was done is done, whatever they said into the news of it.
            return replace(turn, act="done", say=last.whole_text, facts=())
        return begun or turn

    async def confirm(
        self, turn: Turn, ranking: Ranking, history: History, executor: Executor
    ) -> Turn | None:
        """The yes, or a change, to what a model has proposed; None: the model's turn.

        Whoever asks for a person again and again gets one without the model.
        """
        executor.turn_over()
        keyed = history.keyed_as(turn.caller_text)
        hearing = self._hearing(turn.caller_text, executor, keyed)
        if keyed is not None and keyed.target:
            return self._chosen(turn, keyed.target, executor)
        if (
            _wants_person(ranking)
            and 1 + sum(_asked_for_person(each) for each in history.exchanges) >= INSISTS
        ):
            return await self._hand_over(turn, hearing, history, executor)
        form = history.form
        if isinstance(form, Offer) and form.tool in executor.tools:
            answered = await self._offered(turn, form, hearing, executor)
            if answered is not None:
                return answered
            form = form.before
        if form is None or form.tool not in executor.tools:
            return None
        done = executor.done(form.tool, form.values)
        if done is not None:
            request = Request(form.tool, form.values, True, "")
            return replace(turn, act="done", say=self.told(request, done, executor), facts=())
        filler = FormFiller(executor.tools[form.tool], executor)
        step = await filler.answer(form, hearing)
        if form.asked in executor.tools[form.tool].spec.keyed:  # by code: no model hears of it
            if step.reply == "none":
                step = await filler.again(form, hearing, counts=True)
            return self._turn(turn, step, executor)
        return self._turn(turn, step, executor) if step.reply in ("run", "confirming", "left") else None

    def told(self, request: Request, result: ToolResult, executor: Executor) -> str:
        """What is said of a result, and what was open before."""
        said = self._outcome(request, result, executor)
        return f"{said} {request.then}" if request.then else said

    def _outcome(self, request: Request, result: ToolResult, executor: Executor) -> str:
        spec, words = executor.tools[request.tool].spec, self._words
        spoken = {**spec.unmasked(request.arguments), "result": result.value}
        if result.ok:
            if result.action is not None:
                to = str(request.arguments.get("to") or "")
                said = filled(spec.phrases.done, spoken)
                return said or words.handing_over.format(name=to or self._agent.name)
            said = result.say or filled(spec.phrases.done, spoken)
            if said or spec.effect == "writes":
                return said or words.done
            return read_out(result.value) or self._agent.unknown
        if result.unsure:
            return words.unsure
        return result.say or filled(spec.phrases.failed, spoken) or words.failed

    def _hearing(self, text: str, executor: Executor, keyed: Keyed | None) -> Hearing:
        now, code = executor.context.now, self._agent.language
        digits = None if keyed is None else keyed.digits
        return Hearing(text, self._language, self._words, now, code, digits, self._finder.nearest)

    async def _offered(self, turn: Turn, offer: Offer, hearing: Hearing, executor: Executor) -> Turn | None:
        """The answer to an offer; None: they said something else."""
        reply = self.offers.reply(offer, hearing)
        if reply == "yes":
            return self._turn(turn, await self.offers.taken(offer, hearing, executor), executor)
        if reply == "cut_short":
            return replace(turn, act="offer", say=offer.question, facts=(), form=offer, offers=True)
        if reply == "other" or turn.act == "farewell":
            return None
        if offer.before is None or offer.before.tool not in executor.tools:
            return replace(turn, act="form", say=self._words.left, facts=(), form=None)
        filler = FormFiller(executor.tools[offer.before.tool], executor)
        return self._turn(turn, await filler.again(offer.before, hearing, counts=False), executor)

    def _chosen(self, turn: Turn, target: str, executor: Executor) -> Turn:
        """A key of the menu: to that target, without asking."""
        for name, tool in executor.tools.items():
            targets: Mapping[str, Target] = getattr(tool, "targets", {})
            if target in targets:
                request = Request(name, {"to": targets[target].name}, True, self._words.working)
                return replace(turn, act="person", say=None, facts=(), form=None, request=request)
        return turn

    async def _go_on(
        self, turn: Turn, form: Form, hearing: Hearing, ranking: Ranking, history: History, executor: Executor
    ) -> Turn:
        filler = FormFiller(executor.tools[form.tool], executor)
        done = executor.done(form.tool, form.values)
        if done is not None:
            # It was done, and the caller spoke before they heard so: nothing is asked or done again.
            request = Request(form.tool, form.values, True, "")
            return replace(turn, act="done", say=self.told(request, done, executor), facts=())
        if turn.act == "farewell" and not form.confirming:
            return turn
        if _wants_person(ranking) and not self._is_handover(form.tool, executor):
            handed = await self._hand_over(turn, hearing, history, executor)
            if handed is not None:
                return handed
        if self._asks_something_else(turn, form, hearing, ranking):
            return await self._beside(turn, filler, form, hearing)
        step = await filler.answer(form, hearing)
        if step.reply != "none":
            return self._turn(turn, step, executor)
        if hearing.keys is not None:  # they are an entry, and no wish
            return self._turn(turn, await filler.again(form, hearing, counts=True), executor)
        other = await self._begin(turn, hearing, ranking, history, executor, but=form.tool)
        if other is not None and other.request is not None and not other.request.writes:
            # A look-up in the middle of a form: it is told, and the form goes on.
            back = await filler.again(form, hearing, counts=False)
            return replace(other, form=back.form, request=replace(other.request, then=back.say))
        if other is not None:
            return other
        if self._is_beside(turn, hearing) or "repeat" in (turn.act, ranking.act.act):
            return await self._beside(turn, filler, form, hearing)
        again = await filler.again(form, hearing, counts=True)
        return self._turn(turn, again, executor)

    def _asks_something_else(self, turn: Turn, form: Form, hearing: Hearing, ranking: Ranking) -> bool:
        """A question with an answer, where any words could be the value that was asked for."""
        best = ranking.best
        sure = best is not None and best.log_odds >= SURE and turn.act == "facts"
        return sure and self._language.asks.search(hearing.text) is not None

    def _is_beside(self, turn: Turn, hearing: Hearing) -> bool:
        """It has an answer of its own; what nobody can answer is owned up to, where it was a question."""
        if turn.act in ("unsure", "unknown"):
            return self._language.asks.search(hearing.text.rstrip("?")) is not None
        return turn.act in _BESIDE_FORM

    async def _beside(self, turn: Turn, filler: FormFiller, form: Form, hearing: Hearing) -> Turn:
        """Answer what has nothing to do with the form, and ask again."""
        again = await filler.again(form, hearing, counts=turn.act not in ("facts", "readback", "wait"))
        if turn.act == "wait":
            return replace(turn, form=form)
        say = turn.say if turn.act in ("facts", "unsure", "readback", "unknown") else None
        return replace(
            turn, say=" ".join(part for part in (say, again.say) if part), act="form", form=again.form
        )

    async def _begin(
        self,
        turn: Turn,
        hearing: Hearing,
        ranking: Ranking,
        history: History,
        executor: Executor,
        but: str | None = None,
    ) -> Turn | None:
        """Begin the form of what the caller wants; None: nothing that can be done.  ``but``: not this one."""
        if _wants_person(ranking):
            handed = await self._hand_over(turn, hearing, history, executor)
            if handed is not None:
                return handed
        wishes = await self._wishes(hearing.text)
        likely = ranking.act.act in _NO_WISH and ranking.act.probability >= LIKELY
        by_owner = any(wished.by_owner for wished in wishes.ranked)
        if (turn.act == "farewell" or likely) and wishes.kind < _SURE_KIND and not by_owner:
            return None
        known = self._language
        requests = known.request.search(" ".join(words(hearing.text))) is not None
        asks = known.asks.search(hearing.text) is not None and not requests
        asks_openly = not self._question_words.isdisjoint(words(hearing.text))
        fact = ranking.best.log_odds if ranking.best is not None else 0.0
        # Who answers a question of ours mostly means just that, and no other thing.
        least = 0.0 if but is None else _ANOTHER
        best: tuple[float, Step] | None = None
        for wished in wishes.ranked[:3]:
            if wished.name == but:
                continue
            filler = FormFiller(executor.tools[wished.name], executor)
            step = await filler.open(hearing)
            # What is only looked up is asked for in all ways, and so is what its owner writes as a question.
            writes = executor.tools[wished.name].spec.effect == "writes"
            opens = asks_openly and writes and not wished.by_owner
            values = 0 if step.form is None else sum(bool(label) for label in step.form.labels.values())
            found = score(
                wishes.request,
                wished.likeness,
                values,
                fact,
                kind=wished.kind,
                asks=asks and not wished.by_owner,
                opens=opens,
            )
            # A day is named in all wishes: values say rather that something is wanted than what.
            nearest = found - _SHARED * min(values, 3) + min(0.0, wished.kind)
            if found > least and (best is None or nearest > best[0]):
                best = nearest, step
        if best is None:
            return None
        step = best[1]
        assert step.form is not None or step.reply != "run"
        writes = step.form is not None and executor.tools[step.form.tool].spec.effect == "writes"
        if step.reply == "run" and writes and step.form and not any(step.form.labels.values()):
            # Nothing that was said names it: they are asked before anything happens.
            step = FormFiller(executor.tools[step.form.tool], executor).ask_first(step, hearing)
        return self._turn(turn, step, executor)

    async def _hand_over(
        self, turn: Turn, hearing: Hearing, history: History, executor: Executor
    ) -> Turn | None:
        """To a person: whom they name, else whom the owner has for that; None: there is nobody.

        Of several ways to one (put through, the queue) it is the first, unless they clearly ask for another.
        """
        names = [name for name in executor.tools if self._is_handover(name, executor)]
        if not names:
            return None
        way = names[0]
        if len(names) > 1:
            alike = {wish.name: wish.likeness for wish in (await self._wishes(hearing.text)).ranked}
            likest = max(names, key=lambda name: alike.get(name, -1.0))
            if alike.get(likest, -1.0) > alike.get(way, -1.0) + _ANOTHER_WAY:
                way = likest
        filler = FormFiller(executor.tools[way], executor)
        step = await filler.open(hearing, person=True)
        insists = 1 + sum(each.act == "person" for each in history.exchanges) >= INSISTS
        if step.reply != "run" and insists:
            step = filler.anyway(step)
        found = self._turn(turn, step, executor)
        return replace(found, act="person")

    def _is_handover(self, name: str, executor: Executor) -> bool:
        return _hands_over(executor.tools[name])

    async def _wishes(self, text: str) -> Wishes:
        if self._worker is None:
            return self._finder.rank(text)
        return await self._worker.run(lambda job: self._finder.rank(text))

    def _turn(self, turn: Turn, step: Step, executor: Executor) -> Turn:
        if step.reply == "run" and step.form is not None:
            spec = executor.tools[step.form.tool].spec
            working = spec.phrases.working or self._words.working
            request = Request(spec.name, dict(step.arguments or {}), spec.effect == "writes", working)
            return replace(turn, act="done", say=None, facts=(), form=None, request=request)
        form = None if step.reply == "left" else step.form
        return replace(turn, act="form", say=step.say, facts=(), form=form)


def _wants_person(ranking: Ranking) -> bool:
    return ranking.act.act == "person" and ranking.act.probability >= LIKELY


def _hands_over(tool: Tool) -> bool:
    return hasattr(tool, "default")


def _missed(last: Exchange | None) -> bool:
    """What came of a request was told, and hardly heard."""
    if last is None or last.act != "done":
        return False
    return len(last.audible_text) < _HEARD * len(last.whole_text)


def _asked_for_person(exchange: Exchange) -> bool:
    return exchange.act == "person" or exchange.wants_person
