"""The options of a method, with their documentation."""

from __future__ import annotations

import ast
import inspect
from dataclasses import MISSING, dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True)
class Option:
    """A field of a method's `Config`."""

    name: str
    default: Any
    meaning: str
    """The docstring below the field, or an empty string."""


def list_options(config: type) -> list[Option]:
    """Return the fields of a dataclass, those of its bases first, with their docstrings."""
    meanings: dict[str, str] = {}
    for kind in reversed(config.__mro__):
        if is_dataclass(kind):
            meanings |= _meanings(kind)
    return [
        Option(
            field.name,
            field.default_factory() if field.default_factory is not MISSING else field.default,
            meanings.get(field.name, ""),
        )
        for field in fields(config)
    ]


def _meanings(kind: type) -> dict[str, str]:
    try:
        (definition,) = ast.parse(inspect.cleandoc(inspect.getsource(kind))).body
    except (OSError, TypeError, SyntaxError):
        # Defined at run time or without source code: listed without docstrings.
        return {}
    assert isinstance(definition, ast.ClassDef)
    meanings = {}
    for statement, after in pairwise(definition.body):
        if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            meanings[statement.target.id] = " ".join(str(after.value.value).split())
    return meanings
