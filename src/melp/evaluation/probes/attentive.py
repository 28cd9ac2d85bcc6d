"""Attentive probe: learned queries attend to the frames of a frozen encoder, before a linear layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.optim import AdamW

from melp.evaluation.probes.parts import Rows, Scores, held_out_scores, log_losses

__all__ = ["STEPS", "AttentiveProbe", "Frames", "fit_attentive"]

STEPS = (10, 20, 40, 80, 160, 320, 640, 1280)
"""Numbers of optimiser steps that are selected from."""
_QUERIES, _BATCH, _RATE, _DECAY = 4, 64, 3e-3, 0.05
_RECORDS = 1024  # at once

Frames = Float[np.ndarray, "record frame dim"]


class _Network(nn.Module):
    """Standardised frames are averaged by the attention of each query, then a linear layer reads the means.

    Args:
        frames: the frames to standardise by.
        labels: the classes of their records.
    """

    mean: Tensor
    scale: Tensor
    fitted: Tensor

    def __init__(
        self, frames: Float[Tensor, "record frame dim"], labels: Float[Tensor, "record class"]
    ) -> None:
        super().__init__()
        share, parts = labels.mean(0), frames.split(_RECORDS)
        count = frames.shape[0] * frames.shape[1]
        mean = torch.stack([part.sum((0, 1), dtype=torch.float64) for part in parts]).sum(0) / count
        squares = torch.stack([(part - mean).square().sum((0, 1)) for part in parts]).sum(0) / count
        constant = squares.sqrt() <= 1e-6 * frames.abs().amax((0, 1))
        self.register_buffer("mean", mean.float())
        self.register_buffer("scale", squares.sqrt().float().masked_fill(constant, torch.inf))
        self.register_buffer("fitted", (share > 0) & (share < 1))
        self.queries = nn.Linear(frames.shape[2], _QUERIES, bias=False)
        self.layer = nn.Linear(_QUERIES * frames.shape[2], labels.shape[1])
        with torch.no_grad():
            self.layer.weight.zero_()
            self.layer.bias.copy_(torch.where(self.fitted, share.logit(), 0))

    def forward(self, frames: Float[Tensor, "record frame dim"]) -> Float[Tensor, "record class"]:
        """Return the log-odds of each class."""
        frames = (frames.float() - self.mean) / self.scale
        attention = self.queries(frames).softmax(1)
        log_odds: Tensor = self.layer((attention.mT @ frames).flatten(1))
        return log_odds * self.fitted


@dataclass(frozen=True)
class AttentiveProbe:
    """A fitted probe, after the selected number of optimiser steps."""

    network: _Network
    steps: int

    @property
    def selected(self) -> dict[str, float]:
        """What was selected in training."""
        return {"steps": self.steps}

    @torch.no_grad()
    def __call__(self, frames: Frames) -> Float[np.ndarray, "record class"]:
        """Return the log-odds of each class; 0 for a class without a positive or a negative in training."""
        device, parts = self.network.mean.device, torch.from_numpy(frames).split(_RECORDS)
        log_odds = torch.cat([self.network(part.to(device)) for part in parts])
        return log_odds.double().cpu().numpy()


def fit_attentive(
    frames: Frames,
    labels: Bool[np.ndarray, "record class"],
    patients: Shaped[np.ndarray, " record"],
    *,
    seed: int = 0,
    steps: Sequence[int] = STEPS,
    device: torch.device | str = "cpu",
) -> AttentiveProbe:
    """Train a probe that attends to frames.

    Four queries attend to the frames, as in the attentive probes of Chen et al. (IJCV 2024) and Bardes et al.
    (TMLR 2024). AdamW minimises the log-loss, summed over the classes, in batches of 64 records at a constant
    rate. The number of steps has the smallest log-loss in a cross-validation on these records (see
    `held_out_scores`); then all records are trained on. `seed` also draws the weights and the batches.

    Differences: a query attends to the standardised frames themselves, and nothing follows the linear layer;
    the published probes have projections of keys and values, and a perceptron, with many more weights than a
    corpus of ECGs with labels has records.
    """

    def score(training: Rows, held_out: Rows) -> Scores:
        trained = _train(frames[training], labels[training], steps, seed, device)
        return np.stack([probe(frames[held_out]) for probe in trained])

    found = held_out_scores(score, labels, patients, seed) if len(steps) > 1 else None
    last = steps[0 if found is None else int(np.argmin(log_losses(found, labels)))]
    (probe,) = _train(frames, labels, (last,), seed, device)
    return probe


def _train(
    frames: Frames,
    labels: Bool[np.ndarray, "record class"],
    steps: Sequence[int],
    seed: int,
    device: torch.device | str,
) -> Iterator[AttentiveProbe]:
    """Yield the probe after each number of steps; it is one network, which is trained further."""
    inputs = torch.from_numpy(frames).to(device)
    targets = torch.tensor(labels, dtype=torch.float32, device=device)
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Network(inputs, targets).to(device)
    optimiser = AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY)
    for step, rows in enumerate(_batches(len(frames), steps[-1], generator), start=1):
        optimiser.zero_grad()
        log_odds = network(inputs[rows])
        binary_cross_entropy_with_logits(log_odds, targets[rows], reduction="none").sum(1).mean().backward()
        optimiser.step()
        if step in steps:
            yield AttentiveProbe(network, step)


def _batches(records: int, steps: int, generator: torch.Generator) -> Iterator[Int[Tensor, " batch"]]:
    """Yield the rows of each step; every record is drawn once before one is drawn again."""
    rows = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(rows) < min(_BATCH, records):
            rows = torch.cat([rows, torch.randperm(records, generator=generator)])
        yield rows[:_BATCH]
        rows = rows[_BATCH:]
