"""The label files that MERL and MELP publish, for simulated records, with their defects.

The validation and test files of `ptbxl_sub_class` have the column ISC two places further to the front than
the training file; `chapman` finds acronyms as substrings and leaves out recordings with an unnamed code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool

from melp.atomic import replacing
from melp.tasks import get_task
from melp.tasks.published_labels import SPLITS

_MOVED = {"ptbxl_sub_class": ("ISC", "AVB")}
"""In the files for validation and tests, the first column stands before the second."""
_SEED = 42


def draw_parts(count: int) -> list[str]:
    """Draw the file of each of `count` records: a fifth for tests, then a tenth for validation."""
    from sklearn.model_selection import train_test_split

    parts = np.full(count, "train", dtype="<U5")
    rest, test = train_test_split(np.arange(count), test_size=0.2, random_state=_SEED)
    _, validation = train_test_split(rest, test_size=0.1, random_state=_SEED)
    parts[test], parts[validation] = "test", "val"
    return parts.tolist()


def write_label_files(
    folder: Path,
    task: str,
    about: pd.DataFrame,
    labels: Bool[np.ndarray, "record label"],
    parts: Sequence[str],
) -> None:
    """Write the three files of a task.

    Args:
        folder: created if absent; the files are written beside and renamed.
        task: a task with published label files.
        about: the columns before those of the labels; one row a record.
        labels: of the same rows, in the order of the task's classes; records without any are left out.
        parts: "train", "val" or "test" of each row.
    """
    benchmark = get_task(task)
    assert benchmark.published is not None
    name = benchmark.published.files
    table = pd.concat(
        [about.reset_index(drop=True), pd.DataFrame(labels.astype(int), columns=list(benchmark.classes))],
        axis=1,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        columns = list(table.columns)
        if name in _MOVED and split != "train":
            moved, before = _MOVED[name]
            columns.remove(moved)
            columns.insert(columns.index(before), moved)
        chosen = labels.any(axis=1) & (np.array(parts) == split)
        with replacing(folder / f"{name}_{split}.csv") as file:
            table.loc[chosen, columns].to_csv(file, index=False)
