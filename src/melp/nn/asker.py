"""Asking an ECG whether statements apply."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from melp.nn.heads import mlp
from melp.nn.query_pooling import QueryPooler

_RIDGE = 10.0
"""Penalty of the regression with which the log odds begin."""


def normalised(states: Float[Tensor, "text dim"]) -> Float[Tensor, "text dim"]:
    """Return vectors with mean 0 and variance 1."""
    return F.layer_norm(states, states.shape[-1:])


class Asker(nn.Module):
    """Compares statements with what an encoder has read: scale x cosine with their context, plus log odds.

    Args:
        memory_dim: width of the vectors that statements attend to.
        text_dim: width of the statements' vectors.
        dim: width of keys, values and targets.
        heads: see `QueryPooler`.
    """

    def __init__(self, memory_dim: int, text_dim: int, dim: int, heads: int) -> None:
        super().__init__()
        self.text_head = mlp((text_dim, 2 * text_dim, text_dim), norm=False, activation=nn.GELU)
        self.memory_norm = nn.LayerNorm(memory_dim)
        self.pooler = QueryPooler(memory_dim, text_dim, dim, heads)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(10.0)))
        self.log_odds = nn.Linear(text_dim, 1)

    @torch.no_grad()
    def begin(self, states: Float[Tensor, "text text_dim"], log_odds: Float[Tensor, " text"]) -> None:
        """Begin the log odds at a ridge regression of those of the given statements."""
        vectors, target = normalised(states).double(), log_odds.double()
        centre = vectors.mean(0)
        vectors = vectors - centre
        gram = vectors.t() @ vectors + _RIDGE * torch.eye(vectors.shape[1], device=vectors.device)
        weight = torch.linalg.solve(gram, vectors.t() @ (target - target.mean()))
        self.log_odds.weight.copy_(weight[None])
        self.log_odds.bias.copy_((target.mean() - centre @ weight)[None])

    def _adapt(self, states: Float[Tensor, "text text_dim"]) -> Float[Tensor, "text text_dim"]:
        return states + self.text_head(normalised(states))

    def cosines(
        self, memory: Float[Tensor, "batch place channel"], states: Float[Tensor, "text text_dim"]
    ) -> Float[Tensor, "batch text"]:
        """Return the cosine of each statement and its context in each ECG."""
        return self.pooler(self.memory_norm(memory), self._adapt(states))

    def forward(
        self, memory: Float[Tensor, "batch place channel"], states: Float[Tensor, "text text_dim"]
    ) -> Float[Tensor, "batch text"]:
        """Return the logit of each statement for each ECG."""
        return self.logit_scale.exp() * self.cosines(memory, states) + self.prior(states)

    def prior(self, states: Float[Tensor, "text text_dim"]) -> Float[Tensor, " text"]:
        """Return the log odds of each statement before an ECG is read."""
        return self.log_odds(normalised(states))[:, 0]

    def weights(
        self, memory: Float[Tensor, "batch place channel"], states: Float[Tensor, "text text_dim"]
    ) -> Float[Tensor, "batch place text"]:
        """Return the attention of each statement over the memory; it sums to 1."""
        return self.pooler.weights(self.memory_norm(memory), self._adapt(states))
