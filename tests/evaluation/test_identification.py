"""Identification: which recording is the first, ranks against a loop, and lists of ids."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.identification import first_and_later, identify, read_ids
from melp.hub import Model

FOLDS = (9, 10)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_ranks_equal_a_loop(model: Model, store: Store) -> None:
    found = identify(model, store, FOLDS)
    index = store.index[store.index["fold"].isin(FOLDS)]
    first = index[~index["patient"].duplicated()]
    later = index[index["patient"].duplicated()]
    gallery, probes = (_unit(store.signals(part.index.to_numpy()).mean(-1) / 1000) for part in (first, later))
    ranks, same, values = [], [], []
    for vector, patient in zip(probes, later["patient"], strict=True):
        cosines, mine = gallery @ vector, (first["patient"] == patient).to_numpy()
        ranks.append(1 + (cosines > cosines[mine].max() + 1e-6).sum())
        same.extend(mine)
        values.extend(cosines)
    table = found.predictions.set_index("id")["rank"]
    assert table.loc[later["id"]].tolist() == ranks
    for k in (1, 5):
        row = found.metric(f"rank@{k}")
        assert row["value"] == pytest.approx(np.mean(np.array(ranks) <= k))
        assert row["chance"] == pytest.approx(k / len(first)) and row["n"] == len(later)
    assert found.metric("auroc")["value"] == pytest.approx(roc_auc_score(same, values), abs=1e-4)
    assert found.metric("auroc")["positives"] == len(later)
    assert found.messages[0].startswith("identification: 24 recordings of 24 patients")


def test_the_first_recording_is_the_earliest_if_times_are_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, probes, order = first_and_later(store, FOLDS)
    assert order == "their order in the store"
    index = store.index.assign(recording_date=[f"2000-01-01 {9999 - row:05d}" for row in range(len(store))])
    monkeypatch.setattr(store, "index", index)
    swapped = first_and_later(store, FOLDS)
    assert swapped[2] == "the time of the recording"
    np.testing.assert_array_equal(swapped[0], probes)
    np.testing.assert_array_equal(swapped[1], gallery)


def test_lists_of_ids_replace_folds(model: Model, store: Store, tmp_path: Path) -> None:
    gallery, probes = tmp_path / "gallery.csv", tmp_path / "probe.csv"
    gallery.write_text("ecg_id,length\nr005,2500\nr001,2500\nr009,2500\n")
    probes.write_text("id\nr008\nr004\n")
    assert read_ids(gallery, store).tolist() == [5, 1, 9]
    found = identify(model, store, gallery=gallery, probes=probes)
    assert found.predictions["id"].tolist() == ["r008", "r004"] and found.cell.folds == ""
    assert found.metric("rank@1")["chance"] == pytest.approx(1 / 3)
    other = identify(model, store, gallery=probes, probes=probes)
    assert other.cell.key != found.cell.key


@pytest.mark.parametrize(
    ("gallery", "probes", "message"),
    [
        ("id\nr005\nr009\n", None, "found one of two lists, wanted both or neither"),
        ("name\nr005\n", "id\nr004\n", "gallery.csv: found the columns name, wanted id or ecg_id"),
        (
            "id\nr005\nx1\n",
            "id\nr004\n",
            r"1 of 2 records are not in .* \(the first: x1\), wanted all of them",
        ),
        ("id\nr005\nr009\n", "id\nr001\n", r"probes: 1 patients are not in the gallery \(the first: p0\)"),
        ("id\nr005\n", "id\nr004\n", "gallery: found one patient, wanted at least two"),
    ],
)
def test_lists_that_cannot_be_used(
    model: Model, store: Store, tmp_path: Path, gallery: str, probes: str | None, message: str
) -> None:
    files = {}
    for name, text in {"gallery": gallery, "probes": probes}.items():
        if text is not None:
            files[name] = tmp_path / f"{name}.csv"
            files[name].write_text(text)
    with pytest.raises(MelpError, match=message):
        identify(model, store, **files)


def test_without_a_second_recording_nothing_is_identified(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "index", store.index.assign(patient=store.index["id"]))
    with pytest.raises(MelpError, match="no patient has two recordings in folds 9,10"):
        first_and_later(store, FOLDS)
