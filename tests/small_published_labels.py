"""Write label files in the form of MERL and MELP for the records of `small_judging.write_store`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from melp.tasks import get_task


def write_files(
    folder: Path,
    index: pd.DataFrame,
    *,
    swapped: Sequence[str] = (),
    absent: int = 0,
    task: str = "ptbxl-rhythm",
) -> Path:
    """Write `ptbxl_rhythm_{train,val,test}.csv` of folds 1 to 8, 9 and 10, with the published columns.

    Args:
        folder: folder to write to.
        index: index of the store.
        swapped: two classes whose columns are swapped in the files for validation and tests.
        absent: number of records in each file that are not in the store.
        task: name of the task.
    """
    benchmark = get_task(task)
    assert benchmark.published is not None
    folder.mkdir(parents=True, exist_ok=True)
    labels = benchmark.labels(index)
    fold = index.set_index("id")["fold"].loc[labels.index]
    for split, folds in {"train": range(1, 9), "val": (9,), "test": (10,)}.items():
        part = labels[fold.isin(folds)]
        ids = [*part.index, *(f"x{split}{number}" for number in range(absent))]
        values = np.concatenate([part.to_numpy(dtype=int), np.zeros((absent, part.shape[1]), dtype=int)])
        columns = list(part.columns)
        if swapped and split != "train":
            one, two = map(columns.index, swapped)
            columns[one], columns[two] = columns[two], columns[one]
            values[:, [one, two]] = values[:, [two, one]]
        about = {"ecg_id": ids, **{f"about{number}": 0 for number in range(5)}}
        table = pd.concat([pd.DataFrame(about), pd.DataFrame(values, columns=columns)], axis=1)
        table.to_csv(folder / f"{benchmark.published.files}_{split}.csv", index=False)
    return folder
