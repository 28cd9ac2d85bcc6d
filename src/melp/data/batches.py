"""Batches of a store: the samples of each training step, and their content."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from melp.data.bank import StatementBank
from melp.data.duplicates import without_duplicates
from melp.data.store import Store
from melp.errors import MelpError

Encode = Callable[[Sequence[Sequence[str]]], Mapping[str, Tensor]]
"""Encodes reports (lists of statements) as `tokens` and `sentence`."""
Sample = tuple[int, int]
"""Row of a dataset, and the key that seeds its randomness in this step."""


@dataclass(frozen=True)
class TextAugmentation:
    """Random choice and order of the statements of a report in training."""

    sample: float = 0.0
    """Probability of keeping only a random number of the statements, at least one."""
    shuffle: bool = False
    """Whether to shuffle the statements."""

    @property
    def active(self) -> bool:
        """Whether the augmentation changes anything."""
        return self.sample > 0 or self.shuffle

    def __call__(self, statements: Sequence[str], key: int) -> list[str]:
        """Return the augmented statements, a function of `key`."""
        if len(statements) < 2 or not self.active:
            return list(statements)
        generator = np.random.default_rng(key & (1 << 63) - 1)
        order = generator.permutation(len(statements))
        count = len(order)
        if generator.random() < self.sample:
            count = int(generator.integers(1, len(order) + 1))
        chosen = order[:count] if self.shuffle else np.sort(order[:count])
        return [statements[place] for place in chosen]


def statement_number(statement: str) -> int:
    """Return a number that identifies a statement; never 0, the padding."""
    return zlib.crc32(statement.encode()) + 1


def _numbers(reports: Sequence[Sequence[str]]) -> Int[Tensor, "batch statement"]:
    width = max((len(report) for report in reports), default=0)
    numbers = torch.zeros(len(reports), max(width, 1), dtype=torch.int64)
    for row, report in enumerate(reports):
        numbers[row, : len(report)] = torch.tensor([statement_number(text) for text in report])
    return numbers


class TextBatches(Dataset[dict[str, Tensor]]):
    """Reports without ECGs, for stage 1; a batch has `tokens`, `sentence` and `key`.

    Args:
        reports: lists of statements, none empty; not copied, as the sequence may be larger than memory.
        encode: see `Encode`.
        augmentation: augmentation of the statements.
    """

    def __init__(
        self, reports: Sequence[Sequence[str]], encode: Encode, augmentation: TextAugmentation | None = None
    ) -> None:
        self.reports = reports
        self.encode, self.augmentation = encode, augmentation or TextAugmentation()

    def __len__(self) -> int:
        return len(self.reports)

    def __getitems__(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """Return the batch of `samples`."""
        shown = [self.augmentation(self.reports[row], key) for row, key in samples]
        keys = torch.tensor([key for _, key in samples])
        return {**self.encode(shown), "key": keys}


class StoreBatches(Dataset[dict[str, Tensor]]):
    """Records of a store; a batch has `signal` (microvolt), `patient` and `key`.

    With text it also has the tensors of `encode`, and `shown_statements` and `all_statements`: the numbers
    (`statement_number`) of the statements that the augmentation kept and of all statements of the report,
    padded with 0. If the augmentation is active, `report` has the tokens of the whole report in its original
    order. With a bank it also has `stated`, the statements of the bank that each report makes or implies, and
    `bank`: the tensors of `encode` for the bank, a statement per row, its `log_odds` and its `number`.

    Args:
        store: the store.
        folds: folds of the records to use; None for all.
        encode: see `Encode`; None for methods without text, which also use records without a report.
        augmentation: augmentation of the statements.
        bank: the statements of the training reports, for methods that need a bank.
        exclude_duplicates: leave out records whose samples equal those of a record in another fold or of an
            earlier record; `duplicates` counts them.

    Raises:
        MelpError: no record is left.
    """

    def __init__(
        self,
        store: Store,
        folds: Sequence[int] | None = None,
        encode: Encode | None = None,
        augmentation: TextAugmentation | None = None,
        exclude_duplicates: bool = False,
        bank: StatementBank | None = None,
    ) -> None:
        self.store, self.encode = store, encode
        self.augmentation = augmentation or TextAugmentation()
        self.bank = bank
        in_folds = np.ones(len(store), dtype=bool) if folds is None else np.isin(store.column("fold"), folds)
        selected = in_folds.copy()
        if encode is not None:
            self.statements = store.lists("statements")
            selected &= self.statements.lengths > 0
        self.rows = np.flatnonzero(selected)
        self.duplicates = 0
        if exclude_duplicates:
            kept = without_duplicates(store, self.rows, np.flatnonzero(~in_folds))
            self.rows, self.duplicates = kept, len(self.rows) - len(kept)
        if not len(self.rows):
            where = "" if folds is None else f" in folds {', '.join(map(str, folds))}"
            raise MelpError(f"{store.path}: no record{' with a report' if encode else ''} found{where}")
        self.patients = store.index_table.codes("patient").astype(np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """Return the batch of `samples`."""
        rows = self.rows[[row for row, _ in samples]]
        batch: dict[str, Any] = {
            "signal": torch.from_numpy(self.store.signals(rows)),
            "patient": torch.from_numpy(self.patients[rows]),
            "key": torch.tensor([key for _, key in samples]),
        }
        if self.encode is None:
            return batch
        reports = [self.statements[row] for row in rows]
        shown = [self.augmentation(report, key) for report, (_, key) in zip(reports, samples, strict=True)]
        if self.augmentation.active:
            batch["report"] = self.encode(reports)["tokens"]
        numbers = {"shown_statements": _numbers(shown), "all_statements": _numbers(reports)}
        batch |= {**self.encode(shown), **numbers}
        if self.bank is None:
            return batch
        return {**batch, "stated": self.bank.stated(reports), "bank": self.encoded_bank}

    @property
    def reports(self) -> Iterator[list[str]]:
        """The statements of each record."""
        return (self.statements[row] for row in self.rows.tolist())

    @cached_property
    def encoded_bank(self) -> dict[str, Any]:
        """The bank as in a batch."""
        assert self.bank is not None and self.encode is not None
        texts = self.bank.statements
        number = zlib.crc32("\n".join(texts).encode())
        encoded = self.encode([[text] for text in texts])
        return {**encoded, "log_odds": self.bank.log_odds, "number": number}


def sample_key(seed: int, step: int, row: int) -> int:
    """Return the key of a row in a step, a signed 64-bit integer."""
    return int(np.random.SeedSequence((seed, step, row)).generate_state(1, np.uint64).view(np.int64)[0])


@dataclass(frozen=True)
class Steps:
    """The samples of each step, a function of seed and step, so that training can resume at any step.

    Every epoch is a new permutation, divided into global batches that the ranks share; an incomplete last
    batch is dropped.

    Attributes:
        count: number of records of the dataset.
        batch_size: batch size of each rank.
        seed: seed of the permutations and keys.
        first, last: the steps are `first` to `last - 1`.
        rank, ranks: number of this process, and number of processes.
    """

    count: int
    batch_size: int
    seed: int
    last: int
    first: int = 0
    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if self.count < self.batch_size * self.ranks:
            raise MelpError(
                f"training.batch_size: {self.batch_size * self.ranks} found, "
                f"wanted at most the {self.count} records"
            )

    @property
    def per_epoch(self) -> int:
        """Number of steps in an epoch."""
        return self.count // (self.batch_size * self.ranks)

    def __len__(self) -> int:
        return self.last - self.first

    def __iter__(self) -> Iterator[list[Sample]]:
        epoch, order = -1, np.empty(0, dtype=np.int64)
        for step in range(self.first, self.last):
            if step // self.per_epoch != epoch:
                epoch = step // self.per_epoch
                order = np.random.default_rng((self.seed, epoch)).permutation(self.count)
            start = ((step % self.per_epoch) * self.ranks + self.rank) * self.batch_size
            rows = order[start : start + self.batch_size].tolist()
            yield [(row, sample_key(self.seed, step, row)) for row in rows]
