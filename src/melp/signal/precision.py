"""Single precision for computations that half precision would make inaccurate."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def at_least_single(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Convert half precision to single; return single and double precision unchanged."""
    return x.to(torch.promote_types(x.dtype, torch.float32))
