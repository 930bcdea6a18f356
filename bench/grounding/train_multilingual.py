"""Trains what finds facts in other languages (offhook/knowledge/multilingual.py), and their acts.

    pip install torch                    # not one of offhook's own requirements
    python -m bench.grounding.train_multilingual [--write] [--all --bar BAR]

The encoder stays as it is. Learnt are three matrices that turn its vectors (from the identity, and held
near it: what is learnt from English questions has to hold elsewhere), how likely a question is answered by
nothing, and what shared words are worth; as in train.py, a step takes one business. The businesses
in languages/ are German, Spanish and French; of those, and of all others, the ones that are held out are
reported on: for the other languages the even numbers, unless --all trains on them as well.

The acts are trained on acts_train.json and on half of acts_languages.json, by the same vectors; the other
half is reported on.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bench.grounding.train_acts import OTHER, fit, label, training_set
from offhook.knowledge.acts import ACTS, MULTILINGUAL_FILE
from offhook.knowledge.items import WANTED, Item, searched
from offhook.knowledge.multilingual import BEFORE, FILE, WIDTH, _encoder, shared_words, stems
from offhook.knowledge.notes import assemble, parts
from offhook.knowledge.store import ROOT, statements

HERE = Path(__file__).parent
EPOCHS, RATE = 6, 1e-3
NEAR_IDENTITY = 1e-3
LEFT_OUT = 0.15
PARTS_WEIGHT = 0.5
REPEATED = 6
"""How often a business in another language is seen in an epoch."""
BAR = 0.25
"""The share of unanswerable questions in other languages that may be answered from the bar on."""

Floats = NDArray[np.float32]


@dataclass
class Business:
    """One file, encoded."""

    name: str
    questions: list[dict[str, Any]]
    asked: Tensor
    """``[questions, 512]``: a follow-up with the question before it."""
    facts: Tensor
    shared: Tensor
    """``[questions, facts, 2]``"""
    answers: Tensor
    """``[questions, facts]``: whether the fact answers."""
    of_parts: list[tuple[int, Tensor, Tensor]]
    """A question, the vectors of the parts of a fact that answers it, and which of those are needed."""

    @property
    def number(self) -> int:
        found = re.search(r"-(\d+)-", self.name)
        return int(found[1]) if found else 0


class Vectors:
    """The encoder, in batches."""

    def __init__(self) -> None:
        self._encoder = _encoder()

    def __call__(self, texts: Sequence[str]) -> Floats:
        found = [np.zeros((0, WIDTH), np.float32)]
        for begin in range(0, len(texts), 64):
            found.append(np.asarray(self._encoder.encode(list(texts[begin : begin + 64])), np.float32))
        return np.concatenate(found)


def read(path: Path, vectors: Vectors) -> Business:
    data = json.loads(path.read_text(encoding="utf-8"))
    questions = data["questions"]
    facts = [*data["facts"], *statements(data.get("persona", ""))]
    said = vectors([question["say"] for question in questions])
    asked, shared = said.copy(), []
    known = [stems(fact) for fact in facts]
    answers = torch.zeros(len(questions), len(facts), dtype=torch.bool)
    of_parts = []
    cut = {number: parts(text) for number, text in enumerate(facts)}
    encoded = {
        number: vectors([assemble(facts[number], [part]) for part in found])
        for number, found in cut.items()
        if len(found) > 1
    }
    for row, question in enumerate(questions):
        text, after = question["say"], question.get("after")
        if question["kind"] == "followup" and after is not None:
            asked[row] = said[row] + BEFORE * said[after]
            text = f"{questions[after]['say']} {text}"
        shared.append(shared_words(stems(text), known))
        answers[row, question["facts"]] = True
        for fact in question["facts"]:
            places = [(facts[fact].find(part), len(part)) for part in question["part"]]
            needed = torch.tensor(
                [
                    float(any(at >= 0 and part.start < at + size and part.stop > at for at, size in places))
                    for part in cut[fact]
                ]
            )
            if fact in encoded and 0 < needed.sum() < len(needed):
                of_parts.append((row, torch.tensor(encoded[fact]), needed))
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    code = path.name[:2] if path.parent.name == "languages" else "en"
    # As they are searched: with what callers call the addresses and hours in them.
    items = [Item(number, text, tuple(cut[number]), language=code) for number, text in enumerate(facts)]
    encoded_facts = vectors([searched(item) for item in items])
    tensors = torch.tensor(asked), torch.tensor(encoded_facts), torch.tensor(np.stack(shared))
    return Business(path.stem, questions, *tensors, answers, of_parts)


class Heads(nn.Module):
    """What ``Multilingual`` computes, over a business at once."""

    def __init__(self) -> None:
        super().__init__()
        self.question, self.fact, self.part = (nn.Parameter(torch.eye(WIDTH)) for _ in range(3))
        self.none = nn.Linear(WIDTH, 1)
        nn.init.zeros_(self.none.weight)
        nn.init.zeros_(self.none.bias)
        start = {"turned": 20.0, "plain": 8.0, "bias": -8.0, "of_part": 12.0}
        for name, value in start.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))
        self.words = nn.Parameter(torch.tensor([0.3, 1.0]))

    def scores(self, asked: Tensor, facts: Tensor, shared: Tensor) -> Tensor:
        turned = functional.normalize(asked @ self.question, dim=-1)
        turned = turned @ functional.normalize(facts @ self.fact, dim=-1).T
        by_words = shared @ self.words
        return self.turned * turned + self.plain * (asked @ facts.T) + by_words + self.bias - self.none(asked)

    def part_scores(self, asked: Tensor, of: Tensor) -> Tensor:
        turned = functional.normalize(asked @ self.part, dim=-1)
        return self.of_part * (functional.normalize(of @ self.part, dim=-1) @ turned)

    def loss(self, business: Business) -> Tensor:
        scores = self.scores(business.asked, business.facts, business.shared)
        answers = business.answers.clone()
        left_out = (torch.rand(len(scores)) < LEFT_OUT)[:, None] & answers
        answers &= ~left_out
        logits = torch.cat([torch.zeros(len(scores), 1), scores.masked_fill(left_out, -1e4)], 1)
        target = torch.cat([~answers.any(1, keepdim=True), answers], 1).float()
        total = (-(functional.log_softmax(logits, 1) * target).sum(1) / target.sum(1)).mean()
        of_parts = [
            -(functional.log_softmax(self.part_scores(business.asked[row], of), 0) * needed).sum()
            / needed.sum()
            for row, of, needed in business.of_parts
        ]
        if of_parts:
            total = total + PARTS_WEIGHT * torch.stack(of_parts).mean()
        held = [((matrix - torch.eye(WIDTH)) ** 2).sum() for matrix in (self.question, self.fact, self.part)]
        return total + NEAR_IDENTITY * torch.stack(held).sum()


@torch.no_grad()
def found(heads: Heads, businesses: Sequence[Business]) -> list[tuple[str, bool, float]]:
    """Of each question its kind, whether the best fact answers it, and its log-odds."""
    rows = []
    for business in businesses:
        scores = heads.scores(business.asked, business.facts, business.shared)
        for row, question in enumerate(business.questions):
            best = int(scores[row].argmax())
            rows.append((question["kind"], best in question["facts"], float(scores[row, best])))
    return rows


@torch.no_grad()
def report(heads: Heads, what: str, businesses: Sequence[Business]) -> None:
    rows = found(heads, businesses)
    exact = []
    for business in businesses:
        for row, of, needed in business.of_parts:
            shares = heads.part_scores(business.asked[row], of).softmax(0) ** ROOT
            exact.append(bool(((shares >= WANTED * shares.max()) == needed.bool()).all()))
    print(f"{what}: parts {np.mean(exact):.3f} of {len(exact)}")
    for kind in dict.fromkeys(kind for kind, _, _ in rows):
        of_kind = [(right, score) for each, right, score in rows if each == kind]
        top = np.mean([right for right, _ in of_kind])
        answered = np.mean([right and score > 0 for right, score in of_kind])
        said_share = np.mean([score > 0 for _, score in of_kind])
        print(f"  {kind:10} {len(of_kind):4}  top {top:.3f}  answered {answered:.3f}  said {said_share:.3f}")


def train(businesses: Sequence[Business]) -> Heads:
    heads = Heads()
    steps = EPOCHS * len(businesses)
    optimizer = torch.optim.AdamW(heads.parameters(), lr=RATE, weight_decay=0.01)
    pace = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.02, 1 - step / steps))
    order = list(businesses)
    for epoch in range(EPOCHS):
        random.shuffle(order)
        total = 0.0
        for business in order:
            loss = heads.loss(business)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            pace.step()
            total += loss.item()
        print(f"epoch {epoch + 1}, loss {total / len(order):.3f}", flush=True)
    return heads


def write(heads: Heads, bar: float, path: Path = FILE) -> None:
    """The file that the engine loads; ``bar`` is the log-odds from which a fact is to be said."""
    state = {name: weight.detach().numpy() for name, weight in heads.state_dict().items()}
    none = np.concatenate([state.pop("none.weight")[0], state.pop("none.bias")])
    state["bias"] = state["bias"] - bar
    held = {
        name: weight.astype(np.float16 if weight.ndim == 2 else np.float32) for name, weight in state.items()
    }
    np.savez_compressed(path, none=none, **held)


def acts(vectors: Vectors, *, everything: bool, keep: bool) -> None:
    """Trains the classifier of acts on the encoder's vectors."""
    languages = json.loads((HERE / "acts_languages.json").read_text(encoding="utf-8"))
    sentences = [(code, each["say"], each["act"]) for code, entries in languages.items() for each in entries]
    seen = sentences if everything else sentences[::2]
    training = training_set() + 4 * [(say, label(act)) for _, say, act in seen]
    matrix, bias = fit(vectors([say for say, _ in training]), np.array([act for _, act in training]))
    if keep:
        np.savez_compressed(MULTILINGUAL_FILE, matrix=matrix.astype(np.float16), bias=bias.astype(np.float16))
    for code in languages:
        of = [(say, act) for each, say, act in sentences[1::2] if each == code]
        logits = vectors([say for say, _ in of]) @ matrix.T + bias
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        right: dict[str, list[bool]] = {}
        for (_, act), row in zip(of, shares, strict=True):
            guess = ACTS[int(row.argmax())] if row.max() >= 0.6 else "other"
            right.setdefault(act, []).append(guess == ("other" if act in OTHER else act))
        print(code, {act: f"{sum(each)}/{len(each)}" for act, each in right.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains what finds facts in other languages than English.")
    parser.add_argument("--write", action="store_true", help="keep the weights in the engine's assets")
    parser.add_argument("--all", action="store_true", help="leave out no business and no sentence in them")
    parser.add_argument("--bar", type=float, help="with --all: the bar that a run without it has printed")
    options = parser.parse_args()
    if options.all and options.bar is None:
        parser.error("--all leaves nothing to set the bar on: run without it first, then name its --bar")
    random.seed(0)
    torch.manual_seed(0)
    vectors = Vectors()
    english = [read(path, vectors) for path in sorted((HERE / "businesses").glob("*.json"))]
    others = [read(path, vectors) for path in sorted((HERE / "languages").glob("*.json"))]
    print(f"{len(english) + len(others)} businesses are encoded", flush=True)
    train_on = [each for each in english if each.number % 10 != 1]
    train_on += REPEATED * [each for each in others if options.all or each.number % 2]
    heads = train(train_on)
    report(heads, "English", [each for each in english if each.number % 10 == 1])
    unseen = [each for each in others if options.all or each.number % 2 == 0]
    for code in sorted({each.name[:2] for each in unseen}):
        report(heads, code, [each for each in unseen if each.name.startswith(code)])
    unanswerable = [score for kind, _, score in found(heads, unseen) if kind == "unknown"]
    bar = options.bar if options.all else float(np.quantile(unanswerable, 1 - BAR))
    print(f"{BAR:.0%} of the unanswerable in other languages that were not trained on lie above {bar:.2f}")
    if options.write:
        write(heads, bar - 0.5)
    acts(vectors, everything=options.all, keep=options.write)


if __name__ == "__main__":
    main()
