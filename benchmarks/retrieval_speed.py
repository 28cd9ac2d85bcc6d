"""Places of first hits of retrieval, against a plain version that looks at the matrix once per quantity.

    python benchmarks/retrieval_speed.py [--records 20000] [--out benchmarks/results/retrieval_speed.md]

Vectors are random directions in 256 dimensions. A report has two records on average; that of a record is a
noisy copy of its vector. The plain version computes the matrix of similarities in large parts, once for each
direction, and from it the best hit, the items above it, those as similar, and the hits among these.
"""

from __future__ import annotations

import numpy as np
import torch
from _common import in_turns, parser, publish
from torch import Tensor
from torch.nn.functional import normalize

from melp.evaluation.ranking import TIE, Places
from melp.evaluation.retrieval import retrieval_places
from melp.evaluation.tables import markdown_table

DIM = 256
PAIRS = 1 << 25
FIELDS = ("above", "tied", "hits")


def simulate(records: int) -> tuple[Tensor, Tensor, np.ndarray]:
    """Return the vectors of records and of reports, and the number of the report of each record."""
    generator, numbers = torch.Generator().manual_seed(0), np.random.default_rng(0)
    _, text_of = np.unique(numbers.integers(0, records // 2, records), return_inverse=True)
    texts = normalize(torch.randn(text_of.max() + 1, DIM, generator=generator), dim=-1)
    noise = torch.randn(records, DIM, generator=generator) / DIM**0.5
    return normalize(texts[text_of] + 4 * noise, dim=-1), texts, text_of


@torch.inference_mode()
def plain(queries: Tensor, items: Tensor, wanted: Tensor, groups: Tensor, counts: Tensor) -> Places:
    """Return the place of the best hit of each query from the whole matrix, in parts."""
    rows, parts = max(1, PAIRS // len(items)), []
    for part, names in zip(queries.split(rows), wanted.split(rows), strict=True):
        similarity, is_hit = part @ items.t(), names[:, None] == groups
        best = similarity.masked_fill(~is_hit, -torch.inf).amax(1, keepdim=True)
        reached = similarity >= best - TIE
        above = (similarity > best + TIE).float() @ counts
        parts.append(
            torch.stack([above, reached.float() @ counts - above, (reached & is_hit).float() @ counts])
        )
    return Places(*torch.cat(parts, dim=1).long().numpy())


def both_ways(ecg: Tensor, texts: Tensor, text_of: np.ndarray) -> tuple[Places, Places]:
    """Return the places by the plain version: of the report of each record, of a record of each report."""
    groups, reports = torch.from_numpy(text_of), torch.arange(len(texts))
    copies = torch.from_numpy(np.bincount(text_of)).float()
    found = plain(texts, ecg, reports, groups, torch.ones(len(ecg)))
    return plain(ecg, texts, groups, reports, copies), Places(
        *(getattr(found, name)[text_of] for name in FIELDS)
    )


def main() -> None:
    arguments = parser(__doc__ or "", records=20_000, rounds=3, out=None).parse_args()
    data = simulate(arguments.records)
    for (ours, _), theirs in zip(retrieval_places(*data).values(), both_ways(*data), strict=True):
        for name in FIELDS:
            np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    sides = {"plain": lambda: both_ways(*data), "melp": lambda: retrieval_places(*data)}
    seconds = {name: np.median(times) for name, times in in_turns(sides, arguments.rounds).items()}
    pairs = arguments.records * len(data[1])
    # Of as many reports per record.
    hours = {name: one * (800_000 / arguments.records) ** 2 / 3600 for name, one in seconds.items()}
    rows = [
        (name, f"{one:.1f}", f"{1e9 * one / pairs:.1f}", f"{hours[name]:.1f}")
        for name, one in seconds.items()
    ]
    publish(
        arguments.out,
        "# Speed of retrieval",
        f"{arguments.records:,} records with {len(data[1]):,} different reports, both directions: "
        f"{seconds['plain'] / seconds['melp']:.1f} times as fast, with the same places.",
        markdown_table(("", "processor seconds", "ns per pair", "hours for 800,000 records"), rows),
        "Medians of processor seconds, in turns; hours are by the square of the records. Made by `python "
        f"benchmarks/retrieval_speed.py --records {arguments.records}`, PyTorch {torch.__version__}, "
        f"{torch.get_num_threads()} thread.",
    )


if __name__ == "__main__":
    main()
