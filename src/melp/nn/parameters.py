"""Parameter groups for an optimiser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import nn


def weight_decay_groups(parameters: Iterable[nn.Parameter], **options: Any) -> list[dict[str, Any]]:
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


def scale_rate(groups: list[dict[str, Any]], module: nn.Module, factor: float) -> list[dict[str, Any]]:
    """Multiply the learning rate of a module's parameters; a group that has some is split in two."""
    scaled = {id(parameter) for parameter in module.parameters()}
    split = []
    for group in groups:
        rate = group.get("lr_factor", 1.0)
        for inside, lr_factor in ((False, rate), (True, factor * rate)):
            parameters = [value for value in group["params"] if (id(value) in scaled) == inside]
            if parameters:
                split.append({**group, "params": parameters, "lr_factor": lr_factor})
    return split
