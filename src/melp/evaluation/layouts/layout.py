"""The layouts of tables: which cells, and the order and labels of rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from melp.errors import MelpError, one_of

__all__ = ["LAYOUTS", "Layout", "any_layout", "get_layout", "sortable"]

TASKS = {
    "ptbxl-rhythm": "PTBXL-Rhythm",
    "ptbxl-sub": "PTBXL-Sub",
    "ptbxl-form": "PTBXL-Form",
    "ptbxl-super": "PTBXL-Super",
    "cpsc2018": "CPSC2018",
    "csn": "CSN",
}
AVERAGE = "Average"
FRACTIONS = (1.0, 10.0, 100.0)
_METHODS = {
    "untrained": "Untrained",
    "simclr": "SimCLR",
    "byol": "BYOL",
    "barlow_twins": "Barlow Twins",
    "moco_v3": "MoCo v3",
    "simsiam": "SimSiam",
    "ts_tcc": "TS-TCC",
    "clocs": "CLOCS",
    "astcl": "ASTCL",
    "crt": "CRT",
    "st_mem": "ST-MEM",
    "ecg_fm": "ECG-FM",
    "heartlang": "HeartLang",
    "merl": "MERL",
    "melp": "MELP",
    "quest": "QUEST",
}
_LOSSES = {
    "global": (True, False, False),
    "caption": (False, True, False),
    "local": (False, False, True),
    "global+caption": (True, True, False),
    "global+local": (True, False, True),
    "caption+local": (False, True, True),
    "global+caption+local": (True, True, True),
}
_ENCODERS = {
    "resnet18": "ResNet-18",
    "wav2vec2": "wav2vec 2.0",
    "wav2vec2+cmsc": "wav2vec 2.0 + CMSC",
}


def sortable(value: object) -> tuple[bool, float, str]:
    """Return a key that sorts numbers by size, and texts after them."""
    if isinstance(value, int | float | np.integer):
        return (False, float(value), "")
    return (True, 0.0, str(value))


@dataclass(frozen=True)
class Layout:
    """A form of table.

    Attributes:
        name, title: name on the command line; first words of the caption.
        kind: kind of the cells; all kinds if empty.
        rows, columns: fields of the cells that place an entry.
        heads: heading of each column of row labels.
        models: labels of the rows by model name, in order. Other models follow, unless `closed`.
        closed: whether the table has no other models.
        tasks, fractions: the columns, in order; all that are found if empty.
        average: whether the mean of each row follows.
        gains: two models whose difference is the last row.
        scale, decimals: entries are multiplied by `scale` and printed with `decimals`.
        published: number of the published table; 0 if there is none.
    """

    name: str
    title: str
    kind: str = ""
    rows: tuple[str, ...] = ("name",)
    columns: tuple[str, ...] = ("task", "fraction")
    heads: tuple[str, ...] = ("Model",)
    models: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    closed: bool = False
    tasks: tuple[str, ...] = ()
    fractions: tuple[float, ...] = ()
    average: bool = False
    gains: tuple[str, str] | None = None
    scale: float = 100
    decimals: int = 2
    published: int = 0

    def shows(self, name: str) -> bool:
        """Return whether a model may be a row, by its name."""
        return name in self.models if self.closed else not self.models or name not in ABLATIONS

    def labels(self, row: tuple[object, ...]) -> tuple[str, ...]:
        """Return the labels of a row."""
        return self.models.get(str(row[0]), tuple(map(str, row)))

    def row_name(self, row: tuple[object, ...]) -> str:
        """Return the label of a row in one word or several, for figures."""
        labels = self.labels(row)
        return " ".join(labels) if len(labels) == len(row) else str(row[0]).replace("+", " + ")

    def order(self, row: tuple[object, ...]) -> tuple[object, ...]:
        """Return a key that sorts rows: known models in the order of the layout, then others by name."""
        known = list(self.models)
        return (known.index(str(row[0])) if row[0] in known else len(known), *map(sortable, row))

    def headings(self, column: tuple[object, ...]) -> tuple[str, ...]:
        """Return the headings of a column, from the top."""
        if column[0] == AVERAGE:
            return tuple(reversed(column))  # type: ignore[arg-type]
        return tuple(
            f"{value:g} %" if name == "fraction" and value != "" else TASKS.get(str(value), str(value))
            for name, value in zip(self.columns, column, strict=True)
        )


def _named(labels: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    return {name: (label,) for name, label in labels.items()}


# Tables 5 and 7 have Form before Sub, Table 3 begins with CSN.
_ABLATION_TASKS = ("ptbxl-rhythm", "ptbxl-form", "ptbxl-sub", "ptbxl-super", "cpsc2018", "csn")
LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout(
            "linear-probe",
            "Linear probes",
            "probe",
            heads=("Method",),
            models=_named(_METHODS),
            tasks=tuple(TASKS),
            fractions=FRACTIONS,
            published=2,
        ),
        Layout(
            "zero-shot",
            "Zero-shot classification",
            "zero-shot",
            columns=("task",),
            heads=("Method",),
            models=_named(_METHODS),
            tasks=("csn", "ptbxl-rhythm", "ptbxl-form", "ptbxl-sub", "ptbxl-super", "cpsc2018"),
            average=True,
            gains=("melp", "merl"),
            decimals=1,
            published=3,
        ),
        Layout(
            "losses",
            "Losses of MELP, by linear probes",
            "probe",
            heads=("Global", "Caption", "Local"),
            models={name: tuple("✓" if on else "" for on in used) for name, used in _LOSSES.items()},
            closed=True,
            tasks=_ABLATION_TASKS,
            fractions=FRACTIONS,
            average=True,
            published=5,
        ),
        Layout(
            "encoders",
            "ECG encoders of MELP, by linear probes",
            "probe",
            heads=("ECG encoder",),
            models=_named(_ENCODERS),
            closed=True,
            tasks=_ABLATION_TASKS,
            fractions=FRACTIONS,
            average=True,
            published=7,
        ),
    )
}
ABLATIONS = frozenset(name for layout in LAYOUTS.values() if layout.closed for name in layout.models)
"""Models that only the tables of losses and encoders have."""


def any_layout(rows: Sequence[str], columns: Sequence[str]) -> Layout:
    """Return a layout with the given fields of the cells as rows and columns; entries are not in per cent."""
    return Layout(
        "any",
        "Results",
        rows=tuple(rows),
        columns=tuple(columns),
        heads=tuple(rows),
        scale=1,
        decimals=3,
    )


def get_layout(name: str, rows: Sequence[str] = (), columns: Sequence[str] = ()) -> Layout:
    """Return a layout by name.

    Args:
        name: one of `LAYOUTS`, or "any".
        rows, columns: fields of the cells, for "any" only.

    Raises:
        MelpError: an unknown name, or fields for a layout that has its own.
    """
    if name == "any":
        return any_layout(rows or ("name",), columns or ("task",))
    if name not in LAYOUTS:
        raise MelpError(f"layout: found {name!r}, wanted {one_of(name, [*LAYOUTS, 'any'])}")
    if rows or columns:
        raise MelpError(f"layout {name}: found rows or columns, wanted them with layout any only")
    return LAYOUTS[name]
