"""Repeated ids are refused, and equal recordings are not on both sides of a split."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.batches import StoreBatches
from melp.data.duplicates import without_duplicates
from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.embed import embed_folds
from melp.evaluation.finetune import finetune
from melp.evaluation.generation import generate
from melp.evaluation.probe import probe
from melp.evaluation.split import split_records
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.tasks import get_task
from small_judging import write_store

TASK = get_task("ptbxl-rhythm")


def edited(folder: Path, edit: Callable[[pd.DataFrame], None]) -> Store:
    """Return the store of 240 records after `edit` has changed its index."""
    store = write_store(folder)
    index = store.index.copy()
    edit(index)
    index.to_parquet(folder / "index.parquet")
    return Store(folder)


@pytest.mark.parametrize(
    "judge",
    [
        lambda model, store, out: zero_shot(model, store, [TASK]),
        lambda model, store, out: probe(model, store, [TASK]),
        lambda model, store, out: finetune(model, store, TASK, out),
        lambda model, store, out: generate(model, store),
        lambda model, store, out: embed_folds(model, store),
    ],
    ids=["zero-shot", "probe", "finetune", "generate", "embed"],
)
def test_repeated_ids_are_refused(
    judge: Callable[[Model, Store, Path], object], model: Model, tmp_path: Path
) -> None:
    def repeat(index: pd.DataFrame) -> None:
        index.loc[[7, 200], "id"] = "r003"

    (tmp_path / "store").mkdir()
    store = edited(tmp_path / "store", repeat)
    with pytest.raises(MelpError) as caught:
        judge(model, store, tmp_path / "out")
    assert str(caught.value) == (
        f"{store.path}: 2 records have the id of another one (the first: r003), wanted unique ids; "
        "build the store again"
    )
    assert not (tmp_path / "out").exists()


def _duplicate(index: pd.DataFrame) -> None:
    """Records 0 and 1 (fold 1) equal one of fold 10 and one of fold 9; 22 equals 20 (both fold 1)."""
    assert index["fold"][[0, 1, 18, 16, 20, 22]].tolist() == [1, 1, 10, 9, 1, 2]
    for row, other in ((0, 18), (1, 16), (22, 20)):
        index.loc[row, "digest"] = index["digest"][other]


def test_equal_recordings_are_left_out_of_training(model: Model, tmp_path: Path) -> None:
    store = edited(tmp_path, _duplicate)
    left_out = {"r000", "r001", "r022"}
    kept, whole = (split_records(TASK, store, exclude_duplicates=flag) for flag in (True, False))
    assert set(whole.training.index) - set(kept.training.index) == left_out
    assert (kept.duplicates, whole.duplicates) == (3, None)
    assert kept.test.equals(whole.test) and "r018" in kept.test
    (cell,), (other,) = (probe(model, store, [TASK], exclude_duplicates=flag) for flag in (True, False))
    assert cell.messages[0] == (
        "3 recordings left out of training, because their samples equal those of a held-out or an earlier "
        "recording (--keep-duplicates keeps them)"
    )
    assert not other.messages and other.cell.key != cell.cell.key
    assert not zero_shot(model, store, [TASK])[0].messages

    folds = list(range(1, 9))
    batches = StoreBatches(store, folds, exclude_duplicates=True)
    names = store.column("id")
    assert batches.duplicates == 3
    assert set(names[StoreBatches(store, folds).rows]) - set(names[batches.rows]) == left_out
    # Without folds, nothing is held out: the later record of each pair is left out.
    everything = StoreBatches(store, exclude_duplicates=True)
    assert set(names) - set(names[everything.rows]) == {"r016", "r018", "r022"}


def test_equal_to_a_slow_version(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def edit(index: pd.DataFrame) -> None:
        index["digest"] = generator.integers(0, 60, len(index))

    store = edited(tmp_path, edit)
    digests = store.column("digest").tolist()
    rows, held_out = np.split(generator.permutation(240), [150])
    elsewhere = {digests[row] for row in held_out[:20]} | {3, 4}
    wanted = []
    for row in rows:
        earlier = [other for other in rows if other < row and digests[other] == digests[row]]
        if not earlier and digests[row] not in elsewhere:
            wanted.append(row)
    found = without_duplicates(store, rows, held_out[:20], np.array([3, 4]))
    assert found.tolist() == wanted and 5 < len(wanted) < 60
