"""What half precision would spoil is computed in single."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def at_least_single(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Half precision as single; single and double as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
