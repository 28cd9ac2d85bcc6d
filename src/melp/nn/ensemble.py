"""Several encoders side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from melp.nn.base import Encoder


class Ensemble(Encoder):
    """Encoders of the same sizes, each with weights of its own; their outputs are concatenated by channel.

    Args:
        members: the encoders; `output.chunk(len(members))` along the channels returns what each has read.
    """

    def __init__(self, members: Sequence[Encoder]) -> None:
        super().__init__()
        self.members = cast("Sequence[Encoder]", nn.ModuleList(members))
        self.config = members[0].config
        self.dim = sum(member.dim for member in members)

    def forward(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch frame dim"]:
        return torch.cat([member(ecg) for member in self.members], dim=-1)

    def embed(self, ecg: Float[Tensor, "batch lead time"]) -> Float[Tensor, "batch dim"]:
        """Return the vectors of all members."""
        return torch.cat([member.embed(ecg) for member in self.members], dim=-1)

    def stages(self, ecg: Float[Tensor, "batch lead time"]) -> list[Float[Tensor, "batch channel place"]]:
        """Return the outputs of each stage of all members."""
        prepared = self.members[0].prepare(ecg)
        stages = zip(*(member.read(*prepared) for member in self.members), strict=True)
        return [torch.cat(stage, dim=1) for stage in stages]

    def memory(
        self, stages: Sequence[Float[Tensor, "batch channel place"]]
    ) -> Float[Tensor, "batch place dim"]:
        """Return the memories of all members."""
        parts = zip(*(stage.chunk(len(self.members), dim=1) for stage in stages), strict=True)
        memories = [member.memory(part) for member, part in zip(self.members, parts, strict=True)]
        return torch.cat(memories, dim=-1)

    def over_frames(
        self, ecg: Float[Tensor, "batch lead time"], weights: Float[Tensor, "batch place query"]
    ) -> Float[Tensor, "batch frame query"]:
        """Return weights over a memory as weights over the frames, as the first member does."""
        return self.members[0].over_frames(ecg, weights)
