"""Batch norm over all processes, on any device."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.losses.gather import sum_over_ranks, world_size
from melp.signal.precision import at_least_single


class BatchNorm1d(nn.BatchNorm1d):
    """Batch norm with the statistics of the joined batch of all processes in training.

    `torch.nn.SyncBatchNorm` does not run on CPU. In one process this is `torch.nn.BatchNorm1d`, which has the
    same arguments. Input: vectors [batch, channel] or sequences [batch, channel, time].
    """

    def forward(self, x: Float[Tensor, "batch channel *time"]) -> Float[Tensor, "batch channel *time"]:
        if not self.training or world_size() == 1:
            return super().forward(x)
        values = at_least_single(x).view(*x.shape[:2], -1)
        count = values.new_tensor([values.shape[0] * values.shape[2]])
        sums = sum_over_ranks(torch.cat([values.sum((0, 2)), count]))
        mean, total = sums[:-1] / sums[-1], sums[-1].detach()
        centred = values - mean[:, None]
        variance = sum_over_ranks(centred.square().sum((0, 2))) / total
        self._update(mean.detach(), variance.detach() * total / (total - 1))
        scaled = centred * torch.rsqrt(variance + self.eps)[:, None]
        if self.affine:
            scaled = scaled * self.weight[:, None] + self.bias[:, None]
        return scaled.view(x.shape).to(x.dtype)

    def _update(self, mean: Float[Tensor, " channel"], variance: Float[Tensor, " channel"]) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked.add_(1)
        momentum = 0.1 if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance, momentum)
