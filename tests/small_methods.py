"""Tiny methods and batches of the synthetic store, for tests of all methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from melp.data.batches import StoreBatches, TextAugmentation
from melp.data.store import Store
from melp.methods import get_method
from melp.methods._base import Inputs, Method
from melp.nn.bert import BertConfig
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.tokenizer import ReportEncoder

BERT = BertConfig(dim=32, layers=2, heads=2, feedforward=64, positions=160)


def tiny_recipe(name: str, options: Sequence[str] = ()) -> Any:
    """Return the recipe NAME/tiny; the import is late because most processes need no training loop."""
    from melp.recipes import load_recipe

    return load_recipe(name, f"{name}/tiny", options)


class Workshop:
    """Build methods from their recipe `NAME/tiny`, without dropout, and batches for them.

    Args:
        store: folder of a store at the recipes' rate.
    """

    def __init__(self, store: Path) -> None:
        self.store = Store(store)
        self.reports = self.store.index["statements"].tolist()
        self.texts = [statement for report in self.reports for statement in report]
        torch.manual_seed(0)
        self.language = LanguageModel.from_scratch(self.texts, 400, BERT)

    def method(self, name: str, options: Sequence[str] = (), seed: int = 0) -> Method:
        """Build a method with new weights; `options` as on the command line, without `method.`."""
        recipe = tiny_recipe(name, [f"method.{option}" for option in options])
        preprocessing = self.preprocessing(name)
        torch.manual_seed(seed)
        bert = type(self.language.bert)(self.language.bert.config)
        language = replace(self.language, bert=bert)
        leads = preprocessing.leads
        inputs = Inputs(len(leads), preprocessing.samples, preprocessing.rate, language, leads)
        return without_dropout(get_method(name)(recipe.method, inputs))

    @staticmethod
    def preprocessing(name: str) -> Preprocessing:
        return Preprocessing.from_dict(tiny_recipe(name).preprocessing)

    def batch(self, name: str, size: int = 8, first: int = 0) -> dict[str, Any]:
        """Return a training batch of `size` records."""
        kind = get_method(name)
        encode = ReportEncoder(self.language.tokenizer) if "text" in kind.needs else None
        bank = kind.new_bank(tiny_recipe(name).method, self.reports) if "bank" in kind.needs else None
        batches = StoreBatches(self.store, None, encode, TextAugmentation(0.5, True), bank=bank)
        batch = batches.__getitems__([(row, 1000 + row) for row in range(first, first + size)])
        signal = batch["signal"].float() / 1000
        return {**batch, "ecg": self.preprocessing(name)(signal, self.store.rate), "step": 3, "steps": 10}


def without_dropout(method: Method) -> Method:
    """Set all dropout rates of a method to 0 and return it."""
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return method


def rows_of(batch: dict[str, Any], rows: Tensor) -> dict[str, Any]:
    """Return these rows of a batch, in this order."""
    return {name: value[rows] if isinstance(value, Tensor) else value for name, value in batch.items()}


def part_of(batch: dict[str, Any], first: int, last: int, pad: int) -> dict[str, Any]:
    """Return the batch of a process with these rows only: text is padded to the longest of them."""
    part = rows_of(batch, torch.arange(first, last))
    fills = {"tokens": pad, "report": pad, "sentence": -1, "shown_statements": 0, "all_statements": 0}
    # The last token of a report belongs to no statement, so `sentence` has the width of `tokens`.
    width = {name: int((part[name] != fill).sum(1).max()) for name, fill in fills.items() if name in part}
    width |= {"sentence": width["tokens"]} if "sentence" in width else {}
    return part | {name: part[name][:, :count] for name, count in width.items()}
