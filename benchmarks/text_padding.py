"""A MELP training step with text padded to the longest of the batch, against padding to 128.

    python benchmarks/text_padding.py --store STORE [--out benchmarks/results/text_padding.md]

The published code pads every report to 128 tokens and reads and writes them all. Here a batch is as wide as
its longest report, and rows of like length go through a network together (`melp.nn.trimming`). Both sides see
the same records and give the same loss, which is checked first. Sizes are those of `melp/laptop`, weights
untrained.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from melp.data.batches import Steps, StoreBatches
from melp.data.store import Store
from melp.methods._base import Inputs, Method
from melp.methods.melp import MELP
from melp.nn.bert import BertConfig
from melp.recipes import load_recipe
from melp.signal.preprocessing import Preprocessing
from melp.text.model import LanguageModel
from melp.text.sources import Sentences
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
    """`run_trimmed` without the trimming: all rows at the width that they come in."""
    return network(*inputs, torch.arange(len(inputs[0])))


@contextmanager
def published() -> Iterator[None]:
    """Within it nothing is trimmed."""
    with ExitStack() as stack:
        for name in TRIMMED:
            stack.enter_context(patch(name, untrimmed))
        yield


def build(store: Store, tower: tuple[str, ...]) -> tuple[Method, Preprocessing, ReportEncoder]:
    """The method at laptop sizes, without dropout, so that both sides can be compared."""
    recipe = load_recipe("melp", "melp/laptop", [*OPTIONS, *tower, "method.text_length=127"])
    sizes, reports = recipe.stage1.model, reports_of(store, recipe.data.train_folds)
    bert = BertConfig(
        dim=sizes.dim, layers=sizes.layers, heads=sizes.heads, feedforward=4 * sizes.dim,
        positions=sizes.positions, dropout=0, attention_dropout=0,
    )  # fmt: skip
    torch.manual_seed(0)
    language = LanguageModel.from_scratch(Sentences(reports), sizes.vocabulary, bert)
    preprocessing = Preprocessing.from_dict(recipe.preprocessing)
    inputs = Inputs(len(preprocessing.leads), preprocessing.samples, preprocessing.rate, language)
    method = MELP(recipe.method, inputs)
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return method.train(), preprocessing, ReportEncoder(language.tokenizer, 127)


def batches(store: Store, preprocessing: Preprocessing, encode: ReportEncoder, count: int) -> list[dict]:
    """Batches of a training, preprocessed."""
    data = StoreBatches(store, None, encode)
    made = [data.__getitems__(samples) for samples in Steps(len(data), BATCH, seed=0, last=count)]
    return [{**b, "ecg": preprocessing(b["signal"].float() / 1000, store.rate)} for b in made]


def widen(batch: dict[str, Tensor], pad: int) -> dict[str, Tensor]:
    """The batch with its text padded to `WIDTH` less the place of [CLS]."""
    missing = WIDTH - 1 - batch["tokens"].shape[1]
    fills = {"tokens": pad, "sentence": -1}
    return batch | {name: F.pad(batch[name], (0, missing), value=fill) for name, fill in fills.items()}


def step(method: Method, optimiser: torch.optim.Optimizer, batch: dict[str, Tensor]) -> float:
    """CPU seconds of one training step."""
    start = time.process_time()
    optimiser.zero_grad()
    method(batch)["loss"].backward()
    optimiser.step()
    return time.process_time() - start


def compare(store: Store, title: str, tower: tuple[str, ...], rounds: int) -> list[str]:
    """Lines of the table for one text tower; rounds alternate between the sides."""
    method, preprocessing, encode = build(store, tower)
    optimiser = torch.optim.AdamW(method.parameters(), lr=1e-5)
    narrow = batches(store, preprocessing, encode, rounds)
    wide = [widen(batch, encode.tokenizer.pad_token_id) for batch in narrow]
    sides = {
        "padded to 128, nothing trimmed": (wide, published),
        "padded to 128": (wide, nullcontext),
        "padded to the longest of the batch": (narrow, nullcontext),
    }
    with torch.no_grad():
        found = []
        for inputs, context in sides.values():
            with context():
                found.append(method(inputs[0])["loss"])
    for loss in found[:-1]:
        torch.testing.assert_close(loss, found[-1], rtol=1e-3, atol=1e-4)
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        for name, (inputs, context) in sides.items():
            with context():
                spent[name].append(step(method, optimiser, inputs[number]))
    medians = {name: statistics.median(times[1:]) for name, times in spent.items()}
    base = medians["padded to 128, nothing trimmed"]
    widths = statistics.mean(batch["tokens"].shape[1] for batch in narrow)
    lengths = torch.cat([(batch["sentence"] >= 0).sum(1) + 2 for batch in narrow]).float()
    lines = [
        f"| {title} | {name} | {1000 * took:.0f} | {base / took:.2f} |" for name, took in medians.items()
    ]
    note = f"Reports have {lengths.mean():.0f} tokens on average, the longest of a batch {widths:.0f}."
    return [*lines, note]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, required=True, help="store with reports, such as PTB-XL's")
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    store = Store(arguments.store)
    lines = [
        "# Text padded to the longest of the batch against padding to 128",
        "",
        f"One MELP training step (forward, backward, AdamW), sizes of `melp/laptop`, batch {BATCH}, reports "
        f"of {store.manifest['corpus']} ({len(store)} records at {store.rate:g} Hz), CPU, 1 thread, float32, "
        f"torch {torch.__version__}; medians of CPU time over {arguments.rounds - 1} alternating rounds in "
        "one run of `benchmarks/text_padding.py`. The ratio is to the first line of each text tower.",
        "",
        "| text tower | text | step (ms) | ratio |",
        "|---|---|---|---|",
    ]
    for title, tower in TOWERS.items():
        *rows, note = compare(store, title, tower, arguments.rounds)
        lines += rows
    text = "\n".join([*lines, "", note]) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
