"""The bank of statements: all distinct statements of the training reports, and what they imply."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from melp.errors import MelpError

__all__ = ["StatementBank"]

Implied = Callable[[str], Sequence[str]]
"""Returns the further statements that a statement implies."""


def _nothing(statement: str) -> Sequence[str]:
    return ()


@dataclass(frozen=True)
class StatementBank:
    """The statements of a bank, most frequent first, and the share of reports that make or imply each."""

    statements: tuple[str, ...]
    shares: tuple[float, ...]
    implied: Implied = _nothing
    _columns: dict[str, list[int]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of_reports(
        cls, reports: Iterable[Sequence[str]], implied: Implied | None = None, size: int = 0
    ) -> StatementBank:
        """Return the bank of reports, given as statements.

        Args:
            reports: the training reports.
            implied: see `Implied`; None if statements imply nothing.
            size: largest number of statements, of which the rarest are left out; 0 keeps all.

        Raises:
            MelpError: the reports have no statement.
        """
        implied = implied or _nothing
        # Many reports are equal.
        distinct = Counter(tuple(report) for report in reports)
        counts = Counter[str]()
        for report, number in distinct.items():
            for statement in _closure(report, implied):
                counts[statement] += number
        if not counts:
            raise MelpError("statement bank: found no statement in the training reports, wanted at least one")
        # Ties by text, so that the bank does not depend on the order of the reports.
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: size or None]
        total = distinct.total()
        return cls(tuple(text for text, _ in ordered), tuple(count / total for _, count in ordered), implied)

    @cached_property
    def _place(self) -> Mapping[str, int]:
        return {text: place for place, text in enumerate(self.statements)}

    def stated(self, reports: Sequence[Sequence[str]]) -> Bool[Tensor, "report statement"]:
        """Return which statements of the bank each report makes or implies."""
        stated = torch.zeros(len(reports), len(self.statements), dtype=torch.bool)
        for row, report in enumerate(reports):
            for statement in report:
                stated[row, self._columns_of(statement)] = True
        return stated

    def _columns_of(self, statement: str) -> list[int]:
        if statement not in self._columns:
            texts = _closure([statement], self.implied)
            self._columns[statement] = [self._place[text] for text in texts if text in self._place]
        return self._columns[statement]

    @property
    def log_odds(self) -> Float[Tensor, " statement"]:
        """Log odds of each statement in a report."""
        return torch.logit(torch.tensor(self.shares, dtype=torch.float64), eps=1e-6).float()


def _closure(report: Sequence[str], implied: Implied) -> dict[str, None]:
    """Return the statements of a report and those that they imply, each once."""
    texts = dict.fromkeys(report)
    for statement in report:
        texts.update(dict.fromkeys(implied(statement)))
    return texts
