"""The error for input that cannot be used, and the checks of options that raise it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar

T = TypeVar("T")


class MelpError(Exception):
    """Input that `melp` cannot use.

    The message is one line: the file or field, what was found, what was wanted. The command line prints it
    and exits with code 2.
    """


def one_of(found: object, names: Iterable[str]) -> str:
    """Return what an error says is wanted instead of an unknown name: all names, and the nearest one."""
    names = [*map(str, names)]
    near = get_close_matches(str(found), names, 1)
    return f"one of {', '.join(names) or 'none'}" + (f"; did you mean {near[0]}?" if near else "")


def check_choices(where: str, values: Any, choices: Mapping[str, Sequence[str]]) -> None:
    """Check that attributes of `values` are among their choices.

    Raises:
        MelpError: an attribute has another value; the message begins with `where` and its name.
    """
    for name, wanted in choices.items():
        if (value := getattr(values, name)) not in wanted:
            raise MelpError(f"{where}.{name}: {value!r} found, wanted {one_of(value, wanted)}")


def check_ranges(
    where: str, values: Any, ranges: Mapping[str, tuple[float, float]], above: Sequence[str] = ()
) -> None:
    """Check that attributes of `values` are finite and within bounds, and those in `above` greater than 0.

    Raises:
        MelpError: an attribute is out of bounds; the message begins with `where` and its name.
    """
    for name in above:
        if not 0 < (value := getattr(values, name)) < math.inf:
            raise MelpError(f"{where}.{name}: {value} found, wanted more than 0")
    for name, (low, high) in ranges.items():
        if not low <= (value := getattr(values, name)) <= high or math.isinf(value):
            wanted = f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"
            raise MelpError(f"{where}.{name}: {value} found, wanted {wanted}")


def dataclass_from_dict(kind: type[T], where: str, values: Mapping[str, Any]) -> T:
    """Build a dataclass of options from plain values; fields that are not given have their defaults.

    Args:
        kind: the dataclass.
        where: its name in error messages.
        values: by field name.

    Raises:
        MelpError: an unknown field, or a value of the wrong type or out of its range.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if unknown := [name for name in values if name not in names]:
        raise MelpError(f"{where}: {unknown[0]!r} found, wanted {one_of(unknown[0], names)}")
    try:
        return kind(**values)
    except (TypeError, AttributeError) as error:
        raise MelpError(f"{where}: {dict(values)} found, wanted numbers and names ({error})") from error
