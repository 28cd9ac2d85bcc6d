"""Transfer: labels by finding in both corpora, a probe of the source, prompts of the source."""

from __future__ import annotations

import numpy as np
import pytest

from melp.data.store import Store
from melp.errors import MelpError
from melp.evaluation.probes.linear import fit_probe
from melp.evaluation.transfer import transfer
from melp.hub import Model
from melp.tasks import get_task
from small_judging import AnsweringMethod, direction, small_model, write_csn_store


@pytest.fixture(scope="module")
def csn(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The records of `store` with other noise and the codes of CSN."""
    return write_csn_store(tmp_path_factory.mktemp("csn"))


def test_a_probe_of_one_corpus_is_evaluated_on_another(model: Model, store: Store, csn: Store) -> None:
    by_probe, by_prompts = transfer(model, store, csn, get_task("csn"))
    assert len(by_probe.labels) == len(csn)  # all folds, and records of every label
    truth = np.array(["ST" in codes for codes in csn.index["labels"]])
    np.testing.assert_array_equal(by_probe.labels["sinus tachycardia"], truth)
    training = store.index[store.index["fold"].isin(range(1, 9))]
    features = store.signals(training.index.to_numpy()).mean(-1) / 1000
    labels = np.array([["STACH" in codes] for codes in training["labels"]])
    # The other classes share C, so only the ranks are the same.
    fitted = fit_probe(features, labels, training["patient"].to_numpy())
    scores = fitted(csn.signals(np.arange(len(csn))).mean(-1) / 1000)[:, 0]
    assert np.corrcoef(scores, by_probe.scores["sinus tachycardia"])[0, 1] > 0.98
    assert by_probe.metric("auroc", "sinus tachycardia")["value"] > 0.9
    assert by_probe.cell.n_train == len(training) and by_prompts.cell.n_train == 0
    assert by_probe.cell.train_store and by_probe.cell.train_folds == "1,2,3,4,5,6,7,8"


def test_the_probe_selects_its_strength_over_patients(
    model: Model, store: Store, csn: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def fit(features: np.ndarray, labels: np.ndarray, patients: np.ndarray, **options: int) -> object:
        given.append(patients)
        return fit_probe(features, labels, patients, **options)

    monkeypatch.setattr("melp.evaluation.transfer.fit_probe", fit)
    transfer(model, store, csn, get_task("csn"), readings=["probe"])
    training = store.index[store.index["fold"].isin(range(1, 9))]
    assert given[0].tolist() == training["patient"].tolist()


def test_prompts_are_those_of_the_source(model: Model, store: Store, csn: Store) -> None:
    (found,) = transfer(model, store, csn, get_task("csn"), readings=["prompts"], folds=(3,))
    assert set(csn.index.set_index("id")["fold"].loc[found.scores.index]) == {3}
    prompts = get_task("ptbxl-rhythm").prompts["AFIB"]
    rows = np.flatnonzero(csn.column("fold") == 3)
    ecg = csn.signals(rows).mean(-1) / 1000
    text = sum(direction(prompt) / np.linalg.norm(direction(prompt)) for prompt in prompts)
    cosines = ecg @ text / np.linalg.norm(ecg, axis=1) / np.linalg.norm(text)
    np.testing.assert_allclose(found.scores["atrial fibrillation"], cosines, atol=1e-5)


def test_answers_to_prompts_of_the_source(store: Store, csn: Store) -> None:
    model = small_model(AnsweringMethod())
    (found,) = transfer(model, store, csn, get_task("csn"), readings=["prompts"], folds=(3,))
    prompts = get_task("ptbxl-rhythm").prompts["AFIB"]
    ecg = csn.signals(np.flatnonzero(csn.column("fold") == 3)).mean(-1) / 1000
    odds = np.stack([ecg @ direction(prompt) for prompt in prompts], axis=1)
    any_of_them = 1 - np.prod(1 / (1 + np.exp(odds)), axis=1)
    expected = np.log(any_of_them / (1 - any_of_them))
    np.testing.assert_allclose(found.scores["atrial fibrillation"], expected, atol=1e-4)


def test_classes_without_a_counterpart_are_named(model: Model, store: Store, csn: Store) -> None:
    (found,) = transfer(model, store, csn, get_task("csn"), readings=["prompts"])
    assert "without a counterpart in ptb-xl: UW, AT, ARS," in found.messages[0]
    assert set(found.scores.columns) >= {"sinus rhythm", "myocardial infarction"}


def test_copies_of_evaluated_recordings_are_not_trained_on(
    model: Model, store: Store, csn: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = csn.column("digest").copy()
    digests[:7] = store.column("digest")[store.column("fold") == 1][:7]
    column = csn.column
    monkeypatch.setattr(csn, "column", lambda name: digests if name == "digest" else column(name))
    (found,) = transfer(model, store, csn, get_task("csn"), readings=["probe"])
    assert found.cell.n_train == (store.column("fold") <= 8).sum() - 7


def test_errors(model: Model, store: Store, csn: Store) -> None:
    with pytest.raises(MelpError, match="by: found knn, wanted probe or prompts"):
        transfer(model, store, csn, get_task("csn"), readings=["knn"])
    with pytest.raises(MelpError, match="train-data: found csn, wanted another corpus than that of csn"):
        transfer(model, csn, csn, get_task("csn"))
    with pytest.raises(MelpError, match="found csn, wanted cpsc2018 for task cpsc2018"):
        transfer(model, store, csn, get_task("cpsc2018"))
    with pytest.raises(MelpError, match="0 records to train on and 240 to evaluate"):
        transfer(model, store, csn, get_task("csn"), train_folds=(77,))
