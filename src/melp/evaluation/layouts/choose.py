"""The cells of a table: selected, renamed, and checked that they belong together."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pandas as pd

from melp.errors import MelpError, one_of
from melp.evaluation.layouts.layout import Layout

__all__ = ["SEEDS", "choose", "where"]

SEEDS = ("training_seed", "seed")
"""Seed of the pretraining, and of the subset of labels. Entries are means over both."""
_COLUMN = ("folds", "train_folds", "min_positives", "store", "train_store")
_ENTRY = ("kind", "method", "recipe", "task", "protocol", *_COLUMN, "fraction")
_PARTS = ("class", "group")
"""Fields that are empty in the rows of a whole cell."""
_OPTION = "options."
_OF_MODEL = {f"{_OPTION}{name}" for name in ("tokenizer", "training", "selected_by")}
"""Options that may differ between seeds."""


def choose(
    cells: pd.DataFrame, layout: Layout, *, metric: str = "auroc", rename: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Return the cells of a layout, one row each: the mean over classes, of all records.

    If `class` or `group` is a row or column of the layout, there is one row for each class or group.

    Args:
        cells: from `where`.
        layout: the layout.
        metric: the metric.
        rename: models that stand in the table under another name.

    Raises:
        MelpError: no cell of the layout, no such metric, or cells that do not belong into one table.
    """
    cells = cells.assign(name=cells["name"].replace(dict(rename or {})))
    found = cells[_of_layout(cells, layout)]
    if found.empty:
        raise MelpError(f"layout {layout.name}: found {_contents(cells)}, wanted {_wanted(layout)}")
    placed = (*layout.rows, *layout.columns)
    if unknown := [name for name in placed if name not in cells]:
        raise MelpError(f"rows or columns: found {unknown[0]!r}, wanted {one_of(unknown[0], cells.columns)}")
    if metric not in set(found["metric"]):
        raise MelpError(f"metric: found {metric!r}, wanted {one_of(metric, sorted(set(found['metric'])))}")
    found = found[found["metric"] == metric]
    for name in _PARTS:
        # A part that is neither placed nor selected is the whole.
        if name in found and found[name].isna().any():
            found = found[found[name].isna() != (name in placed)]
    _check(found, layout)
    return found.fillna(dict.fromkeys(placed, ""))


def where(cells: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Return the cells that fulfil all conditions, each such as "protocol=paper".

    The options of the cells become columns such as `options.prompts`, which conditions may name too.

    Raises:
        MelpError: a condition of another form, an unknown field, or no such cell.
    """
    cells = _with_options(cells)
    for condition in conditions:
        name, equals, wanted = condition.partition("=")
        if not equals or name not in cells:
            raise MelpError(
                f"where: found {condition!r}, wanted FIELD=VALUE, FIELD {one_of(name, cells.columns)}"
            )
        texts = cells[name].map(_text)
        if not (texts == wanted).any():
            raise MelpError(f"where: found {condition!r}, wanted {one_of(wanted, sorted(texts.unique()))}")
        cells = cells[texts == wanted]
    return cells


def _with_options(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with one column an option, `options.NAME`, empty where a cell has no such option."""
    options = {text: json.loads(text) for text in cells["options"].unique()}
    names = dict.fromkeys(name for values in options.values() for name in values)
    columns = {
        _OPTION + name: cells["options"].map({text: _text(one.get(name)) for text, one in options.items()})
        for name in names
    }
    return cells.assign(**columns)


def _text(value: object) -> str:
    """Return a value as it is written in a condition."""
    if isinstance(value, float):
        return "" if pd.isna(value) else f"{value:g}"
    if isinstance(value, str) or value is None:
        return value or ""
    return json.dumps(value)


def _of_layout(cells: pd.DataFrame, layout: Layout) -> pd.Series[bool]:
    fits = cells["key"].notna()
    if layout.kind:
        fits &= cells["kind"] == layout.kind
    if layout.tasks:
        fits &= cells["task"].isin(layout.tasks)
    if layout.fractions:
        fits &= cells["fraction"].isin(layout.fractions)
    return fits & cells["name"].map(layout.shows)


def _contents(cells: pd.DataFrame) -> str:
    """Return what kinds, tasks and models the cells have."""
    return "; ".join(
        f"{field} {', '.join(map(_text, cells[field].sort_values().unique()))}"
        for field in ("kind", "task", "fraction", "name")
    )


def _wanted(layout: Layout) -> str:
    parts = [f"kind {layout.kind}", f"tasks {', '.join(layout.tasks)}"]
    if layout.fractions:
        parts.append(f"fractions {', '.join(f'{value:g}' for value in layout.fractions)}")
    if layout.closed:
        parts.append(f"models {', '.join(layout.models)}")
    return "; ".join(parts)


def _check(cells: pd.DataFrame, layout: Layout) -> None:
    """Refuse cells that may not be averaged or compared."""
    placed = [*layout.rows, *layout.columns]
    if not {"protocol", "key", "weights"} & set(placed):
        _one(cells, [], ["protocol"])
    if not {"recipe", "weights"} & set(placed):
        wanted = "one checkpoint under a name (with --layout any, --rows name,weights shows all)"
        _one(cells, ["name", "method", "training_seed"], ["weights"], wanted)
    options = [str(name) for name in cells if str(name).startswith(_OPTION)]
    parts = [name for name in _PARTS if name in cells]
    same = [name for name in (*_ENTRY, *parts, *options) if name not in placed]
    if layout.kind:
        _one(cells, list(layout.columns), _COLUMN)
    _one(cells, placed, [name for name in same if name not in _OF_MODEL])
    _one(cells, [*placed, *SEEDS], [*same, "n_train", "key"])


def _one(
    cells: pd.DataFrame, groups: Sequence[str], fields: Sequence[str], wanted: str = "one in a table"
) -> None:
    """Check that each group of cells has one value of each field."""
    texts = cells[[*fields]].map(_text)
    keys = [cells[name].map(_text) for name in groups] or [pd.Series("", index=cells.index)]
    counts = texts.groupby(keys).nunique()
    for field in fields:
        several = counts.index[counts[field] > 1]
        if len(several):
            place = several[0] if isinstance(several[0], tuple) else (several[0],)
            inside = pd.concat(keys, axis=1).eq(list(place)).all(axis=1)
            values = sorted(texts.loc[inside, field].unique())
            at = ", ".join(f"{name} {value}" for name, value in zip(groups, place, strict=False))
            raise MelpError(
                f"{at or 'cells'}: found {field} {' and '.join(map(repr, values))}, wanted {wanted}; "
                f"select with --where {field}=VALUE"
            )
