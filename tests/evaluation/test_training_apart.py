"""A task whose corpus has test records only, and the store that a probe learns from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.judging import divide
from melp.evaluation.metrics import auroc
from melp.evaluation.probe import fit_probe, probe, probe_all
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


def test_every_record_is_judged(model: Model, code_test: Store) -> None:
    part = divide(TASK, code_test)
    assert len(part.judged) == 240 and len(part.trained) == 0
    none = ~part.labels.any(axis=1)
    assert 60 < none.sum() < 100
    prompts = {name: ["atrial fibrillation"] for name in TASK.classes}
    judged = zero_shot(model, code_test, TASK, prompts=prompts)
    assert judged.auroc.n == 240 and judged.auroc.left_out == ("1dAVb", "RBBB", "LBBB", "SB")
    assert judged.auroc.values["auroc/AF"] > 0.9


def test_a_probe_learns_from_the_other_store(model: Model, code_test: Store, code_15: Store) -> None:
    part = divide(TASK, code_test, train_store=code_15)
    fold = pd.Series(code_15.column("fold"), index=code_15.column("id"))
    assert set(fold.loc[part.trained]) == set(range(1, 9)) and part.train_folds == (1, 2, 3, 4, 5, 6, 7, 8)
    (judged,) = probe(model, code_test, TASK, train_store=code_15)
    features = code_15.signals(np.arange(240)).mean(-1) / 1000
    rows = np.flatnonzero(fold <= 8)
    labels = part.labels.to_numpy()
    fitted = fit_probe(features[rows], labels[rows], code_15.column("patient")[rows])
    expected = auroc(fitted(features), labels)
    for place, name in enumerate(TASK.classes):
        if np.isfinite(expected[place]):
            assert judged.auroc.values[f"auroc/{name}"] == pytest.approx(expected[place], abs=2e-3)
    assert judged.cell.train_folds == "1,2,3,4,5,6,7,8" and judged.cell.folds == "10"
    (again,) = probe_all(model, code_test, [TASK], train_store=code_15)
    assert again.auroc == judged.auroc
    (fewer,) = probe(model, code_test, TASK, train_store=code_15, train_folds=(2, 3))
    assert fewer.cell.train_folds == "2,3"


def test_what_is_missing_is_said(model: Model, store: Store, code_test: Store, code_15: Store) -> None:
    with pytest.raises(MelpError, match=r"code-test has test records only .* a store of code-15 too"):
        probe_all(model, code_test, [TASK])
    with pytest.raises(MelpError, match="holds ptb-xl, task code-test wants code-15"):
        probe(model, code_test, TASK, train_store=store)
    with pytest.raises(MelpError, match="task ptbxl-rhythm trains on the store that it is judged on"):
        probe(model, store, get_task("ptbxl-rhythm"), train_store=code_15)
    with pytest.raises(MelpError, match="no record with a label in the training folds"):
        probe(model, code_test, TASK, train_store=code_15, train_folds=(77,))
