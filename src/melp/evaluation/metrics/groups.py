"""Groups of records by a column of a store's index, such as sex, age, flags or device."""

from __future__ import annotations

import numpy as np
import pandas as pd

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import rows_of

__all__ = ["AGES", "UNKNOWN", "groups_of"]

AGES = {"<40": 40.0, "40-59": 60.0, "60-79": 80.0, ">=80": np.inf}
"""Bands of age, and the age in years below which each ends."""
UNKNOWN = "unknown"
"""Group of the records without a value."""
NONE = "none"
"""Group of the records with an empty list, such as those without a flag."""
MOST = 100


def groups_of(store: Store, ids: pd.Index, column: str) -> dict[str, pd.Index]:
    """Return the ids of the records in each group, for records in a store.

    A record is in the group of its value, or in the groups of all values of its list. Ages are grouped in the
    bands `AGES`. Groups are in the order of their names, and records without a value come last.

    Raises:
        MelpError: a record is not in the store, the column does not exist, or it has too many values.
    """
    rows = rows_of(store, ids)
    if (rows < 0).any():
        raise MelpError(f"{store.path}: {int((rows < 0).sum())} of {len(ids)} records are not in the store")
    name_of = _band if column == "age" else _name
    values = [
        list(map(name_of, value)) or [NONE] if isinstance(value, np.ndarray) else [name_of(value)]
        for value in store.column(column)[rows]
    ]
    members = pd.Series(values, index=ids, dtype=object).explode()
    groups = {str(name): own.index.unique() for name, own in members.groupby(members)}
    if len(groups) > MOST:
        raise MelpError(f"{store.path}: column {column!r} has {len(groups)} values, wanted at most {MOST}")
    order = [*AGES] if column == "age" else sorted(groups.keys() - {UNKNOWN, NONE})
    return {name: groups[name] for name in (*order, NONE, UNKNOWN) if name in groups}


def _band(age: float) -> str:
    """Return the band of an age in years."""
    return UNKNOWN if np.isnan(age) else next(name for name, end in AGES.items() if age < end)


def _name(value: object) -> str:
    """Return a value as the name of a group."""
    if isinstance(value, float | np.floating):
        return UNKNOWN if np.isnan(value) else f"{value:g}"
    return UNKNOWN if value is None else str(value).strip() or UNKNOWN
