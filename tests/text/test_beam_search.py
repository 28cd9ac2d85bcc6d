"""Greedy and beam search against enumeration."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from melp.text.generation import beam_search

BOS, EOS, WORDS = 0, 1, 4
"""Tokens 2 and 3 are the only words."""


class Toy:
    """A model whose logits depend on the record and all previous tokens, which it caches."""

    def __init__(self, records: int, beams: int) -> None:
        self.rows = [(record, ()) for record in range(records) for _ in range(beams)]

    @staticmethod
    def logits(record: int, prefix: tuple[int, ...]) -> Tensor:
        seed = 7919 * (record + 1) + sum((token + 1) * 31**place for place, token in enumerate(prefix))
        return 2 * torch.randn(WORDS, generator=torch.Generator().manual_seed(seed))

    def step(self, newest: Tensor) -> Tensor:
        tokens = newest[:, 0].tolist()
        self.rows = [
            (record, (*prefix, token)) for (record, prefix), token in zip(self.rows, tokens, strict=True)
        ]
        return torch.stack([self.logits(*row) for row in self.rows])

    def reorder(self, rows: Tensor) -> None:
        self.rows = [self.rows[row] for row in rows.tolist()]


def run(records: int, beams: int, max_length: int, banned: tuple[int, ...] = (BOS,)) -> list[list[int]]:
    toy = Toy(records, beams)
    return beam_search(toy.step, toy.reorder, records, BOS, EOS, max_length, beams, banned)


def log_probabilities(record: int, prefix: tuple[int, ...]) -> Tensor:
    logits = Toy.logits(record, (BOS, *prefix))
    logits[BOS] = -torch.inf
    return logits.log_softmax(0)


def mean_log_probability(record: int, tokens: tuple[int, ...]) -> float:
    total = sum(float(log_probabilities(record, tokens[:place])[token]) for place, token in enumerate(tokens))
    return total / len(tokens)


def every_sequence(max_length: int) -> list[tuple[int, ...]]:
    """Return all sequences that end in EOS, and all of the largest length without it."""
    ended = [(*words, EOS) for length in range(max_length) for words in product((2, 3), repeat=length)]
    return ended + list(product((2, 3), repeat=max_length))


@pytest.mark.parametrize("max_length", [1, 2, 4])
def test_exhaustive_beams_find_the_best_sequence(max_length: int) -> None:
    sequences = every_sequence(max_length)
    results = run(6, len(sequences) + 3, max_length)
    for record in range(6):
        best = max(sequences, key=lambda tokens: mean_log_probability(record, tokens))
        assert results[record] == [token for token in best if token != EOS]


def test_one_beam_is_greedy() -> None:
    results = run(8, 1, 6)
    for record in range(8):
        tokens: list[int] = []
        while len(tokens) < 6 and EOS not in tokens:
            tokens.append(int(log_probabilities(record, tuple(tokens)).argmax()))
        assert results[record] == [token for token in tokens if token != EOS]


@pytest.mark.parametrize("beams", [2, 3])
def test_beam_search_equals_a_loop(beams: int) -> None:
    results = run(8, beams, 5)
    for record in range(8):
        kept: list[tuple[int, ...]] = [()]
        for _ in range(5):
            extended = [
                (*tokens, token) for tokens in kept for token in ((EOS, 2, 3) if EOS not in tokens else ())
            ] + [tokens for tokens in kept if EOS in tokens]
            kept = sorted(extended, key=lambda tokens: -mean_log_probability(record, tokens))[:beams]
        assert results[record] == [token for token in kept[0] if token != EOS]


def test_records_are_independent() -> None:
    results = run(5, 3, 5)

    class Shifted(Toy):
        def __init__(self, record: int) -> None:
            self.rows = [(record, ())] * 3

    for record in range(5):
        toy = Shifted(record)
        assert beam_search(toy.step, toy.reorder, 1, BOS, EOS, 5, 3, (BOS,)) == [results[record]]


def test_banned_tokens_are_never_generated() -> None:
    assert any(3 in tokens for tokens in run(8, 2, 6))
    for beams in (1, 2, 4):
        assert all(set(tokens) <= {2} for tokens in run(8, beams, 6, banned=(BOS, 3)))
