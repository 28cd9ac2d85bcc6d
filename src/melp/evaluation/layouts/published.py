"""The published figures, as entries of a table."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from melp.evaluation.layouts.entries import FIELDS, Entries, add_average, arrange
from melp.evaluation.layouts.layout import Layout

__all__ = ["PAPER", "PRETRAINED_ON", "published_entries", "read_published"]

PAPER = "Wang, Xu and Yu, From Token to Rhythm, ICML 2025"
PRETRAINED_ON = "760,618 recordings of MIMIC-IV-ECG"
_AVERAGE, _GAINS = "average", "gains"


@cache
def read_published() -> pd.DataFrame:
    """Return the published figures: table, method, task, fraction ("" for zero-shot), value (as printed).

    The task "average" is the printed mean of a row; the method "gains" is the printed difference.
    """
    with (files("melp.evaluation.layouts") / "published.csv").open(encoding="utf-8") as file:
        return pd.read_csv(file, comment="#", dtype={"fraction": str, "value": str}, keep_default_na=False)


def published_entries(layout: Layout, ours: Entries) -> Entries:
    """Return the published figures of a layout.

    Args:
        layout: a layout with a published table.
        ours: entries without an average, whose columns are returned. If they are not all columns of the
            table, the mean of a row is over these; otherwise it is as printed.
    """
    table = read_published()
    table = table[(table["table"] == layout.published) & (table["method"] != _GAINS)]
    means = table[table["task"] == _AVERAGE].set_index("method")["value"].astype(float)
    figures = table[table["task"] != _AVERAGE]
    figures = figures.assign(
        name=figures["method"],
        fraction=pd.to_numeric(figures["fraction"]),
        value=figures["value"].astype(float),
        **dict.fromkeys(("lo", "hi", "sd"), np.nan),
        **dict.fromkeys(("training_seeds", "label_seeds"), 0),
    )
    places = pd.MultiIndex.from_frame(figures[[*layout.rows, *layout.columns]])
    entries = arrange(figures[list(FIELDS)].set_axis(places), layout)
    as_printed = entries.columns == ours.columns
    entries = entries.like(ours)
    if layout.average:
        entries = add_average(entries)
        if as_printed:
            entries.value.iloc[:, -1] = [means[name] for (name,) in entries.value.index]
    return entries
