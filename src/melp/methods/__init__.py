"""Pretraining methods: each file of this folder that does not begin with `_` defines the method of its name.

Other packages register methods through the entry point group `melp.methods` and build them from the names
exported here: `from melp.methods import Method, Inputs, ...`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from melp._lazy import lazy_getattr
from melp.errors import MelpError, one_of

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
    """Return the names of all methods, without importing them."""
    return sorted(_inside() | set(_outside()))


def get_method(name: str) -> type[Method]:
    """Return the class of a method.

    Raises:
        MelpError: the name is unknown, or the entry point of another package is not a method or has the name
            of a method of melp.
    """
    if name not in list_methods():
        raise MelpError(f"method: {name!r} found, wanted {one_of(name, list_methods())}")
    target = _outside().get(name)
    if target is not None:
        return _from_outside(name, target)
    module_name = f"{__name__}.{name}"
    module = importlib.import_module(module_name)
    from melp.methods._base import Method

    (method,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module_name
    )
    return method


def _from_outside(name: str, target: str) -> type[Method]:
    from melp.methods._base import Method

    if name in _inside():
        raise MelpError(f"method {name}: entry point {target!r} found, wanted a name that melp does not have")
    module, _, attribute = target.partition(":")
    try:
        method = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise MelpError(f"method {name}: entry point {target!r} found, wanted a class ({error})") from error
    if not (isinstance(method, type) and issubclass(method, Method)):
        raise MelpError(f"method {name}: entry point {target!r} found, wanted a subclass of Method")
    return method


def recipe_folders() -> dict[str, Path]:
    """Return the recipe folders of other packages' methods: `recipes/METHOD` in the package."""
    folders = {}
    for name, target in _outside().items():
        # Does not import the package, which imports torch.
        spec = importlib.util.find_spec(target.partition(":")[0].partition(".")[0])
        for package in (spec and spec.submodule_search_locations) or ():
            folders[name] = Path(package) / "recipes" / name
    return folders
