"""Trains the matcher (offhook/knowledge/matcher.py) on the businesses beside this file.

    pip install torch                    # not one of offhook's own requirements
    python -m bench.grounding.train OUT.npz [--epochs 6] [--start OUT.npz]
    python -m bench.grounding.export OUT.npz engine/offhook/assets/grounding/matcher.npz

A step takes one business: all of its questions against all of its facts.  Learnt is the choice of the fact
that answers, among all and "none of them", and, where a fact has several parts, of the parts that the answer
needs.  For some questions the answering facts are left out, and nothing answers them then; for some a
question asked before stands in front, as it does in a call, and is to be ignored, unless the question is a
follow-up.  The vectors of MiniLM's vocabulary stay as they are.

Businesses whose number ends in 1 are not trained on; after each epoch it is said of their questions:

top        share of answerable questions whose best fact is one that answers
answered   the same, and it is likelier than "none of them"
at 95      the same, at the bar below which 95 % of the unanswerable questions stay
said       share of questions that are answered at all
parts      share of facts with several parts of which exactly the needed ones are chosen

Some 4 minutes an epoch on two cores with AVX-512.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from bench.grounding.export import EPSILON, LAYERS
from bench.grounding.minilm import Layer, Weights, load, score_bias
from offhook.knowledge.encoder import MAX_TOKENS, WIDTH, tokenizer_file
from offhook.knowledge.items import WANTED
from offhook.knowledge.notes import Part, parts
from offhook.knowledge.store import CONTEXT_WORDS, statements

HELD_OUT = "1"
BEFORE, AS_HEARD, LEFT_OUT = 0.2, 0.3, 0.15
"""Shares of questions with a question before, without punctuation, and without their answer."""
RATE, HEAD_RATE = 6e-5, 1.2e-3
PARTS_WEIGHT = 0.5
WARM_UP = 60
MISSING = -1e4
FIRST = 0.4
"""The share of the first epoch's weights in what is kept."""


@dataclass
class Business:
    """One file."""

    name: str
    facts: list[str]
    questions: list[dict[str, Any]]

    @property
    def held_out(self) -> bool:
        found = re.search(r"-\d*(\d)-", self.name)
        return found is not None and found[1] == HELD_OUT


@dataclass
class Texts:
    """A batch of encoded texts."""

    tokens: Tensor
    """``[texts, tokens, 384]``"""
    seen: Tensor
    """``[texts, tokens]``: what is a token, and not padding."""
    whole: Tensor
    """``[texts, 384]``, each of length 1."""


class Matcher(nn.Module):
    """The network; the engine computes the same from what ``export.py`` writes."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self._weights = weights
        self.layers = nn.ModuleList([Layer(weights, number) for number in range(LAYERS)])
        self.w, self.w2, self.null = (nn.Linear(WIDTH, 1) for _ in range(3))
        for head in (self.w, self.w2, self.null):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)
        start = {"a": 10.0, "b": -5.0, "c": 0.3, "theta": 0.5, "c2": 3.0}
        for name, value in start.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))

    def encode(self, ids: Sequence[Sequence[int]]) -> Texts:
        longest = max(map(len, ids))
        padded = torch.tensor([[*each, *[0] * (longest - len(each))] for each in ids])
        seen = torch.tensor([[place < len(each) for place in range(longest)] for each in ids])
        held = self._weights
        x = held["word"][padded] + held["type"][0] + held["position"][:longest]
        x = functional.layer_norm(x, (WIDTH,), held["norm.weight"], held["norm.bias"], EPSILON)
        bias = score_bias(seen)
        for layer in self.layers:
            x = layer(x, bias)
        x = x.float()
        mean = (x * seen[..., None]).sum(1) / seen.sum(1, keepdim=True)
        return Texts(x, seen, functional.normalize(mean, dim=-1))

    def scores(self, questions: Texts, facts: Texts) -> Tensor:
        """``[questions, facts]``: log-odds against "none of them"."""
        asked = functional.normalize(questions.tokens, dim=-1)
        known = functional.normalize(facts.tokens, dim=-1)
        near = torch.einsum("qid,fjd->qfij", asked, known)
        nearest = near.masked_fill(~facts.seen[None, :, None, :], -1.0).amax(-1)
        matters = functional.softplus(self.w(questions.tokens)).squeeze(-1) * questions.seen
        tokens = (matters[:, None] * (nearest - self.theta)).sum(-1)
        whole = questions.whole @ facts.whole.T
        return self.a * whole + self.b + self.c * tokens - self.null(questions.whole)

    def part_scores(
        self, questions: Texts, row: int, facts: Texts, fact: int, part_of: Tensor, count: int
    ) -> Tensor:
        """``[parts]`` of one fact, for one question."""
        tokens = questions.tokens[row][questions.seen[row]]
        known = functional.normalize(facts.tokens[fact, : len(part_of)], dim=-1)
        near = functional.normalize(tokens, dim=-1) @ known.T
        matters = functional.softplus(self.w2(tokens)).squeeze(-1)
        nothing = near.new_full((len(near),), -1.0)
        found = [near[:, part_of == n].amax(1) if (part_of == n).any() else nothing for n in range(count)]
        return torch.stack([self.c2 * (matters * each).sum() for each in found])


class Data:
    """Businesses as the network wants them."""

    def __init__(self, businesses: Sequence[Business]) -> None:
        self.tokenizer = Tokenizer.from_file(str(tokenizer_file()))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.parts: dict[tuple[str, int], tuple[list[Part], Tensor]] = {}
        for business in businesses:
            for number, text in enumerate(business.facts):
                found = parts(text)
                if len(found) > 1:
                    spans = self.tokenizer.encode(text).offsets
                    part_of = [_part_at(found, start) if stop > start else -1 for start, stop in spans]
                    self.parts[business.name, number] = found, torch.tensor(part_of)

    def facts(self, business: Business) -> list[list[int]]:
        return [list(self.tokenizer.encode(text).ids) for text in business.facts]

    def questions(self, business: Business, *, training: bool) -> list[list[int]]:
        return [self._question(business, question, training=training) for question in business.questions]

    def _question(self, business: Business, question: dict[str, Any], *, training: bool) -> list[int]:
        said, after = question["say"], question.get("after")
        before = None if after is None else business.questions[after]["say"]
        if training:
            if before is None and random.random() < BEFORE:
                before = random.choice(business.questions)["say"]
            if random.random() < AS_HEARD:
                said, before = as_heard(said), before and as_heard(before)
        if before is None:
            return list(self.tokenizer.encode(said).ids)
        return list(self.tokenizer.encode(" ".join(before.split()[-CONTEXT_WORDS:]), said).ids)

    def needed(self, business: Business, question: dict[str, Any], fact: int) -> Tensor | None:
        """1 for each part of a fact that the answer needs; None for a fact that is one part."""
        if (business.name, fact) not in self.parts:
            return None
        text, found = business.facts[fact], []
        places = [(text.find(part), len(part)) for part in question["part"]]
        for part in self.parts[business.name, fact][0]:
            found.append(any(at >= 0 and part.start < at + size and part.stop > at for at, size in places))
        return torch.tensor(found, dtype=torch.float32)


def _part_at(found: Sequence[Part], place: int) -> int:
    return next((number for number, part in enumerate(found) if part.start <= place < part.stop), -1)


def as_heard(text: str) -> str:
    """As a recogniser without punctuation writes it."""
    return re.sub(r"[^\w\s'$£€@.%:-]|(?<=\w)[.](?=\s|$)|[:-](?=\s)", " ", text.lower()).strip()


def loss_of(network: Matcher, data: Data, business: Business) -> Tensor:
    """Of the choice of facts, and of their parts, over one business."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        questions = network.encode(data.questions(business, training=True))
        facts = network.encode(data.facts(business))
        scores = network.scores(questions, facts).float()
    answers = torch.zeros_like(scores, dtype=torch.bool)
    for row, question in enumerate(business.questions):
        answers[row, question["facts"]] = True
    left_out = (torch.rand(len(scores)) < LEFT_OUT)[:, None] & answers
    answers &= ~left_out
    logits = torch.cat([torch.zeros(len(scores), 1), scores.masked_fill(left_out, MISSING)], 1)
    target = torch.cat([~answers.any(1, keepdim=True), answers], 1).float()
    shares = functional.log_softmax(logits, 1)
    total = (-(shares * target).sum(1) / target.sum(1)).mean()
    of_parts = []
    for row, question in enumerate(business.questions):
        for fact in question["facts"]:
            needed = data.needed(business, question, fact)
            if needed is not None and 0 < needed.sum() < len(needed):
                part_of = data.parts[business.name, fact][1]
                found = network.part_scores(questions, row, facts, fact, part_of, len(needed))
                of_parts.append(-(functional.log_softmax(found.float(), 0) * needed).sum() / needed.sum())
    return total + PARTS_WEIGHT * torch.stack(of_parts).mean() if of_parts else total


@torch.no_grad()
def report(network: Matcher, data: Data, businesses: Sequence[Business]) -> None:
    network.eval()
    rows: list[tuple[str, bool, float]] = []
    exact: list[bool] = []
    for business in businesses:
        questions = network.encode(data.questions(business, training=False))
        facts = network.encode(data.facts(business))
        scores = network.scores(questions, facts)
        for row, question in enumerate(business.questions):
            best = int(scores[row].argmax())
            rows.append((question["kind"], best in question["facts"], float(scores[row, best])))
            for fact in question["facts"]:
                needed = data.needed(business, question, fact)
                if needed is not None and needed.any():
                    part_of = data.parts[business.name, fact][1]
                    found = network.part_scores(questions, row, facts, fact, part_of, len(needed)).softmax(0)
                    exact.append(bool(((found >= WANTED * found.max()) == needed.bool()).all()))
    bar = float(np.quantile([score for kind, _, score in rows if kind == "unknown"], 0.95))
    for kind in dict.fromkeys(kind for kind, _, _ in rows):
        of = [(right, score) for each, right, score in rows if each == kind]
        figures = {
            "top": np.mean([right for right, _ in of]),
            "answered": np.mean([right and score > 0 for right, score in of]),
            "at 95": np.mean([right and score > bar for right, score in of]),
            "said": np.mean([score > 0 for _, score in of]),
        }
        print(f"  {kind:10} {len(of):4}  " + "  ".join(f"{name} {f:.3f}" for name, f in figures.items()))
    print(
        f"  parts {np.mean(exact):.3f} of {len(exact)}; 95 % of the unanswerable stay below {bar:.2f}",
        flush=True,
    )
    network.train()


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains the matcher.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--start", type=Path, help="weights to begin with, instead of MiniLM's")
    options = parser.parse_args()
    random.seed(0)
    torch.manual_seed(0)
    businesses = []
    for path in sorted((Path(__file__).parent / "businesses").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        facts = [*data["facts"], *statements(data.get("persona", ""))]
        businesses.append(Business(path.stem, facts, data["questions"]))
    prepared, network = Data(businesses), Matcher(load())
    if options.start:
        with np.load(options.start) as weights:
            network.load_state_dict({name: torch.tensor(weights[name]) for name in weights})
    held_out = [business for business in businesses if business.held_out]
    trained_on = [business for business in businesses if not business.held_out]
    layers = [weight for name, weight in network.named_parameters() if name.startswith("layers")]
    heads = [weight for name, weight in network.named_parameters() if not name.startswith("layers")]
    groups = [{"params": layers, "lr": RATE}, {"params": heads, "lr": HEAD_RATE}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    steps = options.epochs * len(trained_on)
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / WARM_UP) * max(0.02, 1 - step / steps)
    )
    began = time.time()
    first: dict[str, Any] = {}
    for epoch in range(options.epochs):
        random.shuffle(trained_on)
        total = 0.0
        for business in trained_on:
            loss = loss_of(network, prepared, business)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            pace.step()
            total += loss.item()
        print(
            f"epoch {epoch + 1}, {time.time() - began:.0f} s, loss {total / len(trained_on):.3f}", flush=True
        )
        report(network, prepared, held_out)
        state = {name: weight.detach().numpy().copy() for name, weight in network.state_dict().items()}
        first = first or state
        # Between the first epoch's weights and the last one's lies a network that is less sure of itself
        # (averaging: Izmailov et al., 2018).
        mean = {name: FIRST * first[name] + (1 - FIRST) * state[name] for name in state}
        np.savez(options.out, **mean)


if __name__ == "__main__":
    main()
