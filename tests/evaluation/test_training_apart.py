"""A task whose corpus has test records only, and the store that a probe is trained on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.metrics import auroc
from melp.evaluation.probe import probe
from melp.evaluation.probes.linear import fit_probe
from melp.evaluation.split import split_records
from melp.evaluation.zero_shot import zero_shot
from melp.hub import Model
from melp.tasks import get_task

TASK = get_task("code-test")
CODES = {"AFIB": "AF", "SBRAD": "SB", "STACH": "ST"}


def as_corpus(store: Store, folder: Path, corpus: str, fold: int | None) -> Store:
    """The records of `store` under another corpus, with its codes; all of them in `fold`, if given."""
    shutil.copytree(store.path, folder)
    index = pd.read_parquet(folder / "index.parquet")
    index["corpus"] = corpus
    index["labels"] = [
        [CODES[code] for code in codes if code in ("AFIB", "STACH")] for codes in index["labels"]
    ]
    if fold is not None:
        index["fold"] = fold
    index.to_parquet(folder / "index.parquet")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"corpus": corpus}))
    return Store(folder)


@pytest.fixture(scope="module")
def code_test(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """240 recordings for tests; a third of them without any class."""
    return as_corpus(store, tmp_path_factory.mktemp("code") / "test", "code-test", 10)


@pytest.fixture(scope="module")
def code_15(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The same recordings in ten folds, with the same ids."""
    return as_corpus(store, tmp_path_factory.mktemp("code") / "15", "code-15", None)


def test_every_record_is_evaluated(model: Model, code_test: Store) -> None:
    split = split_records(TASK, code_test)
    assert len(split.test) == 240 and len(split.training) == 0
    none = ~split.labels.any(axis=1)
    assert 60 < none.sum() < 100
    prompts = {name: ["atrial fibrillation"] for name in TASK.classes}
    (result,) = zero_shot(model, code_test, [TASK], prompts={TASK.name: prompts})
    assert result.metric()["n"] == 240 and result.left_out == ("1dAVb", "RBBB", "LBBB", "SB")
    assert result.metric("auroc", "AF")["value"] > 0.9


def test_probe_is_trained_on_the_other_store(model: Model, code_test: Store, code_15: Store) -> None:
    split = split_records(TASK, code_test, train_store=code_15, exclude_duplicates=False)
    fold = pd.Series(code_15.column("fold"), index=code_15.column("id"))
    assert set(fold.loc[split.training.index]) == set(range(1, 9)) and split.train_folds == (
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        8,
    )
    (result,) = probe(model, code_test, [TASK], train_store=code_15, exclude_duplicates=False)
    features = code_15.signals(np.arange(240)).mean(-1) / 1000
    rows = np.flatnonzero(fold <= 8)
    labels = split.labels.to_numpy()
    fitted = fit_probe(features[rows], labels[rows], code_15.column("patient")[rows])
    expected = auroc(fitted(features), labels)
    for place, name in enumerate(TASK.classes):
        if np.isfinite(expected[place]):
            assert result.metric("auroc", name)["value"] == pytest.approx(expected[place], abs=2e-3)
    assert result.cell.train_folds == "1,2,3,4,5,6,7,8" and result.cell.folds == "10"
    (again,) = probe(model, code_test, [TASK], train_store=code_15, exclude_duplicates=False)
    pd.testing.assert_frame_equal(again.metrics, result.metrics)
    (fewer,) = probe(
        model, code_test, [TASK], train_store=code_15, train_folds=(2, 3), exclude_duplicates=False
    )
    assert fewer.cell.train_folds == "2,3"


def test_training_store_errors(model: Model, store: Store, code_test: Store, code_15: Store) -> None:
    with pytest.raises(MelpError, match=r"code-test has test records only .* a store of code-15 too"):
        probe(model, code_test, [TASK])
    with pytest.raises(MelpError, match="found ptb-xl, wanted code-15 for task code-test"):
        probe(model, code_test, [TASK], train_store=store)
    with pytest.raises(MelpError, match="task ptbxl-rhythm trains on the store that it evaluates"):
        probe(model, store, [get_task("ptbxl-rhythm")], train_store=code_15)
    with pytest.raises(MelpError, match="no record with a label in the training folds"):
        probe(model, code_test, [TASK], train_store=code_15, train_folds=(77,))
