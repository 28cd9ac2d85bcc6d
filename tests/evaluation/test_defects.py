"""Each published defect of an evaluation, against the same evaluation with and without it, by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax
from sklearn.metrics import roc_auc_score

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.cells import read_cells
from melp.evaluation.defect_cells import evaluate_defects
from melp.evaluation.defects import TOGETHER, probe_defects, read_records, zero_shot_defects
from melp.evaluation.paper_split import sample_as_published
from melp.evaluation.probe import probe_features
from melp.evaluation.probes.linear import C_VALUES, Probe, fit_probe
from melp.evaluation.subsets import stratified_subset
from melp.evaluation.zero_shot import embed_prompts, similarities, text_embeddings
from melp.hub import Model
from melp.plans.kinds import evaluate
from melp.plans.schema import EvaluationPlan, Plan
from melp.tasks import get_task
from small_published_labels import write_files

TASK = get_task("ptbxl-rhythm")


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Path:
    """Published files with two columns swapped, a label too many in the test file, and prompts."""
    folder = write_files(tmp_path / "published", store.index, swapped=("AFIB", "STACH"))
    test = pd.read_csv(folder / "ptbxl_rhythm_test.csv")
    test.loc[test["SBRAD"] == 1, "AFIB"] = 1
    test.to_csv(folder / "ptbxl_rhythm_test.csv", index=False)
    prompts = {name: "sinus tachycardia" if name == "AFIB" else name for name in TASK.classes}
    (folder / "CKEPE_prompt.json").write_text(json.dumps(prompts))
    return folder


def by_hand(
    scores: np.ndarray, labels: pd.DataFrame, columns: list[str] | None = None, absent: bool = False
) -> float:
    """Macro AUROC by scikit-learn; the labels of the classes of TASK are read from `columns`."""
    areas = []
    for place, name in enumerate(columns or TASK.classes):
        truth = labels[name].to_numpy()
        if truth.any() and not truth.all():
            areas.append(roc_auc_score(truth, scores[:, place]))
        elif absent:
            areas.append(0.0)
    return float(np.mean(areas))


def of_probe(model: Model, store: Store, folder: Path, **options: Any) -> pd.DataFrame:
    """What each defect does to a probe."""
    records = read_records(TASK, store, folder)
    return probe_defects(probe_features(model, store, records.patients.index), records, **options)


def of_prompts(model: Model, store: Store, folder: Path) -> pd.DataFrame:
    """What each defect does to a zero-shot classification."""
    return zero_shot_defects(model, store, TASK, folder, read_records(TASK, store, folder))


def test_every_defect_of_a_probe_equals_the_evaluation_by_hand(
    model: Model, store: Store, files: Path
) -> None:
    rows = of_probe(model, store, files, fraction=20, seeds=[3, 5]).set_index("defect")
    exact, fold = TASK.labels(store.index), store.index.set_index("id")["fold"]
    features = probe_features(model, store, exact.index)
    patients = store.index.set_index("id")["patient"]
    training, validation, test = (
        exact[fold.loc[exact.index].isin(folds)] for folds in (range(1, 9), [9], [10])
    )
    swapped = [{"AFIB": "STACH", "STACH": "AFIB"}.get(name, name) for name in TASK.classes]

    def fitted(labels: pd.DataFrame, seed: int, c: tuple[float, ...] = C_VALUES) -> Probe:
        people = patients[labels.index].to_numpy()
        return fit_probe(
            features.loc[labels.index].to_numpy(), labels.to_numpy(), people, seed=seed, c_values=c
        )

    def log_odds(probe: Probe, of: pd.DataFrame = test) -> np.ndarray:
        return probe(features.loc[of.index].to_numpy())

    def selected(labels: pd.DataFrame, seed: int) -> Probe:
        probes = [fitted(labels, seed, (c,)) for c in C_VALUES]
        return max(probes, key=lambda probe: by_hand(log_odds(probe, validation), validation))

    parts = {seed: training.iloc[stratified_subset(training.to_numpy(), 20, seed)] for seed in (3, 5)}
    scores = [log_odds(fitted(part, seed)) for seed, part in parts.items()]
    sample = training[training.index.isin(sample_as_published(training.index, 20))]
    published = test.assign(AFIB=test["AFIB"] | test["SBRAD"])
    expected = {
        "none": np.mean([by_hand(one, test) for one in scores]),
        "columns": np.mean([by_hand(one, test, swapped) for one in scores]),
        "substrings": np.mean([by_hand(one, published) for one in scores]),
        "subsets": by_hand(log_odds(fitted(sample, 3)), test),
        "selection": np.mean([by_hand(log_odds(selected(part, seed)), test) for seed, part in parts.items()]),
        "softmax": np.mean([by_hand(softmax(one, axis=1), test) for one in scores]),
        "absent": np.mean([by_hand(one, test, absent=True) for one in scores]),
    }
    found = rows["value"].to_dict()
    together = found.pop(TOGETHER)
    assert found == {defect: pytest.approx(value, abs=1e-6) for defect, value in expected.items()}
    assert together < min(found["columns"], found["absent"])
    assert list(rows.index[[0, -1]]) == ["none", TOGETHER] and (rows["n"] == len(test)).all()
    np.testing.assert_allclose(rows["difference"], rows["value"] - rows.loc["none", "value"], atol=1e-12)


def test_every_defect_of_zero_shot_equals_the_evaluation_by_hand(
    model: Model, store: Store, files: Path
) -> None:
    rows = of_prompts(model, store, files).set_index("defect")
    labels, fold = TASK.labels(store.index), store.index.set_index("id")["fold"]
    test = labels[fold.loc[labels.index] == 10]
    published = test.assign(AFIB=test["AFIB"] | test["SBRAD"])
    ecg = text_embeddings(model, store, test.index).to_numpy()
    prompts = json.loads((files / "CKEPE_prompt.json").read_text())
    own, theirs = (
        np.stack([similarities(ecg, embed_prompts(model, texts))[name] for name in TASK.classes], axis=1)
        for texts in (TASK.prompts, {name: [prompts[name].lower()] for name in TASK.classes})
    )
    assert rows["value"].to_dict() == {
        "none": pytest.approx(by_hand(own, test)),
        "substrings": pytest.approx(by_hand(own, published)),
        "prompts": pytest.approx(by_hand(theirs, test)),
        "absent": pytest.approx(by_hand(own, test, absent=True)),
        TOGETHER: pytest.approx(by_hand(theirs, published, absent=True)),
    }
    assert rows["value"].nunique() == len(rows)


def test_intervals_of_differences(
    model: Model, store: Store, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The classes have too few patients among 24 records: such intervals would cover too little.
    assert of_prompts(model, store, files)["lo"].isna().all()
    monkeypatch.setattr("melp.evaluation.defects.LEAST_PAIRED", 1)
    rows = of_prompts(model, store, files).set_index("defect")
    assert rows.loc["none", ["difference", "lo", "hi"]].tolist() == [0, 0, 0]
    assert (rows["lo"] <= rows["difference"]).all() and (rows["difference"] <= rows["hi"]).all()
    assert rows.loc["prompts", "lo"] < rows.loc["prompts", "hi"]


def test_errors(model: Model, store: Store, files: Path, tmp_path: Path) -> None:
    (files / "CKEPE_prompt.json").unlink()
    with pytest.raises(MelpError, match=r"published: no CKEPE_prompt\*\.json found"):
        of_prompts(model, store, files)
    none = write_files(tmp_path / "none", store.index.iloc[:0], absent=7)
    with pytest.raises(MelpError, match=r"found none of the records of .*train\.csv"):
        of_probe(model, store, none)


def test_cells_of_defects(
    model: Model,
    blind_model: Model,
    store: Store,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options: dict[str, Any] = {"fractions": (20, 100), "seeds": [3], "out": tmp_path / "out"}
    embed, embedded = probe_features, []
    monkeypatch.setattr(
        "melp.evaluation.defect_cells.probe_features",
        lambda *of: embedded.append(1) or embed(*of),  # type: ignore[func-returns-value]
    )
    first = evaluate_defects(model, store, [TASK], files, **options)
    assert len(embedded) == 1  # the records of a task, once for all shares
    assert [one.cell.fraction for one in first] == [0, 20, 100]
    tables = [
        of_prompts(model, store, files),
        *(of_probe(model, store, files, fraction=share, seeds=[3]) for share in (20, 100)),
    ]
    for one, table in zip(first, tables, strict=True):
        rows = one.metrics.set_index(["metric", "class"])
        np.testing.assert_allclose(rows.loc["auroc", "value"].to_numpy(float), table["value"])
        changes = rows.loc["auroc_change", ["value", "lo", "hi"]].to_numpy(float)
        np.testing.assert_allclose(changes, table[["difference", "lo", "hi"]])
        assert list(rows.loc["auroc"].index) == list(table["defect"]) and (rows["n"] == table["n"][0]).all()
    assert [one.cell.fraction for one in evaluate_defects(blind_model, store, [TASK], files)] == [100]
    # Cells that are there are not computed again; other seeds or files are other cells.
    keys = {one.cell.key for one in first}
    assert keys.isdisjoint(
        one.cell.key for one in evaluate_defects(model, store, [TASK], files, fractions=[20], seeds=[4])[1:]
    )
    monkeypatch.setattr("melp.evaluation.defect_cells.probe_defects", None)
    monkeypatch.setattr("melp.evaluation.defect_cells.zero_shot_defects", None)
    again = evaluate_defects(model, store, [TASK], files, **options)
    assert [one.cell for one in again] == [one.cell for one in first]
    prompts = files / "CKEPE_prompt.json"
    published = prompts.read_text()
    prompts.write_text(published.replace("sinus tachycardia", "atrial fibrillation"))
    with pytest.raises(TypeError, match="not callable"):
        evaluate_defects(model, store, [TASK], files, **options)
    prompts.write_text(published)
    assert len(evaluate_defects(model, store, [TASK], files, **options)) == 3
    write_files(files, store.index, task=TASK.name)
    with pytest.raises(TypeError, match="not callable"):
        evaluate_defects(model, store, [TASK], files, **options)


def test_defects_are_a_kind_of_plans(model: Model, store: Store, files: Path, tmp_path: Path) -> None:
    entry = EvaluationPlan("defects", "s", [TASK.name], protocol="paper", fractions=[20.0], min_positives=2)
    plan = Plan(published_splits=str(files))
    evaluate(plan, entry, model, {"s": store}, tmp_path / "out", tmp_path)
    cells = read_cells(tmp_path / "out")
    assert set(zip(cells["kind"], cells["fraction"], cells["min_positives"], strict=True)) == {
        ("defects", 0.0, 2),
        ("defects", 20.0, 2),
    }
