"""Differentiable collectives; the identity in a single process.

Convention: every process computes the loss of the joined batch, and data-parallel training averages the
gradients of the processes. The result is the one-process gradient of the joined batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float, Shaped
from torch import Tensor

from melp.signal.precision import at_least_single


def world_size() -> int:
    """Return the number of processes; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _AllGather(torch.autograd.Function):
    """Gather the same number of rows from each process; the gradient is that of all processes' losses."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.rows = rows.shape[0]
        parts = [torch.empty_like(rows) for _ in range(world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Not reduce-scatter, which gloo lacks.
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        start = dist.get_rank() * ctx.rows
        return gradient[start : start + ctx.rows]


class _AllReduce(torch.autograd.Function):
    """Sum over processes; the gradient is the sum of all processes' gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient


def _row_counts(count: int, device: torch.device) -> list[int]:
    counts = [torch.zeros(1, dtype=torch.int64, device=device) for _ in range(world_size())]
    dist.all_gather(counts, torch.tensor([count], device=device))
    return [int(part) for part in counts]


def gather(rows: Shaped[Tensor, " row *rest"]) -> Shaped[Tensor, " total *rest"]:
    """Return the rows of all processes in order of rank; their numbers may differ between processes."""
    if world_size() == 1:
        return rows
    counts = _row_counts(rows.shape[0], rows.device)
    longest = max(counts)
    padded = torch.cat([rows, rows.new_zeros(longest - rows.shape[0], *rows.shape[1:])])
    joined: Tensor = _AllGather.apply(padded)
    if min(counts) == longest:
        return joined
    parts = joined.split(longest)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def gather_padded(rows: Shaped[Tensor, "row column"]) -> Shaped[Tensor, "total widest"]:
    """Like `gather` for rows whose width differs between processes: narrower rows are padded with zeros."""
    if world_size() == 1:
        return rows
    widest = max(_row_counts(rows.shape[1], rows.device))
    return gather(torch.cat([rows, rows.new_zeros(len(rows), widest - rows.shape[1])], dim=1))


def rows_before(count: int, device: torch.device) -> int:
    """Return how many gathered rows precede the `count` rows of this process."""
    if world_size() == 1:
        return 0
    return sum(_row_counts(count, device)[: dist.get_rank()])


def sum_over_ranks(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the sum of a tensor over all processes."""
    if world_size() == 1:
        return values
    total: Tensor = _AllReduce.apply(values)
    return total


def share_of_count(count: Float[Tensor, ""]) -> Float[Tensor, ""]:
    """Return the divisor of this process's sum that makes the processes' average the joined batch's mean."""
    return sum_over_ranks(count) / world_size()


def share_of_mean(values: Float[Tensor, " row"]) -> Float[Tensor, ""]:
    """Return this process's share of a mean over rows: the processes' average is the mean of all rows."""
    return values.sum() / share_of_count(values.new_tensor(len(values)))


def mean_over_ranks(scalars: Mapping[str, Float[Tensor, ""]]) -> dict[str, Float[Tensor, ""]]:
    """Return the mean of each scalar over the processes, which is that of the joined batch.

    The gradient of each is that of the process's own value, as data-parallel training averages gradients.
    """
    if world_size() == 1:
        return dict(scalars)
    own = torch.stack([at_least_single(value.detach()) for value in scalars.values()])
    means = sum_over_ranks(own) / world_size()
    return {
        name: value + (mean - value.detach())
        for (name, value), mean in zip(scalars.items(), means, strict=True)
    }
