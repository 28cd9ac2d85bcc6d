"""Parameter groups for an optimiser."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.utils.parametrize import ParametrizationList

_TABLES = (nn.Embedding, nn.EmbeddingBag)
_NO_LAYERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict, nn.LayerNorm)
# Of weight norm, as a parametrization and in its older form.
_MAGNITUDES = ("original0", "weight_g")


def weight_decay_groups(module: nn.Module, **options: Any) -> list[dict[str, Any]]:
    """Return two groups of the trainable parameters, with the same options: decayed and not decayed.

    Weight decay is for the matrices of layers, which every batch trains. It is not for vectors and scalars,
    nor for what is looked up or learned as an input: positions, tokens, queries, codebooks, and embeddings. A
    batch uses a few of these, and decay would shrink the others. Nor is it for the magnitudes of weight norm.

    A layer is a module of PyTorch, such as `nn.Linear`, or of a class derived from one. Another module with a
    matrix of its own, as `nn.Parameter`, names it in its attribute `matrices`.
    """
    decayed = {id(parameter) for parameter in _matrices(module)}
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    return [
        {"params": [parameter for parameter in parameters if id(parameter) in decayed], **options},
        {
            "params": [parameter for parameter in parameters if id(parameter) not in decayed],
            **options,
            "weight_decay": 0.0,
        },
    ]


def _matrices(module: nn.Module) -> list[nn.Parameter]:
    """Return the matrices of all layers; one that is also an embedding is none."""
    found, tables = list[nn.Parameter](), set[int]()
    for part in module.modules():
        own = {name: value for name, value in part.named_parameters(recurse=False) if value.ndim > 1}
        if isinstance(part, _TABLES):
            tables |= {id(value) for value in own.values()}
        elif _is_layer(part):
            found += [value for name, value in own.items() if name not in _MAGNITUDES]
        else:
            found += [own[name] for name in getattr(part, "matrices", ()) if name in own]
    return [parameter for parameter in found if id(parameter) not in tables]


def _is_layer(part: nn.Module) -> bool:
    if isinstance(part, ParametrizationList):
        return True
    bases = [base for base in type(part).__mro__ if base.__module__.startswith("torch.nn.modules.")]
    return bases != [nn.Module] and not isinstance(part, _NO_LAYERS)


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
