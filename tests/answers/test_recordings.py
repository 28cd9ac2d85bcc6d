"""The same recording in every form gives the same answer, and answers belong to their recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import melp
from melp.answers.sources import Recordings
from melp.data.store import Store
from melp.ecg import ECG, LEADS
from melp.errors import MelpError
from melp.hub import Model

LABELS = ["atrial fibrillation", "sinus tachycardia", "sinus bradycardia"]


def scores(model: Model, x: Recordings, **reading: object) -> np.ndarray:
    """Return a row per recording, a column per label."""
    table = model.classify(x, LABELS, progress=False, **reading)  # type: ignore[arg-type]
    wide = table.pivot(index="id", columns="label", values="score")
    return wide.loc[list(dict.fromkeys(table["id"])), LABELS].to_numpy()


def test_all_forms_of_a_recording_give_the_same_scores(model: Model, store: Store, files: Path) -> None:
    names = store.index["id"][:6].tolist()
    paths = [files / f"{name}.hea" for name in names]
    whole = store.signals(np.arange(6))
    wanted = scores(model, store)[:6]
    order = list(reversed(range(12)))
    back = [LEADS[row] for row in order]
    forms: list[tuple[Recordings, dict[str, object]]] = [
        (paths, {}),
        ([str(path) for path in paths], {"batch_size": 4, "jobs": 3}),
        (str(files / "r00[0-5].hea"), {}),
        ([melp.read(path) for path in paths], {}),
        ([store.ecg(name) for name in names], {}),
        (whole, {"rate": 50, "unit": "uV"}),
        (whole / 1000, {"rate": 50}),
        (torch.from_numpy(whole), {"rate": 50, "unit": "uV"}),
        (iter(paths), {}),
        (pd.Series(list(map(str, paths))), {}),
        (whole.astype(float), {"rate": 50, "unit": "\N{MICRO SIGN}V"}),
        (whole / 1e6, {"rate": 50, "unit": "V"}),
        (whole[:, order], {"rate": 50, "unit": "uV", "leads": back}),
        (whole[:, order], {"rate": 50, "unit": "uV", "leads": ",".join(back)}),
        (list(whole), {"rate": 50, "unit": "uV", "leads": [lead.lower() for lead in LEADS]}),
        ([paths[0], store.ecg(names[1]), *paths[2:4], str(paths[4]), whole[5] / 1000], {"rate": 50}),
    ]
    for x, reading in forms:
        np.testing.assert_allclose(scores(model, x, **reading), wanted, atol=1e-6, err_msg=str(reading))
    assert np.ptp(wanted, axis=0).min() > 0.1, "the recordings differ"
    np.testing.assert_allclose(scores(model, [paths[3], store])[1:4], wanted[:3], atol=1e-6)
    fold = store.index["fold"] == 2
    assert model.embed(store, folds=[2]).index.tolist() == store.index["id"][fold].tolist()
    assert model.embed(str(store.path), folds=[2]).shape == (fold.sum(), 12)


@pytest.mark.parametrize("x", [None, 7, b"bytes", [b"bytes"], [[[0.0, 1.0]]]])
def test_what_is_no_recording_is_refused(model: Model, x: object) -> None:
    with pytest.raises(MelpError, match=r"^recordings: found \w+, wanted a path, an ECG \(see melp.read\),"):
        model.embed(x)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["jobs", "batch_size"])
def test_numbers_below_one_are_refused(model: Model, store: Store, name: str) -> None:
    with pytest.raises(MelpError, match=rf"^reading\.{name}: 0 found, wanted 1 or more$"):
        model.embed(store, **{name: 0})  # type: ignore[arg-type]


def test_one_string_is_one_label(model: Model, store: Store) -> None:
    ecg = store.ecg("r001")
    assert model.classify(ecg, LABELS[0])["label"].tolist() == [LABELS[0]]
    assert model.compare(ecg, LABELS[0])["sentence"].tolist() == [LABELS[0]]


@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 64])
def test_answers_stay_with_their_files_when_one_fails(
    model: Model, store: Store, files: Path, jobs: int, size: int
) -> None:
    names = ["r003", "r002x", "r000", "r005", "r001", "absent", "r002"]
    paths = [files / f"{name}.hea" for name in names]
    table = model.embed(paths, skip=True, jobs=jobs, batch_size=size, progress=False)
    good = [0, 2, 3, 4, 6]
    assert table.index.tolist() == [str(paths[place]) for place in good]
    for place in good:
        alone = model.embed(store.ecg(names[place])).to_numpy()[0]
        np.testing.assert_allclose(table.loc[str(paths[place])], alone, atol=1e-6)
    failed = table.attrs["failed"]
    assert list(failed) == [str(paths[1]), str(paths[5])]
    assert "not a readable WFDB record" in failed[str(paths[1])] and "no such file" in failed[str(paths[5])]
    with pytest.raises(MelpError, match="r002x"):
        model.embed(paths, jobs=jobs, batch_size=size)


def test_a_folder_is_its_recordings_in_order(model: Model, files: Path, tmp_path: Path) -> None:
    table = model.embed(files, skip=True)
    assert [Path(name).stem for name in table.index] == [f"r00{number}" for number in range(6)]
    assert [Path(name).name for name in table.attrs["failed"]] == ["r002x.hea"]
    with pytest.raises(MelpError, match="no files found, wanted recordings"):
        model.embed(tmp_path)
    with pytest.raises(MelpError, match="no file matches"):
        model.embed(str(tmp_path / "*.hea"))
    with pytest.raises(MelpError, match="recordings: found none"):
        model.embed([])


ARRAYS = [
    (np.zeros((12, 100), np.int16), {"rate": 50}, "array: int16 without unit found"),
    (np.zeros((12, 100)), {}, "array: no rate found"),
    (np.zeros((100, 12)), {"rate": 50}, r"array: shape 100 x 12 found, wanted \[12 leads, time\]"),
    (np.zeros(100), {"rate": 50}, "array: shape 100 found"),
    (np.zeros((2, 100)), {"rate": 50}, "array: shape 2 x 100 found"),
    (np.zeros((12, 100)), {"rate": 50, "unit": "mm"}, "unit: 'mm' found, wanted mV, uV, nV or V"),
    (np.eye(12, 100) * 900, {"rate": 50}, "array: a lead spans 900 mV, wanted the unit of its samples"),
    (np.eye(2, 100), {"rate": 50, "leads": ("I", "II")}, "no lead V1"),
]


@pytest.mark.parametrize(("array", "reading", "message"), ARRAYS, ids=[case[2] for case in ARRAYS])
def test_arrays_that_are_not_recordings(
    model: Model, array: np.ndarray, reading: dict[str, object], message: str
) -> None:
    with pytest.raises(MelpError, match=message):
        model.embed(array, **reading)  # type: ignore[arg-type]


def test_recordings_without_a_name_have_their_number(model: Model) -> None:
    signal = np.random.default_rng(0).normal(size=(2, 12, 100))
    assert model.embed(signal, rate=50).index.tolist() == ["0", "1"]
    ecg = ECG(signal[0], 50, LEADS, {"path": "x.hea"})
    assert model.embed([ecg, ECG(signal[0], 50)]).index.tolist() == ["x.hea", "1"]
