"""Pretraining methods: each file of this folder that does not begin with `_` is one, under its own name.

Packages outside `melp` register theirs through the entry point group `melp.methods`.
"""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from melp.errors import MelpError

if TYPE_CHECKING:
    from melp.methods._base import Method


def _outside() -> dict[str, str]:
    return {point.name: point.value for point in entry_points(group="melp.methods")}


def list_methods() -> list[str]:
    """Names of all methods, without importing them."""
    inside = {module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")}
    return sorted(inside | set(_outside()))


def get_method(name: str) -> type[Method]:
    """The class of a method.

    Raises:
        MelpError: there is none of that name.
    """
    if name not in list_methods():
        raise MelpError(f"method: {name!r} found, wanted one of {', '.join(list_methods())}")
    target = _outside().get(name, f"{__name__}.{name}")
    module_name, _, attribute = target.partition(":")
    module = importlib.import_module(module_name)
    if attribute:
        found: type[Method] = getattr(module, attribute)
        return found
    from melp.methods._base import Method

    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Method) and value.__module__ == module_name
    )
    return found
