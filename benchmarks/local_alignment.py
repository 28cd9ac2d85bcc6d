"""The beat-level loss for the whole batch at once, against the published order of work.

    python benchmarks/local_alignment.py [--out benchmarks/results/local_alignment.md]

The published order processes one report at a time: its statements attend over the beats of every ECG in the
batch, the contexts are computed, and cosines are taken between statements and contexts. Both sides give the
same loss and the same gradients, which is checked first.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from _common import in_turns, parser, publish
from torch import Tensor

from melp.evaluation.tables import markdown_table
from melp.losses.local_alignment import LocalAlignment, local_alignment_loss

BATCH, BEATS, MOST_STATEMENTS, DIM = 64, 12, 8, 256


def report_by_report(beats: Tensor, statements: list[Tensor], settings: LocalAlignment) -> Tensor:
    """Return the loss, one report against the whole batch at a time."""
    columns = []
    for sentences in statements:
        queries = sentences.expand(len(beats), -1, -1)
        products = torch.bmm(beats, queries.transpose(1, 2))
        if settings.form == "code":
            products = products.softmax(dim=2)
        weights = (settings.attention_factor * products).softmax(dim=1)
        contexts = torch.bmm(weights.transpose(1, 2), beats)
        exponentials = (settings.similarity_factor * F.cosine_similarity(queries, contexts, dim=2)).exp()
        pooled = exponentials.mean(1) if settings.aggregation == "mean" else exponentials.sum(1)
        columns.append(pooled.log())
    logits = settings.logit_factor * torch.stack(columns, dim=1)
    labels = torch.arange(len(beats), device=beats.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def batch_of_vectors() -> tuple[Tensor, Tensor, Tensor]:
    """Return beats, statements and owners, as short as a linear layer's outputs: attention is not one-hot."""
    generator = torch.Generator().manual_seed(0)
    beats = torch.randn(BATCH, BEATS, DIM, generator=generator) / DIM**0.25
    counts = torch.randint(1, MOST_STATEMENTS + 1, (BATCH,), generator=generator)
    owner = torch.arange(BATCH).repeat_interleave(counts)
    statements = torch.randn(len(owner), DIM, generator=generator) / DIM**0.25
    return beats.requires_grad_(), statements.requires_grad_(), owner


def row(settings: LocalAlignment, rounds: int) -> tuple[str, ...]:
    """Return a row of the table."""
    beats, statements, owner = batch_of_vectors()
    counts = torch.bincount(owner, minlength=BATCH).tolist()
    losses: dict[str, Callable[[], Tensor]] = {
        "published": lambda: report_by_report(beats, list(statements.split(counts)), settings),
        "whole batch": lambda: local_alignment_loss(beats, statements, owner, settings),
    }

    def with_gradients(loss: Callable[[], Tensor]) -> list[Tensor]:
        value = loss()
        return [value.detach(), *torch.autograd.grad(value, (beats, statements))]

    torch.testing.assert_close(*map(with_gradients, losses.values()), rtol=1e-3, atol=1e-5)
    sides = {name: lambda loss=loss: with_gradients(loss) for name, loss in losses.items()}
    slow, fast = (1000 * np.median(seconds) for seconds in in_turns(sides, rounds).values())
    return settings.form, f"{slow:.1f}", f"{fast:.2f}", f"{slow / fast:.1f}"


def main() -> None:
    options = parser(__doc__, rounds=15, threads=1, out=None).parse_args()
    torch.set_num_threads(options.threads)
    note = (
        f"Batch {BATCH}, {BEATS} beats, 1 to {MOST_STATEMENTS} statements, width {DIM}, float32, forward and "
        f"backward, CPU, {options.threads} thread(s), torch {torch.__version__}; medians of {options.rounds} "
        "alternating rounds in one run of `benchmarks/local_alignment.py`."
    )
    rows = [row(LocalAlignment(form=form), options.rounds) for form in ("paper", "code")]
    names = ("form", "one report at a time (ms)", "whole batch (ms)", "ratio")
    title = "# Beat-level loss: whole batch at once against one report at a time"
    publish(options.out, title, note, markdown_table(names, rows))


if __name__ == "__main__":
    main()
