"""Records and patients that a model is trained on and evaluated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.generation import generate
from melp.evaluation.leakage import UNKNOWN, Shared, count_shared, shared_with_training
from melp.evaluation.probe import probe
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.hub.records import read_training_records, write_training_records
from melp.tasks import get_task


def records(*rows: tuple[str, str, str, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["corpus", "id", "patient", "digest"])


def test_records_are_shared_by_id_in_a_corpus_and_by_signal_in_any() -> None:
    trained = records(("a", "1", "p", 11), ("a", "2", "q", 12), ("b", "7", "r", 13))
    judged = records(
        ("a", "1", "p", 21),  # the same record, read again
        ("a", "3", "q", 22),  # another record of a patient trained on
        ("a", "7", "r", 23),  # id and patient of another corpus
        ("c", "9", "s", 13),  # the same signal in another corpus
        ("c", "8", "s", 24),  # another record of that patient
        ("b", "5", "p", 25),
    )
    assert count_shared(trained, judged) == Shared(2, 3, ("1", "9"))
    assert count_shared(trained, judged.iloc[[2, 5]]) == Shared(0, 0)
    assert count_shared(trained.iloc[:0], judged) == Shared(0, 0)


def test_shared_is_true_if_anything_is_shared() -> None:
    assert not UNKNOWN and not Shared(0, 0)
    assert Shared(0, 1) and Shared(1, 1)


@pytest.fixture
def trained(model: Model, store: Store, tmp_path: Path) -> Model:
    """A model that was trained on all of fold 1 and on every other record of fold 10."""
    fold = store.column("fold")
    rows = np.concatenate([np.flatnonzero(fold == 1), np.flatnonzero(fold == 10)[::2]])
    write_training_records(tmp_path, store, rows)
    return replace(model, folder=tmp_path)


def test_every_result_counts_shared_records(model: Model, trained: Model, store: Store) -> None:
    task = get_task("ptbxl-rhythm")
    (result,) = zero_shot(trained, store, [task])
    # Two records a patient, one of which was trained on.
    first = tuple(store.index.loc[store.index["fold"] == 10, "id"][::2].head(5))
    assert result.metric()["n"] == 24 and result.shared == Shared(12, 12, first)
    (by_labels,) = probe(trained, store, [task], folds=(9,))
    assert by_labels.shared == Shared(0, 0)
    assert zero_shot(model, store, [task])[0].shared == UNKNOWN
    counts = {(one.cell.method, one.shared.records) for one in generate(trained, store).evaluations}
    # One record in seven has no report.
    assert counts == {("hashing", 10), ("most-frequent-report", 0), ("random-report", 0)}


def test_a_note_tells_corpus_id_patient_and_digest(trained: Model, store: Store, tmp_path: Path) -> None:
    note = read_training_records(trained.folder)
    assert note is not None and list(note.columns) == ["corpus", "id", "patient", "digest"]
    index = store.index.set_index("id")
    assert len(note) == 36 and set(index["fold"].loc[note["id"]]) == {1, 10}
    assert (index["digest"].loc[note["id"]].to_numpy() == note["digest"]).all()
    assert [file.name for file in tmp_path.iterdir()] == ["records.parquet"]
    (tmp_path / "records.parquet").write_bytes(b"x")
    with pytest.raises(MelpError, match=r"records\.parquet: cannot be read"):
        shared_with_training(trained, store, pd.Index(["r000"]))
