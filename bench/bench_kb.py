"""What answers a question, found among facts and among documents: which way of finding finds it.

    python -m bench.bench_kb [--passages 5000] [--skip-load | --only-load]

Questions: those of ``bench/suites`` with one answer in the facts (plain ones, and paraphrases), and those of
``bench/grounding/businesses`` that the matcher was not trained on, whose right facts are named.  A suite's
facts come once as they are, and once as a document: sentences of three facts a paragraph, cut again by
``offhook.documents``.  Of a suite what is right is what its pattern of right answers matches, and questions
whose answer no single passage holds are left out.

@1, @3   the share of questions where the best one, or one of the best three, answers
load     until an agent with so many passages has its vectors: computed, and kept from the last start [s]
search   one search among so many passages, with the question before it, p50 and p95 [ms]

Times are the thread's own CPU time, which others on the machine change less than a clock's (they still take
its caches: compare two versions in turns); one thread does all of it.  A search is timed by the clock as
well, which is what a caller waits for, and right on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import offhook  # before NumPy: one thread for its products, as in the daemon

# isort: split
import numpy as np

from offhook.agents.loader import Agent
from offhook.documents.chunks import chunks
from offhook.documents.passage import Passage
from offhook.documents.reading import read_content
from offhook.knowledge.acts import ActClassifier
from offhook.knowledge.base import FactMatcher
from offhook.knowledge.encoder import Encoder
from offhook.knowledge.items import Item, encode_items
from offhook.knowledge.matcher import Matcher
from offhook.knowledge.multilingual import Multilingual
from offhook.knowledge.notes import parts
from offhook.knowledge.store import Knowledge, Models, Networks
from offhook.knowledge.vectors import VectorCache
from offhook.knowledge.words import WordIndex

HERE = Path(__file__).parent
KINDS = ("fact", "paraphrase")
CONSTANT = 60
"""Of reciprocal rank fusion (Cormack and others, 2009)."""
PARAGRAPH = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and which of the texts answer it."""

    say: str
    right: frozenset[int]


@dataclass(frozen=True, slots=True)
class Set:
    """Texts to be found, and what is asked of them."""

    texts: tuple[str, ...]
    asked: tuple[Asked, ...]


def suites(*, as_documents: bool) -> Iterator[Set]:
    """The English ones."""
    for path in sorted((HERE / "suites").glob("*.en.json")):
        suite = json.loads(path.read_text(encoding="utf-8"))
        texts = _as_document(suite["facts"]) if as_documents else suite["facts"]
        yield Set(tuple(texts), tuple(_asked(suite["questions"], texts)))


def _as_document(facts: Sequence[str]) -> list[str]:
    sentences = [fact if fact[-1] in ".!?" else f"{fact}." for fact in facts]
    paragraphs = [" ".join(sentences[at : at + PARAGRAPH]) for at in range(0, len(sentences), PARAGRAPH)]
    document = read_content("\n\n".join(paragraphs).encode(), ".md", "suite", "suite")
    return [chunk.text for chunk in chunks(document)]


def _asked(questions: Iterable[dict[str, str]], texts: Sequence[str]) -> Iterator[Asked]:
    for question in questions:
        if question["kind"] in KINDS and question["right"]:
            right = re.compile(question["right"], re.IGNORECASE)
            found = frozenset(number for number, text in enumerate(texts) if right.search(text))
            if found:
                yield Asked(question["say"], found)


def strangers() -> Iterator[Set]:
    """Businesses whose number ends in 1."""
    for path in sorted((HERE / "grounding" / "businesses").glob("*-*1-*.json")):
        if not path.name.split("-")[1].endswith("1"):
            continue
        business = json.loads(path.read_text(encoding="utf-8"))
        asked = [
            Asked(question["say"], frozenset(question["facts"]))
            for question in business["questions"]
            if question["kind"] in KINDS
        ]
        yield Set(tuple(business["facts"]), tuple(asked))


class Ways:
    """Each way of finding, as a ranking of a set's texts."""

    def __init__(self) -> None:
        self.matcher, self.others, self.plain = Matcher(), Multilingual(), Encoder()

    def rank(self, each: Set) -> Iterator[tuple[Asked, dict[str, list[int]]]]:
        items = [Item(number, text, tuple(parts(text))) for number, text in enumerate(each.texts)]
        index = WordIndex(each.texts)
        minilm = np.stack([one.vector for one in self.plain.encode(each.texts)])
        trained = encode_items(items, self.matcher)
        vectors = np.stack([one.vector for one in trained])
        other = encode_items(items, self.others)
        for asked in each.asked:
            mine, theirs = self.matcher.encode([asked.say])[0], self.others.encode([asked.say])[0]
            ranks = {
                "words (BM25)": [match.number for match in index.best(asked.say, len(items))],
                "MiniLM as it is": _order(minilm @ self.plain.encode([asked.say])[0].vector),
                "USE, trained on": _order(self.others.scores(theirs, other)),
                "the matcher's vectors": _order(vectors @ mine.vector),
                "the matcher": _order(self.matcher.scores(mine, trained)),
            }
            ranks["words and MiniLM, fused"] = _fused(ranks["words (BM25)"], ranks["MiniLM as it is"])
            ranks["words and matcher, fused"] = _fused(ranks["words (BM25)"], ranks["the matcher"])
            ranks["all, fused"] = _fused(*(ranks[way] for way in list(ranks)[:3]), ranks["the matcher"])
            yield asked, ranks


def _order(scores: np.ndarray) -> list[int]:
    return [int(number) for number in np.argsort(-scores)]


def _fused(*ranks: Sequence[int]) -> list[int]:
    scores: dict[int, float] = defaultdict(float)
    for rank in ranks:
        for place, number in enumerate(rank, start=1):
            scores[number] += 1 / (CONSTANT + place)
    return sorted(scores, key=lambda number: -scores[number])


def recall(ways: Ways, sets: Iterable[Set]) -> None:
    """Print @1 and @3 of each way."""
    found: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for each in sets:
        for asked, ranks in ways.rank(each):
            for way, rank in ranks.items():
                first, three = (bool(asked.right.intersection(rank[:most])) for most in (1, 3))
                found[way].append((first, three))
    for way, hits in found.items():
        first, three = (sum(column) / len(hits) for column in zip(*hits, strict=True))
        print(f"  {way:26} {first:.3f} {three:.3f}  ({len(hits)} questions)")


def load_and_search(matcher: FactMatcher, count: int) -> None:
    """Print how long ``count`` passages take to load, and to be searched."""
    texts: dict[str, None] = {}
    questions: list[str] = []
    for path in sorted((HERE / "grounding" / "businesses").glob("*.json")):
        business = json.loads(path.read_text(encoding="utf-8"))
        texts |= dict.fromkeys(business["facts"])
        questions += [question["say"] for question in business["questions"][:1]]
    passages = [Passage(text) for text in list(texts)[:count]]
    agent = Agent(name="All", greeting="Hello.")

    def none() -> Networks:
        raise AssertionError

    with tempfile.TemporaryDirectory() as folder:
        cache = VectorCache(Path(folder) / "vectors.db")
        networks = Networks(matcher, ActClassifier())
        for how in ("computed", "kept"):
            began = time.thread_time()
            knowledge = Knowledge(agent, Models(networks, none, cache), lambda: passages)
            knowledge.prepare()
            print(f"  load, {how}: {time.thread_time() - began:.1f} s for {len(knowledge.items)} passages")
        print(f"  cache: {sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6:.0f} MB")
    taken, waited = [], []
    for before, question in itertools.pairwise(questions[:200]):
        began, clock = time.thread_time(), time.perf_counter()
        knowledge.search(question, before)
        taken.append(1000 * (time.thread_time() - began))
        waited.append(1000 * (time.perf_counter() - clock))
    for what, times in (("thread", taken), ("clock", waited)):
        least, most = statistics.median(times), np.percentile(times, 95)
        print(f"  search, by the {what}: p50 {least:.1f} ms, p95 {most:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--passages", type=int, default=5_000)
    parser.add_argument("--skip-load", action="store_true")
    parser.add_argument("--only-load", action="store_true")
    options = parser.parse_args()
    print(f"offhook {offhook.__version__}")
    ways = Ways()
    for title, sets in (
        ()
        if options.only_load
        else (
            ("suites, facts as they are", suites(as_documents=False)),
            ("suites, facts as a document", suites(as_documents=True)),
            ("strangers' businesses, facts as they are", strangers()),
        )
    ):
        print(f"{title}: @1 @3")
        recall(ways, sets)
    if not options.skip_load:
        print(f"{options.passages} passages")
        load_and_search(ways.matcher, options.passages)


if __name__ == "__main__":
    main()
