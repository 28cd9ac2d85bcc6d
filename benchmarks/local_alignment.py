"""The beat-level loss for the whole batch at once, against the published order of work.

The published order takes one report at a time: its statements attend over the beats of every ECG of the
batch, the contexts are formed, and cosines are taken between statements and contexts. Both sides give the
same loss and the same gradients, which is checked first.

    python benchmarks/local_alignment.py [--out benchmarks/results/local_alignment.md]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from melp.losses.local_alignment import LocalAlignment, local_alignment_loss

BATCH, BEATS, MOST_STATEMENTS, DIM = 64, 12, 8, 256


def report_by_report(beats: Tensor, statements: list[Tensor], settings: LocalAlignment) -> Tensor:
    """One report against the whole batch at a time, contexts formed."""
    batch = beats.shape[0]
    columns = []
    for sentences in statements:
        count = sentences.shape[0]
        queries = sentences.expand(batch, -1, -1)
        products = torch.bmm(beats, queries.transpose(1, 2))
        if settings.form == "code":
            products = products.softmax(dim=2)
        weights = (settings.attention_factor * products).softmax(dim=1)
        contexts = torch.bmm(weights.transpose(1, 2), beats)
        cosines = F.cosine_similarity(
            queries.reshape(batch * count, -1), contexts.reshape(batch * count, -1), dim=1
        ).reshape(batch, count)
        exponentials = (settings.similarity_factor * cosines).exp()
        pooled = exponentials.mean(1) if settings.aggregation == "mean" else exponentials.sum(1)
        columns.append(pooled.log())
    logits = settings.logit_factor * torch.stack(columns, dim=1)
    labels = torch.arange(batch, device=beats.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def batch_of_vectors(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Beats, statements and owners; lengths as after a linear layer, so that attention is not one-hot."""
    generator = torch.Generator().manual_seed(seed)
    beats = torch.randn(BATCH, BEATS, DIM, generator=generator) / DIM**0.25
    counts = torch.randint(1, MOST_STATEMENTS + 1, (BATCH,), generator=generator)
    owner = torch.arange(BATCH).repeat_interleave(counts)
    statements = torch.randn(len(owner), DIM, generator=generator) / DIM**0.25
    return beats, statements, owner


def with_gradients(
    loss: Callable[[Tensor, Tensor], Tensor], beats: Tensor, statements: Tensor
) -> list[Tensor]:
    """Loss and both gradients."""
    leaves = [beats.clone().requires_grad_(), statements.clone().requires_grad_()]
    value = loss(*leaves)
    return [value.detach(), *torch.autograd.grad(value, leaves)]


def seconds(work: Callable[[], object], rounds: int) -> list[float]:
    """Duration of each of several rounds."""
    durations = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        durations.append(time.perf_counter() - start)
    return durations


def compare(settings: LocalAlignment, rounds: int) -> str:
    """One line of the table; rounds alternate, so that both sides share the machine's moods."""
    beats, statements, owner = batch_of_vectors(seed=0)
    counts = torch.bincount(owner, minlength=BATCH).tolist()

    def published() -> list[Tensor]:
        return with_gradients(
            lambda b, s: report_by_report(b, list(s.split(counts)), settings), beats, statements
        )

    def vectorised() -> list[Tensor]:
        return with_gradients(lambda b, s: local_alignment_loss(b, s, owner, settings), beats, statements)

    for found, wanted in zip(vectorised(), published(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)
    slow, fast = [], []
    for _ in range(rounds):
        slow += seconds(published, 1)
        fast += seconds(vectorised, 5)
    ratio = statistics.median(slow) / statistics.median(fast)
    return (
        f"| {settings.form} | {1000 * statistics.median(slow):.1f} | {1000 * statistics.median(fast):.2f} "
        f"| {ratio:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    lines = [
        "# Beat-level loss: whole batch at once against one report at a time",
        "",
        f"Batch {BATCH}, {BEATS} beats, 1 to {MOST_STATEMENTS} statements, width {DIM}, float32, forward and "
        f"backward, CPU, {arguments.threads} thread(s), torch {torch.__version__}; medians of "
        f"{arguments.rounds} alternating rounds in one run of `benchmarks/local_alignment.py`.",
        "",
        "| form | one report at a time (ms) | whole batch (ms) | ratio |",
        "|---|---|---|---|",
        *(compare(LocalAlignment(form=form), arguments.rounds) for form in ("paper", "code")),
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.out:
        arguments.out.write_text(text)


if __name__ == "__main__":
    main()
