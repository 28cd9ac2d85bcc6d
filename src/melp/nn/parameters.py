"""Parameter groups for an optimiser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn


def decay_groups(parameters: Iterable[nn.Parameter], **options: Any) -> list[dict[str, Any]]:
    """Return two groups with the same options: matrices; vectors and scalars, which are not decayed."""
    parameters = list(parameters)
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], **options},
        {
            "params": [parameter for parameter in parameters if parameter.ndim <= 1],
            **options,
            "weight_decay": 0.0,
        },
    ]
