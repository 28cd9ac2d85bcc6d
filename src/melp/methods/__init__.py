"""Pretraining methods: each file of this folder that does not begin with `_` is one, under its own name.

Packages outside `melp` register theirs through the entry point group `melp.methods`, and build them from the
names here: `from melp.methods import Method, Inputs, ...`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from melp._lazy import lazy_getattr
from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.methods._base import Batch, EncoderConfig, Inputs, Method, progress
    from melp.methods._ema import MovingAverage, rising_momentum
    from melp.methods._views import ViewsConfig, two_views

__all__ = [
    "Batch",
    "EncoderConfig",
    "Inputs",
    "Method",
    "MovingAverage",
    "ViewsConfig",
    "get_method",
    "list_methods",
    "progress",
    "recipe_folders",
    "rising_momentum",
    "two_views",
]

# Imported on first use because they import torch.
__getattr__ = lazy_getattr(
    __name__,
    {
        "_base": ("Batch", "EncoderConfig", "Inputs", "Method", "progress"),
        "_ema": ("MovingAverage", "rising_momentum"),
        "_views": ("ViewsConfig", "two_views"),
    },
)


def _outside() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group="melp.methods")}


def _inside() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}


def list_methods() -> list[str]:
    """Names of all methods, without importing them."""
    return sorted(_inside() | set(_outside()))


def get_method(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        MelpError: there is none of that name, or another package names what is no method, or one of ours.
    """
    if name not in list_methods():
        raise MelpError(f"method: {name!r} found, wanted one of {', '.join(list_methods())}")
    target = _outside().get(name)
    if target is not None:
        return _from_outside(name, target)
    module_name = f"{__name__}.{name}"
    module = importlib.import_module(module_name)
    from melp.methods._base import Method

    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module_name
    )
    return found


def _from_outside(name: str, target: str) -> type[Method]:
    from melp.methods._base import Method

    if name in _inside():
        raise MelpError(f"method {name}: entry point {target!r} found, wanted a name that melp does not have")
    module, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise MelpError(f"method {name}: entry point {target!r} found, wanted a class ({error})") from error
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise MelpError(f"method {name}: entry point {target!r} found, wanted a subclass of Method")
    return found


def recipe_folders() -> dict[str, Path]:
    """Where the recipes of other packages' methods lie: `recipes/METHOD` in the package."""
    folders = {}
    for name, target in _outside().items():
        # Found without importing it, and torch with it.
        spec = importlib.util.find_spec(target.partition(":")[0].partition(".")[0])
        for home in (spec and spec.submodule_search_locations) or ():
            folders[name] = Path(home) / "recipes" / name
    return folders
