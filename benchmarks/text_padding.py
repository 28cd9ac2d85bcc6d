"""A MELP training step with text padded to the longest of the batch, against padding to 128.

    python benchmarks/text_padding.py --store STORE [--out benchmarks/results/text_padding.md]

The published code pads every report to 128 tokens and processes them all. Here a batch is as wide as its
longest report, and rows of similar length go through a network together (`melp.nn.trimming`). All sides see
the same records and give the same loss, which is checked first. Sizes are those of `melp/laptop`, weights
untrained.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from _common import in_turns, parser, publish
from torch import Tensor, nn

from melp.data.batches import Steps, StoreBatches
from melp.data.store import Store
from melp.evaluation.tables import markdown_table
from melp.methods._base import Inputs, Method
from melp.methods.melp import MELP
from melp.nn.bert import BertConfig
from melp.recipes import load_recipe
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.sources import ReportSentences
from melp.text.tokenizer import ReportEncoder
from melp.training.pretrain_text import reports_of

WIDTH, BATCH = 128, 64
TOWERS = {
    "statement by statement (melp/laptop)": (),
    "causal, as published": ("method.text_attention=causal", "method.text_pooling=cls"),
}
OPTIONS = ("method.decoder_dropout=0", "method.lead_masking=0", "method.identical_reports=negatives")
TRIMMED = ("melp.methods.melp.run_trimmed", "melp.text.tower.run_trimmed")


def untrimmed(network: Callable[..., Tensor], _: Tensor, *inputs: Tensor) -> Tensor:
    """`run_trimmed` without the trimming: all rows at their full width."""
    return network(*inputs, torch.arange(len(inputs[0])))


def build(store: Store, tower: tuple[str, ...]) -> tuple[Method, Preprocessing, ReportEncoder]:
    """Return the method at laptop sizes, without dropout, so that the losses can be compared."""
    recipe = load_recipe("melp", "melp/laptop", [*OPTIONS, *tower, "method.text_length=127"])
    sizes, reports = recipe.stage1.model, reports_of(store, recipe.data.train_folds)
    shape = {"dim": sizes.dim, "layers": sizes.layers, "heads": sizes.heads, "positions": sizes.positions}
    torch.manual_seed(0)
    bert = BertConfig(**shape, feedforward=4 * sizes.dim, dropout=0, attention_dropout=0)
    language = LanguageModel.from_scratch(ReportSentences(reports), sizes.vocabulary, bert)
    preprocessing = Preprocessing.from_dict(recipe.preprocessing)
    inputs = Inputs(len(preprocessing.leads), preprocessing.samples, preprocessing.rate, language)
    method = MELP(recipe.method, inputs)
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return method.train(), preprocessing, ReportEncoder(language.tokenizer, 127)


def widen(batch: dict[str, Tensor], pad: int) -> dict[str, Tensor]:
    """Return the batch with its text padded to `WIDTH`, the place of [CLS] included."""
    missing, fills = WIDTH - 1 - batch["tokens"].shape[1], {"tokens": pad, "sentence": -1}
    return batch | {name: F.pad(batch[name], (0, missing), value=fill) for name, fill in fills.items()}


def measure(store: Store, tower: tuple[str, ...], rounds: int) -> tuple[dict[str, float], str]:
    """Return the median CPU seconds of a step by side, and a note on the reports."""
    method, preprocessing, encode = build(store, tower)
    data = StoreBatches(store, None, encode)
    narrow = [data.__getitems__(samples) for samples in Steps(len(data), BATCH, seed=0, last=rounds)]
    for batch in narrow:
        batch["ecg"] = preprocessing(batch["signal"].float() / 1000, store.rate)
    wide = [widen(batch, encode.tokenizer.pad_token_id) for batch in narrow]
    optimiser = torch.optim.AdamW(method.parameters(), lr=1e-5)

    def loss_of(batch: dict[str, Tensor], trimmed: bool) -> Tensor:
        with ExitStack() as stack:
            for name in () if trimmed else TRIMMED:
                stack.enter_context(patch(name, untrimmed))
            return method(batch)["loss"]

    def step(batches: Iterator[dict[str, Tensor]], trimmed: bool) -> None:
        optimiser.zero_grad()
        loss_of(next(batches), trimmed).backward()
        optimiser.step()

    kinds = {
        "padded to 128, nothing trimmed": (wide, False),
        "padded to 128": (wide, True),
        "padded to the longest of the batch": (narrow, True),
    }
    with torch.no_grad():
        first, *others = (loss_of(batches[0], trimmed) for batches, trimmed in kinds.values())
    for loss in others:
        torch.testing.assert_close(loss, first, rtol=1e-3, atol=1e-4)
    sides = {name: partial(step, cycle(batches), trimmed) for name, (batches, trimmed) in kinds.items()}
    seconds = in_turns(sides, rounds)
    lengths = torch.cat([(batch["sentence"] >= 0).sum(1) + 2 for batch in narrow]).float().mean()
    widest = np.mean([batch["tokens"].shape[1] for batch in narrow])
    note = f"Reports have {lengths:.0f} tokens on average, the longest of a batch {widest:.0f}."
    return {name: float(np.median(values[1:])) for name, values in seconds.items()}, note


def main() -> None:
    options = parser(__doc__, store=Path, rounds=9, out=None).parse_args()
    torch.set_num_threads(1)
    store, rows = Store(options.store), []
    for title, tower in TOWERS.items():
        seconds, note = measure(store, tower, options.rounds)
        first = next(iter(seconds.values()))
        rows += [(title, name, f"{1000 * own:.0f}", f"{first / own:.2f}") for name, own in seconds.items()]
    about = (
        f"One MELP training step (forward, backward, AdamW), sizes of `melp/laptop`, batch {BATCH}, reports "
        f"of {store.manifest['corpus']} ({len(store)} records at {store.rate:g} Hz), CPU, 1 thread, float32, "
        f"torch {torch.__version__}; medians of CPU time over {options.rounds - 1} alternating rounds in one "
        "run of `benchmarks/text_padding.py`. The ratio is to the first line of each text tower."
    )
    table = markdown_table(("text tower", "text", "step (ms)", "ratio"), rows)
    publish(
        options.out, "# Text padded to the longest of the batch against padding to 128", about, table, note
    )


if __name__ == "__main__":
    main()
